"""Demo: made studies, scanned like any others, by thresholds that were set on made studies.

Nothing is downloaded; a second run makes none again. The thresholds are phantom ones: they say nothing about real
pictures, so the folder must hold the made files and no others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.domain import Decision, Outcome
from inspect_ai.errors import SetupError, UsageError
from inspect_ai.inspection.loading import PHANTOM_FOLDER
from inspect_ai.journeys import scan
from inspect_ai.phantom import MadeStudy, write_corrupt_files, write_studies
from inspect_ai.plugins import find_tasks
from inspect_ai.settings import Settings
from inspect_ai.text import printable

NOTE = (
    "These studies were made by a program for demonstration; no person and no part is on them. Their thresholds were "
    "set on other made studies (phantoms): what is proved here is proved for made pictures alone."
)
STUDIES, READY = "studies", ".studies_are_whole"
EXPECTED = {"positive": Outcome.FLAG, "negative": Outcome.CLEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """Real data that the weights of one task were trained on, by its manifest."""

    task: str
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFolder:
    """Folder of made studies. expected: outcome by file, or folder of a series, that the study was made for."""

    studies: Path
    expected: dict[str, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Studies of one expected outcome: how many there are, and the names of those decided otherwise."""

    outcome: Outcome
    count: int
    otherwise: tuple[str, ...]


def demo(folder: Path, settings: Settings) -> Iterator[scan.ScanEvent]:
    """Make the studies below FOLDER/studies, where they are not yet, and scan them with log and report in FOLDER.

    Raises UsageError where the folder holds files that the demo did not make, SetupError where it cannot be written.
    """
    studies = make_studies(folder).studies
    yield from scan.scan(studies, demo_settings(folder, settings), note=NOTE, made_up=True)


def demo_settings(folder: Path, settings: Settings) -> Settings:
    """Copy the settings, with log and report inside the demo's folder."""
    return replace(settings, db=folder / "inspect_ai.db", out=folder / "report", task="auto")


def make_studies(folder: Path) -> MadeFolder:
    """Make the studies once, and check later that they are all that is there.

    The list of them is written last, so that an interrupted making is made again. Errors as for `demo`.
    """
    studies, marker = folder / STUDIES, folder / READY
    made = _listed(marker)
    if made is None:
        try:
            studies.mkdir(parents=True, exist_ok=True)
            wanted = write_studies(studies)
            corrupt = [item.file for item in write_corrupt_files(studies)]
            made = {"expected": _expected(wanted), "files": _digests(studies, [*_files_of(studies, wanted), *corrupt])}
            marker.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        except OSError as e:
            raise SetupError(f"{folder} cannot be written ({e.strerror}). Choose another folder with --dir.") from e
    _refuse_others(studies, made["files"])
    return MadeFolder(studies=studies, expected={key: Outcome(word) for key, word in made["expected"].items()})


def compare(made: MadeFolder, decisions: Iterable[Decision]) -> list[Comparison]:
    """Compare decisions with what the studies were made for; each study counts once, however often it was met."""
    found = {}
    for decision in decisions:
        key = decision.study.key.partition("#")[0]  # a DICOM study has a part of its UID behind its folder or file
        if key in made.expected:
            found[key] = decision.verdict.outcome
    wanted = sorted(made.expected.items())
    return [
        Comparison(
            outcome=outcome,
            count=sum(expected is outcome for _, expected in wanted),
            otherwise=tuple(key for key, expected in wanted if expected is outcome and found.get(key) is not outcome),
        )
        for outcome in Outcome
    ]


def trained_on(settings: Settings) -> list[TrainedOn]:
    """Names of the data sets of each trained task that takes part: one with thresholds for made pictures."""
    result = []
    for found in find_tasks(settings.tasks):
        manifest = found.folder / "manifest.json"
        if found.task is not None and manifest.is_file() and (found.folder / PHANTOM_FOLDER).is_dir():
            data = json.loads(manifest.read_text("utf-8")).get("data", [])
            result.append(TrainedOn(task=found.name, data=tuple(use["name"] for use in data)))
    return result


def _listed(marker: Path) -> dict[str, dict[str, str]] | None:
    """List of made files, None where there is none: nothing was made, not all, or by an older program."""
    try:
        made = json.loads(marker.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return made if isinstance(made, dict) and {"expected", "files"} <= set(made) else None


def _expected(studies: Iterable[MadeStudy]) -> dict[str, str]:
    return {s.folder_or_file: (EXPECTED[s.truth] if s.usable else Outcome.ABSTAIN).value for s in studies}


def _files_of(root: Path, studies: Iterable[MadeStudy]) -> Iterator[str]:
    """Paths of the studies' files, relative to the root."""
    for study in studies:
        whole = root / study.folder_or_file
        for path in sorted(whole.iterdir()) if whole.is_dir() else [whole]:
            yield path.relative_to(root).as_posix()


def _digests(root: Path, files: Iterable[str]) -> dict[str, str]:
    return {file: hashlib.sha256((root / file).read_bytes()).hexdigest() for file in files}


def _refuse_others(root: Path, made: dict[str, str]) -> None:
    """Refuse files that the demo did not make, or that were changed: its thresholds are for made pictures alone."""
    there = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    others = [file for file in there if file not in made or _digests(root, [file])[file] != made[file]]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise UsageError(
            f"{root} holds {printable(others[0], 200)}{more}, which this demo did not make. Its thresholds were set on "
            "made pictures and say nothing about others. Move your own files away and scan them there (inspect-ai scan "
            "PATH), or choose another folder with --dir."
        )
