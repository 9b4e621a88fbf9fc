"""Workers of a run: children that decode, threads that score. Studies come back as they finish."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from inspect_ai.audit.failpoint import reach
from inspect_ai.domain import Decision, Outcome, Rejection, StudyRef
from inspect_ai.errors import InputError
from inspect_ai.ingest import DecoderPool
from inspect_ai.inspection.decision import abstained, noted
from inspect_ai.inspection.inspectors import Inspectors, Route
from inspect_ai.inspection.pictures.of_decision import pictures
from inspect_ai.inspection.preprocess import PreprocessedStudy, preprocess
from inspect_ai.inspection.product_routing import routed
from inspect_ai.settings import Settings

TIMED_BYTES = 512 << 20  # decoded and prepared within study_timeout_s; more may take as much longer


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """Result of one study: a decision, or rejections of all its files, or a decision and rejections of some."""

    ref: StudyRef
    decision: Decision | None
    rejections: tuple[Rejection, ...] = ()
    picture: bytes | None = field(default=None, repr=False)  # PNG
    heat: bytes | None = field(default=None, repr=False)  # PNG


Then: TypeAlias = Callable[[StudyResult | BaseException], object]


class Workers:
    """Context manager. `wants_picture`, called from several threads, says which outcomes get a picture."""

    def __init__(
        self, root: Path, inspectors: Inspectors, settings: Settings, wants_picture: Callable[[Outcome], bool]
    ) -> None:
        self.pool = DecoderPool(settings.workers, settings.decode_memory_gib)
        self._root, self._inspectors, self._settings = root, inspectors, settings
        self._wants_picture = wants_picture
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="engine")
        self._open = True

    def __enter__(self) -> Workers:
        self.pool.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.pool.__exit__(kind, error, trace)
        self._threads.shutdown(wait=True)

    def submit(self, ref: StudyRef, route: Route, then: Then) -> None:
        """Decode and score one study; `then` is called from another thread with its result."""

        def decoded(future: Future[PreprocessedStudy]) -> None:
            if self._open and not future.cancelled():
                with contextlib.suppress(RuntimeError):  # closed between the check and the call
                    self._threads.submit(self._finish, ref, future, then)

        size = sum(file.size_bytes for file in ref.files)
        limit_s = self._settings.study_timeout_s * max(1.0, size / TIMED_BYTES)
        future = self.pool.submit(preprocess, self._root, ref, route.candidates, self._settings, timeout_s=limit_s)
        future.add_done_callback(decoded)

    def _finish(self, ref: StudyRef, future: Future[PreprocessedStudy], then: Then) -> None:
        try:
            reach("after_decode")
            then(self._result(ref, future))
        except BaseException as e:  # noqa: BLE001 - handed to the thread that waits for it
            then(e)

    def _result(self, ref: StudyRef, future: Future[PreprocessedStudy]) -> StudyResult:
        answerable = self._inspectors.answerable
        try:
            study = future.result()
        except InputError as e:
            if len(ref.files) == 1:
                return StudyResult(ref=ref, decision=None, rejections=rejected(ref, str(e)))
            return StudyResult(ref=ref, decision=abstained(ref, answerable, str(e)))
        remark = None
        if study.contenders:
            study, remark = routed(study, self._inspectors)
        ref = ref if remark is None else noted(ref, remark)
        if study.unread:
            return StudyResult(ref=ref, decision=None, rejections=study.rejections)
        if study.task is None:
            reason = "; ".join(study.problems) or "nothing of it could be read"
            return StudyResult(
                ref=ref, decision=abstained(ref, answerable, reason, study.decoders), rejections=study.rejections
            )
        decision, prediction = self._inspectors[study.task].decide_preprocessed(ref, study)
        reach("after_score")
        wanted = self._wants_picture(decision.verdict.outcome)
        picture, heat = pictures(decision.findings, study.previews, prediction) if wanted else (None, None)
        return StudyResult(ref=ref, decision=decision, rejections=study.rejections, picture=picture, heat=heat)


def rejected(ref: StudyRef, reason: str) -> tuple[Rejection, ...]:
    """Reject every file of a study, for one reason."""
    return tuple(Rejection(file=file.path, reason=reason, sha256=file.sha256) for file in ref.files)
