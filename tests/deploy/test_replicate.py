"""The Replicate predictor in Cog's own server."""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path

import pytest
from clip_checks import check_clean
from local_http import free_port, post, wait_until_it_answers
from runners import DEPLOY, Started

from blanklogo.testbed.cases import Case
from blanklogo.types import Mode, Platform

pytest.importorskip("cog")


@pytest.fixture(scope="module")
def server(started: Started) -> str:
    port = free_port()
    started("replicate", ["-m", "cog.server.http"], COG_PREDICT_TYPE_STUB="predict.py:Predictor", PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    wait_until_it_answers(f"{url}/health-check", lambda body: json.loads(body)["status"] == "READY")
    return url


def test_a_video_comes_back_clean(server: str, case: Case, tmp_path: Path) -> None:
    (place,) = case.places
    x0, y0 = place.box.x0, place.box.y0
    given = {
        "video": "data:video/mp4;base64," + base64.b64encode(case.marked.read_bytes()).decode(),
        "box": f"{x0},{y0},{place.box.width},{place.box.height}",
        "platform": "sora",
    }
    status, answer = post(f"{server}/predictions", {"input": given})
    assert (status, answer["status"]) == (200, "succeeded")
    head, _, video = answer["output"]["video"].partition(",")
    assert head.startswith("data:video/mp4")
    check_clean(case, base64.b64decode(video), tmp_path)
    report = answer["output"]["report"]
    assert (report["platform"], report["tracks"][0]["box"]) == ("sora", place.box.as_list())
    assert "restore" in answer["logs"]


def test_what_does_not_fit_is_named(server: str, case: Case) -> None:
    video = "data:video/mp4;base64," + base64.b64encode(case.marked.read_bytes()).decode()
    _, answer = post(f"{server}/predictions", {"input": {"video": video, "box": "here"}})
    assert answer["status"] == "failed"
    assert "accepted: X,Y,W,H" in answer["error"]


def test_its_choices_are_ours() -> None:
    """Cog reads them as they stand in the source, so they are written out there."""
    spec = importlib.util.spec_from_file_location("predict", DEPLOY / "replicate" / "predict.py")
    predict = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(predict)
    _, mode, platform, _ = predict.Predictor.predict.__defaults__
    assert mode.choices == list(Mode)
    assert platform.choices == ["none", *Platform]
