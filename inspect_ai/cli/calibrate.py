"""`inspect-ai calibrate`: set and prove a task's thresholds."""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common
from inspect_ai.cli.shown import frontier as frontier_shown

if TYPE_CHECKING:
    from inspect_ai.calibration.calibrated import Calibrated
    from inspect_ai.calibration.costs import Costs
    from inspect_ai.calibration.solver import CalibrationRequest
    from inspect_ai.operating_point import FalseAlarmProof, GroupPoint, OperatingPoint

app = common.app()
BEST = "best"


class Unit(StrEnum):
    """Unit that is decided, and that a score therefore represents."""

    PICTURE = "picture"
    STUDY = "study"
    LOWEST = "lowest"  # the same as picture, in the words of score files
    HIGHEST = "highest"  # the same as study


class GuaranteeKind(StrEnum):
    """Kinds of promise, by the names of operating_point.Guarantee."""

    CONFIDENCE = "confidence"
    AVERAGE = "average"


@app.command()
def calibrate(
    task: Annotated[
        str | None, typer.Argument(help="Name of an installed task; not needed with --scores.", show_default=False)
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", help="Labelled folder; give it again for a further one.", show_default=False),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option("--scores", help="CSV file of scores that another program made: unit, group, positive, score."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the statement about --scores.", show_default="the file's stem")
    ] = None,
    model_file: Annotated[
        Path | None,
        typer.Option("--model-file", help="File of the model that made --scores; the certificate binds it."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder of a model, or its weights file.", show_default="the task's own"),
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Which split of the folder counts.", show_default="calibration")
    ] = None,
    sensitivity: Annotated[
        str | None,
        typer.Option(
            "--sensitivity",
            help="The sensitivity to promise, or best: the first of 0.987, 0.98, 0.97, 0.95, 0.9 that so many "
            "positives prove, whatever their scores.",
            show_default="best",
        ),
    ] = None,
    at_fpr: Annotated[
        float | None,
        typer.Option(
            "--at-fpr",
            help="Ask the other way: the sensitivity that is proved at a line that at most this share of negatives "
            "reaches. Negatives alone set the line.",
        ),
    ] = None,
    prove_fpr: Annotated[
        bool, typer.Option("--prove-fpr", help="With --at-fpr: prove that share of the negatives to come, too.")
    ] = False,
    confidence: Annotated[float, typer.Option("--confidence", help="How sure the promise is to be.")] = 0.95,
    guarantee: Annotated[
        GuaranteeKind,
        typer.Option("--guarantee", help="With that confidence, or (weaker) on average over calibrations."),
    ] = GuaranteeKind.CONFIDENCE,
    score: Annotated[
        Unit,
        typer.Option(
            "--score",
            help="Promise that each positive picture is found (lowest), or that any of a study's is (highest).",
        ),
    ] = Unit.PICTURE,
    group_by: Annotated[
        str,
        typer.Option(
            "--group-by", help="Column of labels.csv or of --scores; each of its values is proved on its own."
        ),
    ] = "",
    looks: Annotated[
        int, typer.Option("--looks", min=1, help="Models or recipes judged by these positives; the doubt is split.")
    ] = 1,
    overkill: Annotated[
        float | None,
        typer.Option(
            "--overkill",
            help="Largest share of negatives to flag; what else is not cleared is left to a person. 0: one line.",
            show_default="0.05 where negatives suffice",
        ),
    ] = None,
    cost_escape: Annotated[float | None, typer.Option("--cost-escape", help="Price of a missed positive.")] = None,
    cost_overkill: Annotated[float | None, typer.Option("--cost-overkill", help="Price of a flagged negative.")] = None,
    prevalence: Annotated[float | None, typer.Option("--prevalence", help="Share of positives at work.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Where to write the operating point.", show_default="beside the model, or the scores"
        ),
    ] = None,
    tasks: common.Tasks = None,
    as_json: common.Json = False,
) -> None:
    """Find the threshold that proves a promised sensitivity.

    Below it is CLEAR. FLAG begins at a second one, which few negatives are proved to reach; between, a person looks.
    Where nothing can be proved, say what would be needed and what can be. A refused threshold is written too, so that
    work can go on; every decision made with it is uncertified. The frontier of all that these positives prove, with
    its price, is printed and written beside the operating point.

    With --scores the scores of any other program are proved instead; see docs/any_model.md.

    Example: inspect-ai calibrate lung_nodule --data ./luna16_candidates --sensitivity 0.987 --out point.json
    """
    from inspect_ai.calibration import GroupScore
    from inspect_ai.errors import CalibrationRefused
    from inspect_ai.operating_point import Guarantee

    request = replace(
        _promise(sensitivity, at_fpr, prove_fpr=prove_fpr),
        confidence=confidence,
        guarantee=Guarantee(guarantee.value),
        group_score=GroupScore.LOWEST if score in (Unit.PICTURE, Unit.LOWEST) else GroupScore.HIGHEST,
        group_by=group_by,
        looks=looks,
        **_flag_line(overkill),
        costs=_costs(cost_escape, cost_overkill, prevalence),
    )
    if scores is not None:
        _refuse_together("--scores", data=data or None, model=model, split=split)
        made = _of_scores(scores, request, name or task, model_file, out)
    else:
        _refuse_together("a task", name=name, model_file=model_file)
        made = _of_task(task, data, request, model, split, out, tasks)
    if as_json:
        common.emit(_plain(made))
    else:
        _print_result(made.point)
        for sentence in made.said:
            print(common.as_sentence(sentence))
        frontier_shown.tell(made.frontier)
        _tell_rest(made)
        if made.account is not None:
            print(common.as_sentence(made.account.sentence))
    if not made.point.certified_somewhere:
        raise CalibrationRefused(made.point.proof.refusal or "")


