"""deploy/modal_app.py, deployed by the real command onto a control plane on loopback, and called as users call it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import modal
import pytest
import requests
from media_server import serving_media
from modal_proto import api_pb2
from modal_stage import DEPLOY_FILE, ENTRY, SHOWN, marked_clip, rehearsed

from blanklogo.errors import OptionError
from blanklogo.rehearsal.control_plane import Rehearsal

PATIENCE_SECONDS = 120
HEADERS = {"Authorization": f"Bearer {SHOWN}"}
SETTINGS = {
    "BLANKLOGO_GPU": "L4, A10G",
    "BLANKLOGO_TIMEOUT_SECONDS": "321",
    "BLANKLOGO_MEMORY_BYTES": str(3 << 30),
    "BLANKLOGO_SCALEDOWN_WINDOW_SECONDS": "33",
    "BLANKLOGO_STARTUP_TIMEOUT_SECONDS": "99",
    "BLANKLOGO_MAX_WORKERS": "3",
    "BLANKLOGO_RETRIES": "1",
}


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    with rehearsed(DEPLOY_FILE, **SETTINGS) as rehearsal:
        yield rehearsal


@pytest.fixture(scope="module")
def url(rehearsal: Rehearsal) -> str:
    return modal.Function.from_name("blanklogo-watermark-removal", "web").get_web_url()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return marked_clip(tmp_path_factory.mktemp("clip")).read_bytes()


def function(rehearsal: Rehearsal, name: str) -> api_pb2.Function:
    return next(one.proto for one in rehearsal.state.functions.values() if one.proto.function_name == name)


def post(url: str, body: Any, headers: dict[str, str] | None = None) -> requests.Response:
    return requests.post(url, json=body, headers=HEADERS if headers is None else headers, timeout=PATIENCE_SECONDS)


# The file

LIGHT = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("modal_app", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} & {"numpy", "cv2", "av", "scipy", "fastapi"})))
"""


