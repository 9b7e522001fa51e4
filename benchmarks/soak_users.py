"""Users of a service, each with a token of its own, who do now this and now that with it and look if all is well."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.hostile_files import HostileFile
from benchmarks.service_kills import Clips
from benchmarks.service_site import Ground, new_token
from blanklogo.client import Client

JOBS, UPLOADS = "/api/v1/jobs", "/api/v1/uploads"
TIRED_SECONDS = 600.0  # a job that is not over by then is a fault
OVER = ("completed", "failed", "cancelled")
_PAUSE_SECONDS = 0.3


class FaultError(Exception):
    """The service did what it should not."""


@dataclass
class World:
    """What users share.

    Attributes:
        elsewhere: a URL from which the clips may be fetched.
        hook: where the receiver of webhooks listens, as the service may reach it.
        hostile: files that no service should trust.
        done: how often what was done.
        ends: how jobs ended, by their outcome or error.
        faults: in words.
    """

    ground: Ground
    clips: Clips
    long_clip: str
    elsewhere: str
    hook: str
    receiver: Any
    hostile: Iterator[HostileFile]
    leaving: threading.Event = field(default_factory=threading.Event)
    done: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str, end: str | None = None) -> None:
        with self._lock:
            self.done[what] += end is None
            if end is not None:
                self.ends[end] += 1

    def fault(self, words: str) -> None:
        with self._lock:
            self.faults.append(words)
        print(words, file=sys.stderr, flush=True)

    def next_hostile(self) -> HostileFile:
        with self._lock:
            return next(self.hostile)


class User(threading.Thread):
    """Does one of the deeds after the other until all are to leave.

    Args:
        deeds: by their names, each with how often it is done among the others.
    """

    def __init__(self, world: World, number: int, deeds: dict[str, tuple[float, Callable[[User], None]]]) -> None:
        super().__init__(name=f"user {number}")
        self.world = world
        self.chance = random.Random(number)
        token = new_token(world.ground.database, self.name)
        self.http = world.ground.client(token)
        self.client = Client(world.ground.url, token)
        self._deeds = deeds

    def run(self) -> None:
        names, weights = list(self._deeds), [weight for weight, _ in self._deeds.values()]
        with self.http, self.client:
            while not self.world.leaving.is_set():
                (name,) = self.chance.choices(names, weights)
                try:
                    self._deeds[name][1](self)
                except Exception:
                    self.world.fault(f"{name}: {traceback.format_exc()}")
                    self.world.leaving.wait(1)
                self.world.count(name)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """The answer's JSON. Raises FaultError for one that is no success."""
        answer = self.http.request(method, path, **more)
        if not answer.is_success:
            raise FaultError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def clip(self) -> tuple[Path, list[float]]:
        """One of them, and its mark's box."""
        name, box = self.world.clips.of(self.chance.randrange(100))
        return self.world.clips.folder / name, box

    def upload(self, path: Path, **fields: Any) -> str:
        """In one request with the job, whose id is given."""
        form = {"rights_confirmed": "true", **fields}
        with path.open("rb") as file:
            return self.ask("POST", f"{JOBS}/upload", data=form, files={"video": (path.name, file)})["job_id"]

    def brought(self, path: Path) -> str:
        """By PUT to a signed URL; the upload's id."""
        opened = self.ask("POST", UPLOADS, json={"filename": path.name})
        with httpx2.Client(trust_env=False, timeout=60) as stranger:
            answer = stranger.put(opened["url"], content=path.read_bytes())
        if not answer.is_success:
            raise FaultError(f"PUT: {answer.status_code} {answer.text}")
        return opened["upload_id"]

    def over(self, job_id: str) -> dict[str, Any]:
        """The job when it is over, asked for now and then."""
        end = time.monotonic() + TIRED_SECONDS
        while (job := self.ask("GET", f"{JOBS}/{job_id}"))["status"] not in OVER:
            if time.monotonic() > end:
                raise FaultError(f"{job_id} is not over after {TIRED_SECONDS:g} s: {job}")
            time.sleep(_PAUSE_SECONDS)
        return self.noted(job)

    def heard(self, job_id: str) -> dict[str, Any]:
        """The job when it is over, from its events, which must not go backwards."""
        progress, data = -1, ""
        with self.http.stream("GET", f"{JOBS}/{job_id}/events", timeout=TIRED_SECONDS) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                    if (now := json.loads(data)["progress"]) < progress:
                        raise FaultError(f"{job_id} was at {progress}% and is at {now}%")
                    progress = now
        return self.noted(json.loads(data))

    def noted(self, job: dict[str, Any]) -> dict[str, Any]:
        error = (job.get("error") or {}).get("error")
        self.world.count("", end=error or job.get("outcome") or job["status"])
        return job

    def checked(self, job: dict[str, Any]) -> None:
        """It is completed, and its result is what the service says of it."""
        if job["status"] != "completed":
            raise FaultError(f"not completed: {job}")
        told = self.ask("GET", f"{JOBS}/{job['job_id']}/download")
        with httpx2.Client(trust_env=False, timeout=60) as stranger:
            whole = stranger.get(told["download_url"]).content
            end = stranger.get(told["download_url"], headers={"Range": "bytes=-100"})
        if hashlib.sha256(whole).hexdigest() != told["sha256"] or len(whole) != told["size_bytes"]:
            raise FaultError(f"{job['job_id']}: {len(whole)} bytes that are not the result")
        if end.status_code != 206 or end.content != whole[-100:]:
            raise FaultError(f"{job['job_id']}: a range of it was answered {end.status_code}")

    def fetched(self, job_id: str) -> None:
        """By the client, which compares the digest itself."""
        with tempfile.TemporaryDirectory() as folder:
            self.client.download(job_id, Path(folder) / "clean.mp4")
