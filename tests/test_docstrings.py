"""Docstrings begin with the noun or the verb, and code uses the field's words instead of metaphors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
QUESTION = re.compile(r"(What|How|Where|Whether|Which|Who|Why)\b")
METAPHORS = frozenset({"crew", "crews", "gallery", "rubbish", "shelf", "shelves", "station", "stations", "workshop"})
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

Described = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

# Module docstrings that may begin with a question word, and why.
EXCEPTED_MODULES = {"tasks/lung_nodule/lungs.py": "certificates name the digest of this file"}
# Classes and functions that may; the bundled tasks may, since certificates name the digests of their files.
EXCEPTED_PLACES = ("tasks/",)


def _sources(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def _docstrings(source: str) -> Iterator[tuple[Described, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Described) and (text := ast.get_docstring(node)):
            yield node, text


def _questions(source: str, *, modules: bool) -> list[str]:
    """First lines of docstrings that begin with a question word."""
    texts = [text for node, text in _docstrings(source) if isinstance(node, ast.Module) is modules]
    return [text.splitlines()[0] for text in texts if QUESTION.match(text)]


def _identifiers(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        for name in ("id", "attr", "arg", "name", "asname", "module"):
            if isinstance(value := getattr(node, name, None), str):
                yield value


def _metaphors(source: str) -> set[str]:
    """Words of docstrings and parts of identifiers that are forbidden metaphors."""
    texts = [*_identifiers(source), *(text for _, text in _docstrings(source))]
    return {word.lower() for text in texts for word in WORD.findall(text)} & METAPHORS


def test_every_module_says_first_what_it_is() -> None:
    wrong = {file: _questions(source, modules=True) for file, source in _sources("inspect_ai", "benchmarks", "tasks")}

    assert {file: lines for file, lines in wrong.items() if lines and file not in EXCEPTED_MODULES} == {}


def test_every_class_and_function_says_first_what_it_is_or_does() -> None:
    wrong = {file: _questions(source, modules=False) for file, source in _sources("inspect_ai", "benchmarks", "tasks")}

    assert {file: lines for file, lines in wrong.items() if lines and not file.startswith(EXCEPTED_PLACES)} == {}


def test_no_docstring_or_name_is_a_metaphor() -> None:
    used = {file: _metaphors(source) for file, source in _sources("inspect_ai")}

    assert {file: words for file, words in used.items() if words} == {}


@pytest.mark.parametrize(
    "source",
    [
        "def shelf() -> None: ...",
        "class ScoringCrew: ...",
        "def f(rubbish_files: int) -> None: ...",
        "import a.station",
        "x.gallery = 1",
        "def f() -> None:\n    '''Send it to the workshop.'''",
    ],
)
def test_a_metaphor_is_found_in_names_and_docstrings(source: str) -> None:
    assert len(_metaphors(source)) == 1


def test_a_longer_word_or_a_message_is_no_metaphor() -> None:
    assert _metaphors("def workstation(stationary: str = 'rubbish') -> None: ...") == set()


def test_a_question_word_is_found_at_the_beginning_alone() -> None:
    source = "'''Whether it is so.'''\ndef f() -> None:\n    '''Tell whether it is so, and how.'''"

    assert _questions(source, modules=True) == ["Whether it is so."]
    assert _questions(source, modules=False) == []
