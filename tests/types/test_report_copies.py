"""A report as it travels."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.errors import OptionError
from blanklogo.types import Box, Cost, PixelShares, Report, TimeRange, TrackReport, Verification

shares = st.floats(0, 1)
maybe = st.none() | st.floats(0, 100)
texts = st.text(max_size=20)


@st.composite
def ranges(draw: st.DrawFn) -> TimeRange:
    start = draw(st.floats(0, 1e5))
    return TimeRange(start, draw(st.just(math.inf) | st.floats(start + 0.01, 2e5)))


boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.integers(0, 4000)] * 2, *[st.integers(1, 4000)] * 2)
tracks = st.builds(
    TrackReport,
    box=boxes,
    ranges=st.lists(ranges(), min_size=1, max_size=3).map(tuple),
    confidence=shares,
    method=st.sampled_from(["unblend", "inpaint", "crop", "none"]),
    found_by=st.sampled_from(["evidence", "box", "mark"]),
    mark_index=st.integers(0, 9),
    effective_backgrounds=maybe,
)
verifications = st.builds(
    Verification,
    status=st.sampled_from(["clean", "needs_review", "no_mark", "planned"]),
    residue=maybe,
    residue_worst=maybe,
    psnr_outside_db=maybe,
    frames_match=st.booleans(),
    audio_identical=st.booleans(),
    num_damaged_frames=st.integers(0, 9),
)
costs = st.builds(Cost, provider=texts, usd=shares, seconds=shares, is_cold=st.none() | st.booleans(), price_date=texts)
reports = st.builds(
    Report,
    mode=st.sampled_from(["auto", "inpaint", "crop"]),
    platform=st.none() | texts,
    input_size_mb=shares,
    output_size_mb=shares,
    frames_processed=st.integers(0, 9999),
    watermarks_detected=st.integers(0, 9),
    processing_time_s=shares,
    tracks=st.lists(tracks, max_size=3).map(tuple),
    pixels=st.builds(PixelShares, shares, shares, shares),
    verify=verifications,
    warnings=st.lists(texts, max_size=2).map(tuple),
    cost=st.none() | costs,
    weights=st.lists(st.fixed_dictionaries({"name": texts, "sha256": texts}), max_size=2).map(tuple),
)


@given(reports)
def test_a_copy_gives_the_same_copy_again(report: Report) -> None:
    copy = report.as_dict()
    assert Report.from_dict(copy).as_dict() == copy
    assert Report.from_dict({**copy, "of_a_newer_version": 1}).as_dict() == copy


@given(reports)
def test_so_it_does_through_json(report: Report) -> None:
    def finite(value: Any) -> Any:
        return None if value == math.inf else value

    copy = report.as_dict()
    for track in copy["tracks"]:
        track["end_seconds"] = finite(track["end_seconds"])
        track["ranges"] = [[start, finite(end)] for start, end in track["ranges"]]
    read = Report.from_dict(json.loads(json.dumps(copy, allow_nan=False)))
    assert read.as_dict() == Report.from_dict(report.as_dict()).as_dict()


@pytest.mark.parametrize("spoilt", [{"tracks": None}, {"verify": {}}, {"pixels": 3}, {"tracks": [{"box": [1, 2]}]}])
def test_what_is_no_report_is_refused(spoilt: dict[str, Any]) -> None:
    whole = {"mode": "auto", "platform": None, "input_size_mb": 1, "output_size_mb": 1, "frames_processed": 1}
    whole |= {
        "watermarks_detected": 0,
        "processing_time_s": 1,
        "tracks": [],
        "pixels": {},
        "verify": {"status": "clean"},
    }
    assert Report.from_dict(whole).frames_processed == 1
    with pytest.raises(OptionError, match="report"):
        Report.from_dict(whole | spoilt)
