"""Made studies for the demo and for tests: all of it is computed from a seed, and no pixel comes from a person."""

from inspect_ai.phantom.corrupt_files import CorruptFiles, write_corrupt_files
from inspect_ai.phantom.studies import MadeStudy, Place, write_chests, write_fundus, write_metal, write_studies

__all__ = [
    "CorruptFiles",
    "MadeStudy",
    "Place",
    "write_chests",
    "write_corrupt_files",
    "write_fundus",
    "write_metal",
    "write_studies",
]
