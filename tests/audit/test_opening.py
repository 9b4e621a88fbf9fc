"""Making, opening, migrating and refusing a log; and every way in which a disk can fail it, as a sentence."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event

from inspect_ai.audit import Review, open_log, opening, schema, verify
from inspect_ai.audit import connection as connecting
from inspect_ai.errors import AuditError, UsageError
from inspect_ai.settings import bundled
from tests.support.logs import chain_holds, decision, make_log, raw_rows

NOBODY = 65534


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def test_the_file_is_made_as_the_page_on_reliability_asks(db: Path) -> None:
    make_log(db)
    engine = connecting.open_engine(db, create=False)
    wanted = {
        "journal_mode": "delete",
        "synchronous": 3,  # EXTRA
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "trusted_schema": 0,
        "busy_timeout": 10000,
        "application_id": int.from_bytes(b"IALG", "big"),
        "user_version": 1,
    }
    with connecting.reading(engine, db) as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
    engine.dispose()

    assert found == wanted
    assert sorted(file.name for file in db.parent.iterdir()) == ["log.db", "log.db.key"]
    assert {file.stat().st_mode & 0o777 for file in db.parent.iterdir()} == {0o600}


def test_the_models_describe_the_tables_that_the_migrations_make(db: Path) -> None:
    make_log(db)
    engine = connecting.open_engine(db, create=False)
    with connecting.reading(engine, db) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, schema.Base.metadata)
    engine.dispose()

    assert differences == []


def test_the_newest_revision_is_the_schema_that_the_program_writes() -> None:
    newest = max(file.name for file in (bundled("migrations") / "versions").glob("*.py"))

    assert int(newest[:4]) == schema.CURRENT


@pytest.mark.parametrize("exists", [True, False])
def test_alembic_is_imported_only_to_make_or_migrate_a_log(exists: bool, db: Path) -> None:
    if exists:
        make_log(db)
    program = (
        "import sys; from pathlib import Path; from inspect_ai.audit import open_log\n"
        f"with open_log(Path({str(db)!r})) as log: log.head()\n"
        "print('alembic' in sys.modules, sorted({'torch', 'scipy', 'pydicom', 'cv2', 'rich'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert result.stdout.strip() == f"{not exists} []"


def test_a_log_that_is_not_there_is_made_with_its_folder_or_missed_in_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"There is no audit log at .*inspect-ai scan"),
        open_log(tmp_path / "no.db", create=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []

    make_log(tmp_path / "new" / "folder" / "log.db")
    assert verify(tmp_path / "new" / "folder" / "log.db").ok


def test_an_empty_file_left_by_a_crash_in_the_making_becomes_a_log(db: Path) -> None:
    db.touch()

    make_log(db, 3)

    assert verify(db).rows == 3


def test_a_name_that_a_uri_would_misread_is_a_name(tmp_path: Path) -> None:
    odd = tmp_path / "100 %41 ?mode=memory #1.db"

    make_log(odd, 2)

    assert odd.is_file()
    assert verify(odd).rows == 2


def refused(db: Path) -> str:
    """The sentence with which an opening fails; the file stays as it was."""
    before = db.read_bytes() if db.is_file() else b""
    with pytest.raises(AuditError) as caught, open_log(db):
        pass
    assert (db.read_bytes() if db.is_file() else b"") == before
    assert caught.value.exit_code == 4
    return str(caught.value)


def test_a_text_file_a_folder_and_a_foreign_database_are_no_logs(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("these are my notes\n" * 100)
    (tmp_path / "folder.db").mkdir()
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as foreign:
        foreign.execute("CREATE TABLE entry (seq)")
    with closing(sqlite3.connect(tmp_path / "marked.db")) as foreign:
        foreign.execute("PRAGMA application_id = 77")

    assert "is no SQLite database" in refused(tmp_path / "text.db")
    assert "is no file" in refused(tmp_path / "folder.db")
    assert "another program's database" in refused(tmp_path / "foreign.db")
    assert "another program's database" in refused(tmp_path / "marked.db")


def test_a_log_of_a_newer_program_is_left_alone(db: Path) -> None:
    make_log(db)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.CURRENT + 1}")

    assert f"has schema {schema.CURRENT + 1}; this program knows {schema.CURRENT}. Update" in refused(db)


@pytest.fixture
def next_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program one schema ahead of this one: its migrations hold a revision more."""
    migrations = tmp_path / "100% migrations"
    shutil.copytree(bundled("migrations"), migrations, ignore=shutil.ignore_patterns("__pycache__"))
    statement = "CREATE INDEX entry_by_task ON entry (task)"
    (migrations / "versions" / "0002_next.py").write_text(
        f"from alembic import op\nrevision = '0002'\ndown_revision = '0001'\n"
        f"def upgrade():\n    op.get_bind().exec_driver_sql({statement!r})\n    # more\n"
    )
    monkeypatch.setattr(opening, "bundled", lambda name: migrations)
    monkeypatch.setattr(schema, "CURRENT", 2)
    monkeypatch.setattr(schema, "STATEMENTS", (*schema.VERSION_1, statement))
    return migrations


