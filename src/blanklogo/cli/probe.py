"""`blanklogo probe`: what a video file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output
from blanklogo.cli.words import clock

if TYPE_CHECKING:
    from blanklogo.media.info import MediaInfo, StreamInfo, VideoInfo

EPILOG = """\b
Examples:
  blanklogo probe clip.mp4
  blanklogo probe clip.mp4 --json | jq .info.video.width"""


def probe(context: typer.Context, source: options.Source, is_json: options.Json = False) -> int:
    """Say what a video file holds: its picture, its other streams, chapters and tags."""
    from blanklogo.media.probe import probe as probe_file

    info = probe_file(source)
    Output(context.obj, is_json=is_json).result({"info": info.as_dict()}, info_words(info, source), is_data=True)
    return 0


def info_words(info: MediaInfo, source: Path) -> list[str]:
    """A line for the file, for each stream, and for each chapter."""
    long = "unknown length" if info.duration_seconds is None else clock(info.duration_seconds)
    lines = [f"{source.name}: {info.container}, {long}, {info.size_bytes / 1e6:.1f} MB"]
    lines.append(f"  video: {video_words(info.video)}")
    lines += [f"  {stream_words(stream)}" for stream in info.others]
    for chapter in info.chapters:
        lines.append(f"  chapter {clock(chapter.start_seconds)} {chapter.title or ''}".rstrip())
    lines += [f"  tag {name}: {value}" for name, value in info.metadata.items()]
    return lines


def video_words(video: VideoInfo) -> str:
    """Codec, size, planes, rate, and what is out of the ordinary."""
    parts = [video.codec, f"{video.width}x{video.height}", video.format.name]
    if video.average_rate:
        parts.append(f"{float(video.average_rate):.5g} frames/s")
    if video.num_frames_from_header:
        parts.append(f"{video.num_frames_from_header} frames")
    if video.rotation_degrees:
        parts.append(f"rotated {video.rotation_degrees} degrees")
    if video.sample_aspect_ratio != 1:
        parts.append(f"pixels {video.sample_aspect_ratio}")
    if video.is_interlaced:
        parts.append("interlaced")
    if video.hdr.mastering or video.hdr.max_content_light:
        parts.append("HDR10")
    return ", ".join(parts)


def stream_words(stream: StreamInfo) -> str:
    """Kind, codec and whatever else it tells."""
    details = [f"{name} {value}" for name, value in stream.details.items() if value]
    return f"{stream.kind}: {', '.join([stream.codec or 'unknown codec', *details])}"
