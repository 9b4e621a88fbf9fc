"""`inspect-ai desk`: the reader's desk in the browser, and its accounts."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.web.people.identity_provider import Provider
    from inspect_ai.web.store import Store

app = common.app()

Roles = Annotated[list[str] | None, typer.Option("--role", help="reader, lead, auditor or administrator; repeatable.")]
NEEDS = ("fastapi", "uvicorn", "argon2", "multipart", "jwt", "requests")


@app.callback(invoke_without_command=True)
def desk(
    context: typer.Context,
    db: common.Db = None,
    out: common.Out = None,
    root: Annotated[
        list[Path] | None, typer.Option("--root", help="Folder that was scanned, for full pictures; repeatable.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen at; 0 for any that is free.")
    ] = 8080,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Certificate chain for TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key.")] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="Further host name it is reached by; repeatable.")
    ] = None,
    trusted_header: Annotated[
        str, typer.Option("--trusted-header", help="Header with the name that a proxy signed in.")
    ] = "",
    trusted_proxy: Annotated[
        list[str] | None, typer.Option("--trusted-proxy", help="Address or network of that proxy; repeatable.")
    ] = None,
    oidc_issuer: Annotated[str, typer.Option("--oidc-issuer", help="OpenID Connect provider: its issuer.")] = "",
    oidc_client: Annotated[str, typer.Option("--oidc-client", help="Name of this desk at that provider.")] = "",
    oidc_secret_file: Annotated[
        Path | None, typer.Option("--oidc-secret-file", help="File with the secret for it; none for a public client.")
    ] = None,
    oidc_claim: Annotated[
        str, typer.Option("--oidc-claim", help="Claim that holds the name of the desk's account.")
    ] = "preferred_username",
    oidc_ca: Annotated[
        Path | None,
        typer.Option("--oidc-ca", help="Certificate authority of the provider.", show_default="the system's"),
    ] = None,
    audit_rate: Annotated[
        float | None,
        typer.Option("--audit-rate", help="Share of clear cases that chance shows a person.", show_default="0"),
    ] = None,
) -> None:
    """Serve the reader's desk: queue, cases with pictures, answers, performance and log, in the browser.

    On this machine alone unless --host says otherwise, which takes TLS. Needs the extra `desk`.

    Example: inspect-ai desk --db demo/inspect_ai.db --out demo --root demo/studies
    """
    if context.invoked_subcommand is not None:
        context.obj = db
        return
    _needed()
    from inspect_ai.errors import UsageError
    from inspect_ai.web.serving import Address, serve

    settings = common.settings(db=db, out=out, audit_rate=audit_rate)
    if not settings.db.is_file():
        raise UsageError(f"There is no audit log at {settings.db}. A scan makes one: inspect-ai scan PATH.")
    missing = [folder for folder in root or [] if not folder.exists()]
    if missing:
        raise UsageError(f"There is no folder {missing[0]}. Give --root the folder that was scanned.")
    address = Address(
        host=host, port=port, tls_cert=tls_cert, tls_key=tls_key, names=tuple(allow_host or ()),
        proxy_header=trusted_header, proxies=tuple(trusted_proxy or ()),
        provider=_provider(oidc_issuer, oidc_client, oidc_secret_file, oidc_claim, oidc_ca),
    )  # fmt: skip
    serve(
        settings,
        address,
        roots=root or [Path.cwd()],
        say=lambda sentence: print(sentence, flush=True),
        progress=lambda done: common.remark(f"{done:,} entries of the log read"),
    )


@app.command("add-account")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name to sign in with.")],
    role: Roles = None,
    db: common.Db = None,
    by_proxy: Annotated[
        bool, typer.Option("--by-proxy", help="No password: a trusted proxy or an identity provider signs in.")
    ] = False,
) -> None:
    """Make an account; asks for its password. Without --role it is a reader.

    Example: inspect-ai desk add-account anna --role lead
    """
    from inspect_ai.web.people.accounts import Accounts

    with _store(context, db) as store:
        made = Accounts(store).add(name, "" if by_proxy else _password(), role or ["reader"])
    print(f"{made.name} may sign in as {', '.join(sorted(made.roles))}.")


@app.command("change-account")
def change(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the account.")],
    role: Roles = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="It may not sign in any more.")] = False,
    start: Annotated[bool, typer.Option("--start", help="It may sign in again.")] = False,
    db: common.Db = None,
) -> None:
    """Change roles or password of an account, or stop or start it. Its sessions end.

    Example: inspect-ai desk change-account anna --stop
    """
    from inspect_ai.errors import UsageError
    from inspect_ai.web.people.accounts import Accounts

    if not (role or password or stop != start):
        raise UsageError("Say what changes: --role, --password, --stop or --start.")
    with _store(context, db) as store:
        new = _password() if password else None
        Accounts(store).change(name, password=new, roles=role, active=start if stop != start else None)
    print(f"{name} is changed; who was signed in as {name} is signed out.")


@app.command("accounts")
def list_accounts(context: typer.Context, db: common.Db = None, as_json: common.Json = False) -> None:
    """List who may sign in.

    Example: inspect-ai desk accounts
    """
    from inspect_ai.web.people.accounts import Accounts

    with _store(context, db) as store:
        found = Accounts(store).all()
    if as_json:
        common.emit([{"name": one.name, "roles": sorted(one.roles), "active": one.active} for one in found])
        return
    rows = [(one.name, ", ".join(sorted(one.roles)), "yes" if one.active else "no") for one in found]
    common.table("Accounts of the desk", "name", "roles", "may sign in", rows=rows)


def _provider(issuer: str, client: str, secret_file: Path | None, claim: str, ca: Path | None) -> Provider | None:
    from inspect_ai.errors import UsageError
    from inspect_ai.web.people.identity_provider import Provider

    if bool(issuer) != bool(client):
        raise UsageError("Single sign-on takes both: give --oidc-issuer and --oidc-client.")
    if not issuer:
        return None
    secret = "" if secret_file is None else _secret(secret_file)
    return Provider(issuer=issuer, client=client, secret=secret, claim=claim, ca=ca)


def _secret(path: Path) -> str:
    from inspect_ai.errors import UsageError
    from inspect_ai.secret import read_secret

    try:
        secret = read_secret(path).strip()
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"{path} cannot be read. Give --oidc-secret-file a text file with the secret.") from e
    if not secret:
        raise UsageError(f"{path} is empty. Write the secret into it, or leave --oidc-secret-file out.")
    return secret


def _password() -> str:
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _store(context: typer.Context, db: Path | None) -> AbstractContextManager[Store]:
    _needed()
    from inspect_ai.errors import UsageError
    from inspect_ai.web.store import Store, store_path

    given = db or context.obj
    settings = common.settings(db=given)
    if not settings.db.is_file():
        raise UsageError(f"There is no audit log at {settings.db}. A scan makes one: inspect-ai scan PATH.")
    return closing(Store(store_path(settings.db)))


def _needed() -> None:
    """Raise SetupError where the extra is not installed."""
    from importlib.util import find_spec

    from inspect_ai.errors import SetupError

    if missing := [name for name in NEEDS if find_spec(name) is None]:
        raise SetupError(
            f'The desk needs {", ".join(missing)}. Install its extra: pip install "inspect-ai-vision[desk]".'
        )