def _promise(sensitivity: str | None, at_fpr: float | None, *, prove_fpr: bool) -> CalibrationRequest:
    """Request for a sensitivity, for the best one, or for a line at a price. Raises UsageError for two of them."""
    from inspect_ai.calibration.solver import USUAL_REQUEST
    from inspect_ai.errors import UsageError

    if at_fpr is not None:
        _refuse_together("--at-fpr", sensitivity=sensitivity)
        return replace(USUAL_REQUEST, or_best=False, at_fpr=at_fpr, prove_fpr=prove_fpr)
    if prove_fpr:
        raise UsageError("--prove-fpr proves the share that --at-fpr names; give both.")
    if sensitivity is None or sensitivity == BEST:
        return USUAL_REQUEST
    try:
        return replace(USUAL_REQUEST, or_best=False, sensitivity=float(sensitivity))
    except ValueError as e:
        raise UsageError(f"The sensitivity is a number such as 0.95, or {BEST}; it is {sensitivity!r}.") from e


def _flag_line(overkill: float | None) -> dict[str, Any]:
    """Fields of a request: the usual line for flags where negatives suffice, one that is asked for, or none."""
    if overkill is None:
        return {}
    return {"overkill": overkill if overkill != 0.0 else None, "overkill_if_provable": False}


def _of_scores(
    scores: Path, request: CalibrationRequest, name: str | None, model_file: Path | None, out: Path | None
) -> Calibrated:
    from inspect_ai.journeys.calibrate_scores import calibrate_scores

    return calibrate_scores(
        scores, settings=common.settings(), request=request, name=name, model_file=model_file, out=out
    )


def _of_task(
    task: str | None,
    data: list[Path] | None,
    request: CalibrationRequest,
    model: Path | None,
    split: str | None,
    out: Path | None,
    tasks: str | None,
) -> Calibrated:
    from inspect_ai.errors import UsageError
    from inspect_ai.journeys.calibrate import calibrate_task

    if task is None or not data:
        raise UsageError("Give a task and its labelled folder (TASK --data DIR), or a file of scores (--scores FILE).")
    with common.counting("pictures scored") as progress:
        return calibrate_task(
            task,
            data,
            settings=common.settings(tasks=tasks),
            request=request,
            model=model,
            split=split or "calibration",
            out=out,
            progress=progress,
        )


