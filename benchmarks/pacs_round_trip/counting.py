"""Counts of a round trip: what the folder, the log and Orthanc hold when it has ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from inspect_ai.audit import open_log, verify
from inspect_ai.domain import Outcome
from inspect_ai.pacs.received import Received
from tests.support.pacs import Listener, Orthanc

REPORT, SEGMENTS, PICTURE = "SR", "SEG", "OT"  # modalities of the result objects


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """A study at Orthanc. bright: it is to be flagged, and so has segments."""

    identifier: str
    bright: bool

    @property
    def expected(self) -> Counter[str]:
        """Result objects that stand under it in the end, by modality."""
        return Counter([REPORT, PICTURE, SEGMENTS] if self.bright else [REPORT, PICTURE])


@dataclass(frozen=True, kw_only=True)
class Happened:
    """Events of both sides. seconds: from the first study sent or fetched to the last result."""

    orthanc_kills: int
    our_kills: int
    taken: int  # slices: answered with success, or fetched
    again: int  # objects that came once more in the end, our results among them
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """Counts of a run."""

    happened: Happened
    studies: int
    on_disk: int
    decided: int
    decisions: int
    doubled: int
    flagged: int
    to_flag: int
    queued: int
    sent: int
    failed: int
    reports: int
    segments: int
    pictures: int
    lacking: int
    surplus: int
    chain: str

    @property
    def holds(self) -> bool:
        """True where nothing was lost and nothing doubled."""
        once = self.studies == self.decided == self.decisions == self.queued == self.sent == self.reports
        whole = self.happened.taken == self.on_disk and self.chain == "intact" and self.flagged == self.to_flag
        return once and whole and not (self.doubled or self.lacking or self.surplus)


def found(listener: Listener, orthanc: Orthanc, studies: list[Uploaded], happened: Happened) -> Found:
    """Count what is there."""
    with open_log(listener.db, create=False) as log:
        digests = Counter(entry.subject for entry in log.entries(kind="decision"))
        outcomes = Counter(entry.outcome for entry in log.entries(kind="decision"))
        steps = Counter(entry.outcome for entry in log.entries(kind="delivery"))
    store = Received(listener.into)
    received = list(store.studies())
    there = [_results(orthanc, study) for study in studies]
    total = sum(there, Counter[str]())
    return Found(
        happened=happened,
        studies=len(studies),
        on_disk=sum(study.instances for study in received),
        decided=sum(bool(store.note(study.key).entries) for study in received),
        decisions=digests.total(),
        doubled=sum(count - 1 for count in digests.values()),
        flagged=outcomes[Outcome.FLAG.value],
        to_flag=sum(study.bright for study in studies),
        queued=steps["queued"],
        sent=steps["sent"],
        failed=steps["failed"],
        reports=total[REPORT],
        segments=total[SEGMENTS],
        pictures=total[PICTURE],
        lacking=sum(bool(study.expected - has) for study, has in zip(studies, there, strict=True)),
        surplus=sum(bool(has - study.expected) for study, has in zip(studies, there, strict=True)),
        chain="intact" if verify(listener.db).ok else "broken",
    )


def _results(orthanc: Orthanc, study: Uploaded) -> Counter[str]:
    """Objects of a study by modality, without its slices."""
    return Counter(modality for modality in orthanc.modalities(study.identifier) if modality != "CT")
