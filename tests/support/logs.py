"""Decisions and logs for tests, and a look into a log with nothing but the standard library."""

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from inspect_ai.audit import Entry, open_log
from inspect_ai.domain import (
    Decision,
    Finding,
    Measure,
    Outcome,
    Provenance,
    Rejection,
    SourceFile,
    StudyRef,
    Verdict,
)

PROVENANCE = Provenance(
    task="metal_surface",
    task_version="1.2",
    model_sha256="a" * 64,
    config_sha256="b" * 64,
    operating_point_sha256="c" * 64,
    engine="onnxruntime float32",
    software="0.1.0",
)


def decision(
    number: int,
    *,
    outcome: Outcome = Outcome.FLAG,
    score: float | None = 0.1,
    provenance: Provenance = PROVENANCE,
    supersedes: int | None = None,
) -> Decision:
    digest = hashlib.sha256(f"study {number}".encode()).hexdigest()
    file = SourceFile(path=f"parts/{number}.png", sha256=digest, size_bytes=1000 + number)
    study = StudyRef(
        key=f"parts/{number}.png", source=f"parts/{number}.png", kind="image", digest=digest, files=(file,), rows=480
    )
    finding = Finding(name="scratch", score=0.1 + 0.2, row=4, col=7, position_mm=(-1.5, 1 / 3, 1e-9), diameter_mm=2.0)
    return Decision(
        study=study,
        provenance=provenance,
        verdict=Verdict(outcome=outcome, reason="score 0.1000 reaches 0.0900", certified=True),
        score=score,
        threshold=0.09,
        findings=(finding,),
        measures=(Measure(name="focus", value=0.02, limit=0.002, advice="clean the lens"),),
        decoders=("pillow 12.0",),
        supersedes=supersedes,
    )


def rejection(number: int) -> Rejection:
    return Rejection(file=f"note{number}.txt", reason="no image file", sha256=f"{number:064x}")


def make_log(path: Path, rows: int = 4) -> list[Entry]:
    """A log of decisions and, every third row, a rejection."""
    with open_log(path, operator="tester") as log:
        return log.append([rejection(n) if n % 3 == 2 else decision(n) for n in range(rows)])


def tamper(path: Path, *statements: str) -> None:
    """What somebody with the file and any SQLite tool can do: the triggers go, the rows change, the triggers return."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def raw_rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM entry ORDER BY seq").fetchall()


def chain_holds(rows: Iterable[tuple[object, ...]]) -> bool:
    """The chain, computed here in four lines of its own. Rows end in document, previous, hash."""
    head = "0" * 64
    for *_, document, previous, own in rows:
        if previous != head or hashlib.sha256(bytes.fromhex(head) + str(document).encode()).hexdigest() != own:
            return False
        head = str(own)
    return True
