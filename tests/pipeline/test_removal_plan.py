"""A plan crosses a border as bytes and is the same plan on the other side."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

from blanklogo.errors import OptionError
from blanklogo.media.span import Stamps
from blanklogo.pipeline.chunked import learn_plan
from blanklogo.pipeline.removal_plan import RemovalPlan
from blanklogo.pipeline.restore import Removal
from blanklogo.testbed.cases import Case
from blanklogo.types import Box, Job, Matte, Mode, PlaneMatte, TimeRange, Track

RNG = np.random.default_rng(5)
STAMPS = Stamps(np.array([-3, 0, 2**40], np.int64), np.array([3, 0, 1], np.int64))


def plane(height_px: int, width_px: int, *, has_background: bool) -> PlaneMatte:
    arrays = RNG.random((6, height_px, width_px), np.float32)
    support = arrays[0] > 0.5
    return PlaneMatte(*arrays[:5], support=support, background=arrays[5] if has_background else None)


def removal(*, has_background: bool) -> Removal:
    planes = tuple(plane(*size, has_background=has_background) for size in ((8, 12), (4, 6), (4, 6)))
    strength = ((0.1, 1 / 3), (2 / 3, float(np.float32(0.7))))
    ranges = (TimeRange(0.1, 0.2), TimeRange(1 / 3, math.inf))
    track = Track(Box(2, 4, 14, 12), ranges, 0.3, "mark", 4, strength)
    return Removal(track, Matte(Box(2, 4, 14, 12), planes, "known", 1 / 7), Mode.INPAINT, TimeRange(0.25))


def same(one: Removal, other: Removal) -> bool:
    assert (one.track, one.mode, one.within) == (other.track, other.mode, other.within)
    mattes = one.matte, other.matte
    assert len({(matte.box, matte.origin, matte.effective_backgrounds) for matte in mattes}) == 1
    for a, b in zip(one.matte.planes, other.matte.planes, strict=True):
        for name in PlaneMatte.__dataclass_fields__:
            values, again = getattr(a, name), getattr(b, name)
            assert (values is None) == (again is None)
            assert values is None or (values.dtype == again.dtype and values.tobytes() == again.tobytes())
    return True


def test_everything_comes_back_to_the_last_bit() -> None:
    plan = RemovalPlan(STAMPS, (removal(has_background=True), removal(has_background=False)), ("a note, ä",), 2, 3)
    again = RemovalPlan.from_bytes(plan.to_bytes())
    assert (again.notes, again.num_damaged_frames, again.num_restamped_frames) == (("a note, ä",), 2, 3)
    assert again.stamps.pts.tolist() == STAMPS.pts.tolist()
    assert again.stamps.durations.tolist() == STAMPS.durations.tolist()
    assert all(same(*pair) for pair in zip(plan.removals, again.removals, strict=True))
    assert again.to_bytes() == plan.to_bytes()


def test_a_plan_of_nothing() -> None:
    again = RemovalPlan.from_bytes(RemovalPlan(STAMPS, (), ("nothing was found",)).to_bytes())
    assert (again.removals, again.notes) == ((), ("nothing was found",))


def test_a_learnt_plan(walk: Case) -> None:
    job = Job(walk.marked, walk.marked, boxes=(walk.places[0].box,))
    plan, report = learn_plan(job, lambda event: None, lambda: False)
    assert report.verify.status == "planned"
    assert len(plan.stamps) == report.frames_processed == 40
    assert same(plan.removals[0], RemovalPlan.from_bytes(plan.to_bytes()).removals[0])
    assert len(plan.to_bytes()) < 1_000_000


def pickled() -> bytes:
    file = io.BytesIO()
    np.savez(file, header=np.array([{"format": 1}], object))
    return file.getvalue()


def of_another_format() -> bytes:
    file = io.BytesIO()
    np.savez(file, header=np.frombuffer(b'{"format": 99}', np.uint8))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "came"),
    [
        (b"", "cannot be read"),
        (b"PK\3\4 and no more", "cannot be read"),
        (RemovalPlan(STAMPS, ()).to_bytes()[:-40], "cannot be read"),
        (pickled(), "cannot be read"),
        (of_another_format(), "a plan of format 99"),
    ],
)
def test_what_is_no_plan_is_refused(data: bytes, came: str) -> None:
    with pytest.raises(OptionError, match=came):
        RemovalPlan.from_bytes(data)
