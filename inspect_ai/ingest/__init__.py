"""Reading of DICOM series and camera files: each file becomes part of a study, or a rejection with its reason.

Decoding happens in child processes.
"""

from inspect_ai.ingest.decoder_pool import DecoderDied, DecoderPool, DecoderTimeout
from inspect_ai.ingest.discover import discover, image_ref
from inspect_ai.ingest.load import load

__all__ = ["DecoderDied", "DecoderPool", "DecoderTimeout", "discover", "image_ref", "load"]
