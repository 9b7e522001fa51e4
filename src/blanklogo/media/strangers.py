"""What is taken from strangers: the containers and codecs that videos really come in, and so much of each.

A user's own video may be anything that FFmpeg reads. One that somebody else brought meets fewer demuxers and decoders,
since each is a way in, and decoders that refuse a frame far over the limit before they take memory for it.
"""

from __future__ import annotations

from pathlib import Path

from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from blanklogo.errors import SourceError, TooLargeError, UnsupportedError
from blanklogo.types import MediaLimits

OPENING_SECONDS = 30.0  # for opening one: it takes milliseconds
_EDGES_PIXELS = 1 << 20
_HINT = "convert it to H.264 in an MP4 first"

_CONTAINERS = "MP4, QuickTime, Matroska, WebM, AVI, MPEG, FLV, ASF or Ogg"
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"
# By the names of FFmpeg's decoders. Of the streams beside the video none is decoded; but when a file is opened, their
# decoders may look at the first packets to tell what they are.
_VIDEO = frozenset(
    """h264 hevc libdav1d av1 vp8 vp9 mpeg4 mpeg2video mpeg1video mjpeg prores dnxhd ffv1 h263 flv wmv1 wmv2 wmv3 vc1
    theora msmpeg4v2 msmpeg4 rawvideo huffyuv ffvhuff utvideo""".split()  # noqa: SIM905 (long lists of names read better as words)
)
_BESIDE = frozenset(
    """aac aac_latm mp1float mp2float mp3float mp3 ac3 eac3 opus libopus vorbis flac alac dca truehd wmav1 wmav2 wmapro
    adpcm_ms adpcm_ima_wav adpcm_ima_qt amrnb amrwb libopencore_amrnb libopencore_amrwb speex nellymoser pcm_s16le
    pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_u8 pcm_s8 pcm_alaw pcm_mulaw mov_text
    subrip srt ass ssa webvtt text png bmp""".split()  # noqa: SIM905
)


def options(limits: MediaLimits) -> dict[str, str]:
    """Of FFmpeg, for opening a stranger's video."""
    decoders = ",".join(sorted(_VIDEO | _BESIDE))
    return {"format_whitelist": _DEMUXERS, "codec_whitelist": decoders, **decoder_options(limits)}


def decoder_options(limits: MediaLimits) -> dict[str, str]:
    """Of FFmpeg, for a decoder of a stranger's video: also a frame in its middle may ask for too much.

    Decoders count the edges that they add, and round up; what they let through is then measured exactly.
    """
    return {"max_pixels": str(4 * limits.max_pixels + _EDGES_PIXELS)}


def refused(path: Path, limits: MediaLimits) -> SourceError:
    """The error for what FFmpeg would not open by these options; it does not say by which."""
    return SourceError(
        f"{path} is no video that is taken here",
        accepted=f"{_CONTAINERS}, with up to {limits.max_pixels} pixels in a frame",
        hint="convert it first, or scale it down",
    )


def check_streams(container: InputContainer, path: Path, limits: MediaLimits) -> None:
    """Looks at every stream, not only at the one that is worked on: all are read.

    Raises:
        TooLargeError: there are more than the limit, or a picture among them is larger.
        UnsupportedError: one is coded in a way that is not taken.
    """
    if len(container.streams) > limits.max_streams:
        raise TooLargeError(
            f"{path} holds {len(container.streams)} streams or more",
            accepted=f"up to {limits.max_streams} streams",
            hint="the video and its sound alone",
        )
    for stream in container.streams:
        if (name := _decoder(stream)) and name not in _VIDEO | _BESIDE:
            raise UnsupportedError(f"{path} holds {stream.type} coded as {name}", hint=_HINT)
        if isinstance(stream, VideoStream) and stream.codec_context is not None:
            _check_picture(stream, path, limits)


def _check_picture(stream: VideoStream, path: Path, limits: MediaLimits) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if not width * height and stream.disposition & Disposition.attached_pic:  # its decoder refused to look
        came = f"{path} holds a cover picture that is damaged, or over {limits.max_pixels} pixels"
        raise TooLargeError(came, hint="the video without its cover")
    check_pixels(width, height, path, limits)


def check_coding(stream: VideoStream, path: Path) -> None:
    """Raises UnsupportedError: the video that is to be worked on is coded in a way that is not taken."""
    if _decoder(stream) not in _VIDEO:
        raise UnsupportedError(f"{path} is a video coded as {_decoder(stream)}", hint=_HINT)


def check_pixels(width: int, height: int, path: Path, limits: MediaLimits) -> None:
    """Raises TooLargeError."""
    if width * height > limits.max_pixels:
        raise TooLargeError(
            f"{path} is {width}x{height} px",
            accepted=f"up to {limits.max_pixels} pixels in a frame",
            hint="scale it down first",
        )


def too_many_frames(path: Path, limits: MediaLimits) -> TooLargeError:
    """The error for whoever counts packets, or frames that were decoded."""
    return TooLargeError(
        f"{path} holds more than {limits.max_frames} frames",
        accepted=f"up to {limits.max_frames} frames",
        hint="a part of it",
    )


def _decoder(stream: Stream) -> str | None:
    return stream.codec_context.codec.name if stream.codec_context is not None else None
