"""`inspect-ai audit`: read the log, prove it, and write copies that can prove it later."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common, exit_codes
from inspect_ai.cli.shown import heads as heads_shown
from inspect_ai.cli.shown import names as names_shown

if TYPE_CHECKING:
    from inspect_ai.audit import Entry, Head, Log

DAMAGED = 4

app = common.app()

Limit = Annotated[int, typer.Option("--limit", min=0, help="At most so many entries, the newest; 0 for all.")]


@app.callback(invoke_without_command=True)
def audit(context: typer.Context, db: common.Db = None, limit: Limit = 50, as_json: common.Json = False) -> None:
    """Read and prove the audit log; without a command, list its newest entries.

    Example: inspect-ai audit verify --db inspect_ai.db
    """
    context.obj = (db, as_json)
    if context.invoked_subcommand is None:
        _list(db, limit, as_json)


@app.command("list")
def list_entries(
    context: typer.Context,
    db: common.Db = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="decision, rejection, review, certificate, alarm or delivery.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="clear, flag or abstain; a review's verdict.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Decisions of this task.")] = None,
    limit: Limit = 50,
    as_json: common.Json = False,
) -> None:
    """List entries, oldest of them first.

    Example: inspect-ai audit list --outcome flag --limit 0 --json
    """
    db, as_json = _given(context, db, as_json)
    _list(db, limit, as_json, kind=kind, outcome=outcome, task=task)


@app.command("show")
def show(
    context: typer.Context,
    entry_id: Annotated[int, typer.Argument(metavar="ID", help="Number of the entry.")],
    db: common.Db = None,
    reveal: names_shown.Reveal = False,
    as_json: common.Json = False,
) -> None:
    """Show all that one entry holds. Scores stand in its document as hexadecimal floats, names of files as pseudonyms.

    Example: inspect-ai audit show 12 --reveal
    """
    import json

    from inspect_ai.audit import open_log
    from inspect_ai.cli.tables.entries import standing_json

    db, as_json = _given(context, db, as_json)
    with open_log(common.settings(db=db).db, create=False) as log:
        entry = log.entry(entry_id)
        now = standing_json(entry, log)
        document = json.loads(entry.document)
        if reveal:
            document = names_shown.revealed(document, entry, log)
    if as_json:
        chained = {"previous": entry.previous, "hash": entry.hash}
        common.emit({**_plain(entry), **now, "document": document, **chained})
        return
    ended = [("certified now", f"no: {now['standing']}")] if now["standing"] else []
    common.table(f"Entry {entry.id}", "field", "value", rows=[*_leaves(document), *ended, ("hash", entry.hash)])


@app.command("verify")
def verify(
    context: typer.Context,
    db: common.Db = None,
    anchor: Annotated[
        Path | None, typer.Option("--anchor", help="A file with heads written earlier: an export, or verify --json.")
    ] = None,
    heads: heads_shown.Heads = None,
    head_key: heads_shown.HeadKey = None,
    as_json: common.Json = False,
) -> None:
    """Check the whole log; name the first altered, missing, reordered or foreign entry. Leaves with 4 if there is one.

    A log that was cut or rewritten as a whole shows only against a head that was kept elsewhere: in the folder of
    setting heads, or in a file that is named. The result says against which it was checked.

    Example: inspect-ai audit verify --anchor last_month.jsonl
    """
    from inspect_ai import audit as package

    db, as_json = _given(context, db, as_json)
    settings = common.settings(db=db)
    folder, (key, missing) = heads_shown.folder_of(settings, heads), heads_shown.public_key(settings, head_key)
    absent = "" if heads is not None or folder is None else heads_shown.absent(folder)
    found = package.verify(settings.db, anchor=anchor, heads=None if absent else folder, public_key=key)
    statement = f"{missing}{absent}{found.statement}"
    if as_json:
        head = {"type": "head", "ok": found.ok, "rows": found.rows, "head": found.head}
        against = {"heads": found.heads, "covered": found.covered, "signers": list(found.signers)}
        said = {"fault": found.fault, "statement": statement, **against, "remarks": list(found.remarks)}
        common.emit({**head, **said})
    else:
        for remark in found.remarks:
            print(remark)
        print(_verdict(found, settings.db))
        print(statement)
    if not found.ok:
        raise typer.Exit(DAMAGED)


@app.command("export")
def export(
    context: typer.Context,
    db: common.Db = None,
    to: Annotated[Path | None, typer.Option("--to", help="File to write; stdout if not given.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Columns for a spreadsheet instead of JSON Lines.")] = False,
    as_json: common.Json = False,
) -> None:
    """Write every entry, the heads kept elsewhere and the head of the chain, as JSON Lines (as with --json) or as CSV.

    The head is signed where setting head_key names a private key. Keep the file elsewhere: it proves the log later
    (audit verify --anchor FILE). A CSV file holds no head; its last columns are remarks on each decision, and whether
    a certified one is certified now.

    Example: inspect-ai audit export --to log_2026_01.jsonl
    """
    from inspect_ai.audit import export as export_file
    from inspect_ai.audit import export_csv, export_jsonl, open_log
    from inspect_ai.certificates.lapsed import lapsed
    from inspect_ai.errors import UsageError

    db, as_json = _given(context, db, as_json)
    if as_csv and as_json:
        raise UsageError("An export is JSON Lines or CSV: give --json or --csv, not both.")
    settings = common.settings(db=db)
    with open_log(settings.db, create=False) as log:
        now = partial(lapsed, log)
        kept = [] if as_csv else heads_shown.kept_heads(settings, log)
        key_file = "" if settings.head_key.endswith(".pub") else settings.head_key
        if to is not None:
            head = export_file(log, to, as_csv=as_csv, lapsed=now, kept=kept, key_file=key_file)
            _say_head(head, f"written to {to}")
            return
        try:
            if as_csv:
                head = export_csv(log, sys.stdout, now)
            else:
                head = export_jsonl(log, sys.stdout, kept=kept, key_file=key_file)
            sys.stdout.flush()
        except BrokenPipeError:
            sys.stdout = None  # or the interpreter complains again when it flushes at exit
            raise typer.Exit(exit_codes.READER_GONE) from None
    _say_head(head, "written")


@app.command("keygen")
def keygen(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File of the private key, on a medium that the log's owner lacks.")],
    as_json: common.Json = False,
) -> None:
    """Make the key that signs heads of the log: FILE, and its public half FILE.pub.

    Example: inspect-ai audit keygen /media/token/heads.pem
    """
    heads_shown.make_key(file, _given(context, None, as_json)[1])


def _given(context: typer.Context, db: Path | None, as_json: bool) -> tuple[Path | None, bool]:
    """Options given before the command's name count too: `inspect-ai audit --db FILE verify`."""
    before_db, before_json = context.obj
    return db or before_db, as_json or before_json


