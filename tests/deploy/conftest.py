"""A small marked clip, and what the handlers run in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from local_http import Answer, Media, serving
from runners import Started, running

from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    scene = Scene("cuts", 320, 180, 40, seed=8)
    return make_case(scene, draw_mark("wordmark"), tmp_path_factory.mktemp("marked"), Burning(scale=0.55, crf=20))


@pytest.fixture
def media(case: Case) -> Iterator[Media]:
    def answer(method: str, path: str, body: bytes) -> Answer:
        seen.asked.append(f"{method} {path}")
        if method == "PUT":
            seen.taken.append(body)
        return 200, {}, case.marked.read_bytes() if method == "GET" else b""

    with serving(answer) as address:
        seen = Media(f"http://{address}/clip.mp4", f"http://{address}/out.mp4")
        yield seen


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Starts a handler in its runner; all are ended with the module."""
    with ExitStack() as stack:

        def start(provider: str, arguments: list[str], **variables: str) -> None:
            log = tmp_path_factory.mktemp(provider) / "log"
            stack.enter_context(running(provider, arguments, variables, log))

        yield start
