"""Detection, mattes and previews through the front door; and what a result says of its making."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from film import names

from blanklogo import api
from blanklogo.errors import OptionError, SourceError, WriteError
from blanklogo.pipeline.marks import read_mark
from blanklogo.provenance import XMP_UUID, read_provenance
from blanklogo.testbed.cases import Case
from blanklogo.testbed.scoring import score
from blanklogo.types import Box

XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:rights="Meadow and Reed"/></rdf:RDF></x:xmpmeta>'
    b'<?xpacket end="w"?>'
)


def with_xmp(path: Path) -> Path:
    payload = XMP_UUID + XMP
    path.write_bytes(path.read_bytes() + (8 + len(payload)).to_bytes(4, "big") + b"uuid" + payload)
    return path


def test_detect_tells_place_and_time_and_writes_nothing(walk: Case, copied: Callable, folder: Path) -> None:
    detection = api.detect(copied(walk.marked))
    assert detection.abstained is None
    assert detection.tracks[0].box.iou(walk.places[0].box) > 0.4
    assert detection.tracks[0].is_present(0.8)
    assert names(folder) == ["clip.mp4"]


def test_detect_abstains_on_a_still_camera(tripod: Case) -> None:
    detection = api.detect(tripod.marked)
    assert detection.tracks == ()
    assert "--box" in detection.abstained


def test_a_matte_learnt_is_a_picture_that_can_be_given_back(walk: Case, folder: Path) -> None:
    place = walk.places[0]
    matte = api.estimate_matte(walk.marked, box=place.box)
    assert matte.origin == "blind"
    assert matte.effective_backgrounds > 10
    found, truth = matte.planes[0].alpha, place.alpha[matte.box.slices]
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.85
    api.save_matte(matte, folder / "mark.png")
    mark = read_mark(folder / "mark.png")
    assert np.abs(mark.alpha - np.where(found < 0.02, 0, found)).max() < 0.01
    report = api.remove(walk.marked, folder / "clean.mp4", marks=[folder / "mark.png"])
    assert [track.found_by for track in report.tracks] == ["mark"]
    gain = score(walk, folder / "clean.mp4").psnr_inside_luma_db - score(walk, walk.marked).psnr_inside_luma_db
    assert gain > 8


def test_no_mark_gives_no_matte(bare: Path) -> None:
    with pytest.raises(SourceError, match=r"no mark was found.*--box"):
        api.estimate_matte(bare)


def test_preview_draws_before_and_after(walk: Case, copied: Callable, folder: Path) -> None:
    clip = copied(walk.marked)
    assert api.preview(clip, folder / "look.png", boxes=[walk.places[0].box]) == folder / "look.png"
    picture = cv2.imread(str(folder / "look.png"))
    assert picture.shape[1] >= 2 * 256
    assert picture.shape[0] > 144
    assert names(folder) == ["clip.mp4", "look.png"]
    before, after = picture[28 : 28 + 144, :256], picture[28 : 28 + 144, 264 : 264 + 256]
    # The mark is gone on the right; elsewhere (but for the box that is drawn) nothing has changed.
    cut = walk.places[0].box.slices
    assert np.abs(before[cut].astype(int) - after[cut]).mean() > 5
    assert np.abs(before[:60].astype(int) - after[:60]).max() == 0


def test_preview_of_a_film_without_a_mark(bare: Path, folder: Path) -> None:
    api.preview(bare, folder / "look.png")
    assert cv2.imread(str(folder / "look.png")) is not None


def test_preview_into_nowhere(small: Case, folder: Path) -> None:
    with pytest.raises(WriteError, match="could not be written"):
        api.preview(small.marked, folder / "none" / "look.png", boxes=[small.places[0].box])
    with pytest.raises(OptionError, match="outside the frame"):
        api.preview(small.marked, folder / "look.png", boxes=[Box(900, 0, 910, 10)])
    assert names(folder) == []


def test_a_platform_of_machine_made_films_is_disclosed(clip: Path, small: Case, folder: Path) -> None:
    with_xmp(clip)
    api.remove(clip, platform="sora", boxes=[small.places[0].box])
    provenance = read_provenance(folder / "clip.clean.mp4")
    assert provenance.says_ai
    assert b"Meadow and Reed" in provenance.xmp


def test_what_the_source_says_is_kept_and_nothing_is_made_up(clip: Path, small: Case, folder: Path) -> None:
    with_xmp(clip)
    api.remove(clip, platform="tiktok", boxes=[small.places[0].box])
    provenance = read_provenance(folder / "clip.clean.mp4")
    assert provenance.xmp == XMP
    assert not provenance.says_ai


def test_matroska_discloses_by_a_tag(clip: Path, small: Case, folder: Path) -> None:
    api.remove(clip, folder / "out.mkv", platform="runway", boxes=[small.places[0].box])
    assert read_provenance(folder / "out.mkv").says_ai
