"""Bodies from strangers become orders or clear refusals; results and errors become answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from blanklogo import errors
from blanklogo.types import Box, Mode, Platform, TimeRange
from blanklogo.types.order import Order
from blanklogo.wire import (
    MAX_BASE64_BYTES,
    STATS,
    answer_from_result,
    http_status,
    order_from_body,
)

VIDEO = b"\x00\x00\x00\x18ftypmp42"
TEXT = base64.b64encode(VIDEO).decode()
REPORT = dict.fromkeys(STATS, 1) | {"mode": "auto", "platform": None, "tracks": []}


def test_the_shortest_body() -> None:
    assert order_from_body({"video": TEXT}) == Order(VIDEO, is_guarded=True)


def test_every_field_reaches_the_order() -> None:
    body = {
        "video_url": "https://films.example/a%20clip.MOV?sig=abc",
        "output_url": "s3://bucket/out.mov",
        "mode": "inpaint",
        "platform": "sora",
        "marks": [TEXT],
        "boxes": [[1, 2, 30, 40]],
        "from": 1,
        "to": 2.5,
        "codec": "hevc",
        "quality": 18,
        "dry_run": True,
    }
    assert order_from_body(json.loads(json.dumps(body))) == Order(
        "https://films.example/a%20clip.MOV?sig=abc",
        "s3://bucket/out.mov",
        name="a clip.MOV",
        mode=Mode.INPAINT,
        platform=Platform.SORA,
        marks=(VIDEO,),
        boxes=(Box(1, 2, 30, 40),),
        within=TimeRange(1, 2.5),
        codec="hevc",
        quality=18,
        dry_run=True,
        is_guarded=True,
    )


def test_fields_of_null_are_as_if_not_there() -> None:
    fields = ("video_url", "output_url", "name", "mode", "platform", "marks", "boxes", "from", "to", "codec", "quality")
    assert order_from_body({"video": TEXT, **dict.fromkeys(fields)}) == Order(VIDEO, is_guarded=True)


def test_a_data_url_is_base64_too() -> None:
    assert order_from_body({"video": f"data:video/mp4;base64,{TEXT}"}).source == VIDEO


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (["video"], "a body of type list"),
        ({}, "a body without a video"),
        ({"video": TEXT, "video_url": "https://a.example/b.mp4"}, "both video and video_url"),
        ({"video": TEXT, "colour": "red"}, "body with colour"),
        ({"video": 7}, "video of type int"),
        ({"video": TEXT, "name": "../../etc/passwd"}, "file name"),
        ({"video": TEXT, "name": 3}, "name of type int"),
        ({"video": TEXT, "mode": "erase"}, "auto, inpaint, crop"),
        ({"video": TEXT, "mode": ["auto"]}, "mode of type list"),
        ({"video": TEXT, "platform": "myspace"}, "tiktok"),
        ({"video": TEXT, "boxes": [[1, 2, 3]]}, "box [1, 2, 3]"),
        ({"video": TEXT, "boxes": {"x": 1}}, "boxes of type dict"),
        ({"video": TEXT, "marks": TEXT}, "marks of type str"),
        ({"video": TEXT, "from": "1"}, "from '1'"),
        ({"video": TEXT, "from": 3, "to": 2}, "time range 3.0 to 2.0"),
        ({"video": TEXT, "quality": "high"}, "quality of type str"),
        ({"video": TEXT, "dry_run": "no"}, "dry_run of type str"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(body: Any, told: str) -> None:
    with pytest.raises(errors.OptionError) as refused:
        order_from_body(body)
    assert told in str(refused.value)


@pytest.mark.parametrize("field", ["video_url", "output_url"])
@pytest.mark.parametrize(
    "url",
    ["/etc/passwd", "file:///etc/passwd", "etc/passwd", "FILE:///etc/passwd", "https:/no-host", "http://[::1", "", 5],
)
def test_the_disk_of_the_machine_that_answers_is_out_of_reach(field: str, url: Any) -> None:
    body = {"video_url": "https://a.example/b.mp4"} | {field: url}
    with pytest.raises(errors.OptionError):
        order_from_body(body)


def test_a_refused_url_keeps_its_signature_to_itself() -> None:
    with pytest.raises(errors.OptionError) as refused:
        order_from_body({"video_url": "ftp://a.example/b.mp4?signature=secret"})
    assert "secret" not in str(refused.value)


def test_what_is_no_base64_is_told_apart() -> None:
    with pytest.raises(errors.SourceError, match="no base64"):
        order_from_body({"video": "it's a film"})


def test_too_much_base64_names_the_way_by_url() -> None:
    with pytest.raises(errors.OptionError, match=r"50\.0 MB as base64.*try: video_url"):
        order_from_body({"video": "A" * (MAX_BASE64_BYTES + 4)})


@pytest.mark.parametrize("url", ["https://a.example/watch", "https://a.example/", "https://a.example/.mp4"])
def test_a_url_without_a_file_name(url: str) -> None:
    assert order_from_body({"video_url": url}).name == "video.mp4"
    assert order_from_body({"video_url": url, "name": "clip.webm"}).name == "clip.webm"


def test_the_answer_of_bytes() -> None:
    answer = answer_from_result({"type": "result", "output": VIDEO, "report": REPORT})
    assert answer == {"video": TEXT, "output": None, "stats": {name: REPORT[name] for name in STATS}, "report": REPORT}
    json.dumps(answer)


@pytest.mark.parametrize("output", ["s3://bucket/out.mp4", None])
def test_the_answer_of_a_url_or_of_a_dry_run(output: str | None) -> None:
    answer = answer_from_result({"type": "result", "output": output, "report": REPORT})
    assert (answer["video"], answer["output"]) == (None, output)


def test_a_result_too_large_for_its_answer_names_the_way_by_url() -> None:
    result = {"type": "result", "output": VIDEO, "report": REPORT}
    assert answer_from_result(result, max_base64_bytes=len(TEXT))["video"] == TEXT
    with pytest.raises(errors.OptionError, match="output_url"):
        answer_from_result(result, max_base64_bytes=len(TEXT) - 1)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.OptionError("x"), 400),
        (errors.SourceError("x"), 400),
        (errors.CancelledError("x"), 499),
        (errors.DecodeError("x"), 500),
        (errors.CrashError("x"), 500),
        (errors.UnavailableError("x"), 503),
        (errors.LoadError("x"), 503),
        (errors.BudgetError("x"), 504),
        (errors.PendingError("x"), 504),
    ],
)
def test_an_error_crosses_as_json_with_its_status(error: errors.BlankLogoError, status: int) -> None:
    back = errors.from_dict(json.loads(json.dumps(error.as_dict())))
    assert (type(back), str(back)) == (type(error), str(error))
    assert http_status(error) == status
