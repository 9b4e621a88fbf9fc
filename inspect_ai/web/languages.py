"""Languages of the pages: English as written, German and Chinese from catalogues (gettext)."""

from __future__ import annotations

import gettext
from functools import lru_cache
from pathlib import Path

LOCALES = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "de": "Deutsch", "zh": "中文"}
DOMAIN = "desk"


@lru_cache
def translation(language: str) -> gettext.NullTranslations:
    """Catalogue of a language; English texts where it lacks one."""
    return gettext.translation(DOMAIN, LOCALES, [language], fallback=True)


def chosen(wanted: str) -> str:
    """First language of an Accept-Language header (RFC 9110, 12.5.4) that there is; English without one."""
    for part in wanted.split(","):
        name = part.partition(";")[0].strip().lower().partition("-")[0]
        if name in LANGUAGES:
            return name
    return "en"
