"""`blanklogo modal …`, as typed: without an account, and on a deployment that is rehearsed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blanklogo.rehearsal.control_plane import Rehearsal

REHEARSAL_SECONDS = 60


def blanklogo(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "blanklogo", "modal", *words]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, str]]:
    """The variables of somebody who is logged in, to a control plane on loopback."""
    with Rehearsal() as rehearsal:
        yield rehearsal.environment


@pytest.fixture
def nobody(tmp_path: Path) -> dict[str, str]:
    return {"MODAL_CONFIG_PATH": str(tmp_path / "none.toml"), "MODAL_TOKEN_ID": "", "MODAL_TOKEN_SECRET": ""}


def test_a_rehearsal_goes_from_nothing_to_a_clean_video_and_through_all_that_breaks(nobody: dict[str, str]) -> None:
    done = blanklogo("rehearse", "--json", **nobody)
    assert done.returncode == 0, done.stderr
    *stages, result = map(json.loads, done.stdout.splitlines())
    details = {stage["name"]: stage["detail"] for stage in stages}
    assert [stage["type"] for stage in stages] == ["stage"] * 13
    assert details["warm call, HTTP"].startswith("1 mark, 50 frames")
    assert details["without a token"] == "401 Unauthorized"
    assert [details[name].partition(":")[0] for name in ("over its timeout", "crash", "over its memory")] == [
        *("BudgetError", "CrashError", "MemoryLimitError")
    ]
    assert result["stages"] == [{key: stage[key] for key in ("name", "seconds", "detail")} for stage in stages]
    assert 0 < result["seconds"] < REHEARSAL_SECONDS


def test_nobody_is_told_to_log_in(nobody: dict[str, str]) -> None:
    for words in (["deploy"], ["status"]):
        done = blanklogo(*words, **nobody)
        assert done.returncode == 1
        assert "try: modal token new" in done.stderr


def test_a_gpu_that_does_not_exist_is_refused_before_anything_else(nobody: dict[str, str]) -> None:
    done = blanklogo("deploy", **nobody, BLANKLOGO_GPU="A11")
    assert (done.returncode, done.stdout) == (2, "")
    assert "GPU 'A11'" in done.stderr
    assert "accepted: T4, L4, A10, L40S" in done.stderr


def test_a_file_that_is_not_there_is_the_callers_to_mend() -> None:
    done = blanklogo("deploy", "nothing.py")
    assert done.returncode == 2
    assert "no file nothing.py" in done.stderr


def test_a_token_is_an_entry_on_stdout_and_a_secret_told_once() -> None:
    done = blanklogo("token", "me")
    entry = done.stdout.strip()
    assert entry.startswith("me:")
    assert len(entry) == len("me:") + 64
    assert "Authorization: Bearer me:" in done.stderr
    assert done.stderr.strip().rpartition(":")[2] not in done.stdout


def test_a_deployment_is_checked_made_looked_at_and_read(account: dict[str, str]) -> None:
    entry = blanklogo("token", "me").stdout.strip()
    settings = account | {"BLANKLOGO_TOKENS": entry, "BLANKLOGO_GPU": "A10", "BLANKLOGO_MIN_WORKERS": "1"}
    looked = blanklogo("deploy", "--check", "--json", **settings)
    assert looked.returncode == 0, looked.stderr
    told = json.loads(looked.stdout.splitlines()[-1])
    findings = {check["name"]: check for check in told["checks"]}
    assert told["is_deployed"] is False
    assert "HTTP is open to me" in findings["tokens"]["finding"]
    assert "A10, 2 cores, 16 GiB" in findings["worker"]["finding"]
    assert "USD a month for 1 kept loaded" in findings["idle cost"]["finding"]
    assert blanklogo("status", **settings).returncode == 1, "nothing is deployed yet"

    done = blanklogo("deploy", **settings)
    assert done.returncode == 0, done.stderr
    assert "ok   modal        version 1.6.4" in done.stderr
    seen = json.loads(blanklogo("status", "--json", **settings).stdout)
    assert (seen["gpus"], seen["memory_mib"], seen["timeout_seconds"]) == (["A10"], 16384, 600)
    assert seen["web_url"].startswith("http")
    assert seen["num_workers"] == 1
    assert blanklogo("logs", **settings).returncode == 0


def test_without_tokens_it_is_noted_that_http_is_closed(account: dict[str, str]) -> None:
    done = blanklogo("deploy", "--check", **account)
    assert done.returncode == 0, done.stderr
    assert "NOTE tokens       HTTP will be refused to all" in done.stderr


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "modal.py").write_text("raise ModuleNotFoundError('No module named modal', name='modal')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    for words in (["deploy"], ["rehearse"], ["status"], ["logs"]):
        done = blanklogo(*words, PYTHONPATH=path)
        assert done.returncode == 1
        assert "try: pip install 'blanklogo[modal]'" in done.stderr


def test_a_rehearsal_that_is_interrupted_leaves_nothing(tmp_path: Path, nobody: dict[str, str]) -> None:
    command = [sys.executable, "-m", "blanklogo", "modal", "rehearse", "--json"]
    environment = os.environ | nobody | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        while json.loads(run.stdout.readline())["name"] != "cold start, SDK":
            pass
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=REHEARSAL_SECONDS)
    assert run.returncode == 130, said
    assert not list(tmp_path.iterdir())
    assert not [path for path in Path("/proc").glob("[0-9]*/environ") if str(tmp_path) in told_by(path)]


def told_by(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended, or is somebody else's
        return ""
