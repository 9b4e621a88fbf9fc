"""Verify names the first altered, missing, reordered or foreign entry, and what only an anchor can see."""

import hashlib
import json
import random
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from inspect_ai.audit import export, open_log, verify
from inspect_ai.errors import AuditError, UsageError
from tests.support.logs import decision, make_log, raw_rows, tamper

COLUMNS = "time, kind, subject, task, outcome, score, reason, refers, key, document, previous, hash"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    make_log(tmp_path / "log.db", 6)
    return tmp_path / "log.db"


def fault(db: Path, anchor: Path | None = None) -> str:
    found = verify(db, anchor=anchor)
    assert found.ok == (found.fault is None)
    assert found.fault is not None, "nothing was found"
    return found.fault


def rehash(db: Path, first: int) -> None:
    """Recompute the chain from an entry on: what somebody with this program can do."""
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("DROP TRIGGER entry_no_update")
        rows = connection.execute("SELECT seq, document FROM entry WHERE seq >= ? ORDER BY seq", [first]).fetchall()
        for seq, document in rows:
            before = connection.execute("SELECT hash FROM entry WHERE seq = ?", [seq - 1]).fetchone()
            previous = before[0] if before else "0" * 64
            own = hashlib.sha256(bytes.fromhex(previous) + document.encode()).hexdigest()
            connection.execute("UPDATE entry SET previous = ?, hash = ? WHERE seq = ?", [previous, own, seq])
        connection.commit()
    tamper(db, NO_UPDATE)


NO_UPDATE = (
    "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry\n"
    "BEGIN\n    SELECT RAISE(ABORT, 'the audit log is append-only: entries are not changed');\nEND"
)


def test_a_sound_log_is_told_with_its_length_and_head(db: Path) -> None:
    found = verify(db)

    assert (found.ok, found.rows, found.head, found.fault) == (True, 6, raw_rows(db)[-1][-1], None)


@pytest.mark.parametrize("column", COLUMNS.split(", "))
@pytest.mark.parametrize("value", ["'other'", "NULL", "0", "zeroblob(3)", "0.5"])
def test_any_column_changed_names_its_entry(column: str, value: str, db: Path) -> None:
    before = raw_rows(db)
    try:
        tamper(db, f"UPDATE entry SET {column} = {value} WHERE seq = 4")
    except sqlite3.IntegrityError:
        return  # the file itself refuses it
    if raw_rows(db) == before:
        assert verify(db).ok
        return

    assert "Entry 4 " in fault(db) or "integrity" in fault(db) or "damaged" in fault(db)
    assert verify(db).rows in (0, 3)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["UPDATE entry SET document = replace(document, 'scratch', 'nothing') WHERE seq = 5"], "Entry 5 .* altered"),
        (["UPDATE entry SET outcome = 'clear' WHERE seq = 2"], "Entry 2 .* altered: its column 'outcome'"),
        (["DELETE FROM entry WHERE seq = 3"], "Entry 3 is missing"),
        (["DELETE FROM entry WHERE seq = 1"], "Entry 1 is missing"),
        (["DELETE FROM entry WHERE seq = 3", "UPDATE entry SET seq = seq - 1 WHERE seq > 3"], "Entry 3 is missing"),
        (
            [
                "UPDATE entry SET seq = 100 WHERE seq = 2",
                "UPDATE entry SET seq = 2 WHERE seq = 5",
                "UPDATE entry SET seq = 5 WHERE seq = 100",
            ],
            "reordered: what was written as entry 2 stands at 5",
        ),
        (["UPDATE entry SET seq = 9 WHERE seq = 6"], "Entry 6 is missing"),
        (["UPDATE entry SET seq = 0 WHERE seq = 1"], "Entry 1 is missing"),
    ],
)
def test_what_was_done_to_the_rows_is_named(statements: list[str], said: str, db: Path) -> None:
    tamper(db, *statements)

    assert re.search(said, fault(db)), fault(db)


