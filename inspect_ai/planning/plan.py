"""A plan: choices of a training with the reason for each, as they stand in plan.yaml beside a task's config.

`choices` has the keys of a task's config (config.py) and lies over it: what a person edits there counts.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inspect_ai.config import PLAN, TaskConfig, laid_over, parse_config
from inspect_ai.text import printable

WIDTH = 118


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One setting by its dotted name in a config, its value, and the reason with the figure that it rests on."""

    key: str
    value: Any
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Choices for one task. measured: sentences on the data; budget: as asked for; tried: sentences on a sweep."""

    task: str
    budget: str
    expected_s: float
    threads: int
    measured: tuple[str, ...]
    choices: tuple[Choice, ...]
    tried: tuple[str, ...] = ()

    def tree(self) -> dict[str, Any]:
        """The choices as nested mappings, as a config has them."""
        made: dict[str, Any] = {}
        for choice in self.choices:
            at, *names = made, *choice.key.split(".")
            for name in names[:-1]:
                at = at.setdefault(name, {})
            at[names[-1]] = choice.value
        return made

    def over(self, config: TaskConfig) -> TaskConfig:
        """Lay the choices over a config and check the whole. Raises UsageError."""
        return parse_config(laid_over(config.model_dump(mode="json"), self.tree()), PLAN)


def plan_text(plan: Plan, config_name: str) -> str:
    """Text of plan.yaml: what was measured, then each choice below the reason for it."""
    lines = [
        f"# Plan of task {plan.task}: how `inspect-ai train {plan.task}` learns, and why. Edit any value: what stands",
        f"# here counts, and lies over {config_name}. `inspect-ai tasks plan {plan.task} --data DIR --again` measures",
        "# the folder again and writes this file anew.",
        "#",
        "# Measured",
        *(line for sentence in plan.measured for line in _comment(sentence, "", first="- ", rest="  ")),
        "",
        *_comment(
            f"Threads when the speed was measured: {plan.threads}; the time is what they need. --budget of "
            f"`train` bounds it anew.",
            "",
        ),
        f"budget: {plan.budget}",
        f"expected_minutes: {max(1, round(plan.expected_s / 60))}",
    ]
    if plan.tried:
        lines += ["", "# Tried on val, which the winner was chosen by", "tried:"]
        lines += [f"  - {one_line(sentence)}" for sentence in plan.tried]
    lines += ["", "choices:"]
    section = ""
    for choice in plan.choices:
        head, _, name = choice.key.rpartition(".")
        if head != section:
            lines += ["", f"  {head}:"] if head else [""]
            section = head
        indent = "    " if head else "  "
        lines += _comment(choice.because, indent)
        lines.append(f"{indent}{name}: {one_line(choice.value)}")
    return "\n".join(lines) + "\n"


def write_plan(plan: Plan, path: Path, config_name: str) -> None:
    """Write plan.yaml whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(plan_text(plan, config_name), "utf-8")
    unfinished.replace(path)


def short_form(plan: Plan) -> list[tuple[str, str, str]]:
    """(setting, value, reason) of each choice, for a table."""
    return [(choice.key, one_line(choice.value), choice.because) for choice in plan.choices]


def one_line(value: Any) -> str:
    """Write a value as one line of YAML."""
    return (
        yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True).strip().removesuffix("\n...")
    )


def _comment(text: str, indent: str, *, first: str = "", rest: str = "") -> Sequence[str]:
    head = f"{indent}# "
    return textwrap.wrap(
        printable(text, 2_000),
        WIDTH,
        initial_indent=head + first,
        subsequent_indent=head + rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
