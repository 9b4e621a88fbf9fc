"""A watched line under what goes wrong around it: nothing is lost in silence, nothing is doubled, the watch goes on."""

import os
import sqlite3
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.audit import open_log, verify
from inspect_ai.domain import Outcome
from inspect_ai.errors import AuditError, InputError, UsageError
from inspect_ai.journeys.scan import Notice as ScanNotice
from inspect_ai.journeys.scan import Summary, scan
from inspect_ai.journeys.watch import FileRejected, Notice, PartDecided, PartWaiting, WatchEvent, WatchSummary, watch
from inspect_ai.settings import Settings
from tests.support.tasks import make_pictures, make_task

pytestmark = pytest.mark.timeout(300)  # a watch that says nothing more would be waited for without end


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_task(tmp_path / "tasks")
    (tmp_path / "line").mkdir()
    return Settings(db=tmp_path / "log.db", out=tmp_path / "out", tasks=str(tmp_path / "tasks"), task="bright")


@pytest.fixture
def line(tmp_path: Path, settings: Settings) -> Path:
    return tmp_path / "line"


def changed(settings: Settings, **values: object) -> Settings:
    return Settings(**{name: getattr(settings, name) for name in ("db", "out", "tasks", "task")} | values)  # type: ignore[arg-type]


def until(events: Iterator[WatchEvent], wanted: Callable[[WatchEvent], bool]) -> list[WatchEvent]:
    """Events of a running watch up to the one that is wanted."""
    seen = []
    for event in events:
        seen.append(event)
        if wanted(event):
            return seen
    raise AssertionError(f"the watch ended after {seen}")


def summed(events: list[WatchEvent]) -> WatchSummary:
    """The summary, whose numbers must add up."""
    summary = events[-1]
    assert isinstance(summary, WatchSummary)
    ways = (summary.parts, summary.known, summary.rejected, summary.waiting, summary.left)
    assert summary.found == sum(ways)
    return summary


def bmp(flag: bool) -> bytes:
    low, high = (140, 250) if flag else (10, 110)
    picture = np.random.default_rng(flag).integers(low, high, (72, 96, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".bmp", picture)[1])


def rows(db: Path) -> dict[str, list[str]]:
    """Outcomes, or "told", of each content in the log."""
    found: dict[str, list[str]] = {}
    with open_log(db) as log:
        for entry in log.entries(kind="decision"):
            decision = entry.decision()
            found.setdefault(decision.study.files[0].sha256, []).append(decision.verdict.outcome.value)
        for entry in log.entries(kind="rejection"):
            found.setdefault(entry.rejection().sha256 or "", []).append("told")
    return found


# --- crowded folders


def test_parts_among_twelve_thousand_old_sidecars_are_decided(settings: Settings, line: Path) -> None:
    for number in range(12_000):
        old = line / f"part_{number:06d}.json"
        old.write_text("{}")
        os.utime(old, (1.7e9, 1.7e9))
    make_pictures(line, 3, first=20_000)

    summary = summed(list(watch(line, settings, once=True)))

    assert (summary.parts, summary.found, summary.sidecars) == (3, 3, 12_000)


def test_a_new_part_does_not_wait_for_the_old_ones(settings: Settings, line: Path) -> None:
    make_pictures(line, 120)
    events = watch(line, settings)
    until(events, lambda event: isinstance(event, PartDecided))
    make_pictures(line, 1, first=900)

    seen = until(events, lambda e: isinstance(e, PartDecided) and e.decision.study.source == "part0900.png")

    events.close()
    assert len(seen) < 100


# --- files that are not whole


