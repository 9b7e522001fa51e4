"""What kind of file a network came in, told by its content; names only help in the message.

Accepted are ONNX and TorchScript. A pickled checkpoint (`torch.save`) is refused: to unpickle it is to run whatever
code its maker put in. A TorchScript archive is a zip with a `code/` folder, whose program PyTorch interprets by itself.
"""

from __future__ import annotations

import zipfile
from enum import StrEnum
from pathlib import Path

from blanklogo.errors import LoadError

_ACCEPTED = "an ONNX file (.onnx) or a TorchScript archive (torch.jit.save)"
_EXPORT_HINT = "export it: yolo export format=onnx, torch.onnx.export, or torch.jit.trace(…).save(…)"

_ZIP_HEAD = b"PK\x03\x04"
_PICKLE_HEADS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # the protocol's number; old .pt and .pkl files
_ONNX_HEAD = b"\x08"  # protobuf's field 1, a number: ONNX's ir_version, which every writer puts first


class Format(StrEnum):
    ONNX = "ONNX"
    TORCHSCRIPT = "TorchScript"


def model_format(path: Path) -> Format:
    """The file's format.

    Raises:
        LoadError: it is missing, empty, a pickled checkpoint, or nothing that is accepted.
    """
    head = _head(path)
    if head.startswith(_ZIP_HEAD):
        _check_is_torchscript(path)
        return Format.TORCHSCRIPT
    if head.startswith(_PICKLE_HEADS):
        raise _pickled(path)
    if head.startswith(_ONNX_HEAD):
        return Format.ONNX
    raise LoadError(f"{path.name} is no network: it begins with {head[:8].hex(' ') or 'nothing'}", accepted=_ACCEPTED)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}", accepted=_ACCEPTED) from error


def _check_is_torchscript(path: Path) -> None:
    """Raises LoadError for a zip that is cut short, a pickled checkpoint or anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            inner = [name.partition("/")[2] for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise LoadError(f"{path.name} is a damaged archive: {error}", hint="fetch it again") from error
    if any(name.startswith("code/") for name in inner):
        return
    if "data.pkl" in inner:
        raise _pickled(path)
    raise LoadError(f"{path.name} is a zip without a network in it", accepted=_ACCEPTED)


def _pickled(path: Path) -> LoadError:
    return LoadError(
        f"{path.name} is a pickled checkpoint, which could run any code when loaded",
        accepted=_ACCEPTED,
        hint=_EXPORT_HINT,
    )
