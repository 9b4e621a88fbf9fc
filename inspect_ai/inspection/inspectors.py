"""Inspectors of a run: routing of studies to them, and their certificate status after the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from inspect_ai.audit import Entry, Kind, Log
from inspect_ai.certificates.issuing import issued_note
from inspect_ai.certificates.status import CertificateState, CertificateStatus, certificate_rows
from inspect_ai.certificates.trust import trusted_by
from inspect_ai.decide import for_phantoms
from inspect_ai.domain import Decision, Provenance, StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.inspection.assignment import assigned
from inspect_ai.inspection.inspector import Inspector, changes_of_code, without_promise
from inspect_ai.settings import Settings
from inspect_ai.text import printable
from inspect_ai.version import __version__

UNKNOWN = CertificateStatus(state=CertificateState.UNKNOWN)
NOBODY = ""  # the task of a study that no task claims


@dataclass(frozen=True, slots=True)
class Route:
    """Tasks (`candidates`) that claim a study; with none, `refusal` says why no decision will come."""

    candidates: tuple[str, ...]
    refusal: str | None = None


class Inspectors:
    """Holds the inspectors by task, routes studies to them, updates their status from the log. Reads are thread-safe.

    named: one task was named, and every study that cannot be decided is logged under it.
    """

    def __init__(self, inspectors: Iterable[Inspector], settings: Settings) -> None:
        self._loaded = {inspector.task.name: inspector for inspector in inspectors}
        self._held = self._loaded  # with their status in the log
        self.named = settings.task != "auto"
        self._by_modality = dict(settings.modalities)
        self._settings = settings
        self._check_modalities()
        self._check_products()
        self.nobody = _nobody(settings, self._held)
        self._seen: int | None = None  # the newest row about any certificate
        self._doubts: list[str] = []  # about the code in memory

    def __getitem__(self, task: str) -> Inspector:
        return self._held[task]

    def __iter__(self) -> Iterator[Inspector]:
        return iter(self._held.values())

    @property
    def answerable(self) -> Provenance:
        """Provenance of a study that cannot be read: that of the task that was named, or of no task."""
        return next(iter(self._held.values())).provenance if self.named else self.nobody

    def route(self, ref: StudyRef) -> Route:
        """Find the tasks that claim a study by its header, or that a person named for it, or why none does."""
        said = None if self.named else assigned(ref, self._settings)
        if said is not None and self._held[said].task.claims_when_named(ref) is not None:
            return Route((said,))
        claiming = tuple(name for name, held in self._held.items() if held.task.claims(ref) is not None)
        willing = tuple(name for name, held in self._held.items() if held.task.claims_when_named(ref) is not None)
        if claiming or (self.named and willing):
            return Route(claiming or willing)
        what = f"DICOM modality {printable(ref.modality, 16)}" if ref.modality else "DICOM without a modality"
        what = "image files" if ref.kind == "image" else what
        who = f"task {next(iter(self._held))} does not inspect" if self.named else "no installed task inspects"
        return Route((), f"{who} {what}{_advice(ref.modality, willing)}")

    def known(self, ref: StudyRef, route: Route, log: Log) -> Entry | None:
        """Find the logged decision on this content, by one of the candidates or by no task."""
        return log.find_any(ref.digest, [*(self._held[name].provenance for name in route.candidates), self.nobody])

    def refresh(self, log: Log) -> None:
        """Apply new suspensions, enablings and revocations of the log, from the next study on, and look at the code in
        memory. Costs one small query and a millisecond.

        The first time, certificates that are unknown to this log come into force there.
        """
        doubts = changes_of_code(self._loaded.values())
        if self._seen is None and not doubts:
            self._record_new(log)
        newest = next(log.entries(kind=Kind.CERTIFICATE, newest_first=True, limit=1), None)
        seen = 0 if newest is None else newest.id
        if seen == self._seen and doubts == self._doubts:
            return
        status = {name: held.status_in(log) if seen else UNKNOWN for name, held in self._loaded.items()}
        held = {name: loaded.with_doubts(doubts).with_status(status[name]) for name, loaded in self._loaded.items()}
        self._seen, self._doubts, self._held = seen, doubts, held

    def checked(self, decision: Decision) -> Decision:
        """Decision as it may be logged: certified only where nothing speaks against it, with the code in memory now."""
        if not (decision.verdict.certified or for_phantoms(decision.verdict.reason)):
            return decision
        held = self._held.get(decision.provenance.task)
        doubts = ("no task here made it",) if held is None else held.mismatches
        return without_promise(decision, [*doubts, *changes_of_code(self._loaded.values())])

    def remarks(self) -> list[str]:
        """Suspensions that a reader of results must know of."""
        return [f"Task {name}: {held.suspended}" for name, held in self._held.items() if held.suspended]

    def _check_modalities(self) -> None:
        """Check setting `modalities`. Raises UsageError for a task that is not there, or cannot read such pictures."""
        for modality, name in self._by_modality.items():
            held = self._held.get(name)
            gives = f"Setting modalities gives {modality!r} to task {name!r}"
            if held is None and not self.named:
                raise UsageError(f"{gives}, which is not ready to work here; ready are: {', '.join(self._held)}.")
            reads = () if held is None else (*held.task.modalities, *held.task.modalities_when_named)
            if held is not None and modality not in reads:
                raise UsageError(f"{gives}, which reads only {', '.join(filter(None, reads)) or 'image files'}.")

    def _check_products(self) -> None:
        """Check setting `products`. Raises UsageError for a task that is not there."""
        for place, name in self._settings.products:
            if name not in self._held and not self.named:
                raise UsageError(
                    f"Setting products gives {printable(place, 120)!r} to task {name!r}, which is not ready to work "
                    f"here; ready are: {', '.join(self._held)}."
                )

    def _record_new(self, log: Log) -> None:
        """Record the certificates that are unknown to the log and cover what is at work, with their signers."""
        rows = certificate_rows(log)
        trusted = trusted_by(rows, self._settings)
        notes = [
            issued_note(held.signed, f"came into force here: {held.point.promise}", trusted)
            for name, held in self._loaded.items()
            if held.point is not None
            and held.signed is not None
            and not held.mismatches
            and not rows.knows(name, held.signed.sha256)
        ]
        if notes:
            log.append(notes)


def _advice(modality: str, willing: tuple[str, ...]) -> str:
    """Advice to name a task that can read such files where a person says what they are."""
    if not willing:
        return ""
    mapped = f' or set [modalities] {modality} = "{willing[0]}"' if modality else ""
    return f"; if it holds pictures of task {' or '.join(willing)}, say --task {willing[0]}{mapped}"


def _nobody(settings: Settings, names: Iterable[str]) -> Provenance:
    """Provenance of "no task claims it", bound to the set of tasks: with another set, the study is tried again."""
    mapped = [f"{key}={task}" for key, task in (*settings.modalities, *settings.products)]
    mapped += [settings.camera] if settings.products else []
    asked = hashlib.sha256("\n".join([settings.task, *sorted(names), *mapped]).encode()).hexdigest()
    return Provenance(
        task=NOBODY,
        task_version="",
        model_sha256="",
        config_sha256=asked,
        operating_point_sha256="",
        engine="",
        software=__version__,
    )
