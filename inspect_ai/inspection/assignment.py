"""Assignment of studies to tasks by a person: settings `products` (folder or camera) and `modalities` (DICOM header).

Light: decoding children import it.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from inspect_ai.domain import StudyRef
from inspect_ai.settings import Settings


def assigned(ref: StudyRef, settings: Settings) -> str | None:
    """Task that a person named for a study; None where nobody did.

    The folder that lies nearest to the file outranks those above it, any folder outranks the camera, and both the
    modality. Folders are given from the scanned or watched folder on, with slashes.
    """
    products = dict(settings.products)
    for folder in PurePosixPath(ref.source.replace("\\", "/")).parents:
        if (task := products.get(folder.as_posix())) is not None:
            return task
    if settings.camera and (task := products.get(settings.camera)) is not None:
        return task
    return dict(settings.modalities).get(ref.modality) if ref.kind == "dicom" else None
