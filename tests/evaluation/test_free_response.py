"""FROC of marks that are counted by hand."""

import pytest

from inspect_ai.evaluation.free_response import CandidateMark, free_response


def mark(score: float, picture: int, place: int | None) -> CandidateMark:
    return CandidateMark(picture=picture, score=score, place=place)


def test_places_are_found_once_and_only_marks_beside_all_of_them_are_false() -> None:
    marks = [mark(0.9, 0, 1), mark(0.8, 0, 1), mark(0.7, 1, None), mark(0.6, 1, 1), mark(0.5, 2, None)]

    found = free_response(marks, places=4, pictures=5)

    assert found.threshold.tolist()[1:] == [0.9, 0.8, 0.7, 0.6, 0.5]
    assert found.found.tolist() == [0, 0.25, 0.25, 0.25, 0.5, 0.5]
    assert found.false_marks.tolist() == pytest.approx([0, 0, 0, 0.2, 0.2, 0.4])


def test_equal_scores_step_together_so_that_their_order_says_nothing() -> None:
    marks = [mark(0.5, 0, 1), mark(0.5, 1, None)]

    one, other = free_response(marks, 1, 2), free_response(marks[::-1], 1, 2)

    assert one.found.tolist() == other.found.tolist() == [0, 1]
    assert one.false_marks.tolist() == other.false_marks.tolist() == [0, 0.5]


def test_at_a_threshold_marks_of_that_very_score_count() -> None:
    found = free_response([mark(0.9, 0, 1), mark(0.5, 1, None)], places=2, pictures=2)

    share, false = found.at(0.5)

    assert (share.k, share.n, false) == (1, 2, 0.5)
    assert found.at(0.95)[0].k == 0


def test_without_any_place_there_is_nothing_to_find() -> None:
    with pytest.raises(ValueError, match="place to find"):
        free_response([], places=0, pictures=3)
