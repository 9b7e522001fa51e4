"""What is known of a file of weights before it is anywhere: its name, its purpose, its checksum."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from blanklogo.errors import OptionError

SHIPPED_FOLDER = Path(__file__).with_name("shipped")

# No dot, no slash: a name is never a path, and names no file outside its folder. Lower case, because some disks do not
# tell letters apart by it.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Purpose(StrEnum):
    """What a network is for."""

    DETECTOR = "detector"  # says where in a picture a mark may be
    CLASSIFIER = "classifier"  # tells marks from what looks like them, where a detector saw something
    INPAINTER = "inpainter"  # invents what lies under one


class Format(StrEnum):
    """How a network is stored. Both hold the net itself and no Python that runs when they are read."""

    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"

    @property
    def suffix(self) -> str:
        return {Format.ONNX: ".onnx", Format.TORCHSCRIPT: ".pt"}[self]


@dataclass(frozen=True)
class Weights:
    """One file of weights, before it is anywhere.

    Attributes:
        name: lower-case letters, digits, `-` and `_`.
        sha256: of the whole file, in hexadecimal.
        num_bytes: its exact size.
        licence: of the weights, as an SPDX identifier where there is one.
        source: the page that tells where they come from.
        url: where they are pulled from; None: they are in the package.
        description: one line for people.
        version: of those in the package, which change with it.
    """

    name: str
    purpose: Purpose
    format: Format
    sha256: str
    num_bytes: int
    licence: str
    source: str
    url: str | None = None
    description: str = ""
    version: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise OptionError(
                f"weights named {self.name!r}", accepted="1 to 64 of a-z, 0-9, - and _, as in my-detector"
            )
        object.__setattr__(self, "purpose", _choice(Purpose, self.purpose, self.name))
        object.__setattr__(self, "format", _choice(Format, self.format, self.name))
        if not _SHA256.fullmatch(self.sha256):
            came = f"sha256 {self.sha256!r} of {self.name}"
            raise OptionError(came, accepted="64 hexadecimal digits in lower case", hint="sha256sum FILE")
        if self.num_bytes < 1:
            raise OptionError(f"{self.num_bytes} bytes of {self.name}", accepted="the file's exact size")
        if self.url is not None and not (urlsplit(self.url).scheme in ("https", "http") and urlsplit(self.url).netloc):
            raise OptionError(f"url {self.url!r} of {self.name}", accepted="https://…")

    @property
    def is_shipped(self) -> bool:
        return self.url is None

    @property
    def file_name(self) -> str:
        return self.name + self.format.suffix

    def path_in(self, folder: Path) -> Path:
        """Where the file is, or would be: in the package, or in the folder of pulled weights."""
        return (SHIPPED_FOLDER if self.is_shipped else folder) / self.file_name


def _choice(kind: type[Purpose] | type[Format], value: str, name: str) -> Purpose | Format:
    try:
        return kind(value)
    except ValueError:
        raise OptionError(f"{kind.__name__.lower()} {value!r} of {name}", accepted=", ".join(kind)) from None
