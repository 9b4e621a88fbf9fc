"""`inspect-ai pacs` as a person types it: sentences, codes, and no secret on a command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inspect_ai.cli.pacs.options import seconds
from inspect_ai.errors import UsageError
from tests.support.dicom_factory import save
from tests.support.pacs import free_port, needs, photograph, until

pytest.importorskip("pynetdicom", reason="needs the extra pacs")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "pacs", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("text", "value"), [("60", 60), ("60s", 60), ("1.5m", 90), ("1h", 3600), ("0s", 0)])
def test_a_quiet_time_has_a_unit(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["soon", "-5s", "5 days", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="such as 60s"):
        seconds(text)


def test_storescp_takes_what_is_sent_and_each_answer_is_shown(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "there"
    folder.mkdir()
    command = [needs("storescp"), "-aet", "THERE", "-od", str(folder), str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files = [save(photograph(number), tmp_path / f"{number}.dcm") for number in range(3)]
    note = tmp_path / "note.dcm"
    note.write_text("no DICOM")
    try:
        to = f"THERE@127.0.0.1:{port}"
        until(
            lambda: "cannot be reached" not in run(tmp_path, "send", str(files[0]), "--to", to).stderr, "storescp", 60
        )
        ended = run(tmp_path, "send", *map(str, [*files, note]), "--to", to, "--json")
    finally:
        server.kill()
        server.wait()

    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(answer["stored"], answer["status"]) for answer in answers] == [(True, "0000")] * 3 + [(False, None)]
    assert ended.returncode == 5
    assert "1 of 4 objects were not stored" in ended.stderr
    assert len(list(folder.iterdir())) == 3
    assert "Secret" not in ended.stdout + ended.stderr


def test_a_destination_that_is_away_or_unknown_ends_in_one_sentence(tmp_path: Path) -> None:
    path = str(save(photograph(1), tmp_path / "a.dcm"))

    away = run(tmp_path, "send", path, "--to", f"THERE@127.0.0.1:{free_port()}")
    unknown = run(tmp_path, "send", path, "--to", "archive")
    wrong = run(tmp_path, "send", path, "--to", "A@B")

    assert (away.returncode, unknown.returncode, wrong.returncode) == (5, 2, 2)
    assert "cannot be reached" in away.stderr
    assert "no destination 'archive'" in unknown.stderr
    for ended in (away, unknown, wrong):
        assert "Traceback" not in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1


def test_studies_are_fetched_from_dicomweb_alone(tmp_path: Path) -> None:
    (tmp_path / "inspect_ai.toml").write_text('[destinations]\narchive = "dimse://A@127.0.0.1:104"\n')

    ended = run(tmp_path, "fetch", "--from", "archive", "--study", "1.2.3", "--into", "received")

    assert ended.returncode == 2
    assert "speaks DIMSE" in ended.stderr


def test_a_web_destination_that_is_away_is_said_without_its_address(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "inspect_ai.toml").write_text(f'[destinations]\nweb = "http://127.0.0.1:{port}/dicom-web"\n')

    ended = run(tmp_path, "fetch", "--from", "web", "--study", "1.2.3", "--into", "received")

    assert ended.returncode == 5
    assert "Destination web cannot be reached" in ended.stderr
    assert "1.2.3" not in ended.stderr


@pytest.mark.parametrize("command", ["list", "decide"])
def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path: Path, command: str) -> None:
    ended = run(tmp_path, command, "--into", "nowhere")

    assert ended.returncode == 2
    assert "There is no folder nowhere" in ended.stderr
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_folder_lists_nothing(tmp_path: Path) -> None:
    (tmp_path / "received").mkdir()

    ended = run(tmp_path, "list", "--into", "received")

    assert ended.returncode == 0
    assert "No study in received" in ended.stdout


def test_without_the_extra_a_sentence_names_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pynetdicom'] = None\n"
        "from inspect_ai import cli; cli.main(['pacs', 'send', 'a.dcm', '--to', 'A@127.0.0.1:104'])"
    )
    save(photograph(1), tmp_path / "a.dcm")

    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ended.returncode == 5
    assert 'pip install "inspect-ai-vision[pacs]"' in ended.stderr


def test_without_a_maker_of_results_decisions_stay_here_and_that_is_said(tmp_path: Path) -> None:
    from inspect_ai.pacs.identity import identity_of
    from inspect_ai.pacs.received import Received
    from tests.support.pacs import TASK
    from tests.support.tasks import make_task

    make_task(tmp_path / "tasks", task_py=TASK)
    (tmp_path / "inspect_ai.toml").write_text('[destinations]\narchive = "dimse://A@127.0.0.1:104"\n')
    path = save(photograph(1), tmp_path / "a.dcm")
    store = Received(tmp_path / "received")
    store.prepare()
    store.add(identity_of(path), path.read_bytes(), "A")
    program = (
        "import sys; sys.modules['highdicom'] = None\n"
        "from inspect_ai import cli; cli.main(['pacs', 'decide', '--into', 'received', '--task', 'bright', '--tasks', "
        "'tasks'])"
    )

    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("flag ")
    assert 'pip install "inspect-ai-vision[dicom]"' in ended.stderr
