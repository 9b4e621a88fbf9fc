"""DICOM studies and camera files become studies or reasons.

Every file is accounted for; decoding happens in children.
"""

from inspect_ai.ingest.decoder_pool import DecoderPool, WorkerDied, WorkerTimeout
from inspect_ai.ingest.discover import discover, image_ref
from inspect_ai.ingest.load import load

__all__ = ["DecoderPool", "WorkerDied", "WorkerTimeout", "discover", "image_ref", "load"]
