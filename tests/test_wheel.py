"""The wheel holds one top-level package with everything that travels, and works outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
TRAVELS = (
    "inspect_ai/tasks/lung_nodule/weights.safetensors",
    "inspect_ai/tasks/lung_nodule/operating_point.json",
    "inspect_ai/tasks/castings/task.py",
    "inspect_ai/configs/castings.yaml",
    "inspect_ai/tasks/fundus/model.onnx",
    "inspect_ai/tasks/metal_surface/MODEL_CARD.md",
    "inspect_ai/configs/metal_surface.yaml",
    "inspect_ai/data_cards/eyepacs_subset.md",
    "inspect_ai/model/general/small/trunk.safetensors",
    "inspect_ai/model/general/small/pretrain.json",
    "inspect_ai/migrations/env.py",
    "inspect_ai/report/templates/page.html",
    "inspect_ai/web/static/viewer.js",
    "inspect_ai/web/static/licences.txt",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_is_one_package_with_all_that_travels(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"inspect_ai"}
    assert [name for name in TRAVELS if name not in names] == []
    assert not [name for name in names if "__pycache__" in name or name.endswith((".db", ".pyc"))]
    assert not [name for name in names if "node_modules" in name or name.startswith("inspect_ai/web/viewer/")]


def test_the_unpacked_wheel_finds_its_folders_and_decides_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import inspect_ai; from inspect_ai.settings import bundled\n"
        "print(inspect_ai.__file__); print(*[bundled(n) for n in ('tasks', 'configs', 'data_cards', 'migrations')])\n"
        "from inspect_ai.cli import main; import sys; sys.argv[1:] = ['demo', '--dir', 'made']; main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert str(CHECKOUT) not in done.stdout
    assert "Files: 151 consumed + 3 rejected = 154 found." in done.stdout
    assert (tmp_path / "made" / "report" / "report.html").is_file()
