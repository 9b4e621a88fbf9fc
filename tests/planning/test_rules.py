"""Each choice of a plan follows from the figure that its reason names, and from nothing else."""

from dataclasses import replace

import pytest

from inspect_ai.calibration import plan as sample_sizes
from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.planning import recipe
from inspect_ai.planning.budget import Speed
from inspect_ai.planning.objects import Objects
from inspect_ai.planning.plan import Plan
from inspect_ai.planning.rules import planned
from inspect_ai.planning.symmetry import Symmetry
from tests.support.fingerprints import ALIKE, FAST, counts, fingerprint, means, side

LABELS = [{"name": "parts", "classes": ["pass", "flag"], "positive": ["flag"]}]


def value(plan: Plan, key: str) -> object:
    (found,) = [choice.value for choice in plan.choices if choice.key == key]
    return found


def reason(plan: Plan, key: str) -> str:
    (found,) = [choice.because for choice in plan.choices if choice.key == key]
    return found


def config_of(plan: Plan) -> TaskConfig:
    return plan.over(parse_config({"name": "parts", "labels": LABELS}, "test"))


def told(**areas: float) -> Symmetry:
    return replace(ALIKE, **areas)


def test_every_choice_is_a_setting_of_a_config_and_has_a_reason() -> None:
    plan = planned("parts", fingerprint(), means())

    config = config_of(plan).model_dump()
    for choice in plan.choices:
        section, _, name = choice.key.partition(".")
        assert config[section][name] == choice.value, choice.key
        assert len(choice.because) > 15, choice.key


def test_grey_pictures_have_one_channel_and_coloured_ones_three() -> None:
    assert value(planned("parts", fingerprint(), means()), "input.channels") == 1
    assert value(planned("parts", fingerprint(grey=False), means()), "input.channels") == 3


def test_pictures_keep_their_size_where_shrinking_loses_detail_and_shrink_where_it_is_noise() -> None:
    sharp = planned("parts", fingerprint(), means())
    slow = Speed(train={"small": 0.8, "tiny": 0.4}, val={"small": 0.2, "tiny": 0.1}, threads=2)
    blurred, spare = (planned("parts", fingerprint(shrink=2.0), means("t", s, slow)) for s in (700.0, 7000.0))

    assert value(sharp, "input.size") == 320
    assert value(blurred, "input.size") == 160
    blank = planned("parts", fingerprint(shrink=8.0), means("t", 700.0, slow))
    assert value(blank, "input.size") == 160  # a mean says little about small defects: never below half by it alone
    assert value(spare, "input.size") == 320  # there is time, and rare detail may be there all the same
    assert "150 px only noise is lost" in reason(blurred, "input.size")


def test_long_pictures_keep_their_shape_and_are_not_turned_by_a_quarter() -> None:
    wide = fingerprint(width_px=side(800), height_px=side(320), aspect=side(2.5), shrink=2.0)
    high = fingerprint(width_px=side(320), height_px=side(800), aspect=side(2.5), shrink=2.0)
    mixed = fingerprint(width_px=side(400), height_px=side(320), aspect=replace(side(1.3), least=1.0))

    plans = [planned("parts", data, means()) for data in (wide, high)]

    assert [(value(plan, "input.size"), value(plan, "input.width")) for plan in plans] == [(320, 800), (800, 320)]
    assert [value(plan, "augment.rotate90") for plan in plans] == [False, False]
    assert value(planned("parts", mixed, means()), "input.size") == 320


def test_the_smallest_marked_object_keeps_eight_pixels() -> None:
    boxes = Objects(marked_by="boxes", count=40, small_px=40.0, median_px=60.0, large_px=90.0, share=0.01)
    data = fingerprint(width_px=side(1000), height_px=side(1000), objects=boxes)

    plan = planned("parts", data, means())

    assert value(plan, "input.size") == 224  # 1000 px * 8 / 40 = 200 px, on the grid of 32 px
    assert "40 px wide in pictures of 1000 px" in reason(plan, "input.size")


def test_masks_of_small_objects_bring_crops_at_full_resolution_and_pasting() -> None:
    masks = Objects(marked_by="masks", count=90, small_px=6.0, median_px=30.0, large_px=90.0, share=0.01)

    plan = planned("parts", fingerprint(objects=masks), means())

    assert value(plan, "input.size") is None
    assert value(plan, "augment.crop") == recipe.CROP_PX
    assert value(plan, "augment.paste") == recipe.PASTE


