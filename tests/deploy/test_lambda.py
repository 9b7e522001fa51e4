"""The Lambda handler in AWS's own runtime client, against a Runtime API on loopback."""

from __future__ import annotations

import base64
import json
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clip_checks import check_clean
from local_http import ANSWER_SECONDS, Answer, Media, serving
from runners import Started

from blanklogo.errors import BudgetError, OptionError, from_dict
from blanklogo.testbed.cases import Case

pytest.importorskip("awslambdaric")

Invoke = Callable[..., Any]


class RuntimeApi:
    """What Lambda is to a function: hands out one event after the other and takes the answers.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[bytes, float] | None] = queue.Queue()
        self.answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._num = 0

    def invoke(self, event: Any, seconds: float = 900) -> Any:
        """The function's answer.

        Args:
            event: JSON-like.
            seconds: that the function is told it has.
        """
        self.events.put((json.dumps(event).encode(), seconds))
        path, answer = self.answers.get(timeout=ANSWER_SECONDS)
        assert path.endswith("/response"), answer
        return answer

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        if method == "POST":
            self.answers.put((path, json.loads(body)))
            return 202, {}, b""
        given = self.events.get()
        if given is None:
            return 500, {}, b""
        self._num += 1
        headers = {
            "Lambda-Runtime-Aws-Request-Id": f"request-{self._num}",
            "Lambda-Runtime-Deadline-Ms": str(round((time.time() + given[1]) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:1:function:blanklogo",
            "Content-Type": "application/json",
        }
        return 200, headers, given[0]


@pytest.fixture(scope="module")
def invoke(started: Started) -> Iterator[Invoke]:
    api = RuntimeApi()
    with serving(api.answer) as address:
        started("lambda", ["-m", "awslambdaric", "handler.handler"], AWS_LAMBDA_RUNTIME_API=address)
        yield api.invoke
        api.events.put(None)  # lets the waiting request go


@pytest.fixture(scope="module")
def invoke_allowed(started: Started) -> Iterator[Invoke]:
    """The same where the operator's own store is on this machine."""
    api = RuntimeApi()
    variables = {"BLANKLOGO_ALLOWED_HOSTS": "minio.internal,127.0.0.1"}
    with serving(api.answer) as address:
        started("lambda", ["-m", "awslambdaric", "handler.handler"], AWS_LAMBDA_RUNTIME_API=address, **variables)
        yield api.invoke
        api.events.put(None)


@pytest.fixture
def body(case: Case) -> dict[str, Any]:
    video = base64.b64encode(case.marked.read_bytes()).decode()
    return {"video": video, "boxes": [place.box.as_list() for place in case.places]}


def test_a_video_comes_back_clean(invoke: Invoke, case: Case, body: dict[str, Any], tmp_path: Path) -> None:
    answer = invoke(body)
    check_clean(case, base64.b64decode(answer["video"]), tmp_path)
    assert answer["stats"]["frames_processed"] == case.num_frames


@pytest.mark.parametrize("is_base64", [False, True])
def test_behind_http(invoke: Invoke, body: dict[str, Any], is_base64: bool) -> None:
    text = json.dumps(body | {"dry_run": True})
    event = {
        "requestContext": {"http": {"method": "POST"}},
        "body": base64.b64encode(text.encode()).decode() if is_base64 else text,
        "isBase64Encoded": is_base64,
    }
    answer = invoke(event)
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "application/json")
    assert json.loads(answer["body"])["report"]["verify"]["status"] == "planned"


def test_what_does_not_fit_is_answered(invoke: Invoke) -> None:
    assert isinstance(from_dict(invoke({"mode": "auto"})), OptionError)
    refused = invoke({"requestContext": {}, "body": "no JSON"})
    assert (refused["statusCode"], json.loads(refused["body"])["error"]) == (400, "OptionError")


def test_a_url_that_leads_inside_is_refused(invoke: Invoke, media: Media) -> None:
    given = {"video_url": media.url, "output_url": media.output_url}
    refused = from_dict(invoke(given))
    assert isinstance(refused, OptionError)
    assert f"{media.output_url} names no public host" in str(refused)
    answer = invoke({"requestContext": {}, "body": json.dumps({"video_url": media.url})})
    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (400, "OptionError")
    assert media.asked == []


def test_one_that_the_operator_allows_is_fetched_and_written_to(
    invoke_allowed: Invoke, media: Media, case: Case, body: dict[str, Any], tmp_path: Path
) -> None:
    given = {"video_url": media.url, "output_url": media.output_url, "boxes": body["boxes"]}
    answer = invoke_allowed(given)
    assert (answer["video"], answer["output"]) == (None, media.output_url)
    assert media.asked == ["GET /clip.mp4", "PUT /out.mp4"]
    check_clean(case, media.taken[0], tmp_path)


def test_when_the_time_is_nearly_over_it_says_so(invoke: Invoke, body: dict[str, Any]) -> None:
    assert isinstance(from_dict(invoke(body, seconds=4)), BudgetError)
