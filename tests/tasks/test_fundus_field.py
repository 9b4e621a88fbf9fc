"""Photographs of eyes: the field of view is told from its dark surround, and heat lies inside it."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.domain import Image, Study, StudyRef
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.pictures.heat_map import heat_map
from inspect_ai.settings import Settings

REF = StudyRef(key="a", source="a", kind="image", digest="0" * 64, files=())


@pytest.mark.shared
def test_no_heat_lies_in_the_black_corners_of_a_real_photograph(shared: Path) -> None:
    with zipfile.ZipFile(shared / "data" / "fundus" / "eyepacs_wide" / "images.zip") as archive:
        photograph = cv2.imdecode(np.frombuffer(archive.read("1029_left.jpg"), np.uint8), cv2.IMREAD_COLOR)
    inspector = load("fundus", settings=Settings())
    picture = np.ascontiguousarray(photograph[..., ::-1])

    prediction = inspector.predict_study(Study(ref=REF, images=(Image(pixels=picture),)))

    (unit,) = prediction.units
    (untouched,) = inspector.engine.run([unit])
    black = cv2.dilate((picture.max(axis=-1) > 15).astype(np.uint8), np.ones((25, 25), np.uint8)) == 0
    before = heat_map([unit], [untouched], 0, picture.shape, picture.shape, prediction.multiple)
    assert before is not None
    assert prediction.heat is not None
    assert black.mean() > 0.05  # the photograph has dark corners
    assert float(before[black].sum()) > 0.0
    assert float(prediction.heat[black].sum()) == pytest.approx(0.0, abs=1e-6)
    assert prediction.heat.max() == pytest.approx(1.0)
