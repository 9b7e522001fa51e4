"""Which methods each path of the API takes: those that it does not know are refused, and HEAD is GET without a body."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from fastapi.routing import iter_route_contexts
from running import Running, User, client, running

from blanklogo.engines.open import open_engine
from blanklogo.service.app import create_app
from blanklogo.service.settings import read_settings
from blanklogo.service.tokens.token import Scope

VIDEO = bytes(range(256)) * 30
PER_ANSWER = {"date", "x-request-id", "transfer-encoding"}  # a HEAD's answer need not say that a body comes in chunks
OF_THE_MOMENT = {"/metrics", "/api/v1/jobs", "/api/v1/jobs/{job_id}", "/api/v1/jobs/{job_id}/download"}  # a new link


def paths() -> list[str]:
    """All that know GET."""
    app = create_app(read_settings(database="sqlite:///never-opened.db"))
    return sorted({str(one.path) for one in iter_route_contexts(app.routes) if "GET" in (one.methods or ())})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(tmp_path_factory.mktemp("methods"), engine, rate_per_second=0, anonymous_per_second=0) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def job(service: Running) -> Iterator[tuple[User, str]]:
    """Somebody who may do all, and a job of theirs that is completed."""
    with service.user(*Scope) as user:
        job_id = user.upload(VIDEO)["job_id"]
        user.over(job_id)
        yield user, job_id


@pytest.mark.parametrize("path", paths())
def test_head_is_get_without_its_body(service: Running, job: tuple[User, str], path: str) -> None:
    user, job_id = job
    url = path.replace("{job_id}", job_id)
    if path.startswith("/files"):
        url = user.get(f"/api/v1/jobs/{job_id}/download")["download_url"]
    got, looked = (user.http.request(method, url) for method in ("GET", "HEAD"))
    assert (got.status_code, looked.status_code) == (200, 200)
    assert got.content
    assert looked.content == b""
    left_out = PER_ANSWER | ({"content-length"} if path in OF_THE_MOMENT else set())
    heads = [{name: each.headers[name] for name in each.headers.keys() - left_out} for each in (got, looked)]
    assert heads[0] == heads[1]


def test_head_of_what_is_refused_is_refused(service: Running, job: tuple[User, str]) -> None:
    user, _ = job
    missing = user.http.head("/api/v1/jobs/job_000000000000")
    assert (missing.status_code, missing.content) == (404, b"")
    assert missing.headers["content-type"] == "application/problem+json"
    with client(service.url) as nobody:
        assert nobody.head("/api/v1/jobs").status_code == 401
    with service.user(Scope.SUBMIT) as submitter:
        assert submitter.http.head("/api/v1/jobs").status_code == 403


def test_head_of_events_that_are_not_over_ends_at_once(service: Running) -> None:
    with service.user() as user:
        job_id = user.upload(VIDEO, platform="pika")["job_id"]
        began = time.monotonic()
        told = user.http.head(f"/api/v1/jobs/{job_id}/events")
        assert (told.status_code, told.content) == (200, b"")
        assert told.headers["content-type"].startswith("text/event-stream")
        assert time.monotonic() - began < 5
        assert user.get("/health")["status"] == "healthy", "the line is good for another request"
        user.delete(f"/api/v1/jobs/{job_id}")
        user.over(job_id)


def test_head_is_counted_under_its_path(service: Running, job: tuple[User, str]) -> None:
    user, job_id = job
    user.http.head(f"/api/v1/jobs/{job_id}")
    figures = user.get("/metrics")
    assert re.search(r'requests_total\{method="HEAD",path="/api/v1/jobs/\{job_id\}",status="200"\}', figures)


def test_a_method_that_a_path_does_not_know_is_told_those_that_it_does(service: Running) -> None:
    with client(service.url) as http:
        for method, path, known in [
            ("GET", "/api/v1/jobs/batch", "POST"),
            ("HEAD", "/api/v1/jobs/batch", "POST"),
            ("GET", "/api/v1/jobs/upload", "POST"),
            ("PUT", "/api/v1/jobs", "GET, HEAD, POST"),
            ("PATCH", "/api/v1/jobs/job_0123456789ab", "DELETE, GET, HEAD"),
            ("POST", "/files/own_1/job_1/output.mp4", "GET, HEAD, PUT"),
            ("GET", "/api/v1/uploads/tus/upload_0123456789ab", "DELETE, HEAD, PATCH, POST"),
        ]:
            response = http.request(method, path)
            assert (response.status_code, response.headers["Allow"]) == (405, known), path
            assert method == "HEAD" or response.json()["code"] == "method_not_allowed"
