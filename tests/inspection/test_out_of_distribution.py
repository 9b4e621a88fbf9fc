"""Pictures unlike those of calibration are left to a person, with a reason in words, and cost no promise."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.gate.corruptions import CORRUPTIONS, quality_of, written
from inspect_ai.calibration.out_of_distribution import LEVEL
from inspect_ai.calibration.typical_file import TYPICAL_FILE, write_typicality
from inspect_ai.datasets.folder import Row, read_folder
from inspect_ai.datasets.samples import study_of
from inspect_ai.decide import decide
from inspect_ai.domain import Measure, Outcome, SourceFile, StudyRef, Unit, UnitOutput
from inspect_ai.errors import UsageError
from inspect_ai.inspection import out_of_distribution
from inspect_ai.inspection.dataset_scoring import Scored
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.preprocess import PreprocessedStudy
from inspect_ai.inspection.reference import Fit
from inspect_ai.inspection.reference import fit as fit_reference
from inspect_ai.model.engine import open_engine
from inspect_ai.plugins import task_named
from inspect_ai.quality import picture_quality
from inspect_ai.settings import Settings
from tests.support.tasks import make_pictures, make_reference, make_task

REF = StudyRef(
    key="a.png",
    source="a.png",
    kind="image",
    digest="0" * 64,
    files=(SourceFile(path="a.png", sha256="1" * 64, size_bytes=1),),
)


def picture(seed: int) -> np.ndarray:
    """[48, 64] soft clouds of changing light, with a little noise."""
    random = np.random.default_rng(seed)
    clouds = cv2.GaussianBlur(random.standard_normal((48, 64)), (0, 0), random.uniform(2, 4))
    grey = random.uniform(0.3, 0.6) + 0.1 * clouds / clouds.std() + 0.02 * random.standard_normal((48, 64))
    return np.clip(grey, 0, 1).astype(np.float32)


def scored(seed: int) -> Scored:
    shown = picture(seed)
    return Scored(
        row=Row(file=f"{seed}.png", label="good", split="calibration", group=f"part{seed}"),
        sha256=f"{seed:064x}",
        score=0.5,
        verdict=None,
        logits=np.zeros(1, np.float32),
        measures=tuple(picture_quality(shown)),
        features=np.array([[shown.mean(), shown.std(), shown[0, 0]]], np.float32),
    )


@pytest.fixture(scope="module")
def fit() -> Fit:
    return fit_reference([scored(seed) for seed in range(240)])


def looked_at(fit: Fit, shown: np.ndarray) -> Measure:
    features = np.array([shown.mean(), shown.std(), shown[0, 0]], np.float32)
    output = UnitOutput(logits=np.zeros(1, np.float32), heat=np.ones((1, 2, 2), np.float32), features=features)
    found = out_of_distribution.measure(fit.known, [Unit(pixels=shown[None])], [output], picture_quality(shown))
    assert found is not None
    return found


def test_pictures_like_those_of_calibration_pass_and_spoilt_ones_fail(fit: Fit) -> None:
    good = [looked_at(fit, picture(seed)).passed for seed in range(1000, 1030)]
    soft = [looked_at(fit, cv2.GaussianBlur(picture(seed), (0, 0), 3.0)).passed for seed in range(1000, 1030)]
    dark = [looked_at(fit, 0.2 * picture(seed)).passed for seed in range(1000, 1030)]

    assert sum(good) >= 28
    assert sum(soft) == sum(dark) == 0


def test_each_picture_of_calibration_comes_back_with_what_the_gate_would_have_said(
    fit: Fit,
) -> None:
    p = [measure.value for s in fit.scored for measure in s.measures if measure.name == out_of_distribution.NAME]

    assert len(p) == 240
    assert np.mean(np.array(p) < LEVEL) <= 0.02
    assert 0.45 < np.median(p) < 0.75  # twice the smaller of two
    assert [s.passed for s in fit.scored] == [value >= LEVEL for value in p]


def test_what_failed_the_fixed_limits_is_no_reference_and_stays_failed() -> None:
    some = [scored(seed) for seed in range(240)]
    black = replace(some[0], measures=(replace(some[0].measures[1], value=0.0), *some[0].measures[2:]))

    made = fit_reference([black, *some[1:]])

    assert made.known is not None
    assert made.known.n == 239
    assert not made.scored[0].passed


def test_too_few_pictures_make_no_reference_and_the_reason_is_told() -> None:
    made = fit_reference([scored(seed) for seed in range(60)])

    assert made.known is None
    assert "60 good pictures" in (made.refusal or "")
    assert out_of_distribution.measure(None, [], [], []) is None


def test_a_whole_series_is_not_compared_with_single_pictures(fit: Fit) -> None:
    unit = Unit(pixels=np.zeros((1, 64, 64), np.float32), series_uid="1.2.3")
    output = UnitOutput(logits=np.zeros(1, np.float32), heat=np.ones((1, 2, 2), np.float32))

    assert out_of_distribution.measure(fit.known, [unit], [output], []) is None


def test_a_graph_that_tells_no_features_cannot_pass_a_reference_that_has_them(fit: Fit) -> None:
    output = UnitOutput(logits=np.zeros(1, np.float32), heat=np.ones((1, 2, 2), np.float32))

    found = out_of_distribution.measure(
        fit.known, [Unit(pixels=picture(1)[None])], [output], picture_quality(picture(1))
    )

    assert found is not None
    assert not found.passed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ready task whose graph has two outputs, logits and heat, as graphs had before there were features."""
    folder = make_task(tmp_path_factory.mktemp("tasks"))
    made = fit_reference([replace(scored(seed), features=None) for seed in range(240)])
    assert made.known is not None
    write_typicality(made.known, folder / TYPICAL_FILE)
    return folder


