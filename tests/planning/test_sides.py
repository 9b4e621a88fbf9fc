"""Names of classes say which of them must not be missed, or a person is asked; nothing is guessed."""

import pytest

from inspect_ai.errors import UsageError
from inspect_ai.planning.sides import side_of, sides_of


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (("pass", "flag"), ("flag",)),
        (("OK", "NG"), ("NG",)),
        (("ok_front", "def_front"), ("def_front",)),
        (("good", "crack", "hole"), ("crack", "hole")),
        (("other", "nodule"), ("nodule",)),
        (("referable", "not_referable"), ("referable",)),
        (("defect", "no_defect"), ("defect",)),
        (("plate", "defective"), ("defective",)),
        (("normal", "benign", "malignant"), ("malignant",)),
    ],
)
def test_the_positive_side_is_read_from_names(classes: tuple[str, ...], positive: tuple[str, ...]) -> None:
    found = sides_of(classes)

    assert found.positive == positive
    assert set(found.classes) == set(classes)


def test_a_word_counts_whole_and_a_no_before_it_turns_it_round() -> None:
    assert [side_of(name) for name in ("not ok", "without_crack", "scratch-free", "goodyear", "passage", "3")] == [
        True, False, False, None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("classes", [("0", "1"), ("left", "right"), ("defect", "edge", "dirt")])
def test_names_that_do_not_say_it_are_asked_about(classes: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"do not say which .* --positive"):
        sides_of(classes)


def test_a_person_names_the_positive_classes() -> None:
    assert sides_of(("0", "1"), ("0",)).positive == ("0",)
    with pytest.raises(UsageError, match=r"--positive 2: there is no such class"):
        sides_of(("0", "1"), ("2",))
    with pytest.raises(UsageError, match="leave at least one out"):
        sides_of(("0", "1"), ("0", "1"))


def test_classes_without_one_in_order_are_a_catalogue_and_that_is_said() -> None:
    found = sides_of(("scratches", "inclusion", "patches"))

    assert found.positive == found.classes
    assert "catalogue" in found.because


def test_one_class_alone_makes_no_task() -> None:
    with pytest.raises(UsageError, match="at least two classes"):
        sides_of(("flag", "flag"))
