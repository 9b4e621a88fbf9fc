"""Loading of a task's model, operating point and certificate into an Inspector; the one place that does so."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from inspect_ai.calibration import matches, point_sha256, read_point
from inspect_ai.calibration.typical_file import read_reference
from inspect_ai.certificates.certificate import Signed
from inspect_ai.certificates.deployment import POINT_FILE, certificate_for
from inspect_ai.config import config_sha256
from inspect_ai.domain import Provenance
from inspect_ai.errors import InspectError, SetupError, UsageError
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.model.engine import Engine, open_engine
from inspect_ai.model.foreign_graph import is_foreign
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import Task, find_tasks, task_named
from inspect_ai.settings import Settings, not_believed
from inspect_ai.version import __version__

PHANTOM_FOLDER = "phantom"  # in a task's folder: the point, certificate and reference that made pictures set


def load(
    task: str | Task,
    model: Path | None = None,
    operating_point: Path | None = None,
    *,
    settings: Settings | None = None,
    points: Literal["needed", "optional", "none"] = "needed",
    made_up: bool = False,
) -> Inspector:
    """Load the inspector for one task.

    model: folder of weights, graph and manifest, or of a model.onnx alone that was made elsewhere, or one of these
    files; the task's own folder if None. A model that is named is used with the configuration that it was trained with;
    the task's own, and one made elsewhere, with the installed one. operating_point: the file; beside the model if None.
    points: "optional" or "none" to score without deciding. made_up: for pictures that a program made; only then a
    phantom operating point is taken, and only that one.
    Raises UsageError for an unknown task, a damaged point and a phantom point for real pictures, SetupError where
    weights or operating point are missing.
    """
    settings = settings or Settings()
    task = task_named(task, settings.tasks) if isinstance(task, str) else task
    folder = _folder_of(model, task)
    path = operating_point or (folder / PHANTOM_FOLDER if made_up else folder) / POINT_FILE
    if points == "needed" and not path.is_file():
        train = "" if is_foreign(folder) else f"train the task (inspect-ai train {task.name} --data DIR) and "
        raise SetupError(
            f"{path} is missing: {train}set the threshold (inspect-ai calibrate {task.name} --data DIR --out {path})."
        )
    wanted = points != "none" and (operating_point is not None or path.is_file())
    point = read_point(path) if wanted else None
    if point is not None and point.phantom != made_up:
        raise _of_the_other_kind(path, task.name, made_up=made_up)
    engine = open_engine(folder, kind=settings.engine, threads=1, config=task.config)
    if model is not None:
        task = task.with_config(engine.manifest.config)
    made, mismatches = None, list(engine.problems)
    if point is not None:
        made, mismatches = _certification(point, path, task, engine, folder, settings)
    inspector = Inspector(
        task=task,
        model=folder,
        point=point,
        provenance=Provenance(
            task=task.name,
            task_version=task.version,
            model_sha256=engine.model_sha256,
            config_sha256=config_sha256(task.config),
            operating_point_sha256="" if point is None else point_sha256(point),
            engine=engine.name,
            software=__version__,
            certificate_sha256="" if made is None else made.sha256,
        ),
        mismatches=tuple(mismatches),
        settings=settings,
        reference=None if point is None else read_reference(path.parent),
        signed=made,
        read=engine.read,
    )
    inspector._engines.engine = engine  # the thread that loads needs no second one
    return inspector


def load_all(settings: Settings, *, made_up: bool = False) -> tuple[list[Inspector], tuple[str, ...]]:
    """Load the inspectors of setting `task`, with remarks: on settings, and on tasks that cannot work (task "auto").

    made_up: for pictures that a program made, with phantom operating points; tasks without one take no part, unsaid.

    Raises UsageError for an unknown or broken task, SetupError for one without weights or operating point.
    """
    if settings.task != "auto":
        return [load(settings.task, settings=settings, made_up=made_up)], tuple(not_believed())
    inspectors, remarks = [], not_believed()
    installed = find_tasks(settings.tasks)
    if made_up:
        installed = [found for found in installed if (found.folder / PHANTOM_FOLDER / POINT_FILE).is_file()]
    for name in sorted({found.name for found in installed}):
        try:
            inspectors.append(load(name, settings=settings, made_up=made_up))
        except InspectError as e:
            remarks.append(f"Task {name} takes no part: {e}")
    if not inspectors:
        raise SetupError(" ".join(["No installed task is ready to work.", *remarks]))
    return inspectors, tuple(remarks)


def _of_the_other_kind(path: Path, task: str, *, made_up: bool) -> UsageError:
    if made_up:
        return UsageError(f"{path} was set on real pictures, not on made ones. Install the program again.")
    return UsageError(
        f"{path} is a phantom: made pictures of the demo set its thresholds, and they say nothing about real ones. "
        f"Calibrate on your own pictures: inspect-ai calibrate {task} --data DIR --out FILE."
    )


def _folder_of(model: Path | None, task: Task) -> Path:
    if model is None:
        return task.folder
    return model if model.is_dir() else model.parent


def _certification(
    point: OperatingPoint, path: Path, task: Task, engine: Engine, folder: Path, settings: Settings
) -> tuple[Signed | None, list[str]]:
    """The certificate beside the point, if any, and why decisions here are not certified."""
    made, doubts = certificate_for(point, path, task=task, engine=engine, model=folder, settings=settings)
    digest = config_sha256(task.config)
    found = matches(point, task=task.name, model_sha256=engine.model_sha256, config_sha256=digest, engine=engine.name)
    other = config_sha256(engine.manifest.config) != digest
    trained = ["the weights were trained with another configuration"] if other else []
    return made, [*found, *engine.problems, *trained, *doubts]
