"""`make certificates`: what came out otherwise is said, thresholds are not exchanged unseen, and the key is pinned."""

from pathlib import Path

import pytest

from benchmarks import certificates
from inspect_ai.calibration import read_point
from inspect_ai.certificates.maker_key import MAKER_KEY
from inspect_ai.errors import UsageError
from inspect_ai.settings import bundled
from tests.support.points import changed

POINT = read_point(bundled("tasks") / "lung_nodule" / "operating_point.json")


def test_an_identical_point_keeps_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    assert not certificates._compare("lung_nodule", POINT, POINT, accept=False)
    assert "came out identical" in capsys.readouterr().out


def test_other_thresholds_end_it_unless_they_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    other = changed(POINT, clear_below=0.25)

    with pytest.raises(UsageError, match="Other thresholds than those that ship"):
        certificates._compare("lung_nodule", POINT, other, accept=False)
    assert certificates._compare("lung_nodule", POINT, other, accept=True)
    assert "-> 0.25" in capsys.readouterr().out


def test_other_words_about_the_same_thresholds_are_said_and_ship() -> None:
    assert certificates._compare("lung_nodule", POINT, changed(POINT, covers="one candidate"), accept=False)


def test_the_key_of_the_occasion_takes_the_place_of_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "maker_key.py"
    copy.write_bytes(Path(certificates.maker_key.__file__).read_bytes())
    monkeypatch.setattr(certificates.maker_key, "__file__", str(copy))

    certificates._pin("5" * 64)

    assert f'MAKER_KEY = "{"5" * 64}"' in copy.read_text("utf-8")
    assert MAKER_KEY not in copy.read_text("utf-8")
    copy.write_text("nothing here")
    with pytest.raises(UsageError, match="has no line MAKER_KEY"):
        certificates._pin("5" * 64)
