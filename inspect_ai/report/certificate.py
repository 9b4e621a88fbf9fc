"""Page about one certificate: its proof, the limits of that proof, and the digest of every file that it holds for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from inspect_ai.calibration.frontier import Frontier
from inspect_ai.calibration.ladder import USUAL
from inspect_ai.certificates.certificate import Certificate, FileDigest, Signed
from inspect_ai.errors import SetupError
from inspect_ai.operating_point import GroupPoint, Guarantee, OperatingPoint
from inspect_ai.report.frontier import frontier_table
from inspect_ai.report.page import environment
from inspect_ai.whole_file import whole_file

FILES = {  # files whose names do not explain themselves
    "weights.safetensors": "what the network has learnt",
    "model.onnx": "the network as the engine runs it",
    "manifest.json": "what the weights learnt from, and how they did",
    "operating_point.json": "the thresholds and what they prove",
    "typical.npz": "what the calibration pictures look like, for the gate that hands others to a person",
    "task.py": "how a picture is checked and prepared, and a score made",
}


def write_certificate_page(made: Signed, path: Path, frontier: Frontier | None = None) -> Path:
    """Write the page whole or not at all. Raises SetupError if the place cannot be written.

    frontier: what else could have been promised, unsigned; None where it is not known.
    """
    try:
        with whole_file(path) as partial:
            partial.write_text(environment().get_template("certificate.html").render(**_view(made, frontier)), "utf-8")
    except OSError as e:
        raise SetupError(f"{path} cannot be written ({e.strerror}).") from e
    return path


def _view(made: Signed, frontier: Frontier | None) -> dict[str, Any]:
    certificate, point = made.certificate, made.certificate.point
    proof, alarms, reached = point.proof, point.false_alarms, point.negatives_line
    return {
        "certificate": certificate,
        "work": certificate.at_work,
        "point": point,
        "proof": proof,
        "alarms": alarms,
        "sha256": made.sha256,
        "public_key": made.public_key,
        "signature": made.signature,
        "average": proof.guarantee is Guarantee.AVERAGE,
        "whole": point.certified,
        "line": point.thresholds.clear_below.hex(),
        "bound": _percent(proof.proved_sensitivity),
        "asked": f"{100.0 * proof.sensitivity:.10g}",
        "sure": f"{100.0 * proof.confidence:.10g}",
        "one_in": _one_in(1.0 - proof.sensitivity),
        "groups": [_group(group, point) for group in proof.groups],
        "overkill": None if alarms is None else _percent(1.0 - alarms.proved_overkill, up=True),
        "reached": reached,
        "fpr": None if reached is None else _percent(1.0 - reached.proved_overkill, up=True),
        "lower": proof.sensitivity < USUAL,
        "usual": f"{100.0 * USUAL:.10g}",
        "frontier": None if frontier is None else frontier_table(frontier),
        "written": point.thresholds.written,
        "scores": certificate.at_work.of_scores,
        "files": [(file.name, _what_it_is(file, certificate), file.sha256) for file in certificate.at_work.files],
    }


def _group(group: GroupPoint, point: OperatingPoint) -> dict[str, Any]:
    return {
        "value": group.value,
        "line": point.thresholds.written(group.clear_below),
        "positives": group.n_positive,
        "missed": group.n_missed,
        "bound": _percent(group.proved_sensitivity),
        "proved": group.refusal is None,
        "refusal": group.refusal or "",
        "own": point.own_thresholds,
    }


def _percent(share: float, *, up: bool = False) -> str:
    """Per cent with one digit, never rounded to the better side: a lower bound rounds down, an upper one (`up`) up."""
    tenths = math.floor(1000.0 * share)
    return f"{(1000 - tenths) / 10.0:.1f}" if up else f"{tenths / 10.0:.1f}"


def _one_in(share: float) -> str:
    """Share as a natural frequency: 0.013 is 13 of 1,000."""
    return f"{1000.0 * share:.10g} of 1,000"


def _what_it_is(file: FileDigest, certificate: Certificate) -> str:
    """A few words about a file that a reader may not know by its name."""
    if not certificate.at_work.of_scores:
        code, settings = file.name.endswith(".py"), file.name.endswith((".yaml", ".yml"))
        return FILES.get(file.name, "code of the task" if code else "the configuration" if settings else "")
    if file.sha256 == certificate.point.digests.calibration_sha256:
        return "the scores and their truth"
    if file.sha256 == certificate.point.digests.model_sha256:
        return "the model file that was named as the maker of the scores"
    return FILES["operating_point.json"]
