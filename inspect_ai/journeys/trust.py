"""Trust in signers' keys, given and taken by a person, each time as a row of the audit log."""

from __future__ import annotations

import re
from pathlib import Path

from inspect_ai.audit import Action, open_log
from inspect_ai.certificates.signing import read_public
from inspect_ai.certificates.status import certificate_rows
from inspect_ai.certificates.trust import trust_note, trusted_by, trusted_keys
from inspect_ai.errors import UsageError
from inspect_ai.settings import Settings

__all__ = ["change_trust", "key_of", "trusted_keys"]


def change_trust(action: Action, key_or_file: str, reason: str, settings: Settings) -> tuple[str, int]:
    """Record that a person trusts a key, or trusts it no longer; returns the key and the entry.

    Trust that is given makes the log where there is none. Raises UsageError for a missing reason, for what is no public
    key, and where nothing would change; SetupError for a file that holds none.
    """
    statement = " ".join(reason.split())
    if not statement:
        raise UsageError("Say why with --reason: whoever reads the log later needs it.")
    key = key_of(key_or_file)
    with open_log(settings.db, operator=settings.operator, create=action is Action.TRUSTED) as log:
        origin = trusted_by(certificate_rows(log), settings).get(key)
        if action is Action.TRUSTED and origin is not None:
            raise UsageError(f"The key {key[:12]} is trusted already: {origin}.")
        if action is Action.UNTRUSTED and origin is None:
            raise UsageError(f"The key {key[:12]} is not trusted here: there is nothing to take back.")
        return key, log.append([trust_note(action, key, statement)])[0].id


def key_of(key_or_file: str) -> str:
    """Read a public key, given as 64 hex digits or as a file whose first word is one.

    Raises UsageError for anything else, SetupError for a file that holds none.
    """
    if re.fullmatch(r"[0-9a-fA-F]{64}", key_or_file):
        return key_or_file.lower()
    if not Path(key_or_file).is_file():
        raise UsageError("Give a public key: 64 hex digits, or a file with them (inspect-ai certificate key).")
    return read_public(Path(key_or_file))
