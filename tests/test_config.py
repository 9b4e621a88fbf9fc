"""Configurations of earlier versions still open."""

import pytest

from inspect_ai.config import TaskConfig, config_sha256, parse_config
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


def test_stacks_change_no_digest_of_what_decides_pictures_one_slice_deep() -> None:
    own = {**LABELS[0], "name": "stacks", "stack_column": "stack", "own_line": True}
    plain = {"name": "parts", "labels": LABELS, "input": {"size": 64}}
    with_stacks = {**plain, "labels": [*LABELS, own], "input": {"size": 64, "window": 50}}
    deep = {**with_stacks, "input": {"size": 64, "window": 50, "depth": 5}}

    digests = [config_sha256(parse_config(raw, "test")) for raw in (plain, with_stacks, deep)]

    assert digests[0] == digests[1]
    assert digests[1] != digests[2]
    assert config_sha256(parse_config({**deep, "input": {**deep["input"], "window": 60}}, "test")) != digests[2]  # type: ignore[dict-item]
