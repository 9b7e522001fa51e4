"""One attempt against receivers of every kind, and what its answer means."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from receiver import Receiver, free_port, receiving, silent

from blanklogo.service.webhooks.sending import Answer, Sender, Verdict
from blanklogo.transfer.guard.policy import Policy

LOOPBACK = Policy.allowing("127.0.0.1")
HEADERS = {"X-Webhook-Id": "evt_1"}
LATE_SECONDS = 8.0  # far over the limit of an attempt, far under a test that hangs


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module", params=["guarded", "trusted"])
def sender(request: pytest.FixtureRequest) -> Sender:
    return Sender(LOOPBACK if request.param == "guarded" else Policy.TRUSTED, 1.0)


def test_it_brings_the_bytes_and_the_headers(sender: Sender, receiver: Receiver) -> None:
    body = '{"id": "é"}'.encode()
    answer = sender.send(receiver.url + "?a=b", body, HEADERS)
    assert (answer.status, answer.error, answer.verdict) == (204, None, Verdict.DELIVERED)
    (told,) = receiver.told
    assert (told.path, told.body, told.headers["x-webhook-id"]) == ("/hook?a=b", body, "evt_1")
    assert told.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_a_way(sender: Sender, receiver: Receiver, status: int) -> None:
    with receiving() as elsewhere:
        receiver.statuses, receiver.headers = [status], {"Location": elsewhere.url}
        answer = sender.send(receiver.url, b"{}", HEADERS)
        assert (answer.status, answer.verdict) == (status, Verdict.FAILED)
        assert "redirect" in (answer.error or "")
        assert elsewhere.told == []


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (299, Verdict.DELIVERED),
        (304, Verdict.FAILED),
        (400, Verdict.FAILED),
        (401, Verdict.FAILED),
        (404, Verdict.FAILED),
        (408, Verdict.AGAIN),
        (410, Verdict.GONE),
        (425, Verdict.AGAIN),
        (429, Verdict.AGAIN),
        (500, Verdict.AGAIN),
        (503, Verdict.AGAIN),
        (599, Verdict.AGAIN),
    ],
)
def test_what_a_status_means(status: int, verdict: Verdict) -> None:
    assert Answer(0.1, status).verdict is verdict


def test_what_no_answer_means() -> None:
    assert Answer(0.1, may_pass=True).verdict is Verdict.AGAIN
    assert Answer(0.1).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("9999", 300), ("-5", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("9" * 5000, 0)]
)
def test_when_to_come_again(sender: Sender, receiver: Receiver, said: str, seconds: float) -> None:
    receiver.statuses, receiver.headers = [503], {"Retry-After": said}
    assert sender.send(receiver.url, b"{}", HEADERS).wait_seconds == seconds


def test_who_says_nothing_is_waited_for_so_long(sender: Sender) -> None:
    began = time.monotonic()
    with silent() as url:
        answer = sender.send(url, b"{}", HEADERS)
    assert answer.verdict is Verdict.AGAIN
    assert "1 s" in (answer.error or "")
    assert 0.9 < time.monotonic() - began < LATE_SECONDS


def test_nobody_there_may_pass(sender: Sender) -> None:
    answer = sender.send(f"http://127.0.0.1:{free_port()}/hook", b"{}", HEADERS)
    assert answer.verdict is Verdict.AGAIN
    assert answer.error


def test_a_body_that_trickles_is_left(receiver: Receiver) -> None:
    receiver.statuses, receiver.drips, receiver.body = [500], True, b"busy"
    began = time.monotonic()
    answer = Sender(LOOPBACK, 1.0).send(receiver.url, b"{}", HEADERS)
    assert time.monotonic() - began < LATE_SECONDS
    assert (answer.status, answer.verdict) == (500, Verdict.AGAIN)
    assert (answer.excerpt or "").startswith("busyx")


def test_a_large_answer_is_not_read(sender: Sender, receiver: Receiver) -> None:
    receiver.statuses, receiver.body = [500], b"y" * 50_000_000
    answer = sender.send(receiver.url, b"{}", HEADERS)
    assert answer.excerpt == "y" * 200


def test_a_coded_answer_is_not_unpacked(sender: Sender, receiver: Receiver) -> None:
    receiver.statuses, receiver.body, receiver.headers = [500], b"no gzip", {"Content-Encoding": "gzip"}
    assert sender.send(receiver.url, b"{}", HEADERS).excerpt == "no gzip"


def test_an_answer_cannot_write_on_a_terminal(sender: Sender, receiver: Receiver) -> None:
    receiver.statuses, receiver.body = [500], b"a\0b\x1b[2J\r\nc\xff\xe2\x80\xaed"
    excerpt = sender.send(receiver.url, b"{}", HEADERS).excerpt
    assert excerpt == "a b [2J c\N{REPLACEMENT CHARACTER} d"


def test_an_answer_of_nonsense_may_pass(sender: Sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.settimeout(10)

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(65536)
                line.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        told = sender.send(url, b"{}", HEADERS)
        thread.join()
    assert told.verdict is Verdict.AGAIN
    assert told.error


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://2130706433/",
        "http://example.com:22/",
        "http://user:secret@example.com/",
        "ftp://example.com/",
        "http://[::1/",
        "nonsense",
    ],
)
def test_who_may_not_be_reached_is_not(url: str) -> None:
    answer = Sender(Policy.PUBLIC, 1.0).send(url, b"{}", HEADERS)
    assert (answer.status, answer.verdict) == (None, Verdict.FAILED)
    assert "secret" not in (answer.error or "")


def test_a_name_that_leads_elsewhere_by_now_is_not_followed(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name was public when the job was made. Later it resolves to this machine, where the receiver listens."""
    asked = []

    def resolve(host, port, *_, **__):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    port = receiver.url.partition("127.0.0.1:")[2].partition("/")[0]
    sender = Sender(Policy.PUBLIC, 1.0)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    answer = sender.send(f"http://hooks.example.com:{port}/hook?key=hush", b"{}", HEADERS)
    assert asked == ["hooks.example.com"]
    assert (answer.verdict, receiver.told) == (Verdict.FAILED, [])
    assert answer.error == f"http://hooks.example.com:{port}/hook names no public host"
