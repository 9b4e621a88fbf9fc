"""Storage SCP: who is let in, what is stored, and that nothing from outside hangs or fills it."""

import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from inspect_ai.pacs.destinations import TlsFiles
from inspect_ai.pacs.dimse import DimseSender, associated
from inspect_ai.pacs.sending import NotReached
from tests.pacs.conftest import Open
from tests.support.dicom_factory import save, save_series
from tests.support.pacs import free_port, needs, photograph, uid, until

Start = Callable[..., Open]
MODEL, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"


def sent(here: Open, *paths: Path) -> list[int | None]:
    return [answer.status for answer in DimseSender(here.there(), "TESTER").send(paths)]


def test_a_named_caller_that_calls_us_by_our_name_is_answered(listening: Start) -> None:
    here = listening()

    assert DimseSender(here.there(), "TESTER").echo()


def test_dcmtk_is_answered_and_refused_as_it_should_be(listening: Start) -> None:
    here = listening()

    def echo(calling: str, called: str) -> int:
        command = [needs("echoscu"), "-aet", calling, "-aec", called, "127.0.0.1", str(here.receiver.port)]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode

    assert echo("TESTER", "INSPECT_AI") == 0
    assert echo("STRANGER", "INSPECT_AI") != 0
    assert echo("TESTER", "SOMEBODY") != 0
    until(lambda: len(here.told) == 2, "both refusals")
    assert "--allow STRANGER" in here.told[0]
    assert "'SOMEBODY'" in here.told[1]


@pytest.mark.parametrize(("calling", "called"), [("STRANGER", "INSPECT_AI"), ("TESTER", "OTHER"), ("", "INSPECT_AI")])
def test_a_forged_association_stores_nothing(listening: Start, tmp_path: Path, calling: str, called: str) -> None:
    here = listening()
    path = save(photograph(1), tmp_path / "a.dcm")

    with pytest.raises((NotReached, ValueError)):
        DimseSender(here.there(called), calling).send([path])

    assert here.files() == []


def test_without_allowed_titles_everybody_is_refused(listening: Start) -> None:
    here = listening(allow=())

    for title in ("TESTER", "INSPECT_AI", "ANY"):
        with pytest.raises(NotReached, match="not known there"):
            DimseSender(here.there(), title).echo()


def test_success_means_the_object_lies_on_the_disk_as_it_was_sent(listening: Start, tmp_path: Path) -> None:
    here = listening()
    original = photograph(1)

    assert sent(here, save(original, tmp_path / "a.dcm")) == [0x0000]

    (stored,) = here.files()
    there = dcmread(stored)
    assert there.SOPInstanceUID == original.SOPInstanceUID
    assert there.PixelData == original.PixelData
    assert here.arrived == [stored.parent.parent.name]
    assert list((here.store.root / "incoming").iterdir()) == []


def test_names_hold_no_uid_and_no_text_of_the_header(listening: Start, tmp_path: Path) -> None:
    here = listening()
    original = photograph(1)
    sent(here, save(original, tmp_path / "a.dcm"))

    names = "\n".join(str(path.relative_to(here.store.root)) for path in here.store.root.rglob("*"))
    notes = "".join(path.read_text() for path in here.store.root.glob("*.json"))
    for value in (original.StudyInstanceUID, original.SOPInstanceUID, "Secret", "SECRET"):
        assert str(value) not in names + notes
    assert here.told == []


def test_the_same_instance_twice_is_one_file_and_another_content_is_a_second(listening: Start, tmp_path: Path) -> None:
    here = listening()
    path = save(photograph(1), tmp_path / "a.dcm")

    assert sent(here, path, path) == [0, 0]
    assert sent(here, path) == [0]
    assert len(here.files()) == 1
    assert len(here.arrived) == 1

    other = photograph(1)
    other.PixelData = bytes(reversed(other.PixelData))
    assert sent(here, save(other, tmp_path / "b.dcm")) == [0]
    assert len(here.files()) == 2


def test_a_series_from_storescu_arrives_whole(listening: Start, tmp_path: Path) -> None:
    here = listening()
    slices = save_series(tmp_path / "ct", [float(z) for z in range(20)])
    command = [needs("storescu"), "-aet", "TESTER", "-aec", "INSPECT_AI", "127.0.0.1", str(here.receiver.port)]

    subprocess.run([*command, "--scan-directories", str(tmp_path / "ct")], check=True, capture_output=True, timeout=60)

    stored = {str(dcmread(path).SOPInstanceUID): dcmread(path).PixelData for path in here.files()}
    assert stored == {str(ds.SOPInstanceUID): ds.PixelData for ds in slices}
    (study,) = here.store.studies()
    assert study.instances == 20


