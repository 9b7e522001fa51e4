"""As much of ONNX's encoding as tells a model from other files, and one whole file from half of a pair.

An ONNX file is one ModelProto (onnx.proto) in protocol buffers: a row of fields, each a number that says which and how
it is coded, then its value (protobuf.dev/programming-guides/encoding). The net's own numbers are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_GRAPH, _INITIALIZER, _DATA_LOCATION = 7, 5, 14  # of ModelProto, of its GraphProto, of a TensorProto in that
_OUTSIDE = 1  # TensorProto.EXTERNAL
_VARINT, _EIGHT_BYTES, _LENGTH_FIRST, _FOUR_BYTES = 0, 1, 2, 5
_HEAD_BYTES = 20  # two varints of at most ten
_NUM_FIELDS_MAX = 1_000_000  # of one row; large nets have some ten thousand, a file made to keep us busy has more


@dataclass(frozen=True)
class _Field:
    """One field: which, its value where that is a number, and where its bytes are."""

    number: int
    value: int
    start: int
    stop: int


def is_onnx_model(file: BinaryIO, num_bytes: int) -> bool:
    """Whether the file is, from its first byte to its last, a row of a ModelProto's fields, a graph among them."""
    try:
        numbers = {field.number for field in _fields(file, 0, num_bytes)}
    except ValueError:
        return False
    return _GRAPH in numbers and numbers <= _MODEL_FIELDS


def has_data_outside(file: BinaryIO, num_bytes: int) -> bool:
    """Whether some of the model's numbers lie in another file. Raises ValueError where the graph is damaged."""
    for graph in _fields(file, 0, num_bytes, only=_GRAPH):
        for tensor in _fields(file, graph.start, graph.stop, only=_INITIALIZER):
            for location in _fields(file, tensor.start, tensor.stop, only=_DATA_LOCATION):
                if location.value == _OUTSIDE:
                    return True
    return False


def _fields(file: BinaryIO, start: int, stop: int, only: int | None = None) -> Iterator[_Field]:
    """The fields between two places. Raises ValueError where they are none."""
    for _ in range(_NUM_FIELDS_MAX):
        if start == stop:
            return
        file.seek(start)
        head = file.read(min(_HEAD_BYTES, stop - start))
        key, length = _varint(head, 0)
        field = _field(key, head, start, length)
        if field.stop > stop:
            raise ValueError("a field that goes on past its end")
        if only in (None, field.number):
            yield field
        start = field.stop
    raise ValueError("more fields than a model has")


def _field(key: int, head: bytes, start: int, length: int) -> _Field:
    number, kind = key >> 3, key & 7
    value, body = 0, start + length
    if kind in (_VARINT, _LENGTH_FIRST):
        value, length = _varint(head, length)
        body = start + length
    num_bytes = {_VARINT: 0, _EIGHT_BYTES: 8, _LENGTH_FIRST: value, _FOUR_BYTES: 4}.get(kind)
    if num_bytes is None or number == 0:
        raise ValueError("a field of no kind that ONNX uses")
    return _Field(number, value, body, body + num_bytes)


def _varint(data: bytes, start: int) -> tuple[int, int]:
    """(number, where what follows begins): seven bits a byte, the lowest first; the eighth says that more come."""
    value = 0
    for index in range(start, min(start + 10, len(data))):
        value |= (data[index] & 0x7F) << (7 * (index - start))
        if data[index] < 0x80:
            return value, index + 1
    raise ValueError("a number without an end")
