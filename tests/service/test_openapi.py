"""The service asked whatever its OpenAPI lets be asked, and much that it does not, by schemathesis."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import Running, client, running

from blanklogo.engines.open import open_engine
from blanklogo.service.tokens.token import Scope

HERE = Path(__file__).parent
LIMIT_SECONDS = 550.0  # it takes half a minute on a machine with nothing else to do; the long one five minutes
CHECKS = HERE / "schemathesis.toml"  # all there are, and what each operation is let off


look_up = socket.getaddrinfo


def nobody_else(host: str, *more: Any, **options: Any) -> list[Any]:
    if host != "127.0.0.1":
        raise socket.gaierror(socket.EAI_AGAIN, "try again")  # so that a receiver may be one that can be reached later
    return look_up(host, *more, **options)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """One that meets nobody outside, whatever host a request may name, and has no limit of rates."""
    rates = {"rate_per_second": 0, "anonymous_per_second": 0}
    monkeypatch.setattr(socket, "getaddrinfo", nobody_else)
    with (
        open_engine("inline", workload="service_workloads:Brisk") as engine,
        running(tmp_path, engine, max_input_mb=1, jobs_at_once=32, jobs_of_owner=32, **rates) as service,
    ):
        yield service


def asked(service: Running, num_examples: int, *more: str) -> str:
    """What the command says; it fails if any check does."""
    program = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CHECKS}"]
    command = [*program, "run", f"{service.url}/openapi.json", *more]
    options = ["--no-color", "--generation-deterministic", "--continue-on-failure", f"--max-examples={num_examples}"]
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, *options],
        cwd=service.folder,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "schema_checks", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-30_000:] + done.stderr[-3000:]
    with client(service.url) as http:
        assert http.get("/health").status_code == 200
    return done.stdout


@pytest.mark.parametrize("num_examples", [5, pytest.param(150, marks=pytest.mark.slow)])
def test_whoever_may_do_all_is_answered_as_the_document_says(service: Running, num_examples: int) -> None:
    token, secret = service.parts.tokens.new("schemathesis", tuple(Scope))
    told = asked(service, num_examples, "--header", f"Authorization: Bearer {token.id}:{secret.reveal()}")
    assert "Tested: 19" in told
    assert sum(service.parts.store.counts().values()) > 10, "it got past the checks of what it sent"
    assert secret.reveal() not in told


@pytest.mark.parametrize("num_examples", [5, pytest.param(150, marks=pytest.mark.slow)])
def test_nobody_is_answered_as_the_document_says(service: Running, num_examples: int) -> None:
    assert "Tested: 19" in asked(service, num_examples)
    assert sum(service.parts.store.counts().values()) == 0


@pytest.mark.parametrize(
    ("path", "media_type", "accepted"),
    [
        ("/api/v1/jobs", "text/plain", "application/json"),
        ("/api/v1/uploads", "", "application/json"),
        ("/process_video_http", "application/x-www-form-urlencoded", "application/json"),
        ("/api/v1/jobs/upload", "application/json", "multipart/form-data"),
    ],
)
def test_a_body_of_another_kind_is_told_which_is_taken(
    service: Running, path: str, media_type: str, accepted: str
) -> None:
    with client(service.url) as http:
        response = http.post(path, content=b"{}", headers={"Content-Type": media_type})
    assert (response.status_code, response.headers["Accept"]) == (415, accepted)
    assert response.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/estimate", {"width": True, "height": 720, "num_frames": 300}),
        ("/api/v1/estimate", {"width": "1280", "height": 720, "num_frames": 300}),
        ("/api/v1/webhooks/secret", {"overlap_seconds": False}),
        ("/api/v1/jobs", {"video_url": "https://a.test/", "rights_confirmed": True, "fresh": "yes"}),
        ("/api/v1/jobs", {"video_url": "https://a.test/", "rights_confirmed": 1}),
    ],
)
def test_nothing_is_read_into_a_value_of_another_type(service: Running, path: str, body: dict[str, Any]) -> None:
    with service.user() as user:
        assert user.post(path, body, 422)["code"] == "invalid_request"


def test_a_form_says_a_list_by_a_field_that_comes_again(service: Running) -> None:
    with service.user() as user:
        fields = {
            "rights_confirmed": "on",
            "platform": "",
            "webhook_url": "https://hooks.test/a",
            "webhook_events": ["job.failed", "job.started"],
            "quality": "21.5",
        }
        files = {"video": ("a.mp4", b"x")}
        response = user.http.post("/api/v1/jobs/upload", data=fields, files=files)
        assert response.status_code == 201, response.text
        kept = service.parts.store.get(response.json()["job_id"])
        assert kept is not None
        assert (kept.request["platform"], kept.request["quality"]) == (None, 21.5)
