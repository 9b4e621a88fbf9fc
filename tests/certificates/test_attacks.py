"""Ways to get a certified CLEAR for a part that is flagged: each ends refused, uncertified, or without effect.

Each is tried as somebody with the files would: on a copy of the program, in a process of its own.
"""

import importlib.util
import json
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from inspect_ai.certificates.issuing import sign_again
from inspect_ai.certificates.signing import public_hex, site_key
from inspect_ai.settings import bundled
from tests.support.tasks import certify, make_pictures, make_task

PACKAGE = Path(__file__).resolve().parents[2] / "inspect_ai"
MAIN = "from inspect_ai.cli import main; main()"
PLUGIN = """
from inspect_ai.plugins import Task
from .candidates import scale


class Bright(Task):
    title = "Bright" + scale.__name__[:0]
"""
NO_SCORE = "\n\ndef probability(logit):\n    return 0.0\n"
NO_FLAG = """

def decide(score, point, **more):
    return Verdict(outcome=Outcome.CLEAR, reason="score 0.0000 is below 0.5000", certified=True)
"""
PATCH = """
import inspect_ai.decide as target
from inspect_ai.domain import Outcome, Verdict
def decide(score, point, **more):
    return Verdict(outcome=Outcome.CLEAR, reason="score 0.0000 is below 0.5000", certified=True)
target.decide = decide
import inspect_ai.inspection.verdict
inspect_ai.inspection.verdict.decide = decide
import inspect_ai.plugins
inspect_ai.plugins.probability = lambda logit: 0.0
"""