def test_an_older_log_is_copied_then_migrated_and_its_chain_holds(db: Path, request: pytest.FixtureRequest) -> None:
    make_log(db, 5)
    before = raw_rows(db)
    request.getfixturevalue("next_schema")

    with open_log(db) as log:
        log.append([decision(77)])

    assert verify(db).rows == 6
    assert raw_rows(db)[:5] == before
    copy = db.with_name("log.db.schema1.bak")
    assert raw_rows(copy) == before
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_copy_of_an_earlier_migration_is_never_overwritten(db: Path, request: pytest.FixtureRequest) -> None:
    make_log(db)
    db.with_name("log.db.schema1.bak").write_text("precious")
    request.getfixturevalue("next_schema")

    with open_log(db):
        pass

    assert db.with_name("log.db.schema1.bak").read_text() == "precious"
    assert chain_holds(raw_rows(db.with_name("log.db.schema1-2.bak")))


def test_a_migration_that_fails_leaves_the_log_as_it_was(db: Path, request: pytest.FixtureRequest) -> None:
    make_log(db)
    before = db.read_bytes()
    migrations: Path = request.getfixturevalue("next_schema")
    revision = migrations / "versions" / "0002_next.py"
    revision.write_text(revision.read_text().replace("# more", "op.execute('CREATE TABLE entry (seq)')"))

    with pytest.raises(AuditError), open_log(db):
        pass

    assert db.read_bytes() == before


def test_verifying_an_older_log_says_how_to_bring_it_up_to_date(db: Path, request: pytest.FixtureRequest) -> None:
    make_log(db)
    request.getfixturevalue("next_schema")

    with pytest.raises(AuditError, match=r"has schema 1, older than this program's 2\. `inspect-ai audit list"):
        verify(db)


def test_a_log_locked_by_another_program_says_so(db: Path) -> None:
    make_log(db)
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(AuditError, match="is locked by another program"), open_log(db, busy_s=0.05):
            pass

    with open_log(db, busy_s=0.05) as log, closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditError, match="is locked by another program"):
            log.append([decision(50)])
        assert log.head().rows == 4  # reading goes on
        other.execute("ROLLBACK")
        log.append([decision(50)])


@contextmanager
def as_nobody(tmp_path: Path) -> Iterator[None]:
    """Without root's right to write anywhere, and able to reach `tmp_path`."""
    if os.geteuid() != 0:
        yield
        return
    for folder in tmp_path.parents:  # nobody must be able to reach the folder
        if folder.stat().st_uid == 0 and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o055)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_log_can_be_read_and_verified_and_refuses_entries(db: Path) -> None:
    make_log(db)
    db.chmod(0o444)
    db.parent.chmod(0o555)
    try:
        with as_nobody(db.parent), open_log(db) as log:
            assert len(list(log.entries())) == 4
            assert verify(db).ok
            with pytest.raises(AuditError, match="cannot be written: file or folder is read-only"):
                log.append([Review(entry_id=1, verdict="positive", reason="seen")])
    finally:
        db.parent.chmod(0o755)


