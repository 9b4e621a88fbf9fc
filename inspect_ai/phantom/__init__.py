"""Made studies for the demo and for tests: everything is computed from a seed, no pixel is anyone's."""

from inspect_ai.phantom.rubbish import MadeRubbish, write_rubbish
from inspect_ai.phantom.studies import MadeStudy, Place, write_chests, write_fundus, write_metal, write_studies

__all__ = [
    "MadeRubbish",
    "MadeStudy",
    "Place",
    "write_chests",
    "write_fundus",
    "write_metal",
    "write_rubbish",
    "write_studies",
]
