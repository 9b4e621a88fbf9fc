"""Performance: readers and machine, what random audit proves, drift, and what another line would have cost."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import RedirectResponse, Response

from inspect_ai.audit import AccessAction
from inspect_ai.calibration import read_point
from inspect_ai.calibration.frontier import Frontier
from inspect_ai.calibration.frontier_file import frontier_path, read_frontier
from inspect_ai.certificates.deployment import POINT_FILE
from inspect_ai.errors import InspectError, UsageError
from inspect_ai.journeys.monitor import Watched, monitor
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import task_folder
from inspect_ai.web.cases.answered import (
    against_machine,
    answered_cases,
    between_readers,
    confusion,
    position_at,
    positions,
    positions_json,
    reader_figures,
)
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import Refused, Visit, looks, moves

router = APIRouter()
Measuring = Annotated[Visit, Depends(looks(Right.MEASURE))]
Proposing = Annotated[Visit, Depends(moves(Right.PROPOSE))]


@router.get("/performance")
def performance(visit: Measuring, task: str = "", watch: str = "") -> Response:
    """Figures of one task; with `watch`, drift and misses too, which reads the whole log."""
    desk = visit.desk
    desk.index.update()
    tasks = desk.index.values("task")
    task = task if task in tasks else (tasks[0] if tasks else "")
    cases = answered_cases(desk.store, task)
    point, frontier = _in_force(visit, task)
    found = positions(cases, frontier)
    return visit.page(
        "performance.html",
        here="performance",
        task=task,
        tasks=tasks,
        n=len(cases),
        confusion=confusion(cases),
        kappa=against_machine(cases),
        pairs=between_readers(cases),
        readers=reader_figures(desk.store, cases, task),
        positions=positions_json(found),
        steps=len(found),
        line=None if point is None else point.thresholds.clear_below,
        promise="" if point is None else point.promise,
        watched=_watched(visit, task) if watch and task else None,
        audit_rate=desk.settings.audit_rate,
    )


@router.post("/performance/proposal")
def propose(visit: Proposing, task: Annotated[str, Form()], at: Annotated[float, Form()]) -> Response:
    """Write a proposal into the log. The line in force stays: only `calibrate` makes another one."""
    if not 0.0 <= at <= 1.0 or task not in visit.desk.index.values("task"):
        raise Refused(422, "A proposal names a task of this log and a score from 0 to 1.")
    point, frontier = _in_force(visit, task)
    cases = answered_cases(visit.desk.store, task)
    there = position_at(cases, frontier, at)
    now = "none lies with the task" if point is None else f"{point.thresholds.clear_below:.5f}"
    cost = f"there, {there.positives_cleared} answered positives would have been cleared"
    proved = "nothing" if there.proved is None else f"sensitivity {there.proved:g}"
    said = f"proposes to clear {task} below {at:.5f} (in force: {now}); {cost}; calibration proves {proved} there"
    visit.desk.note(visit.account.name, AccessAction.LINE_PROPOSED, said)
    return RedirectResponse(f"/performance?task={task}", 303)


def _in_force(visit: Visit, task: str) -> tuple[OperatingPoint | None, Frontier | None]:
    """Operating point that lies with the task now, and its frontier."""
    try:
        path = task_folder(task, visit.desk.settings.tasks) / POINT_FILE
        point = read_point(path)
        return point, read_frontier(point, frontier_path(path))
    except InspectError:
        return None, None


def _watched(visit: Visit, task: str) -> list[Watched] | str:
    """Evidence of drift and misses, without writing any; or the sentence why there is none."""
    settings = visit.desk.settings
    try:
        return monitor(visit.desk.log, settings, task=task, audit_rate=settings.audit_rate, dry_run=True)
    except UsageError as e:
        return str(e)
