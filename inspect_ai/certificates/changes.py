"""Changes of a certificate's status by a person; a change without effect is refused."""

from __future__ import annotations

from inspect_ai.audit import Action
from inspect_ai.certificates.status import CertificateState, CertificateStatus
from inspect_ai.errors import UsageError


def refuse_without_effect(action: Action, task: str, certificate: str, found: CertificateStatus) -> None:
    """Check that the change has an effect on this status. Raises UsageError."""
    if action is Action.REVOKED and not certificate:
        raise UsageError(f"Task {task} has no sound certificate to revoke: its decisions are uncertified as it is.")
    if found.state is CertificateState.REVOKED:
        raise UsageError(
            f"The certificate of {task} was revoked in entry {found.entry}, for ever. Calibrate again for another."
        )
    suspended = found.state is CertificateState.SUSPENDED
    if action is Action.SUSPENDED and suspended:
        raise UsageError(f"{task} is suspended already, since entry {found.entry}: {found.reason}")
    if action is Action.ENABLED and not suspended:
        raise UsageError(f"{task} is not suspended: there is nothing to enable.")
