"""Results of the fuzzing: how the mutants of each format ended, and what must not have happened."""

from __future__ import annotations

from dataclasses import dataclass

ENDS = ("read", "problems", "header", "pixels", "crashed", "late")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """End of one mutant: one of ENDS, its time, and the faults found."""

    end: str
    seconds: float
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Mutants of one format by how they ended. slowest_s: longest time of one."""

    name: str
    files: int
    ends: tuple[int, ...]  # in the order of ENDS
    slowest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzResult:
    """Result of one run. faults: each with the number of the mutant; empty where every promise held."""

    files: int
    seed: int
    seconds: float
    rows: tuple[Counted, ...]
    faults: tuple[str, ...]
    together: int  # mutants that were ingested in one folder with others too
