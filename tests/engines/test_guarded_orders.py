"""An order that others made is done without going where they could not; a user's own goes where it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from media_server import serving_media

from blanklogo.engines.base import GUARDED_REMOVER, REMOVER
from blanklogo.engines.modal.means import carried
from blanklogo.engines.modal.worker import ModalWorker
from blanklogo.engines.open import open_engine
from blanklogo.engines.parcel import packed, unpacked
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import LoadError, OptionError
from blanklogo.remover import GuardedRemover, Remover
from blanklogo.testbed.cases import Burning, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Order
from blanklogo.wire import order_from_body

VARIABLE = "BLANKLOGO_ALLOWED_HOSTS"
Web = tuple[str, list[str], dict[str, bytes]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = Scene("hike", 160, 96, 12, seed=8)
    return make_case(scene, draw_mark("wordmark"), tmp_path_factory.mktemp("clip"), Burning(crf=20)).marked


@pytest.fixture
def web(clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.delenv(VARIABLE, raising=False)
    files = {"/clip.mp4": clip.read_bytes()}
    with serving_media(files) as (url, asked):
        yield url, asked, files


def body(url: str) -> dict[str, Any]:
    return {"video_url": f"{url}/clip.mp4", "output_url": f"{url}/out.mp4", "boxes": [[8, 8, 40, 24]]}


def loaded(kind: type[Remover]) -> Remover:
    remover = kind()
    remover.load()
    return remover


def test_a_bodys_order_is_guarded_on_its_way_too() -> None:
    order = order_from_body({"video_url": "https://films.example/a.mp4"})
    assert order.is_guarded
    assert Order.from_dict(order.as_dict()).is_guarded
    assert not Order("/videos/a.mp4").is_guarded


def test_a_body_cannot_say_that_it_is_not() -> None:
    with pytest.raises(OptionError, match="body with is_guarded"):
        order_from_body({"video_url": "https://films.example/a.mp4", "is_guarded": False})


def test_a_bodys_order_does_not_go_inside(web: Web) -> None:
    url, asked, _ = web
    with pytest.raises(OptionError, match="names no public host"):
        list(loaded(Remover).run(order_from_body(body(url))))
    assert asked == []


@pytest.mark.parametrize("change", [{"output_url": None}, {"video_url": "https://93.184.215.14/clip.mp4"}])
def test_neither_for_its_video_nor_with_its_result(web: Web, change: dict[str, Any]) -> None:
    """A target is refused before its source is asked for."""
    url, asked, _ = web
    with pytest.raises(OptionError, match=r"http://127\.0\.0\.1:\d+/\w+\.mp4 names no public host"):
        list(loaded(Remover).run(order_from_body(body(url) | change)))
    assert asked == []


@pytest.mark.parametrize("allowed", ["127.0.0.1", "10.0.0.0/8, 127.0.0.0/8"])
def test_it_goes_where_the_workers_environment_lets_it(web: Web, monkeypatch: pytest.MonkeyPatch, allowed: str) -> None:
    url, asked, files = web
    monkeypatch.setenv(VARIABLE, allowed)
    *_, result = loaded(Remover).run(order_from_body(body(url)))
    assert result["output"] == f"{url}/out.mp4"
    assert asked == ["GET /clip.mp4", "PUT /out.mp4"]
    assert files["/out.mp4"][4:8] == b"ftyp"


def test_a_users_own_order_goes_where_it_says(web: Web) -> None:
    url, asked, _ = web
    *_, result = loaded(Remover).run(Order(f"{url}/clip.mp4", f"{url}/out.mp4"))
    assert result["type"] == "result"
    assert asked == ["GET /clip.mp4", "PUT /out.mp4"]


def test_a_guarded_remover_takes_every_order_as_others(web: Web, clip: Path, tmp_path: Path) -> None:
    url, asked, _ = web
    remover = loaded(GuardedRemover)
    for order in (
        {"source": f"{url}/clip.mp4"},
        {"source": f"{url}/clip.mp4", "is_guarded": False},
        {"source": clip.read_bytes(), "target": f"{url}/out.mp4"},
        {"source": clip.read_bytes(), "marks": [f"{url}/mark.png"]},
        {"source": str(clip)},
        {"source": clip.as_uri()},
        {"source": clip.read_bytes(), "target": str(tmp_path / "out.mp4")},
    ):
        with pytest.raises(OptionError, match=r"names no public host|a path of the machine that does the work"):
            list(remover.run(order))
    assert (asked, list(tmp_path.iterdir())) == ([], [])
    *_, result = remover.run({"source": clip.read_bytes(), "boxes": [[8, 8, 40, 24]]})
    assert result["output"][4:8] == b"ftyp"


def test_before_it_is_loaded_nothing_is_allowed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    url, asked, _ = web
    monkeypatch.setenv(VARIABLE, "127.0.0.1")
    with pytest.raises(OptionError, match="names no public host"):
        list(Remover().run(order_from_body(body(url))))
    assert asked == []


@pytest.mark.parametrize("workload", [REMOVER, GUARDED_REMOVER])
def test_a_worker_with_a_slip_in_its_environment_does_not_begin(monkeypatch: pytest.MonkeyPatch, workload: str) -> None:
    monkeypatch.setenv(VARIABLE, "10.0.0.0/33")
    with pytest.raises(LoadError, match=r"10\.0\.0\.0/33"):
        ModalWorker(workload).load()


def test_a_modal_worker_is_guarded_unless_it_is_told_otherwise(web: Web) -> None:
    url, asked, _ = web
    with pytest.raises(OptionError, match="names no public host"):
        list(ModalWorker().run({"source": f"{url}/clip.mp4"}))
    assert asked == []


@pytest.mark.parametrize("workload", [REMOVER, GUARDED_REMOVER])
def test_an_engine_guards_a_bodys_order_wherever_it_runs(web: Web, workload: str) -> None:
    url, asked, _ = web
    with (
        open_engine("pool", EngineSpec(max_workers=1), workload) as engine,
        pytest.raises(OptionError, match="names no public host"),
    ):
        engine.submit(order_from_body(body(url))).result(60)
    assert asked == []


def test_a_container_is_told_what_is_allowed() -> None:
    told = {VARIABLE: "minio.internal", "BLANKLOGO_GPU": "L4"}
    assert carried(told | {"PATH": "/bin"}) == told


def test_a_guarded_orders_paths_are_not_read_where_it_is_sent_from(clip: Path, tmp_path: Path) -> None:
    order = Order(str(clip), str(tmp_path / "out.mp4"), is_guarded=True)
    assert packed(order) == order
    result = {"type": "result", "output": b"bytes"}
    assert unpacked(result, order) == result
    assert list(tmp_path.iterdir()) == []