def test_a_slow_machine_or_a_short_budget_makes_the_input_smaller_then_the_trunk() -> None:
    big = fingerprint(width_px=side(1024), height_px=side(1024))
    middle = Speed(train={"small": 0.8, "tiny": 0.4}, val={"small": 0.2, "tiny": 0.1}, threads=2)
    slower = Speed(train={"small": 2.0, "tiny": 1.0}, val={"small": 0.6, "tiny": 0.3}, threads=2)

    sides = [
        (value(plan, "input.size"), value(plan, "network.size"))
        for plan in (
            planned("parts", big, means(speed=replace(FAST, train={"small": 0.01, "tiny": 0.005}))),
            planned("parts", big, means(speed=middle)),
            planned("parts", big, means(speed=slower)),
        )
    ]

    assert sides[0] == (1024, "small")
    assert sides[0][0] > sides[1][0] > sides[2][0]  # type: ignore[operator]
    assert sides[2][1] == "tiny"


def test_the_smaller_trunk_is_taken_rather_than_much_smaller_pictures() -> None:
    big = fingerprint(width_px=side(640), height_px=side(640))
    speed = Speed(train={"small": 2.4, "tiny": 0.3}, val={"small": 0.2, "tiny": 0.1}, threads=2)

    plan = planned("parts", big, means(speed=speed))

    assert (value(plan, "input.size"), value(plan, "network.size")) == (640, "tiny")
    assert "below 60% of 640 px" in reason(plan, "network.size")


def test_few_independent_units_of_one_side_are_learnt_by_the_smaller_trunk() -> None:
    alike = tuple(
        replace(count, units=8) if (count.split, count.label) == ("train", "pass") else count
        for count in fingerprint().counts
    )

    few, catalogue = (planned("parts", fingerprint(counts=alike, decides=d), means()) for d in (True, False))

    assert (value(few, "network.size"), value(catalogue, "network.size")) == ("tiny", "small")
    assert "8 independent units" in reason(few, "network.size")


def test_a_pretrained_larger_trunk_goes_before_a_smaller_one_that_starts_from_nothing() -> None:
    alike = tuple(replace(c, units=8) if (c.split, c.label) == ("train", "pass") else c for c in fingerprint().counts)
    core = replace(means(), starts=("general", "scratch"), general=("small",))

    plan = planned("parts", fingerprint(counts=alike), core)

    assert (value(plan, "network.size"), value(plan, "network.init")) == ("small", "general")
    assert "no pretrained weights here" in reason(plan, "network.size")


def test_first_blocks_stay_as_pretrained_and_learn_where_nothing_is() -> None:
    bare = replace(means(), starts=("scratch",))

    assert value(planned("parts", fingerprint(), means()), "train.frozen") == recipe.FROZEN
    assert value(planned("parts", fingerprint(), bare), "train.frozen") == 0


@pytest.mark.parametrize("minutes", [5, 10, 30, 60, 240])
def test_the_planned_epochs_fit_into_the_budget(minutes: int) -> None:
    plan = planned("parts", fingerprint(), means(f"{minutes}m", 60.0 * minutes))

    config = config_of(plan)
    assert config.input.size is not None
    mpx = config.input.size**2 / 1e6
    speed = FAST.train[config.network.size] * 800 * mpx + FAST.val[config.network.size] * 100 * mpx
    assert config.train.epochs * speed <= 60.0 * minutes  # 800 pictures of train an epoch, 100 of val
    assert plan.expected_s <= 60.0 * minutes


def test_turning_is_allowed_as_far_as_it_changes_nothing() -> None:
    stripes = fingerprint(symmetry={
        "mirror": ALIKE, "upside_down": ALIKE,
        "quarter_turn": told(look=1.0, look_low=1.0, shape=1.0, shape_low=1.0),
        "any_angle": told(look=0.95, look_low=0.93, shape=0.9, shape_low=0.88),
    })  # fmt: skip

    turned, ground = (planned("parts", data, means()) for data in (fingerprint(), stripes))

    assert (value(turned, "augment.rotate90"), value(turned, "augment.rotate_degrees")) == (True, 180.0)
    assert (value(ground, "augment.rotate90"), value(ground, "augment.rotate_degrees")) == (False, 5.0)
    assert value(ground, "augment.flip_horizontal") is True
    assert "run one way" in reason(ground, "augment.rotate90")


def test_few_groups_allow_no_turn_however_alike_they_look() -> None:
    few = dict.fromkeys(fingerprint().symmetry, replace(ALIKE, groups=6))

    plan = planned("parts", fingerprint(symmetry=few), means())

    assert (value(plan, "augment.rotate90"), value(plan, "augment.rotate_degrees")) == (False, 5.0)
    assert "from 6 groups alone" in reason(plan, "augment.rotate90")