def test_reading_the_file_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT, str(DEPLOY_FILE)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("BLANKLOGO_GPU", "A11", "T4, L4, A10, L40S"),
        ("BLANKLOGO_SCALEDOWN_WINDOW_SECONDS", "1", "2 to 3600 on Modal"),
        ("BLANKLOGO_TOKENS", "me:plain-secret", "never the secret"),
        ("BLANKLOGO_ALLOWED_HOSTS", "10.0.0.0/33", "addresses and blocks of addresses"),
    ],
)
def test_a_slip_is_refused_before_anything_is_deployed(variable: str, value: str, said: str) -> None:
    environment = os.environ | {variable: value}
    command = [sys.executable, "-c", LIGHT, str(DEPLOY_FILE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"OptionError: {value}"[:13] in done.stderr
    assert said in done.stderr


def test_the_extras_are_those_of_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    text = DEPLOY_FILE.read_text()
    pins = text.partition("EXTRAS = (")[2].partition(")")[0].replace('"', "").split(", ")
    lock = (DEPLOY_FILE.parents[1] / "requirements" / "dev.lock").read_text()
    assert len(pins) == 3
    assert not [pin for pin in pins if f"\n{pin} \\" not in lock]


def test_every_figure_of_the_spec_reaches_the_deployed_class(rehearsal: Rehearsal) -> None:
    worker = function(rehearsal, "WatermarkRemover.*")
    deployed = next(one for one in rehearsal.state.functions.values() if one.proto is worker)
    assert deployed.data is not None
    ranked = [one.function.resources.gpu_config.gpu_type for one in deployed.data.ranked_functions]
    assert ranked == ["L4", "A10"]
    assert (worker.resources.milli_cpu, worker.resources.memory_mb, worker.resources.memory_mb_max) == (
        2000,
        3072,
        3072,
    )
    assert (worker.timeout_secs, worker.startup_timeout_secs, worker.retry_policy.retries) == (321, 99, 1)
    settings = worker.autoscaler_settings
    assert (settings.min_containers, settings.max_containers, settings.scaledown_window) == (0, 3, 33)
    assert worker.checkpointing_enabled


def test_the_web_side_has_no_gpu_and_the_worker_no_tokens(rehearsal: Rehearsal) -> None:
    web, worker = function(rehearsal, "web"), function(rehearsal, "WatermarkRemover.*")
    assert web.resources.gpu_config.count == 0
    known = [rehearsal.state.secrets[secret_id] for secret_id in web.secret_ids]
    assert {"BLANKLOGO_TOKENS": ENTRY} in known
    assert not [one for name in worker.secret_ids if "BLANKLOGO_TOKENS" in (one := rehearsal.state.secrets[name])]


def test_our_own_source_is_what_is_sent(rehearsal: Rehearsal) -> None:
    sent = {name for mount in rehearsal.state.mounts.values() for name in mount}
    assert any(name.endswith("/blanklogo/remover.py") for name in sent)
    assert any(name.endswith("/modal_app.py") for name in sent)
    assert not [name for name in sent if name.endswith((".pyc", ".mp4"))]


# By SDK


def test_the_guides_call_gives_clean_bytes_and_its_seven_figures(rehearsal: Rehearsal, clip: bytes) -> None:
    remover = modal.Cls.from_name("blanklogo-watermark-removal", "WatermarkRemover")()
    clean, stats = remover.process_video.remote(clip, "auto", "sora")
    assert clean[4:8] == b"ftyp"
    assert set(stats) == {
        *("mode", "platform", "input_size_mb", "output_size_mb"),
        *("frames_processed", "watermarks_detected", "processing_time_s"),
    }
    assert (stats["mode"], stats["platform"], stats["frames_processed"]) == ("auto", "sora", 50)


def test_the_streaming_form_ends_with_the_result(rehearsal: Rehearsal, clip: bytes) -> None:
    remover = modal.Cls.from_name("blanklogo-watermark-removal", "WatermarkRemover")()
    kinds = [message["type"] for message in remover.run.remote_gen({"source": clip})]
    assert (kinds[0], kinds[-1], kinds.count("result")) == ("progress", "result", 1)


# By HTTP


def test_the_guides_client_code_gets_its_answer(url: str, clip: bytes) -> None:
    response = requests.post(
        f"{url}/process_video_http",
        headers={"Authorization": f"Bearer {SHOWN}", "Content-Type": "application/json"},
        json={"video": base64.b64encode(clip).decode("utf-8"), "mode": "auto", "platform": "sora"},
        timeout=PATIENCE_SECONDS,
    )
    assert response.status_code == 200
    result = response.json()
    assert base64.b64decode(result["video"])[4:8] == b"ftyp"
    assert result["stats"]["watermarks_detected"] == 1


def test_health_is_for_anyone(url: str) -> None:
    answer = requests.get(f"{url}/health", timeout=PATIENCE_SECONDS).json()
    assert (answer["status"], answer["is_open"]) == ("healthy", True)


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Basic {known}", "Bearer tests:guessed", "Bearer x{known}"])
@pytest.mark.parametrize("path", ["/process_video_http", "/jobs"])
def test_a_stranger_is_told_how_to_be_known(url: str, path: str, shown: str | None) -> None:
    response = post(url + path, {}, {} if shown is None else {"Authorization": shown.format(known=SHOWN)})
    assert (response.status_code, response.headers["Content-Type"]) == (401, "application/problem+json")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Authorization: Bearer ID:SECRET" in response.json()["detail"]


def test_a_body_over_50_mb_is_refused_with_another_way(url: str) -> None:
    headers = HEADERS | {"Content-Type": "application/json"}
    response = requests.post(f"{url}/jobs", data=b" " * 50_000_001, headers=headers, timeout=PATIENCE_SECONDS)
    assert (response.status_code, response.headers["Content-Type"]) == (413, "application/problem+json")
    assert "50 MB" in response.json()["detail"]
    assert "video_url" in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "without a video"),
        ({"video": "%%%"}, "no base64"),
        ({"video": "aGk=", "mode": "erase"}, "auto, inpaint, crop"),
        ({"video": "aGk=", "colour": "red"}, "body with colour"),
        ({"video_url": "/etc/passwd"}, "https:"),
    ],
)
def test_a_body_that_does_not_fit_is_told_what_would(url: str, body: dict[str, Any], said: str) -> None:
    response = post(f"{url}/process_video_http", body)
    problem = response.json()
    assert (response.status_code, problem["status"]) == (422, 422)
    assert said in problem["detail"]


def test_a_url_that_leads_inside_is_refused_by_the_worker(rehearsal: Rehearsal, url: str, clip: bytes) -> None:
    with serving_media({"/clip.mp4": clip}) as (inside, asked):
        given = {"video_url": f"{inside}/clip.mp4", "output_url": f"{inside}/out.mp4"}
        response = post(f"{url}/process_video_http", given)
        assert (response.status_code, response.json()["error"]) == (422, "OptionError")
        assert "names no public host" in response.json()["detail"]
        remover = modal.Cls.from_name("blanklogo-watermark-removal", "WatermarkRemover")()
        with pytest.raises(OptionError, match="names no public host"):
            list(remover.run.remote_gen({"source": f"{inside}/clip.mp4", "is_guarded": False}))
        assert asked == []


