"""Signals, closed pipes and terminals, with the real process and a stand-in for the library's work."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

# A library that works until it is stopped, holding a temporary file as the real one does.
# WORK_HEEDS: it asks `cancelled`; otherwise only an interruption ends it.
STAND_IN = """
import os, sys, time
from pathlib import Path
from types import ModuleType

def remove(source, target, *, on_event, cancelled, **how):
    from blanklogo.errors import CancelledError
    from blanklogo.types import Progress
    temporary = Path(os.environ["WORK_FOLDER"], ".clip.part")
    temporary.touch()
    try:
        for done in range(600):
            on_event(Progress("restore", done, 600))
            if os.environ["WORK_HEEDS"] == "1" and cancelled():
                raise CancelledError("stopped")
            time.sleep(0.05)
    finally:
        time.sleep(0.3)  # a cleaning up that takes its time
        temporary.unlink()

module = ModuleType("blanklogo.api")
module.remove = remove
sys.modules["blanklogo.api"] = module
import blanklogo
blanklogo.api = module
from blanklogo.cli import main
sys.argv = ["blanklogo", "remove", "clip.mp4", *sys.argv[1:]]
main()
"""
PATIENCE_SECONDS = 30  # a busy machine starts slowly; nothing here waits this long when all is well


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., subprocess.Popen]:
    """Starts the command and waits until its work has begun."""
    started: list[subprocess.Popen] = []

    def start(*arguments: str, heeds: bool = True, **streams) -> subprocess.Popen:
        environ = os.environ | {"WORK_FOLDER": str(tmp_path), "WORK_HEEDS": str(int(heeds)), "TERM": "xterm"}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        process = subprocess.Popen([sys.executable, "-c", STAND_IN, *arguments], env=environ, text=True, **streams)
        started.append(process)
        wait_for(lambda: (tmp_path / ".clip.part").exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_stops_the_work_and_cleans_up(begin, tmp_path: Path, number: signal.Signals) -> None:
    process = begin()
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert said == "stopped; nothing was kept\n"
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_interrupts_what_does_not_heed_the_first(begin, tmp_path: Path) -> None:
    process = begin(heeds=False)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)  # while it cleans up; must not cut that short
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert said == "stopped; nothing was kept\n"
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_does_not_disturb_the_heeding_of_the_first(begin, tmp_path: Path) -> None:
    process = begin()
    process.send_signal(signal.SIGINT)
    for _ in range(40):  # two seconds, over the whole of the cleaning up and of the interpreter's end
        time.sleep(0.05)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (130, "stopped; nothing was kept\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["", "exec"])
def test_a_signal_while_the_command_starts_is_130_too(tmp_path: Path, moment: str) -> None:
    # A module in place of one that the command imports early; code in an `exec` of text, as dataclasses make it.
    signalled = "os.kill(os.getpid(), signal.SIGINT)\nwhile True: pass"
    text = f"exec({signalled!r})" if moment == "exec" else signalled
    (tmp_path / "typer.py").write_text(f"import os, signal\n{text}\n")
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "blanklogo"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_reader_that_goes_away_stops_the_work(begin, tmp_path: Path) -> None:
    process = begin("--json")
    assert json.loads(process.stdout.readline())["type"] == "progress"
    process.stdout.close()
    wait_for(lambda: process.poll() is not None)
    assert process.returncode == 1
    assert process.stderr.read() == ""
    assert list(tmp_path.iterdir()) == []


def test_the_bar_shows_on_a_terminal_only(begin) -> None:
    ours, theirs = pty.openpty()
    process = begin(stderr=theirs)
    os.close(theirs)
    shown = ""
    end = time.monotonic() + PATIENCE_SECONDS
    while "restoring" not in shown and time.monotonic() < end:
        shown += os.read(ours, 4096).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    try:
        while piece := os.read(ours, 4096):
            shown += piece.decode(errors="replace")
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait(PATIENCE_SECONDS) == 130
    assert "restoring" in shown
    assert shown.rstrip().endswith("stopped; nothing was kept")
    assert process.stdout.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("config", "show"), 1, "blanklogo: stdout could not be written: No space left on device\n"),
        (("probe", "none.mp4", "--json"), 2, "blanklogo: none.mp4 does not exist\n"),
    ],
)
def test_a_full_disk_under_stdout_is_told(arguments: tuple[str, ...], code: int, said: str) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "blanklogo", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == code
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 2


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_stream_is_spoken_to_in_vain(closed: str) -> None:
    script = (
        f"import os, sys; sys.{closed} = None; from blanklogo.cli import main; sys.argv[1:] = ['probe', 'none.mp4']"
    )
    done = subprocess.run([sys.executable, "-c", f"{script}; main()"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
