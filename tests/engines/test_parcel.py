"""Local files that travel inside an order, and results that come back inside their message."""

from __future__ import annotations

from pathlib import Path

import pytest

from blanklogo.engines import parcel
from blanklogo.errors import OptionError, SourceError, TargetError
from blanklogo.types import Box, Mode, Order


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "a film.MOV"
    path.write_bytes(b"film")
    return path


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    path = tmp_path / "mark.png"
    path.write_bytes(b"mark")
    return path


def test_local_files_go_along_and_all_else_stays(film: Path, mark: Path, tmp_path: Path) -> None:
    order = Order(
        film.as_uri(), str(tmp_path / "clean.mp4"), mode=Mode.INPAINT, marks=(str(mark), b"x"), boxes=(Box(1, 2, 3, 4),)
    )
    assert parcel.packed(order) == Order(
        b"film", None, name="video.mp4", mode=Mode.INPAINT, marks=(b"mark", b"x"), boxes=(Box(1, 2, 3, 4),)
    )


@pytest.mark.parametrize("target", [None, "s3://bucket/clean.mkv"])
def test_without_a_local_target_the_source_names_the_container(film: Path, target: str | None) -> None:
    packed = parcel.packed(Order(str(film), target))
    assert (packed.source, packed.target, packed.name) == (b"film", target, "video.MOV")


def test_what_is_elsewhere_is_left_there(tmp_path: Path) -> None:
    order = Order("https://films.example/a.mp4", None, name="a.mkv")
    assert parcel.packed(order) == Order("https://films.example/a.mp4", None, name="video.mkv")


def test_the_result_lands_where_the_order_said(film: Path, tmp_path: Path) -> None:
    target = tmp_path / "clean.mp4"
    result = {"type": "result", "output": b"clean", "report": {}}
    assert parcel.unpacked(result, Order(str(film), str(target))) == result | {"output": str(target)}
    assert target.read_bytes() == b"clean"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a film.MOV", "clean.mp4"], "no temporary file is left"


@pytest.mark.parametrize("output", [b"clean", None, "s3://bucket/clean.mp4"])
def test_a_result_for_no_local_target_is_left_as_it_is(film: Path, output: bytes | str | None) -> None:
    result = {"type": "result", "output": output, "report": {}}
    assert parcel.unpacked(result, Order(str(film))) is result


def test_what_appeared_at_the_target_meanwhile_is_kept(film: Path, tmp_path: Path) -> None:
    target = tmp_path / "clean.mp4"
    target.write_bytes(b"another's")
    with pytest.raises(TargetError, match="exists"):
        parcel.unpacked({"type": "result", "output": b"clean"}, Order(str(film), str(target)))
    assert target.read_bytes() == b"another's"


def test_an_existing_target_is_refused_before_the_work(film: Path, mark: Path) -> None:
    with pytest.raises(TargetError):
        parcel.packed(Order(str(film), str(film), overwrite=True))
    assert parcel.packed(Order(str(film), str(film), dry_run=True)).target is None, "nothing will be written"


def test_a_missing_file_and_one_too_large(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError):
        parcel.packed(Order(str(tmp_path / "missing.mp4")))
    monkeypatch.setattr(parcel, "MAX_ATTACHED_BYTES", 3)
    with pytest.raises(OptionError, match="a URI that the worker can fetch"):
        parcel.packed(Order(str(film)))
