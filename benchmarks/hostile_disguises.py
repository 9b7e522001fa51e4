"""Files that are anything but a video, under a video's name: what, name, bytes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import wave
import zipfile
import zlib
from collections.abc import Callable
from functools import cache, partial

_PLACES = ("file:///etc/passwd", "/etc/passwd", "http://127.0.0.1:1/x.ts", "concat:/etc/passwd|/etc/hosts", "x.ts")


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clip.mp4", bytes(10_000_000))
    return held.getvalue()


def _tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("clip.mp4"), io.BytesIO())
    return held.getvalue()


def _wav() -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16_000))
    return held.getvalue()


@cache
def png(width: int, height: int) -> bytes:
    """A picture of one colour, a thousandth of its pixels in size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    packer = zlib.compressobj(6)
    rows = b"".join(packer.compress(bytes(1 + 3 * width)) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _playlist(place: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{place}\n#EXT-X-ENDLIST\n".encode()


def _script(place: str) -> bytes:
    return f"ffconcat version 1.0\nfile '{place}'\nduration 5\n".encode()


def subtitles(entries: int) -> bytes:
    """As SubRip writes them."""
    return "".join(f"{n}\n00:00:{n:02d},000 --> 00:00:{n:02d},900\nwords\n\n" for n in range(entries)).encode()


DISGUISES: tuple[tuple[str, str, bytes | Callable[[], bytes]], ...] = (
    ("a zip", "zip.mp4", _zip()),
    ("a tar", "tar.mp4", _tar()),
    ("gzip of a gzip", "gz.mp4", gzip.compress(gzip.compress(bytes(10_000_000)))),
    ("HTML", "page.mp4", b"<!doctype html><html><body><video src=/etc/passwd></body></html>" * 40),
    ("SVG that asks", "draw.mp4", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'),
    ("XML, an entity", "xxe.mp4", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "/etc/passwd">]><a>&x;</a>'),
    ("PDF", "paper.mp4", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n" * 20),
    *((f"an HLS playlist of {place}", f"list{n}.mp4", _playlist(place)) for n, place in enumerate(_PLACES)),
    *((f"a concat script of {place}", f"cat{n}.mkv", _script(place)) for n, place in enumerate(_PLACES)),
    ("ffmetadata", "meta.mp4", b";FFMETADATA1\ntitle=a\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=99999999\n" * 10),
    ("a DASH manifest", "dash.mp4", b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file:///etc/</BaseURL></MPD>'),
    ("an SDP", "session.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
    ("an ASX", "list.asf", b'<asx version="3.0"><entry><ref href="file:///etc/passwd"/></entry></asx>'),
    ("a PLS", "list.avi", b"[playlist]\nFile1=/etc/passwd\nNumberOfEntries=1\n"),
    ("AviSynth", "script.avi", b'Version()\nDirectShowSource("/etc/passwd")\n'),
    ("an image sequence's name", "%03d.mp4", b"no such thing"),
    ("PNG", "picture.mp4", png(64, 64)),
    ("a PNG of 12000 x 12000", "bomb.mp4", partial(png, 12_000, 12_000)),
    ("GIF", "moving.mp4", b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"),
    ("JPEG", "photo.mp4", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + bytes(500) + b"\xff\xd9"),
    ("WAV", "sound.mp4", _wav()),
    ("MP3", "song.mp4", (b"\xff\xfb\x90\x64" + bytes(413)) * 40),
    ("Y4M", "raw.mp4", b"YUV4MPEG2 W16 H16 F25:1 Ip A1:1 C420jpeg\n" + (b"FRAME\n" + bytes(384)) * 9),
    ("subtitles", "words.mp4", subtitles(40)),
    ("WebVTT", "words.mkv", b"WEBVTT\n\n00:00.000 --> 00:09.000\nwords\n"),
    ("JSON", "data.mp4", json.dumps({"video": "/etc/passwd"}).encode() * 50),
    ("a shell script", "run.mp4", b"#!/bin/sh\ncat /etc/passwd\n"),
    ("ELF", "program.mp4", b"\x7fELF\x02\x01\x01" + bytes(4000)),
    ("one word", "word.mp4", b"mdat"),
    ("a pickle", "object.mp4", b"\x80\x04cos\nsystem\n(S'true'\ntR."),
    ("SQLite", "rows.mp4", b"SQLite format 3\0" + bytes(4080)),
)  # fmt: skip
