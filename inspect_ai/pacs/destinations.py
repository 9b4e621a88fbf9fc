"""Destinations of result objects: a name in the settings, an address, and where its secret is kept.

    [destinations]
    archive = "dimse://ORTHANC@10.0.0.5:4242"
    vault = "dimse+tls://VAULT@vault.example:2762?ca=ca.pem&cert=us.pem&key=us.key"
    web = "https://pacs.example/dicom-web?token_file=/etc/inspect_ai/token"

An address holds no secret: it names the variable or the private file that does.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from inspect_ai.errors import SetupError, UsageError
from inspect_ai.secret import read_secret
from inspect_ai.settings import Settings
from inspect_ai.text import printable

AET = "INSPECT_AI"  # our own title where none is given
_TITLE = re.compile(r"[ -\[\]-~]{1,16}")  # PS3.5 6.2: no backslash, no control characters
_TLS = ("ca", "cert", "key")
_SECRETS = ("token_file", "token_variable", "password_file", "password_variable")
_ONE = "it may name one of token_file, token_variable, or user with password_file or password_variable"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Files of a TLS connection: certificates that are believed, our own certificate, and its key."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimse:
    """Destination that takes C-STORE. tls: None for a connection in clear."""

    name: str
    aet: str
    host: str
    port: int
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Destination that takes STOW-RS. secret: (what it is, where it is kept), such as ("token_file", path)."""

    name: str
    url: str
    user: str = ""
    secret: tuple[str, str] | None = None
    ca: Path | None = None


Destination = Dimse | Web


def destination_named(name: str, settings: Settings) -> Destination:
    """The destination of that name. Raises UsageError for an unknown name or an address that is none."""
    for known, address in settings.destinations:
        if known == name:
            return parsed(name, address)
    names = ", ".join(known for known, _ in settings.destinations) or "none"
    raise UsageError(
        f"There is no destination {printable(name, 60)!r} in the settings (known: {names}). Write it into "
        f'./inspect_ai.toml: [destinations] {printable(name, 60)} = "dimse://AET@HOST:PORT".'
    )


def destination_of_title(aet: str, settings: Settings) -> Dimse | None:
    """The destination whose AE title is `aet`: where a study goes back to that it sent."""
    for name, address in settings.destinations:
        there = parsed(name, address)
        if isinstance(there, Dimse) and there.aet == aet:
            return there
    return None


def parsed(name: str, address: str) -> Destination:
    """Read one address. Raises UsageError, which quotes no part of it that might be a secret."""
    try:
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        port, host = parts.port, parts.hostname or ""
    except ValueError as e:
        raise _wrong(name, "it cannot be read") from e
    if parts.password is not None:
        raise _wrong(name, "it holds a password; name its place instead (password_file=, password_variable=)")
    if parts.scheme in ("dimse", "dimse+tls"):
        return _dimse(
            name, parts.scheme, checked_title(unquote(parts.username or ""), f"Destination {name}"), host, port, options
        )
    if parts.scheme in ("http", "https") and host:
        return _web(name, urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), host, options)
    raise _wrong(name, "it is none of dimse://AET@HOST:PORT, dimse+tls://AET@HOST:PORT, http://..., https://...")


def written(to: str, tls: TlsFiles | None = None) -> Dimse:
    """Read AET@HOST:PORT, as it is given on a command line. Raises UsageError."""
    aet, at, place = to.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not (at and colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"{printable(to, 80)!r} is no AET@HOST:PORT and no destination of the settings.")
    return Dimse(name=to, aet=checked_title(aet, "--to"), host=host.strip("[]"), port=int(port), tls=tls)


def checked_title(aet: str, source: str) -> str:
    """An AE title without padding. Raises UsageError for one that is none."""
    title = aet.strip(" ")
    if not title or not _TITLE.fullmatch(title):
        raise UsageError(
            f"{source}: {printable(aet, 40)!r} is no AE title: 1 to 16 printable characters, no backslash."
        )
    return title


def secret_of(web: Web) -> str:
    """Read the token or password of a destination. Raises SetupError where it is not there."""
    assert web.secret is not None  # noqa: S101 - the caller looked; for the type checker
    kind, place = web.secret
    if kind.endswith("_variable"):
        value = os.environ.get(place, "")
        where = f"the variable {printable(place, 80)} is not set"
    else:
        try:
            value = read_secret(Path(place)).strip()
            where = f"the file {printable(place, 200)} is empty"
        except (OSError, UnicodeDecodeError) as e:
            value, where = "", f"the file {printable(place, 200)} cannot be read ({type(e).__name__})"
    if not value:
        raise SetupError(f"Destination {web.name} has no {kind.partition('_')[0]}: {where}.")
    return value


def _dimse(name: str, scheme: str, aet: str, host: str, port: int | None, options: dict[str, str]) -> Dimse:
    if not host or not port:
        raise _wrong(name, "it lacks its host or its port")
    _known(name, options, _TLS)
    tls = None
    if scheme == "dimse+tls":
        tls = TlsFiles(**{key: Path(options[key]) for key in _TLS if key in options})
    elif options:
        raise _wrong(name, "files of TLS are given, but not dimse+tls://")
    return Dimse(name=name, aet=aet, host=host, port=port, tls=tls)


def _web(name: str, url: str, host: str, options: dict[str, str]) -> Web:
    _known(name, options, ("ca", "user", *_SECRETS))
    secrets = [(key, options[key]) for key in _SECRETS if options.get(key)]
    user = options.get("user", "")
    if len(secrets) > 1 or (user and not (secrets and secrets[0][0].startswith("password"))):
        raise _wrong(name, _ONE)
    if secrets and not user and secrets[0][0].startswith("password"):
        raise _wrong(name, "it names a password and no user")
    if secrets and url.startswith("http:") and host not in LOOPBACK:
        raise _wrong(name, "its secret would travel in clear; use https://")
    ca = Path(options["ca"]) if "ca" in options else None
    return Web(name=name, url=url, user=user, secret=secrets[0] if secrets else None, ca=ca)


def _known(name: str, options: dict[str, str], known: tuple[str, ...]) -> None:
    if unknown := sorted(set(options) - set(known)):
        raise _wrong(name, f"it has an unknown option {printable(unknown[0], 40)!r} (known: {', '.join(known)})")


def _wrong(name: str, why: str) -> UsageError:
    return UsageError(f"Destination {printable(name, 60)} of the settings is not understood: {why}.")
