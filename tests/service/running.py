"""A service that runs on this machine, and how its users speak to it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from blanklogo.engines.base import Engine
from blanklogo.service.app import create_app
from blanklogo.service.parts import Parts
from blanklogo.service.settings import read_settings
from blanklogo.service.tokens.token import Scope
from blanklogo.transfer.guard.policy import Policy

PATIENCE_SECONDS = 60.0  # far more than anything here takes, on a machine with something else to do
OVER = ("completed", "failed", "cancelled")


@dataclass
class User:
    """Somebody with a token."""

    http: httpx2.Client

    def post(self, path: str, body: Any = None, status: int = 201, **more: Any) -> Any:
        return answered(self.http.post(path, json=body, **more), status)

    def get(self, path: str, status: int = 200, **more: Any) -> Any:
        return answered(self.http.get(path, **more), status)

    def delete(self, path: str, status: int = 200) -> Any:
        return answered(self.http.delete(path), status)

    def upload(self, data: bytes, name: str = "clip.mp4", status: int = 201, **fields: str) -> Any:
        form = {"rights_confirmed": "true", **fields}
        headers = {"Idempotency-Key": form.pop("key")} if "key" in form else {}
        response = self.http.post("/api/v1/jobs/upload", data=form, files={"video": (name, data)}, headers=headers)
        return answered(response, status)

    def until(self, job_id: str, is_it: Callable[[Any], bool]) -> Any:
        """The job, as soon as it is so."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            job = self.get(f"/api/v1/jobs/{job_id}")
            if is_it(job):
                return job
            time.sleep(0.05)
        raise AssertionError(f"not within {PATIENCE_SECONDS:g} s: {job}")

    def over(self, job_id: str) -> Any:
        return self.until(job_id, lambda job: job["status"] in OVER)


@dataclass
class Running:
    """A service in this process, behind a real socket."""

    url: str
    parts: Parts
    folder: Path

    @contextmanager
    def user(self, *scopes: Scope, owner: str | None = None) -> Iterator[User]:
        token, secret = self.parts.tokens.new("a test", scopes or (Scope.SUBMIT, Scope.READ), owner)
        with client(self.url, f"{token.id}:{secret.reveal()}") as http:
            yield User(http)


def client(url: str, token: str | None = None) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False)


def answered(response: httpx2.Response, status: int) -> Any:
    assert response.status_code == status, response.text[:2000]
    return response.json() if "json" in response.headers.get("content-type", "") else response.text


@contextmanager
def running(folder: Path, engine: Engine, policy: Policy = Policy.PUBLIC, **settings: Any) -> Iterator[Running]:
    """A service for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        given = {"database": f"sqlite:///{folder / 'service.db'}", "port": port, "retry_seconds": 0.05, **settings}
        app = create_app(read_settings(**given), engine, policy)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="service")
        thread.start()
        try:
            end = time.monotonic() + PATIENCE_SECONDS
            while not server.started and thread.is_alive() and time.monotonic() < end:
                time.sleep(0.01)
            assert server.started
            yield Running(f"http://127.0.0.1:{port}", app.state.parts, folder)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
