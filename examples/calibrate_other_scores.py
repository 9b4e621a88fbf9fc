"""Proves a threshold for scores that another program made: python examples/calibrate_other_scores.py

Only scores and truth are needed. Here they are made up: 400 parts with a defect and 600 without, each a unit of its
own.
"""

import csv
from pathlib import Path

import numpy as np

import inspect_ai

SCORES = Path("scores.csv")


def write_scores(path: Path) -> None:
    """One line a part: unit, group, positive, score (0 to 100, as a vendor's box gives it)."""
    random = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["unit", "group", "positive", "score"])
        for part in range(1000):
            positive = part < 400
            score = random.normal(70 if positive else 30, 12)
            table.writerow([f"part{part:04d}", "", int(positive), f"{score:.2f}"])


def main() -> None:
    """Ask for the best that so many prove (98.7 % at 95 % confidence), then decide one more score."""
    write_scores(SCORES)
    made = inspect_ai.calibrate_scores(SCORES, name="made-up box", db="example.db")
    point = made.point
    print(point.promise if point.certified else f"nothing is proved: {point.proof.refusal}")
    for row in made.frontier.rows:
        if row.provable and row.false_positive_rate is not None:
            share = f"{100 * row.false_positive_rate:.1f} % of good parts are not cleared"
            print(f"sensitivity {row.sensitivity:g}: {share}")
    verdict = inspect_ai.decide_score(71.25, "operating_point.json")
    print(f"{verdict.outcome}: {verdict.reason}")


if __name__ == "__main__":
    main()
