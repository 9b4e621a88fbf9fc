"""`python -m tests.support.pacs_command pacs ...`: the program, with text reports as its result objects."""

import sys

from inspect_ai import cli
from inspect_ai.cli import result_objects
from tests.support.pacs import text_report

if __name__ == "__main__":
    result_objects.maker = lambda settings: text_report
    cli.main(sys.argv[1:])
