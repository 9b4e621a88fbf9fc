"""Visual inspection that people can trust: medical images and industrial surfaces.

Research software, not a medical device. The names below are the interface for Python; each is loaded when it is first
used, so that importing this package stays light.
"""

import importlib
import os
from typing import TYPE_CHECKING

from inspect_ai.source_loader import FINDER

FINDER.add("inspect_ai", os.path.dirname(__file__))  # noqa: PTH120 - from here on, this package runs from its source alone

from inspect_ai.version import __version__  # noqa: E402

# Nothing leaves the machine, and nothing is left beside a person's own files. Set here, because these libraries act
# when they are imported: ONNX Runtime writes a device identifier to the home folder and reports the process. Its own
# opt-out still does so up to 1.32 (microsoft/onnxruntime pull request 29843); its switch for tests silences it.
os.environ["ORT_TELEMETRY_DISABLED"] = "1"
os.environ["ORT_RUNNING_UNIT_TESTS"] = "1"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask a server for a newer version

if TYPE_CHECKING:
    from inspect_ai.api import (
        calibrate,
        calibrate_scores,
        decide_score,
        evaluate,
        evaluate_scores,
        load,
        open_log,
        scan,
        watch,
    )
    from inspect_ai.audit import Entry, Log
    from inspect_ai.calibration import read_point
    from inspect_ai.calibration.calibrated import Calibrated
    from inspect_ai.calibration.solver import CalibrationRequest
    from inspect_ai.domain import (
        Decision,
        Finding,
        Image,
        Measure,
        Outcome,
        Rejection,
        Study,
        StudyRef,
        Unit,
        UnitOutput,
        Verdict,
        Volume,
    )
    from inspect_ai.errors import (
        AuditError,
        CalibrationRefused,
        InputError,
        InspectError,
        SetupError,
        UsageError,
    )
    from inspect_ai.evaluation.measure import Evaluation
    from inspect_ai.inspection.events import (
        FileRejected,
        PartDecided,
        PartWaiting,
        Progress,
        StudyDecided,
        Summary,
        WatchSummary,
    )
    from inspect_ai.inspection.inspector import Inspector
    from inspect_ai.inspection.outages import Notice
    from inspect_ai.inspection.predict import Prediction
    from inspect_ai.operating_point import Guarantee, OperatingPoint
    from inspect_ai.plugins import Task
    from inspect_ai.settings import Settings
else:
    _HOMES = {
        "api": (
            "calibrate", "calibrate_scores", "decide_score", "evaluate", "evaluate_scores", "load", "open_log", "scan",
            "watch",
        ),
        "audit": ("Entry", "Log"),
        "calibration": ("read_point",),
        "calibration.calibrated": ("Calibrated",),
        "calibration.solver": ("CalibrationRequest",),
        "domain": (
            "Decision", "Finding", "Image", "Measure", "Outcome", "Rejection", "Study", "StudyRef", "Unit",
            "UnitOutput", "Verdict", "Volume",
        ),
        "errors": (
            "AuditError", "CalibrationRefused", "InputError", "InspectError", "SetupError", "UsageError",
        ),
        "evaluation.measure": ("Evaluation",),
        "inspection.events": (
            "FileRejected", "PartDecided", "PartWaiting", "Progress", "StudyDecided", "Summary", "WatchSummary",
        ),
        "inspection.inspector": ("Inspector",),
        "inspection.outages": ("Notice",),
        "inspection.predict": ("Prediction",),
        "operating_point": ("Guarantee", "OperatingPoint"),
        "plugins": ("Task",),
        "settings": ("Settings",),
    }  # fmt: skip
    _HOME = {name: module for module, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'inspect_ai' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"inspect_ai.{_HOME[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted([*globals(), *_HOME])


__all__ = [
    "AuditError",
    "Calibrated",
    "CalibrationRefused",
    "CalibrationRequest",
    "Decision",
    "Entry",
    "Evaluation",
    "FileRejected",
    "Finding",
    "Guarantee",
    "Image",
    "InputError",
    "InspectError",
    "Inspector",
    "Log",
    "Measure",
    "Notice",
    "OperatingPoint",
    "Outcome",
    "PartDecided",
    "PartWaiting",
    "Prediction",
    "Progress",
    "Rejection",
    "Settings",
    "SetupError",
    "Study",
    "StudyDecided",
    "StudyRef",
    "Summary",
    "Task",
    "Unit",
    "UnitOutput",
    "UsageError",
    "Verdict",
    "Volume",
    "WatchSummary",
    "__version__",
    "calibrate",
    "calibrate_scores",
    "decide_score",
    "evaluate",
    "evaluate_scores",
    "load",
    "open_log",
    "read_point",
    "scan",
    "watch",
]
