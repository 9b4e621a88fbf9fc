"""Template of `inspect-ai tasks new`: the smallest task that trains, calibrates, evaluates and scans."""

from __future__ import annotations

import re
from pathlib import Path

from inspect_ai.errors import UsageError

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
    assert [unit.pixels.shape for unit in units] == [(TASK.config.input.channels, size, size)]
    assert all(measure.passed for measure in TASK.quality(study(pixels)))


def test_a_black_picture_is_refused() -> None:
    assert not all(measure.passed for measure in TASK.quality(study(np.zeros((300, 400), np.uint8))))
'''


def write_task(name: str, into: Path) -> list[Path]:
    """Write INTO/NAME and return its files. Raises UsageError for a bad name or where a file exists already."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise UsageError(f"{name!r} is no name for a task: use small letters, digits and _, beginning with a letter.")
    folder = into / name
    if folder.exists():
        raise UsageError(f"{folder} is there already. Choose another name or remove it.")
    title = name.replace("_", " ").capitalize()
    texts = {"task.py": TASK, "config.yaml": CONFIG, "DATA_CARD.md": CARD, f"test_{name}.py": TEST}
    folder.mkdir(parents=True)
    for file, text in texts.items():
        filled = text.format(name=name, title=title, class_name="".join(part.capitalize() for part in name.split("_")))
        (folder / file).write_text(filled, "utf-8")
    return [folder / file for file in texts]
