"""Files that are no video, or one to do harm, sent to the service: each ends in words, and nothing else suffers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from benchmarks.hostile_files import BOX, HostileFile, hostile_files
from benchmarks.hostile_making import video
from running import Running, client, running

from blanklogo.engines.pool.engine import PoolEngine
from blanklogo.engines.spec import EngineSpec
from blanklogo.transfer.guard.policy import Policy

CLEAR = {"SourceError", "UnsupportedError", "TooLargeError", "OptionError", "DecodeError", "VerificationError"}
PATIENCE_SECONDS = 20.0


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where workers keep what they work on."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


@contextmanager
def watched(service: Running) -> Iterator[list[float]]:
    """How long the service took to say that it is there, again and again while the block lasts."""
    seconds: list[float] = []
    over = threading.Event()

    def ask() -> None:
        with client(service.url) as http:
            while not over.wait(0.2):
                began = time.monotonic()
                assert http.get("/healthz").status_code == 200
                seconds.append(time.monotonic() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seconds
    finally:
        over.set()
        thread.join()


def children() -> set[int]:
    """Processes that this one started and that are there still."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended meanwhile
            continue
        if parent == os.getpid():
            found.add(int(path.parent.name))
    return found


def kept(service: Running) -> set[str]:
    storage = service.folder / "storage"
    return {path.name for path in storage.rglob("*") if path.is_file()}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
def test_thirty_hostile_files_end_in_words_and_leave_nothing(tmp_path: Path, scratch: Path) -> None:
    before = children()
    spec = EngineSpec(memory_bytes=3 << 30, timeout_seconds=300, max_workers=2)
    with PoolEngine(spec) as engine, running(tmp_path, engine, Policy.PUBLIC) as service:
        with service.user() as ann, watched(service) as seconds:
            sent: dict[str, HostileFile] = {}
            for one in hostile_files(every=10):
                sent[ann.upload(one.data, one.name, boxes=str([list(BOX)]))["job_id"]] = one
            ended = {job_id: ann.over(job_id) for job_id in sent}
        assert len(sent) >= 30
        for job_id, job in ended.items():
            error = job.get("error") or {}
            assert job["status"] == "completed" or error.get("error") in CLEAR, (sent[job_id], error)
            assert str(tmp_path) not in str(error), "no path of this machine is told"
        assert len([job for job in ended.values() if job["status"] == "failed"]) >= 15
        assert len(seconds) > 5
        assert max(seconds) < PATIENCE_SECONDS
        assert all(name.startswith(("input.", "output.")) for name in kept(service))
        assert not list((tmp_path / "fetching").glob("*"))
    assert children() <= before
    assert not list(scratch.iterdir())


def test_the_settings_limits_reach_the_worker(tmp_path: Path) -> None:
    good = video("mpeg4", (96, 64), 24, container="mp4")
    limits = {"max_frames": 23, "max_seconds": 60, "max_pixels": 10_000, "max_streams": 2, "max_decoded_mb": 100}
    with (
        PoolEngine(EngineSpec(max_workers=1)) as engine,
        running(tmp_path, engine, **limits) as service,
        service.user() as ann,
    ):
        job = ann.over(ann.upload(good, boxes=str([list(BOX)]))["job_id"])
    assert job["error"]["error"] == "TooLargeError"
    assert (
        job["error"]["message"] == "video.mp4 holds more than 23 frames; accepted: up to 23 frames; try: a part of it"
    )
    assert job["attempts"] == 1, "it would not do better another time"
