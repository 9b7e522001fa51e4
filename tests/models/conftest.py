"""What the tests of weights share: a folder, a server, and files on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from weights_samples import an_entry

from blanklogo.models.weights import Weights
from blanklogo.net import http
from loopback import Files, serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "models"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    monkeypatch.setattr(http, "PAUSES_SECONDS", (0.01, 0.02, 0.03))
    with serving() as files:
        yield files


@pytest.fixture
def offer(server: Files) -> Callable[..., Weights]:
    """Puts a body on the server; its entry."""

    def put(body: bytes, name: str = "net", **other) -> Weights:
        server.files[f"/{name}"] = body
        return an_entry(body, name, f"{server.address}/{name}", **other)

    return put
