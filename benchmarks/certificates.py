"""`make certificates DATA=DIR`: certificates of the tasks that ship with one, issued again after their code changed.

Each task is calibrated again by the recipe of its own operating point. A key is made for the occasion: it signs, its
public part is pinned in the program, and the private part is written nowhere. Thresholds that come out otherwise than
those that ship end it, unless that is what was meant.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from inspect_ai.calibration import GroupScore, read_point
from inspect_ai.calibration.frontier_file import frontier_path, read_frontier
from inspect_ai.calibration.ladder import SHORT
from inspect_ai.calibration.point_record import record_of
from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.calibration.typical_file import TYPICAL_FILE
from inspect_ai.certificates import maker_key
from inspect_ai.certificates.certificate import Certificate, Signed, read_certificate, signed, write_certificate
from inspect_ai.certificates.deployment import CERTIFICATE_FILE, POINT_FILE, deployment_record
from inspect_ai.certificates.issuing import sign_again
from inspect_ai.certificates.signing import public_hex
from inspect_ai.cli import common, main
from inspect_ai.errors import UsageError
from inspect_ai.inspection.loading import load
from inspect_ai.journeys.calibrate import calibrate_task
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.report.certificate import write_certificate_page
from inspect_ai.settings import Settings, bundled
from inspect_ai.whole_file import whole_file

# Folder of a point below tasks/: a task's, or that of a label set with its own line -> labelled folders below DATA.
SHIPPED = {
    "castings": ("metal_surface/castings",),
    "fundus": ("fundus/eyepacs_subset", "fundus/eyepacs_wide"),
    "lung_nodule": ("lung_nodule/luna16_candidates",),
    "lung_nodule/lidc": ("lung_nodule/lidc_nodules",),
}
OPERATOR = "the makers of inspect_ai"
FRONTIER = frontier_path(Path(POINT_FILE)).name
PAGE = Path(CERTIFICATE_FILE).with_suffix(".html").name
KEY_LINE = re.compile(r'^MAKER_KEY = "[0-9a-f]{64}"$', re.MULTILINE)

app = common.app()


@app.command()
def certificates(
    data: Annotated[Path, typer.Option("--data", help="Folder that holds those of SHIPPED.")],
    accept: Annotated[bool, typer.Option("--accept", help="Ship thresholds that came out otherwise.")] = False,
) -> None:
    """Calibrate again what ships with a certificate, and sign it with a new key that is pinned in the program.

    Example: python -m benchmarks.certificates --data ../shared/data
    """
    key = Ed25519PrivateKey.generate()
    with tempfile.TemporaryDirectory() as folder:
        made = {
            name: _made(name, [data / place for place in places], Path(folder) / name.replace("/", "-"), key, accept)
            for name, places in SHIPPED.items()
        }
        _pin(public_hex(key))
        for name, files in made.items():
            for file in files:
                with whole_file(bundled("tasks") / name / file.name) as partial:
                    partial.write_bytes(file.read_bytes())
            print(f"{name}: {', '.join(file.name for file in files)} written.")
    print(f"Pinned in {Path(maker_key.__file__).name}: {public_hex(key)}. The private key is gone.")


def _made(name: str, data: list[Path], folder: Path, key: Ed25519PrivateKey, accept: bool) -> list[Path]:
    """Calibrate one task in a folder of its own, sign, and return the files that ship. Raises UsageError."""
    shipped = bundled("tasks") / name
    before = read_point(shipped / POINT_FILE)
    folder.mkdir()
    if (shipped / CERTIFICATE_FILE).is_file():
        shutil.copy(shipped / CERTIFICATE_FILE, folder)  # the one that is superseded
    proof = before.proof
    request = CalibrationRequest(
        sensitivity=proof.sensitivity,
        or_best=SHORT in before.covers,
        confidence=proof.confidence,
        guarantee=proof.guarantee,
        group_score=GroupScore(proof.group_score) if proof.group_score else GroupScore.LOWEST,
        group_by=proof.group_by,
        overkill=None if before.false_alarms is None else before.false_alarms.overkill,
        at_fpr=None if before.negatives_line is None else before.negatives_line.overkill,
        prove_fpr=before.negatives_line is not None and before.negatives_line.overkill_refusal is None,
    )
    settings, task = Settings(db=folder / "log.db", operator=OPERATOR), name.split("/")[0]
    with common.counting(f"pictures of {name} scored") as progress:
        calibrate_task(task, data, settings=settings, request=request, out=folder / POINT_FILE, progress=progress)
    if _compare(name, before, read_point(folder / POINT_FILE), accept):
        made = sign_again(folder, key)
        files = [POINT_FILE, TYPICAL_FILE, CERTIFICATE_FILE, PAGE, FRONTIER]
    else:  # what ships stays, byte for byte: the reference's last digits depend on the machine that computes it
        made = _for_shipped_files(name, read_certificate(folder / CERTIFICATE_FILE).certificate, key, settings)
        write_certificate(made, folder / CERTIFICATE_FILE)
        files = [CERTIFICATE_FILE, PAGE, FRONTIER]
    rows = read_frontier(read_point(folder / POINT_FILE), folder / FRONTIER)
    write_certificate_page(made, folder / PAGE, rows)
    return [folder / file for file in files if (folder / file).is_file()]


def _for_shipped_files(name: str, made: Certificate, key: Ed25519PrivateKey, settings: Settings) -> Signed:
    """Sign the same statement about the operating point and the reference that ship."""
    point = bundled("tasks") / name / POINT_FILE
    inspector = load(name.split("/")[0], operating_point=point, settings=settings)
    record = deployment_record(inspector.task, inspector.engine, inspector.model, point)
    return signed(replace(made, at_work=record), key)


def _compare(name: str, before: OperatingPoint, after: OperatingPoint, accept: bool) -> bool:
    """Say what came out otherwise; True if anything did. Raises UsageError for other thresholds, unless accepted."""
    old, new = asdict(record_of(before)), asdict(record_of(after))
    differs = {field: f"{old[field]} -> {new[field]}" for field in new if old[field] != new[field]}
    said = "; ".join(f"{field}: {change}" for field, change in differs.items())
    print(f"{name}: the operating point came out {f'otherwise ({said})' if said else 'identical'}.")
    if before.thresholds != after.thresholds and not accept:
        raise UsageError(f"Other thresholds than those that ship: {name} scores otherwise now. --accept ships them.")
    return bool(differs)


def _pin(public: str) -> None:
    path = Path(maker_key.__file__)
    text, count = KEY_LINE.subn(f'MAKER_KEY = "{public}"', path.read_text("utf-8"))
    if count != 1:
        raise UsageError(f"{path} has no line MAKER_KEY, where the key is pinned.")
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.certificates")
