"""Which tasks a study may be for, from its header alone; and whether the log already holds its decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inspect_ai.domain import Provenance, StudyRef
from inspect_ai.inspection.inspector import Inspector, nobody
from inspect_ai.settings import Settings
from inspect_ai.text import printable


@dataclass(frozen=True, slots=True)
class Route:
    """`candidates` claim the study; with none, `refusal` says why no decision will come."""

    candidates: tuple[str, ...]
    refusal: str | None = None


class Router:
    """Sends each study to the tasks that claim it."""

    def __init__(self, inspectors: Mapping[str, Inspector], settings: Settings) -> None:
        self.inspectors = inspectors
        self.named = settings.task != "auto"
        self.nobody: Provenance = nobody(settings, list(inspectors))

    def route(self, ref: StudyRef) -> Route:
        """By what the header says."""
        claiming = tuple(name for name, inspector in self.inspectors.items() if inspector.task.claims(ref) is not None)
        if claiming:
            return Route(claiming)
        what = f"DICOM modality {printable(ref.modality, 16)}" if ref.modality else "DICOM without a modality"
        what = "image files" if ref.kind == "image" else what
        who = f"task {next(iter(self.inspectors))} does not inspect" if self.named else "no installed task inspects"
        return Route((), f"{who} {what}")

    def provenances(self, route: Route) -> list[Provenance]:
        """All that a decision on this route can bear: one for each candidate, and nobody's."""
        return [*(self.inspectors[name].provenance for name in route.candidates), self.nobody]
