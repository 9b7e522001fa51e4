"""Users' uploads, however many and slow, do not keep out what a worker has made."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from running import running
from storage_app import Served, in_thread

from blanklogo.engines.open import open_engine
from blanklogo.service.storage import Storage
from blanklogo.service.storage.arriving import NUM_AT_ONCE

MEDIA = bytes(range(256)) * 1000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with in_thread(tmp_path) as served:
        yield served


def begun(storage: Storage, key: str) -> socket.socket:
    """An upload that has been let in and of which no more comes: it was asked to go on (100 Continue)."""
    parts = urlsplit(storage.sign_put(key, 60, len(MEDIA)))
    line = socket.create_connection((parts.hostname, parts.port), timeout=30)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(MEDIA)}\r\n"
    line.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
    assert line.recv(100).startswith(b"HTTP/1.1 100")
    return line


def test_a_result_is_let_in_when_the_uploads_are_as_many_as_may_come(served: Served) -> None:
    with ExitStack() as stack:
        for number in range(NUM_AT_ONCE):
            stack.enter_context(begun(served.storage, f"own_1/up_{number}/clip.mp4"))
        upload = served.storage.sign_put("own_1/up_more/clip.mp4", 60, len(MEDIA))
        assert httpx2.put(upload, content=MEDIA).status_code == 503
        result = served.storage.sign_put("own_1/job_1/output.mp4", 60, len(MEDIA), is_result=True)
        assert httpx2.put(result, content=MEDIA).status_code == 201


def test_a_job_ends_well_when_the_uploads_are_as_many_as_may_come(tmp_path: Path) -> None:
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(tmp_path, engine) as service,
        service.user() as ann,
        ExitStack() as stack,
    ):
        storage = service.parts.storage
        for number in range(NUM_AT_ONCE):
            stack.enter_context(begun(storage, f"own_1/up_{number}/clip.mp4"))
        assert httpx2.put(storage.sign_put("own_1/up_more/clip.mp4", 60, 1), content=b"x").status_code == 503
        job = ann.over(ann.upload(MEDIA)["job_id"])
    assert (job["status"], job["attempts"]) == ("completed", 1)


def test_an_upload_cannot_pass_for_a_result(served: Served) -> None:
    upload = served.storage.sign_put("own_1/up_1/clip.mp4", 60, len(MEDIA))
    result = served.storage.sign_put("own_1/up_1/clip.mp4", 60, len(MEDIA), is_result=True)
    for forged in (f"{upload}&result=1", result.replace("result=1", "result=2"), result.replace("&result=1", "")):
        assert httpx2.put(forged, content=MEDIA).status_code == 403
