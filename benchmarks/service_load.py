"""How soon the API answers while a thousand jobs wait; writes its section of benchmarks/SERVICE.md.

python -m benchmarks.service_load
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.service_page import write_part
from benchmarks.table import machine

ROOT = Path(__file__).parents[1]
NUM_WAITING = 1000
NUM_OWNERS = 10
PER_SECOND = 50
SECONDS = 60
LIMITS_MS = {"submit": 100, "status": 30}
_PATIENCE_SECONDS = 120.0
_BODY = {"video_url": "https://203.0.113.1/clip.mp4", "rights_confirmed": True}  # of the documentation's addresses


class Holder:
    """What workers do here: they hold their calls, as a GPU elsewhere would, and take nothing of this machine."""

    def load(self) -> None:
        pass

    def run(self, order: Any, cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        del order
        yield {"type": "progress", "stage": "look", "done": 0, "total": 100}
        while not cancelled():
            time.sleep(0.05)
        yield {"type": "notice", "message": "stopped"}

    def close(self) -> None:
        pass


@dataclass
class Answers:
    """Of one kind of request, in seconds from when each was due, and how many were no good."""

    seconds: list[float] = field(default_factory=list)
    num_bad: int = 0

    def ms(self, share: float) -> float:
        return 1000 * sorted(self.seconds)[math.ceil(share * len(self.seconds)) - 1]


@dataclass
class Measured:
    """On one database."""

    name: str
    answers: dict[str, Answers]
    num_waiting: int
    cpu_share: float


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        urls = {"SQLite": f"sqlite:///{Path(name) / 'sqlite' / 'service.db'}"}
        if url := stack.enter_context(_postgres()):
            urls["PostgreSQL"] = url
        all_measured = [_measured(kind, url, Path(name) / kind.lower()) for kind, url in urls.items()]
    write_part("load", "\n".join(_page(all_measured)))


def serve(port_file: str) -> None:
    """The service's process: the real application, and an engine whose workers hold what they get."""
    import uvicorn

    from blanklogo.engines.inline import InlineEngine
    from blanklogo.engines.spec import EngineSpec
    from blanklogo.service.app import create_app
    from blanklogo.service.settings import read_settings

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = read_settings(port=port)
        with InlineEngine(EngineSpec(max_workers=8), "benchmarks.service_load:Holder") as engine:
            app = create_app(settings, engine)
            Path(port_file).write_text(str(port))
            config = uvicorn.Config(app, lifespan="on", log_level="warning", access_log=False)
            uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _postgres() -> Iterator[str | None]:
    sys.path.insert(0, str(ROOT / "tests" / "service"))
    from postgres import binaries, running

    programs = binaries()
    if programs is None:
        print("PostgreSQL's server is not installed here; SQLite alone")
        yield None
        return
    with running(programs) as cluster:
        yield cluster.new_database()


@contextmanager
def _service(folder: Path, database: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    folder.mkdir(parents=True)
    port_file = folder / "port"
    variables = {
        "BLANKLOGO_SERVICE_DATABASE": database,
        "BLANKLOGO_SERVICE_DATA": str(folder / "data"),
        "BLANKLOGO_SERVICE_RATE_PER_SECOND": "0",
    }
    command = [sys.executable, "-c", f"from benchmarks.service_load import serve; serve({str(port_file)!r})"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | variables, stdout=log, stderr=log, cwd=ROOT)
    try:
        url = f"http://127.0.0.1:{_read_soon(port_file, process)}"
        yield process, url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _read_soon(path: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.05)
    raise RuntimeError(f"the service did not start: {path.with_name('log').read_text()[-2000:]}")


def _tokens(database: str) -> list[str]:
    from blanklogo.service.database import create_tables, open_database
    from blanklogo.service.tokens.store import TokenStore
    from blanklogo.service.tokens.token import Scope

    opened = open_database(database)
    try:
        create_tables(opened)
        made = [TokenStore(opened).new(f"user {n}", [Scope.SUBMIT, Scope.READ]) for n in range(NUM_OWNERS)]
    finally:
        opened.dispose()
    return [f"{token.id}:{secret.reveal()}" for token, secret in made]


def _measured(kind: str, database: str, folder: Path) -> Measured:
    with _service(folder, database) as (process, url):
        tokens = _tokens(database)
        answers, num_waiting, cpu_share = asyncio.run(_asked(url, tokens, process.pid))
    for name, one in answers.items():
        print(f"{kind} {name}: p50 {one.ms(0.5):.1f}, p99 {one.ms(0.99):.1f} ms, {one.num_bad} bad", flush=True)
    return Measured(kind, answers, num_waiting, cpu_share)


async def _asked(url: str, tokens: list[str], pid: int) -> tuple[dict[str, Answers], int, float]:
    # The service closes a line that was idle for five seconds; one that is that old is not used again.
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=2.0)
    async with httpx2.AsyncClient(base_url=url, timeout=60, limits=limits, trust_env=False) as http:
        ids = await _filled(http, tokens)
        await asyncio.sleep(3)  # the first jobs are begun
        answers = {name: Answers() for name in LIMITS_MS}
        before, began = _cpu_seconds(pid), time.monotonic()
        await _at_a_rate(http, tokens, ids, answers)
        cpu_share = (_cpu_seconds(pid) - before) / (time.monotonic() - began)
        return answers, await _num_waiting(http, tokens), cpu_share


