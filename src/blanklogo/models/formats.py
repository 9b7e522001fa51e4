"""What a file of weights holds, told by its bytes and not by its name; nothing in it is ever run or unpickled.

Accepted are ONNX and TorchScript. A plain PyTorch checkpoint is a pickle, and reading a pickle runs whatever its author
put there; safetensors hold numbers without the net that they belong to.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import BinaryIO

from blanklogo.errors import WeightsError
from blanklogo.models.weights import Format

ACCEPTED = "ONNX (.onnx), or a TorchScript archive (.pt, as torch.jit.save writes it)"
EXPORT_HINT = (
    "export it where it was made: torch.onnx.export(net, example, 'net.onnx'), "
    "or torch.jit.trace(net, example).save('net.pt'); docs/models.md has more"
)

# The fields of onnx.ModelProto (onnx.proto): 7 is the graph. Each is a varint or has its length before it.
_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_GRAPH_FIELD, _VARINT, _LENGTH_FIRST = 7, 0, 2
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # a pickle's first two bytes, by protocol
_NUM_FIELDS_MAX = 100_000  # functions and metadata come in many fields, but not in more than that


def format_of(path: Path) -> Format:
    """Which of the accepted formats the file is in.

    Raises:
        WeightsError: it is in none of them; it is not there; it may not be read.
    """
    try:
        with path.open("rb") as file:
            found = _format_of(file)
            if isinstance(found, Format):
                return found
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}", accepted=ACCEPTED) from error
    raise WeightsError(f"{path} is {found}", accepted=ACCEPTED, hint=EXPORT_HINT)


def _format_of(file: BinaryIO) -> Format | str:
    """The format, or words for what it is instead."""
    head = file.read(64)
    if head.startswith(b"PK\x03\x04"):
        return _zip_format(file)
    if head[:2] in _PICKLES:
        return "a pickle, such as a plain PyTorch checkpoint, which could run anything when it is read"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _size(file):
        return "a safetensors file: numbers without the net that they belong to"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer to the file and not the file itself"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page"
    return Format.ONNX if _is_onnx(file) else "neither"


def _zip_format(file: BinaryIO) -> Format | str:
    """TorchScript keeps its code beside its numbers; a checkpoint saved by `torch.save` has a pickle and no code."""
    try:
        names = zipfile.ZipFile(file).namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return "a damaged archive"
    inside = [name.partition("/")[2] for name in names]
    if "constants.pkl" in inside and any(name.startswith("code/") for name in inside):
        return Format.TORCHSCRIPT
    if "data.pkl" in inside:
        return "a plain PyTorch checkpoint: a pickle, which could run anything when it is read"
    return "an archive, but none of TorchScript"


def _is_onnx(file: BinaryIO) -> bool:
    """Whether the file is, from its first byte to its last, a row of a ModelProto's fields, a graph among them."""
    size, position, has_graph = _size(file), 0, False
    for _ in range(_NUM_FIELDS_MAX):
        if position == size:
            return has_graph
        file.seek(position)
        read = _varint(head := file.read(24), 0)
        value = read and _varint(head, read[1])
        if not read or not value:
            return False
        field, kind = read[0] >> 3, read[0] & 7
        if field not in _MODEL_FIELDS or kind not in (_VARINT, _LENGTH_FIRST):
            return False
        position += value[1] + (value[0] if kind == _LENGTH_FIRST else 0)
        has_graph = has_graph or field == _GRAPH_FIELD
        if position > size:
            return False
    return False


def _varint(data: bytes, start: int) -> tuple[int, int] | None:
    """(the number, where what follows it begins); None where it does not end."""
    value = 0
    for index in range(start, min(start + 10, len(data))):
        value |= (data[index] & 0x7F) << (7 * (index - start))
        if data[index] < 0x80:
            return value, index + 1
    return None


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
