"""`inspect-ai calibrate`: set and prove a task's thresholds."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.calibration.costs import Costs
    from inspect_ai.operating_point import FalseAlarmProof, GroupPoint, OperatingPoint

app = common.app()


class Unit(StrEnum):
    """The unit that is decided, and so the one that a score stands for."""

    PICTURE = "picture"
    STUDY = "study"


class GuaranteeKind(StrEnum):
    """The kinds of promise, by the names of operating_point.Guarantee."""

    CONFIDENCE = "confidence"
    AVERAGE = "average"


@app.command()
def calibrate(
    task: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[Path, typer.Option("--data", help="Labelled folder.")],
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder of a model, or its weights file.", show_default="the task's own"),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which split of the folder counts.")] = "calibration",
    sensitivity: Annotated[float, typer.Option("--sensitivity", help="The sensitivity to promise.")] = 0.987,
    confidence: Annotated[float, typer.Option("--confidence", help="How sure the promise is to be.")] = 0.95,
    guarantee: Annotated[
        GuaranteeKind,
        typer.Option("--guarantee", help="With that confidence, or (weaker) on average over calibrations."),
    ] = GuaranteeKind.CONFIDENCE,
    score: Annotated[
        Unit,
        typer.Option("--score", help="Promise that each positive picture is found, or that any of a study's is."),
    ] = Unit.PICTURE,
    group_by: Annotated[
        str, typer.Option("--group-by", help="Column of labels.csv; each of its values is proved on its own.")
    ] = "",
    overkill: Annotated[
        float | None, typer.Option("--overkill", help="Largest share of negatives to flag; a person sees the rest.")
    ] = None,
    cost_escape: Annotated[float | None, typer.Option("--cost-escape", help="Price of a missed positive.")] = None,
    cost_overkill: Annotated[float | None, typer.Option("--cost-overkill", help="Price of a flagged negative.")] = None,
    prevalence: Annotated[float | None, typer.Option("--prevalence", help="Share of positives at work.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the operating point.", show_default="beside the model")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Find the threshold that proves a promised sensitivity.

    Where it cannot be proved, say what would be needed and what can be proved. A refused threshold is written too, so
    that work can go on; every decision made with it is uncertified.

    Example: inspect-ai calibrate lung_nodule --data ./luna16_candidates --sensitivity 0.987 --out point.json
    """
    from inspect_ai.calibration import GroupScore
    from inspect_ai.calibration.solver import CalibrationRequest
    from inspect_ai.errors import CalibrationRefused
    from inspect_ai.journeys.calibrate import calibrate_task, without_path
    from inspect_ai.operating_point import Guarantee

    request = CalibrationRequest(
        sensitivity=sensitivity,
        confidence=confidence,
        guarantee=Guarantee(guarantee.value),
        group_score=GroupScore.LOWEST if score is Unit.PICTURE else GroupScore.HIGHEST,
        group_by=group_by,
        overkill=overkill,
        costs=_costs(cost_escape, cost_overkill, prevalence),
    )
    with common.counting("pictures scored") as progress:
        made = calibrate_task(
            task,
            data,
            settings=common.settings(),
            request=request,
            model=model,
            split=split,
            out=out,
            progress=progress,
        )
    point = made.point
    if as_json:
        common.emit(
            without_path(point)
            | {"certificate": made.certificate and str(made.certificate), "left_to_a_person": made.left_to_a_person}
        )
    else:
        _tell(point)
        if made.no_reference is not None:
            print(f"Unlike pictures cannot be told: {made.no_reference}")
        else:
            left = 100 * made.left_to_a_person
            print(f"With what is unlike these pictures, the gate leaves {left:.1f} % of positive pictures to a person.")
        if made.certificate is not None:
            print(f"Certificate: {made.certificate} (page: {made.certificate.with_suffix('.html')}).")
    if not point.certified_somewhere:
        raise CalibrationRefused(point.proof.refusal or "")


def _costs(escape: float | None, overkill: float | None, prevalence: float | None) -> Costs | None:
    from inspect_ai.calibration.costs import Costs
    from inspect_ai.errors import UsageError

    if escape is None and overkill is None and prevalence is None:
        return None
    if escape is None or overkill is None or prevalence is None:
        raise UsageError("Costs are weighed with all of --cost-escape, --cost-overkill and --prevalence.")
    return Costs(escape=escape, overkill=overkill, prevalence=prevalence)


