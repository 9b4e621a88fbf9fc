"""Keys that sign certificates: Ed25519 (RFC 8032); private ones in PEM files of mode 600, public ones as hex digits.

A signature names the signer of a certificate, so it counts only with a public key that is trusted where it is used:
see trust.py.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from inspect_ai.signature import make_key, public_hex, read_key, read_public, sign, signed_by

__all__ = [
    "KEY_SUFFIX",
    "PUBLIC_SUFFIX",
    "make_key",
    "public_hex",
    "read_key",
    "read_public",
    "sign",
    "signed_by",
    "site_key",
    "site_key_path",
]

KEY_SUFFIX = ".signing.pem"  # beside the audit log, as its patient key
PUBLIC_SUFFIX = ".pub"


def site_key_path(db: Path) -> Path:
    """Path of the private key that belongs to the audit log at `db`."""
    return db.with_name(db.name + KEY_SUFFIX)


def site_key(db: Path) -> Ed25519PrivateKey:
    """Read the key that signs calibrations of this site; it is made on the first call."""
    path = site_key_path(db)
    if not path.exists():
        make_key(path)
    return read_key(path)
