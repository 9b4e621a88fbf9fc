"""What an owner of the log's file can do, and which heads find it: each attack is sound to the chain alone."""

import hashlib
import http.server
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from inspect_ai import signature
from inspect_ai.audit import HeadKeeper, Log, export, keep_head, open_log, verify
from inspect_ai.audit.records import columns
from inspect_ai.cli import run
from inspect_ai.errors import UsageError
from inspect_ai.settings import Settings
from tests.support.logs import make_log, rejection

NOT_FOUND = "a cut tail or a rewritten log would not be found"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "heads").mkdir()
    signature.make_key(tmp_path / "usb.pem")
    return Settings(db=tmp_path / "log" / "log.db", heads=str(tmp_path / "heads"), head_key=str(tmp_path / "usb.pem"))


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    make_log(settings.db, rows=6)
    with open_log(settings.db) as opened:
        yield opened


def own(path: Path, *statements: str, again_from: int | None = None) -> None:
    """What the owner of the file can do with any SQLite tool: triggers away, rows changed, all hashes computed again,
    triggers back.
    """
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        if again_from is not None:
            chain(connection, again_from)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def chain(connection: sqlite3.Connection, start: int) -> None:
    rows = connection.execute("SELECT seq, document FROM entry ORDER BY seq").fetchall()
    previous = "0" * 64
    for seq, document in rows:
        own_hash = hashlib.sha256(bytes.fromhex(previous) + document.encode()).hexdigest()
        if seq >= start:
            connection.execute("UPDATE entry SET previous = ?, hash = ? WHERE seq = ?", (previous, own_hash, seq))
        previous = own_hash


def forged(seq: int) -> tuple[str, ...]:
    """Another reason in an entry and in its column, as the program itself would have written it."""
    return (
        f"UPDATE entry SET document = replace(document, 'no image file', 'too large'), reason = 'too large', "
        f"\"key\" = 'forged' WHERE seq = {seq}",
    )


def consistent(path: Path, seq: int) -> None:
    """The column `key` of a forged rejection, computed again as well."""
    with closing(sqlite3.connect(path)) as connection:
        (document,) = connection.execute("SELECT document FROM entry WHERE seq = ?", (seq,)).fetchone()
    own(path, f"UPDATE entry SET \"key\" = '{columns(json.loads(document)).key}' WHERE seq = {seq}")


def cut_the_tail(path: Path) -> None:
    own(path, "DELETE FROM entry WHERE seq > 4")


def rewrite_an_entry_and_all_hashes(path: Path) -> None:
    own(path, *forged(3), again_from=3)
    consistent(path, 3)


def forge_the_last_entry(path: Path) -> None:
    own(path, *forged(6), again_from=6)
    consistent(path, 6)


def rewrite_from_the_first_entry(path: Path) -> None:
    own(path, "UPDATE entry SET document = replace(document, '\"tester\"', '\"forger\"')", again_from=1)


def rewrite_from_the_first_entry_and_go_on(path: Path) -> None:
    rewrite_from_the_first_entry(path)
    with open_log(path) as log:
        log.append([rejection(40)])
        keep_head(log, Settings(db=path, heads=str(path.parent.parent / "heads")))


def remove_all_entries(path: Path) -> None:
    own(path, "DELETE FROM entry")


def put_another_log_in_its_place(path: Path) -> None:
    path.unlink()
    make_log(path, rows=3)


