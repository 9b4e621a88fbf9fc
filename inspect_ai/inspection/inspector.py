"""The inspector: one task, ready to work. Its engines (one a thread), its operating point, and what stands behind both.

Made by `load` (loading.py). The methods are the way in from Python; scan and watch use the same parts in bounded
children and threads (workers.py).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from inspect_ai.audit import Log, patient_key
from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.domain import Decision, Provenance, Study, StudyRef
from inspect_ai.inspection.decision import decision_on
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
    """One task at work. Engines are made when first needed, one for each thread that scores.

    point: None where the model has no operating point; then it predicts and decides nothing. mismatches: why its
    decisions are uncertified, whatever the point proves. suspended: why nothing is cleared without a person
    (inspectors.py). reference: what calibration saw; without it the fixed limits alone forbid a decision.
    """

    task: Task
    model: Path  # the folder of weights, graph and manifest, or of a graph alone
    point: OperatingPoint | None
    provenance: Provenance
    mismatches: tuple[str, ...]
    settings: Settings
    suspended: str | None = None
    reference: Typicality | None = None
    _engines: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    @property
    def engine(self) -> Engine:
        """The calling thread's own engine, on one core."""
        engine: Engine | None = getattr(self._engines, "engine", None)
        if engine is None:
            engine = self._engines.engine = open_engine(
                self.model, kind=self.settings.engine, threads=1, config=self.task.config
            )
        return engine

    def without_reference(self) -> Inspector:
        """The inspector for made pictures: it decides those unlike the calibration pictures too, and certifies none."""
        why = "pictures unlike those of calibration are decided too"
        return replace(self, reference=None, mismatches=(*self.mismatches, why))

    def predict(self, source: Source) -> Prediction:
        """Score one picture or study without judging it: score, findings, heat.

        source: [H, W] or [H, W, 3] array (integers of full range, or floats in 0..1), path of a file or of a folder
        with one DICOM series, pydicom Dataset, Image, Volume or Study. It is decoded in this process; what comes from
        strangers goes through `scan`, which decodes in bounded children. Raises InputError for what cannot be read.
        """
        return self.predict_study(as_study(source, self.settings))

    def predict_study(self, study: Study) -> Prediction:
        """As `predict`, of a decoded study. The score is told whatever its quality; the verdict hears of that."""
        return predict(
            self.task,
            self.engine,
            tuple(self.task.units(study)),
            measures=self.task.quality(study),
            shape_px=shape_px(study),
        )

    def predict_preprocessed(self, study: PreprocessedStudy) -> Prediction:
        """As `predict`, of what a decoding child made."""
        return predict(
            self.task,
            self.engine,
            study.units,
            measures=study.measures,
            problems=study.problems,
            shape_px=study.shape_px,
        )

    def decide(self, source: Source, log: Log | None = None) -> Decision:
        """Decide one picture or study. The decision stands in `log` before it is returned; without a log it says so.

        What the log holds already is not decided again. source: as for `predict`. Raises InputError for what cannot be
        read, SetupError without an operating point, AuditError where the log cannot be written.
        """
        key = patient_key(log.path) if log is not None else None
        study = as_study(source, self.settings, patient_key=key)
        if log is not None and (known := log.find(study.ref.digest, self.provenance)) is not None:
            return known.decision()
        decision = self.decide_preprocessed(study.ref, preprocess_study(study, self.task))[0]
        if log is not None:
            return log.append([decision])[0].decision()
        verdict = replace(decision.verdict, reason=f"{decision.verdict.reason}; {UNLOGGED}")
        return replace(decision, verdict=verdict)

    def decide_preprocessed(self, ref: StudyRef, study: PreprocessedStudy) -> tuple[Decision, Prediction]:
        """The decision on what a decoding child made, not logged yet, and the prediction that it rests on."""
        prediction = self.predict_preprocessed(study)
        decision = decision_on(
            ref, prediction, self, self.provenance, decoders=study.decoders, burned_in=study.burned_in
        )
        return decision, prediction
