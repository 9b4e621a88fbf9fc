"""Commands of `inspect-ai certificate` about keys: the site's own, whom to trust, and another signature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.audit import Action

Key = Annotated[str, typer.Argument(metavar="KEY|FILE", help="Public key in hex, or a file that begins with it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the log later.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `inspect-ai certificate`."""
    for name, command in (("key", key), ("keys", keys), ("trust", trust), ("untrust", untrust), ("sign", sign)):
        app.command(name)(command)


def key(
    new: Annotated[
        Path | None, typer.Option("--new", help="Make a private key in this file instead of the site's own.")
    ] = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Print the public key that belongs to what is calibrated here; make the private one if there is none yet.

    Where these certificates are to count, a person hands the line to `inspect-ai certificate trust`. The private key
    lies beside the audit log, readable by its owner alone.

    Example: inspect-ai certificate key > hospital_north.pub
    """
    from inspect_ai.certificates import signing
    from inspect_ai.errors import UsageError

    if new is not None and new.exists():
        raise UsageError(f"{new} exists already; no key is overwritten. Name another file.")
    path = new or signing.site_key_path(common.settings(db=db).db)
    if not path.exists():
        signing.make_key(path)
    public = signing.public_hex(signing.read_key(path))
    if as_json:
        common.emit({"type": "key", "public_key": public, "private_key_file": str(path)})
        return
    print(public)
    common.progress().print(f"The private key is in {path}: keep a copy, and show it to nobody.", soft_wrap=True)


def keys(db: common.Db = None, as_json: common.Json = False) -> None:
    """List the keys whose certificates count here, and where the trust in each comes from.

    Example: inspect-ai certificate keys
    """
    from inspect_ai.journeys.trust import trusted_keys

    found = trusted_keys(common.settings(db=db))
    if as_json:
        for public, origin in found.items():
            common.emit({"type": "trusted_key", "public_key": public, "origin": origin})
        return
    for public, origin in found.items():
        common.results().print(f"{public}  {origin}", soft_wrap=True)


def trust(
    key: Key, reason: Reason, operator: common.Operator = None, db: common.Db = None, as_json: common.Json = False
) -> None:
    """Let certificates that were signed with a key count here, from the next start on. The log says who said so.

    Ask the signer for the key on another way than that on which the certificate came.

    Example: inspect-ai certificate trust north.pub --reason "read to me by A. Weber on the telephone"
    """
    from inspect_ai.audit import Action

    _change(Action.TRUSTED, key, reason, operator, db, as_json)


def untrust(
    key: Key, reason: Reason, operator: common.Operator = None, db: common.Db = None, as_json: common.Json = False
) -> None:
    """Take the trust in a key back: what it signed certifies nothing any more, also in a running watch.

    Example: inspect-ai certificate untrust north.pub --reason "their key was copied"
    """
    from inspect_ai.audit import Action

    _change(Action.UNTRUSTED, key, reason, operator, db, as_json)


def sign(
    folder: Annotated[Path, typer.Argument(help="Folder of a model with its certificate.")],
    key: Annotated[Path, typer.Option("--key", help="Private key (certificate key --new FILE).")],
    tasks: common.Tasks = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Put another signature under a certificate that holds here, in place of the one it has.

    Its words and its digest stay as calibration made them: nothing is certified anew, somebody else stands behind it.

    Example: inspect-ai certificate sign runs/caps --key head_office.pem
    """
    from inspect_ai.journeys.certify import sign as sign_again

    made = sign_again(folder, key, common.settings(tasks=tasks, db=db))
    if as_json:
        common.emit({"type": "signed", "certificate_sha256": made.sha256, "public_key": made.public_key})
        return
    print(f"Certificate {made.sha256[:12]} is signed by {made.public_key}.")


def _change(action: Action, key: str, reason: str, operator: str | None, db: Path | None, as_json: bool) -> None:
    from inspect_ai.journeys.trust import change_trust

    public, entry = change_trust(action, key, reason, common.settings(db=db, operator=operator))
    if as_json:
        common.emit({"type": "trust", "public_key": public, "action": action.value, "entry": entry})
        return
    print(f"The key {public[:12]} is {action.value} (entry {entry} of the audit log).")