def test_a_bmp_with_reserved_space_is_waited_for_and_decided_once(settings: Settings, line: Path) -> None:
    whole = bmp(flag=True)
    half = whole[: len(whole) // 2]
    (line / "part.bmp").write_bytes(half + bytes(len(whole) - len(half)))
    events = watch(line, settings)
    waiting = until(events, lambda event: isinstance(event, PartWaiting | PartDecided))
    with (line / "part.bmp").open("r+b") as file:
        file.write(whole)

    decided = until(events, lambda event: isinstance(event, PartDecided))

    events.close()
    assert not [event for event in waiting if isinstance(event, PartDecided)]
    assert isinstance(decided[-1], PartDecided)
    assert decided[-1].decision.verdict.outcome is Outcome.FLAG
    assert list(rows(settings.db).values()) == [["flag"]]


def test_a_picture_that_ends_in_black_is_decided_with_a_remark_after_patience_or_at_once_where_told_so(
    settings: Settings, line: Path
) -> None:
    picture = cv2.imdecode(np.frombuffer(bmp(flag=True), np.uint8), cv2.IMREAD_COLOR)
    picture[:2] = 0  # a BMP holds its rows from below
    cv2.imwrite(str(line / "part.bmp"), picture)

    waited = list(watch(line, changed(settings, zero_tail_s=1.0), once=True))
    late = [e for e in waited if isinstance(e, PartDecided)]
    (line / "part.bmp").rename(line / "other.bmp")
    free = [e for e in watch(line, changed(settings, zero_tail="TIFF"), once=True) if isinstance(e, PartDecided)]

    assert [event.path for event in waited if isinstance(event, PartWaiting)] == ["part.bmp"]
    assert (summed(waited).waiting, summed(waited).parts) == (0, 1)
    assert any("all zero" in note for note in late[0].decision.study.notes)
    assert not any("all zero" in note for note in free[0].decision.study.notes)


def test_a_camera_whose_pictures_end_in_black_is_known_after_three_of_them(settings: Settings, line: Path) -> None:
    picture = cv2.imdecode(np.frombuffer(bmp(flag=True), np.uint8), cv2.IMREAD_COLOR)
    picture[:2] = 0
    events = watch(line, changed(settings, zero_tail_s=0.5))
    for number in range(3):
        picture[10, 10] = number
        cv2.imwrite(str(line / f"part{number}.bmp"), picture)
        until(events, lambda event: isinstance(event, PartDecided))
    picture[10, 10] = 9
    cv2.imwrite(str(line / "part9.bmp"), picture)

    seen = until(events, lambda event: isinstance(event, PartDecided))

    events.close()
    assert not [event for event in seen if isinstance(event, PartWaiting)]


def test_the_completeness_of_a_format_need_not_be_checked_and_no_unknown_format_is_named(
    settings: Settings, line: Path
) -> None:
    make_pictures(line, 1)
    whole = (line / "part0000.png").read_bytes()
    (line / "part0000.png").write_bytes(whole[: len(whole) // 2])

    unchecked = summed(list(watch(line, changed(settings, completeness="JPEG, BMP"), once=True)))

    assert (unchecked.waiting, unchecked.parts) == (0, 1)
    with pytest.raises(UsageError, match=r"completeness names 'PGN'.*PNG"):
        list(watch(line, changed(settings, completeness="PGN"), once=True))


def test_a_file_counts_only_when_nothing_was_written_to_it_for_the_settling_time(
    settings: Settings, line: Path
) -> None:
    make_pictures(line, 1)
    made = [e for e in watch(line, changed(settings, settle_ms=700.0), once=True) if isinstance(e, PartDecided)]

    assert made[0].cycle_ms >= 700.0


@pytest.mark.parametrize("skew_s", [-1e8, 1e8])
def test_a_share_whose_clock_is_wrong_changes_nothing(settings: Settings, line: Path, skew_s: float) -> None:
    make_pictures(line, 2)
    whole = (line / "part0000.png").read_bytes()
    (line / "half.png").write_bytes(whole[: len(whole) // 2])
    for file in line.iterdir():
        os.utime(file, (time.time() + skew_s,) * 2)

    summary = summed(list(watch(line, settings, once=True)))

    assert (summary.parts, summary.waiting) == (2, 1)


# --- parts that went, links, what cannot be read


def test_links_pipes_and_unknown_formats_each_end_in_a_row(settings: Settings, line: Path) -> None:
    make_pictures(line, 1)
    (line / "link.png").symlink_to(line / "part0000.png")
    (line / "nowhere.png").symlink_to(line / "nothing.png")
    os.mkfifo(line / "pipe.png")
    (line / "part.raw").write_bytes(bytes(range(1, 256)) * 40)
    (line / "locked.png").write_bytes((line / "part0000.png").read_bytes())
    (line / "locked.png").chmod(0)

    events = list(watch(line, settings, once=True))
    again = list(watch(line, settings, once=True))

    told = {e.rejection.file: e.rejection.reason for e in events if isinstance(e, FileRejected)}
    assert set(told) == {"link.png", "nowhere.png", "pipe.png", "locked.png"}
    assert "links are not followed" in told["link.png"]
    assert "right to read it" in told["locked.png"]
    summary = summed(events)
    assert (summary.parts, summary.abstain, summary.rejected, summary.found) == (2, 1, 4, 6)
    assert (summed(again).known, summed(again).rejected) == (2, 4)
    assert sum(map(len, rows(settings.db).values())) == 6  # no row came twice


def locked(db: Path) -> sqlite3.Connection:
    """A connection that holds the log for itself."""
    other = sqlite3.connect(db, timeout=10, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_parts_that_go_while_the_log_is_locked_are_told_and_the_others_decided(settings: Settings, line: Path) -> None:
    make_pictures(line, 1)
    events = watch(line, settings)
    until(events, lambda event: isinstance(event, PartDecided))
    with closing(locked(settings.db)) as other:
        make_pictures(line, 14, first=100)
        said = until(events, lambda event: isinstance(event, Notice))
        for _ in range(2):
            said += until(events, lambda event: isinstance(event, Notice))
        (line / "part0113.png").unlink()  # more than are under way: some wait, read, for room
        (line / "part0112.png").unlink()
        make_pictures(line, 1, first=500)
        (line / "part0500.png").replace(line / "part0111.png")
        other.execute("ROLLBACK")

    seen = until(events, lambda event: isinstance(event, Notice) and event.over)
    seen += until(events, lambda e: isinstance(e, PartDecided) and e.decision.study.source == "part0100.png")
    stop = time.monotonic() + 30
    while sum(map(len, rows(settings.db).values())) < 16 and time.monotonic() < stop:
        seen.append(next(events))
    events.close()

    found = rows(settings.db)
    assert sum(map(len, found.values())) == 16  # 1 + 14 + the one that replaced another
    assert all(len(ways) == 1 for content, ways in found.items() if content)
    assert any("locked by another program" in event.message for event in said if isinstance(event, Notice))
    assert verify(settings.db).ok


def test_a_part_deleted_before_it_is_decoded_is_told(
    settings: Settings, line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inspect_ai.inspection.workers import Workers

    make_pictures(line, 2)
    submit = Workers.submit

    def late(self: Workers, ref: object, *rest: object) -> None:
        if ref.source == "part0001.png":  # type: ignore[attr-defined]
            (line / "part0001.png").unlink()
        submit(self, ref, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Workers, "submit", late)

    events = list(watch(line, settings, once=True))

    (told,) = [event.rejection for event in events if isinstance(event, FileRejected)]
    assert (told.file, told.reason) == ("part0001.png", "deleted before it was decided")
    summary = summed(events)
    assert (summary.parts, summary.rejected, summary.found) == (1, 1, 2)


def test_a_part_written_again_before_it_is_decoded_is_told_and_its_successor_decided(
    settings: Settings, line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inspect_ai.inspection.workers import Workers

    make_pictures(line, 1)
    (line / "part0000.png").rename(line / "latest.png")
    make_pictures(line.parent / "next", 1, first=1)
    submit, times = Workers.submit, []

    def late(self: Workers, ref: object, *rest: object) -> None:
        if not times:
            (line / "latest.png").write_bytes((line.parent / "next" / "part0001.png").read_bytes())
        times.append(ref)
        submit(self, ref, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Workers, "submit", late)

    events = list(watch(line, settings, once=True))

    assert sorted(way for ways in rows(settings.db).values() for way in ways) == ["flag", "told"]
    assert (summed(events).parts, summed(events).rejected, summed(events).found) == (1, 1, 2)


# --- the folder goes away


def test_a_folder_that_goes_away_is_waited_for_and_loses_and_doubles_nothing(settings: Settings, line: Path) -> None:
    make_pictures(line, 2)
    events = watch(line, settings)
    until(events, lambda event: isinstance(event, PartDecided))
    until(events, lambda event: isinstance(event, PartDecided))
    line.rename(line.parent / "elsewhere")
    away = until(events, lambda event: isinstance(event, Notice))
    make_pictures(line.parent / "elsewhere", 2, first=2)
    line.mkdir()  # as an unmounted share leaves it
    time.sleep(1.5)
    line.rmdir()
    (line.parent / "elsewhere").rename(line)

    back = until(events, lambda event: isinstance(event, Notice) and event.over)
    back += until(events, lambda event: isinstance(event, PartDecided))
    back += until(events, lambda event: isinstance(event, PartDecided))
    make_pictures(line, 1, first=4)
    until(events, lambda event: isinstance(event, PartDecided))
    events.close()

    assert isinstance(away[-1], Notice)
    assert "went away" in away[-1].message
    assert sorted(rows(settings.db).values()) == sorted([["clear"], ["flag"], ["clear"], ["flag"], ["clear"]])


def test_once_ends_though_the_folder_does_not_come_back_and_tells_each_part(
    settings: Settings, line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inspect_ai.inspection.workers import Workers

    make_pictures(line, 12)
    submit, times = Workers.submit, []

    def away(self: Workers, ref: object, *rest: object) -> None:
        if not times:
            line.rename(line.parent / "elsewhere")
        times.append(ref)
        submit(self, ref, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Workers, "submit", away)
    events: list[WatchEvent] = []

    with pytest.raises(InputError, match="went away and did not come back"):
        deque(map(events.append, watch(line, settings, once=True, patience_s=1.0)))

    summary = summed(events)
    assert (summary.found, summary.parts + summary.rejected, summary.left) == (12, 12, 0)
    assert summary.rejected > 0


# --- log and pictures


def held(db: Path, seconds: float) -> threading.Thread:
    """Lock the log now, and for so long."""
    ready = threading.Event()

    def hold() -> None:
        with closing(locked(db)) as other:
            ready.set()
            time.sleep(seconds)
            other.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait()
    return thread


def test_a_watch_waits_for_a_log_that_is_locked_from_the_start(settings: Settings, line: Path) -> None:
    make_pictures(line, 2)
    with open_log(settings.db):
        pass
    thread = held(settings.db, 3.0)

    events = list(watch(line, settings, once=True))

    thread.join()
    said = [event for event in events if isinstance(event, Notice)]
    assert [event.over for event in said] == [False] * (len(said) - 1) + [True]
    assert summed(events).parts == 2


def test_a_scan_waits_for_its_log_and_ends_with_the_environments_code_when_that_lasts(
    settings: Settings, line: Path
) -> None:
    make_pictures(line, 2)
    with open_log(settings.db):
        pass
    thread = held(settings.db, 2.5)
    events = list(scan(line, settings))
    thread.join()
    assert isinstance(events[-1], Summary)
    assert events[-1].studies == 2
    assert any(isinstance(event, ScanNotice) and event.over for event in events)

    thread = held(settings.db, 4.0)
    with pytest.raises(AuditError, match="is locked by another program") as caught:
        list(scan(line, changed(settings, log_wait_s=0.5)))
    thread.join()
    assert caught.value.exit_code == 5


def test_a_log_on_a_full_disk_is_waited_for(settings: Settings, line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inspect_ai.audit.log import Log

    make_pictures(line, 2)
    append, times = Log.append, []

    def full(self: Log, items: object) -> object:
        times.append(items)
        if 1 < len(times) < 4:
            raise AuditError("The disk of the audit log is full.", passing="on a full disk")
        return append(self, items)  # type: ignore[arg-type]

    monkeypatch.setattr(Log, "append", full)

    events = list(watch(line, settings, once=True))

    assert len([event for event in events if isinstance(event, Notice) and "full disk" in event.message]) == 2
    assert summed(events).parts == 2


def test_decisions_go_on_without_pictures_while_these_cannot_be_stored(settings: Settings, line: Path) -> None:
    make_pictures(line, 3)
    settings.out.write_text("a file where the folder should be")

    events = list(watch(line, settings, once=True))
    settings.out.unlink()
    make_pictures(line, 1, first=3)
    after = list(watch(line, settings, once=True))

    assert [e.subject for e in events if isinstance(e, Notice)] == ["pictures"]
    assert (summed(events).parts, summed(events).pictures_lost) == (3, 3)
    assert (summed(after).parts, summed(after).pictures_lost) == (1, 0)
    assert len(list((settings.out / "pictures").glob("*.png"))) == 2


def test_a_full_picture_disk_leaves_no_half_picture(settings: Settings, line: Path) -> None:
    settings.out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(settings.out)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount the small disk that this needs")
    try:
        make_pictures(line, 4)
        events = list(watch(line, settings, once=True))
        pictures = [cv2.imread(str(file)) for file in settings.out.rglob("*.png")]
    finally:
        subprocess.run(["umount", str(settings.out)], check=True)

    assert summed(events).parts == 4
    assert summed(events).pictures_lost > 0
    assert not [picture for picture in pictures if picture is None]


def test_an_interrupt_while_the_log_is_locked_ends_with_its_sentence(settings: Settings, line: Path) -> None:
    import signal
    import sys

    make_pictures(line, 1)
    with open_log(settings.db):
        pass
    code = "from inspect_ai.cli import main; main()"
    command = [sys.executable, "-c", code, "watch", str(line), "--task", "bright", "--db", str(settings.db)]
    environment = os.environ | {"INSPECT_AI_TASKS": settings.tasks}
    with closing(locked(settings.db)):
        watcher = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=line.parent)
        assert watcher.stderr is not None
        said = next(text for text in watcher.stderr if text.startswith("warning"))

        watcher.send_signal(signal.SIGTERM)
        _, err = watcher.communicate(timeout=30)

    assert "The audit log is locked by another program" in said
    assert watcher.returncode == 130
    assert "Interrupted. What was committed stands" in err
    assert "Traceback" not in err
