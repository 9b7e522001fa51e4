"""`blanklogo models`, run for real against a server on this machine."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from weights_samples import onnx_bytes, pickle_bytes

from blanklogo.cli.app import run
from blanklogo.cli.stop import Stop
from blanklogo.models.files import part_path
from blanklogo.models.weights import Format, Weights
from loopback import Files

NET = onnx_bytes(3_000_000)
SMALL = onnx_bytes(1_000)
PATIENCE_SECONDS = 60  # a busy machine starts slowly; nothing here waits this long when all is well


@dataclass(frozen=True)
class Outcome:
    code: int
    stdout: str
    stderr: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


@pytest.fixture(autouse=True)
def environ(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings or the weights of whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("BLANKLOGO_MODELS", str(folder))
    for name in ("BLANKLOGO_MODELS_LIST", "BLANKLOGO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def blank(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs one command line in this process."""

    def call(*arguments: str) -> Outcome:
        code = run(["models", *arguments], Stop())
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return call


@pytest.fixture
def listed(offer: Callable[..., Weights], folder: Path) -> Callable[..., Weights]:
    """Puts a body on the server and an entry for it into the own list."""

    def put(body: bytes, name: str = "net", **other) -> Weights:
        weights = offer(body, name, **other)
        lines = ["[[weights]]", f"bytes = {weights.num_bytes}"]
        for key in ("name", "purpose", "format", "url", "sha256", "licence", "description"):
            lines.append(f"{key} = {json.dumps(getattr(weights, key))}")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "models.toml").open("a") as file:
            file.write("\n".join([*lines, ""]))
        return weights

    return put


def by_name(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {weights["name"]: weights for weights in message["weights"]}


def test_list_says_what_there_is_and_where(blank, listed, folder: Path) -> None:
    listed(NET, description="our own")
    said = blank("list")
    assert (said.code, said.stderr) == (0, "")
    assert "big-lama             inpainter  torchscript   205.7 MB  Apache-2.0     not here" in said.stdout
    assert "net                  inpainter  onnx            3.0 MB  Apache-2.0     not here\n  our own" in said.stdout
    assert str(folder) in said.stdout
    (message,) = blank("list", "--json").messages
    assert message["type"] == "result"
    assert message["folder"] == str(folder)
    net = by_name(message)["net"]
    assert (net["state"], net["bytes"], net["path"]) == ("not here", len(NET), str(folder / "net.onnx"))
    assert net["url"].startswith("http://127.0.0.1")


def test_list_tells_states_apart(blank, listed, folder: Path) -> None:
    listed(NET)

    def state() -> str:
        return by_name(blank("list", "--json").messages[0])["net"]["state"]

    part_path(folder / "net.onnx").write_bytes(b"")
    assert state() == "not here"
    part_path(folder / "net.onnx").write_bytes(b"x")
    assert state() == "partly here"
    (folder / "net.onnx").write_bytes(b"x")
    assert state() == "damaged"
    (folder / "net.onnx").write_bytes(NET)
    assert state() == "here"


def test_pull_brings_several_and_tells_how_far_it_is(blank, listed, folder: Path) -> None:
    listed(NET)
    listed(SMALL, "small")
    said = blank("pull", "net", "small", "net", "--json")
    assert (said.code, said.stderr) == (0, "")
    *progress, result = said.messages
    assert all(message["type"] == "progress" and message["stage"] == "pull" for message in progress)
    assert progress[-1]["done"] == progress[-1]["total"] == len(NET) + len(SMALL)
    assert [weights["name"] for weights in result["weights"]] == ["net", "small"]
    assert (folder / "net.onnx").read_bytes() == NET
    assert (folder / "small.onnx").read_bytes() == SMALL


def test_pull_in_words(blank, listed, folder: Path) -> None:
    listed(SMALL)
    said = blank("pull", "net")
    assert (said.code, said.stdout, said.stderr) == (0, "", f"net: {folder / 'net.onnx'}\n")
    assert blank("pull", "net", "--quiet") == Outcome(0, "", "")


@pytest.mark.parametrize("how", ["option", "variable", "file"])
def test_offline_is_told_with_what_to_bring_where(
    blank, listed, folder: Path, server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    weights = listed(SMALL)
    if how == "variable":
        monkeypatch.setenv("BLANKLOGO_OFFLINE", "1")
    if how == "file":
        (tmp_path / "config" / "blanklogo").mkdir(parents=True)
        (tmp_path / "config" / "blanklogo" / "config.toml").write_text("[models]\noffline = true\n")
    said = blank("pull", "net", *(["--offline"] if how == "option" else []))
    assert said.code == 2
    assert f"{folder / 'net.onnx'} is not there, and nothing is fetched while offline" in said.stderr
    assert f"bring {weights.url} to {folder / 'net.onnx'} yourself" in said.stderr
    assert server.asked == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pull", "none"), 2, "big-lama, big-lama-onnx, net"),
        (("pull", "../../etc/passwd"), 2, "no weights are called '../../etc/passwd'"),
        (("pull",), 2, "NAME"),
        (("verify", "none"), 2, "no weights are called 'none'"),
        (("verify", "net"), 2, "blanklogo models pull net"),
        ((), 2, "models --help"),
    ],
)
def test_what_is_asked_for_wrongly(blank, listed, arguments: tuple[str, ...], code: int, said: str) -> None:
    listed(SMALL)
    outcome = blank(*arguments)
    assert outcome.code == code
    assert said in outcome.stderr


