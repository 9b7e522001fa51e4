"""The third pass on its own: the same pictures whatever the chunk, and nothing touched that need not be."""

from __future__ import annotations

import numpy as np
import pytest
from film import marked_frames, psnr_in, write_film

from blanklogo.matting.known import Placement, placed
from blanklogo.media.frames import Frame
from blanklogo.media.reader import VideoReader
from blanklogo.ops.morphology import dilated
from blanklogo.ops.windows import subsampled
from blanklogo.pipeline.restore import Removal, Restoration, pixel_shares
from blanklogo.testbed.marks import UPSCALE, draw_mark, resized
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Box, Matte, Mode, PlaneMatte, TimeRange, Track

NUM_FRAMES = 28
CHUNK_OF_4, CHUNK_OF_12 = 4_000_000, 1_000  # bytes a frame that make it so
SCENE = Scene("walk", 192, 128, NUM_FRAMES, seed=4)
CROP = Box(96, 48, 192, 128)
AT = (124.0, 76.0)


@pytest.fixture(scope="module", params=["yuv420p", "yuv420p10le"])
def frames(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    clip = tmp_path_factory.mktemp("pass") / "clip.mp4"
    write_film(clip, marked_frames(SCENE, ("bug", *AT)), pixel_format=request.param)
    with VideoReader(clip) as reader:
        return list(reader)


@pytest.fixture(scope="module")
def matte() -> Matte:
    """The true matte of the bug, and a little doubt about it."""
    picture = resized(draw_mark("bug"), 1 / UPSCALE)
    alpha = placed(picture.alpha, Placement(AT[0] - CROP.x0, AT[1] - CROP.y0, 1.0), CROP.height, CROP.width).clip(0, 1)
    small = subsampled(alpha, 2, 2)
    planes = (plane_matte(alpha, 235), plane_matte(small, 128), plane_matte(small, 128))
    return Matte(CROP, planes, "known", 10.0)


def plane_matte(alpha: np.ndarray, colour: float) -> PlaneMatte:
    doubt = (0.02 * alpha) ** 2
    return PlaneMatte(alpha, alpha * colour, doubt, doubt * colour**2, doubt * colour, dilated(alpha > 0.01, 2))


def difference(one: list[Frame], other: list[Frame], plane_index: int) -> np.ndarray:
    """Absolute difference of a plane, in code values of 8 bits, [T, h, w]."""
    scale = 1 << (one[0].format.bit_depth - 8)
    pairs = zip(one, other, strict=True)
    return np.stack([np.abs(a.planes[plane_index].astype(int) - b.planes[plane_index]) / scale for a, b in pairs])


def test_the_mark_is_taken_out_in_any_depth(frames: list[Frame], matte: Matte) -> None:
    truth = np.stack([planes[0] for planes in SCENE.frames()]).astype(np.float32)
    restored = list(Restoration((Removal(Track(CROP), matte, Mode.AUTO),), CHUNK_OF_12)(iter(frames)))
    scale = 1 << (frames[0].format.bit_depth - 8)
    before, after = (np.stack([frame.planes[0] for frame in some]) / scale for some in (frames, restored))
    box = Box(126, 82, 176, 112)
    assert psnr_in(after, truth, box) > psnr_in(before, truth, box) + 10


def fades() -> tuple[tuple[float, float], ...]:
    return tuple((k / 25, 0.6 + 0.4 * float(np.cos(k / 5))) for k in range(NUM_FRAMES))


@pytest.mark.parametrize("strength", [(), fades()], ids=["steady", "fading"])
def test_chunks_leave_no_seams(frames: list[Frame], matte: Matte, strength: tuple) -> None:
    removal = Removal(Track(CROP, strength=strength), matte, Mode.AUTO)
    short, long = (list(Restoration((removal,), size)(iter(frames))) for size in (CHUNK_OF_4, CHUNK_OF_12))
    for index in range(3):
        apart = difference(short, long, index)
        # Strokes are filled twice, and the second time sees frames whose first filling lacked a neighbour.
        assert apart.max() <= 4
        assert (apart > 1).sum() < 0.002 * NUM_FRAMES * matte.planes[index].support.sum()


def test_only_the_support_changes(frames: list[Frame], matte: Matte) -> None:
    removal = Removal(Track(CROP), matte, Mode.AUTO)
    restored = list(Restoration((removal,), CHUNK_OF_12)(iter(frames)))
    assert [frame.pts for frame in restored] == [frame.pts for frame in frames]
    for index in range(3):
        changed = difference(restored, frames, index).max(axis=0) > 0
        allowed = np.zeros_like(changed)
        allowed[matte.crop_of(index, 2, 2).slices] = matte.planes[index].support
        assert not (changed & ~allowed).any()
    assert difference(restored, frames, 0).max() > 20


def test_frames_outside_the_times_asked_for_are_the_very_same(frames: list[Frame], matte: Matte) -> None:
    """Near the ends of a range frames are measured one by one; a range that was asked for is not widened by that."""
    within = TimeRange(0.3, 0.7)
    removal = Removal(Track(CROP, (within,)), matte, Mode.AUTO, within)
    restored = list(Restoration((removal,), CHUNK_OF_4)(iter(frames)))
    assert [new is not old for new, old in zip(restored, frames, strict=True)] == [
        frame.seconds in within for frame in frames
    ]


def test_a_range_that_was_found_is_widened_to_where_the_mark_is(frames: list[Frame], matte: Matte) -> None:
    """A search samples a few times a second; the frames themselves tell to the frame."""
    removal = Removal(Track(CROP, (TimeRange(0.5, 0.6),)), matte, Mode.AUTO)
    restored = list(Restoration((removal,), CHUNK_OF_4)(iter(frames)))
    changed = [new is not old for new, old in zip(restored, frames, strict=True)]
    assert all(changed[k] for k in range(3, 24))
    assert not changed[0]  # too far from the range to be asked
    assert not changed[-1]


def test_shares_and_methods(frames: list[Frame], matte: Matte) -> None:
    for mode, least, most in ((Mode.AUTO, 0.2, 1.0), (Mode.INPAINT, 0.0, 0.0)):
        restoration = Restoration((Removal(Track(CROP), matte, mode),), CHUNK_OF_12)
        assert pixel_shares(restoration.counts).unblended == 0
        list(restoration(iter(frames)))
        shares = pixel_shares(restoration.counts)
        assert least <= shares.unblended <= most
        assert shares.unblended + shares.inpainted == pytest.approx(1)


def test_nothing_to_take_out_gives_the_very_same_frames(frames: list[Frame]) -> None:
    assert all(a is b for a, b in zip(Restoration((), CHUNK_OF_12)(iter(frames)), frames, strict=True))
