"""Opening input files: only plain files, only video containers, never an address or a playlist."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.container.core import Flags
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from blanklogo.errors import SourceError
from blanklogo.media import strangers
from blanklogo.media.errors import VIDEO_HINT, Stage, foreign_errors
from blanklogo.types import MediaLimits

# Playlists (hls, concat, dash), pictures and text demuxers are left out: they would open other files or addresses,
# or turn a photograph or a letter into a "video".
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,mxf,ogg,nut,ivf,h264,hevc,m4v,obu,dv,"
    "yuv4mpegpipe,rm,wtv,gxf,vob,swf,roq,bink,gif"
)
# QuickTime's references to other files stay unfollowed, as they do by default.
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}


def check_is_file(path: Path) -> os.stat_result:
    """The file's status.

    Raises:
        SourceError: it is missing, empty, a folder, a FIFO, a device or a socket, or may not be read.
    """
    with foreign_errors(Stage.OPEN, path):
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and not os.access(path, os.R_OK):
            raise PermissionError(13, "Permission denied", str(path))
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path} is a folder", accepted=VIDEO_HINT)
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{path} is not a plain file (a pipe, a device or a socket)", accepted=VIDEO_HINT)
    if status.st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes)", accepted=VIDEO_HINT)
    return status


def open_input(path: Path, limits: MediaLimits | None = None) -> InputContainer:
    """The file, opened for demuxing.

    Args:
        limits: of a stranger's video; see `strangers`.

    Raises:
        SourceError: it is no plain file, or not a video container.
        TooLargeError, UnsupportedError: as `strangers.check_streams`.
    """
    check_is_file(path)
    options, seconds = (_OPTIONS | strangers.options(limits), strangers.OPENING_SECONDS) if limits else (_OPTIONS, None)
    with foreign_errors(Stage.OPEN, path):
        # "file:" keeps a name such as "concat:a" from being taken for a protocol. Tags that are not UTF-8 survive.
        name = f"file:{path.absolute()}"
        try:
            container = av.open(name, "r", options=options, metadata_errors="surrogateescape", timeout=(seconds, None))
        except av.error.ArgumentError as error:
            if limits is None:
                raise
            raise strangers.refused(path, limits) from error
        if container.format.name == "avi" and not _has_b_frames(container):
            container.flags &= ~Flags.gen_pts.value  # it would take each frame for shown one tick after its decoding
    if limits is not None:
        _check_streams(container, path, limits)
    return container


def _check_streams(container: InputContainer, path: Path, limits: MediaLimits) -> None:
    try:
        strangers.check_streams(container, path, limits)
    except BaseException:
        container.close()
        raise


def _has_b_frames(container: InputContainer) -> bool:
    contexts = (stream.codec_context for stream in container.streams.video)
    return any(context is not None and context.has_b_frames for context in contexts)


def is_attached_picture(stream: Stream) -> bool:
    """Whether this "video" stream is a cover picture or a thumbnail."""
    odd = Disposition.attached_pic | Disposition.timed_thumbnails
    return bool(stream.disposition & odd)


def main_video_stream(container: InputContainer, path: Path, limits: MediaLimits | None = None) -> VideoStream:
    """The video that is worked on: FFmpeg's choice, cover pictures left out.

    Args:
        limits: of a stranger's video; held by its decoder from now on.

    Raises:
        SourceError: there is none, or no decoder for it.
        UnsupportedError: as `strangers.check_coding`.
    """
    streams = [stream for stream in container.streams.video if not is_attached_picture(stream)]
    if not streams:
        raise SourceError(f"{path} holds {_held(container)}, no video", accepted=VIDEO_HINT)
    best = container.streams.best("video")
    stream = next((stream for stream in streams if best is not None and stream.index == best.index), streams[0])
    if stream.codec_context is None:
        raise SourceError(f"{path} holds a video that no decoder here understands", hint="convert it to H.264 first")
    if limits is not None:
        strangers.check_coding(stream, path)
        stream.codec_context.options = strangers.decoder_options(limits)
    return stream


def _held(container: InputContainer) -> str:
    kinds = sorted({"a cover picture" if stream.type == "video" else str(stream.type) for stream in container.streams})
    return " and ".join(kinds) or "nothing"