def test_an_object_whose_header_is_not_what_was_announced_is_refused(listening: Start, tmp_path: Path) -> None:
    here = listening()
    lying = photograph(1)
    with associated(here.there(), "TESTER", [(str(lying.SOPClassUID), "1.2.840.10008.1.2.1")]) as association:
        request = lying
        del request.StudyInstanceUID
        status = association.send_c_store(request).Status

    assert status == 0xC000
    assert here.files() == []


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_answered_out_of_resources_and_nothing_is_left(listening: Start, tmp_path: Path) -> None:
    here = listening()
    path = save(photograph(1), tmp_path / "a.dcm")

    with files_no_larger_than(4096):
        assert sent(here, path) == [0xA700]

    assert here.files() == []
    assert list((here.store.root / "incoming").iterdir()) == []
    assert "Free some space" in here.told[0]
    assert sent(here, path) == [0]  # space again: the same call works
    assert len(here.files()) == 1


def test_an_object_above_the_limit_ends_its_association_and_fills_no_memory(listening: Start, tmp_path: Path) -> None:
    here = listening(object_mib=1)
    large = photograph(1)
    large.Rows, large.Columns, large.PixelData = 1024, 1366, bytes(3 * 1024 * 1366)

    assert sent(here, save(large, tmp_path / "large.dcm")) == [None]
    assert here.files() == []
    assert sent(here, save(photograph(2), tmp_path / "small.dcm")) == [0]
    many = []
    for number in range(100):
        ds = photograph(3, instance=number)
        ds.Rows, ds.Columns, ds.PixelData = 96, 128, bytes([number]) * (3 * 96 * 128)
        many.append(save(ds, tmp_path / f"{number}.dcm"))
    assert set(sent(here, *many)) == {0}  # the limit is for one object, not for an association


@pytest.mark.parametrize(
    "bytes_",
    [
        b"",
        b"\x01\x00\x00",
        b"\x01\x00\x00\x00\x10\x00" + bytes(100),
        b"\x01\x00\xff\xff\xff\xff" + bytes(64),
        b"GET / HTTP/1.0\r\n\r\n",
    ],
    ids=["nothing", "half a head", "half a request", "a request of 4 GiB", "HTTP"],
)
def test_a_connection_that_says_nothing_sensible_blocks_nobody(listening: Start, bytes_: bytes) -> None:
    here = listening(timeout_s=1.0, associations=1)
    connections = [socket.create_connection(("127.0.0.1", here.receiver.port)) for _ in range(3)]
    for connection in connections:
        connection.sendall(bytes_)

    def echo() -> bool:
        try:
            return DimseSender(here.there(), "TESTER").echo()
        except NotReached:
            return False

    until(echo, "an answer", 60)  # with one association allowed, the others must have ended
    for connection in connections:
        connection.close()


