"""What the client's tests share: services that really run, and both kinds of client asked in the same words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(
    str(Path(__file__).parents[1] / "service")
)  # how to run a service stands beside the service's own tests

from asking_clients import Asking, asking
from cutting_proxy import Proxy, proxying
from running import Running, running

from blanklogo.engines.open import open_engine
from blanklogo.service.tokens.token import Scope
from blanklogo.transfer.guard.policy import Policy


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the service, the token or the notes of whoever runs it."""
    for name in ("BLANKLOGO_URL", "BLANKLOGO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Proxy]]:
    """A service whose workers copy, and the only line to it, which can be cut."""
    folder = tmp_path_factory.mktemp("service")
    with (
        proxying() as proxy,
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(folder, engine, Policy.allowing("localhost"), public_url=proxy.address) as service,
    ):
        proxy.port = int(service.url.rpartition(":")[2])
        yield service, proxy


@pytest.fixture
def proxy(service: tuple[Running, Proxy]) -> Proxy:
    service[1].heal()
    return service[1]


@pytest.fixture
def storage(service: tuple[Running, Proxy]) -> Path:
    """Where the service keeps files."""
    return service[0].folder / "storage"


@pytest.fixture
def token(service: tuple[Running, Proxy]) -> str:
    """An owner of its own for each test."""
    made, secret = service[0].parts.tokens.new("a test", (Scope.SUBMIT, Scope.READ))
    return f"{made.id}:{secret.reveal()}"


@pytest.fixture(params=["waiting", "awaited"])
def ann(request: pytest.FixtureRequest, proxy: Proxy, token: str) -> Iterator[Asking]:
    """A client of either kind."""
    with asking(request.param, proxy.address, token) as client:
        yield client


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(range(256)) * 300)
    return path
