"""`process_video` against deploy/modal_app.py, deployed by Modal's own command onto a control plane on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking_clients import asking

modal = pytest.importorskip("modal")

sys.path.append(str(Path(__file__).parents[1] / "engines"))

from modal_stage import DEPLOY_FILE, SHOWN, deploy, marked_clip  # noqa: E402

from blanklogo.errors import OptionError, UnauthorizedError  # noqa: E402
from blanklogo.rehearsal.control_plane import Rehearsal  # noqa: E402

PROXY = {"proxy_key": "wk-rehearsal", "proxy_secret": "ws-rehearsal"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Behind Modal's proxy, which asks for its own key, and sends who waits for half a second round again by 303."""
    with Rehearsal(web_cutoff_seconds=0.5) as rehearsal, rehearsal.as_the_environment():
        deploy(DEPLOY_FILE, BLANKLOGO_PROXY_AUTH="1")
        yield modal.Function.from_name("blanklogo-watermark-removal", "web").get_web_url()


@pytest.mark.parametrize("kind", ["waiting", "awaited"])
def test_bytes_in_bytes_out_at_a_modal_endpoint(url: str, kind: str, tmp_path: Path) -> None:
    clip = marked_clip(tmp_path).read_bytes()
    with asking(kind, url, SHOWN, is_endpoint=True, **PROXY) as endpoint:
        assert endpoint.health().status == "healthy"
        done = endpoint.process_video(clip, "auto", "tiktok")
        clean, stats = done
        assert b"ftyp" in clean[:12]
        assert clean != clip
        assert (stats["frames_processed"], stats["platform"]) == (50, "tiktok")
        assert done.report.frames_processed == 50
        with pytest.raises(OptionError):
            endpoint.process_video(clip, name="../clip.mp4")


def test_the_proxys_keys_and_the_endpoints_token_are_both_asked_for(url: str) -> None:
    with asking("waiting", url, SHOWN, is_endpoint=True) as endpoint, pytest.raises(UnauthorizedError):
        endpoint.process_video(b"video")
    with asking("waiting", url, SHOWN[:-3] + "xxx", is_endpoint=True, **PROXY) as endpoint:
        with pytest.raises(UnauthorizedError) as caught:
            endpoint.process_video(b"video")
        assert "ID:SECRET" in str(caught.value)
        assert SHOWN.partition(":")[2][:-3] not in str(caught.value)