def test_a_full_disk_writes_nothing_of_the_group_and_the_log_goes_on_afterwards(db: Path) -> None:
    make_log(db)
    with open_log(db) as log:

        def limit(connection: sqlite3.Connection, record: object) -> None:
            connection.execute("PRAGMA max_page_count = 12")  # SQLite answers as on a full disk: SQLITE_FULL

        event.listen(log._engine, "connect", limit)
        log._engine.dispose()
        with pytest.raises(AuditError, match=r"is full\. Nothing of the last group was written"):
            log.append([decision(n) for n in range(100, 200)])
        assert log.head().rows == 4
    with open_log(db) as log:
        log.append([decision(n) for n in range(100, 200)])

    assert verify(db).rows == 104


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux mounts a file system for a user")
def test_a_disk_that_is_really_full_ends_in_the_same_sentence(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\nfrom tests.support.logs import decision\nfrom inspect_ai.audit import *\n"
        f"path = Path({str(tmp_path)!r}) / 'log.db'\n"
        "with open_log(path) as log:\n"
        "    rows = 0\n"
        "    try:\n"
        "        while True: rows = log.append([decision(n) for n in range(rows, rows + 10)])[-1].id\n"
        "    except Exception as e: print(type(e).__name__, e)\n"
        "    found = verify(path)\n"
        "    print('SOUND', found.ok, found.rows == rows, rows > 10)"
    )
    mount = f"mount -t tmpfs -o size=300k tmpfs '{tmp_path}' && exec '{sys.executable}' -c \"$PROGRAM\""
    result = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ | {"PROGRAM": program},
    )  # fmt: skip
    if "SOUND" not in result.stdout and "Traceback" not in result.stderr:
        pytest.skip(f"this machine lets nobody mount a file system: {result.stderr.strip()}")

    assert "AuditError The disk of the audit log" in result.stdout
    assert "SOUND True True True" in result.stdout


def test_a_file_that_may_not_grow_is_a_failing_disk(db: Path) -> None:
    make_log(db)
    program = (
        "import resource\nfrom pathlib import Path\nfrom tests.support.logs import decision\n"
        "from inspect_ai.audit import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))\n"
        f"with open_log(Path({str(db)!r})) as log:\n"
        "    try: log.append([decision(n) for n in range(100, 200)])\n"
        "    except Exception as e: print(type(e).__name__, e)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert result.stdout.startswith("AuditError The disk failed under the audit log")
    assert verify(db).rows == 4


def test_a_corrupt_page_is_found_at_opening_when_the_last_writer_died(db: Path) -> None:
    make_log(db, 60)
    journal = db.with_name("log.db-journal")
    page = schema_page_of(db, "entry_once")
    with db.open("r+b") as file:
        file.seek(page * 4096 + 8)
        file.write(b"\xff" * 64)
    with open_log(db):  # the page is not needed to open
        pass
    journal.write_bytes(b"\0" * 512)  # what a killed writer leaves; SQLite finds nothing to roll back in it

    with pytest.raises(AuditError, match=r"is damaged .* Keep the file, restore a copy"), open_log(db):
        pass


def test_a_corrupt_page_met_while_reading_is_a_sentence(db: Path) -> None:
    make_log(db, 60)
    with closing(sqlite3.connect(db)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    with db.open("r+b") as file:
        for page in range(1, pages):
            file.seek(page * 4096)
            file.write(b"\xff" * 200)

    with pytest.raises(AuditError, match="is damaged"), open_log(db) as log:
        list(log.entries())


def schema_page_of(db: Path, name: str) -> int:
    """The page, counted from 0, at which a table or index begins."""
    with closing(sqlite3.connect(db)) as connection:
        page: int = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", [name]).fetchone()[0]
    return page - 1
