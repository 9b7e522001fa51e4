"""Small files of weights in each format, and the entry that describes one."""

from __future__ import annotations

import hashlib
import io
import pickle
import random
import zipfile

from blanklogo.models.weights import Format, Purpose, Weights


def onnx_bytes(num_bytes: int = 3_000_000) -> bytes:
    """The smallest ModelProto with a graph in it, as large as asked for: its documentation is noise."""
    noise = random.Random(11).randbytes(num_bytes)
    graph = b"\x3a\x04\x12\x02ok"  # field 7: a graph that has nothing but a name
    return b"\x08\x0a" + b"\x32" + _varint(len(noise)) + noise + graph


def torchscript_bytes() -> bytes:
    return zip_bytes("net/data.pkl", "net/constants.pkl", "net/code/__torch__.py", "net/version")


def checkpoint_bytes() -> bytes:
    """As `torch.save` writes it since 2020: a zip of a pickle and its numbers."""
    return zip_bytes("net/data.pkl", "net/data/0", "net/version")


def pickle_bytes() -> bytes:
    return pickle.dumps({"weight": [0.5] * 100})


def zip_bytes(*names: str) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name in names:
            archive.writestr(name, b"...")
    return into.getvalue()


def an_entry(body: bytes, name: str = "net", url: str | None = "https://host/net", **other) -> Weights:
    """The entry that describes this body."""
    kind = Format.TORCHSCRIPT if body.startswith(b"PK") else Format.ONNX
    fields = {"purpose": Purpose.INPAINTER, "format": kind, "licence": "Apache-2.0", "source": "https://host"}
    sha256 = hashlib.sha256(body).hexdigest()
    return Weights(name=name, sha256=sha256, num_bytes=len(body), url=url, **(fields | other))


def _varint(value: int) -> bytes:
    digits = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
