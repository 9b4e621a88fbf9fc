"""Round trip by DICOMweb: studies are found by QIDO-RS, fetched by WADO-RS, decided, and answered by STOW-RS."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.pacs_round_trip.counting import Found, Happened, found
from benchmarks.pacs_round_trip.sides import DESTINATION, sides, uploaded
from inspect_ai.cli import exit_codes
from inspect_ai.errors import SetupError
from tests.support.pacs import PLUGIN, Listener, Orthanc, until

MOST_S = 600.0


def by_dicomweb(folder: Path, studies: int, slices: int) -> Found:
    """Fetch half; kill Orthanc; fetch the rest; kill `decide` while results arrive, then Orthanc while others do.

    In the end all is fetched once more, with our results, and decided.
    """
    if not PLUGIN.is_file():
        raise SetupError("Orthanc has no DICOMweb. Install the Debian package orthanc-dicomweb.")
    with sides(folder, web=True) as (orthanc, listener):
        there = uploaded(orthanc, folder / "source", studies, slices)
        results = sum(study.expected.total() for study in there)
        started = time.monotonic()
        keys = _offered(listener)
        fetched = [_fetched(listener, key) for key in keys[: studies // 2]]
        orthanc.kill()
        _refused(listener, keys[-1])
        orthanc.start()
        fetched += [_fetched(listener, key) for key in keys[studies // 2 :]]
        _kill_while_results_arrive(orthanc, listener, slices * studies, results)
        until(lambda: listener.decide().returncode == 0, "the last result", MOST_S)
        seconds = time.monotonic() - started
        again = sum(_fetched(listener, key)["objects"] for key in keys)
        listener.decide()
        taken = sum(each["new"] for each in fetched)
        happened = Happened(orthanc_kills=2, our_kills=1, taken=taken, again=again, seconds=seconds)
        return found(listener, orthanc, there, happened)


def _kill_while_results_arrive(orthanc: Orthanc, listener: Listener, slices: int, results: int) -> None:
    """Kill `decide` when a third of the results is at Orthanc; start it, and kill Orthanc at two thirds."""
    deciding = listener.start_deciding()
    until(lambda: _instances(orthanc) >= slices + results // 3, "a third of the results", MOST_S)
    deciding.kill()
    deciding.wait()
    deciding = listener.start_deciding()
    until(lambda: _instances(orthanc) >= slices + 2 * results // 3, "two thirds of the results", MOST_S)
    orthanc.kill()
    deciding.wait()
    orthanc.start()


def _offered(listener: Listener) -> list[str]:
    """Keys of the studies that Orthanc has."""
    lines = _said(listener, "list", "--into", str(listener.into), "--db", str(listener.db), "--from", DESTINATION)
    return [line["study"] for line in lines]


def _fetched(listener: Listener, key: str) -> dict[str, Any]:
    (line,) = _said(listener, "fetch", "--from", DESTINATION, "--study", key, "--into", str(listener.into))
    return line


def _refused(listener: Listener, key: str) -> None:
    """A study of a PACS that is away is not fetched, and the exit code says so."""
    words = ("fetch", "--from", DESTINATION, "--study", key, "--into", str(listener.into))
    _said(listener, *words, code=exit_codes.ENVIRONMENT)


def _said(listener: Listener, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """JSON lines of a command. Raises SetupError where it ends with another code."""
    ended = listener.run(*words, "--json")
    if ended.returncode != code:
        raise SetupError(f"`pacs {words[0]}` ended with {ended.returncode}, not {code}: {ended.stderr}")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def _instances(orthanc: Orthanc) -> int:
    return int(orthanc.get("/statistics")["CountInstances"])
