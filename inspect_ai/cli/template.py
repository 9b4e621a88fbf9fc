"""Template of `inspect-ai tasks new`: the smallest task that trains, calibrates, evaluates and scans."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import yaml

from inspect_ai.config import LabelSet
from inspect_ai.errors import UsageError
from inspect_ai.text import printable

TASK = '''"""{title}: which pictures are this task's own, and what its network looks at."""

from collections.abc import Iterator

from inspect_ai.domain import Measure, Study, Unit
from inspect_ai.plugins import Task, picture_quality, whole_picture


class {class_name}(Task):
    """Any camera picture; each is looked at whole. Change what differs for your parts, delete what does not."""

    title = "{title}"
    covers = "single pictures taken as those in its data card"

    def quality(self, study: Study) -> list[Measure]:
        """What a picture must be before a score may decide."""
        return [measure for image in study.images for measure in picture_quality(image.unit_range())]

    def units(self, study: Study) -> Iterator[Unit]:
        """Inputs of the network: here one a picture, resized to the size in config.yaml."""
        for index, image in enumerate(study.images):
            yield whole_picture(image.unit_range(), self.config, index, image.sop_instance_uid)
'''

CONFIG = """# Everything about {name} that you may want to change. `inspect-ai train {name} --data DIR` reads it.
# Where `input`, `network`, `augment` and `train` are all left out, `train` measures the pictures and plans them.
name: {name}
title: {title}
labels:
  - name: pass_flag      # one entry for each kind of labelled folder
    column: label        # of labels.csv; with one folder per class, the folder's name
    classes: [pass, flag]
    positive: [flag]     # what must not be missed
input:
  size: 224              # side in pixels that pictures are resized to
  channels: 3
network:
  size: tiny
  init: scratch          # imagenet needs the extra `imagenet`
train:
  epochs: 20
"""

PLANNED = """# Labels of {name}, read off {source}: {because}.
# How it learns stands in plan.yaml, each choice with its reason; what that file says counts.
name: {name}
title: {title}
labels:
{labels}
"""

CARD = """# Data of {name}

- What is on the pictures, and who took them with which camera:
- How many, of which class; who labelled them, and how sure they were:
- Licence, and who may use it for what:
- Splits (train, calibration, val, test) and what keeps a part or patient in one of them:
- What is missing: other cameras, other light, rare defects:
"""

TEST = '''"""The new task is found, makes units of the configured size, and refuses a picture that shows nothing."""

import os
from pathlib import Path

import numpy as np

from inspect_ai.domain import Image, Study, StudyRef
from inspect_ai.plugins import task_named

TASK = task_named("{name}", os.fspath(Path(__file__).resolve().parents[1]))


def study(pixels: np.ndarray) -> Study:
    ref = StudyRef(key="part.png", source="part.png", kind="image", digest="0" * 64, files=())
    return Study(ref=ref, images=(Image(pixels=pixels),))


def test_a_picture_becomes_one_unit_of_the_configured_size() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)

    units = list(TASK.units(study(pixels)))

    size = TASK.config.input.size
    height, width = (300, 400) if size is None else (size, size)
    assert [unit.pixels.shape for unit in units] == [(TASK.config.input.channels, height, width)]
    assert all(measure.passed for measure in TASK.quality(study(pixels)))


def test_a_black_picture_is_refused() -> None:
    assert not all(measure.passed for measure in TASK.quality(study(np.zeros((300, 400), np.uint8))))
'''


def write_task(name: str, into: Path) -> list[Path]:
    """Write INTO/NAME and return its files. Raises UsageError for a bad name or where a file exists already."""
    return _written(name, into, CONFIG)


def write_planned_task(name: str, into: Path, labels: LabelSet, because: str, source: str) -> list[Path]:
    """Write INTO/NAME as `write_task` does, with a config that holds these labels alone; a plan says the rest.

    because: how the sides of the decision were told apart; source: the folder whose labels they are.
    """
    values = labels.model_dump(mode="json", exclude_defaults=True)
    text = textwrap.indent(yaml.safe_dump([values], sort_keys=False, allow_unicode=True, width=110), "  ")
    named = {"{labels}": text.rstrip(), "{because}": printable(because, 300), "{source}": printable(source, 200)}
    config = PLANNED
    for mark, value in named.items():
        config = config.replace(mark, value.replace("{", "{{").replace("}", "}}"))
    return _written(name, into, config)


def _written(name: str, into: Path, config: str) -> list[Path]:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise UsageError(f"{name!r} is no name for a task: use small letters, digits and _, beginning with a letter.")
    folder = into / name
    if folder.exists():
        raise UsageError(f"{folder} is there already. Choose another name or remove it.")
    title = name.replace("_", " ").capitalize()
    texts = {"task.py": TASK, "config.yaml": config, "DATA_CARD.md": CARD, f"test_{name}.py": TEST}
    folder.mkdir(parents=True)
    for file, text in texts.items():
        filled = text.format(name=name, title=title, class_name="".join(part.capitalize() for part in name.split("_")))
        (folder / file).write_text(filled, "utf-8")
    return [folder / file for file in texts]