ATTACKS = {
    cut_the_tail: "Its end was cut",
    rewrite_an_entry_and_all_hashes: "the log was rewritten there or before",
    forge_the_last_entry: "Entry 6 is not the one that a head of",
    rewrite_from_the_first_entry: "rewritten from its first entry on, or replaced",
    rewrite_from_the_first_entry_and_go_on: "rewritten from its first entry on, or replaced",
    remove_all_entries: "rewritten from its first entry on, or replaced",
    put_another_log_in_its_place: "rewritten from its first entry on, or replaced",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_each_attack_is_found_with_the_heads_and_said_to_be_not_findable_without(
    attack: object, settings: Settings, log: Log
) -> None:
    kept = keep_head(log, settings)
    assert kept is not None
    assert kept.failure == ""
    folder = Path(settings.heads)
    sound = verify(settings.db, heads=folder)
    assert (sound.ok, sound.heads, sound.covered) == (True, 1, 6)
    assert f"signed by key {kept.head.key[:16]}" in sound.statement

    attack(settings.db)  # type: ignore[operator]

    alone = verify(settings.db)
    assert alone.ok
    assert NOT_FOUND in alone.statement
    found = verify(settings.db, heads=folder)
    assert not found.ok
    assert ATTACKS[attack] in (found.fault or "")  # type: ignore[index]
    anchored = verify(settings.db, anchor=folder / f"{kept.head.log}.jsonl")
    assert not anchored.ok


def test_what_was_appended_after_the_newest_head_is_said_to_be_open(settings: Settings, log: Log) -> None:
    keep_head(log, settings)
    log.append([rejection(50)])

    found = verify(settings.db, heads=Path(settings.heads))

    assert found.ok
    assert found.covered == 6
    assert "Of the entries after 6, cut or rewritten ones would not be found" in found.statement


def test_heads_that_a_forger_wrote_do_not_count_where_the_key_is_known(settings: Settings, log: Log) -> None:
    keep_head(log, settings)
    (file,) = Path(settings.heads).iterdir()
    forge_the_last_entry(settings.db)
    true = file.read_text()
    with open_log(settings.db) as again:
        file.unlink()
        other = Path(settings.db.parent / "own.pem")
        signature.make_key(other)
        keep_head(again, Settings(db=settings.db, heads=settings.heads, head_key=str(other)))
        keep_head(again, Settings(db=settings.db, heads=settings.heads))
    public = signature.public_hex(signature.read_key(Path(settings.head_key)))

    assert verify(settings.db, heads=Path(settings.heads)).ok  # whoever can write the folder too, and no key is known
    asked = verify(settings.db, heads=Path(settings.heads), public_key=public)
    assert asked.heads == 0
    assert NOT_FOUND in asked.statement
    assert "2 more were left out" in asked.statement
    file.write_text(true + file.read_text())
    assert not verify(settings.db, heads=Path(settings.heads), public_key=public).ok
    both = verify(settings.db, heads=Path(settings.heads))
    assert "two different heads for 6 rows" in (both.fault or "")


def test_an_altered_head_is_left_out(settings: Settings, log: Log) -> None:
    keep_head(log, settings)
    (file,) = Path(settings.heads).iterdir()
    file.write_text(file.read_text().replace('"rows": 6', '"rows": 5'))

    found = verify(settings.db, heads=Path(settings.heads))

    assert found.heads == 0
    assert NOT_FOUND in found.statement


def test_a_folder_that_is_not_mounted_is_told_and_tried_again(settings: Settings, log: Log) -> None:
    folder = Path(settings.heads)
    folder.rename(folder.with_name("away"))

    kept = keep_head(log, settings)

    assert kept is not None
    assert "could not be kept" in kept.failure
    assert not folder.exists()
    waiting = settings.db.with_name("log.db.heads")
    assert waiting.stat().st_mode & 0o777 == 0o600
    log.append([rejection(60)])
    folder.with_name("away").rename(folder)
    kept = keep_head(log, settings)
    assert kept is not None
    assert kept.failure == ""
    assert not waiting.exists()
    assert verify(settings.db, heads=folder).heads == 2


def test_a_missing_key_is_told_and_the_head_kept_without_signature(settings: Settings, log: Log) -> None:
    Path(settings.head_key).unlink()

    kept = keep_head(log, settings)

    assert kept is not None
    assert "not signed" in kept.failure
    found = verify(settings.db, heads=Path(settings.heads))
    assert (found.heads, found.signers) == (1, ())
    assert "not signed" in found.statement


def test_a_url_takes_heads_and_one_that_fails_is_asked_again(settings: Settings, log: Log) -> None:
    taken: list[dict[str, object]] = []
    answers = [500, 200, 200]

    class Taking(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = answers.pop(0)
            if code == 200:
                taken.append(json.loads(body))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with http.server.HTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sent = Settings(db=settings.db, heads=f"http://127.0.0.1:{server.server_port}/heads")
        first = keep_head(log, sent)
        assert first is not None
        assert "could not be kept" in first.failure
        log.append([rejection(70)])
        second = keep_head(log, sent)
        server.shutdown()
    assert second is not None
    assert second.failure == ""
    assert [head["rows"] for head in taken] == [6, 7]


def test_a_run_that_does_not_end_keeps_heads_meanwhile(settings: Settings, log: Log) -> None:
    keeper = HeadKeeper(log, settings, every_s=0.0)

    keeper.at_intervals()
    assert keeper._thread is not None
    keeper._thread.join(10)

    assert verify(settings.db, heads=Path(settings.heads)).heads == 1


def test_an_export_holds_its_own_signed_head_and_those_that_were_kept(settings: Settings, log: Log) -> None:
    kept = keep_head(log, settings)
    assert kept is not None
    log.append([rejection(80)])
    target = settings.db.parent / "export.jsonl"

    export(log, target, kept=[kept.head], key_file=settings.head_key)

    heads = [line for line in map(json.loads, target.read_text().splitlines()) if line["type"] == "head"]
    assert [head["rows"] for head in heads] == [6, 7]
    assert {head["key"] for head in heads} == {kept.head.key}
    found = verify(settings.db, anchor=target)
    assert (found.ok, found.heads, found.signers) == (True, 2, (kept.head.key,))
    cut_the_tail(settings.db)
    assert not verify(settings.db, anchor=target).ok


def test_a_folder_of_heads_that_cannot_be_read_is_no_sound_log(settings: Settings, log: Log) -> None:
    with pytest.raises(UsageError, match="Is it mounted"):
        verify(settings.db, heads=settings.db.parent / "nowhere")


def test_a_log_that_was_moved_is_checked_against_its_heads_and_a_file_of_another_log_is_no_witness(
    settings: Settings, log: Log
) -> None:
    keep_head(log, settings)
    moved = settings.db.parent / "moved.db"
    shutil.copy(settings.db, moved)
    assert verify(moved, heads=Path(settings.heads)).heads == 1
    make_log(settings.db.parent / "other.db", rows=2)

    found = verify(settings.db.parent / "other.db", anchor=next(Path(settings.heads).iterdir()))

    assert not found.ok
    assert "began with another entry" in (found.fault or "")


def test_an_empty_log_has_no_head(settings: Settings) -> None:
    with open_log(settings.db) as empty:
        assert keep_head(empty, settings) is None
    shutil.rmtree(settings.heads)


def test_verify_says_on_screen_and_in_json_what_it_checked(
    settings: Settings, log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(settings.db.parent)
    command = ["audit", "verify", "--db", str(settings.db)]
    assert run(command) == 0
    assert NOT_FOUND in capsys.readouterr().out
    assert run(["audit", "keygen", "token.pem"]) == 0
    assert "token.pem.pub" in capsys.readouterr().out
    assert run(["audit", "keygen", "token.pem"]) == 2
    assert Path("token.pem").stat().st_mode & 0o777 == 0o600
    kept = keep_head(log, Settings(db=settings.db, heads=settings.heads, head_key="token.pem"))
    assert kept is not None
    monkeypatch.setenv("INSPECT_AI_HEADS", settings.heads)

    assert run([*command, "--head-key", "token.pem.pub", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["heads"], told["covered"], told["signers"]) == (1, 6, [kept.head.key])
    assert "Checked against 1 head" in told["statement"]
    cut_the_tail(settings.db)
    assert run(command) == 4
    assert "Its end was cut" in capsys.readouterr().out
    monkeypatch.setenv("INSPECT_AI_HEADS", str(settings.db.parent / "nowhere"))
    assert run(command) == 0
    said = capsys.readouterr().out
    assert "not mounted?" in said
    assert NOT_FOUND in said
