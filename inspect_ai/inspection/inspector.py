"""A station: one task, ready to work. Its engines (one a thread), its operating point, and what stands behind both."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from inspect_ai import __version__
from inspect_ai.calibration import matches, point_sha256, read_point
from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.certificates.deployment import POINT_FILE, certificate_for
from inspect_ai.config import config_sha256
from inspect_ai.domain import Provenance
from inspect_ai.errors import InspectError, SetupError
from inspect_ai.inspection import out_of_distribution
from inspect_ai.model.engine import Engine, open_engine
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import Task, find_tasks, task_named
from inspect_ai.settings import Settings

NOBODY = ""  # the task of a study that no task claims


@dataclass(frozen=True, slots=True)
class Inspector:
    """One task at work. Engines are made when first needed, one for each thread that scores.

    mismatches: why its decisions are uncertified, whatever the point proves. suspended: why nothing is cleared without
    a person (certificates/status.py).
    """

    task: Task
    point: OperatingPoint
    provenance: Provenance
    mismatches: tuple[str, ...]
    engine_kind: str
    suspended: str | None = None
    out_of_distribution: Typicality | None = (
        None  # what calibration saw; without it only the fixed limits forbid a decision
    )
    _engines: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    def without_reference(self) -> Inspector:
        """The station for made pictures: it decides what is unlike the calibration pictures too, and certifies none."""
        why = "pictures unlike those of calibration are decided too"
        return replace(self, out_of_distribution=None, mismatches=(*self.mismatches, why))

    def engine(self) -> Engine:
        """This thread's own engine, on one core."""
        engine: Engine | None = getattr(self._engines, "engine", None)
        if engine is None:
            engine = self._engines.engine = open_engine(self.task.folder, kind=self.engine_kind, threads=1)
        return engine


def open_inspectors(settings: Settings) -> tuple[dict[str, Inspector], tuple[str, ...]]:
    """The stations that setting `task` asks for, and remarks about tasks that cannot work (only with task "auto").

    Raises UsageError for an unknown or broken task, SetupError for one without weights or operating point.
    """
    if settings.task != "auto":
        return {settings.task: open_inspector(task_named(settings.task, settings.tasks), settings)}, ()
    inspectors, remarks = {}, []
    for name in sorted({found.name for found in find_tasks(settings.tasks)}):
        try:
            inspectors[name] = open_inspector(task_named(name, settings.tasks), settings)
        except InspectError as e:
            remarks.append(f"Task {name} takes no part: {e}")
    if not inspectors:
        raise SetupError(" ".join(["No installed task is ready to work.", *remarks]))
    return inspectors, tuple(remarks)


def open_inspector(task: Task, settings: Settings) -> Inspector:
    """A station for one task. Raises SetupError where weights or operating point are missing."""
    path = task.folder / POINT_FILE
    if not path.is_file():
        raise SetupError(
            f"{path} is missing: train the task and set its threshold "
            f"(inspect-ai train {task.name} --data DIR; inspect-ai calibrate {task.name} --data DIR --out {path})."
        )
    point = read_point(path)
    engine = open_engine(task.folder, kind=settings.engine, threads=1)
    made, doubts = certificate_for(point, path, task=task, engine=engine, model=task.folder, settings=settings)
    provenance = Provenance(
        task=task.name,
        task_version=task.version,
        model_sha256=engine.model_sha256,
        config_sha256=config_sha256(task.config),
        operating_point_sha256=point_sha256(point),
        engine=engine.name,
        software=__version__,
        certificate_sha256=made.sha256 if made else "",
    )
    found = matches(
        point,
        task=task.name,
        model_sha256=provenance.model_sha256,
        config_sha256=provenance.config_sha256,
        engine=engine.name,
    )
    mismatches = [*found, *engine.problems]
    if config_sha256(engine.manifest.config) != provenance.config_sha256:
        mismatches.append("the weights were trained with another configuration")
    mismatches += doubts
    inspector = Inspector(
        task,
        point,
        provenance,
        tuple(mismatches),
        settings.engine,
        out_of_distribution=out_of_distribution.load(task.folder),
    )
    inspector._engines.engine = engine
    return inspector


def nobody(settings: Settings, names: Sequence[str]) -> Provenance:
    """What stands behind "no task claims it": the tasks that were asked. Another set of tasks asks again."""
    request = hashlib.sha256("\n".join([settings.task, *sorted(names)]).encode()).hexdigest()
    return Provenance(
        task=NOBODY,
        task_version="",
        model_sha256="",
        config_sha256=request,
        operating_point_sha256="",
        engine="",
        software=__version__,
    )