def test_what_is_no_video_is_the_callers_to_mend(url: str) -> None:
    response = post(f"{url}/process_video_http", {"video": base64.b64encode(b"not a video").decode()})
    assert (response.status_code, response.json()["error"]) == (422, "SourceError")


def test_a_job_is_submitted_followed_and_fetched(url: str, clip: bytes) -> None:
    submitted = post(f"{url}/jobs", {"video": base64.b64encode(clip).decode()})
    assert submitted.status_code == 202
    job = submitted.json()
    with requests.get(url + job["events_url"], headers=HEADERS, stream=True, timeout=PATIENCE_SECONDS) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines(decode_unicode=True) if line]
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert {message["stage"] for message in told if message.get("type") == "progress"} >= {"look", "restore"}
    assert lines[-2:] == ["event: end", "data: {}"]
    done = requests.get(url + job["url"], headers=HEADERS, timeout=PATIENCE_SECONDS).json()
    assert (done["status"], done["stats"]["frames_processed"]) == ("done", 50)
    assert base64.b64decode(done["video"])[4:8] == b"ftyp"


def test_a_job_is_asked_after_and_cancelled(url: str, clip: bytes) -> None:
    long = {"video": base64.b64encode(clip).decode(), "quality": 0}
    jobs = [post(f"{url}/jobs", long).json() for _ in range(4)]  # more than there are workers: one waits
    states = [requests.get(url + job["url"], headers=HEADERS, timeout=PATIENCE_SECONDS).json() for job in jobs]
    assert states[-1]["status"] == "queued"
    for job in jobs:
        answer = requests.delete(url + job["url"], headers=HEADERS, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 202
    for job in jobs:
        assert until_over(url + job["url"])["status"] in ("cancelled", "done")
    assert until_over(url + jobs[-1]["url"])["status"] == "cancelled"


def until_over(job_url: str) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        state = requests.get(job_url, headers=HEADERS, timeout=PATIENCE_SECONDS).json()
        if state["status"] not in ("queued", "running"):
            return state
        time.sleep(0.1)
    raise AssertionError(f"{job_url} does not end")


@pytest.mark.parametrize("job_id", ["fc-000001", "fc-000001.0123456789abcdef", "fc-000001."])
def test_a_job_that_the_token_did_not_submit_is_not_there(url: str, job_id: str) -> None:
    response = requests.get(f"{url}/jobs/{job_id}", headers=HEADERS, timeout=PATIENCE_SECONDS)
    assert (response.status_code, response.json()["detail"]) == (404, "no such job of this token")


def test_a_worker_goes_inside_where_the_deployment_allows_it(rehearsal: Rehearsal, clip: bytes) -> None:
    files = {"/clip.mp4": clip}
    with (
        serving_media(files) as (inside, asked),
        rehearsed(DEPLOY_FILE, BLANKLOGO_ALLOWED_HOSTS="minio.internal,127.0.0.0/8") as allowing,
    ):
        worker = function(allowing, "WatermarkRemover.*")
        known = [allowing.state.secrets[secret_id] for secret_id in worker.secret_ids]
        assert {"BLANKLOGO_ALLOWED_HOSTS": "minio.internal,127.0.0.0/8"} in known
        allowing_url = modal.Function.from_name("blanklogo-watermark-removal", "web").get_web_url()
        given = {"video_url": f"{inside}/clip.mp4", "output_url": f"{inside}/out.mp4"}
        answer = post(f"{allowing_url}/process_video_http", given).json()
        assert answer["output"] == f"{inside}/out.mp4"
        assert asked == ["GET /clip.mp4", "PUT /out.mp4"]
    assert files["/out.mp4"][4:8] == b"ftyp"


def test_without_tokens_the_web_side_is_closed(rehearsal: Rehearsal, tmp_path: Path) -> None:
    with rehearsed(DEPLOY_FILE, BLANKLOGO_TOKENS="", BLANKLOGO_PROXY_AUTH="1"):
        closed_url = modal.Function.from_name("blanklogo-watermark-removal", "web").get_web_url()
        assert requests.get(f"{closed_url}/health", timeout=PATIENCE_SECONDS).status_code == 401, "the proxy asks first"
        proxy = {"Modal-Key": "wk-rehearsal", "Modal-Secret": "ws-rehearsal"}
        health = requests.get(f"{closed_url}/health", headers=proxy, timeout=PATIENCE_SECONDS).json()
        assert health["is_open"] is False
        assert post(f"{closed_url}/jobs", {}, HEADERS | proxy).status_code == 401
