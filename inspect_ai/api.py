"""The functions of the package `inspect_ai`: one model, folders, figures and thresholds, without a command line.

Everywhere `**settings` are fields of Settings by their names (db, out, task, engine, workers, ...); others come from
the environment, ./inspect_ai.toml and the defaults, as for the commands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import audit
from inspect_ai import settings as _settings

if TYPE_CHECKING:
    from inspect_ai.calibration.calibrated import Calibrated
    from inspect_ai.calibration.solver import CalibrationRequest
    from inspect_ai.domain import Verdict
    from inspect_ai.evaluation.measure import Evaluation
    from inspect_ai.inspection.events import ScanEvent, WatchEvent
    from inspect_ai.inspection.inspector import Inspector
    from inspect_ai.operating_point import OperatingPoint


def load(
    task: str, model: str | Path | None = None, operating_point: str | Path | None = None, **settings: Any
) -> Inspector:
    """Open a task's model for work.

    model: folder of weights, graph and manifest, or one of these files; the task's own if None. operating_point: the
    file; beside the model if None, and without one the inspector predicts and cannot decide.
    Raises UsageError for an unknown task or a damaged operating point, SetupError where a model file is missing.
    """
    from inspect_ai.inspection import loading

    return loading.load(
        task, _path(model), _path(operating_point), settings=_settings.load(**settings), points="optional"
    )


def open_log(path: str | Path, *, operator: str = "", create: bool = True) -> AbstractContextManager[audit.Log]:
    """Open the audit log at `path`, made if it is not there and `create` is given. operator: the login name if empty.

    Raises UsageError where there is none and none may be made, AuditError for a file that cannot be trusted or written.
    """
    return audit.open_log(Path(path), operator=operator, create=create)


def scan(folder: str | Path, *, force: bool = False, **settings: Any) -> Iterator[ScanEvent]:
    """Decide every study below `folder`; each event stands in the audit log `db` before it is yielded.

    Ends with a Summary. force: decide again what the log holds. Raises UsageError for a path that is not there,
    SetupError for a missing model, AuditError for a log that cannot be trusted or written.
    """
    from inspect_ai.journeys.scan import scan as journey

    return journey(Path(folder), _settings.load(**settings), force=force)


def watch(
    folder: str | Path, task: str, *, once: bool = False, patience_s: float = 600.0, **settings: Any
) -> Iterator[WatchEvent]:
    """Decide parts as a camera puts them into `folder`, or with `once` the parts that are there now.

    patience_s: longest wait for a file that ends in the middle. Raises UsageError where there is no such folder.
    """
    from inspect_ai.journeys.watch import watch as journey

    return journey(Path(folder), _settings.load(task=task, **settings), once=once, patience_s=patience_s)


def evaluate(
    task: str,
    data: str | Path,
    *,
    split: str = "test",
    model: str | Path | None = None,
    operating_point: str | Path | None = None,
    report: str | Path | None = None,
    **settings: Any,
) -> Evaluation:
    """Measure a model on a labelled folder; with `report`, write a page too.

    Raises UsageError for unknown labels or splits, SetupError for a missing model.
    """
    from inspect_ai.journeys.evaluate import evaluate_task

    return evaluate_task(
        task,
        Path(data),
        settings=_settings.load(**settings),
        split=split,
        model=_path(model),
        operating_point=_path(operating_point),
        report=_path(report),
    )


def calibrate(
    task: str,
    data: str | Path | Sequence[str | Path],
    *,
    request: CalibrationRequest | None = None,
    split: str = "calibration",
    model: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Calibrated:
    """Set and prove a model's thresholds on one split of a labelled folder; write the operating point and certificate.

    data: the folder, or several that are calibrated on together. request: the promise to prove; if None, the best of
    98.7, 98, 97, 95 and 90 % at 95 % confidence that so many positives prove, and a line for flags where negatives
    suffice. The operating point records a refusal, if any.
    Raises UsageError where the split served training or holds no positives, SetupError for a missing model.
    """
    from inspect_ai.calibration.solver import USUAL_REQUEST
    from inspect_ai.journeys.calibrate import calibrate_task

    return calibrate_task(
        task,
        [Path(data)] if isinstance(data, str | Path) else [Path(one) for one in data],
        settings=_settings.load(**settings),
        request=request or USUAL_REQUEST,
        model=_path(model),
        split=split,
        out=_path(out),
    )


def calibrate_scores(
    scores: str | Path,
    *,
    request: CalibrationRequest | None = None,
    name: str | None = None,
    model_file: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Calibrated:
    """Set and prove thresholds for scores that another program made, from a CSV with unit, group, positive and score.

    name: of the statement, the file's stem if None. model_file: the file that made the scores, whose digest the
    certificate binds. out: the operating point, beside the scores if None. Raises InputError for a file that cannot be
    read, UsageError for scores that cannot answer.
    """
    from inspect_ai.calibration.solver import USUAL_REQUEST
    from inspect_ai.journeys.calibrate_scores import calibrate_scores as journey

    return journey(
        Path(scores),
        settings=_settings.load(**settings),
        request=request or USUAL_REQUEST,
        name=name,
        model_file=_path(model_file),
        out=_path(out),
    )


def evaluate_scores(
    scores: str | Path,
    *,
    operating_point: str | Path | None = None,
    report: str | Path | None = None,
    **settings: Any,
) -> Evaluation:
    """Measure scores that another program made; with `report`, write a page too.

    Raises InputError or UsageError for files that cannot be read or make no sense.
    """
    from inspect_ai.journeys.evaluate_scores import evaluate_scores as journey

    return journey(
        Path(scores),
        settings=_settings.load(**settings),
        operating_point=_path(operating_point),
        report=_path(report),
    )


def decide_score(score: float, point: OperatingPoint | str | Path) -> Verdict:
    """Compare one score with an operating point, given as itself or as its file; for models that run elsewhere.

    Nothing is logged, and no file is checked against a certificate: `Inspector.decide` and `scan` do both. A score
    that is no number, or a probability outside 0 to 1, is left to a person. Raises UsageError for a damaged file.
    """
    from inspect_ai.calibration import read_point
    from inspect_ai.decide import decide

    return decide(score, read_point(Path(point)) if isinstance(point, str | Path) else point)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
