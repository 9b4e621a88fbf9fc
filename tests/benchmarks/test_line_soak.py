"""The long run of a watched line, made small."""

from pathlib import Path

from benchmarks.line_soak.soak import Plan, soak


def test_a_short_run_with_kills_a_lock_and_a_folder_away_loses_and_doubles_nothing(tmp_path: Path) -> None:
    found = soak(tmp_path, Plan(parts=40, rate=4.0, others=300, kills=3, lock_s=2.0, away_s=2.0, seed=1))

    assert found.holds, found
    assert (found.dropped, found.kills) == (40, 3)
    assert found.ended.pop(0) == 1
    assert set(found.ended) <= {2}  # started while the folder was away, and started again
