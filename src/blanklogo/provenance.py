"""What a file says about its own making: XMP, the mark of machine-made media, a C2PA manifest. None is stripped.

Sources: ISO/IEC 14496-12 (boxes), XMP Specification Part 3 (where XMP stands in MP4 and QuickTime), C2PA 2.1
section A.5 (the manifest's box), IPTC Photo Metadata Standard (DigitalSourceType).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from blanklogo.errors import UnsupportedError, VerificationError
from blanklogo.media.container import open_input
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.xmp import says_machine_made, with_disclosure

C2PA_UUID = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes
XMP_UUID = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
MACHINE_MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
TAG = "DIGITAL_SOURCE_TYPE"  # of Matroska, which has no place for XMP
_RIFF_TAG = "ISRC"  # "source", one of the few tags that AVI has

_MP4_SUFFIXES = (".mp4", ".m4v", ".mov")
_MAX_XMP_BYTES = 32 << 20
_MAX_BOXES = 100_000  # a hostile file may hold millions of empty ones
_C2PA_TYPES = ("application/c2pa", "application/x-c2pa-manifest-store")


@dataclass(frozen=True)
class Provenance:
    """What a file says about its making.

    Attributes:
        has_c2pa: it carries a C2PA manifest.
        xmp: its XMP packet, as it stands in the file.
        says_ai: it says that a machine made it, or a part of it.
    """

    has_c2pa: bool = False
    xmp: bytes | None = None
    says_ai: bool = False

    def __repr__(self) -> str:
        size = f"{len(self.xmp)} bytes" if self.xmp is not None else None
        return f"Provenance(has_c2pa={self.has_c2pa}, xmp={size}, says_ai={self.says_ai})"


@dataclass(frozen=True)
class _Box:
    """A box of ISO base media: four letters, or a uuid box's identity, and where its payload lies."""

    kind: bytes
    start: int
    end: int


def read_provenance(path: Path) -> Provenance:
    """Walks the file's boxes; its media are never read.

    Raises:
        SourceError: the file cannot be opened, or is no video.
        UnsupportedError: the XMP packet is larger than 32 MiB.
    """
    with foreign_errors(Stage.OPEN, path), path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF":
            has_c2pa, xmp = b"C2PA" in _riff_chunks(file), None
        elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"uuid"):
            has_c2pa, xmp = _boxed(file, path)
        else:
            has_c2pa, xmp = False, None
    with open_input(path) as container:
        has_c2pa = has_c2pa or any(getattr(stream, "mimetype", None) in _C2PA_TYPES for stream in container.streams)
        is_tagged = any(says_machine_made(value.encode(errors="replace")) for value in container.metadata.values())
    return Provenance(has_c2pa, xmp, is_tagged or (xmp is not None and says_machine_made(xmp)))


def check_can_carry(provenance: Provenance) -> None:
    """To be asked before the work.

    Raises:
        UnsupportedError: there is a C2PA manifest.
    """
    if provenance.has_c2pa:
        raise UnsupportedError(
            "the source carries a C2PA manifest, which this version cannot carry on as an ingredient of the result's "
            "own; it is never stripped, so nothing is written",
            hint="a file without a manifest",
        )


def provenance_tags(provenance: Provenance, suffix: str, *, disclose_ai: bool) -> dict[str, str]:
    """Tags to give to `transcode` for containers that have no place for XMP (Matroska, WebM, AVI)."""
    if suffix.lower() in _MP4_SUFFIXES or not (disclose_ai or provenance.says_ai):
        return {}
    return {_RIFF_TAG if suffix.lower() == ".avi" else TAG: MACHINE_MADE}


def carry_provenance(source: Path, target: Path, provenance: Provenance, *, disclose_ai: bool) -> tuple[str, ...]:
    """Brings what the source says into the finished target.

    MP4 and QuickTime get the XMP packet as a box at their end, where it is legal and moves nothing; with `disclose_ai`
    (or when the source says so already) it holds `Iptc4xmpExt:DigitalSourceType` = trainedAlgorithmicMedia. For other
    containers the tag must have been given to `transcode`; here it is checked.

    Returns:
        what could not be carried, in sentences.

    Raises:
        UnsupportedError: a C2PA manifest, or an XMP packet that cannot be added to.
        VerificationError: the tag is missing from the target.
        WriteError: the disk refused.
    """
    check_can_carry(provenance)
    says_ai = disclose_ai or provenance.says_ai
    if target.suffix.lower() not in _MP4_SUFFIXES:
        if says_ai and not read_provenance(target).says_ai:
            raise VerificationError(f"{target} does not disclose that a machine made it", hint="report this as a bug")
        lost = provenance.xmp is not None
        return (f"the XMP packet could not be carried from {source.name} into {target.suffix}",) if lost else ()
    xmp = provenance.xmp
    if says_ai and not (xmp is not None and says_machine_made(xmp)):
        xmp = with_disclosure(xmp, MACHINE_MADE)
    if xmp is not None:
        _append_box(target, XMP_UUID + xmp)
    return ()


def _append_box(path: Path, payload: bytes) -> None:
    with foreign_errors(Stage.WRITE, path), path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write((8 + len(payload)).to_bytes(4, "big") + b"uuid" + payload)


def _boxed(file: BinaryIO, path: Path) -> tuple[bool, bytes | None]:
    has_c2pa, xmp = False, None
    for box in _all_boxes(file):
        if box.kind == C2PA_UUID:
            has_c2pa = True
        elif box.kind in (XMP_UUID, b"XMP_") and xmp is None:
            if box.end - box.start > _MAX_XMP_BYTES:
                raise UnsupportedError(f"the XMP packet of {path} is larger than {_MAX_XMP_BYTES >> 20} MiB")
            file.seek(box.start)
            xmp = file.read(box.end - box.start)
    return has_c2pa, xmp


def _all_boxes(file: BinaryIO) -> Iterator[_Box]:
    """Boxes at the top, in moov and in moov's udta."""
    size = file.seek(0, os.SEEK_END)
    waiting = [_Box(b"", 0, size)]
    num_boxes = 0
    while waiting:
        parent = waiting.pop()
        for box in _boxes(file, parent.start, parent.end):
            num_boxes += 1
            if num_boxes > _MAX_BOXES:
                return
            yield box
            if (parent.kind, box.kind) in ((b"", b"moov"), (b"moov", b"udta")):
                waiting.append(box)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """Boxes side by side; sizes that do not fit end the walk."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(32)
        size, kind, payload = int.from_bytes(head[:4], "big"), head[4:8], start + 8
        if size == 1:
            size, payload = int.from_bytes(head[8:16], "big"), start + 16
        elif size == 0:
            size = end - start
        if kind == b"uuid":
            kind, payload = head[payload - start : payload - start + 16], payload + 16
        if payload > start + size or start + size > end:
            return
        yield _Box(kind, payload, start + size)
        start += size


def _riff_chunks(file: BinaryIO) -> set[bytes]:
    """Names of the chunks at the top of a RIFF file (AVI)."""
    end, start, kinds = file.seek(0, os.SEEK_END), 12, set()
    for _ in range(_MAX_BOXES):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8 or start > end:
            break
        kinds.add(head[:4])
        # A further RIFF (OpenDML) is entered, other chunks are stepped over; odd sizes are padded.
        size = int.from_bytes(head[4:], "little")
        start += 12 if head[:4] == b"RIFF" else 8 + size + size % 2
    return kinds
