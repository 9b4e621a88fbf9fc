"""DICOM studies and camera files become studies or reasons.

Every file is accounted for; decoding happens in children.
"""

from inspect_ai.ingest.discover import discover, image_ref
from inspect_ai.ingest.load import load
from inspect_ai.ingest.pool import Pool, WorkerDied, WorkerTimeout

__all__ = ["Pool", "WorkerDied", "WorkerTimeout", "discover", "image_ref", "load"]
