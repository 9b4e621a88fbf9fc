"""`python -m benchmarks.phantoms --made DIR`: phantom operating points of the weights that ship, with certificates."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.phantoms.study import KINDS, Calibration, calibrate
from inspect_ai.calibration import write_point
from inspect_ai.calibration.bounds import clopper_pearson
from inspect_ai.calibration.statement import counted_units
from inspect_ai.calibration.typical_file import TYPICAL_FILE, write_typicality
from inspect_ai.certificates import maker_key
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.certificates.deployment import CERTIFICATE_FILE, POINT_FILE, deployment_record
from inspect_ai.certificates.issuing import issue, sign_again
from inspect_ai.certificates.signing import public_hex
from inspect_ai.cli import common, main
from inspect_ai.decide import reaches
from inspect_ai.errors import UsageError
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import PHANTOM_FOLDER, load
from inspect_ai.report.certificate import write_certificate_page
from inspect_ai.settings import Settings, bundled
from inspect_ai.whole_file import whole_file

OPERATOR = "the makers of inspect_ai"
PAGE = Path(CERTIFICATE_FILE).with_suffix(".html").name
FILES = (POINT_FILE, TYPICAL_FILE, CERTIFICATE_FILE, PAGE)
KEY_LINE = re.compile(r'^PHANTOM_KEY = "[0-9a-f]{64}"$', re.MULTILINE)

app = common.app()


@app.command()
def phantoms(
    made: Annotated[Path, typer.Option("--made", help="Folder for made studies; what is there is not made again.")],
    task: Annotated[list[str] | None, typer.Option("--task", help="This task alone; give it again for more.")] = None,
    positives: Annotated[int, typer.Option("--positives", help="Eyes and tiles with a finding, of each task.")] = 229,
    negatives: Annotated[int, typer.Option("--negatives", help="Eyes and tiles without one.")] = 60,
    chests: Annotated[int, typer.Option("--chests", help="Chest CT series with nodules.")] = 59,
    clear_chests: Annotated[int, typer.Option("--clear-chests", help="Chest CT series without.")] = 20,
    ship: Annotated[bool, typer.Option("--ship", help="Exchange what ships in tasks/NAME/phantom.")] = False,
) -> None:
    """Calibrate the weights that ship on made studies, and print how well they tell the two sides apart.

    Example: python -m benchmarks.phantoms --made /tmp/made --ship
    """
    wanted = sorted(task or KINDS)
    if unknown := [name for name in wanted if name not in KINDS]:
        raise UsageError(f"Nothing is made for task {unknown[0]}; there are: {', '.join(KINDS)}.")
    key = Ed25519PrivateKey.generate()
    with tempfile.TemporaryDirectory() as temporary:
        settings = Settings(db=Path(temporary) / "log.db", operator=OPERATOR)
        rows = []
        for name in wanted:
            inspector = load(name, settings=settings, points="none")
            counts = (chests, clear_chests) if name == "lung_nodule" else (positives, negatives)
            with common.counting(f"made studies of {name} scored") as progress:
                found = calibrate(inspector, made / name, counts, progress)
            rows.append(_row(name, found))
            if ship:
                _write(found, inspector, Path(temporary) / name, key, settings)
        heads = ("task", "unit", "with", "lowest", "without", "highest", "line", "reach it", "proved at 95 %")
        common.table("", *heads, rows=rows)
        if ship:
            _ship(wanted, Path(temporary), key)


def _row(name: str, found: Calibration) -> tuple[str, ...]:
    point, pictures = found.point, found.pictures
    sides = list(zip(pictures.scores, pictures.positive, strict=True))
    high, low = [s for s, positive in sides if positive], [s for s, positive in sides if not positive]
    lines, proof = point.thresholds, point.proof
    reached = sum(reaches(score, lines.clear_below, lines) for score in low)
    share = clopper_pearson(reached, len(low), proof.confidence) if low else (0.0, 1.0)
    return (
        name,
        KINDS[name].unit,
        f"{len(high)}",
        f"{min(high):.4f}",
        f"{len(low)}",
        f"{max(low):.4f}" if low else "",
        f"{lines.clear_below:.4f}",
        f"{reached} ({100 * share[0]:.1f} to {100 * share[1]:.1f} %)",
        f"{proof.sensitivity:g}" if point.certified else f"refused: {proof.refusal}",
    )


def _write(found: Calibration, inspector: Inspector, folder: Path, key: Ed25519PrivateKey, settings: Settings) -> None:
    """Write point, reference, certificate and its page. Raises UsageError for a point that proves nothing."""
    folder.mkdir()
    path = folder / POINT_FILE
    write_point(found.point, path)
    if found.known is not None:
        write_typicality(found.known, folder / TYPICAL_FILE)
    record = deployment_record(inspector.task, inspector.engine, inspector.model, path)
    units = counted_units(found.pictures)
    if issue(found.point, path, record=record, units=units, settings=settings, key=key) is None:
        raise UsageError(f"The made studies of {found.point.task} prove nothing: {found.point.proof.refusal}")
    write_certificate_page(read_certificate(folder / CERTIFICATE_FILE), folder / PAGE)


def _ship(names: list[str], made: Path, key: Ed25519PrivateKey) -> None:
    """Exchange the files of these tasks, sign those of the others with the new key, and pin it in the program."""
    for name in KINDS:
        shipped = bundled("tasks") / name / PHANTOM_FOLDER
        if name in names:
            shipped.mkdir(exist_ok=True)
            for file in FILES:
                (shipped / file).unlink(missing_ok=True)
                if (made / name / file).is_file():
                    with whole_file(shipped / file) as partial:
                        partial.write_bytes((made / name / file).read_bytes())
        elif (shipped / CERTIFICATE_FILE).is_file():
            write_certificate_page(sign_again(shipped, key), shipped / PAGE)
        else:
            continue
        print(f"{name}: {'written' if name in names else 'signed again'} in {shipped}.")
    _pin(public_hex(key))
    print(f"Pinned in {Path(maker_key.__file__).name}: {public_hex(key)}. The private key is gone.")


def _pin(public: str) -> None:
    path = Path(maker_key.__file__)
    text, count = KEY_LINE.subn(f'PHANTOM_KEY = "{public}"', path.read_text("utf-8"))
    if count != 1:
        raise UsageError(f"{path} has no line PHANTOM_KEY, where the key is pinned.")
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.phantoms")
