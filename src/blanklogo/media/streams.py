"""The streams that are copied, not worked on: which ones, and whether a container holds them."""

from __future__ import annotations

import io
from contextlib import suppress

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer, OutputContainer
from av.stream import Discard, Stream

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}

# Tags that describe the old file's packing, not its content; the muxer writes its own.
_PACKING_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})
_PACKING_STREAM_TAGS = frozenset({"vendor_id", "encoder", "duration"})


def is_rebuilt(stream: Stream) -> bool:
    """Whether the muxer makes this stream anew from tags: QuickTime's time code and chapter tracks."""
    if stream.type != "data":
        return False
    return "timecode" in stream.metadata or stream.discard == Discard.all


def copied_streams(container: InputContainer, video_index: int) -> list[Stream]:
    """All streams but the video and those that are rebuilt, in the file's order."""
    return [stream for stream in container.streams if stream.index != video_index and not is_rebuilt(stream)]


def is_held(stream: Stream, suffix: str) -> bool:
    """Whether the container can hold a copy of this stream: tried on an empty file in memory."""
    output = av.open(io.BytesIO(), mode="w", format=FORMATS[suffix])
    try:
        add_copy(output, stream)
        output.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    finally:
        with suppress(ValueError, av.error.FFmpegError):
            output.close()
    return True


def add_copy(output: OutputContainer, stream: Stream) -> Stream:
    """A stream of the output that takes this stream's packets as they are."""
    copy = output.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(stream_tags(stream))
    copy.disposition = stream.disposition
    if isinstance(copy.codec_context, AudioCodecContext) and isinstance(stream.codec_context, AudioCodecContext):
        # WAV and AVI leave the names of one or two channels out; MP4 asks for them.
        named = {1: "mono", 2: "stereo"}.get(stream.codec_context.channels)
        if named and stream.codec_context.layout.name not in (named, "downmix"):
            copy.codec_context.layout = named
    return copy


def file_tags(container: InputContainer) -> dict[str, str]:
    """The file's tags without those that describe its packing."""
    return {key: value for key, value in container.metadata.items() if key.lower() not in _PACKING_TAGS}


def stream_tags(stream: Stream) -> dict[str, str]:
    """A stream's tags without those that describe its packing (and Matroska's statistics, which would be stale)."""
    return {
        key: value
        for key, value in stream.metadata.items()
        if key.lower() not in _PACKING_STREAM_TAGS
        and not key.startswith(("_STATISTICS", "BPS", "NUMBER_OF_", "DURATION"))
    }