def test_above_the_limit_of_associations_a_caller_is_told_so(listening: Start) -> None:
    here = listening(associations=1)

    with associated(here.there(), "TESTER", [("1.2.840.10008.1.1", None)]), pytest.raises(NotReached, match="later"):
        DimseSender(here.there(), "TESTER").echo()

    until(lambda: any("too many associations" in said for said in here.told), "the sentence")


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """A certificate for localhost that is its own authority."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return TlsFiles(ca=folder / "cert.pem", cert=folder / "cert.pem", key=folder / "key.pem")


def test_tls_lets_in_who_has_a_certificate_and_nobody_else(listening: Start, tls: TlsFiles, tmp_path: Path) -> None:
    here = listening(tls=tls, timeout_s=2.0)
    path = save(photograph(1), tmp_path / "a.dcm")

    (answer,) = DimseSender(here.there(tls=tls), "TESTER").send([path])

    assert answer.status == 0
    for without in (None, TlsFiles(ca=tls.ca)):
        with pytest.raises(NotReached):
            DimseSender(here.there(tls=without), "TESTER").echo()
    assert len(here.files()) == 1


def test_a_caller_that_begins_no_handshake_does_not_hold_up_others(listening: Start, tls: TlsFiles) -> None:
    here = listening(tls=tls, timeout_s=20.0)
    silent = socket.create_connection(("127.0.0.1", here.receiver.port))
    before = time.monotonic()

    assert DimseSender(here.there(tls=tls), "TESTER").echo()

    assert time.monotonic() - before < 15  # not after the silent one's timeout
    silent.close()


def commitment(here: Open, *instances: Dataset, roles: Any = ()) -> tuple[Any, list[Any]]:
    """Ask for a commitment; the status, and the reports that came over the same association."""
    from pynetdicom import AE, evt

    from inspect_ai.pacs.libraries import pynetdicom

    pynetdicom()
    asked = Dataset()
    asked.TransactionUID = uid("transaction")
    asked.ReferencedSOPSequence = []
    for ds in instances:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
        asked.ReferencedSOPSequence.append(item)
    reports: list[Any] = []

    def report(event: Any) -> tuple[int, None]:
        reports.append((event.event_type, event.event_information))
        return 0x0000, None

    entity = AE(ae_title="TESTER")
    entity.add_requested_context(MODEL)
    association = entity.associate(
        "127.0.0.1", here.receiver.port, ae_title="INSPECT_AI", evt_handlers=[(evt.EVT_N_EVENT_REPORT, report)]
    )
    assert association.is_established
    status, _ = association.send_n_action(asked, 1, MODEL, INSTANCE)
    until(lambda: reports, "the report")
    time.sleep(0.3)  # the answer to it leaves after the handler ends
    association.release()
    return status, reports


def test_a_storage_commitment_names_what_is_held_and_what_is_not(listening: Start, tmp_path: Path) -> None:
    here = listening()
    held, missing = photograph(1), photograph(2)
    sent(here, save(held, tmp_path / "a.dcm"))

    status, [(kind, information)] = commitment(here, held, missing)

    assert status.Status == 0
    assert kind == 2
    assert [str(item.ReferencedSOPInstanceUID) for item in information.ReferencedSOPSequence] == [held.SOPInstanceUID]
    assert [str(item.ReferencedSOPInstanceUID) for item in information.FailedSOPSequence] == [missing.SOPInstanceUID]


def test_a_commitment_of_all_instances_completes_the_study(listening: Start, tmp_path: Path) -> None:
    here = listening()
    first, second = photograph(1), photograph(1, instance=1)
    sent(here, save(first, tmp_path / "a.dcm"), save(second, tmp_path / "b.dcm"))
    (study,) = here.store.studies()

    commitment(here, first)
    assert here.store.note(study.key).committed == ""

    _, [(kind, _)] = commitment(here, first, second)
    assert kind == 1
    assert here.store.note(study.key).committed == study.version


def test_a_caller_that_left_gets_the_answer_at_its_own_address(listening: Start, tmp_path: Path) -> None:
    from pynetdicom import AE, evt

    from inspect_ai.pacs.destinations import Dimse

    reports: list[int] = []

    def report(event: Any) -> tuple[int, None]:
        reports.append(event.event_type)
        return 0x0000, None

    port = free_port()
    theirs = AE(ae_title="TESTER")
    theirs.add_supported_context(MODEL, scu_role=False, scp_role=True)
    server = theirs.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, report)])
    assert server is not None
    try:
        here = listening(address={"TESTER": Dimse(name="tester", aet="TESTER", host="127.0.0.1", port=port)})
        held = photograph(1)
        sent(here, save(held, tmp_path / "a.dcm"))
        asked = Dataset()
        asked.TransactionUID = uid("transaction")
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = held.SOPClassUID, held.SOPInstanceUID
        asked.ReferencedSOPSequence = [item]
        with associated(here.there(), "TESTER", [(MODEL, None)]) as association:
            association.send_n_action(asked, 1, MODEL, INSTANCE)
        until(lambda: reports or here.told, "the report")
        assert (reports, here.told) == ([1], [])
    finally:
        server.shutdown()


def test_a_port_that_is_taken_ends_in_one_sentence(listening: Start) -> None:
    from inspect_ai.errors import SetupError

    here = listening()

    with pytest.raises(SetupError, match=f"Port {here.receiver.port} of 127.0.0.1 cannot be listened on"):
        listening(port=here.receiver.port)


def test_a_key_that_does_not_fit_ends_in_one_sentence(listening: Start, tls: TlsFiles, tmp_path: Path) -> None:
    from inspect_ai.errors import SetupError

    (tmp_path / "no.pem").write_text("no key")

    with pytest.raises(SetupError, match="cannot be used"):
        listening(tls=TlsFiles(cert=tls.cert, key=tmp_path / "no.pem"))


def test_nothing_that_pynetdicom_logs_reaches_a_handler(listening: Start, tmp_path: Path, caplog: Any) -> None:
    here = listening()
    caplog.set_level(1)

    sent(here, save(photograph(1), tmp_path / "a.dcm"))
    with socket.create_connection(("127.0.0.1", here.receiver.port)) as connection:
        connection.sendall(b"\x04\x00\x00\x00\x00\x04\x00\x00\x00\x00")

    assert [record for record in caplog.records if record.name.startswith(("pynetdicom", "pydicom"))] == []
