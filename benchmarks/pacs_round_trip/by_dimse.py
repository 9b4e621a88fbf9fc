"""Round trip by DIMSE: Orthanc sends by C-STORE, the listener decides and sends the results by C-STORE."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from benchmarks.pacs_round_trip.counting import Found, Happened, Uploaded, found
from benchmarks.pacs_round_trip.sides import sides, uploaded
from tests.support.pacs import Listener, Orthanc, until

MOST_S = 1800.0
AWAY_S = 3.0


def by_dimse(folder: Path, studies: int, slices: int) -> Found:
    """Send half; kill Orthanc, and the listener while results wait; start both; send the rest; kill Orthanc again.

    In the end all is sent once more, with our results.
    """
    with sides(folder, web=False) as (orthanc, listener):
        there = uploaded(orthanc, folder / "source", studies, slices)
        listener.start()
        started = time.monotonic()
        answered = _sent(orthanc, there[: studies // 2])
        orthanc.kill()
        until(lambda: listener.events("not_sent"), "a failed attempt", MOST_S)
        listener.kill()
        listener.start()
        orthanc.start()
        answered += _sent(orthanc, there[studies // 2 :])
        until(lambda: listener.events("sent"), "a result", MOST_S)
        orthanc.kill()
        time.sleep(AWAY_S)
        orthanc.start()
        until(lambda: _done(listener, studies), "the last result", MOST_S)
        seconds = time.monotonic() - started
        again = _sent(orthanc, there)
        until(lambda: not list((listener.into / "incoming").iterdir()), "the end of receiving", MOST_S)
        until(lambda: _done(listener, studies), "the last result of what came again", MOST_S)
        happened = Happened(orthanc_kills=2, our_kills=1, taken=answered, again=again, seconds=seconds)
        return found(listener, orthanc, there, happened)


def _sent(orthanc: Orthanc, studies: list[Uploaded]) -> int:
    """Let Orthanc send studies; the number of objects that were answered with success."""
    return sum(int(orthanc.send(study.identifier)["InstancesCount"]) for study in studies)


def _done(listener: Listener, studies: int) -> bool:
    states = Counter(row["state"] for row in listener.listed())
    time.sleep(2.0)  # each look is a process of its own
    return states["sent"] == studies == sum(states.values())
