"""The time of a watched part is measured until its own decision is shown."""

import pytest

from benchmarks.speed import part


def test_each_part_is_timed_until_its_decision_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(part, "PARTS", 2)
    monkeypatch.setattr(part, "ROUNDS", 1)

    part.measure_part("bright", others=20)

    alone, beside = capsys.readouterr().out.splitlines()
    assert "0 old files" in alone
    assert "20 old files" in beside
    assert alone.endswith("ms of 2")