@dataclass
class Site:
    """A copy of the program with one certified task, and one part that must be flagged."""

    root: Path

    @property
    def package(self) -> Path:
        return self.root / "program" / "inspect_ai"

    @property
    def task(self) -> Path:
        return self.root / "program" / "tasks" / "bright"

    def scan(self, *words: str, **variables: str) -> tuple[int, list[dict[str, object]], str]:
        """Exit code, the studies as they were told, and what was said on stderr."""
        command = [sys.executable, "-c", MAIN, "scan", "parts", "--task", "bright", "--json", "--workers", "1", *words]
        env = {
            **os.environ, "PYTHONPATH": str(self.root / "program"), "PYTHONDONTWRITEBYTECODE": "1",
            "INSPECT_AI_TRUSTED_KEYS": str(self.root / "workshop" / "trusted"), **variables,
        }  # fmt: skip
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, timeout=120, check=False)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, [line for line in told if line["type"] == "study"], done.stderr


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound")
    shutil.copytree(PACKAGE, root / "program" / "inspect_ai", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("migrations", "configs"):
        shutil.copytree(bundled(name), root / "program" / name, ignore=shutil.ignore_patterns("__pycache__"))
    folder = make_task(root / "program" / "tasks", task_py=PLUGIN)
    (folder / "candidates.py").write_text("def scale(x):\n    return x\n")
    certify(folder, root / "workshop")
    make_pictures(root / "parts", 1, first=1)
    return root


@pytest.fixture
def site(sound: Path, tmp_path: Path) -> Site:
    shutil.copytree(sound, tmp_path / "site")
    return Site(tmp_path / "site")


def test_without_an_attack_the_part_is_flagged_and_that_is_certified(site: Site) -> None:
    code, studies, said = site.scan()

    assert code == 0, said
    assert [(study["outcome"], study["certified"]) for study in studies] == [("flag", True)]


def edit(path: Path, more: str) -> None:
    path.write_text(path.read_text("utf-8") + more, "utf-8")


@pytest.mark.parametrize(
    ("file", "more"), [("plugins.py", NO_SCORE), ("decide.py", NO_FLAG)], ids=["probability", "decide"]
)
def test_an_edited_module_of_the_program_certifies_nothing(file: str, more: str, site: Site) -> None:
    edit(site.package / file, more)

    _, (study,), _ = site.scan()

    assert study["certified"] is False
    assert f"inspect_ai/{file} is not the one that was certified" in str(study["reason"])


def compiled(source: Path, more: str, mode: py_compile.PycInvalidationMode) -> None:
    """What Python would run in place of SOURCE: a compiled file of other code, which passes for the source's own."""
    text, stat = source.read_text("utf-8"), source.stat()
    cached = Path(importlib.util.cache_from_source(str(source)))
    cached.parent.mkdir(exist_ok=True)
    edit(source, more)
    if mode is py_compile.PycInvalidationMode.TIMESTAMP:
        source.write_text(text + more, "utf-8")
    py_compile.compile(str(source), str(cached), doraise=True, invalidation_mode=mode)
    source.write_text(text, "utf-8")
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    if mode is py_compile.PycInvalidationMode.TIMESTAMP:
        data = bytearray(cached.read_bytes())
        data[8:16] = (int(stat.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") + stat.st_size.to_bytes(4, "little")
        cached.write_bytes(bytes(data))


MODES = [py_compile.PycInvalidationMode.UNCHECKED_HASH, py_compile.PycInvalidationMode.TIMESTAMP]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name.lower())
def test_what_python_would_take_for_the_source_is_not_run(mode: py_compile.PycInvalidationMode, site: Site) -> None:
    compiled(site.package / "plugins.py", NO_SCORE, mode)
    compiled(site.package / "decide.py", NO_FLAG, mode)
    compiled(site.package / "cli" / "scan.py", PATCH, mode)
    (site.package / f"quality{importlib.machinery.EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF")
    compiled(site.task / "task.py", PATCH, mode)
    compiled(site.task / "candidates.py", PATCH, mode)

    _, studies, said = site.scan()

    assert [(study["outcome"], study["certified"]) for study in studies] == [("flag", True)], said


def test_a_folder_beside_a_module_of_the_program_is_not_run_and_certifies_nothing(site: Site) -> None:
    (site.package / "decide").mkdir()
    (site.package / "decide" / "__init__.py").write_text(f"open({str(site.root / 'it ran')!r}, 'w')\n{PATCH}")

    _, (study,), _ = site.scan()

    assert (study["outcome"], study["certified"]) == ("flag", False)
    assert "inspect_ai/decide/__init__.py was not there when it was certified" in str(study["reason"])
    assert not (site.root / "it ran").exists()


@pytest.mark.parametrize(("name", "mode"), [("__init__.py", MODES[0]), ("source_loader.py", MODES[1])])
def test_a_prepared_compiled_file_of_the_first_modules_certifies_nothing(
    name: str, mode: py_compile.PycInvalidationMode, site: Site
) -> None:
    """Python runs these before anything can see to it that they come from their source."""
    late = f"\ndef _late(code={PATCH!r}):\n    exec(code, {{}})\nimport atexit, threading\n"
    compiled(site.package / name, late, mode)

    _, (study,), _ = site.scan()

    assert study["certified"] is False
    assert "is not what the source of" in str(study["reason"])


def test_a_compiled_file_that_is_out_of_date_is_no_fault(site: Site) -> None:
    """After an update, or where Python may not write: it is passed over."""
    loader = site.package / "source_loader.py"
    compiled(loader, NO_SCORE, MODES[1])
    os.utime(loader, (1, 1))

    _, studies, said = site.scan()

    assert [(study["outcome"], study["certified"]) for study in studies] == [("flag", True)], said


def beside_as_folder(task: Path) -> None:
    (task / "candidates").mkdir()
    (task / "candidates" / "__init__.py").write_text(PATCH + "\ndef scale(x):\n    return x\n")


def beside_as_compiled_module(task: Path) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (task / f"candidates{suffix}").write_bytes(b"\x7fELF")


def beside_as_plain_library(task: Path) -> None:
    (task / "candidates.so").write_bytes(b"\x7fELF")


def in_place_of_its_source(task: Path) -> None:
    py_compile.compile(str(task / "candidates.py"), str(task / "candidates.pyc"), doraise=True)
    (task / "candidates.py").unlink()


def as_a_link(task: Path) -> None:
    (task / "candidates.py").rename(task.parent / "elsewhere.py")
    (task / "candidates.py").symlink_to(task.parent / "elsewhere.py")


@pytest.mark.parametrize(
    ("lay", "said"),
    [
        (beside_as_folder, "a folder beside candidates.py"),
        (beside_as_compiled_module, "compiled code"),
        (beside_as_plain_library, "compiled code"),
        (in_place_of_its_source, "compiled code"),
        (as_a_link, "is a link"),
    ],
)
def test_what_python_would_take_for_a_module_of_the_task_is_refused(
    lay: Callable[[Path], None], said: str, site: Site
) -> None:
    lay(site.task)

    code, studies, words = site.scan()

    assert (code, studies) == (2, [])
    assert said in words


LATE = """
import threading
start = threading.Thread.start
def late(self):
    if self.name == "walk":  # everything is loaded then
        exec(PATCH, {})
    return start(self)
threading.Thread.start = late
"""


@pytest.mark.parametrize("when", ["at once", "when all is loaded", "in place of a module"])
def test_a_sitecustomize_that_patches_certifies_nothing(when: str, site: Site) -> None:
    code = {
        "at once": PATCH,
        "when all is loaded": f"PATCH = {PATCH!r}\n{LATE}",
        "in place of a module": (
            "import sys, types, inspect_ai\nmodule = types.ModuleType('inspect_ai.decide')\n"
            "others = 'failure = listed_doubts = parted = for_phantoms = list\\n'\n"
            f"exec('from inspect_ai.domain import *\\n' + others + {NO_FLAG!r}, module.__dict__)\n"
            "sys.modules['inspect_ai.decide'] = inspect_ai.decide = module\n"
        ),
    }[when]
    (site.root / "hidden").mkdir()
    (site.root / "hidden" / "sitecustomize.py").write_text(code)

    _, studies, said = site.scan(PYTHONPATH=os.pathsep.join([str(site.root / "hidden"), str(site.root / "program")]))

    assert [study["certified"] for study in studies] == [False], said
    assert "not certified" in str(studies[0]["reason"])


def test_a_program_that_is_edited_while_it_works_certifies_nothing(site: Site) -> None:
    """The deciding process runs the certified code; the decoding process, which starts later, would not."""
    file = str(site.package / "quality.py")
    change = f"file = open({file!r}, 'a'); file.write('# another quality\\n'); file.close()"
    (site.root / "hidden").mkdir()
    (site.root / "hidden" / "sitecustomize.py").write_text(f"PATCH = {change!r}\n{LATE}")

    _, (study,), _ = site.scan(PYTHONPATH=os.pathsep.join([str(site.root / "hidden"), str(site.root / "program")]))

    assert study["certified"] is False
    assert "the decoding process ran other code" in str(study["reason"])


def test_a_folder_of_tasks_in_the_working_directory_runs_only_where_it_is_asked_for(site: Site) -> None:
    patching = site.root / "tasks" / "zzz"
    patching.mkdir(parents=True)
    (patching / "task.py").write_text(
        f"open({str(site.root / 'it ran')!r}, 'w')\n{PATCH}\nraise RuntimeError('no task')\n"
    )

    _, unasked, _ = site.scan()
    _, other, _ = site.scan("--tasks", "./tasks", "--db", "other.db")  # --task bright: no other task's code runs
    ran_unasked = (site.root / "it ran").exists()
    _, asked, _ = site.scan("--tasks", "./tasks", "--task", "auto", "--db", "third.db")

    assert [(study["outcome"], study["certified"]) for study in unasked + other] == 2 * [("flag", True)]
    assert not ran_unasked
    assert (site.root / "it ran").exists()
    assert [study["certified"] for study in asked] == [False]
    assert "what runs here is not what was certified" in str(asked[0]["reason"])


def test_another_key_certifies_nothing_even_if_a_settings_file_lists_it(site: Site) -> None:
    stranger = site_key(site.root / "stranger.db")
    sign_again(site.task, stranger)
    (site.root / "mine").mkdir()
    (site.root / "mine" / "me.pub").write_text(public_hex(stranger))
    (site.root / "inspect_ai.toml").write_text('trusted_keys = "mine"\n')

    _, (study,), _ = site.scan(INSPECT_AI_TRUSTED_KEYS="")

    assert study["certified"] is False
    assert "signed by a key that is not trusted here" in str(study["reason"])
    assert "trusted_keys, which is not believed from a file" in str(study["reason"])
