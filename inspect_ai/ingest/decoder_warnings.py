"""Warnings of C libraries on stderr inside a decoding child; some of them are the only sign of damage.

libjpeg fills missing parts of a scan with grey and prints a warning. In a child, stderr is a file in memory that
can be read back; elsewhere `take` returns nothing.
"""

from __future__ import annotations

import os
import tempfile

_STDOUT, _STDERR = 1, 2
_MOST_BYTES = 1 << 16
_MISSING_PIXELS = (  # warnings of libjpeg after which pixels are made up; others are harmless and common
    "premature end of data segment",
    "Premature end of JPEG file",
    "bad Huffman code",
    "Inconsistent progression sequence",
    "restart marker",
    "instead of RST",
)
_redirected = False


def redirect_output() -> None:
    """Redirect stdout to the null device and stderr into a file without a name; called once in a child."""
    global _redirected
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDOUT)
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("stderr")
    else:
        memory, name = tempfile.mkstemp()
        os.unlink(name)  # noqa: PTH108 - the counterpart of mkstemp
    os.dup2(memory, _STDERR)
    _redirected = True


def take() -> str:
    """Take the text printed on stderr since the last call; "" outside a child."""
    if not _redirected:
        return ""
    length = os.lseek(_STDERR, 0, os.SEEK_END)
    text = os.pread(_STDERR, _MOST_BYTES, 0) if length else b""
    os.ftruncate(_STDERR, 0)
    os.lseek(_STDERR, 0, os.SEEK_SET)
    return text.decode("ascii", "replace")


def pixels_are_missing() -> bool:
    """True if libjpeg (OpenCV's or GDCM's) has filled a damaged scan since the last call."""
    text = take()
    return any(fault in text for fault in _MISSING_PIXELS)