def test_a_row_of_another_log_is_foreign(db: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with open_log(other, operator="mallory") as log:
        log.append([decision(n) for n in range(50, 56)])
    tamper(
        db,
        f"ATTACH '{other}' AS other",
        "DELETE FROM entry WHERE seq = 4",
        f"INSERT INTO main.entry SELECT seq, {COLUMNS} FROM other.entry WHERE seq = 4",
    )

    assert "Entry 4 of" in fault(db)
    assert "is foreign" in fault(db)


def test_an_inserted_row_is_found(db: Path) -> None:
    tamper(
        db,
        "UPDATE entry SET seq = 7 WHERE seq = 6",
        f"INSERT INTO entry SELECT 6, {COLUMNS.replace('key', 'NULL')} FROM entry WHERE seq = 2",
    )

    assert "reordered: what was written as entry 6 stands at 7" in fault(db)


def test_a_document_rewritten_with_its_hash_breaks_the_next_entry(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        document, previous = connection.execute("SELECT document, previous FROM entry WHERE seq = 2").fetchone()
    document = document.replace("scratch", "nothing")
    own = hashlib.sha256(bytes.fromhex(previous) + document.encode()).hexdigest()
    tamper(db, f"UPDATE entry SET document = '{document}', hash = '{own}' WHERE seq = 2")

    assert "Entry 3 of" in fault(db)
    assert "entry 2 was rewritten together with its hash" in fault(db)


def test_a_document_in_another_spelling_is_altered_even_with_all_hashes_made_anew(db: Path) -> None:
    tamper(db, "UPDATE entry SET document = replace(document, '\":', '\" :') WHERE seq = 2")
    rehash(db, 2)

    assert "Entry 2 of" in fault(db)
    assert "not canonical" in fault(db)


@pytest.mark.parametrize("document", ["[]", "{}", "1", '{"seq":2}', "[" * 100000, '{"kind":"decision","seq":2}'])
def test_a_document_that_is_none_is_altered_even_with_all_hashes_made_anew(document: str, db: Path) -> None:
    tamper(db, f"UPDATE entry SET document = '{document}' WHERE seq = 2")
    rehash(db, 2)

    assert "Entry 2 of" in fault(db)


def test_a_number_changed_in_a_document_is_found_even_with_all_hashes_made_anew(db: Path) -> None:
    tamper(db, "UPDATE entry SET document = replace(document, '\"seq\":2', '\"seq\":7') WHERE seq = 2")
    rehash(db, 2)

    assert "Entry 2 of" in fault(db)
    assert "it calls itself entry 7" in fault(db)


def test_a_chain_rewritten_as_a_whole_is_seen_by_the_anchor_alone(db: Path, tmp_path: Path) -> None:
    with open_log(db) as log:
        export(log, tmp_path / "anchor.jsonl")
        log.append([decision(70)])
    assert verify(db, anchor=tmp_path / "anchor.jsonl").rows == 7
    tamper(db, "UPDATE entry SET document = replace(document, 'scratch', 'nothing') WHERE seq = 2")
    rehash(db, 2)

    assert verify(db).ok
    assert "Entry 6 is not the one that a head of" in fault(db, tmp_path / "anchor.jsonl")


def test_a_tail_that_was_cut_is_seen_by_the_anchor_alone(db: Path, tmp_path: Path) -> None:
    found = verify(db)
    anchor = tmp_path / "anchor.txt"
    anchor.write_text("heads of this year\n" + json.dumps({"rows": found.rows, "head": found.head}) + "\n")
    tamper(db, "DELETE FROM entry WHERE seq > 4")

    assert verify(db).rows == 4
    assert f"Entry 5 is missing: the log ends before it, a head of {anchor} knows 6" in fault(db, anchor)


def test_an_anchor_without_a_head_or_with_two_is_a_mistake_of_the_caller(db: Path, tmp_path: Path) -> None:
    empty, double = tmp_path / "empty.txt", tmp_path / "double.txt"
    empty.write_text("nothing here\n[]\n{}\n")
    double.write_text('{"rows": 2, "head": "aa"}\n{"rows": 2, "head": "bb"}\n')

    for anchor, said in (
        (empty, "holds no head"),
        (double, "two different heads"),
        (tmp_path / "no", "cannot be read"),
    ):
        with pytest.raises(UsageError, match=said):
            verify(db, anchor=anchor)


@pytest.mark.parametrize("name", ["entry_append", "entry_no_update", "entry_no_delete"])
def test_a_trigger_that_is_gone_or_weakened_is_named(name: str, db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        sql = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", [name]).fetchone()[0]
        connection.execute(f"DROP TRIGGER {name}")
        connection.commit()
        assert f"lacks its trigger {name!r}" in fault(db)
        connection.execute(sql.replace("ABORT", "IGNORE").replace(", 'the audit", "); SELECT ('the audit"))
        connection.commit()

    assert f"has a trigger {name!r} that this program did not make so" in fault(db)


def test_a_table_or_view_that_was_added_is_named(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("CREATE VIEW latest AS SELECT * FROM entry")

    assert "has a view 'latest'" in fault(db)


def test_a_file_that_is_no_log_is_a_fault_and_no_file_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("notes\n" * 300)

    assert "is empty" in fault(tmp_path / "empty.db")
    assert "is no SQLite database" in fault(tmp_path / "text.db")
    with pytest.raises(UsageError, match="There is no audit log"):
        verify(tmp_path / "no.db")
    with pytest.raises(AuditError, match="is no file"):
        verify(tmp_path)


def test_a_byte_in_the_middle_of_a_document_names_its_entry_even_if_it_is_no_text_any_more(db: Path) -> None:
    content = bytearray(db.read_bytes())
    with open_log(db) as log:
        written = log.entry(4).document.encode()
    content[content.index(written) + 200] |= 0x80
    db.write_bytes(content)

    assert "Entry 4 of" in fault(db)
    assert "no UTF-8" in fault(db)


def small_log(folder: Path) -> Path:
    """Three rows on pages of 512 bytes, so that few bytes are empty."""
    path = folder / "small.db"
    make_log(path, 3)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("VACUUM")
    return path


def test_any_single_byte_changed_is_found_or_leaves_all_content_the_same(tmp_path: Path) -> None:
    original = small_log(tmp_path)
    content, rows = original.read_bytes(), raw_rows(original)
    assert verify(original).ok
    copy = tmp_path / "copy.db"
    choice = random.Random(1)  # noqa: S311 - places, no secrets
    found = 0

    for position in sorted(choice.sample(range(len(content)), 600)):
        changed = bytearray(content)
        changed[position] ^= choice.randrange(1, 256)
        copy.write_bytes(changed)
        verification = verify(copy)
        found += not verification.ok
        if verification.ok:
            assert raw_rows(copy) == rows, f"byte {position} changed the content and nobody saw it"

    assert found > 300  # the rest lies in free space, counters and hints


def test_any_file_cut_short_is_found(tmp_path: Path) -> None:
    original = small_log(tmp_path)
    copy = tmp_path / "copy.db"
    size = original.stat().st_size

    for length in range(1, size, size // 40):
        shutil.copyfile(original, copy)
        with copy.open("r+b") as file:
            file.truncate(length)

        assert not verify(copy).ok
