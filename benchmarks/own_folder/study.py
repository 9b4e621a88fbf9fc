"""The four commands of a stranger, each a process of its own, and the figures that they leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.own_folder.folders import Brought, made
from inspect_ai.calibration import read_point
from inspect_ai.certificates.deployment import POINT_FILE
from inspect_ai.errors import UsageError

MAIN = (sys.executable, "-c", "from inspect_ai.cli import main; main()")
RESULT, LOG = "result.json", "log.txt"
TOO_FEW = "independent positives; there are"  # of the sentence by which calibrate refuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Result of one folder on val.

    minutes: wall time of all four commands. sensitivity, units: what calibration proved, and on how many independent
    positives. fpr: share of val's negatives not cleared at the line, with its 95 % interval; found: share of val's
    positives not cleared. None where nothing was proved.
    """

    folder: str
    network: str
    seed: int
    threads: int
    minutes: float
    auc: float
    auc_interval: tuple[float, float]
    sensitivity: float | None
    units: int | None
    fpr: float | None
    fpr_interval: tuple[float, float] | None
    found: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """Settings of the commands, and the commands. backbone: None for the plan's own trunk."""

    data: Path
    out: Path
    budget: str
    threads: int
    seed: int
    backbone: str | None
    tell: Callable[[str], None]

    def tried(self, brought: Brought) -> Ended:
        """Run all four commands on one folder, or read what an earlier run left. Raises UsageError where one fails."""
        root = self.out / f"{brought.name}-{self.backbone or 'trunk'}-{self.seed}"
        if (root / RESULT).is_file():
            return ended_from(json.loads((root / RESULT).read_text("utf-8")))
        folder = made(brought, self.data, self.out / "folders" / brought.name)
        began = time.monotonic()
        name, model, where = brought.name, str(root / "run"), ["--tasks", str(root / "tasks"), "--data", str(folder)]
        other = [] if self.backbone is None else ["--backbone", self.backbone]
        at = ["--seed", str(self.seed), "--threads", str(self.threads)]
        self._run(
            root, "tasks", "new", name, "--into", str(root / "tasks"), "--data", str(folder), "--budget", self.budget
        )
        self._run(root, "train", name, *where, "--out", model, *at, *other)
        is_proved = self._calibrated(root, name, *where, "--model", model)
        said = self._run(root, "evaluate", name, *where, "--model", model, "--split", "val", "--json")
        figures = json.loads(said)
        proof = read_point(Path(model) / POINT_FILE).proof if is_proved else None
        figures |= {
            "folder": name,
            "network": self.backbone or "trunk",
            "seed": self.seed,
            "threads": self.threads,
            "minutes": (time.monotonic() - began) / 60,
            "proved": None if proof is None else proof.sensitivity,
            "units": None if proof is None else proof.n_positive,
        }
        (root / RESULT).write_text(json.dumps(figures, indent=1), "utf-8")
        return ended_from(figures)

    def _calibrated(self, root: Path, *words: str) -> bool:
        """Calibrate; False where so few positives prove nothing. Raises UsageError where it fails otherwise."""
        try:
            self._run(root, "calibrate", *words)
        except UsageError:
            if TOO_FEW in (root / LOG).read_text("utf-8"):
                return False
            raise
        return True

    def _run(self, root: Path, *words: str) -> str:
        """Start one command in its folder; returns its stdout. What it says on stderr goes to log.txt.

        Raises UsageError where it fails.
        """
        root.mkdir(parents=True, exist_ok=True)
        self.tell(f"inspect-ai {' '.join(words)}")
        env = os.environ | {"OMP_NUM_THREADS": str(self.threads)}
        with (root / LOG).open("a", encoding="utf-8") as log:
            print(f"$ inspect-ai {' '.join(words)}", file=log, flush=True)
            done = subprocess.run([*MAIN, *words], cwd=root, env=env, stdout=subprocess.PIPE, stderr=log, check=False)
        if done.returncode:
            raise UsageError(f"inspect-ai {words[0]} ended with {done.returncode}; {root / 'log.txt'} says why.")
        return done.stdout.decode("utf-8")


def ended_from(figures: dict[str, Any]) -> Ended:
    """Take what is compared out of the figures of `evaluate --json` and those that were added."""

    return Ended(
        folder=figures["folder"],
        network=figures["network"],
        seed=figures["seed"],
        threads=figures["threads"],
        minutes=figures["minutes"],
        auc=figures["auc"],
        auc_interval=tuple(figures["auc_interval"]),
        sensitivity=figures["proved"],
        units=figures["units"],
        fpr=figures["false_positive_rate"],
        fpr_interval=figures["false_positive_rate_interval"] and tuple(figures["false_positive_rate_interval"]),
        found=figures["sensitivity"],
        n=figures["n"],
    )


COLUMNS = (
    "folder", "network", "seed", "minutes", "AUC on val", "proved", "independent positives",
    "positives of val not cleared", "negatives of val not cleared",
)  # fmt: skip


def cells(row: Ended) -> tuple[str, ...]:
    """One line of the table."""
    return (
        row.folder,
        row.network,
        str(row.seed),
        f"{row.minutes:.0f} on {row.threads} thread{'s' if row.threads > 1 else ''}",
        f"{row.auc:.3f} ({row.auc_interval[0]:.3f} to {row.auc_interval[1]:.3f})",
        *_at_the_line(row),
    )


def _at_the_line(row: Ended) -> tuple[str, ...]:
    if row.sensitivity is None or row.found is None or row.fpr is None or row.fpr_interval is None:
        return "refused", "", "", ""
    low, high = row.fpr_interval
    return f"{row.sensitivity:g}", str(row.units), f"{row.found:.3f}", f"{row.fpr:.3f} ({low:.3f} to {high:.3f})"


def names(only: Sequence[str], folders: Sequence[Brought]) -> list[Brought]:
    """Folders of these names, all where none is named. Raises UsageError for one that is not there."""
    known = {brought.name: brought for brought in folders}
    if missing := [name for name in only if name not in known]:
        raise UsageError(f"--only: there is no folder {missing[0]!r}. There are {', '.join(known)}.")
    return [known[name] for name in only] or list(folders)
