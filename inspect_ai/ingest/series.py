"""References of the series below a folder: what belongs together, split into volumes, or the reason why it is none.

PS3.3 C.7.6.2: order and distance come from positions and orientation, never from names, numbers or thickness.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from inspect_ai.domain import Rejection, SourceFile, StudyRef
from inspect_ai.ingest.attributes import shared
from inspect_ai.ingest.coverage import OTHER_REFERENCES, OWN_REFERENCES, missing_numbers
from inspect_ai.ingest.foreign_objects import ForeignObject, reason
from inspect_ai.ingest.header import STACKED, Header, patient_of
from inspect_ai.ingest.header_validation import ASSUMED_HOUNSFIELD, PARTLY_RESCALED
from inspect_ai.ingest.volumes.aside import BESIDE_SLICES, reason_to_set_aside
from inspect_ai.ingest.volumes.duplicates import Copy, notes_on, reencoded, without_duplicates
from inspect_ai.ingest.volumes.folders import Part, folder_of, parts, patients
from inspect_ai.ingest.volumes.header_index import HeaderIndex, foreign_or_left_out
from inspect_ai.ingest.volumes.instance import Instance, frames_of, selection_of
from inspect_ai.ingest.volumes.split import Stack, split
from inspect_ai.ingest.volumes.stacking import stack

NOT_LIKE_AN_ORIGINAL = "derived from other pictures (Image Type), not decided like an original: inspect the original"
TWO_PATIENTS = "one series, two patients: the files were mixed up at the source"


def series_refs(index: HeaderIndex, keyed: bool) -> Iterator[StudyRef | Rejection]:
    """Yield a reference for each volume and set of pictures, and a rejection for each other file, series by series."""
    for study in index.studies():
        originals, aside = index.original_slices(study), index.aside(study)
        for series in index.series(study):
            beside = sum((kinds for other, kinds in aside.items() if other != series and originals), Counter[str]())
            for item in _one_series(index, study, series, originals, keyed):
                if beside and isinstance(item, StudyRef) and item.modality in STACKED:
                    note = f"set aside from other series of this study: {_listed(beside)}"
                    yield replace(item, notes=(*item.notes, note))
                else:
                    yield item


def _one_series(
    index: HeaderIndex, study: str, series: str, originals: Mapping[str, int], keyed: bool
) -> Iterator[StudyRef | Rejection]:
    """originals: number of slices of original CT, MR and PT in the study, by frame of reference."""
    good: list[Instance] = []
    broken: list[Instance] = []
    left_out: list[Instance] = []
    kinds: Counter[str] = Counter()
    listed = index.members(study, series)
    for file, found in listed:
        if isinstance(found, ForeignObject):
            kinds[foreign_or_left_out(found)] += 1
            yield set_aside(file, reason(found.what))
        elif found.broken:
            if not found.left_out:
                broken.append(Instance(file=file, header=found))
            yield Rejection(file=file.path, reason=found.broken, sha256=file.sha256)
        else:
            (left_out if found.left_out else good).append(Instance(file=file, header=found))
    if good or originals:
        kinds.update(m.header.left_out for m in left_out)
        yield from (set_aside(m.file, BESIDE_SLICES.format(m.header.left_out)) for m in left_out)
    else:
        good = left_out  # captures and localizers alone may be somebody's pictures
    notes = [f"set aside from this series: {_listed(kinds)}"] if kinds else []
    notes += _missing([found for _, found in listed])
    for part in parts(good, broken):
        for modality in sorted({m.header.modality for m in part.good}):
            members = [m for m in part.good if m.header.modality == modality]
            yield from _of_part(members, part, notes, originals, keyed)


def _missing(listed: Sequence[Header | ForeignObject]) -> list[str]:
    """Remark on Instance Numbers that are missing in a series of single slices."""
    if not all(isinstance(found, Header) and found.modality in STACKED and found.frames == 1 for found in listed):
        return []
    headers = [found for found in listed if isinstance(found, Header)]
    numbers = [[h.slices[0].number for h in headers if bool(h.left_out) == aside] for aside in (False, True)]
    return missing_numbers(*numbers)


def set_aside(file: SourceFile, why: str) -> Rejection:
    """Reject a file that is sound and no picture to inspect."""
    return Rejection(file=file.path, reason=why, sha256=file.sha256, expected=True)


def _listed(kinds: Counter[str]) -> str:
    return ", ".join(f"{what} ({count})" if count > 1 else what for what, count in sorted(kinds.items()))


def _of_part(
    members: list[Instance], part: Part, notes: list[str], originals: Mapping[str, int], keyed: bool
) -> Iterator[StudyRef | Rejection]:
    if len(patients(members)) > 1:
        yield from (Rejection(file=m.file.path, reason=TWO_PATIENTS, sha256=m.file.sha256) for m in members)
        return
    unique, copied = without_duplicates(members)
    lost = _lost(part.broken, members)
    problems = [f"a file of this series cannot be used: {why}" for why in sorted({b.header.broken or "" for b in lost})]
    if len({ASSUMED_HOUNSFIELD in m.header.remarks for m in members}) > 1:
        problems.append(PARTLY_RESCALED)
    notes = [*part.notes, *notes, *dict.fromkeys(remark for m in members for remark in m.header.remarks)]
    if len(lost) < len(part.broken):
        notes.append("a damaged copy of a file of this series was found; the whole one counts")
    if members[0].header.modality not in STACKED:
        yield _ref(members, unique, Stack(frames=frames_of(unique)), keyed, problems, [*copied, *notes], "")
        return
    kept, copies = reencoded(unique)
    found = [replace(v, aside=v.aside or reason_to_set_aside(v, originals)) for v in split(frames_of(kept))]
    volumes = [v for v in found if not v.aside]
    decided = {path for v in volumes for path in _paths(v)}
    for volume in found:
        if not volume.aside:
            continue
        notes = [*notes, f"set aside from this series: {len(volume.frames)} x {volume.aside}"]
        alone = _paths(volume) - decided  # a file of several volumes may be decided by its other frames
        yield from (set_aside(m.file, volume.aside) for m in _with_copies(alone, members, copies))
    yield from _volumes(members, volumes, copies, keyed, problems, notes)


def _volumes(
    members: list[Instance],
    volumes: list[Stack],
    copies: list[Copy],
    keyed: bool,
    problems: list[str],
    notes: list[str],
) -> Iterator[StudyRef]:
    for number, volume in enumerate(volumes, 1):
        own = list({f.member.file.path: f.member for f in volume.frames}.values())
        of_volume = _paths(volume)
        files = _with_copies(of_volume, members, copies)
        remarks = [*without_duplicates(files)[1], *notes]
        remarks += notes_on([c for c in copies if c.kept.file.path in of_volume])
        name = ""
        if len(volumes) > 1:
            name = f"/{number}"
            label = f": {volume.label}" if volume.label else ""
            remarks.append(f"volume {number} of {len(volumes)} of this series{label}")
        if any(m.header.lossy for m in own) and not volume.derived:
            remarks.append("lossy compression: the pixels are near those of the original, not equal")
        faults = [*problems, *_concatenation_problems(own)]
        faults += [NOT_LIKE_AN_ORIGINAL] if volume.derived else []
        yield _ref(files, own, volume, keyed, faults, remarks, name)


def _paths(volume: Stack) -> set[str]:
    return {f.member.file.path for f in volume.frames}


def _lost(broken: Sequence[Instance], members: Sequence[Instance]) -> list[Instance]:
    """Broken files of which there is no whole copy."""
    whole = {m.header.sop_instance_uid for m in members} - {""}
    return [b for b in broken if b.header.sop_instance_uid not in whole]


def _with_copies(paths: set[str], members: Sequence[Instance], copies: Sequence[Copy]) -> list[Instance]:
    """Members at `paths`, and all copies of them: by content of the picture, or in another encoding."""
    taken = paths | {c.member.file.path for c in copies if c.kept.file.path in paths}
    pictures = {(m.header.pixels_sha256, m.header.planes) for m in members if m.file.path in taken}
    return [m for m in members if m.file.path in taken or (m.header.pixels_sha256, m.header.planes) in pictures]


def _concatenation_problems(members: Sequence[Instance]) -> list[str]:
    """Reasons of multi-frame objects that were divided and of which a part is missing (PS3.3 C.7.6.16.2.2.4)."""
    numbers: dict[str, set[int]] = {}
    totals: dict[str, int] = {}
    for m in members:
        if (place := m.header.concatenation) is not None:
            numbers.setdefault(place.uid, set()).add(place.number)
            totals[place.uid] = max(totals.get(place.uid, 0), place.total)
    problems = []
    for uid, there in numbers.items():
        total = max(totals[uid], *there)
        if len(there) < total:
            problems.append(f"{total - len(there)} of {total} parts of a concatenation are missing")
    return problems


def _ref(
    members: Sequence[Instance],
    own: Sequence[Instance],
    volume: Stack,
    keyed: bool,
    problems: Sequence[str],
    notes: Sequence[str],
    name: str,
) -> StudyRef:
    """members: all files with their copies; own: those that are used; name: suffix of a volume among several."""
    first = own[0].header
    files = tuple(sorted((m.file for m in members), key=lambda f: f.path))
    by_path = {m.file.path: m for m in own}
    selected = tuple(selection_of(volume.frames, by_path[f.path]) if f.path in by_path else "" for f in files)
    selection = selected if any(selected) else ()
    found = [*problems, *_identity_problems(own)]
    if first.modality in STACKED:
        found += stack(own, {f.path: text for f, text in zip(files, selection, strict=False) if text})[1]
    references = {m.header.frame_of_reference for m in own} - {""}
    if len(references) > 1 and OTHER_REFERENCES not in found:
        notes = [*notes, OWN_REFERENCES]
    patient = patient_of(m.header for m in members)
    source = files[0].path if len(files) == 1 else posixpath.commonpath({folder_of(m) for m in members}) or "."
    short = hashlib.sha256(f"{first.study_uid}\0{first.series_uid or files[0].sha256}".encode()).hexdigest()[:8]
    return StudyRef(
        key=f"{source}#{short}{name}",
        source=source,
        kind="dicom",
        digest=study_digest(files, selection, ASSUMED_HOUNSFIELD in notes),
        files=files,
        modality=first.modality,
        body_part=first.body_part,
        sop_class_uid=first.sop_class_uid,
        study_uid=first.study_uid or None,
        series_uid=first.series_uid or None,
        patient_hash=patient if keyed and patient else None,
        rows=first.rows,
        columns=first.columns,
        frames=len(volume.frames),
        problems=tuple(dict.fromkeys(found)),
        notes=tuple(notes),
        attributes=shared(m.header.attributes for m in own),
        selection=selection,
    )


def study_digest(files: Iterable[SourceFile], selection: Sequence[str] = (), assumed_hounsfield: bool = False) -> str:
    """SHA-256 over the sorted content digests: the same pictures are the same study, wherever they lie.

    selection: frames of each file; a volume that is a part of its files has a digest of its own. assumed_hounsfield:
    its values were taken for what no header says; that is another study than one without them.
    """
    files = list(files)
    lines = {f.sha256 for f in files}
    if any(selection):
        lines = {f"{f.sha256} {text}" for f, text in zip(files, selection, strict=True)}
    ending = ["assume_hounsfield"] if assumed_hounsfield else []
    return hashlib.sha256("\n".join([*sorted(lines), *ending]).encode()).hexdigest()


def _identity_problems(members: Sequence[Instance]) -> list[str]:
    problems = [problem for m in members for problem in m.header.problems]
    uids = [m.header.sop_instance_uid for m in members if m.header.sop_instance_uid]
    if len(set(uids)) < len(uids):
        problems.append("two different pictures bear one SOP Instance UID: neither can be trusted")
    return problems
