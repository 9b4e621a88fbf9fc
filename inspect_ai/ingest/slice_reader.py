"""Slices of one volume read one at a time in any order, for a person who looks before the whole series is decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Millimetres, SourceFile, StudyRef
from inspect_ai.errors import InputError
from inspect_ai.ingest.header import Header, read_header
from inspect_ai.ingest.pixels import decoded_frames, hounsfield
from inspect_ai.ingest.slice_order import Slice, step_mm
from inspect_ai.ingest.volumes.duplicates import reencoded, without_duplicates
from inspect_ai.ingest.volumes.encoded import Encoded, damage_named, path_of
from inspect_ai.ingest.volumes.instance import Instance
from inspect_ai.ingest.volumes.stacking import stack
from inspect_ai.settings import Settings


class SliceReader:
    """Slices of a CT volume in the order that `load` gives them. Raises InputError where they form no plain volume.

    Headers are read at once; the digest of a file is checked when its slice is read.
    """

    def __init__(self, root: Path, ref: StudyRef, settings: Settings) -> None:
        self._root = root
        members = [Instance(file=file, header=_header(root, file, settings)) for file in ref.files]
        if any(member.header.modality != "CT" or member.header.problems for member in members):
            raise InputError("no CT whose slices form a volume")
        unique, _ = without_duplicates(members)
        kept, copies = reencoded(unique)
        if copies:
            raise InputError("slices in several encodings")
        self._files = {member.file.path: member.file for member in kept}
        chosen = dict(zip((file.path for file in ref.files), ref.selection, strict=False))
        self._slices, faults = stack(kept, chosen)
        if not self._slices or faults:
            raise InputError("no slices that form a volume")
        step, _ = step_mm(self._slices)
        first = kept[0].header
        self.shape: tuple[int, int, int] = (len(self._slices), first.rows, first.columns)
        self.spacing_mm: Millimetres = (step, *self._slices[0].plane.spacing_mm)

    def read(self, index: int) -> NDArray[np.int16]:
        """[H, W] Hounsfield units of one slice. Raises InputError for a file that was altered or cannot be decoded."""
        wanted: Slice = self._slices[index]
        encoded = Encoded(self._root, self._files[wanted.path])
        with encoded.opened() as f, damage_named():
            for frame in decoded_frames(f, [wanted.frame]):
                return hounsfield(frame)
        raise InputError(f"{wanted.path} has no frame {wanted.frame + 1}")


def _header(root: Path, file: SourceFile, settings: Settings) -> Header:
    try:
        with path_of(root, file).open("rb") as f, damage_named():
            header = read_header(f, settings.max_pixels, None, assume_hounsfield=settings.assume_hounsfield)
    except OSError as e:
        raise InputError(f"cannot be read any more ({e.strerror})") from e
    if header.broken:
        raise InputError(header.broken)
    return header
