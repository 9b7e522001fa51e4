"""The RunPod handler in RunPod's own SDK: its local API server, and its worker's loop against a RunPod on loopback."""

from __future__ import annotations

import base64
import json
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clip_checks import check_clean
from local_http import ANSWER_SECONDS, Answer, Media, free_port, post, serving, wait_until_it_answers
from runners import Started

from blanklogo.errors import OptionError, from_dict
from blanklogo.testbed.cases import Case
from blanklogo.wire import STATS

pytest.importorskip("runpod")

HANDS_EMPTY_SECONDS = 0.2  # how long a worker that asks for a job waits for none


class RunPod:
    """What RunPod is to a worker: hands out jobs, and hears progress and results."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[dict[str, Any]] = queue.Queue()
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        if method == "POST":
            self.heard.put(json.loads(body))
            return 200, {}, b"{}"
        if not path.startswith("/job-take/"):
            return 200, {}, b"{}"  # it says that it is alive
        try:
            job = self.jobs.get(timeout=HANDS_EMPTY_SECONDS)
        except queue.Empty:
            return 204, {}, b""
        return 200, {"Content-Type": "application/json"}, json.dumps(job).encode()

    def done(self, job: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A job's result, and the progress that was told before it."""
        self.jobs.put(job)
        end, progress = time.monotonic() + ANSWER_SECONDS, []
        while (told := self.heard.get(timeout=end - time.monotonic())).get("status") == "IN_PROGRESS":
            progress.append(told["output"])
        return told, progress


@pytest.fixture(scope="module")
def runpod(started: Started) -> Iterator[RunPod]:
    service = RunPod()
    with serving(service.answer) as address:
        started(
            "runpod",
            ["handler.py"],
            RUNPOD_WEBHOOK_GET_JOB=f"http://{address}/job-take/$ID?gpu=none",
            RUNPOD_WEBHOOK_POST_OUTPUT=f"http://{address}/job-done/$ID?gpu=none",
            RUNPOD_WEBHOOK_PING=f"http://{address}/ping/$RUNPOD_POD_ID",
            RUNPOD_AI_API_KEY="none",
            RUNPOD_SKIP_AUTO_SYSTEM_CHECKS="true",  # they look for the internet
            RUNPOD_SKIP_GPU_CHECK="true",
        )
        yield service


@pytest.fixture
def body(case: Case) -> dict[str, Any]:
    video = base64.b64encode(case.marked.read_bytes()).decode()
    return {"video": video, "boxes": [place.box.as_list() for place in case.places], "platform": "runway"}


def test_a_job_comes_back_clean(runpod: RunPod, body: dict[str, Any], case: Case, tmp_path: Path) -> None:
    result, progress = runpod.done({"id": "job-1", "input": body})
    check_clean(case, base64.b64decode(result["output"]["video"]), tmp_path)
    assert set(result["output"]["stats"]) == set(STATS)
    assert (progress[0]["type"], progress[0]["stage"]) == ("progress", "look")


def test_a_job_that_does_not_fit_fails_with_the_whole_error(runpod: RunPod) -> None:
    result, _ = runpod.done({"id": "job-2", "input": {"video": "AAAA", "mode": "erase"}})
    error = from_dict(json.loads(result["error"]))
    assert isinstance(error, OptionError)
    assert error.accepted == "auto, inpaint, crop"


def test_a_url_that_leads_inside_is_refused(runpod: RunPod, media: Media) -> None:
    result, _ = runpod.done({"id": "job-3", "input": {"video_url": media.url, "output_url": media.output_url}})
    error = from_dict(json.loads(result["error"]))
    assert isinstance(error, OptionError)
    assert "names no public host" in error.came
    assert media.asked == []


def test_the_local_server_answers_too(started: Started, body: dict[str, Any], case: Case) -> None:
    port = free_port()
    started("runpod", ["handler.py", "--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port)])
    wait_until_it_answers(f"http://127.0.0.1:{port}/openapi.json")
    _, answer = post(f"http://127.0.0.1:{port}/runsync", {"input": body | {"dry_run": True}})
    assert answer["status"] == "COMPLETED"
    stats = answer["output"]["stats"]
    assert (stats["platform"], stats["frames_processed"]) == ("runway", case.num_frames)
