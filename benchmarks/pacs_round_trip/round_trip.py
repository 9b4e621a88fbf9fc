"""The round trip itself: Orthanc sends studies, the listener decides them, and text reports come back."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.audit import open_log, verify
from inspect_ai.errors import SetupError
from inspect_ai.pacs.received import Received
from tests.support.dicom_factory import save
from tests.support.pacs import ORTHANC, TASK, Listener, Orthanc, free_port, photograph, until
from tests.support.tasks import make_task

MOST_S = 1800.0
AWAY_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """Counts of a run."""

    studies: int
    orthanc_kills: int
    listener_kills: int
    answered: int
    on_disk: int
    decided: int
    decisions: int
    doubled: int
    queued: int
    sent: int
    failed: int
    results: int
    without: int
    twice: int
    chain: str
    seconds: float

    @property
    def holds(self) -> bool:
        """True where nothing was lost and nothing doubled."""
        once = self.decided == self.studies and self.decisions == self.queued == self.sent == self.results
        whole = self.answered == self.on_disk and self.chain == "intact"
        return once and whole and not (self.doubled or self.without or self.twice)


def round_trip(folder: Path, studies: int, images: int) -> Found:
    """Send half; kill Orthanc, and the listener while results wait; start both; send the rest; kill Orthanc again."""
    if not Path(ORTHANC).is_file():
        raise SetupError("Orthanc is not installed. Install the Debian package orthanc.")
    make_task(folder / "tasks", task_py=TASK)
    port = free_port()
    orthanc = Orthanc(folder / "orthanc", port)
    listener = Listener(folder, port, {"archive": f"dimse://ORTHANC@127.0.0.1:{orthanc.dicom}"})
    try:
        there = _uploaded(orthanc, folder / "source", studies, images)
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
        reports = Counter({study: orthanc.modalities(study).count("SR") for study in there})
        return _found(listener, reports, answered, seconds)
    finally:
        listener.kill()
        orthanc.kill()


def _uploaded(orthanc: Orthanc, folder: Path, studies: int, images: int) -> list[str]:
    """Put the studies into Orthanc; their identifiers there."""
    found = []
    for number in range(studies):
        for image in range(images):
            path = save(photograph(number, instance=image), folder / f"{number}-{image}.dcm")
            identifier = orthanc.upload(path)
        found.append(identifier)
    return found


def _sent(orthanc: Orthanc, studies: list[str]) -> int:
    """Let Orthanc send studies; the number of images that were answered with success."""
    return sum(int(orthanc.send(study)["InstancesCount"]) for study in studies)


def _done(listener: Listener, studies: int) -> bool:
    states = Counter(row["state"] for row in listener.listed())
    time.sleep(2.0)  # each look is a process of its own
    return states["sent"] == studies == sum(states.values())


def _found(listener: Listener, reports: Counter[str], answered: int, seconds: float) -> Found:
    with open_log(listener.db, create=False) as log:
        digests = Counter(entry.subject for entry in log.entries(kind="decision"))
        steps = Counter(entry.outcome for entry in log.entries(kind="delivery"))
    of_studies = list(Received(listener.into).studies())
    return Found(
        studies=len(reports),
        orthanc_kills=2,
        listener_kills=1,
        answered=answered,
        on_disk=sum(study.instances for study in of_studies),
        decided=sum(bool(Received(listener.into).note(study.key).entries) for study in of_studies),
        decisions=sum(digests.values()),
        doubled=sum(count - 1 for count in digests.values()),
        queued=steps["queued"],
        sent=steps["sent"],
        failed=steps["failed"],
        results=sum(reports.values()),
        without=sum(count == 0 for count in reports.values()),
        twice=sum(count > 1 for count in reports.values()),
        chain="intact" if verify(listener.db).ok else "broken",
        seconds=seconds,
    )
