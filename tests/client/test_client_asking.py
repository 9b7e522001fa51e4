"""Requests that are sent again or not, answers and errors, secrets that are never shown: without a socket."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import time
import tomllib
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from played import Played, answer, problem

from blanklogo.client.access import Access
from blanklogo.client.answers import error_of
from blanklogo.client.asking import PAUSES_SECONDS, asked
from blanklogo.client.core import Core, EndpointCore
from blanklogo.client.effects import Answer, LineError, Request
from blanklogo.client.events import EventReader, ServerEvent
from blanklogo.client.files import place_for
from blanklogo.errors import (
    BlankLogoError,
    BudgetError,
    CancelledError,
    ConflictError,
    DecodeError,
    EngineError,
    ForbiddenError,
    NotFoundError,
    OptionError,
    PendingError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    WriteError,
    from_dict,
)
from blanklogo.types import Box

ROOT = Path(__file__).parents[2]
HERE = "http://127.0.0.1:9"
SECRET = "hush-hush-hush"
ACCESS = Access(HERE, f"tok_0123456789ab:{SECRET}", "wk-key", f"ws-{SECRET}")
GET = Request("GET", f"{HERE}/x?signature={SECRET}", {"Authorization": f"Bearer {SECRET}"})
ONCE = Request("POST", f"{HERE}/x", is_repeatable=False)
BROKEN = LineError("ReadError")
REFUSED = LineError("Connection refused", was_sent=False)
CREATED = {"job_id": "job_0123456789ab", "status": "queued", "created_at": "2026-01-02T03:04:05Z", "filename": "a.mp4"}


# Sent again


@pytest.mark.parametrize(
    "first",
    [BROKEN, REFUSED, problem(423, "locked"), problem(503, "unavailable"), problem(500, "internal"), Answer(502, {})],
)
def test_what_may_pass_is_asked_for_again(first: Answer | LineError) -> None:
    played = Played([first, first, answer(told={"it": "went"})])
    assert json.loads(played.run(asked(GET)).body) == {"it": "went"}
    assert len(played.requests) == 3
    for slept, wanted in zip(played.sleeps, PAUSES_SECONDS, strict=False):
        assert wanted <= slept <= 1.5 * wanted


def test_it_ends_with_the_last_pause() -> None:
    played = Played([BROKEN] * 6)
    with pytest.raises(UnavailableError, match="ReadError"):
        played.run(asked(GET))
    assert len(played.sleeps) == len(PAUSES_SECONDS)


@pytest.mark.parametrize(
    "wrong", [problem(404, "not_found"), problem(500, "decode"), problem(507, "write"), Answer(500, {})]
)
def test_what_will_not_pass_is_told_at_once(wrong: Answer) -> None:
    played = Played([wrong])
    with pytest.raises(BlankLogoError):
        played.run(asked(GET))
    assert played.sleeps == []


def test_what_may_have_been_done_is_not_done_again() -> None:
    with pytest.raises(UnavailableError, match="broke"):
        Played([BROKEN]).run(asked(ONCE))
    assert Played([REFUSED, answer()]).run(asked(ONCE)).is_good, "nothing was sent"


def test_a_server_says_how_long_to_wait() -> None:
    played = Played([answer(429, retry_after="7"), answer(503, retry_after=formatdate(time.time() + 9)), answer()])
    played.run(asked(GET))
    assert played.sleeps[0] == 7
    assert 5 < played.sleeps[1] <= 9
    with pytest.raises(UnavailableError):
        Played([answer(429, retry_after="86400")]).run(asked(GET))


def test_a_redirect_is_followed_on_the_same_host_alone() -> None:
    played = Played([Answer(303, {"location": "/x?call=1"}), Answer(303, {"location": "/x?call=2"}), answer()])
    played.run(asked(Request("POST", f"{HERE}/x", {"Content-Type": "a/b"}, b"body", is_repeatable=False)))
    assert [(one.method, one.url, one.content) for one in played.requests[1:]] == [
        ("GET", f"{HERE}/x?call=1", None),
        ("GET", f"{HERE}/x?call=2", None),
    ]
    for elsewhere in (
        "https://127.0.0.1:9/x",
        "http://127.0.0.1:10/x",
        "//elsewhere.example/x",
        "http://u@127.0.0.1:9/x",
    ):
        with pytest.raises(UnavailableError, match="redirects to"):
            Played([Answer(307, {"location": elsewhere})]).run(asked(GET))
    with pytest.raises(BlankLogoError):  # a POST would silently become something else
        Played([Answer(302, {"location": "/y"})]).run(asked(ONCE))


def test_a_creating_call_keeps_its_name_over_all_its_tries() -> None:
    played = Played([BROKEN, BROKEN, answer(201, CREATED)])
    played.run(Core(ACCESS).submit("https://example.com/a.mp4", rights_confirmed=True))
    names = {request.headers["Idempotency-Key"] for request in played.requests}
    assert len(names) == 1
    again = Played([answer(201, CREATED)])
    again.run(Core(ACCESS).submit("https://example.com/a.mp4", rights_confirmed=True))
    assert again.requests[0].headers["Idempotency-Key"] not in names
    named = Played([answer(201, CREATED)])
    named.run(Core(ACCESS).submit("https://example.com/a.mp4", rights_confirmed=True, idempotency_key="order-17"))
    assert named.requests[0].headers["Idempotency-Key"] == "order-17"


def test_options_are_sent_as_the_api_spells_them() -> None:
    played = Played([answer(201, CREATED)])
    how = {"mode": "crop", "platform": None, "boxes": [Box(1, 2, 3, 4)], "end_seconds": 7.5, "quality": 18}
    told = {"webhook_url": "https://example.com/hook", "webhook_events": ["job.completed"], "metadata": {"a": 1}}
    played.run(Core(ACCESS).submit("HTTPS://example.com/a.mp4", rights_confirmed=True, **how, **told))
    assert json.loads(played.requests[0].content) == {
        "video_url": "HTTPS://example.com/a.mp4",
        "processing_mode": "crop",
        "boxes": [[1, 2, 3, 4]],
        "end_seconds": 7.5,
        "quality": 18,
        "rights_confirmed": True,
        **told,
    }
    with pytest.raises(OptionError, match="JSON"):
        Core(ACCESS).submit("https://example.com/a.mp4", rights_confirmed=True, quality=float("nan")).send(None)


def test_work_that_took_too_long_is_not_asked_for_again() -> None:
    core = Core(ACCESS)
    with pytest.raises(BudgetError):
        Played([problem(504, "budget")]).run(core.process_video(b"v", rights_confirmed=True))
    gone = {"video": "dg==", "stats": {}, "job_id": "job_0123456789ab"}
    played = Played([Answer(504, {}, b"<html>"), answer(told=gone)])
    assert played.run(core.process_video(b"v", rights_confirmed=True)).video == b"v"


def test_an_answer_that_does_not_come_in_time_leaves_the_job() -> None:
    call = Core(ACCESS).process_video(b"v", rights_confirmed=True, idempotency_key="order-17", wait_seconds=0)
    with pytest.raises(PendingError, match="order-17"):
        Played([LineError("ReadTimeout")]).run(call)


def test_an_endpoint_without_keys_is_asked_once() -> None:
    with pytest.raises(UnavailableError):
        Played([BROKEN]).run(EndpointCore(ACCESS).process_video(b"v"))
    played = Played([answer(told={"video": "dg==", "stats": {"mode": "auto"}})])
    clean, stats = played.run(EndpointCore(ACCESS).process_video(b"v", "auto", "sora"))
    assert (clean, stats) == (b"v", {"mode": "auto"})
    (request,) = played.requests
    assert json.loads(request.content) == {"mode": "auto", "platform": "sora", "name": "video.mp4", "video": "dg=="}
    assert (request.headers["Modal-Key"], request.headers["Modal-Secret"]) == ("wk-key", f"ws-{SECRET}")


# Errors


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (problem(404, "not_found"), NotFoundError),
        (problem(422, "invalid_request"), OptionError),
        (problem(401, "unauthorized"), UnauthorizedError),
        (problem(403, "forbidden"), ForbiddenError),
        (problem(409, "conflict"), ConflictError),
        (problem(413, "too_large"), TooLargeError),
        (problem(499, "cancelled"), CancelledError),
        (problem(500, "decode"), DecodeError),
        (problem(504, "pending"), PendingError),
        (problem(507, "write"), WriteError),
        (problem(423, "locked"), UnavailableError),
        (problem(429, "too_many_requests"), UnavailableError),
        (problem(500, "internal"), EngineError),
        (problem(500, "as_dict"), EngineError),
        (Answer(413, {"content-type": "text/html"}, b"<html>"), TooLargeError),
        (Answer(502, {"content-type": "application/json"}, b"{"), UnavailableError),
        (Answer(404, {"content-type": "application/json"}, b"[1]"), NotFoundError),
    ],
)
def test_every_refusal_has_its_place_in_the_tree(told: Answer, kind: type[BlankLogoError]) -> None:
    assert type(error_of(told)) is kind


def test_an_error_keeps_what_the_service_said() -> None:
    told = problem(409, "conflict", "job_1 is queued; accepted: a job that failed", hint="wait")
    error = error_of(told)
    assert (error.came, error.accepted, error.hint) == ("job_1 is queued", "a job that failed", "wait")
    assert (error.code, error.request_id) == ("conflict", "req_0123456789abcdef")
    for copy in (pickle.loads(pickle.dumps(error)), from_dict(error.as_dict()), error.renamed("job_1", "it")):
        assert (type(copy), copy.code, copy.request_id) == (ConflictError, "conflict", "req_0123456789abcdef")
    assert "req_0123456789abcdef" in str(error_of(problem(503, "unavailable")))


def test_an_error_that_an_endpoint_tells_whole_comes_back_whole() -> None:
    error = TooLargeError("much", accepted="less", hint="smaller")
    back = error_of(answer(422, {"title": "t", "detail": str(error), **error.as_dict()}))
    assert (type(back), back.came, back.accepted, back.hint) == (TooLargeError, "much", "less", "smaller")


@given(st.binary(max_size=200), st.integers(400, 599), st.sampled_from(["application/json", "text/html", ""]))
def test_whatever_is_answered_is_an_error_of_the_tree(body: bytes, status: int, kind: str) -> None:
    assert isinstance(error_of(Answer(status, {"content-type": kind}, body)), BlankLogoError)


@given(
    st.dictionaries(
        st.sampled_from(["code", "detail", "hint", "error", "came", "request_id"]),
        st.none() | st.integers() | st.text(),
    )
)
def test_whatever_a_problem_holds_is_an_error_of_the_tree(told: dict) -> None:
    assert str(error_of(answer(422, told)))


# Secrets


def test_secrets_are_in_no_repr_and_no_error() -> None:
    shown = [repr(ACCESS), str(ACCESS), repr(GET), repr(GET.with_headers(x=SECRET)), repr(ACCESS.request("GET", "/y"))]
    for answers in (
        [BROKEN] * 6,
        [REFUSED] * 6,
        [Answer(418, {})],
        [Answer(302, {"location": f"http://u:{SECRET}@h/"})],
    ):
        with pytest.raises(BlankLogoError) as caught:
            Played(answers).run(asked(GET))
        shown += [repr(caught.value), str(caught.value.as_dict())]
    assert "tok_0123456789ab" in str(ACCESS)
    assert SECRET not in " ".join(shown)


@pytest.mark.parametrize(
    ("url", "token"),
    [
        (f"http://user:{SECRET}@127.0.0.1", None),
        ("ftp://127.0.0.1", None),
        ("http://", None),
        (f"http://h/?token={SECRET}", None),
        (HERE, f"tok:{SECRET}\r\nX: y"),
        (HERE, f"tok:{SECRET} "),
        (HERE, f"tok:{SECRET}ü"),
    ],
)
def test_what_can_be_no_service_or_no_token_is_refused_without_repeating_it(url: str, token: str | None) -> None:
    with pytest.raises(OptionError) as caught:
        Access(url, token)
    assert SECRET not in str(caught.value)


def test_the_environment_says_what_was_not_given() -> None:
    environ = {"BLANKLOGO_URL": "https://a.example/b/", "BLANKLOGO_TOKEN": "tok_1:x"}
    assert Access.of(None, None, environ=environ) == Access("https://a.example/b", "tok_1:x")
    assert Access.of("http://c", "tok_2:y", environ=environ) == Access("http://c", "tok_2:y")
    with pytest.raises(OptionError, match="BLANKLOGO_URL"):
        Access.of(None, None, environ={})


# Event streams

STREAM = (
    b': ping\r\n\r\nevent: progress\r\nid: 3\r\ndata: {"a":\r\ndata: 1}\r\n\r\n'
    b"data:plain\n\nevent: completed\rdata: \xc3\xbc\r\rid: 4\n\nevent: lost\n\nevent: progress\ndata: cut"
)
EVENTS = [
    ServerEvent("progress", '{"a":\n1}', "3"),
    ServerEvent("message", "plain", "3"),
    ServerEvent("completed", "ü", "3"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_says_the_same_however_it_is_cut(cuts: list[int]) -> None:
    reader, edges = EventReader(), [0, *sorted(cuts), len(STREAM)]
    found = [event for a, b in pairwise(edges) for event in reader.feed(STREAM[a:b])]
    assert found == EVENTS


def test_a_line_without_an_end_is_given_up() -> None:
    reader = EventReader()
    pieces = [b"x" * (1 << 20)] * 20
    with pytest.raises(UnavailableError):
        [event for piece in pieces for event in reader.feed(piece)]


# Names


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("clip.clean.mp4", "clip.clean.mp4"),
        ("../../etc/passwd", "etcpasswd"),
        ("C:\\x\0\n.mp4", "Cx.mp4"),
        ("..", "video.mp4"),
    ],
)
def test_a_name_from_elsewhere_is_no_path(name: str, kept: str, tmp_path) -> None:
    assert place_for(name, tmp_path) == tmp_path / kept
    assert place_for(name, tmp_path / "own.mp4") == tmp_path / "own.mp4"


# What it costs


def test_the_package_is_light_until_a_client_is_asked_for() -> None:
    code = "import sys; before = set(sys.modules); import blanklogo.client; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in done.stdout.split()} & {"httpx2", "numpy", "fastapi", "sqlalchemy"}


def test_a_client_needs_no_extra(tmp_path: Path) -> None:
    """Every package that an extra brings is kept from being imported."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].values()
    names = {re.match(r"[\w-]+", one)[0].replace("-", "_") for extra in extras for one in extra} | {"pydantic"}
    code = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:]));"
        "from blanklogo.client import Client, process_video;"
        "import blanklogo.cli.jobs, blanklogo.cli.health; Client('http://127.0.0.1:9').close()"
    )
    subprocess.run([sys.executable, "-c", code, *names], cwd=tmp_path, check=True)
