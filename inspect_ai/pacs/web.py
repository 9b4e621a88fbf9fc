"""DICOMweb destinations: STOW-RS to store, QIDO-RS to ask, WADO-RS to fetch (PS3.18)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from inspect_ai.errors import InputError
from inspect_ai.pacs.destinations import Web, secret_of
from inspect_ai.pacs.identity import Identity, digest, identity_of
from inspect_ai.pacs.libraries import dicomweb_client
from inspect_ai.pacs.received import Received
from inspect_ai.pacs.sending import NotReached, Sent

TIMEOUT_S = (10.0, 60.0)  # to connect, to wait for the next bytes
PAGE = 200  # studies of one answer to QIDO
FAILURE, INSTANCE = "00081198", "00081155"  # FailedSOPSequence, ReferencedSOPInstanceUID
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Study that a destination lists. key: digest of its UID, under which it is received; uid is never shown."""

    key: str
    uid: str
    date: str
    modalities: tuple[str, ...]
    instances: int | None


class WebSender:
    """Sender to one DICOMweb destination."""

    def __init__(self, destination: Web) -> None:
        self._there = destination
        self._client = _client(destination)

    def send(self, files: Sequence[Path]) -> tuple[Sent, ...]:
        """STOW each file by itself, so that each has its own answer. Raises NotReached."""
        return tuple(self._stored(path) for path in files)

    def held(self, files: Sequence[Path]) -> tuple[Path, ...]:
        """QIDO each instance by its UIDs. Raises NotReached."""
        return tuple(path for path in files if _has(self._client, self._there, identity_of(path)))

    def _stored(self, path: Path) -> Sent:
        import pydicom

        try:
            identity_of(path)
            dataset = pydicom.dcmread(path)  # noqa: TID251 - nothing is inspected: STOW takes a parsed object
        except (InputError, OSError) as e:
            why = e.strerror if isinstance(e, OSError) else str(e)
            return Sent(path=path, stored=False, status=None, meaning=f"not sent: {why}")
        try:
            answer = _reached(self._there, lambda: self._client.store_instances([dataset]))
        except Refused as e:
            return Sent(path=path, stored=False, status=e.status, meaning="the destination did not take it")
        failed = len(answer.get("FailedSOPSequence", ()))
        meaning = "the destination did not take it" if failed else "stored"
        return Sent(path=path, stored=not failed, status=200, meaning=meaning)


class Refused(NotReached):
    """An answer of HTTP that is a failure."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def fetch(there: Web, study_uid: str, store: Received) -> tuple[str, int, int]:
    """Fetch a study into the store: its key, the number of its objects there, and how many of them are new.

    Raises NotReached, InputError where the study is not there.
    """
    client = _client(there)
    seen = new = 0
    # The transfer syntax in which it is stored: nothing is decompressed and compressed again on the way.
    objects = _reached(there, lambda: client.iter_study(study_uid, media_types=(("application/dicom", "*"),)))
    for dataset in _each(there, objects):
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        content = buffer.getvalue()
        identity = identity_of(content)
        seen += 1
        new += store.add(identity, content, f"={there.name}") is not None
    if not seen:
        raise InputError(f"Destination {there.name} has no object of this study.")
    return digest(study_uid), seen, new


def offered(there: Web) -> Iterator[Offered]:
    """Yield the studies of a destination, without anything about persons. Raises NotReached."""
    client = _client(there)
    fields = ["StudyInstanceUID", "StudyDate", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"]
    offset, seen = 0, set[str]()
    while True:
        search = partial(client.search_for_studies, limit=PAGE, offset=offset, fields=fields)
        page = _reached(there, search)
        for plain in page:
            uid = str(_value(plain, "0020000D") or "")
            if uid in seen:
                return  # a server that knows no offset
            seen.add(uid)
            counted = _value(plain, "00201208")
            yield Offered(
                key=digest(uid),
                uid=uid,
                date=str(_value(plain, "00080020") or ""),
                modalities=tuple(str(word) for word in plain.get("00080061", {}).get("Value", ())),
                instances=int(counted) if counted is not None else None,
            )
        offset += len(page)
        if len(page) < PAGE:
            return


def _value(plain: dict[str, Any], tag: str) -> Any:
    values = plain.get(tag, {}).get("Value") or [None]
    return values[0]


def _has(client: Any, there: Web, identity: Identity) -> bool:
    try:
        found = _reached(
            there,
            lambda: client.search_for_instances(
                study_instance_uid=identity.study,
                series_instance_uid=identity.series,
                search_filters={"SOPInstanceUID": identity.instance},
            ),
        )
    except Refused:
        return False
    return any(str(_value(plain, "00080018")) == identity.instance for plain in found)


def _client(there: Web) -> Any:
    dicomweb_client()
    import requests
    from dicomweb_client.web import DICOMwebClient

    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc that the settings do not name
    if there.ca is not None:
        session.verify = str(there.ca)
    if there.user:
        session.auth = (there.user, secret_of(there))
    elif there.secret is not None:
        session.headers["Authorization"] = f"Bearer {secret_of(there)}"
    client = DICOMwebClient(there.url, session=session, timeout=TIMEOUT_S)
    client.set_http_retry_params(retry=False)  # the outbox has its own pauses
    return client


def _each(there: Web, objects: Iterator[Any]) -> Iterator[Any]:
    while (dataset := _reached(there, lambda: next(objects, None))) is not None:
        yield dataset


def _reached(there: Web, action: Callable[[], T]) -> T:
    """Do something at the destination; its errors as sentences, which hold no URL and no identifier."""
    import requests

    try:
        return action()
    except requests.HTTPError as e:
        status = 0 if e.response is None else e.response.status_code
        raise Refused(f"Destination {there.name} answered with HTTP status {status}.", status) from e
    except (requests.RequestException, OSError) as e:
        raise NotReached(f"Destination {there.name} cannot be reached ({type(e).__name__}).") from e
    except ValueError as e:
        raise NotReached(f"Destination {there.name} gave an answer that is no DICOMweb.") from e
