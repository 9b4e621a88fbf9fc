"""Trust in the keys that sign certificates, and where it comes from.

The maker's key is pinned in the program. Any other key is trusted by a person, with a row in the audit log that says
who, when and why; the row is the trust, so that another log does not have it. A folder of keys counts as well where a
variable or an option names it, never a settings file.
"""

from __future__ import annotations

from pathlib import Path

from inspect_ai.audit import Action, CertificateNote, Log, open_log
from inspect_ai.certificates.maker_key import MAKER_KEY, PHANTOM_KEY
from inspect_ai.certificates.signing import PUBLIC_SUFFIX, read_public
from inspect_ai.certificates.status import CertificateRows, certificate_rows
from inspect_ai.errors import SetupError
from inspect_ai.settings import Settings, not_believed, origin_of

OF_MAKER = "the maker's key, pinned in the program"


def trusted_keys(settings: Settings) -> dict[str, str]:
    """Collect the public keys that are trusted here, each with the origin of the trust.

    Raises SetupError for a folder or file of keys that cannot be read: trusting fewer keys silently would mislead.
    AuditError for a log that cannot be read.
    """
    if not settings.db.is_file():
        return trusted_by(CertificateRows(()), settings)
    with open_log(settings.db, create=False) as log:
        return trusted_by(certificate_rows(log), settings)


def trusted_by(rows: CertificateRows, settings: Settings) -> dict[str, str]:
    """Collect the trusted keys by the rows of a log; errors as for `trusted_keys`."""
    trusted = {**_of_folder(settings), MAKER_KEY: OF_MAKER, PHANTOM_KEY: OF_MAKER}
    for key, (entry, note) in rows.trust().items():
        if note.action is Action.TRUSTED:
            trusted[key] = f"trusted by entry {entry.id}"
        else:
            trusted.pop(key, None)
    return trusted


def why_not_trusted(key: str) -> str:
    """Sentence on a certificate whose key nobody trusted here, with what to do."""
    remarks = "".join(f"; {remark}" for remark in not_believed())
    return (
        f"the certificate was signed by a key that is not trusted here ({key[:12]}); whoever knows the signer says so "
        f"with `inspect-ai certificate trust`{remarks}"
    )


def trust_own(log: Log, key: str, what: str) -> None:
    """Record trust in the key of this site, which was used for `what`, unless the log has a word on it already."""
    if key not in certificate_rows(log).trust():
        log.append([trust_note(Action.TRUSTED, key, f"this site's own key, which signed {what}")])


def trust_note(action: Action, key: str, statement: str) -> CertificateNote:
    """Row on trust given to a key, or taken from it."""
    return CertificateNote(
        task="", operating_point_sha256="", certified=False, statement=statement, action=action, signer=key
    )


def _of_folder(settings: Settings) -> dict[str, str]:
    if not settings.trusted_keys:
        return {}
    folder = Path(settings.trusted_keys)
    if not folder.is_dir():
        raise SetupError(f"Setting trusted_keys names {folder}, which is no folder. Make it, or correct the setting.")
    origin = f"in the folder of {origin_of('trusted_keys', settings.trusted_keys)}"
    return {read_public(file): f"{file.name} {origin}" for file in sorted(folder.glob("*" + PUBLIC_SUFFIX))}
