"""Contents of an evaluation page from scored pictures: columns of figures, places, repeated looks, error sheets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import LabelledFolder, Row, unit_of
from inspect_ai.domain import Outcome
from inspect_ai.errors import UsageError
from inspect_ai.evaluation.agreement import AppraisedPart, agreement
from inspect_ai.evaluation.case_pictures import drawn
from inspect_ai.evaluation.curves import Share
from inspect_ai.evaluation.free_response import CandidateMark, free_response
from inspect_ai.evaluation.localization import placed
from inspect_ai.evaluation.perturbation import Repeat, jittered
from inspect_ai.evaluation.reliability import log_odds
from inspect_ai.evaluation.results import TOLERANCE_PX, AgreementStudy, Card, Cases, Looks, Positions, Sheet, in_order
from inspect_ai.inspection.dataset_scoring import Scored
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.operating_point import OperatingPoint

SHEET_MOST = 12  # pictures on a sheet
PARTS_MOST = 50  # parts shifted in the agreement study, as many as AIAG asks for at best
JITTER_SAYS = (
    "One picture of each part, again as it is, moved by a few pixels and mirrored; half of the parts bad where there "
    "are enough, those nearest to the line first."
)

Progress = Callable[[int], None]


def cases_of(scored: Sequence[Scored], labels: LabelSet) -> Cases:
    """Scores and truth in columns."""
    several = len(labels.positive) > 1  # kinds of positives: then the label itself makes subgroups
    decided = [s.verdict.outcome for s in scored if s.verdict is not None]
    return Cases(
        score=np.array([s.score for s in scored], np.float64),
        positive=np.array([s.row.label in labels.positive for s in scored], bool),
        group=tuple(s.row.group for s in scored),
        unit=tuple(unit_of(s.row, labels) for s in scored),
        unit_name=labels.independent_name,
        outcome=tuple(decided) if len(decided) == len(scored) else (),
        columns=tuple(tuple(c for c in s.row.columns if c[0] != labels.column or several) for s in scored),
        failed=tuple(tuple(m.name for m in s.measures if not m.passed) for s in scored),
    )


def positions_of(
    scored: Sequence[Scored], folder: LabelledFolder, inspector: Inspector, progress: Progress
) -> Positions:
    """Free response over positives with masks and sure negatives."""
    labels = folder.labels
    if not any(s.row.masks for s in scored):
        return Positions(absent="These labels have no masks, so nothing says where a finding should lie: no FROC.")
    sure = [s.row for s in scored if s.row.masks or (s.row.label not in labels.positive and s.row.grade in (None, 0))]
    marks: list[CandidateMark] = []
    places = reachable = pictures = 0
    for one in placed(folder, sure, inspector, TOLERANCE_PX, progress):
        marks += one.marks
        places += one.places
        reachable += min(one.places, len(one.marks))
        pictures += 1
    if not places:
        return Positions(absent="Every mask of these pictures is empty, so there is no place to find: no FROC.")
    if not marks:
        return Positions(absent="The findings of this model have no place in the picture: no FROC.")
    return Positions(response=free_response(marks, places, pictures), reachable=reachable)


def study_of_agreement(
    scored: Sequence[Scored],
    folder: LabelledFolder,
    inspector: Inspector,
    column: str,
    progress: Progress,
) -> AgreementStudy:
    """Agreement over repeated looks at a part: its pictures that differ in `column`, and one of them shifted.

    Raises UsageError without an operating point, without that column, or where it names no repeated look.
    """
    point = inspector.point
    if point is None:
        raise UsageError("An agreement study needs an operating point: outcomes are compared. Calibrate first.")
    labels = folder.labels
    by_part: dict[tuple[object, ...], list[Scored]] = {}
    for s in scored:
        if column not in dict(s.row.columns):
            there = ", ".join(name for name, _ in s.row.columns) or "none"
            raise UsageError(f"{folder.root} has no column {column!r} for --agreement; further columns: {there}.")
        by_part.setdefault(_part_of(s.row, column), []).append(s)
    repeated = {key: seen for key, seen in by_part.items() if len(seen) > 1}
    if not repeated:
        raise UsageError(f"No two pictures of {folder.root} are looks at one part under another {column}.")
    chosen = _nearest_parts(list(by_part.values()), labels, point)
    again = list(jittered(folder, [s.row for s in chosen], inspector, progress))
    first = {s.row.file: s.score for s in chosen}
    same = [r.score == first[r.row.file] for r in again if r.jitter == "as it is"]
    return AgreementStudy(
        looks=(_lighting(list(repeated.values()), labels, column), _jitter(again, labels)),
        twice=Share(k=sum(same), n=len(same)),
    )


def sheets_of(scored: Sequence[Scored], folder: LabelledFolder, inspector: Inspector) -> list[Sheet]:
    """The worst misses and the worst false alarms, one of each group; where there are none, the nearest cases."""
    labels = folder.labels
    positives = sorted((s for s in scored if s.row.label in labels.positive), key=lambda s: s.score)
    negatives = sorted((s for s in scored if s.row.label not in labels.positive), key=lambda s: -s.score)
    sheets = []
    for side, wrong, name, nearest in (
        (positives, Outcome.CLEAR, ("miss", "misses"), "The lowest-scoring positives"),
        (negatives, Outcome.FLAG, ("false alarm", "false alarms"), "The highest-scoring negatives"),
    ):
        if not side:
            continue
        errors = [s for s in side if s.verdict is not None and s.verdict.outcome is wrong]
        heading = f"Worst {name[1]}" if errors else nearest
        says = _sheet_words(errors, name, nearest, inspector.point)
        sheets.append(Sheet(heading=heading, says=says, cards=_cards(errors or side, folder, inspector)))
    return sheets


def _sheet_words(errors: Sequence[Scored], name: tuple[str, str], nearest: str, point: OperatingPoint | None) -> str:
    """name: of one error, and of several."""
    if errors:
        groups, one = len({s.row.group for s in errors}), len(errors) == 1
        some = f"; the {SHEET_MOST} worst are shown" if groups > SHEET_MOST else ""
        of_each = "" if one else f"; the worst one of each group{some}"
        return f"{len(errors)} {name[0] if one else name[1]}, in {groups} group{'s'[: groups != 1]}{of_each}."
    if point is None:
        return f"{nearest}, the first of each group: without an operating point nothing counts as an error."
    return f"There are no {name[1]}. {nearest} came nearest to it; the first of each group."


def _cards(ordered: Sequence[Scored], folder: LabelledFolder, inspector: Inspector) -> list[Card]:
    first: dict[str, Scored] = {}
    for s in ordered:
        first.setdefault(s.row.group, s)
    count = Counter(s.row.group for s in ordered)
    shown = list(first.values())[:SHEET_MOST]
    pictures = drawn(folder, [s.row for s in shown], inspector)
    return [
        Card(
            file=s.row.file,
            group=s.row.group,
            label=s.row.label,
            score=s.score,
            outcome=s.verdict.outcome if s.verdict else None,
            reason=s.verdict.reason if s.verdict else "",
            more=count[s.row.group] - 1,
            picture_png=picture.plain,
            heat_png=picture.heat,
        )
        for s, picture in zip(shown, pictures, strict=True)
    ]


def _part_of(row: Row, column: str) -> tuple[object, ...]:
    """Key of a part: its looks share group, label and all other columns of labels.csv."""
    return (row.group, row.label, *(c for c in row.columns if c[0] != column))


def _lighting(parts: Sequence[Sequence[Scored]], labels: LabelSet, column: str) -> Looks:
    """Agreement with each value of the column as a look."""
    looks: dict[str, list[Scored]] = {}
    for part in parts:
        for s in part:
            looks.setdefault(dict(s.row.columns)[column], []).append(s)
    spreads = [float(np.ptp(log_odds(np.array([s.score for s in part])))) for part in parts]
    together = [_part(part[0].row, [_outcome(s) for s in part], labels) for part in parts]
    alone = [
        (f"{column} {name}", agreement([_part(s.row, [_outcome(s)], labels) for s in looks[name]]))
        for name in in_order(looks)
    ]
    return Looks(
        change=f"Under another {column}",
        explained=f"Pictures of one group that differ in {column} alone are looks at one part.",
        together=agreement(together),
        alone=tuple(alone),
        spread_odds=float(np.median(spreads)),
    )


def _jitter(again: Sequence[Repeat], labels: LabelSet) -> Looks:
    """Agreement with each jitter as a look."""
    by_file: dict[str, list[Repeat]] = {}
    by_move: dict[str, list[Repeat]] = {}
    for repeat in again:
        by_file.setdefault(repeat.row.file, []).append(repeat)
        by_move.setdefault(repeat.jitter, []).append(repeat)
    scores = [np.array([r.score for r in part if r.score is not None]) for part in by_file.values()]
    spreads = [float(np.ptp(log_odds(looks))) for looks in scores if looks.size]
    return Looks(
        change="In another position",
        explained=JITTER_SAYS,
        together=agreement([_part(rs[0].row, [r.outcome for r in rs], labels) for rs in by_file.values()]),
        alone=tuple((move, agreement([_part(r.row, [r.outcome], labels) for r in rs])) for move, rs in by_move.items()),
        spread_odds=float(np.median(spreads)) if spreads else 0.0,
    )


def _nearest_parts(parts: Sequence[Sequence[Scored]], labels: LabelSet, point: OperatingPoint) -> list[Scored]:
    """One picture per part, the one nearest to the clear threshold; both sides in turn, nearest first."""
    line = float(log_odds(np.array([point.thresholds.clear_below]))[0])

    def away(s: Scored) -> float:
        return abs(float(log_odds(np.array([s.score]))[0]) - line)

    nearest = sorted((min(part, key=away) for part in parts), key=away)
    bad = [s for s in nearest if s.row.label in labels.positive]
    good = [s for s in nearest if s.row.label not in labels.positive]
    half = PARTS_MOST // 2
    of_bad = max(half, PARTS_MOST - len(good))
    return [*bad[:of_bad], *good[: PARTS_MOST - min(len(bad), of_bad)]]


def _part(row: Row, calls: Sequence[Outcome], labels: LabelSet) -> AppraisedPart:
    return AppraisedPart(bad=row.label in labels.positive, calls=tuple(calls), group=row.group)


def _outcome(scored: Scored) -> Outcome:
    assert scored.verdict is not None  # noqa: S101 - an operating point was there; for the type checker
    return scored.verdict.outcome
