"""Search of whole series in a folder of studies: each study that can be read, and the findings in a volume of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from inspect_ai.domain import Finding, Rejection, Study, StudyRef, Volume
from inspect_ai.ingest import DecoderPool, discover
from inspect_ai.ingest import load as load_study
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.settings import Settings

LISTED = 5  # names in one sentence


def series_studies(data: Path, settings: Settings) -> Iterator[tuple[Study | None, list[str]]]:
    """Each study of the folder with its volumes, and sentences on what of it cannot be read."""
    with DecoderPool(1, settings.decode_memory_gib) as pool:
        found = list(discover(data, settings=settings, pool=pool))
    rejected = [item for item in found if isinstance(item, Rejection) and not item.expected]
    if rejected:
        names = ", ".join(item.file for item in rejected[:LISTED])
        yield (
            None,
            [f"files that cannot be read were left out: {len(rejected)} ({names}{', ...' * (len(rejected) > LISTED)})"],
        )
    for ref in found:
        if isinstance(ref, StudyRef) and ref.kind == "dicom":
            yield load_study(data, ref, settings), []


def series_findings(
    study: Study | None, volume: Volume, inspector: Inspector
) -> tuple[tuple[Finding, ...], tuple[str, ...], str]:
    """Findings in one volume, sentences on what they do not cover, and the reason where there are none."""
    assert study is not None  # noqa: S101 - a study without volumes has none to look at; for the type checker
    if problems := [*study.ref.problems, *study.problems]:
        return (), (), "; ".join(problems)
    alone = Study(ref=study.ref, volumes=(volume,))
    failed = [measure.name for measure in inspector.task.quality(alone) if not measure.passed]
    if failed:
        return (), (), f"its quality does not pass: {', '.join(failed)}"
    prediction = inspector.predict_study(alone)
    if prediction.score is None:
        return (), prediction.unseen, "" if not prediction.units else "; ".join(prediction.problems)
    return prediction.findings, prediction.unseen, ""
