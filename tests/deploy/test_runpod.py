"""The RunPod handler in RunPod's own local API server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clip_checks import check_clean
from local_http import Answer, free_port, post, serving, wait_until_it_answers
from runners import Started

from blanklogo.errors import OptionError, from_dict
from blanklogo.testbed.cases import Case
from blanklogo.wire import STATS

pytest.importorskip("runpod")


@pytest.fixture(scope="module")
def told() -> list[Any]:
    """What the handler told RunPod while it worked."""
    return []


@pytest.fixture(scope="module")
def endpoint(started: Started, told: list[Any]) -> Iterator[str]:
    def hear(_: str, __: str, body: bytes) -> Answer:
        told.append(json.loads(body))
        return 200, {}, b"{}"

    port = free_port()
    with serving(hear) as runpod:
        started(
            "runpod",
            ["handler.py", "--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port)],
            RUNPOD_WEBHOOK_POST_OUTPUT=f"http://{runpod}/$ID?gpu=none",
        )
        wait_until_it_answers(f"http://127.0.0.1:{port}/openapi.json")
        yield f"http://127.0.0.1:{port}/runsync"


def test_a_video_comes_back_clean(endpoint: str, told: list[Any], case: Case, tmp_path: Path) -> None:
    body = {
        "video": base64.b64encode(case.marked.read_bytes()).decode(),
        "boxes": [place.box.as_list() for place in case.places],
        "platform": "runway",
    }
    _, answer = post(endpoint, {"input": body})
    assert answer["status"] == "COMPLETED"
    output = answer["output"]
    check_clean(case, base64.b64decode(output["video"]), tmp_path)
    assert set(output["stats"]) == set(STATS)
    assert (output["stats"]["platform"], output["stats"]["frames_processed"]) == ("runway", case.num_frames)
    assert [one["output"]["type"] for one in told][:1] == ["progress"]


def test_what_does_not_fit_fails_with_the_whole_error(endpoint: str) -> None:
    _, answer = post(endpoint, {"input": {"video": "AAAA", "mode": "erase"}})
    assert answer["status"] == "FAILED"
    error = from_dict(json.loads(answer["error"]))
    assert isinstance(error, OptionError)
    assert error.accepted == "auto, inpaint, crop"
