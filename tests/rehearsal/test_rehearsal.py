"""The control plane on loopback: what the real SDK sees of it, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import modal
import pytest
import requests

from blanklogo.engines.modal.border import service_errors
from blanklogo.engines.modal.engine import ModalEngine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import LoadError, UnavailableError
from blanklogo.rehearsal.control_plane import Rehearsal

APP = Path(__file__).with_name("breaking_app.py")
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    with Rehearsal(web_cutoff_seconds=1) as rehearsal, rehearsal.as_the_environment():
        subprocess.run([sys.executable, "-m", "modal", "deploy", str(APP)], check=True, capture_output=True)
        yield rehearsal


def test_a_map_comes_back_in_its_order_from_several_containers(rehearsal: Rehearsal) -> None:
    double = modal.Function.from_name("breaking", "double")
    assert list(double.map(range(20))) == [2 * number for number in range(20)]
    with pytest.raises(TypeError):
        double.remote("a", "b")


def test_what_is_large_travels_by_blob_both_ways(rehearsal: Rehearsal) -> None:
    data = os.urandom(5 << 20)
    assert modal.Function.from_name("breaking", "size").remote(data) == data[::-1]
    assert any(len(blob) > 5 << 20 for blob in rehearsal.state.blobs.values())


def test_a_secret_is_in_the_containers_environment(rehearsal: Rehearsal) -> None:
    assert modal.Function.from_name("breaking", "colour").remote() == "red"


def test_a_container_that_does_not_start_in_time_is_a_load_error(rehearsal: Rehearsal) -> None:
    with (
        ModalEngine(EngineSpec(), app_name="breaking", class_name="Slow") as engine,
        pytest.raises(LoadError, match="startup timeout"),
    ):
        engine.submit({}).result(PATIENCE_SECONDS)


def test_a_long_web_request_is_sent_to_ask_again(rehearsal: Rehearsal) -> None:
    url = modal.Function.from_name("breaking", "patient").get_web_url()
    response = requests.get(url, params={"seconds": 2.5}, timeout=PATIENCE_SECONDS)
    assert response.json() == {"slept": 2.5}
    assert [step.status_code for step in response.history][:1] == [303]


def test_a_request_that_is_not_known_names_the_version_that_is(rehearsal: Rehearsal) -> None:
    with (
        pytest.raises(UnavailableError, match=r"does not do DictGetOrCreate; it speaks modal 1\.6\.4"),
        service_errors(),
    ):
        modal.Dict.from_name("any", create_if_missing=True).hydrate()
    assert "DictGetOrCreate" in rehearsal.state.unknown_calls


def test_another_version_of_the_client_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modal, "__version__", "1.7.0")
    with pytest.raises(UnavailableError, match=r"accepted: modal 1\.6\.4.*pip install modal==1\.6\.4"):
        Rehearsal()


def test_the_environment_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODAL_TOKEN_ID", "ak-own")
    before = dict(os.environ)
    with Rehearsal() as other, other.as_the_environment():
        assert os.environ["MODAL_TOKEN_ID"] != "ak-own"
    assert dict(os.environ) == before


PARENT = """
import os, subprocess, sys, time
from blanklogo.rehearsal.control_plane import Rehearsal
from blanklogo.rehearsal.stages import DRILL_APP

with Rehearsal() as rehearsal, rehearsal.as_the_environment():
    subprocess.run([sys.executable, "-m", "modal", "deploy", str(DRILL_APP)], check=True, capture_output=True)
    import modal
    drill = modal.Cls.from_name("blanklogo-drill", "Drill")()
    print(drill.run_to_end.remote({"do": "work", "seconds": 0})["result"]["pid"], flush=True)
    drill.run_to_end.spawn({"do": "hang"})
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_parent_that_ends_leaves_no_container(tmp_path: Path, number: signal.Signals) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        container = int(parent.stdout.readline())
        assert Path(f"/proc/{container}").exists()
        parent.send_signal(number)
    end = time.monotonic() + PATIENCE_SECONDS
    while is_alive(container) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_alive(container)
    if number == signal.SIGINT:
        assert not list(tmp_path.iterdir()), "it cleans up where it can"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
