"""Files of one series that lie in several folders: one series, unless the folders contradict each other.

A copy, a phantom or a forgery may bear the UIDs of a good series. Folders that hold other patients, or other pictures
at the same place, are each decided alone, so that a stranger costs the good series a remark and no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from inspect_ai.ingest.volumes.duplicates import SAME_PLACE_DECIMALS, reencoded, without_duplicates
from inspect_ai.ingest.volumes.instance import Instance, frames_of

ELSEWHERE = "files in other folders bear the same UIDs and contradict these; each folder is decided alone"
MANY = "the files of this series lie in {} folders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files of one series that are decided together. broken: files of it whose pixels cannot be used."""

    good: list[Instance]
    broken: list[Instance]
    notes: tuple[str, ...] = ()


def parts(good: Sequence[Instance], broken: Sequence[Instance]) -> Iterator[Part]:
    """Yield the series as one part, or a part a patient or folder where the folders contradict each other."""
    for members, lost in _by_patient(good, broken):
        folders = sorted({folder_of(m) for m in members})
        telling = 1 < len(folders) < len(members)  # with a folder for each file, folders say nothing
        apart = telling and (len(patients(members)) > 1 or _contradictory(members))
        strange = len(members) < len(good)
        if not apart:
            notes = [ELSEWHERE] if strange else []
            notes += [MANY.format(len(folders))] if len(folders) > 1 else []
            yield Part(good=members, broken=lost, notes=tuple(notes))
            continue
        for folder in folders:
            yield Part(
                good=[m for m in members if folder_of(m) == folder],
                broken=[m for m in lost if folder_of(m) == folder],
                notes=(ELSEWHERE,),
            )


def patients(members: Sequence[Instance]) -> set[str]:
    """Patients that the headers name. An identifier that is empty in a part of them contradicts none."""
    named = {m.header.identity for m in members} - {("", "")}
    issuers, numbers = ({pair[i] for pair in named} - {""} for i in (0, 1))
    if len(issuers) <= 1 and len(numbers) <= 1:
        return {"\0".join("".join(values) for values in (issuers, numbers))} if named else set()
    contained = {
        pair
        for pair in named
        for other in named
        if pair != other and all(own in ("", full) for own, full in zip(pair, other, strict=True))
    }
    return {"\0".join(pair) for pair in named - contained}


def folder_of(member: Instance) -> str:
    """Folder of a file below the root."""
    return PurePosixPath(member.file.path).parent.as_posix()


def _by_patient(
    good: Sequence[Instance], broken: Sequence[Instance]
) -> Iterator[tuple[list[Instance], list[Instance]]]:
    """Yield the files of each patient, where each folder is of one; else all files."""
    there: dict[str, list[Instance]] = defaultdict(list)
    for m in good:
        there[folder_of(m)].append(m)
    folders = {folder: patients(members) for folder, members in there.items()}
    names = set().union(*folders.values())
    alone = len(folders) == len(good)  # with a folder for each file, folders say nothing
    if alone or len(patients(good)) < 2 or not all(len(found) == 1 for found in folders.values()):
        yield list(good), list(broken)
        return
    for name in sorted(names):
        here = {folder for folder, found in folders.items() if name in found}
        yield [m for m in good if folder_of(m) in here], [m for m in broken if folder_of(m) in here]


def _contradictory(members: Sequence[Instance]) -> bool:
    """True if two folders hold different pictures of one place and acquisition, or under one SOP Instance UID."""
    unique, _ = without_duplicates(members)
    unique, _ = reencoded(unique)
    taken: dict[object, str] = {}
    for m in unique:
        keys: list[object] = [m.header.sop_instance_uid or id(m)]
        for frame in frames_of([m]):
            if frame.plane is not None:
                at = tuple(round(v, SAME_PLACE_DECIMALS) for v in frame.plane.position_mm)
                turned = tuple(round(v, 2) for v in (*frame.plane.row_direction, *frame.plane.column_direction))
                attributes = frame.attributes.apart_from_number()
                keys.append((at, turned, m.header.frame_of_reference, m.header.rows, m.header.columns, attributes))
        if any(taken.setdefault(key, folder_of(m)) != folder_of(m) for key in keys):
            return True
    return False