def test_a_list_that_leads_out_of_the_folder_is_refused(blank, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "models.toml").write_text(
        f'[[weights]]\nname = "../../trap"\nurl = "https://host/net"\nsha256 = "{"0" * 64}"\nbytes = 1\n'
        'licence = "MIT"\npurpose = "detector"\nformat = "onnx"\n'
    )
    for arguments in (("list",), ("pull", "../../trap"), ("verify",)):
        outcome = blank(*arguments)
        assert outcome.code == 2
        assert "weights named '../../trap'" in outcome.stderr
        assert "models.toml" in outcome.stderr


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (lambda server: server.files.update({"/net": SMALL[::-1]}), 1, "ModelError"),
        (lambda server: server.files.clear(), 1, "TransferError"),
    ],
)
def test_what_cannot_be_fetched_is_exit_code_1(blank, listed, folder: Path, server: Files, spoil, code, said) -> None:
    listed(SMALL)
    spoil(server)
    outcome = blank("pull", "net", "--json")
    assert outcome.code == code
    assert outcome.messages[-1]["error"] == said
    assert not (folder / "net.onnx").exists()


def test_a_pickle_is_refused_whoever_listed_it(blank, listed, folder: Path) -> None:
    listed(pickle_bytes(), format=Format.TORCHSCRIPT)
    outcome = blank("pull", "net")
    assert outcome.code == 2
    assert "could run anything" in outcome.stderr
    assert "torch.onnx.export" in outcome.stderr
    assert not (folder / "net.pt").exists()


def test_verify_reads_what_is_here(blank, listed, folder: Path) -> None:
    listed(SMALL)
    listed(NET, "other")
    in_the_package = "blanklogo-detector: good\nblanklogo-classifier: good\nblanklogo-inpainter: good\n"
    assert blank("verify").stdout == in_the_package
    assert blank("pull", "net", "other").code == 0
    assert blank("verify") == Outcome(0, f"{in_the_package}net: good\nother: good\n", "")
    (folder / "net.onnx").write_bytes(bytes([*SMALL[:-1], SMALL[-1] ^ 1]))
    outcome = blank("verify", "--json")
    assert outcome.code == 1
    faults = {name: weights["fault"] for name, weights in by_name(outcome.messages[0]).items()}
    assert faults["other"] is None
    assert "is damaged: sha256" in faults["net"]
    assert blank("verify", "other").code == 0
    assert blank("verify", "net").code == 1
    assert blank("pull", "net").code == 0
    assert blank("verify").code == 0


def test_verify_goes_on_after_a_file_that_is_refused(blank, listed, folder: Path) -> None:
    listed(pickle_bytes(), "bad", format=Format.TORCHSCRIPT)
    listed(SMALL)
    (folder / "bad.pt").write_bytes(pickle_bytes())
    (folder / "net.onnx").write_bytes(SMALL)
    outcome = blank("verify")
    assert outcome.code == 1
    assert "could run anything" in outcome.stdout
    assert "net: good\n" in outcome.stdout
    assert "blanklogo-detector: good\n" in outcome.stdout


def test_another_list_is_read_where_it_is_said(
    blank, listed, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(SMALL)
    (folder / "models.toml").rename(tmp_path / "mine.toml")
    assert blank("pull", "net").code == 2
    monkeypatch.setenv("BLANKLOGO_MODELS_LIST", str(tmp_path / "mine.toml"))
    assert blank("pull", "net").code == 0


# The real process


@pytest.fixture
def begin(folder: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts a pull and waits until something has come."""
    started: list[subprocess.Popen] = []

    def start(*arguments: str, **streams) -> subprocess.Popen:
        command = [sys.executable, "-m", "blanklogo", "models", "pull", "net", *arguments]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        process = subprocess.Popen(command, env=os.environ | {"TERM": "xterm"}, text=True, **streams)
        started.append(process)
        part, end = part_path(folder / "net.onnx"), time.monotonic() + PATIENCE_SECONDS
        while not (part.exists() and part.stat().st_size):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopped_it_keeps_what_came_and_goes_on(
    begin, blank, listed, folder: Path, server: Files, number: signal.Signals
) -> None:
    listed(NET)
    server.pause_seconds = 0.5  # 46 pieces: over twenty seconds for the whole
    process = begin()
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert said == "stopped; what has come is kept; `blanklogo models pull net` goes on from there\n"
    assert part_path(folder / "net.onnx").stat().st_size > 0
    server.pause_seconds = 0
    assert blank("pull", "net").code == 0
    assert (folder / "net.onnx").read_bytes() == NET
    assert int(server.asked[-1][2][6:-1]) > 0


def test_a_second_stop_that_cuts_in_keeps_it_too(begin, listed, folder: Path, server: Files) -> None:
    listed(NET)
    server.pause_seconds = 1.5  # longer than between the two signals: nobody asks whether to stop
    process = begin()
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert said == "stopped; what has come is kept; `blanklogo models pull net` goes on from there\n"
    assert part_path(folder / "net.onnx").stat().st_size > 0


def test_the_bar_shows_on_a_terminal(begin, listed, server: Files) -> None:
    listed(NET)
    server.pause_seconds = 0.05
    ours, theirs = pty.openpty()
    process = begin(stderr=theirs)
    os.close(theirs)
    shown = ""
    try:
        while piece := os.read(ours, 4096):
            shown += piece.decode(errors="replace")
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert "pulling" in shown
    assert process.stdout.read() == ""
