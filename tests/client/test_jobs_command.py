"""`blanklogo jobs …` and `blanklogo health`, as typed, against a service that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from asking_clients import PATIENCE_SECONDS
from cutting_proxy import Proxy

from blanklogo.cli.app import run
from blanklogo.cli.job_options import notes_folder
from blanklogo.cli.stop import Stop
from blanklogo.client import Client


@dataclass(frozen=True)
class Outcome:
    """What a command said, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def last(self) -> dict[str, Any]:
        return json.loads(self.stdout.splitlines()[-1])


@pytest.fixture
def at_service(proxy: Proxy, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLANKLOGO_URL", proxy.address)
    monkeypatch.setenv("BLANKLOGO_TOKEN", token)


@pytest.fixture
def blank(at_service: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def call(*words: str | Path) -> Outcome:
        code = run([str(word) for word in words], Stop())
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return call


def submitted(blank: Callable[..., Outcome], clip: Path, *words: str) -> str:
    done = blank("jobs", "submit", clip, "--rights-confirmed", *words)
    assert done.code == 0, done.stderr
    return done.stdout.strip()


def test_submit_says_the_id_and_how_to_go_on(blank, clip: Path) -> None:
    done = blank("jobs", "submit", clip, "--rights-confirmed", "--box", "1,2,30,40", "--from", "1", "--to", "2")
    job_id = done.stdout.strip()
    assert job_id.startswith("job_")
    assert f"blanklogo jobs wait {job_id}" in done.stderr
    assert blank("jobs", "wait", job_id).code == 0


def test_submit_waits_and_fetches(blank, clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "clean.mp4"
    done = blank("jobs", "submit", clip, "--rights-confirmed", "-o", target, "--json")
    assert done.code == 0
    assert target.read_bytes() == clip.read_bytes()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["stage"] for line in lines[:-1]} == {"upload", "job", "download"}
    assert lines[-1]["type"] == "result"
    assert lines[-1]["output"] == str(target)
    assert lines[-1]["job"]["outcome"] == "clean"
    assert "signature" not in done.stdout, "a signed URL is nobody else's business"
    again = blank("jobs", "submit", clip, "--rights-confirmed", "-o", target)
    assert (again.code, "exists" in again.stderr) == (2, True)
    assert blank("jobs", "list", "--json").last["total"] == 1, "and nothing was sent for it"


def test_several_videos_are_a_batch(blank, clip: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes()[1:])
    words = ("jobs", "submit", clip, other, "--rights-confirmed")
    done = blank(*words, "--json")
    assert (done.code, len(done.last["jobs"])) == (0, 2)
    assert len(blank("jobs", "list", "--batch", done.last["batch_id"]).stdout.splitlines()) == 3
    target = tmp_path / "clean"
    assert (blank(*words, "-o", target).code, "mkdir" in blank(*words, "-o", target).stderr) == (2, True)
    target.mkdir()
    done = blank(*words, "--fresh", "-o", target, "--json")
    results = [line for line in map(json.loads, done.stdout.splitlines()) if line["type"] == "result"]
    assert (done.code, [one["output"] for one in results]) == (
        0,
        [str(target / "clip.clean.mp4"), str(target / "other.clean.mp4")],
    )
    assert (target / "other.clean.mp4").read_bytes() == other.read_bytes()


def test_of_a_batch_each_failure_is_told(blank, clip: Path) -> None:
    done = blank("jobs", "submit", clip, clip, "--rights-confirmed", "--platform", "kling", "--wait", "--json")
    errors = [line for line in map(json.loads, done.stdout.splitlines()) if line["type"] == "error"]
    assert (done.code, [one["error"] for one in errors]) == (2, ["SourceError", "SourceError"])
    assert {one["source"] for one in errors} == {str(clip)}


def test_the_rights_are_to_be_confirmed(blank, clip: Path, proxy: Proxy) -> None:
    done = blank("jobs", "submit", clip)
    assert done.code == 2
    assert "--rights-confirmed" in done.stderr
    assert proxy.asked == []


def test_jobs_are_shown_and_listed(blank, clip: Path) -> None:
    job_id = submitted(blank, clip)
    blank("jobs", "wait", job_id)
    shown = blank("jobs", "show", job_id)
    assert shown.stdout.startswith(f"{job_id}: completed (clean)\n  clip.mp4, 0.1 MB, ")
    assert "SHA-256" in shown.stdout
    assert blank("jobs", "show", job_id, "--json").last["job"]["report"]["frames_processed"] == 2
    other = submitted(blank, clip)
    listed = blank("jobs", "list", "--limit", "1")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["id", other]
    assert "--offset 1" in listed.stderr
    assert blank("jobs", "list", "--status", "failed").stdout == "no jobs\n"
    assert blank("jobs", "list", "--status", "odd").code == 2


def test_a_result_is_fetched(blank, clip: Path, tmp_path: Path) -> None:
    job_id = submitted(blank, clip)
    blank("jobs", "wait", job_id)
    done = blank("jobs", "download", job_id, "-o", tmp_path)
    assert done.code == 0
    assert (tmp_path / "clip.clean.mp4").read_bytes() == clip.read_bytes()
    assert blank("jobs", "download", job_id, "-o", tmp_path).code == 2
    assert blank("jobs", "download", job_id, "-o", tmp_path, "--overwrite").code == 0


def test_a_job_is_cancelled_and_tried_again(blank, clip: Path) -> None:
    job_id = submitted(blank, clip, "--platform", "pika")
    assert blank("jobs", "wait", job_id, "--timeout", "0.3").code == 1
    assert "cancelled" in blank("jobs", "cancel", job_id).stderr
    waited = blank("jobs", "wait", job_id)
    assert waited.code == 2
    assert f"blanklogo jobs retry {job_id}" in waited.stderr
    assert blank("jobs", "retry", job_id).stderr == f"{job_id}: queued\n"
    blank("jobs", "cancel", job_id)


def test_what_a_job_failed_with_is_the_exit_code(blank, clip: Path) -> None:
    done = blank("jobs", "submit", clip, "--rights-confirmed", "--platform", "kling", "--wait", "--json")
    assert done.code == 2
    assert done.last["error"] == "SourceError"
    assert "a text and no video" in done.stderr
    assert "SourceError" in blank("jobs", "list").stdout


def test_refusals_are_told_as_every_error_is(blank, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = blank("jobs", "show", "job_0123456789ab", "--json")
    assert (done.code, done.last["error"], done.last["code"]) == (2, "NotFoundError", "not_found")
    assert done.last["request_id"].startswith("req_")
    monkeypatch.delenv("BLANKLOGO_TOKEN")
    assert "BLANKLOGO_TOKEN" in blank("jobs", "list").stderr
    monkeypatch.delenv("BLANKLOGO_URL")
    done = blank("jobs", "list")
    assert (done.code, "BLANKLOGO_URL" in done.stderr) == (2, True)


def test_health_says_how_a_service_is(blank, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLANKLOGO_TOKEN")
    done = blank("health")
    wanted = ["  database: ok", "  storage: ok", "  engine: ok", "  processes that do jobs: 1"]
    assert (done.code, done.stdout.splitlines()[1:]) == (0, wanted)
    assert blank("health", "--json").last["parts"] == {"database": "ok", "storage": "ok", "engine": "ok"}
    proxy.refused.append("GET /")
    assert blank("health", "--url", proxy.address).code == 1


def begun(words: list[str], until: Callable[[], bool]) -> subprocess.Popen[str]:
    """The command as a process, once it is so far."""
    child = subprocess.Popen(
        [sys.executable, "-m", "blanklogo", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + PATIENCE_SECONDS
    while not until() and child.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    return child


def test_a_stop_while_waiting_leaves_the_job(at_service: None, proxy: Proxy, token: str, clip: Path) -> None:
    with Client(proxy.address, token) as client:
        job = client.submit(clip, rights_confirmed=True, platform="pika")
        child = begun(["jobs", "wait", job.id], lambda: proxy.num_asked(f"GET /api/v1/jobs/{job.id}/events") > 0)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=PATIENCE_SECONDS)
        assert child.returncode == 130
        assert said == f"stopped; {job.id} goes on; `blanklogo jobs wait {job.id}` follows it again\n"
        assert not client.get(job.id).is_over
        client.cancel(job.id)


def kept_bytes(proxy: Proxy, token: str) -> int:
    """How much of the upload that was sent last the service has."""
    path = next(asked.split()[1] for asked in reversed(proxy.asked) if asked.startswith("PATCH "))
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
    return int(httpx2.head(f"http://127.0.0.1:{proxy.port}{path}", headers=headers).headers["upload-offset"])


def test_a_stop_while_uploading_is_gone_on_from(blank, proxy: Proxy, token: str, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(20 << 20))
    proxy.stalls_up.append(10 << 20)
    child = begun(["jobs", "submit", str(film), "--rights-confirmed"], proxy.stalled.is_set)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=PATIENCE_SECONDS)
    assert child.returncode == 130
    assert "the same command goes on from there" in said
    end = time.monotonic() + PATIENCE_SECONDS
    while kept_bytes(proxy, token) <= 8 << 20 and time.monotonic() < end:  # what came of the piece that broke off
        time.sleep(0.05)
    proxy.heal()
    assert submitted(blank, film).startswith("job_")
    assert proxy.num_asked("POST /api/v1/uploads/tus") == 0
    assert proxy.num_bytes_up < 14 << 20


def test_notes_lie_where_a_platform_keeps_state() -> None:
    assert notes_folder({"HOME": "/h"}, "linux") == Path("/h/.local/state/blanklogo/uploads")
    assert notes_folder({"HOME": "/h", "XDG_STATE_HOME": "/s"}, "linux") == Path("/s/blanklogo/uploads")
    assert notes_folder({"HOME": "/h"}, "darwin") == Path("/h/Library/Application Support/blanklogo/uploads")
    assert notes_folder({"HOME": "/h", "LOCALAPPDATA": "/l"}, "win32") == Path("/l/blanklogo/uploads")
