"""Key of a log: it lets the log recognise the same patient and the same file, and lets no log name them."""

from __future__ import annotations

import secrets
from pathlib import Path

from inspect_ai.errors import AuditError
from inspect_ai.secret import make_secret, read_secret

SIZE = 32  # bytes, as SHA-256's output: a longer HMAC key would prove nothing more


def key_path(db_path: Path) -> Path:
    """Path of the key that belongs to the log at `db_path`: FILE.key beside it."""
    return db_path.with_name(db_path.name + ".key")


def patient_key(db_path: Path) -> bytes:
    """The 32 secret bytes that belong to the log at `db_path`, made when first asked for (FILE.key, mode 600).

    Lost, patients and files of earlier and later entries no longer match, and sealed names stay sealed. Raises
    AuditError if it cannot be read or made.
    """
    path = key_path(db_path)
    try:
        if not path.exists():
            make_secret(path, secrets.token_hex(SIZE) + "\n")
        key = bytes.fromhex(read_secret(path).strip())
    except OSError as e:
        problem = f"The patient key {path} cannot be read or made ({e.strerror})"
        raise AuditError(f"{problem}. Check the permissions there.") from e
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise AuditError(f"The patient key {path} is damaged. Restore a copy; without it patients cannot be matched.")
    return key
