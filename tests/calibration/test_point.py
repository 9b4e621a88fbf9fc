from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_ai.calibration import matches, point_sha256, read_point, write_point
from inspect_ai.domain import OperatingPoint
from inspect_ai.errors import UsageError

POINT = OperatingPoint(
    task="lung_nodule", clear_below=0.0125, flag_from=0.1, sensitivity=0.987, confidence=0.95, n_positive=315,
    n_missed=0, proved_sensitivity=0.99053, covers="one candidate; nodules of 3 to 30 mm — “solid”",
    model_sha256="a" * 64, config_sha256="b" * 64, engine="onnxruntime float32", calibration_sha256="c" * 64,
    flag_volume_from=0.9,
)  # fmt: skip
AT_WORK = {"task": "lung_nodule", "model_sha256": "a" * 64, "config_sha256": "b" * 64, "engine": "onnxruntime float32"}


@settings(deadline=None, max_examples=25)
@given(low=st.floats(min_value=0, max_value=1), high=st.floats(min_value=0, max_value=1))
def test_every_float_comes_back_bit_for_bit(low: float, high: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("point") / "point.json"
    point = replace(POINT, clear_below=min(low, high), flag_from=max(low, high))

    write_point(point, path)

    assert read_point(path) == point


def test_a_refused_point_keeps_its_refusal(tmp_path: Path) -> None:
    refused = replace(POINT, n_positive=50, proved_sensitivity=0.94, refusal="50 positives prove at most 0.941")
    write_point(refused, tmp_path / "new" / "folder" / "point.json")

    again = read_point(tmp_path / "new" / "folder" / "point.json")

    assert again == refused
    assert not again.certified


def test_the_digest_is_of_the_content_not_of_the_layout(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    write_point(POINT, path)
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text("utf-8")).items()))), "utf-8")

    assert point_sha256(read_point(path)) == point_sha256(POINT)


@pytest.mark.parametrize("name", [f.name for f in fields(OperatingPoint)])
def test_every_field_counts_in_the_digest(name: str) -> None:
    old = getattr(POINT, name)
    new: object = f"{old}x" if isinstance(old, str) else "x" if old is None else old + 1
    if isinstance(old, float):
        new = math.nextafter(old, 2.0)

    assert point_sha256(replace(POINT, **{name: new})) != point_sha256(POINT)  # type: ignore[arg-type]


def edit(**changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda values: values.update(changes)


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda values: values.pop(name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit(schema=2), "schema 1"),
        (drop("schema"), "schema 1"),
        (drop("engine"), "lacks these fields: engine"),
        (edit(note="hi"), "not known: note"),
        (edit(clear_below=0.0125), "clear_below is 0.0125, which is no hexadecimal float"),
        (edit(clear_below="0.0125"), "clear_below is '0.0125', which is no hexadecimal float"),
        (edit(clear_below="nan"), "clear_below"),
        (edit(flag_from="0x1.8p+5000"), "flag_from"),
        (edit(flag_from=(1.5).hex()), "flag_from is 1.5; a threshold lies between 0 and 1"),
        (edit(clear_below=(0.2).hex()), "clear_below (0.2) lies above flag_from (0.1)"),
        (edit(sensitivity=(1.0).hex()), "sensitivity is 1"),
        (edit(n_positive=True), "n_positive is True, which is no int"),
        (edit(n_positive="315"), "n_positive is '315', which is no int"),
        (edit(n_positive=0), "there must be positives"),
        (edit(n_missed=316), "n_missed is 316"),
        (edit(n_missed=-1), "n_missed is -1"),
        (edit(task=7), "task is 7, which is no str"),
        (edit(task=None), "task is None, which is no str"),
        (edit(refusal=False), "refusal is False, which is no str"),
        (edit(covers="\x1b[2J\u202e", engine=["\x1b[31m"]), r"['\x1b[31m']"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    path = tmp_path / "point.json"
    write_point(POINT, path)
    values = json.loads(path.read_text("utf-8"))
    change(values)
    path.write_text(json.dumps(values), "utf-8")

    with pytest.raises(UsageError) as refused:
        read_point(path)

    assert str(path) in str(refused.value)
    assert said in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_striking_the_refusal_out_of_a_file_does_not_certify_it(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    write_point(replace(POINT, n_positive=50, proved_sensitivity=0.94, refusal="too few"), path)
    path.write_text(path.read_text("utf-8").replace('"too few"', "null"), "utf-8")

    with pytest.raises(UsageError, match=r"claims to prove 0\.987, but 0 missed of 50 prove 0\.9418"):
        read_point(path)


def test_a_bound_better_than_the_counts_allow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    write_point(replace(POINT, proved_sensitivity=0.999), path)

    with pytest.raises(UsageError, match=r"proved_sensitivity is 0\.999000, but 0 missed of 315 prove 0\.990535"):
        read_point(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"null", b"[" * 200_000, b" " * 1_000_001])
def test_a_file_that_is_no_point_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "point.json"
    path.write_bytes(content)

    with pytest.raises(UsageError, match="is no operating point"):
        read_point(path)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="inspect-ai calibrate"):
        read_point(tmp_path / "point.json")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be written"):
        write_point(POINT, tmp_path / "file" / "point.json")


def test_what_it_was_made_for_matches_itself() -> None:
    assert matches(POINT, **AT_WORK) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("task", "another task"), ("model_sha256", "other weights"), ("config_sha256", "another configuration"),
     ("engine", "another engine")],
)  # fmt: skip
def test_each_mismatch_is_one_sentence(name: str, said: str) -> None:
    (sentence,) = matches(POINT, **(AT_WORK | {name: "0" * 64}))

    assert said in sentence
    assert "000000000000" in sentence
    assert "0" * 20 not in sentence  # digests are shortened


def test_all_mismatches_are_named() -> None:
    assert len(matches(POINT, task="x", model_sha256="x", config_sha256="x", engine="x")) == 4


def test_every_shipped_point_can_be_read() -> None:
    paths = sorted((Path(__file__).parents[2] / "tasks").glob("*/operating_point.json"))

    assert [read_point(path).task for path in paths] == [path.parent.name for path in paths]
