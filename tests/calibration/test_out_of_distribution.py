"""How unlike calibration a picture is: p-values that keep their word, and a file that cannot be slipped past."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.calibration.out_of_distribution import (
    LEVEL,
    Method,
    Seen,
    Typicality,
    folds,
    least_pictures,
    ledoit_wolf,
    p_value,
    p_values,
    together,
    typicality,
)
from inspect_ai.calibration.typical_file import read_typicality, write_typicality
from inspect_ai.errors import UsageError

N, MEASURES, FEATURES = 260, 3, 20


def seen(random: np.random.Generator, n: int = N, per_group: int = 1) -> Seen:
    mixing = np.random.default_rng(7).standard_normal((FEATURES, FEATURES)) / 3
    groups = [f"g{random.integers(1 << 40)}-{i // per_group}" for i in range(0, n, per_group) for _ in range(per_group)]
    return Seen(
        names=("a", "b", "c"),
        quality=random.standard_normal((n, MEASURES)),
        features=random.standard_normal((n, FEATURES)) @ mixing,
        groups=groups[:n],
        digests=[f"{random.integers(1 << 60):016x}" for _ in range(n)],
    )


@pytest.fixture(scope="module")
def known() -> Typicality:
    return typicality(seen(np.random.default_rng(0)))[0]


@pytest.mark.parametrize("method", list(Method))
def test_at_most_one_in_a_hundred_exchangeable_pictures_is_called_untypical(method: Method) -> None:
    rates = []
    for draw in range(150):
        random = np.random.default_rng(draw)
        made, _ = typicality(seen(random), quality=method, features=method)
        new = seen(random, 100)
        rates.append(np.mean(p_values(made, new.quality, new.features) < LEVEL))

    # One ranking serves 100 pictures, so draws and not pictures are independent.
    assert np.mean(rates) <= LEVEL + 3 * np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) >= LEVEL / 3  # and is not silent


def test_a_pictures_own_p_value_is_as_that_of_a_new_one() -> None:
    rates = [np.mean(typicality(seen(np.random.default_rng(draw)))[1] < LEVEL) for draw in range(40)]

    assert LEVEL / 5 <= np.mean(rates) <= LEVEL + 3 * np.std(rates) / np.sqrt(len(rates))


def test_shifted_pictures_are_caught_by_their_measures_or_their_features_alone(known: Typicality) -> None:
    new = seen(np.random.default_rng(1), 40)
    assert new.features is not None
    quality = [p_value(known, q + 6.0, f) for q, f in zip(new.quality, new.features, strict=True)]
    features = [p_value(known, q, 4.0 * f + 3.0) for q, f in zip(new.quality, new.features, strict=True)]

    assert np.mean(np.array(quality) < LEVEL) > 0.95
    assert np.mean(np.array(features) < LEVEL) > 0.95


def test_the_same_pictures_in_any_order_make_the_same_reference_byte_for_byte(tmp_path: Path) -> None:
    some = seen(np.random.default_rng(3), per_group=2)
    turned = some.at(np.random.default_rng(4).permutation(N).tolist())
    write_typicality(typicality(some)[0], tmp_path / "one.npz")
    write_typicality(typicality(turned)[0], tmp_path / "two.npz")

    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_no_group_stands_in_two_folds_and_folds_are_of_one_size() -> None:
    some = seen(np.random.default_rng(5), per_group=5)
    fold = folds(some.groups)

    assert all(len({f for g, f in zip(some.groups, fold, strict=True) if g == name}) == 1 for name in set(some.groups))
    assert np.ptp(np.bincount(fold)) <= 5


def test_too_few_pictures_are_refused_with_the_number_that_is_needed() -> None:
    with pytest.raises(UsageError, match=str(least_pictures(2))):
        typicality(seen(np.random.default_rng(6), 190))
    assert 2 / (least_pictures(2) + 1) < LEVEL <= 2 / least_pictures(2)


def test_what_is_no_number_or_of_another_size_never_passes(known: Typicality) -> None:
    fine = np.zeros(MEASURES), np.zeros(FEATURES)

    assert p_value(known, *fine) > LEVEL
    assert np.isnan(p_value(known, np.full(MEASURES, np.nan), fine[1]))
    assert np.isnan(p_value(known, np.zeros(2), fine[1]))
    assert np.isnan(p_value(known, fine[0], None))
    assert np.isnan(together([0.5, float("nan")]))


def test_several_units_are_judged_together_by_bonferroni() -> None:
    assert together([0.02, 0.5, 0.9]) == pytest.approx(0.06)
    assert together([0.9, 0.8]) == 1.0


def test_the_shrunk_covariance_is_sklearns() -> None:
    from sklearn.covariance import ledoit_wolf as theirs

    rows = np.random.default_rng(8).standard_normal((60, 90)) @ np.diag(np.linspace(0.1, 3, 90))
    rows -= rows.mean(axis=0)

    covariance, share = ledoit_wolf(rows)
    expected, expected_share = theirs(rows, assume_centered=True)

    assert share == pytest.approx(expected_share)
    np.testing.assert_allclose(covariance, expected, atol=1e-10)


def test_what_is_written_is_read(known: Typicality, tmp_path: Path) -> None:
    write_typicality(known, tmp_path / "typical.npz")

    again = read_typicality(tmp_path / "typical.npz")

    new = seen(np.random.default_rng(9), 30)
    assert new.features is not None
    for q, f in zip(new.quality, new.features, strict=True):
        assert p_value(again, q, f) == p_value(known, q, f)


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_an_edited_file_is_refused(known: Typicality, tmp_path: Path) -> None:
    path = tmp_path / "typical.npz"
    write_typicality(known, path)
    arrays = arrays_of(path)
    arrays["quality0_held"] = arrays["quality0_held"] + 1
    np.savez(path, **arrays)

    with pytest.raises(UsageError, match="changed since it was made"):
        read_typicality(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quality1_held": np.zeros(0, np.float32)}, "not in order"),
        ({"quality1_held": np.array([2.0, 1.0], np.float32)}, "not in order"),
        ({"quality1_held": np.array([np.nan], np.float32)}, "quality1_held"),
        ({"names": np.array(["a"])}, "names 1 measures"),
        ({"features0_axes": np.zeros((2, 2), np.float16)}, "shapes of features0"),
        ({"features2_centre": np.zeros(FEATURES, np.float64)}, "features2_centre"),
        ({"quality0_method": np.array("guess")}, "method"),
        ({"schema": np.array(9)}, "schema"),
    ],
)
def test_a_file_of_wrong_shape_is_refused_even_with_a_digest_that_fits(
    change: dict[str, np.ndarray], said: str, known: Typicality, tmp_path: Path
) -> None:
    from inspect_ai.calibration import typical_file

    path = tmp_path / "typical.npz"
    write_typicality(known, path)
    arrays = arrays_of(path) | change
    arrays.pop("digest")
    np.savez(path, digest=np.array(typical_file._digest(arrays)), **arrays)

    with pytest.raises(UsageError, match=said):
        read_typicality(path)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "typical.npz"
    np.savez(path, schema=np.array([print], dtype=object), allow_pickle=True)

    with pytest.raises(UsageError, match="cannot be read as arrays"):
        read_typicality(path)


@pytest.mark.parametrize("content", [b"", b"reference", b"PK\x03\x04 no zip"])
def test_rubbish_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "typical.npz").write_bytes(content)

    with pytest.raises(UsageError, match=r"typical\.npz"):
        read_typicality(tmp_path / "typical.npz")


def test_a_reference_without_features_judges_by_measures_alone() -> None:
    some = dataclasses.replace(seen(np.random.default_rng(10)), features=None)
    made, _ = typicality(some)

    assert p_value(made, np.zeros(MEASURES), None) > LEVEL
    assert p_value(made, np.full(MEASURES, 9.0), None) < LEVEL
