"""How much memory the service takes while 500 MB come, by each way there is; writes its part of benchmarks/SERVICE.md.

python -m benchmarks.service_memory
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx2

from benchmarks.processes import read
from benchmarks.service_page import write_part
from benchmarks.service_site import SERVE, Ground, beside, end_cleanly, new_ground, site
from benchmarks.table import machine

NUM_BYTES = 500_000_000  # the most that is taken, by default
BODY_BYTES = 37_000_000  # the most that a body takes as base64
LIMIT_MB = 64.0
_WARM_BYTES = 1_000_000  # brought before by each way, so that what a service loads at first is not counted
_EVERY_SECONDS = 0.01
_REST_SECONDS = 2.0
_PATIENCE_SECONDS = 600.0
_JOBS, _UPLOADS = "/api/v1/jobs", "/api/v1/uploads"
_RIGHTS = {"rights_confirmed": True}
_TUS = {"Tus-Resumable": "1.0.0"}
_PROTOCOL = f"""\
{NUM_BYTES / 1e6:.0f} MB are sent to `blanklogo serve` (SQLite, a local folder, the pool), by each way after the other,
each in one request; as base64 {BODY_BYTES / 1e6:.0f} MB, as much as a body may hold. What is stored must have the
digest of what was sent. Then a job is made of it (by the form and the body in the same request), whose worker fetches
all of it from the service and finds that it is no video. *Growth* is the most that the service's process has resident,
looked at every {1000 * _EVERY_SECONDS:.0f} ms, over what it had just before; {_WARM_BYTES / 1e6:.0f} MB went each way
before all that."""

Bring = Callable[[Ground, Path], str]
"""Brings a file and makes a job of it; the job's id."""


@dataclass(frozen=True)
class Way:
    """Attributes:
    bring: what is done.
    num_bytes: of the file.
    """

    bring: Bring
    num_bytes: int = NUM_BYTES


@dataclass(frozen=True)
class Measured:
    """Of one way.

    Attributes:
        before_mb: resident before anything came.
        coming_mb, working_mb: more than that, at most, while it came, and until its job was over.
        seconds: until it was there.
    """

    name: str
    before_mb: float
    coming_mb: float
    working_mb: float
    seconds: float

    @property
    def growth_mb(self) -> float:
        return max(self.coming_mb, self.working_mb)


