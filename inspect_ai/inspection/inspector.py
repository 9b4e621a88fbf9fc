"""Inspector: one task, ready to work, with its engines (one a thread), operating point and certificate status.

Made by `load` (loading.py). The methods are for use from Python; scan and watch use the same parts in bounded children
and threads (workers.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from inspect_ai.audit import Log, patient_key
from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.certificates.certificate import Signed
from inspect_ai.certificates.status import CertificateState, CertificateStatus, certificate_status
from inspect_ai.certificates.verdict_path import code_changes, code_sha256
from inspect_ai.decide import for_phantoms
from inspect_ai.domain import Decision, Provenance, Study, StudyRef
from inspect_ai.errors import SetupError
from inspect_ai.inspection.decision import decision_on
from inspect_ai.inspection.picture_choice import (
    PictureQuality,
    is_judged_by_picture,
    picture_by_picture,
    with_laterality,
)
from inspect_ai.inspection.predict import Prediction, predict
from inspect_ai.inspection.preprocess import PreprocessedStudy, preprocess_study, shape_px
from inspect_ai.inspection.sources import Source, as_study
from inspect_ai.model.engine import Engine, open_engine
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings

UNLOGGED = "not logged: no audit log was given"


@dataclass(frozen=True, slots=True)
class Inspector:
    """Inspects studies for one task. Engines are made when first needed, one for each thread that scores.

    point: None where the model has no operating point; then it predicts and decides nothing. mismatches: reasons why
    its decisions are uncertified, whatever the point proves. suspended: reason why nothing is cleared without a
    person (inspectors.py). reference: of the calibration pictures; without it only the fixed limits forbid a decision.
    """

    task: Task
    model: Path  # the folder of weights, graph and manifest, or of a graph alone
    point: OperatingPoint | None
    provenance: Provenance
    mismatches: tuple[str, ...]
    settings: Settings
    suspended: str | None = None
    reference: Typicality | None = None
    signed: Signed | None = None  # the certificate beside the point
    read: Mapping[str, str] | None = None  # SHA-256 of the model files that the first engine was made of
    _engines: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    @property
    def engine(self) -> Engine:
        """Engine of the calling thread, on one core."""
        engine: Engine | None = getattr(self._engines, "engine", None)
        if engine is None:
            engine = self._engines.engine = open_engine(
                self.model, kind=self.settings.engine, threads=1, config=self.task.config
            )
            if self.read is not None and engine.read != self.read:
                raise SetupError(
                    f"The model in {self.model} was replaced while it worked. Start again, so that it is checked."
                )
        return engine

    @property
    def code_sha256(self) -> str:
        """Digest of the code that scores come from, in this process."""
        return code_sha256(type(self.task).__module__)

    def with_doubts(self, doubts: Sequence[str]) -> Inspector:
        """Inspector whose decisions are uncertified for these reasons too."""
        return replace(self, mismatches=tuple(dict.fromkeys([*self.mismatches, *doubts]))) if doubts else self

    def status_in(self, log: Log) -> CertificateStatus:
        """Status of the certificate, and so of the task, by the newest rows of the log."""
        return certificate_status(log, self.provenance.task, self.provenance.certificate_sha256)

    def with_status(self, found: CertificateStatus) -> Inspector:
        """Inspector, as it was loaded, with its status in a log applied."""
        if found.state in (CertificateState.REVOKED, CertificateState.UNTRUSTED):
            what = "revoked" if found.state is CertificateState.REVOKED else "deprived of trust in its signer's key"
            why = f"the certificate was {what} in entry {found.entry}: {found.reason}"
            return replace(self, suspended=None, mismatches=tuple(dict.fromkeys([*self.mismatches, why])))
        suspended = None
        if found.state is CertificateState.SUSPENDED:
            suspended = f"auto-clear is suspended since entry {found.entry}: {found.reason}"
        return replace(self, suspended=suspended)

    def predict(self, source: Source) -> Prediction:
        """Score one picture or study without judging it: score, findings, heat.

        source: [H, W] or [H, W, 3] array (integers of full range, or floats in 0..1), path of a file or of a folder
        with one DICOM series, pydicom Dataset, Image, Volume or Study. It is decoded in this process; untrusted files
        belong to `scan`, which decodes in bounded children. Raises InputError for a source that cannot be read.
        """
        return self.predict_study(as_study(source, self.settings))

    def predict_study(self, study: Study) -> Prediction:
        """Score a decoded study, as `predict`, whatever its quality, which the verdict takes into account."""
        pictures: tuple[PictureQuality, ...] = ()
        if is_judged_by_picture(study, self.task):
            pictures, units = picture_by_picture(study, self.task, whatever_its_quality=True)
            measures = [measure for picture in pictures for measure in picture.measures]
        else:
            units, measures = tuple(self.task.units(study)), self.task.quality(study)
        return predict(
            self.task,
            self.engine,
            with_laterality(units, study),
            measures=measures,
            pictures=pictures,
            unseen=self.task.unseen(study),
            shape_px=shape_px(study),
        )

    def predict_preprocessed(self, study: PreprocessedStudy) -> Prediction:
        """Score the result of a decoding child, as `predict`."""
        return predict(
            self.task,
            self.engine,
            study.units,
            measures=study.measures,
            problems=study.problems,
            unseen=study.unseen,
            pictures=study.pictures,
            shape_px=study.shape_px,
        )

    def decide(self, source: Source, log: Log | None = None) -> Decision:
        """Decide one picture or study. The decision is committed to `log` before it returns; without a log it says so.

        A study that the log holds already is not decided again; a suspension or revocation in the log counts. source:
        as for `predict`. Raises InputError where it cannot be read, SetupError without an operating point, AuditError
        where the log cannot be written.
        """
        key = patient_key(log.path) if log is not None else None
        study = as_study(source, self.settings, patient_key=key)
        if log is not None and (known := log.find(study.ref.digest, self.provenance)) is not None:
            return log.names.in_clear(known.decision(), study.ref)
        preprocessed = preprocess_study(study, self.task)
        sound = self.with_doubts(changes_of_code([self]))
        if log is not None:
            now = sound.with_status(self.status_in(log))
            entry = log.append([now.decide_preprocessed(study.ref, preprocessed)[0]])[0]
            return log.names.in_clear(entry.decision(), study.ref)
        decision = sound.decide_preprocessed(study.ref, preprocessed)[0]
        verdict = replace(decision.verdict, reason=f"{decision.verdict.reason}; {UNLOGGED}")
        return replace(decision, verdict=verdict)

    def decide_preprocessed(self, ref: StudyRef, study: PreprocessedStudy) -> tuple[Decision, Prediction]:
        """Decide on the result of a decoding child, without logging it; returns the prediction too."""
        prediction = self.predict_preprocessed(study)
        doubts = list(study.doubts)
        if study.code_sha256 and study.code_sha256 != self.code_sha256:
            doubts.append("the decoding process ran other code than this one: files of the program were changed")
        rules = self.with_doubts(doubts)
        decision = decision_on(
            ref, prediction, rules, self.provenance, decoders=study.decoders, burned_in=study.burned_in
        )
        return without_promise(decision, rules.mismatches), prediction


def without_promise(decision: Decision, doubts: Sequence[str]) -> Decision:
    """Decision that is not certified where there are doubts, whatever the code that made it says."""
    made = decision.verdict
    if not doubts or not (made.certified or for_phantoms(made.reason)):
        return decision
    reason = f"{made.reason}; not certified: {doubts[0]}"
    return replace(decision, verdict=replace(made, certified=False, reason=reason))


def changes_of_code(inspectors: Iterable[Inspector]) -> list[str]:
    """Reasons why nothing of this process is certified: code in memory that is not what its source says."""
    modules = tuple(type(inspector.task).__module__ for inspector in inspectors)
    return [f"{what}: what runs here is not what was certified" for what in code_changes(modules)]
