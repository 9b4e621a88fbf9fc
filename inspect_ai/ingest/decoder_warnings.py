"""What C libraries say on stderr inside a decoding child: nobody sees it, and some of it is the only sign of damage.

libjpeg fills what is missing from a scan with grey, calls that a warning, and prints it. In a child, stderr is a file
in memory that can be asked; elsewhere `heard` knows nothing.
"""

from __future__ import annotations

import os
import tempfile

_STDOUT, _STDERR = 1, 2
_MOST_BYTES = 1 << 16
_MADE_UP = (  # of libjpeg's warnings, those after which pixels are made up; others are harmless and common
    "premature end of data segment",
    "Premature end of JPEG file",
    "bad Huffman code",
    "Inconsistent progression sequence",
    "restart marker",
    "instead of RST",
)
_listening = False


def silence() -> None:
    """In a child, once: stdout leads nowhere, stderr into a file without a name."""
    global _listening
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDOUT)
    if hasattr(os, "memfd_create"):
        paper = os.memfd_create("stderr")
    else:
        paper, name = tempfile.mkstemp()
        os.unlink(name)  # noqa: PTH108 - the counterpart of mkstemp
    os.dup2(paper, _STDERR)
    _listening = True


def heard() -> str:
    """What was said since the last call; "" outside a child."""
    if not _listening:
        return ""
    length = os.lseek(_STDERR, 0, os.SEEK_END)
    said = os.pread(_STDERR, _MOST_BYTES, 0) if length else b""
    os.ftruncate(_STDERR, 0)
    os.lseek(_STDERR, 0, os.SEEK_SET)
    return said.decode("ascii", "replace")


def of_missing_pixels() -> bool:
    """Whether libjpeg (OpenCV's or GDCM's) has filled a damaged scan since the last call."""
    said = heard()
    return any(fault in said for fault in _MADE_UP)