def test_light_from_one_side_forbids_no_mirror_and_a_fixed_pose_does() -> None:
    lit = fingerprint(symmetry={**fingerprint().symmetry, "mirror": told(look=0.9, look_low=0.85)})
    posed = fingerprint(symmetry={**fingerprint().symmetry, "mirror": told(shape=1, shape_low=0.99)})

    assert value(planned("parts", lit, means()), "augment.flip_horizontal") is True
    assert value(planned("parts", posed, means()), "augment.flip_horizontal") is False
    assert value(planned("parts", posed, means()), "network.views") == "one"


def test_a_turned_part_on_a_plain_ground_stands_on_more_of_it() -> None:
    ground, texture = (planned("parts", fingerprint(rim=rim), means()) for rim in (0.15, 0.8))

    assert [value(plan, "augment.border") for plan in (ground, texture)] == ["replicate", "reflect"]
    assert "vary 0.15 times as much" in reason(ground, "augment.border")


def test_a_direction_that_carries_the_label_is_left_as_it_is() -> None:
    lying = {name: told(crossing=0.95) for name in fingerprint().symmetry}

    plan = planned("parts", fingerprint(symmetry=lying), means())

    assert value(plan, "augment.flip_vertical") is False
    assert value(plan, "augment.rotate90") is False
    assert "the direction carries the label" in reason(plan, "augment.rotate90")


def test_rare_positives_are_drawn_more_often() -> None:
    rare = fingerprint(counts=counts((40, 760), (10, 90), (60, 600)))

    assert value(planned("parts", rare, means()), "train.positive_share") == recipe.RARE_SHARE
    assert value(planned("parts", fingerprint(), means()), "train.positive_share") is None


def test_a_folder_without_splits_gives_calibration_what_the_promise_needs() -> None:
    many = fingerprint(given_splits=False, counts=counts((480, 480), (160, 160), (160, 160)))
    few = fingerprint(given_splits=False, counts=counts((48, 480), (16, 160), (16, 160)))

    share = value(planned("parts", many, means()), "train.calibration_share")
    needed = {row.misses: row.positives for row in sample_sizes(0.987, 0.95, range(3))}
    assert isinstance(share, float)
    assert share * 640 >= needed[0]  # 640 of 800 positives are left after val
    assert share <= recipe.MOST_CALIBRATION_SHARE
    assert value(planned("parts", few, means()), "train.calibration_share") == recipe.MOST_CALIBRATION_SHARE
    assert "229 would prove 0.987" in reason(planned("parts", few, means()), "train.calibration_share")


@pytest.mark.parametrize(
    ("there", "train", "misses"),
    [(229, 0, 0), (364, 0, 1), (362, 147, 1), (315, 536, 2), (363, 2, 0)],  # 229, 364 and 483 allow 0, 1 and 2 misses
)
def test_calibration_is_topped_up_as_far_as_a_third_of_train_allows(there: int, train: int, misses: int) -> None:
    data = fingerprint(counts=counts((train, 400), (50, 50), (there, 240)))

    assert value(planned("parts", data, means()), "promise.misses") == misses


@pytest.mark.parametrize(
    ("there", "train", "step"),
    [(100, 100, 0.97), (49, 77, 0.95), (20, 30, 0.9)],  # 99, 59 and 29 allow no miss
)
def test_with_fewer_positives_calibration_is_topped_up_for_the_best_step_that_they_prove(
    there: int, train: int, step: float
) -> None:
    plan = planned("parts", fingerprint(counts=counts((train, 400), (50, 50), (there, 240))), means())

    assert value(plan, "promise.sensitivity") == step
    assert "229 would prove 0.987" in reason(plan, "promise.sensitivity")


def test_positives_that_prove_no_step_are_said_and_nothing_is_taken() -> None:
    data = fingerprint(counts=counts((20, 400), (50, 50), (10, 240)))

    assert "229 would prove 0.987, so nothing is taken" in reason(planned("parts", data, means()), "promise.misses")
    assert "at most 0.741" in reason(planned("parts", data, means()), "promise.misses")


def test_what_the_config_says_stays_and_is_marked() -> None:
    plan = planned("parts", fingerprint(), means(), {"train.epochs": 3, "network.size": "tiny"})

    assert value(plan, "train.epochs") == 3
    assert "own config" in reason(plan, "network.size")


def test_a_catalogue_is_planned_without_a_decision() -> None:
    plan = planned("parts", fingerprint(decides=False), means())

    keys = {choice.key for choice in plan.choices}
    assert "train.positive_share" not in keys
    assert "a catalogue" in plan.measured[1]
