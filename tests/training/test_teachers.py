"""Teachers teach what they may, answer once for a whole picture where asked, and what they met their pupil met."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from inspect_ai.datasets.samples import Sample
from inspect_ai.domain import Account
from inspect_ai.model.manifest import WEIGHTS, DataUse, Manifest, write_manifest
from inspect_ai.model.network import Network
from inspect_ai.model.readout import Readings
from inspect_ai.training.corpus import Corpus
from inspect_ai.training.data import collate, item
from inspect_ai.training.ensemble import without_fold
from inspect_ai.training.teachers import Teachers, _whole_logits, met_by_teachers, shares, taught, unseen
from tests.support.labelled import parts_config
from tests.training.test_data import sample

CONFIG = parts_config(network={"size": "tiny", "init": "scratch"}, input={"size": 64, "channels": 1})


def readings(logits: list[list[float]], evidence: float | None = None) -> Readings:
    made = torch.tensor(logits)
    cells = None if evidence is None else torch.full((len(made), 2, 2), evidence)
    return Readings(made, torch.zeros(1), (), cells, torch.zeros(1))


def part(name: str, group: str, sha256: str, level: int = 100) -> Sample:
    plain = sample("good", None, (64, 64))
    pixels = np.random.default_rng(level).integers(0, level, (64, 64, 1)).astype(np.uint8)
    labels = CONFIG.labels[0]
    row = replace(plain.row, file=name, group=group, label="pass")
    return replace(plain, pixels=pixels, labels=labels, row=row, sha256=sha256)


def use(name: str, *digests: str) -> DataUse:
    return DataUse(name=name, labels="parts", rows={"train": len(digests)}, seen=digests)


def test_each_sample_is_taught_by_its_own_teachers_and_by_all_where_none_may() -> None:
    may = torch.tensor([[True, False], [True, True], [False, False]])

    assert shares(may).tolist() == [[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]


def test_what_is_taught_is_the_mean_of_logits_and_of_evidence_where_all_have_it() -> None:
    first, second = readings([[1.0], [2.0]], 4.0), readings([[3.0], [6.0]], 8.0)
    share = torch.tensor([[1.0, 0.0], [0.5, 0.5]])

    both = taught([first, second], share)
    one_without = taught([first, readings([[3.0], [6.0]])], share)

    assert both.logits.tolist() == [[1.0], [4.0]]
    assert both.evidence is not None
    assert both.evidence[:, 0, 0].tolist() == [4.0, 6.0]
    assert one_without.evidence is None


def test_a_teacher_did_not_see_what_its_manifest_does_not_name() -> None:
    samples = [part("a.png", "a", "a" * 64), part("b.png", "b", "b" * 64)]

    assert unseen(samples, [[use("x", "a" * 16)], [use("y"), use("z", "b" * 16)]]).tolist() == [
        [False, True],
        [True, False],
    ]


def test_answers_for_whole_pictures_are_the_networks_own_and_are_looked_up_by_the_sample() -> None:
    torch.manual_seed(0)
    network = Network(CONFIG).eval()
    samples = [part(f"{i}.png", f"{i}", f"{i}" * 64, 100 + 20 * i) for i in range(3)]
    teachers = Teachers([network])
    teachers.whole = _whole_logits(teachers, samples, CONFIG)
    pixels = torch.from_numpy(np.stack([s.pixels for s in samples])).permute(0, 3, 1, 2).float() / 255
    view = collate([item(samples[i], np.zeros((64, 64, 1), np.uint8), 0, None, CONFIG, index=i) for i in (2, 0)])

    found = teachers(view)

    with torch.no_grad():
        own = network(pixels).logits
    expected = own[[2, 0]]
    assert (own[:, None] - own[None]).abs()[[0, 0, 1], [1, 2, 2]].min() > 1e-4  # no two pictures are answered alike
    torch.testing.assert_close(found.logits, expected, rtol=1e-4, atol=1e-5)
    assert found.evidence is None


def test_teachers_that_see_each_view_teach_what_they_may() -> None:
    torch.manual_seed(0)
    networks = [Network(CONFIG).eval(), Network(CONFIG).eval()]
    teachers = Teachers(networks, torch.tensor([[True, False], [False, True], [False, False]]))
    views = [np.random.default_rng(i).integers(0, 255, (64, 64, 1), np.uint8) for i in range(3)]
    batch = collate([item(part("a", "a", "a"), views[i], 0, None, CONFIG, index=i) for i in range(3)])

    found = teachers(batch).logits

    with torch.no_grad():
        first, second = (network(batch.pixels).logits for network in networks)
    expected = torch.stack([first[0], second[1], (first[2] + second[2]) / 2])
    assert (first - second).abs().min() > 1e-4
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_what_a_teacher_met_and_its_pupil_did_not_is_added_to_what_the_pupil_met(tmp_path: Path) -> None:
    folders = []
    for name, data in (("same", (use("x", "a"),)), ("wider", (use("x", "a"), use("calibration", "a", "c")))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / WEIGHTS).write_bytes(b"")
        manifest = Manifest(
            task="parts", task_version="1", software="", versions={}, config=CONFIG, seed=0, epoch=0, steps=0,
            seconds=0.0, init="scratch", parameters=0, metrics={}, data=data,
        )  # fmt: skip
        write_manifest(manifest, folder)
        folders.append(folder)

    found = met_by_teachers(folders, [use("x", "a", "b")])

    assert found == (use("calibration", "a", "c"),)


def test_every_group_is_left_out_of_one_fold_whole_and_counts_as_never_seen_there() -> None:
    train = [part(f"{i}.png", f"g{i // 2}", f"{i:064d}"[::-1]) for i in range(40)]
    val = [part("v.png", "v", "e" * 64)]
    seen = tuple(s.sha256[:16] for s in (*train, *val))
    corpus = Corpus(
        train=train, val=val, val_folders=["x"], use=(use("x", *seen),), account=Account(used=41, skipped=())
    )

    parts = [without_fold(corpus, fold, 3) for fold in range(3)]

    left = [{s.row.group for s in train} - {s.row.group for s in one.train} for one in parts]
    assert set.union(*left) == {s.row.group for s in train}
    assert sum(map(len, left)) == 20
    for one, groups in zip(parts, left, strict=True):
        assert groups
        assert set(one.use[0].seen) == set(seen) - {s.sha256[:16] for s in train if s.row.group in groups}
