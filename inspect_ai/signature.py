"""Ed25519 signatures (RFC 8032): private keys in PEM files of mode 600, public ones as 64 hex digits."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from inspect_ai.errors import SetupError
from inspect_ai.secret import make_secret, read_secret


def make_key(path: Path) -> None:
    """Write a new private key, unless there is one. Raises SetupError if the place cannot be written."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        make_secret(path, pem.decode("ascii"))
    except OSError as e:
        raise SetupError(
            f"The signing key {path} cannot be written ({e.strerror}). Check the permissions there."
        ) from e


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key. Raises SetupError if the file is missing, damaged or another kind of key."""
    try:
        key = load_pem_private_key(read_secret(path).encode("ascii"), password=None)
    except OSError as e:
        raise SetupError(f"The signing key {path} cannot be read ({e.strerror}).") from e
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SetupError(f"{path} is no Ed25519 private key in PEM. Restore a copy, or move it away to make a new one.")
    return key


def public_hex(key: Ed25519PrivateKey) -> str:
    """Public part of the key, in hex."""
    return key.public_key().public_bytes_raw().hex()


def sign(key: Ed25519PrivateKey, message: bytes) -> str:
    """Sign a message; returns the signature in hex."""
    return key.sign(message).hex()


def signed_by(public: str, signature: str, message: bytes) -> bool:
    """True if the private part of `public` signed exactly this message; False for anything malformed."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), message)
    except (ValueError, InvalidSignature):
        return False
    return True


def read_public(path: Path) -> str:
    """Read a .pub file: a key of 64 hex digits, and a remark after them. Raises SetupError for anything else."""
    try:
        words = path.read_text("ascii").split()
        if words and len(bytes.fromhex(words[0])) == 32:
            return words[0].lower()
    except OSError as e:
        raise SetupError(f"The public key {path} cannot be read ({e.strerror}).") from e
    except ValueError:
        pass
    raise SetupError(f"{path} is no public key: its first word must be 64 hex digits (inspect-ai certificate key).")
