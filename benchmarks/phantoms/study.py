"""Made studies of one task, scored by the weights that ship, and the phantom operating point that they prove.

Every made study has a stream of random numbers of its own, so each is an independent unit. The rule is the one of any
calibration; what is proved holds for studies that this program makes, and for nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.calibration.bounds import misses_allowed
from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.config import config_sha256
from inspect_ai.datasets.folder import read_folder
from inspect_ai.decide import GRID
from inspect_ai.domain import StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.ingest import DecoderPool, discover, load
from inspect_ai.inspection.calibration_data import calibration_scores, refuse_seen
from inspect_ai.inspection.dataset_scoring import score_rows
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.reference import fit
from inspect_ai.operating_point import PHANTOM, Digests, OperatingPoint
from inspect_ai.phantom import population

SENSITIVITIES = (0.987, 0.98, 0.97, 0.95, 0.9, 0.8)  # the first that the number of positives can prove is promised
COVERS = "{}one {}, drawn as those of the demo are: made by this program. It says nothing about a real picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is made for one task: the unit of the promise, and the words of labels.csv for both sides."""

    unit: str
    positive: str = ""
    negative: str = ""


KINDS = {
    "fundus": Kind(unit="photograph of an eye", positive="referable", negative="other"),
    "lung_nodule": Kind(unit="whole chest CT series"),
    "metal_surface": Kind(unit="picture of a tile", positive="flag", negative="pass"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Result for one task. digests: SHA-256 of each made study; known: reference, where single pictures are decided."""

    point: OperatingPoint
    pictures: CalibrationScores
    known: Typicality | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scores:
    pictures: CalibrationScores
    digests: list[str]
    known: Typicality | None = None


def promised(positives: int, confidence: float) -> float:
    """Highest of SENSITIVITIES that so many positives can prove. Raises UsageError where they prove none.

    It depends on their number alone, never on a score, so the choice costs no confidence.
    """
    for sensitivity in SENSITIVITIES:
        if misses_allowed(positives, sensitivity, confidence) >= 0:
            return sensitivity
    raise UsageError(f"{positives} made positives prove no sensitivity of {SENSITIVITIES[-1]} or more: make more.")


def calibrate(
    inspector: Inspector, folder: Path, counts: tuple[int, int], progress: Callable[[int], None]
) -> Calibration:
    """Make what is missing of (positives, negatives) studies below `folder`, score all, and set the phantom point."""
    folder.mkdir(parents=True, exist_ok=True)
    name = inspector.task.name
    scored = _series(inspector, folder, counts, progress) if name == "lung_nodule" else _pictures(
        inspector, folder, counts, progress
    )  # fmt: skip
    request = CalibrationRequest(sensitivity=promised(counts[0], CalibrationRequest().confidence))
    found = solve(scored.pictures, request, step=GRID)
    point = OperatingPoint(
        task=name,
        covers=COVERS.format(PHANTOM, KINDS[name].unit),
        thresholds=found.thresholds,
        proof=found.proof,
        digests=Digests(
            model_sha256=inspector.engine.model_sha256,
            config_sha256=config_sha256(inspector.task.config),
            engine=inspector.engine.name,
            calibration_sha256=hashlib.sha256("".join(sorted(scored.digests)).encode()).hexdigest(),
        ),
    )
    return Calibration(point=point, pictures=scored.pictures, known=scored.known)


def _pictures(inspector: Inspector, folder: Path, counts: tuple[int, int], progress: Callable[[int], None]) -> _Scores:
    """Score made photographs or tiles as `calibrate` scores a labelled folder."""
    kind = KINDS[inspector.task.name]
    write = population.write_eyes if inspector.task.name == "fundus" else population.write_tiles
    made = write(folder, positives=counts[0], negatives=counts[1])
    population.write_labels(folder, made, positive=kind.positive, negative=kind.negative)
    labelled = read_folder(folder, inspector.task.config)
    scored = score_rows(labelled, labelled.part("calibration"), inspector, progress=progress)
    refuse_seen(scored, inspector.engine, [folder])
    pictures = calibration_scores(scored, labelled.labels, CalibrationRequest())
    return _Scores(pictures=pictures, digests=[s.sha256 for s in scored], known=fit(scored).known)


def _series(inspector: Inspector, folder: Path, counts: tuple[int, int], progress: Callable[[int], None]) -> _Scores:
    """Score whole made chests, each by its highest finding, as a scan does."""
    scores, units, positive, passed, digests = [], [], [], [], []
    with DecoderPool(1, inspector.settings.decode_memory_gib) as pool:
        for number in range(sum(counts)):
            side = number < counts[0]
            made = population.write_chest(folder, number if side else number - counts[0], positive=side)
            (ref,) = discover(folder / made.path, settings=inspector.settings, pool=pool)
            assert isinstance(ref, StudyRef)  # noqa: S101 - the program wrote it; for the type checker
            found = inspector.predict_study(load(folder / made.path, ref, inspector.settings))
            if found.score is None:
                why = "; ".join(found.problems) or "nothing was found"
                raise UsageError(f"{folder / made.path} has no score: {why}.")
            scores.append(found.score)
            units.append(made.path)
            positive.append(side)
            passed.append(all(measure.passed for measure in found.measures))
            digests.append(ref.digest)
            progress(number + 1)
    return _Scores(
        pictures=CalibrationScores(scores=scores, units=units, positive=positive, passed=passed), digests=digests
    )