async def _filled(http: httpx2.AsyncClient, tokens: list[str]) -> list[tuple[str, str]]:
    """A thousand jobs, each with the token by which it may be asked for."""
    ids = []
    form = {"rights_confirmed": "true"}
    for index in range(NUM_WAITING):
        token = tokens[index % len(tokens)]
        files = {"video": ("clip.mp4", f"not looked at {index}".encode())}
        answer = await http.post("/api/v1/jobs/upload", data=form, files=files, headers=_shown(token))
        answer.raise_for_status()
        ids.append((token, answer.json()["job_id"]))
    return ids


async def _at_a_rate(
    http: httpx2.AsyncClient, tokens: list[str], ids: list[tuple[str, str]], answers: dict[str, Answers]
) -> None:
    """A status and a submission by turns. Each is sent when it is due, whether or not those before were answered."""
    began, tasks = time.monotonic(), []
    for index in range(PER_SECOND * SECONDS):
        due = began + index / PER_SECOND
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if index % 2:
            token, job_id = ids[index * 7919 % len(ids)]
            request = http.build_request("GET", f"/api/v1/jobs/{job_id}", headers=_shown(token))
            tasks.append(asyncio.create_task(_timed(http, request, due, answers["status"])))
        else:
            request = http.build_request(
                "POST", "/api/v1/jobs", json=_BODY, headers=_shown(tokens[index % len(tokens)])
            )
            tasks.append(asyncio.create_task(_timed(http, request, due, answers["submit"])))
    await asyncio.gather(*tasks)


async def _timed(http: httpx2.AsyncClient, request: httpx2.Request, due: float, answers: Answers) -> None:
    answer = await http.send(request)
    answers.seconds.append(time.monotonic() - due)
    answers.num_bad += not answer.is_success


async def _num_waiting(http: httpx2.AsyncClient, tokens: list[str]) -> int:
    asked = [http.get("/api/v1/jobs?status=queued&limit=1", headers=_shown(token)) for token in tokens]
    return sum([answer.json()["total"] for answer in await asyncio.gather(*asked)])


def _shown(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _page(all_measured: list[Measured]) -> Iterator[str]:
    yield "## Answers while a thousand jobs wait"
    yield ""
    yield f"Measured on {date.today().isoformat()}. {machine()} Load average at the end: {os.getloadavg()[0]:.1f}."
    yield ""
    yield f"`python -m benchmarks.service_load`: {NUM_WAITING} jobs of {NUM_OWNERS} owners wait, eight are under way"
    yield "(their workers hold them, and take nothing of the machine), and from another process come"
    yield f"{PER_SECOND} requests a second for {SECONDS} s, a status and a submission by turns. Times run from when a"
    yield "request was due, so that those which waited for others count in full."
    yield ""
    yield "| database | request | p50 | p99 | worst | limit of p99 | bad | waiting at the end | the service's CPU |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for one in all_measured:
        for name, answers in one.answers.items():
            times = " | ".join(f"{answers.ms(share):.0f} ms" for share in (0.5, 0.99, 1.0))
            rest = f"{answers.num_bad} of {len(answers.seconds)} | {one.num_waiting} | {one.cpu_share:.0%} of a core"
            yield f"| {one.name} | {name} | {times} | {LIMITS_MS[name]} ms | {rest} |"


if __name__ == "__main__":
    main()
