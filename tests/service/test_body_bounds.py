"""Bodies that a service holds, on its disk or in its memory: how many at once, how long a pause, how much room."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from running import Running, User, answered, client, running

from blanklogo.engines.open import open_engine
from blanklogo.service import app, forms
from blanklogo.service.routes import process
from blanklogo.service.routes.uploads import UPLOAD_PATH

VIDEO = bytes(range(256)) * 30
PAUSE_SECONDS = 3.0  # in which all of a test's senders have begun
FORM = "multipart/form-data; boundary=x"
FORM_BEGUN = b'--x\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\nsome'
TEXT_BEGUN = b'{"video": "AAAA'
LARGE = 12_000_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with (
        pytest.MonkeyPatch.context() as patch,
        open_engine("inline", workload="service_workloads:Copier") as engine,
    ):
        patch.setattr(app, "PAUSE_SECONDS", PAUSE_SECONDS)
        with running(tmp_path_factory.mktemp("service"), engine, max_input_mb=100) as service:
            yield service


def begun(user: User, path: str, kind: str, body: bytes) -> socket.socket:
    """A sender that falls silent in the middle of a body."""
    url = user.http.base_url
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {user.http.headers['authorization']}\r\n"
    line = socket.create_connection((url.host, url.port), timeout=60)
    line.sendall(head.encode() + f"Content-Type: {kind}\r\nContent-Length: 99999\r\n\r\n".encode() + body)
    return line


@dataclass(frozen=True)
class Answer:
    head: str
    problem: Any

    @property
    def status(self) -> int:
        return int(self.head.split()[1])


def answer_to(line: socket.socket) -> Answer:
    """All that comes, up to the line's end."""
    head, _, body = b"".join(iter(lambda: line.recv(65536), b"")).decode().partition("\r\n\r\n")
    return Answer(head.lower(), json.loads(body))


def brought_by_form(user: User) -> httpx2.Response:
    files = {"video": ("clip.mp4", VIDEO)}
    return user.http.post(UPLOAD_PATH, data={"rights_confirmed": "true", "platform": "kling"}, files=files)


def brought_as_text(user: User) -> httpx2.Response:
    return user.http.post(process.PATH, json=text_of(VIDEO, "kling"))


def text_of(video: bytes, platform: str) -> dict[str, Any]:
    return {"video": base64.b64encode(video).decode(), "platform": platform, "rights_confirmed": True}


@pytest.mark.parametrize(
    ("path", "kind", "body", "num_at_once", "bring"),
    [
        (UPLOAD_PATH, FORM, FORM_BEGUN, forms.NUM_AT_ONCE, brought_by_form),
        (process.PATH, "application/json", TEXT_BEGUN, process.NUM_READ_AT_ONCE, brought_as_text),
    ],
)
def test_one_too_many_comes_later_and_who_falls_silent_makes_room(
    ann: User, path: str, kind: str, body: bytes, num_at_once: int, bring: Callable[[User], httpx2.Response]
) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(begun(ann, path, kind, body)) for _ in range(num_at_once + 1)]
        answers = sorted((answer_to(line) for line in lines), key=lambda answer: answer.status)
    assert [answer.status for answer in answers] == [408] * num_at_once + [503]
    assert [answers[0].problem["code"], answers[-1].problem["code"]] == ["request_timeout", "service_unavailable"]
    assert "retry-after: 5" in answers[-1].head
    assert bring(ann).status_code in (201, 422), "their places are free again"


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/uploads", "/api/v1/jobs/batch", "/api/v1/webhooks/secret"])
def test_no_body_is_waited_for_without_end(ann: User, path: str) -> None:
    with begun(ann, path, "application/json", b"{") as line:
        assert answer_to(line).status == 408


def test_a_form_for_which_there_is_no_room_is_refused_before_it_comes(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "_RESERVE_BYTES", shutil.disk_usage("/tmp").free - 50_000)
    with begun(ann, UPLOAD_PATH, FORM, b"") as line:
        answer = answer_to(line)
    assert (answer.status, answer.problem["code"]) == (507, "write")
    assert "connection: close" in answer.head
    assert "/tmp" not in json.dumps(answer.problem), "where its folders are is for the log"


