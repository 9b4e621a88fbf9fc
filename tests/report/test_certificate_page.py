"""The page about a certificate: what it proves in words to act on, nothing that runs, nothing rounded up."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from inspect_ai.calibration.conformal_risk import expected_sensitivity
from inspect_ai.certificates.certificate import Certificate, signed, unit_digests
from inspect_ai.operating_point import PHANTOM, GroupPoint, Guarantee
from inspect_ai.report.certificate import write_certificate_page
from tests.certificates.test_certificate import CERTIFICATE, KEY, POINT
from tests.support.points import changed

PHANTOM_COVERS = f"{PHANTOM}one made tile"
HOSTILE = '</style><script>alert(1)</script><img src=x onerror=alert(2)>"\' onload="x\x1b[31m\u202e'


class Page(HTMLParser):
    """Its words, its tags and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.tags, self.attributes = "", set(), []
        self._silent = False
        self.feed(text)
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self._silent = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        self.words += "" if self._silent else data + " "


def page(certificate: Certificate, tmp_path: Path, key: Ed25519PrivateKey = KEY) -> Page:
    return Page(write_certificate_page(signed(certificate, key), tmp_path / "certificate.html").read_text("utf-8"))


def test_it_says_what_is_proved_what_is_not_and_for_which_files(tmp_path: Path) -> None:
    words = page(CERTIFICATE, tmp_path).words

    assert "At least 90 % of positives are not cleared, with 95 % confidence." in words
    assert "misses no more than 100 of 1,000 positives" in words
    assert "These counts prove 90.4 % or more" in words  # 0.904, not rounded up
    assert "one cap — “round”" in words
    assert "Research software: not a medical device." in words
    assert "What it does not prove" in words
    for file in CERTIFICATE.at_work.files:
        assert file.name in words
        assert file.sha256 in words
    assert "exactly 0x1.999999999999ap-7" in words  # 0.0125
    assert "names the 30 positive units" in words
    assert not any(unit in words for unit in CERTIFICATE.unit_sha256)


def test_the_weaker_tier_is_never_called_a_proof(tmp_path: Path) -> None:
    point = changed(POINT, guarantee=Guarantee.AVERAGE, proved_sensitivity=expected_sensitivity(0, 30))

    words = page(replace(CERTIFICATE, point=point), tmp_path).words

    assert "On average over calibrations, 90 % of positives are not cleared." in words
    assert "weaker tier" in words
    assert "95 % confidence" not in words
    assert "What it proves" not in words


def test_groups_that_are_not_proved_stand_beside_those_that_are(tmp_path: Path) -> None:
    groups = (
        GroupPoint(value="GE", clear_below=0.0125, n_positive=40, n_missed=0, proved_sensitivity=0.9),
        GroupPoint(
            value="Siemens", clear_below=0.02, n_positive=10, n_missed=0, proved_sensitivity=0.6,
            refusal="it needs 26 more positives",
        ),
    )  # fmt: skip
    point = changed(
        POINT, group_by="manufacturer", groups=groups, n_positive=50, proved_sensitivity=0.6,
        refusal="Not every manufacturer is certified.",
    )  # fmt: skip

    words = page(replace(CERTIFICATE, point=point, unit_sha256=unit_digests(str(i) for i in range(50))), tmp_path).words

    assert "Only for the groups below that say so: at least 90 %" in words
    assert "GE yes 40 0 90.0 %" in words
    assert "Siemens no : it needs 26 more positives 10 0 60.0 %" in words
    assert "The doubt of 5 % is split over the 2 groups" in words


def test_nothing_from_outside_runs_or_is_fetched(tmp_path: Path) -> None:
    certificate = replace(CERTIFICATE, operator=HOSTILE, point=changed(POINT, covers=HOSTILE))

    made = page(certificate, tmp_path)

    assert made.tags.isdisjoint({"script", "img", "link", "iframe", "a", "form"})
    assert not [name for name, _ in made.attributes if name.startswith("on") or name in ("src", "href")]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in made.attributes
    assert "\x1b" not in made.words
    assert "\u202e" not in made.words
    assert "<script>alert(1)</script>" in made.words  # as text


def test_the_certificate_of_made_pictures_is_called_phantom_and_certifies_no_decision(tmp_path: Path) -> None:
    made = page(replace(CERTIFICATE, point=changed(CERTIFICATE.point, covers=PHANTOM_COVERS)), tmp_path).words

    assert made.startswith("Phantom certificate of ")
    assert "At least 90 % of made positives are not cleared" in made
    assert "proved for the made pictures of the demo alone" in made
    assert "certifies no decision" in made
    assert "hantom" not in page(CERTIFICATE, tmp_path).words