def _tell(point: OperatingPoint) -> None:
    """Print groups first, then the promise about all, and last what the quality gate keeps out of the promise."""
    proof = point.proof
    if proof.groups:
        rows = [_row(group, point) for group in proof.groups]
        bound = "expected" if _average(point) else "proved"
        common.table("", proof.group_by, "positives", "missed allowed", "threshold", bound, "certified", rows=rows)
        print(_of_groups(point))
    if point.certified:
        print(_certified(point))
    elif not point.certified_somewhere:
        print(f"Not certified. The threshold to work with, uncertified, is {point.thresholds.clear_below:.6f}.")
    if point.false_alarms is not None:
        print(_of_overkill(point, point.false_alarms))
    print(_of_units(point))


def _average(point: OperatingPoint) -> bool:
    return point.proof.guarantee.value == GuaranteeKind.AVERAGE.value


def _row(group: GroupPoint, point: OperatingPoint) -> tuple[object, ...]:
    from inspect_ai.calibration.subgroups import allowed_misses

    allowed = allowed_misses(group.n_positive, point.proof)
    certified = "yes" if group.refusal is None else f"no: {group.refusal}"
    line, bound = f"{group.clear_below:.6f}", f"{group.proved_sensitivity:.4f}"
    return group.value, group.n_positive, "none" if allowed < 0 else allowed, line, bound, certified


def _certified(point: OperatingPoint) -> str:
    proof = point.proof
    if _average(point) or proof.group_by:
        return f"Certified ({point.promise}); {_counts(point)}. Covers: {point.covers}."
    return (
        f"Certified: sensitivity at least {proof.sensitivity:g} at confidence {proof.confidence:g} ({_counts(point)}). "
        f"Covers: {point.covers}."
    )


def _of_groups(point: OperatingPoint) -> str:
    proof = point.proof
    n, certified = len(proof.groups), sum(group.refusal is None for group in proof.groups)
    split = "" if _average(point) else f" The doubt of {1 - proof.confidence:.4g} is split over them."
    if point.own_thresholds:
        return (
            f"{certified} of {n} groups are certified, each with its own threshold at work; "
            f"a study of any other {proof.group_by} is decided uncertified.{split}"
        )
    return (
        f"{certified} of {n} groups are certified. At work nobody knows the {proof.group_by} beforehand, so one "
        f"threshold must hold for every one: the lowest, {point.thresholds.clear_below:.6f}.{split}"
    )


def _counts(point: OperatingPoint) -> str:
    proof = point.proof
    if proof.group_by:
        return f"{proof.n_positive} positives; the weakest group's bound is {proof.proved_sensitivity:.4f}"
    bound = "the expected sensitivity" if _average(point) else "the proved bound"
    return (
        f"{proof.n_positive} positives, {proof.n_missed} below the proved threshold; the threshold is "
        f"{point.thresholds.clear_below:.6f}; {bound} is {proof.proved_sensitivity:.4f}"
    )


def _of_overkill(point: OperatingPoint, alarms: FalseAlarmProof) -> str:
    clear, flag = f"{point.thresholds.clear_below:.6f}", f"{point.thresholds.flag_from:.6f}"
    counted = f"{alarms.n_flagged} of {alarms.n_negative} independent negatives reach {flag}"
    if alarms.overkill_refusal is not None:
        return f"Overkill not proved: {alarms.overkill_refusal} {counted}."
    return (
        f"Overkill at most {alarms.overkill:g} at confidence {point.proof.confidence:g}: {counted}; the proved bound "
        f"is {alarms.proved_overkill:.4f}. Between {clear} and {flag} a person looks."
    )


def _of_units(point: OperatingPoint) -> str:
    proof = point.proof
    how = {
        "lowest": "Each independent unit counts once, by its lowest positive picture",
        "highest": "Each study counts once, by its highest picture",
    }.get(proof.group_score, "Each picture is a unit of its own")
    share = proof.n_abstained / proof.n_positive
    return (
        f"{how}. The quality gate hands {proof.n_abstained} of {proof.n_positive} positives ({100 * share:.1f} %) to a "
        f"person: these are not cleared, so not missed, and they are no detections either."
    )
