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
from blanklogo.models.protobuf import has_data_outside, is_onnx_model
from blanklogo.models.weights import Format

ACCEPTED = "ONNX in one file (.onnx), or a TorchScript archive (.pt, as torch.jit.save writes it)"
EXPORT_HINT = (
    "export it where it was made: torch.onnx.export(net, example, 'net.onnx', external_data=False), "
    "or torch.jit.trace(net, example).save('net.pt'); docs/models.md has more"
)

_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # a pickle's first two bytes, by protocol


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
    return _onnx_format(file)


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


def _onnx_format(file: BinaryIO) -> Format | str:
    size = _size(file)
    try:
        if not is_onnx_model(file, size):
            return "neither ONNX nor TorchScript, or cut short"
        if has_data_outside(file, size):
            return "ONNX whose numbers lie in another file beside it, which its checksum does not cover"
    except ValueError:
        return "damaged ONNX"
    return Format.ONNX


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