def _refuse_together(what: str, **given: object) -> None:
    """Check the combination of options. Raises UsageError for one that does not apply."""
    from inspect_ai.errors import UsageError

    for option, value in given.items():
        if value is not None:
            raise UsageError(f"--{option.replace('_', '-')} does not go with {what}.")


def _plain(made: Calibrated) -> dict[str, Any]:
    from inspect_ai.calibration.frontier import plain_row
    from inspect_ai.journeys.calibrate import without_path

    gate = made.frontier.gate

    return {
        **without_path(made.point),
        "certificate": made.certificate and str(made.certificate),
        "left_to_a_person": made.left_to_a_person,
        "frontier": [plain_row(row) for row in made.frontier.rows],
        "gate": gate and asdict(gate),
        "files": made.account and made.account.plain(),
        "said": list(made.said),
    }


def _tell_rest(made: Calibrated) -> None:
    from inspect_ai.inspection.calibration_data import TRAINING_UNKNOWN

    if made.training_known is False:
        print(f"{TRAINING_UNKNOWN[0].upper()}{TRAINING_UNKNOWN[1:]}. You answer for it that none of these did.")
    if made.no_reference is not None:
        print(f"Unlike pictures cannot be told: {made.no_reference}")
    if made.certificate is not None:
        print(f"Certificate: {made.certificate} (page: {made.certificate.with_suffix('.html')}).")


def _costs(escape: float | None, overkill: float | None, prevalence: float | None) -> Costs | None:
    from inspect_ai.calibration.costs import Costs
    from inspect_ai.errors import UsageError

    if escape is None and overkill is None and prevalence is None:
        return None
    if escape is None or overkill is None or prevalence is None:
        raise UsageError("Costs are weighed with all of --cost-escape, --cost-overkill and --prevalence.")
    return Costs(escape=escape, overkill=overkill, prevalence=prevalence)


def _print_result(point: OperatingPoint) -> None:
    """Print groups first, then the promise about all, and last the positives that the quality gate excludes from it."""
    proof = point.proof
    if proof.groups:
        rows = [_row(group, point) for group in proof.groups]
        bound = "expected" if _average(point) else "proved"
        common.table("", proof.group_by, "positives", "missed allowed", "threshold", bound, "certified", rows=rows)
        print(_of_groups(point))
    if point.certified:
        print(_certified(point))
    elif not point.certified_somewhere:
        print(f"Not certified. The threshold to work with, uncertified, is {_line(point)}.")
    if point.negatives_line is not None:
        print(_of_price(point, point.negatives_line))
    if point.false_alarms is not None:
        print(_of_overkill(point, point.false_alarms))
    elif point.certified_somewhere:
        print(f"One line: what is not cleared is flagged, from {_line(point)}.")
    print(_of_units(point))


def _average(point: OperatingPoint) -> bool:
    return point.proof.guarantee.value == GuaranteeKind.AVERAGE.value


def _row(group: GroupPoint, point: OperatingPoint) -> tuple[object, ...]:
    from inspect_ai.calibration.subgroups import allowed_misses

    allowed = allowed_misses(group.n_positive, point.proof)
    certified = "yes" if group.refusal is None else f"no: {group.refusal}"
    line, bound = _digits(group.clear_below, point), f"{group.proved_sensitivity:.4f}"
    return group.value, group.n_positive, "none" if allowed < 0 else allowed, line, bound, certified


