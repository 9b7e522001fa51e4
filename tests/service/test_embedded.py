"""A body with a file in it, taken apart: however it is cut, the file and the rest are those of a parser."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.errors import TooLargeError
from blanklogo.service.embedded import Embedded

keys = st.text(max_size=8) | st.just("video")
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(plain, lambda some: st.lists(some, max_size=3) | st.dictionaries(keys, some, max_size=3))
cuts = st.lists(st.integers(0, 400), max_size=12)


def taken(body: bytes, places: list[int]) -> tuple[bytes, bytes]:
    """(the file, the rest) of a body that comes in pieces cut at these places."""
    file = BytesIO()
    embedded = Embedded("video", file.write)
    edges = sorted({0, len(body), *(place for place in places if place < len(body))})
    for start, end in pairwise(edges):
        embedded.feed(body[start:end])
    return file.getvalue(), embedded.rest()


@given(st.dictionaries(keys.filter(lambda key: key != "video"), values, max_size=4), st.binary(max_size=90), cuts)
def test_a_file_among_anything_else_is_taken_out(others: dict[str, Any], data: bytes, places: list[int]) -> None:
    items = list(others.items())
    items.insert(len(items) // 2, ("video", base64.b64encode(data).decode()))
    for is_ascii in (True, False):
        body = json.dumps(dict(items), ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
        file, rest = taken(body, places)
        assert file == data
        told = json.loads(rest)
        assert told.pop("video") == base64.b64encode(data).decode()[:4]
        assert told == others


@given(values, cuts)
def test_what_holds_no_file_stays_as_it_is(value: Any, places: list[int]) -> None:
    """But for an outermost `video` that is a text, which is one."""
    if isinstance(value, dict) and isinstance(value.get("video"), str):
        value["video"] = None
    body = json.dumps(value).encode()
    assert taken(body, places) == (b"", body)


@given(st.binary(max_size=200), cuts)
def test_what_is_no_json_is_for_the_parser_to_refuse(body: bytes, places: list[int]) -> None:
    try:
        _, rest = taken(body, places)
    except RequestValidationError:
        return
    assert rest == body or b'"' in body


@pytest.mark.parametrize("places", [[], list(range(400))])
@pytest.mark.parametrize(
    "text",
    [r"AB\/+", "data:video/mp4;base64,AB/+", "data:;base64,AB/+"],
)
def test_escaped_slashes_and_data_urls_are_base64_too(text: str, places: list[int]) -> None:
    file, rest = taken(b'{"video": "' + text.encode() + b'", "name": "a"}', places)
    assert file == base64.b64decode("AB/+")
    assert json.loads(rest) == {"video": "AB/+", "name": "a"}


@pytest.mark.parametrize("places", [[], list(range(60))])
@pytest.mark.parametrize(
    "body",
    [
        '{"video": "no base64!"}',
        '{"video": "AAAAA"}',
        '{"video": "AA==AAAA"}',
        '{"video": "AAA="} {"video": "AAAA"}',
        '{"video": "AAAA", "video": "BBBB"}',
        r'{"video": "AA\u0041A"}',
        '{"video": "data:text/plain,AAAA"}',
        '{"video": "ÄÖÜß"}',
    ],
)
def test_what_is_no_base64_is_refused(body: str, places: list[int]) -> None:
    with pytest.raises(RequestValidationError, match="base64"):
        taken(body.encode(), places)


@pytest.mark.parametrize("body", ['{"video": ""}', '{"video": 7}', '{"video": ["AAAA"]}', '{"a": {"video": "AAAA"}}'])
def test_no_text_is_left_to_the_parser(body: str) -> None:
    assert taken(body.encode(), []) == (b"", body.encode())


def test_a_member_is_known_however_its_name_is_written() -> None:
    assert taken(rb'{"v\u0069deo": "QUJD"}', [])[0] == b"ABC"


def test_the_rest_has_a_bound() -> None:
    with pytest.raises(TooLargeError, match="over its limit"):
        taken(b'{"name": "' + b"a" * 1_100_000 + b'"}', [])