class Peak:
    """The most that a process has resident, from the last time that it was asked."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most_mb = 0.0

    def watch(self, over: threading.Event) -> None:
        while not over.wait(_EVERY_SECONDS):
            self._most_mb = max(self._most_mb, resident_mb(self._pid))

    def taken(self) -> float:
        most_mb, self._most_mb = max(self._most_mb, resident_mb(self._pid)), 0.0
        return most_mb


def main() -> int:
    """Measures, writes the page; 1 when a way takes more than the limit."""
    end_cleanly()
    with tempfile.TemporaryDirectory() as folder:
        ground = new_ground(Path(folder) / "site", None)
        with site(ground, (SERVE,)) as (process,):
            for way in WAYS.values():
                _over(ground, way.bring(ground, _file(Path(folder) / "small.mp4", _WARM_BYTES)))
            files = {name: _file(Path(folder) / f"{way.num_bytes}.mp4", way.num_bytes) for name, way in WAYS.items()}
            measured = [_measured(ground, process.pid, name, file) for name, file in files.items()]
            process.stop()
    text = "\n".join(_page(measured))
    print(text)
    write_part("memory", text)
    return int(any(one.growth_mb > LIMIT_MB for one in measured))


def resident_mb(pid: int) -> float:
    """Of this process alone."""
    return int(read(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def by_form(ground: Ground, file: Path) -> str:
    with ground.client(timeout_seconds=_PATIENCE_SECONDS) as http, file.open("rb") as opened:
        fields = {"rights_confirmed": "true", "fresh": "true"}
        answer = http.post(f"{_JOBS}/upload", data=fields, files={"video": (file.name, opened)})
    return answer.raise_for_status().json()["job_id"]


def by_signed_put(ground: Ground, file: Path) -> str:
    with ground.client(timeout_seconds=_PATIENCE_SECONDS) as http:
        upload = http.post(_UPLOADS, json={"filename": file.name}).raise_for_status().json()
        http.put(upload["url"], content=_pieces(file), headers=_length(file)).raise_for_status()
        return _job_of(http, upload["upload_id"])


def by_tus(ground: Ground, file: Path) -> str:
    with ground.client(timeout_seconds=_PATIENCE_SECONDS) as http:
        begin = {**_TUS, "Upload-Length": str(file.stat().st_size)}
        path = http.post(f"{_UPLOADS}/tus", headers=begin).raise_for_status().headers["Location"]
        told = {**_TUS, **_length(file), "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        http.patch(path, content=_pieces(file), headers=told).raise_for_status()
        return _job_of(http, path.rpartition("/")[2])


def by_body(ground: Ground, file: Path) -> str:
    body = {"video": base64.b64encode(file.read_bytes()).decode("ascii"), "fresh": True, **_RIGHTS}
    with ground.client(timeout_seconds=_PATIENCE_SECONDS) as http:
        answer = http.post("/process_video_http", json=body)
        if answer.status_code != 422:  # it is no video
            raise RuntimeError(f"{answer.status_code}: {answer.text[:500]}")
        return http.get(_JOBS, params={"limit": 1}).raise_for_status().json()["jobs"][0]["job_id"]


WAYS = {
    "form (`POST /api/v1/jobs/upload`)": Way(by_form),
    "signed PUT (`POST /api/v1/uploads`)": Way(by_signed_put),
    "tus (`/api/v1/uploads/tus`)": Way(by_tus),
    "base64 (`POST /process_video_http`), 37 MB": Way(by_body, BODY_BYTES),
}


def _measured(ground: Ground, pid: int, name: str, file: Path) -> Measured:
    time.sleep(_REST_SECONDS)
    before_mb = resident_mb(pid)
    peak = Peak(pid)
    began = time.monotonic()
    with beside(peak.watch):
        job_id = WAYS[name].bring(ground, file)
        seconds = time.monotonic() - began
        coming_mb = peak.taken() - before_mb
        _check(ground, job_id, file)
        _over(ground, job_id)
        working_mb = peak.taken() - before_mb
    return Measured(name, before_mb, coming_mb, working_mb, seconds)


def _check(ground: Ground, job_id: str, file: Path) -> None:
    """Raises RuntimeError: what came is not what was sent."""
    stored = [path for path in (ground.data / "storage").rglob("input.*") if path.stat().st_size == file.stat().st_size]
    if not stored or _sha256(max(stored, key=lambda path: path.stat().st_mtime)) != _sha256(file):
        raise RuntimeError(f"{job_id}: {stored} is not what was sent")


def _over(ground: Ground, job_id: str) -> None:
    """Waits until its worker has fetched it and found it to be nothing, as it must."""
    end = time.monotonic() + _PATIENCE_SECONDS
    with ground.client() as http:
        while time.monotonic() < end:
            job = http.get(f"{_JOBS}/{job_id}").raise_for_status().json()
            if job["status"] == "failed" and job["error"]["error"] == "SourceError":
                return
            time.sleep(0.2)
    raise RuntimeError(f"{job_id} came to something else: {job}")


def _job_of(http: httpx2.Client, upload_id: str) -> str:
    body = {"upload_id": upload_id, "fresh": True, **_RIGHTS}
    return http.post(_JOBS, json=body).raise_for_status().json()["job_id"]


def _file(path: Path, num_bytes: int) -> Path:
    """Of noise, which is no video."""
    if not path.exists():
        noise = random.Random(1).randbytes(1_000_000)
        with path.open("wb") as file:
            for start in range(0, num_bytes, len(noise)):
                file.write(noise[: num_bytes - start])
    return path


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield from iter(lambda: opened.read(1 << 16), b"")


def _length(file: Path) -> dict[str, str]:
    return {"Content-Length": str(file.stat().st_size)}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _page(measured: list[Measured]) -> Iterator[str]:
    yield "## Memory while a large file comes"
    yield ""
    yield f"Made by `python -m benchmarks.service_memory` on {date.today()}."
    yield machine()
    yield ""
    yield _PROTOCOL
    yield ""
    yield "| way | before | growth while it comes | until its job is over | limit | it took |"
    yield "|---|---|---|---|---|---|"
    for one in measured:
        grown = " | ".join(f"{mb:.0f} MB" for mb in (one.before_mb, one.coming_mb, one.working_mb))
        yield f"| {one.name} | {grown} | {LIMIT_MB:.0f} MB | {one.seconds:.1f} s |"


if __name__ == "__main__":
    sys.exit(main())