def test_a_disk_that_fills_up_ends_a_form_that_comes(
    ann: User, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "_LOOK_EVERY_BYTES", 1_000_000)
    looks: list[int] = []

    def look(num_bytes: int) -> None:
        looks.append(num_bytes)
        if len(looks) > 2:
            check_room(1 << 60)

    check_room = forms.check_room
    monkeypatch.setattr(forms, "check_room", look)
    answer = ann.http.post(
        UPLOAD_PATH, data={"rights_confirmed": "true"}, files={"video": ("clip.mp4", bytes(2_500_000))}
    )
    assert answered(answer, 507)["code"] == "write"
    assert looks[1:] == [0, 0]
    monkeypatch.undo()
    assert brought_by_form(ann).status_code == 201, "its place is free again"


@contextmanager
def asking(service: Running, user: User, video: bytes) -> Iterator[None]:
    """A request whose job is at work, or waits for it, while the block goes on, and is cancelled then."""
    body = json.dumps(text_of(video, "pika")).encode()
    answers: list[httpx2.Response] = []

    def ask() -> None:
        with client(service.url) as http:
            pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
            told = {"Authorization": user.http.headers["authorization"], "Content-Type": "application/json"}
            answers.append(http.post(process.PATH, content=pieces, headers=told))

    num_before = len(live(user))
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        while len(live(user)) == num_before and thread.is_alive():
            time.sleep(0.05)
        yield
    finally:
        for job in live(user):
            user.delete(f"/api/v1/jobs/{job['job_id']}")
        thread.join()
    assert answers[0].status_code == 499


def live(user: User) -> list[Any]:
    """Jobs that are not over."""
    return user.get("/api/v1/jobs", params=[("status", "processing"), ("status", "queued")])["jobs"]


def test_a_body_is_let_go_of_before_its_job_is_over(service: Running) -> None:
    with service.user(owner="own_patient") as user:
        answered(brought_as_text(user), 422)  # so that what is loaded at first is there
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            with asking(service, user, bytes(LARGE)):
                user.until(live(user)[0]["job_id"], lambda job: job["progress"] >= 30)
                held, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # Here the asking side has the video and its text, two and a third of it; with another text it would be over three.
    assert most - before > 3 * LARGE, "it was measured at all"
    assert held - before < 3 * LARGE


def test_as_many_as_like_may_wait_for_their_jobs(service: Running) -> None:
    with service.user(owner="own_many") as user, ExitStack() as stack:
        for number in range(process.NUM_READ_AT_ONCE + 1):
            stack.enter_context(asking(service, user, VIDEO + bytes([number])))
        assert len(live(user)) == process.NUM_READ_AT_ONCE + 1


@pytest.mark.parametrize("head", ["", "data:video/mp4;base64,"])
def test_a_video_of_many_pieces_comes_back_as_it_was(service: Running, head: str) -> None:
    video = random.Random(len(head)).randbytes(3_500_001)
    with service.user(owner="own_long") as user:
        body = {"video": head + base64.b64encode(video).decode(), "rights_confirmed": True, "fresh": True}
        done = user.post(process.PATH, body, 200)
    assert base64.b64decode(done["video"], validate=True) == video
    assert done["report"]["verify"]["status"] == "clean"
    assert re.fullmatch("job_[0-9a-f]{12}", done["job_id"])


FEW = 1 << 20  # characters


@pytest.mark.parametrize(
    "text",
    [
        "A" * (FEW - 2) + "==" + "A" * 8,  # padding where a piece ends, and more
        "A" * FEW + "AAA",
        "AAAA,AAAA",
        "data:video/mp4,AAAA",
    ],
)
def test_what_is_no_base64_is_refused(ann: User, text: str) -> None:
    told = ann.post(process.PATH, {"video": text, "rights_confirmed": True}, 422)
    assert (told["code"], told["errors"][0]["where"]) == ("invalid_request", ["body", "video"])
