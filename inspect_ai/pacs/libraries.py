"""Libraries of the extra `pacs`, imported without their logging: pynetdicom and dicomweb-client log identifiers."""

from __future__ import annotations

import importlib
import logging
import warnings
from types import ModuleType
from typing import Any

from inspect_ai.errors import SetupError

EXTRA = 'pip install "inspect-ai-vision[pacs]"'
SILENCED = ("pynetdicom", "pydicom", "dicomweb_client", "urllib3")


def pynetdicom() -> ModuleType:
    """Import pynetdicom, silent. Raises SetupError without the extra."""
    library = _imported("pynetdicom")
    config: Any = importlib.import_module("pynetdicom._config")
    config.LOG_HANDLER_LEVEL = "none"  # or every association gets handlers that log its messages
    config.LOG_REQUEST_IDENTIFIERS = config.LOG_RESPONSE_IDENTIFIERS = False
    return library


def dicomweb_client() -> ModuleType:
    """Import dicomweb_client, silent. Raises SetupError without the extra."""
    return _imported("dicomweb_client")


def _imported(name: str) -> ModuleType:
    try:
        library = importlib.import_module(name)
    except ImportError as e:
        raise SetupError(f"Exchange with a PACS needs {name}, which is not installed. Install it: {EXTRA}") from e
    silence()
    return library


def silence() -> None:
    """Switch off logging and warnings of these libraries, which quote values of headers."""
    for name in SILENCED:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
    warnings.filterwarnings("ignore", module=r"(pynetdicom|pydicom|dicomweb_client)(\.|$)")