def _say_head(head: Head, where: str) -> None:
    """Print the head on stderr: stdout may be the export."""
    print(f"{head.rows} entries {where}; head {head.hash}", file=sys.stderr)


def _verdict(found: Any, path: Path) -> str:
    from inspect_ai.text import printable

    if found.ok:
        return f"The audit log {path} is sound: {found.rows} entries, head {found.head}"
    return f"FAULT after {found.rows} sound entries: {printable(found.fault, 1000)}"


def _list(db: Path | None, limit: int, as_json: bool, **wanted: str | None) -> None:
    from inspect_ai.audit import open_log
    from inspect_ai.cli.tables.entries import entries_table, standing_json

    with open_log(common.settings(db=db).db, create=False) as log:
        entries = _newest(log, limit, **wanted)
        if as_json:
            for entry in entries:
                common.emit(_plain(entry) | standing_json(entry, log))
            return
        count = entries_table(entries, log)
        head = log.head()
    common.say(f"{count} of {head.rows} entries. Head: {head.hash}")


def _newest(log: Log, limit: int, **wanted: str | None) -> Any:
    """The newest `limit` entries (0: all, streamed), oldest first."""
    if limit == 0:
        return log.entries(**wanted)  # type: ignore[arg-type]  # the filters are all texts
    return reversed(list(log.entries(limit=limit, newest_first=True, **wanted)))  # type: ignore[arg-type]


def _plain(entry: Entry) -> dict[str, Any]:
    """Columns of an entry as plain values."""
    return {
        "type": "entry",
        "entry": entry.id,
        "time": entry.time,
        "kind": entry.kind,
        "subject": entry.subject or None,
        "task": entry.task or None,
        "outcome": entry.outcome,
        "certified": entry.certified,
        "score": entry.score,
        "reason": entry.reason,
        "refers": entry.refers,
        "operator": entry.operator,
    }


def _leaves(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Values of a document, each with the path to it, as text that is safe on a terminal."""
    from inspect_ai.text import printable

    if isinstance(value, dict) and value:
        return [leaf for key, part in value.items() for leaf in _leaves(part, f"{name}.{key}" if name else key)]
    if isinstance(value, list) and value:
        return [leaf for i, part in enumerate(value) for leaf in _leaves(part, f"{name}[{i}]")]
    if isinstance(value, str) and value.startswith(("0x", "-0x")):
        try:
            return [(name, f"{float.fromhex(value):.6g}")]
        except ValueError:
            pass  # a text that only looks like a number
    return [(name, printable(str(value), 5_000))] if value not in (None, [], {}, "") else []
