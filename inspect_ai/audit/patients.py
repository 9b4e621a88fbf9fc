"""The key behind patient hashes: the same patient can be recognised in one log, and named from none."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from inspect_ai.errors import AuditError

SIZE = 32  # bytes, as SHA-256's output: a longer HMAC key would prove nothing more


def patient_key(db_path: Path) -> bytes:
    """The 32 secret bytes that belong to the log at `db_path`, made when first asked for (FILE.key, mode 600).

    Lost, the patients of earlier and later entries no longer match. Raises AuditError if it cannot be read or made.
    """
    path = db_path.with_name(db_path.name + ".key")
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as e:
        problem = f"The patient key {path} cannot be read or made ({e.strerror})"
        raise AuditError(f"{problem}. Check the permissions there.") from e
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise AuditError(f"The patient key {path} is damaged. Restore a copy; without it patients cannot be matched.")
    return key


def _make(path: Path) -> None:
    """All of it or nothing, and the first of two processes wins: linking a finished file does not overwrite."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SIZE) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links; only there could two first starts at once differ
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
