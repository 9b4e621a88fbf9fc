"""Who works along the line: children that decode, threads that score. Studies come back as they finish."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from inspect_ai.audit.failpoint import reach
from inspect_ai.domain import Decision, Outcome, Provenance, Rejection, StudyRef
from inspect_ai.errors import InputError
from inspect_ai.ingest import Pool
from inspect_ai.line.judge import Judged, abstained, judge
from inspect_ai.line.pictures import pictures
from inspect_ai.line.prepare import Prepared, prepare
from inspect_ai.line.routing import Route
from inspect_ai.line.station import Station
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one study: a decision, or rejections of all its files, or a decision and rejections of some."""

    ref: StudyRef
    decision: Decision | None
    rejections: tuple[Rejection, ...] = ()
    picture: bytes | None = field(default=None, repr=False)  # PNG
    heat: bytes | None = field(default=None, repr=False)  # PNG


Then: TypeAlias = Callable[[Done | BaseException], object]


class Crew:
    """A context manager. `wants_picture` is asked from several threads whether an outcome deserves its picture."""

    def __init__(
        self,
        root: Path,
        stations: Mapping[str, Station],
        nobody: Provenance,
        settings: Settings,
        wants_picture: Callable[[Outcome], bool],
    ) -> None:
        self.pool = Pool(settings.workers, settings.decode_memory_gib)
        self._root, self._stations, self._nobody, self._settings = root, stations, nobody, settings
        self._wants_picture = wants_picture
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="engine")
        self._open = True

    def __enter__(self) -> Crew:
        self.pool.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.pool.__exit__(kind, error, trace)
        self._threads.shutdown(wait=True)

    def send(self, ref: StudyRef, route: Route, then: Then) -> None:
        """Start one study on its way; `then` is called from another thread with what became of it."""

        def decoded(future: Future[Prepared]) -> None:
            if self._open and not future.cancelled():
                with contextlib.suppress(RuntimeError):  # closed between the question and the call
                    self._threads.submit(self._finish, ref, route, future, then)

        future = self.pool.submit(
            prepare, self._root, ref, route.candidates, self._settings, timeout_s=self._settings.study_timeout_s
        )
        future.add_done_callback(decoded)

    def _finish(self, ref: StudyRef, route: Route, future: Future[Prepared], then: Then) -> None:
        try:
            reach("after_decode")
            then(self._done(ref, route, future))
        except BaseException as e:  # noqa: BLE001 - handed to the thread that waits for it
            then(e)

    def _done(self, ref: StudyRef, route: Route, future: Future[Prepared]) -> Done:
        named = self._settings.task != "auto"
        who = self._stations[route.candidates[0]].provenance if named else self._nobody
        try:
            prepared = future.result()
        except InputError as e:
            if len(ref.files) == 1:
                return Done(ref=ref, decision=None, rejections=rejected(ref, str(e)))
            return Done(ref=ref, decision=abstained(ref, who, str(e)))
        if prepared.unread:
            return Done(ref=ref, decision=None, rejections=prepared.rejections)
        if prepared.task is None:
            reason = "; ".join(prepared.problems) or "nothing of it could be read"
            judged = Judged(abstained(ref, who, reason, prepared.decoders))
        else:
            judged = judge(ref, prepared, self._stations[prepared.task])
        decision = judged.decision
        reach("after_score")
        picture, heat = self._drawn(judged, prepared) or (None, None)
        return Done(ref=ref, decision=decision, rejections=prepared.rejections, picture=picture, heat=heat)

    def _drawn(self, judged: Judged, prepared: Prepared) -> tuple[bytes, bytes | None] | None:
        if not self._wants_picture(judged.decision.verdict.outcome):
            return None
        multiple = self._stations[prepared.task].task.config.input.multiple if prepared.task else 1
        return pictures(judged.decision, prepared, judged.outputs, multiple)


def rejected(ref: StudyRef, reason: str) -> tuple[Rejection, ...]:
    """Every file of a study, rejected for one reason."""
    return tuple(Rejection(file=file.path, reason=reason, sha256=file.sha256) for file in ref.files)
