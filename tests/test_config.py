"""Configurations of earlier versions still open."""

import pytest

from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.errors import UsageError

LABELS = [{"name": "parts", "classes": ["good", "bad"], "positive": ["bad"]}]


def config(**train: object) -> TaskConfig:
    return parse_config({"name": "parts", "labels": LABELS, "train": train}, "test")


def test_settings_that_were_retired_are_read_without_effect_and_not_written_again() -> None:
    old = config(epochs=3, seeds=[0, 1, 2], select="mean")

    assert old == config(epochs=3)
    assert not {"seeds", "select"} & set(old.model_dump()["train"])


def test_a_schedule_is_still_closed_to_settings_that_never_were() -> None:
    with pytest.raises(UsageError, match=r"'train\.epoch' is no setting\. Did you mean 'epochs'"):
        config(epoch=3)