@pytest.fixture(scope="module")
def inspector(folder: Path) -> Inspector:
    return load(task_named("bright", str(folder.parent)), settings=Settings(tasks=str(folder.parent)))


def preprocessed(shown: np.ndarray) -> PreprocessedStudy:
    unit = Unit(pixels=np.repeat(shown[None], 3, axis=0))
    return PreprocessedStudy(task="bright", units=(unit,), measures=tuple(picture_quality(shown)))


def test_an_untypical_picture_is_left_to_a_person_with_the_reason_in_words(inspector: Inspector) -> None:
    usual = inspector.decide_preprocessed(REF, preprocessed(picture(1)))[0]
    odd = inspector.decide_preprocessed(REF, preprocessed(cv2.GaussianBlur(picture(1), (0, 0), 3.0)))[0]

    assert usual.verdict.outcome is not Outcome.ABSTAIN
    assert usual.measures[-1].name == out_of_distribution.NAME
    assert odd.verdict.outcome is Outcome.ABSTAIN
    assert "unlike those that the threshold was set on" in odd.verdict.reason
    assert not odd.verdict.certified


def test_a_graph_of_two_outputs_still_runs_and_tells_no_features(folder: Path) -> None:
    (output,) = open_engine(folder).run([Unit(pixels=np.full((3, 64, 64), 0.7, np.float32))])

    assert output.features is None
    assert output.logits.shape == (1,)


def test_the_made_tasks_own_pictures_are_like_the_reference_made_of_them(tmp_path: Path) -> None:
    made = make_task(tmp_path / "tasks")
    make_reference(made)
    make_pictures(tmp_path / "parts", 6, first=500)
    inspector = load(task_named("bright", str(made.parent)), settings=Settings(tasks=str(made.parent)))
    for file in sorted((tmp_path / "parts").iterdir()):
        study = study_of(file.parent, file.name, Settings(tasks=str(made.parent)))
        ready = PreprocessedStudy(
            task="bright", units=tuple(inspector.task.units(study)), measures=tuple(inspector.task.quality(study))
        )
        assert inspector.decide_preprocessed(study.ref, ready)[0].verdict.outcome is not Outcome.ABSTAIN


def test_a_damaged_reference_stops_the_task_with_a_sentence(tmp_path: Path) -> None:
    broken = make_task(tmp_path)
    (broken / TYPICAL_FILE).write_bytes(b"reference")

    with pytest.raises(UsageError, match=r"typical\.npz"):
        load(task_named("bright", str(tmp_path)), settings=Settings(tasks=str(tmp_path)))


def test_a_positive_that_the_gate_leaves_to_a_person_is_not_cleared_and_so_not_missed(inspector: Inspector) -> None:
    untypical = Measure(name=out_of_distribution.NAME, value=0.004, limit=LEVEL, advice=out_of_distribution.ADVICE)
    low = inspector.point.thresholds.clear_below / 2

    assert decide(low, inspector.point).outcome is Outcome.CLEAR  # would be the miss
    assert decide(low, inspector.point, measures=[untypical]).outcome is Outcome.ABSTAIN


@pytest.mark.shared
@pytest.mark.parametrize(
    ("task_name", "data"),
    [
        ("fundus", "fundus/eyepacs_subset"),
        ("lung_nodule", "lung_nodule/luna16_candidates"),
        ("metal_surface", "metal_surface/magnetic_tile"),
    ],
)
def test_a_real_picture_out_of_focus_is_left_to_a_person(
    task_name: str, data: str, shared: Path, tmp_path: Path
) -> None:
    task, settings = task_named(task_name), Settings()
    inspector = load(task, settings=settings)
    folder = read_folder(shared / "data" / data, task.config)
    rows = folder.part("val")[:6]
    (defocus,) = (c for c in CORRUPTIONS if c.name == "defocus 5 px")
    outcomes = []
    with folder.unpacked(rows) as root:
        for row in rows:
            content = (root / row.file).read_bytes()
            shown = study_of(root, row.file, settings).images[0].unit_range()
            blurred = written(defocus.apply(shown, np.random.default_rng(0)), quality_of(content))
            (tmp_path / "a.jpg").write_bytes(blurred)
            study = study_of(tmp_path, "a.jpg", settings)
            ready = PreprocessedStudy(
                task=task_name, units=tuple(task.units(study)), measures=tuple(task.quality(study))
            )
            outcomes.append(inspector.decide_preprocessed(study.ref, ready)[0].verdict.outcome)

    assert outcomes.count(Outcome.ABSTAIN) >= 5
