"""Made logs and series, and the time in which a desk answers on this machine; requests go to the application itself."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from starlette.testclient import TestClient

from inspect_ai.audit import open_log
from inspect_ai.domain import Decision, Outcome, Provenance, SourceFile, StudyRef, Verdict
from inspect_ai.ingest import DecoderPool, discover
from inspect_ai.phantom.dicom_files import write_ct
from inspect_ai.settings import Settings
from inspect_ai.web.app import create_app
from inspect_ai.web.desk import Desk, Entrance, StartToken, open_desk

HOST = "desk.test"
GROUP = 2000  # decisions that are committed together
PAGES = 21
SITES = 4
TEXTS = ("site 1", "0", "c4", "77", "reader", "nothing has this name")  # a quarter of all, names, an entry, half, none
SIDE_PX = 512  # of a slice, as scanners write them
PROVENANCE = Provenance(
    task="made", task_version="1", model_sha256="0" * 64, config_sha256="0" * 64, operating_point_sha256="0" * 64,
    engine="none", software="0",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTimes:
    """Seconds, medians over PAGES requests where they are of one page. side_px: of a slice."""

    cases: int
    index_s: float
    first_page_s: float
    later_page_s: float
    filtered_page_s: float
    found_page_s: float  # with the slowest of TEXTS in the filter
    case_page_s: float
    slices: int
    side_px: int
    geometry_s: float
    first_slice_s: float
    all_slices_s: float


def desk_times(folder: Path, cases: int, slices: int, tell: Callable[[str], None]) -> DeskTimes:
    """Make a log of so many cases and a series of so many slices in `folder`, and measure."""
    tell(f"Making {slices} slices and a log of {cases:,} cases.")
    series = _series(folder, slices)
    db = folder / "log.db"
    with open_log(db, operator="bench") as log:
        log.append([series])
        for start in range(0, cases, GROUP):
            log.append([_decision(number) for number in range(start, min(start + GROUP, cases))])
    tell("Opening the desk.")
    began = time.perf_counter()
    with _opened(db, folder) as (desk, client, opened_s):
        index_s = opened_s - began
        pages = [_median(client, path) for path in ("/", f"/queue/rows?key={cases // 2}", "/?task=made&certified=no")]
        desk.claims.assign(range(2, 2 + cases // 2), "reader")
        found_s = max(_median(client, f"/?{urlencode({'find': text})}") for text in TEXTS)
        case_s = _median(client, f"/cases/{2 + cases // 3}")
    with _opened(db, folder) as (desk, client, _):
        for child in desk.pixels.warm():  # as at the start of the command
            child.result()
        began = time.perf_counter()
        client.get("/cases/1")
        shape = client.get("/cases/1/manifest.json").json()
        geometry_s = time.perf_counter() - began
        client.get(f"/cases/1/slices/{shape['first']}")
        first_s = time.perf_counter() - began
        for index in range(shape["depth"]):
            client.get(f"/cases/1/slices/{index}")
        all_s = time.perf_counter() - began
    return DeskTimes(
        cases=cases, index_s=index_s, first_page_s=pages[0], later_page_s=pages[1], filtered_page_s=pages[2],
        found_page_s=found_s, case_page_s=case_s, slices=slices, side_px=shape["rows"],
        geometry_s=geometry_s, first_slice_s=first_s, all_slices_s=all_s,
    )  # fmt: skip


@contextmanager
def _opened(db: Path, folder: Path) -> Iterator[tuple[Desk, TestClient, float]]:
    start = StartToken()
    entrance = Entrance(hosts=(HOST,))
    with open_desk(Settings(db=db, out=folder), entrance=entrance, roots=[folder], start=start) as desk:
        opened_s = time.perf_counter()
        client = TestClient(create_app(desk), base_url=f"http://{HOST}", headers={"accept": "text/html"})
        client.get(f"/start?token={start.text}")
        yield desk, client, opened_s


def _median(client: TestClient, path: str) -> float:
    times = []
    for _ in range(PAGES):
        began = time.perf_counter()
        answer = client.get(path)
        times.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} was answered with {answer.status_code}")
    return statistics.median(times)


def _decision(number: int) -> Decision:
    """Two of three flagged, the third left open, scores spread evenly."""
    digest = hashlib.sha256(f"made {number}".encode()).hexdigest()
    file = SourceFile(path=f"{number}.png", sha256=digest, size_bytes=1)
    study = StudyRef(key=file.path, source=file.path, kind="image", digest=digest, files=(file,))
    study = replace(study, attributes=(("site", f"site {number % SITES}"),))
    outcome = Outcome.ABSTAIN if number % 3 == 2 else Outcome.FLAG
    verdict = Verdict(outcome=outcome, reason="made", certified=False)
    return Decision(
        study=study, provenance=PROVENANCE, verdict=verdict, score=(number * 7919 % 10007) / 10007, threshold=0.1
    )


def _series(folder: Path, slices: int) -> Decision:
    hu = np.random.default_rng(0).integers(-1000, 400, (slices, SIDE_PX, SIDE_PX), np.int16)
    write_ct(folder / "series", hu, name="bench", patient="made")
    with DecoderPool(1, 4.0) as pool:
        (ref,) = [found for found in discover(folder, settings=Settings(), pool=pool) if isinstance(found, StudyRef)]
    return replace(_decision(-1), study=ref)
