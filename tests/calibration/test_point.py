from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_ai.calibration import matches, point_sha256, read_point, write_point
from inspect_ai.calibration.point_record import PointRecord, record_of
from inspect_ai.calibration.point_validation import faults
from inspect_ai.errors import UsageError
from inspect_ai.operating_point import GroupPoint, Guarantee, ScoreScale
from tests.support.points import changed, make_point

POINT = make_point(
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
    point = changed(POINT, clear_below=min(low, high), flag_from=max(low, high))

    write_point(point, path)

    assert read_point(path) == point


def test_a_refused_point_keeps_its_refusal(tmp_path: Path) -> None:
    refused = changed(POINT, n_positive=50, proved_sensitivity=0.94, refusal="50 positives prove at most 0.941")
    write_point(refused, tmp_path / "new" / "folder" / "point.json")

    again = read_point(tmp_path / "new" / "folder" / "point.json")

    assert again == refused
    assert not again.certified


def test_the_digest_is_of_the_content_not_of_the_layout(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    write_point(POINT, path)
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text("utf-8")).items()))), "utf-8")

    assert point_sha256(read_point(path)) == point_sha256(POINT)


def edit(**changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda values: values.update(changes)


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda values: values.pop(name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit(schema=5), "schema 1, 2, 3, 4"),
        (edit(schema=True), "schema 1, 2, 3, 4"),
        (edit(schema=3, score_scale="probability", at_fpr=(0.1).hex()), "not known: at_fpr"),
        (edit(schema=4, at_fpr=(0.1).hex()), "proved_fpr is missing, though an fpr was asked for"),
        (edit(schema=4, fpr_n_negative=4), "it tells of an fpr that was not asked for"),
        (edit(schema=1), "not known: group_by"),
        (edit(schema=3), "lacks these fields: score_scale"),
        (edit(score_scale="exact"), "not known: score_scale"),
        (edit(schema=3, score_scale="loose"), "which is no score scale (probability or exact)"),
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
    write_point(changed(POINT, n_positive=50, proved_sensitivity=0.94, refusal="too few"), path)
    path.write_text(path.read_text("utf-8").replace('"too few"', "null"), "utf-8")

    with pytest.raises(UsageError, match=r"claims to prove 0\.987, but 0 missed of 50 prove 0\.9418"):
        read_point(path)


def test_a_bound_better_than_the_counts_allow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    write_point(changed(POINT, proved_sensitivity=0.999), path)

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


SHIPPED = sorted((Path(__file__).parents[2] / "tasks").glob("*/operating_point.json"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_every_shipped_point_is_read_and_written_back_byte_for_byte(path: Path, tmp_path: Path) -> None:
    point = read_point(path)

    write_point(point, tmp_path / "again.json")

    assert point.task == path.parent.name
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    content = json.dumps(json.loads(path.read_bytes()), sort_keys=True, separators=(",", ":")).encode()
    assert point_sha256(point) == hashlib.sha256(content).hexdigest()


def test_a_record_becomes_the_parts_that_carry_its_names() -> None:
    """The names of the record and those of the parts are one set, and each value is in its place."""
    parts = (GROUPED.thresholds, GROUPED.proof, GROUPED.false_alarms, GROUPED.digests)
    placed = {f.name: getattr(part, f.name) for part in parts for f in fields(part)}  # type: ignore[arg-type]

    assert {"task": GROUPED.task, "covers": GROUPED.covers} | placed == {
        f.name: getattr(record_of(GROUPED), f.name) for f in fields(PointRecord) if f.name not in PRICE
    }
    assert POINT.false_alarms is None
    assert POINT.negatives_line is None
    reached = PRICED.negatives_line
    assert [getattr(record_of(PRICED), name) for name in PRICE] == [
        reached.overkill, reached.n_negative, reached.n_flagged, reached.proved_overkill, reached.overkill_refusal,
    ]  # fmt: skip


# Two groups share a doubt of 0.05: each is proved at 0.975, which takes 282 positives and no miss.
ONE, TWO = (
    GroupPoint(value="GE", clear_below=0.0125, n_positive=300, n_missed=0, proved_sensitivity=0.98777),
    GroupPoint(
        value="Siemens, “Sensation”", clear_below=0.05, n_positive=15, n_missed=0, proved_sensitivity=0.78,
        refusal="it needs 269 more positives",
    ),
)  # fmt: skip
GROUPED = changed(
    POINT, group_by="manufacturer", groups=(ONE, TWO), group_score="lowest", n_abstained=3, overkill=0.2,
    n_negative=500, n_flagged=80, proved_overkill=0.19, proved_sensitivity=0.78,
    refusal="Not every manufacturer is certified.",
)  # fmt: skip


PRICE = ("at_fpr", "fpr_n_negative", "fpr_n_reaching", "proved_fpr", "fpr_refusal")
PRICED = changed(
    GROUPED, at_fpr=0.1, fpr_n_negative=400, fpr_n_reaching=40, proved_fpr=0.13, fpr_refusal="0.1 was asked of these"
)


@pytest.mark.parametrize("name", [f.name for f in fields(PointRecord)])
def test_every_field_counts_in_the_digest(name: str) -> None:
    old = getattr(record_of(PRICED), name)
    new: object = f"{old}x" if isinstance(old, str) else "x" if old is None else 7
    if isinstance(old, float):
        new = math.nextafter(old, 2.0)
    if isinstance(old, tuple):
        new = old[:1]

    assert point_sha256(changed(PRICED, **{name: new})) != point_sha256(PRICED)


def group(i: int, **changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda values: values["groups"][i].update(changes)


def test_groups_and_overkill_come_back_as_they_were(tmp_path: Path) -> None:
    write_point(GROUPED, tmp_path / "point.json")

    assert read_point(tmp_path / "point.json") == GROUPED
    assert point_sha256(GROUPED) != point_sha256(POINT)


def test_an_average_promise_comes_back_and_is_judged_by_its_own_rule(tmp_path: Path) -> None:
    """76 positives keep 98.7 % on average and prove it at no confidence above 63 %."""
    point = changed(POINT, n_positive=76, guarantee=Guarantee.AVERAGE, proved_sensitivity=1 - 1 / 77)
    write_point(point, tmp_path / "point.json")

    assert read_point(tmp_path / "point.json") == point
    write_point(changed(point, guarantee=Guarantee.CONFIDENCE, proved_sensitivity=0.9), tmp_path / "point.json")
    with pytest.raises(UsageError, match="claims to prove"):
        read_point(tmp_path / "point.json")
    write_point(changed(point, n_positive=75, proved_sensitivity=0.9), tmp_path / "point.json")
    with pytest.raises(UsageError, match="claims to prove"):
        read_point(tmp_path / "point.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (group(1, refusal=None), "group 'Siemens, “Sensation”': it claims to prove 0.987, but 0 missed of 15"),
        (group(0, n_positive=283), "group 'GE': proved_sensitivity is 0.987770"),
        (group(0, n_positive=281, proved_sensitivity=(0.5).hex()), "0 missed of 281 prove 0.986958 only"),  # 0.95: 229
        (group(0, n_missed=301), "group 'GE': n_missed is 301"),
        (group(0, clear_below=(1.5).hex()), "group 'GE': clear_below is 1.5"),
        (group(0, clear_below=(0.001).hex()), "clear_below (0.0125) lies above a group's"),
        (group(0, value="Siemens, “Sensation”"), "each its own value"),
        (group(0, value=""), "each its own value"),
        (group(0, note="hi"), "group 1 has fields that are not known: note"),
        (group(0, clear_below=0.5), "group 1: clear_below is 0.5, which is no hexadecimal float"),
        (lambda values: values["groups"][0].pop("n_missed"), "group 1 lacks these fields: n_missed"),
        (edit(groups=[]), "groups need the column"),
        (edit(group_by=""), "groups need the column"),
        (edit(groups={"GE": 1}), "which is no list of groups"),
        (edit(groups=[7]), "which is no list of groups"),
        (edit(refusal=None), "claims to be proved for all groups, but one of them is refused"),
        (edit(proved_sensitivity=(0.9).hex()), "better than that of its weakest group"),
        (edit(n_positive=316), "n_positive is 316, more than the groups have"),
        (edit(guarantee="always"), "guarantee is 'always', which is no guarantee (confidence or average)"),
        (edit(guarantee=["average"]), "which is no guarantee"),
        (edit(n_abstained=316), "n_abstained is 316"),
        (edit(proved_overkill=(0.15).hex()), "proved_overkill is 0.150000, but 80 flagged of 500 prove 0.189"),
        (edit(proved_overkill=None), "proved_overkill is missing"),
        (edit(n_flagged=85, proved_overkill=(0.5).hex()), "it claims an overkill of at most 0.2, but 85 flagged"),
        (edit(n_flagged=501), "with 501 of 500 negatives flagged"),
        (edit(overkill=(1.0).hex()), "overkill is 1"),
        (edit(overkill=None), "an overkill that was not asked for"),
    ],
)
def test_a_claim_of_a_group_or_of_overkill_that_its_counts_do_not_prove_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    path = tmp_path / "point.json"
    write_point(GROUPED, path)
    values = json.loads(path.read_text("utf-8"))
    change(values)
    path.write_text(json.dumps(values), "utf-8")

    with pytest.raises(UsageError) as refused:
        read_point(path)

    assert said in str(refused.value)


def test_a_file_of_schema_1_is_read_with_what_it_did_not_know_left_at_default(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    write_point(POINT, path)
    values = json.loads(path.read_text("utf-8"))
    old = [
        "task", "clear_below", "flag_from", "sensitivity", "confidence", "n_positive", "n_missed", "proved_sensitivity",
        "covers", "model_sha256", "config_sha256", "engine", "calibration_sha256", "refusal", "flag_volume_from",
    ]  # fmt: skip
    path.write_text(json.dumps({"schema": 1} | {name: values[name] for name in old}), "utf-8")

    assert read_point(path) == POINT
    path.write_text(json.dumps({"schema": 1} | {name: values[name] for name in [*old, "n_abstained"]}), "utf-8")
    with pytest.raises(UsageError, match="not known: n_abstained"):
        read_point(path)
    path.write_text(json.dumps({"schema": 2} | {name: values[name] for name in old}), "utf-8")
    with pytest.raises(UsageError, match="lacks these fields: group_by"):
        read_point(path)


@settings(deadline=None, max_examples=25)
@given(low=st.floats(allow_nan=False, allow_infinity=False), high=st.floats(allow_nan=False, allow_infinity=False))
def test_thresholds_of_another_programs_scores_may_be_any_number_and_say_so_in_a_schema_of_their_own(
    low: float, high: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("point") / "point.json"
    lines = {"clear_below": min(low, high), "flag_from": max(low, high)}
    point = changed(POINT, score_scale=ScoreScale.EXACT, **lines)

    write_point(point, path)

    assert read_point(path) == point
    assert (json.loads(path.read_text())["schema"], json.loads(path.read_text())["score_scale"]) == (3, "exact")
    write_point(POINT, path)
    assert json.loads(path.read_text())["schema"] == 2
    assert "score_scale" not in json.loads(path.read_text())


def test_an_exact_threshold_that_is_no_finite_number_is_refused() -> None:
    point = changed(POINT, score_scale=ScoreScale.EXACT, flag_from=math.inf)

    assert next(faults(point)) == "flag_from is inf; a threshold is a finite number"
    assert "lies between 0 and 1" in next(faults(changed(POINT, flag_from=1.5)))
