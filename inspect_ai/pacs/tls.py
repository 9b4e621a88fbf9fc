"""TLS contexts from files that a person names. A peer without a certificate of the named authority is refused."""

from __future__ import annotations

import ssl

from inspect_ai.errors import SetupError, UsageError
from inspect_ai.pacs.destinations import TlsFiles


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Context of the listener; with `ca`, callers must have a certificate too. Raises UsageError, SetupError."""
    if files.cert is None or files.key is None:
        raise UsageError("TLS needs both --tls-cert and --tls-key; --tls-ca alone proves nothing to a caller.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, files)
    if files.ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Context of a connection that we open: the peer's certificate and name are checked. Raises SetupError."""
    context = ssl.create_default_context()
    _load(context, files)
    return context


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if files.cert is not None:
            context.load_cert_chain(files.cert, files.key)
        if files.ca is not None:
            context.load_verify_locations(files.ca)
    except (OSError, ValueError) as e:  # ssl.SSLError is an OSError
        raise SetupError(
            f"The files for TLS cannot be used ({type(e).__name__}): check certificate, key and authority, in PEM."
        ) from e
