"""Study of mutants: each alone in a folder, and some together, through the same functions that scan and watch call."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.fuzz.mutations import mutated
from benchmarks.fuzz.originals import SECRETS, originals
from benchmarks.fuzz.results import ENDS, Counted, Ended, FuzzResult
from benchmarks.fuzz.watching import loaded
from inspect_ai.domain import Rejection, StudyRef
from inspect_ai.errors import InspectError
from inspect_ai.ingest import DecoderDied, DecoderPool, DecoderTimeout, discover
from inspect_ai.ingest.watching.watched_files import list_files, watched_file
from inspect_ai.settings import Settings
from inspect_ai.text import printable

LATE_S = 5.0  # beyond the limit of a decoder, for starting a child on a busy machine
TOGETHER = 40  # mutants that are ingested in one folder too
MESSAGE_MOST = 1_500  # characters
UNEXPECTED = "decoding failed with "  # how the pool names what a decoder must not let through


def fuzz(
    files: int, seed: int, settings: Settings, progress: Callable[[int], object] = lambda done: None
) -> FuzzResult:
    """Make `files` mutants from `seed` and let each end. The same seed makes the same mutants."""
    chance, sound = random.Random(seed), originals()  # noqa: S311 - the same mutants each time, no secret
    names = list(sound)
    ended: dict[str, list[Ended]] = {name: [] for name in names}
    faults: list[str] = []
    together = 0
    started = time.monotonic()
    with _sandbox() as folder, DecoderPool(1, settings.decode_memory_gib) as pool:
        ingest = Ingest(folder, settings, pool)
        sound_ends = {name: ingest.alone(content).end for name, content in sound.items()}
        faults += [f"{name} is not read even unchanged" for name, end in sound_ends.items() if end not in ENDS[:2]]
        batch: list[bytes] = []
        for number in range(files):
            name = names[number % len(names)]
            batch.append(mutated(sound[name], chance))
            one = ingest.alone(batch[-1])
            ended[name].append(one)
            faults += [f"mutant {number} of {name}: {fault}" for fault in one.faults]
            if len(batch) == TOGETHER:
                faults += [f"mutants up to {number} together: {fault}" for fault in ingest.together(batch)]
                together += len(batch)
                batch = []
            progress(number + 1)
    rows = tuple(_counted(name, ends) for name, ends in ended.items() if ends)
    return FuzzResult(
        files=files, seed=seed, seconds=time.monotonic() - started, rows=rows, faults=tuple(faults), together=together
    )


class Ingest:
    """Runs mutants through discovery, decoding and the look of a watch, and collects what must not happen."""

    def __init__(self, folder: Path, settings: Settings, pool: DecoderPool) -> None:
        self._folder, self._settings, self._pool = folder, settings, pool
        self._root = folder / "studies"
        self._root.mkdir()

    def alone(self, content: bytes) -> Ended:
        """Let one mutant end, alone in a folder."""
        path = self._root / "mutant"
        path.write_bytes(content)
        started = time.monotonic()
        faults: list[str] = []
        try:
            end = self._ends(["mutant"], faults)
            self._watch(path)
        except Exception as e:  # noqa: BLE001 - an exception here is what is looked for
            end, faults = "pixels", [*faults, f"{type(e).__name__} escaped: {printable(str(e))}"]
        seconds = time.monotonic() - started
        limit_s = self._settings.decode_timeout_s + LATE_S
        faults += [f"took {seconds:.1f} s, more than {limit_s:g} s"] if seconds > limit_s else []
        faults += self._left_behind({"mutant": content})
        path.unlink(missing_ok=True)
        return Ended(end=end, seconds=seconds, faults=tuple(faults))

    def together(self, batch: list[bytes]) -> list[str]:
        """Let some mutants end in one folder, where they claim to be of one series; returns the faults."""
        contents = {f"{number:04d}": content for number, content in enumerate(batch)}
        for name, content in contents.items():
            (self._root / name).write_bytes(content)
        faults: list[str] = []
        try:
            self._ends(list(contents), faults)
        except Exception as e:  # noqa: BLE001 - an exception here is what is looked for
            faults.append(f"{type(e).__name__} escaped: {printable(str(e))}")
        faults += self._left_behind(contents)
        for name in contents:
            (self._root / name).unlink(missing_ok=True)
        return faults

    def _ends(self, names: list[str], faults: list[str]) -> str:
        """Discover and load; returns how the last study or rejection ended. Every file must be accounted for."""
        end = "header"
        seen: Counter[str] = Counter()
        for item in discover(self._root, settings=self._settings, pool=self._pool):
            if isinstance(item, Rejection):
                seen[item.file] += 1
                faults += _message_faults([item.reason])
            else:
                seen.update(file.path for file in item.files)
                end = self._load(item, faults)
        faults += [f"{name} was not accounted for" for name in names if not seen[name]]
        faults += [f"{name} was there {times} times" for name, times in seen.items() if times > 1 and len(names) == 1]
        return end

    def _load(self, ref: StudyRef, faults: list[str]) -> str:
        limit_s = self._settings.decode_timeout_s * max(1, len(ref.files))
        job = self._pool.submit(loaded, self._root, ref, self._settings, str(self._folder), timeout_s=limit_s)
        try:
            study = job.result()
        except InspectError as e:
            faults += _message_faults([str(e), *ref.notes, *ref.problems])
            faults += [str(e)] if str(e).startswith(UNEXPECTED) else []
            return "crashed" if isinstance(e, DecoderDied) else "late" if isinstance(e, DecoderTimeout) else "pixels"
        reasons = [reason for _, reason in study.rejections]
        faults += _message_faults([*reasons, *ref.notes, *ref.problems, *study.problems, *study.notes, ref.key])
        faults += [f"a decoder {touched}" for touched in study.touched]
        if not study.has_pixels:
            said = bool(reasons or study.problems or ref.problems)
            faults += [] if said else ["nothing was read, and no reason is given"]
            return "pixels"
        return "problems" if study.problems or ref.problems else "read"

    def _watch(self, path: Path) -> None:
        """Look at the file as a watch does: in this process, before any decoder."""
        states = list_files(path.parent)
        if path.name in states:
            watched_file(path.parent, path.name, states[path.name])

    def _left_behind(self, contents: dict[str, bytes]) -> list[str]:
        """Faults where a file was changed, removed or added."""
        there = {path.relative_to(self._root).as_posix(): path for path in self._root.rglob("*")}
        faults = [f"{name} appeared" for name in there.keys() - contents.keys()]
        for name, content in contents.items():
            kept = name in there and there[name].read_bytes() == content
            faults += [] if kept else [f"{name} was changed"]
        outside = {path.name for path in self._folder.iterdir()} - {"studies", "tmp"}
        return faults + [f"{name} appeared beside the folder" for name in outside]


@contextmanager
def _sandbox() -> Iterator[Path]:
    """Make a folder for the mutants, with the folder of temporary files below it, which must be empty at the end."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="inspect_ai_fuzz_") as name:
        folder = Path(name).resolve()
        (folder / "tmp").mkdir()
        tempfile.tempdir = str(folder / "tmp")
        try:
            yield folder
        finally:
            tempfile.tempdir = before


def _message_faults(messages: list[str]) -> list[str]:
    faults = []
    for message in messages:
        if not message.strip():
            faults.append("an empty message")
        if any(secret in message.lower() for secret in SECRETS):
            faults.append(f"a message quotes a header: {printable(message)}")
        if printable(message, MESSAGE_MOST) != message:
            faults.append(f"a message is too long or not printable: {printable(message)}")
        if "Traceback" in message or " object at 0x" in message:
            faults.append(f"a message is no sentence: {printable(message)}")
    return faults


def _counted(name: str, ended: list[Ended]) -> Counted:
    ends = Counter(one.end for one in ended)
    return Counted(
        name=name,
        files=len(ended),
        ends=tuple(ends[end] for end in ENDS),
        slowest_s=max(one.seconds for one in ended),
    )