def _certified(point: OperatingPoint) -> str:
    proof = point.proof
    if _average(point) or proof.group_by:
        return f"Certified ({point.promise}); {_counts(point)}. Covers: {point.covers}."
    return (
        f"Certified: sensitivity at least {proof.sensitivity:g} at confidence {proof.confidence:g} ({_counts(point)}"
        f"{point.chosen_among}). Covers: {point.covers}."
    )


def _of_groups(point: OperatingPoint) -> str:
    proof = point.proof
    n, certified = len(proof.groups), sum(group.refusal is None for group in proof.groups)
    looks = f" and over {proof.looks} looks" if proof.looks > 1 else ""
    split = "" if _average(point) else f" The doubt of {1 - proof.confidence:.4g} is split over them{looks}."
    if point.own_thresholds:
        return (
            f"{certified} of {n} groups are certified, each with its own threshold at work; "
            f"a study of any other {proof.group_by} is decided uncertified.{split}"
        )
    return (
        f"{certified} of {n} groups are certified. At work nobody knows the {proof.group_by} beforehand, so one "
        f"threshold must hold for every one: the lowest, {_line(point)}.{split}"
    )


def _counts(point: OperatingPoint) -> str:
    proof = point.proof
    if proof.group_by:
        return f"{proof.n_positive} positives; the weakest group's bound is {proof.proved_sensitivity:.4f}"
    bound = "the expected sensitivity" if _average(point) else "the proved bound"
    return (
        f"{proof.n_positive} positives, {proof.n_missed} below the proved threshold; the threshold is "
        f"{_line(point)}; {bound} is {proof.proved_sensitivity:.4f}"
    )


def _of_price(point: OperatingPoint, reached: FalseAlarmProof) -> str:
    counted = f"{reached.n_flagged} of {reached.n_negative} independent negatives reach it"
    proved = (
        f"proved at confidence {point.proof.confidence:g}: at most {reached.proved_overkill:.4f}"
        if reached.overkill_refusal is None
        else reached.overkill_refusal.rstrip(".")
    )
    return f"Negatives alone set the line, at most {reached.overkill:g} of them: {counted}; {proved}."


def _of_overkill(point: OperatingPoint, alarms: FalseAlarmProof) -> str:
    clear, flag = _line(point), _digits(point.thresholds.flag_from, point)
    counted = f"{alarms.n_flagged} of {alarms.n_negative} independent negatives reach {flag}"
    between = (
        f"Between {clear} and {flag} a person looks."
        if flag != clear
        else "That line is the proved one too: whatever is not cleared is flagged, and nothing is left between."
    )
    if alarms.overkill_refusal is not None:
        return f"Overkill not proved: {alarms.overkill_refusal} {counted}."
    return (
        f"Overkill at most {alarms.overkill:g} at confidence {point.proof.confidence:g}: {counted}; the proved bound "
        f"is {alarms.proved_overkill:.4f}. {between}"
    )


def _line(point: OperatingPoint) -> str:
    return _digits(point.thresholds.clear_below, point)


def _digits(threshold: float, point: OperatingPoint) -> str:
    """Format six digits of a probability, all of any other score."""
    return point.thresholds.written(threshold) if _exact(point) else f"{threshold:.6f}"


def _exact(point: OperatingPoint) -> bool:
    from inspect_ai.operating_point import ScoreScale

    return point.thresholds.score_scale is ScoreScale.EXACT


def _of_units(point: OperatingPoint) -> str:
    proof, exact = point.proof, _exact(point)
    how = {
        "lowest": "Each independent unit counts once, by its lowest positive picture",
        "highest": "Each study counts once, by its highest picture",
    }.get(proof.group_score, f"Each {'row' if exact else 'picture'} is a unit of its own")
    if exact:
        return f"{how}. Scores are compared as they are: decide on scores with the same digits as those in the file."
    share = proof.n_abstained / proof.n_positive
    return (
        f"{how}. The quality gate hands {proof.n_abstained} of {proof.n_positive} positives ({100 * share:.1f} %) to a "
        f"person: these are not cleared, so not missed, and they are no detections either."
    )
