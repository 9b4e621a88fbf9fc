"""Catalogues of the pages: every text of a template has its translation, with the same places to fill."""

import re
from pathlib import Path

import pytest

from inspect_ai.web import viewer_words
from inspect_ai.web.languages import LANGUAGES, chosen, translation
from inspect_ai.web.pages.entrance import TOO_MANY, WRONG
from inspect_ai.web.visit import TEMPLATES

OTHERS = [language for language in LANGUAGES if language != "en"]
TEXT = re.compile(r'\b(?:_|ngettext)\("((?:[^"\\]|\\.)*)"(?:, "((?:[^"\\]|\\.)*)")?')
VIEWER = Path(viewer_words.__file__).parent / "viewer" / "src"
PLACE = re.compile(r"%\(\w+\)s|\{\w+\}")


def texts() -> set[str]:
    """Texts of all templates and of the viewer, and those that code hands to a template."""
    found = {one for path in TEMPLATES.glob("*.html") for one, _ in TEXT.findall(path.read_text("utf-8"))}
    assert len(found) > 100
    return (
        found
        | set(viewer_words.WORDS.values())
        | set(viewer_words.KEYS)
        | {TOO_MANY, WRONG, "second reader", "reader", "waiting", "random audit"}
    )


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_with_the_same_places(language: str) -> None:
    catalogue = translation(language)
    for text in texts():
        if text.startswith("%(num)s"):
            shown = catalogue.ngettext(text, f"{text}s", 2)
            assert shown not in (text, f"{text}s"), text
        else:
            shown = catalogue.gettext(text)
            assert shown in catalogue._catalog.values(), f"{text!r} is not in {language}"  # type: ignore[attr-defined]
        assert sorted(PLACE.findall(shown)) == sorted(PLACE.findall(text)), text


def test_the_page_has_every_word_that_the_viewer_says() -> None:
    labels = (VIEWER / "labels.js").read_text("utf-8")
    own = dict(re.findall(r'^  (\w+): "(.+)",$', labels, re.M))

    assert len(own) > 40
    assert own == viewer_words.WORDS


def test_the_texts_of_the_viewers_keyboard_are_those_that_it_has() -> None:
    source = (Path(viewer_words.__file__).parent / "viewer" / "src" / "keys.js").read_text("utf-8")
    pairs = re.findall(r'\{ keys: "([^"]*)", does: "([^"]*)" \}', source)
    named = {keys for keys, _ in pairs if re.search(r"tool|to", keys)}
    assert {does for _, does in pairs} | named == set(viewer_words.KEYS)


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_its_source(language: str) -> None:
    source = (Path(viewer_words.__file__).parent / "locale" / language / "LC_MESSAGES" / "desk.po").read_text("utf-8")
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', source, re.M)
    assert len(pairs) > 100
    for text, shown in pairs:
        assert translation(language).gettext(text.replace('\\"', '"')) == shown.replace('\\"', '"')


@pytest.mark.parametrize(
    ("header", "language"),
    [("de-CH,de;q=0.9,en;q=0.8", "de"), ("zh-CN,zh;q=0.9", "zh"), ("fr,ja;q=0.5", "en"), ("", "en"), (";;,,", "en")],
)
def test_the_browser_says_which_language(header: str, language: str) -> None:
    assert chosen(header) == language
