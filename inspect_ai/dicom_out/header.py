"""Facts that all objects of one entry share, and the parts of their headers that do not depend on their kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from inspect_ai.audit import Entry
from inspect_ai.dicom_out.sources import Sources, copy_identity
from inspect_ai.domain import Decision
from inspect_ai.text import printable
from inspect_ai.version import __version__

CAUTION = "Research software: not a medical device."
MANUFACTURER, MODEL = "inspect_ai", "inspect-ai-vision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A decision with its source files, and its standing at the time of writing in one sentence."""

    entry: Entry
    decision: Decision
    sources: Sources
    standing: str
    remarks: tuple[str, ...] = ()
    caution: str = CAUTION

    @property
    def software(self) -> tuple[str, ...]:
        """Versions of the software that decided, and of this one where it is another."""
        decided = printable(self.decision.provenance.software, 64) or "unknown"
        return tuple(dict.fromkeys((decided, __version__)))

    @property
    def serial(self) -> str:
        """Serial number of the device: the first digits of the weights' digest."""
        return self.decision.provenance.model_sha256[:16] or "none"

    @property
    def moment(self) -> datetime:
        """Time of the decision, as the clock of the sources shows it where they state their offset from UTC."""
        utc = datetime.fromisoformat(self.entry.time).astimezone(UTC)
        offset = self.sources.offset
        if not offset:
            return utc
        minutes = int(offset[1:3]) * 60 + int(offset[3:])
        try:
            return utc.astimezone(timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes)))
        except ValueError:  # a day or more
            return utc

    @property
    def moment_with_offset(self) -> str:
        """Time of the decision with its offset from UTC (VR DT)."""
        return self.moment.strftime("%Y%m%d%H%M%S.%f%z")


def finished(made: Any, facts: Facts) -> Any:
    """Give an object its patient, study, equipment and times. Times are those of the decision: made twice, it is one
    object.
    """
    copy_identity(facts.sources.identity, made)
    made.ManufacturerModelName, made.DeviceSerialNumber = MODEL, facts.serial
    made.SoftwareVersions = list(facts.software)
    date, time = facts.moment.strftime("%Y%m%d"), facts.moment.strftime("%H%M%S.%f")
    for name in ("SeriesDate", "ContentDate", "InstanceCreationDate"):
        setattr(made, name, date)
    for name in ("SeriesTime", "ContentTime", "InstanceCreationTime"):
        setattr(made, name, time)
    for contribution in made.get("ContributingEquipmentSequence", []):
        contribution.ContributionDateTime = facts.moment_with_offset
    if facts.sources.offset:
        made.TimezoneOffsetFromUTC = facts.sources.offset
    return made
