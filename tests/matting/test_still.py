"""A still scene: the mark's shape comes from one picture, what lies behind from the picture's own patches."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from blanklogo.matting.known import Placement as Guess
from blanklogo.matting.known import register
from blanklogo.matting.samples import CropSamples
from blanklogo.matting.shape import shape_in_box
from blanklogo.matting.still import estimate_still, with_background
from blanklogo.media.planes import PlaneFormat
from blanklogo.ops.compositing import over
from blanklogo.ops.harmonic import HarmonicFill
from blanklogo.ops.morphology import dilated
from blanklogo.ops.patch_fill import fill_from_patches
from blanklogo.ops.proven_fill import proven_fill
from blanklogo.restoration.restorer import PlaneRestorer
from blanklogo.testbed.burn import Placement, burn, place
from blanklogo.testbed.marks import UPSCALE, draw_mark, resized
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Matte

SIZE = (480, 270)
NUM_FRAMES = 6
NOISE = 1.0
LAYOUT = PlaneFormat.from_name("yuv420p")
FILL = partial(proven_fill, ways=(fill_from_patches,))


class StillCase:
    """A mark burned onto a scene that stands still, cropped around it; the truth is kept."""

    def __init__(self, scene: str, mark: str) -> None:
        planes = next(iter(Scene(scene, *SIZE, num_frames=1, seed=1).frames()))
        placed = place(draw_mark(mark), Placement(0.75, 150.3, 120.6), *SIZE)
        self.box = placed.box
        self.wide, self.near = (self.box.dilated(px, *SIZE).aligned(2, 2, *SIZE) for px in (64, 28))
        parts = (self.wide, *(self.wide.subsampled(2, 2),) * 2)
        noise = np.random.default_rng(0).normal(0, NOISE, (NUM_FRAMES, *SIZE[::-1]))
        stacks = [
            plane[part.slices] + noise[:, : part.height, : part.width]
            for plane, part in zip(burn(planes, placed), parts, strict=True)
        ]
        y, u, v = (np.rint(stack).clip(0, 255).astype(np.uint8) for stack in stacks)
        strength = np.ones(NUM_FRAMES, np.float32)
        self.samples = CropSamples(self.wide, np.arange(NUM_FRAMES) / 5, (y, u, v), LAYOUT, strength)
        self.truth = planes[0][self.near.slices].astype(np.float32)
        whole = np.zeros(SIZE[::-1], np.float32)
        whole[self.box.slices] = placed.alphas[0]
        self.alpha = whole[self.near.slices]

    def matte(self) -> Matte:
        return estimate_still(self.samples, self.box, self.near, 1.0, FILL)

    def restored(self, matte: Matte) -> np.ndarray:
        """Luma of the near crop with the mark taken out, [T, h, w]."""
        pictures = self.samples.within(self.near).luma
        return PlaneRestorer(matte.planes[0], 1.0, 5.0).inpaint(pictures, np.ones(NUM_FRAMES, np.float32)).pictures

    def error(self, picture: np.ndarray) -> float:
        """Root mean square where the mark is."""
        return float(np.sqrt(np.mean((picture - self.truth)[..., self.alpha > 0.02] ** 2)))


@pytest.fixture(scope="module")
def brick() -> StillCase:
    return StillCase("wall", "letters")


def test_the_shape_holds_the_mark_and_leaves_the_rest_of_the_box() -> None:
    case = StillCase("tripod", "letters")
    support = case.matte().planes[0].support
    is_mark = case.alpha > 0.25
    assert support[is_mark].mean() > 0.98  # what is missed stays to be seen
    inside = np.zeros_like(support)
    inside[28 : 28 + case.box.height, 28 : 28 + case.box.width] = True
    assert support[inside].mean() < 0.9  # letters leave gaps


def test_a_scene_that_repeats_is_restored_better_than_by_any_smooth_fill(brick: StillCase) -> None:
    matte = brick.matte()
    tight = HarmonicFill(dilated(brick.alpha > 0.02, 2))(brick.samples.within(brick.near).luma)
    assert brick.error(brick.restored(matte)) < 0.75 * brick.error(tight)  # which was told the true shape


def test_what_is_made_up_does_not_flicker(brick: StillCase) -> None:
    restored = brick.restored(brick.matte())
    changes = np.diff(restored, axis=0)[:, brick.alpha > 0.25]
    assert float(changes.std()) < NOISE  # the boundary's noise, averaged by the fill; the source itself has sqrt(2)


def test_the_effect_and_what_lies_behind_add_up_to_what_is_seen(brick: StillCase) -> None:
    plane = brick.matte().planes[0]
    seen = brick.samples.within(brick.near).luma.mean(axis=0)
    again = over(plane.background, plane.alpha, plane.premultiplied)
    assert np.abs(again - seen)[plane.support].mean() < 1.0  # clipping at 0 and 255 apart, exact
    assert plane.alpha[~plane.support].max() == 0


def test_the_level_follows_the_light_of_each_frame(brick: StillCase) -> None:
    matte, pictures = brick.matte(), brick.samples.within(brick.near).luma
    restorer = PlaneRestorer(matte.planes[0], 1.0, 5.0)
    strength = np.ones(NUM_FRAMES, np.float32)
    brighter = restorer.inpaint(pictures + 20, strength).pictures - restorer.inpaint(pictures, strength).pictures
    assert np.allclose(brighter, 20, atol=0.1)


def test_a_box_in_which_nothing_stands_out_is_filled_whole() -> None:
    picture = np.random.default_rng(1).normal(120, 10, (90, 120, 3)).astype(np.float32)
    box = np.zeros((90, 120), bool)
    box[30:60, 40:80] = True
    assert np.array_equal(shape_in_box(picture, box), box)


def test_one_frame_and_a_box_as_large_as_the_crop_are_enough(brick: StillCase) -> None:
    one = CropSamples(
        brick.near,
        np.zeros(1),
        tuple(plane[:1] for plane in brick.samples.within(brick.near).planes),
        LAYOUT,
        np.ones(1, np.float32),
    )
    matte = estimate_still(one, brick.near, brick.near, 1.0, FILL)
    assert np.isfinite(matte.planes[0].background).all()


def known_matte(case: StillCase, mark: str) -> Matte:
    picture = resized(draw_mark(mark), 0.75 / UPSCALE)
    guess = Guess(150.3 - case.near.x0, 120.6 - case.near.y0, 1.0)
    return register(case.samples.within(case.near), picture, guess)


def test_behind_an_opaque_mark_that_is_known_a_scene_that_repeats_goes_on(brick: StillCase) -> None:
    plain = known_matte(brick, "letters")
    made_up = with_background(plain, brick.samples, FILL)
    assert not made_up.is_made_up  # what lets light through is still un-blended
    pictures = brick.samples.within(brick.near).luma
    strength = np.ones(NUM_FRAMES, np.float32)
    before, after = (PlaneRestorer(m.planes[0], 1.0, 15.0).unblend(pictures, strength) for m in (plain, made_up))
    assert brick.error(after.pictures) < 0.75 * brick.error(before.pictures)
    changes = np.diff(after.pictures, axis=0)[:, brick.alpha > 0.25]
    assert float(changes.std()) < NOISE


def test_a_mark_that_lets_light_through_needs_nothing_made_up() -> None:
    case = StillCase("wall", "wordmark")
    matte = known_matte(case, "wordmark")
    assert with_background(matte, case.samples, FILL) is matte


def test_a_crop_within_a_crop_is_the_same_pixels(brick: StillCase) -> None:
    near = brick.samples.within(brick.near)
    y, x = brick.near.y0 - brick.wide.y0, brick.near.x0 - brick.wide.x0
    assert np.array_equal(near.planes[0], brick.samples.planes[0][:, y : y + near.crop.height, x : x + near.crop.width])
    assert near.planes[1].shape[1:] == (near.crop.height // 2, near.crop.width // 2)
