"""A watched folder: one decision a part, whatever is written how, and whatever is killed when."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.audit import open_log, verify
from inspect_ai.domain import Decision, Outcome
from inspect_ai.errors import UsageError
from inspect_ai.journeys.watch import PartDecided, PartWaiting, WatchSummary, watch
from inspect_ai.settings import Settings
from tests.support.tasks import make_pictures, make_task


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_task(tmp_path / "tasks")
    (tmp_path / "line").mkdir()
    return Settings(db=tmp_path / "log.db", out=tmp_path / "out", tasks=str(tmp_path / "tasks"), task="bright")


def once(
    settings: Settings, folder: Path, **options: float
) -> tuple[list[PartDecided], list[PartWaiting], WatchSummary]:
    events = list(watch(folder, settings, once=True, **options))
    assert isinstance(events[-1], WatchSummary)
    return (
        [event for event in events if isinstance(event, PartDecided)],
        [event for event in events if isinstance(event, PartWaiting)],
        events[-1],
    )


def in_log(db: Path) -> Counter[tuple[str, str]]:
    with open_log(db) as log:
        entries = list(log.entries(kind="decision"))
        return Counter((log.names.opened(e.sealed)[1], e.decision().study.files[0].sha256) for e in entries)


def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_one_look_at_a_folder_decides_each_part_once(settings: Settings, tmp_path: Path) -> None:
    line = tmp_path / "line"
    bright = make_pictures(line, 6)
    make_pictures(line / "lot_1", 2, first=6)
    (line / "part0001.json").write_text('{"lot": 7}')
    (line / "part0009.png.tmp").write_bytes(b"half")

    decided, waiting, summary = once(settings, line)
    again, _, second = once(settings, line)

    assert {e.decision.study.source for e in decided} == {*bright, "lot_1/part0006.png", "lot_1/part0007.png"}
    outcomes = {e.decision.study.source: e.decision.verdict.outcome for e in decided}
    assert all((outcomes[name] is Outcome.FLAG) == flag for name, flag in bright.items())
    assert (summary.parts, summary.flag, summary.clear) == (8, 4, 4)
    assert waiting == again == []
    assert (second.parts, second.known) == (0, 8)
    assert set(in_log(settings.db).values()) == {1}


def test_the_same_content_under_another_name_is_another_part(settings: Settings, tmp_path: Path) -> None:
    line = tmp_path / "line"
    make_pictures(line, 1)
    shutil.copy(line / "part0000.png", line / "copy.png")

    decided, _, _ = once(settings, line)

    assert len({e.entry for e in decided}) == 2
    assert len({e.sha256 for e in decided}) == 1


def test_new_content_under_an_old_name_is_decided_and_names_the_row_that_it_replaces(
    settings: Settings, tmp_path: Path
) -> None:
    line = tmp_path / "line"
    make_pictures(line, 2)
    first, _, _ = once(settings, line)
    old = next(e.entry for e in first if e.decision.study.source == "part0000.png")
    (line / "part0001.png").rename(line / "part0000.png")

    second, _, _ = once(settings, line)

    (event,) = second
    assert event.decision.study.source == "part0000.png"
    assert any(f"entry {old}" in note for note in event.decision.study.notes)


def test_what_cannot_be_read_ends_as_abstain(settings: Settings, tmp_path: Path) -> None:
    line = tmp_path / "line"
    (line / "garbage.png").write_bytes(b"this is no picture, whatever its name says")
    make_pictures(line, 1)
    whole = (line / "part0000.png").read_bytes()
    damaged = bytearray(whole)
    damaged[60:200] = bytes(140)  # inside the compressed pixels; the file still ends as a PNG ends
    (line / "damaged.png").write_bytes(damaged)

    decided, _, summary = once(settings, line)

    reasons = {e.decision.study.source: e.decision.verdict for e in decided}
    assert reasons["garbage.png"].outcome is Outcome.ABSTAIN
    assert reasons["damaged.png"].outcome is Outcome.ABSTAIN
    assert reasons["garbage.png"].reason
    assert reasons["damaged.png"].reason
    assert (summary.parts, summary.abstain) == (3, 2)


def test_a_file_that_ends_in_the_middle_is_waited_for_and_in_the_end_abstained(
    settings: Settings, tmp_path: Path
) -> None:
    line = tmp_path / "line"
    make_pictures(line, 1)
    whole = (line / "part0000.png").read_bytes()
    (line / "lost.png").write_bytes(whole[: len(whole) * 2 // 3])

    decided, waiting, _ = once(settings, line)
    assert [e.decision.study.source for e in decided] == ["part0000.png"]
    assert [e.path for e in waiting] == ["lost.png"]
    long_ago = time.time() - 1000
    os.utime(line / "lost.png", (long_ago, long_ago))

    decided, waiting, _ = once(settings, line)
    assert decided == []  # the clock of a share says nothing
    assert [e.path for e in waiting] == ["lost.png"]

    decided, waiting, _ = once(settings, line, patience_s=0.0)

    assert [(e.decision.study.source, e.decision.verdict.outcome) for e in decided] == [("lost.png", Outcome.ABSTAIN)]
    assert waiting == []


def test_a_line_needs_a_task_and_a_folder(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        list(watch(tmp_path / "nothing", settings, once=True))
    with pytest.raises(UsageError, match="--task"):
        list(watch(tmp_path / "line", Settings(db=settings.db), once=True))


class Camera(threading.Thread):
    """Drops pictures in three manners, as cameras do: slowly under the final name, renamed, and a whole lot at once."""

    def __init__(self, source: Path, line: Path, seed: int) -> None:
        super().__init__(daemon=True)
        self.source, self.line, self.random = source, line, np.random.default_rng(seed)
        self.dropped: set[tuple[str, str]] = set()

    def run(self) -> None:
        for number, picture in enumerate(sorted(self.source.iterdir())):
            manner = number % 3
            target = self.line / picture.name
            if manner == 0:
                with target.open("wb", buffering=0) as file:
                    for piece in np.array_split(np.frombuffer(picture.read_bytes(), np.uint8), 4):
                        file.write(piece.tobytes())
                        time.sleep(float(self.random.uniform(0.0, 0.12)))
            elif manner == 1:
                temporary = self.line / f".{picture.name}.part"
                shutil.copy(picture, temporary)
                temporary.rename(target)
            else:
                lot = self.source.parent / f"lot{number}"
                lot.mkdir()
                shutil.copy(picture, lot / picture.name)
                target = self.line / lot.name / picture.name
                lot.rename(self.line / lot.name)
            self.dropped.add((target.relative_to(self.line).as_posix(), content(picture)))
            time.sleep(float(self.random.uniform(0.0, 0.1)))


def test_every_part_is_decided_once_though_the_watcher_is_killed_again_and_again(
    settings: Settings, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "camera", 60)
    camera = Camera(tmp_path / "camera", tmp_path / "line", seed=1)
    random = np.random.default_rng(2)
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "watch", str(tmp_path / "line")]
    command += ["--task", "bright", "--db", str(settings.db), "--out", str(settings.out), "--json", "--names"]
    environment = os.environ | {"INSPECT_AI_TASKS": settings.tasks}
    shown: list[tuple[str, str]] = []
    camera.start()
    for _ in range(6):
        out = (tmp_path / "shown.jsonl").open("w+")
        watcher = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.DEVNULL)
        time.sleep(float(random.uniform(0.8, 2.0)))
        watcher.send_signal(signal.SIGKILL)
        watcher.wait()
        out.seek(0)
        lines = [line for line in out.read().splitlines() if line.endswith("}")]
        shown += [(event["source"], event["sha256"]) for event in map(json.loads, lines)]
        committed = in_log(settings.db) if settings.db.exists() else Counter()
        assert set(shown) <= set(committed)  # nothing is shown that is not on disk
    camera.join()

    subprocess.run([*command, "--once"], env=environment, stdout=subprocess.DEVNULL, timeout=60, check=True)

    assert in_log(settings.db) == Counter(camera.dropped)
    assert len(shown) == len(set(shown))
    assert verify(settings.db).ok


def test_an_interrupt_ends_a_watch_with_130(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "line", 1)
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "watch", str(tmp_path / "line")]
    command += ["--task", "bright", "--db", str(settings.db), "--json"]
    watcher = subprocess.Popen(
        command,
        env=os.environ | {"INSPECT_AI_TASKS": settings.tasks},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert watcher.stdout is not None
    assert json.loads(watcher.stdout.readline())["type"] == "study"

    watcher.send_signal(signal.SIGTERM)
    _, stderr = watcher.communicate(timeout=30)

    assert watcher.returncode == 130
    assert "Traceback" not in stderr


def test_a_part_that_takes_the_place_of_another_under_a_running_watch_is_decided_too(
    settings: Settings, tmp_path: Path
) -> None:
    line = tmp_path / "line"
    make_pictures(line, 1)
    made: list[Decision] = []
    events = watch(line, settings, once=False)
    for event in events:
        assert isinstance(event, PartDecided)
        made.append(event.decision)
        if len(made) == 1:
            make_pictures(tmp_path / "next", 1, first=1)
            (tmp_path / "next" / "part0001.png").replace(line / "part0000.png")
        else:
            break
    events.close()

    assert [d.study.source for d in made] == ["part0000.png"] * 2
    assert made[1].study.files[0].sha256 == content(line / "part0000.png")


def test_what_the_program_itself_writes_into_the_watched_folder_is_no_part(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks")
    make_pictures(tmp_path / "in", 2)
    own = Settings(
        tasks=str(tmp_path / "tasks"), task="bright", db=tmp_path / "in" / "log.db", out=tmp_path / "in" / "out"
    )

    first = [event for event in watch(tmp_path / "in", own, once=True) if isinstance(event, PartDecided)]
    again = [event for event in watch(tmp_path / "in", own, once=True) if isinstance(event, PartDecided)]

    assert len(first) == 2
    assert any((tmp_path / "in" / "out").rglob("*.png"))  # the pictures of the decisions
    assert again == []
