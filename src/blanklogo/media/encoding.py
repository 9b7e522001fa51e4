"""Which encoder, with which settings: as the source, visually lossless, within what the container holds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from blanklogo.errors import OptionError, UnsupportedError
from blanklogo.media.hdr import hdr_options
from blanklogo.media.info import MediaInfo, VideoInfo
from blanklogo.types import Box

MAX_QUALITY = 51


@dataclass(frozen=True)
class Encoder:
    """What an encoder of FFmpeg can do.

    Attributes:
        codec: the family, as `--codec` names it.
        formats: pixel formats it takes.
        suffixes: containers that hold its streams.
        quality: its own rate factor that is visually lossless: at least 45 dB of luma on compressed material.
        max_quality: the worst of its own scale; None: it is lossless and has none.
        min_side_px: the smallest width and height.
        needs_even: whether odd sizes with subsampled chroma are refused.
        options: always given.
    """

    name: str
    codec: str
    formats: frozenset[str]
    suffixes: frozenset[str]
    quality: float
    max_quality: int | None
    min_side_px: int
    needs_even: bool
    options: tuple[tuple[str, str], ...]


def _formats(*depths: str, samplings: str = "420 422 444", full: bool = False) -> frozenset[str]:
    prefixes = ("yuv", "yuvj") if full else ("yuv",)
    names = {f"yuv{sampling}p{depth}" for sampling in samplings.split() for depth in depths}
    return frozenset(names | {f"{prefix}{sampling}p" for prefix in prefixes for sampling in samplings.split()})


_ALL = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})

# In order of preference when the source's own family cannot be written.
ENCODERS: dict[str, Encoder] = {
    "h264": Encoder(
        "libx264",
        "h264",
        _formats("10le", full=True),
        _ALL - {".webm"},
        quality=15,
        max_quality=51,
        min_side_px=2,
        needs_even=True,
        options=(("preset", "fast"), ("forced-idr", "1")),
    ),
    "hevc": Encoder(
        "libx265",
        "hevc",
        _formats("10le", "12le", full=True),
        _ALL - {".webm", ".avi"},
        quality=15,
        max_quality=51,
        min_side_px=16,
        needs_even=True,
        options=(("preset", "fast"), ("forced-idr", "1")),
    ),
    "av1": Encoder(
        "libsvtav1",
        "av1",
        _formats("10le", samplings="420"),
        frozenset({".mp4", ".mkv", ".webm"}),
        quality=12,
        max_quality=63,
        min_side_px=8,
        needs_even=False,
        options=(("preset", "6"),),
    ),
    "vp9": Encoder(
        "libvpx-vp9",
        "vp9",
        _formats(),
        frozenset({".mp4", ".mkv", ".webm"}),
        quality=15,
        max_quality=63,
        min_side_px=2,
        needs_even=False,
        options=(("deadline", "good"), ("cpu-used", "4"), ("row-mt", "1"), ("b", "0")),
    ),
    "ffv1": Encoder(
        "ffv1",
        "ffv1",
        _formats("10le", "12le"),
        frozenset({".mkv", ".avi"}),
        quality=0,
        max_quality=None,
        min_side_px=2,
        needs_even=False,
        options=(("level", "3"), ("slicecrc", "1")),
    ),
}
_LOSSLESS_SOURCES = frozenset({"ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "magicyuv"})
_INTRA_SOURCES = _LOSSLESS_SOURCES | {"mjpeg", "prores", "dnxhd", "dvvideo", "jpeg2000"}
_BOTTOM_FIRST = (3, 5)
_X264_PROFILES = {"Constrained Baseline": "baseline", "Baseline": "baseline", "Main": "main"}

_UNCARRIED = {
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "DYNAMIC_HDR_PLUS": "HDR10+ dynamic metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "SPHERICAL": "the spherical (360°) projection tag",
    "STEREO3D": "the stereo 3D tag",
    "ICC_PROFILE": "the ICC profile",
    "FILM_GRAIN_PARAMS": "film grain parameters",
}


@dataclass(frozen=True)
class EncoderSettings:
    """How a result is encoded.

    Attributes:
        codec: the family ("h264", …).
        encoder: FFmpeg's name of the encoder.
        pixel_format: as the encoder takes it; the code values are the source's.
        width: columns of luma written.
        height: rows of luma written.
        time_base: seconds of a tick of the written time stamps.
        quality: the encoder's own rate factor; None for a lossless one.
        options: the encoder's private options.
        keeps_key_frames: key frames are put where the source has them.
        is_interlaced: fields are coded as fields.
        crop: the part of each frame that is kept, or None: all of it.
        warnings: what the user should know.
    """

    codec: str
    encoder: str
    pixel_format: str
    width: int
    height: int
    time_base: Fraction
    quality: float | None
    options: tuple[tuple[str, str], ...] = ()
    keeps_key_frames: bool = True
    is_interlaced: bool = False
    crop: Box | None = None
    warnings: tuple[str, ...] = ()


def choose_encoder(
    info: MediaInfo,
    codec: str | None = None,
    quality: float | None = None,
    *,
    suffix: str | None = None,
    crop: Box | None = None,
) -> EncoderSettings:
    """Settings that follow the source: its codec family, bit depth, sampling, range, tags.

    Args:
        codec: a family of `ENCODERS` to use instead of the source's.
        quality: 0 (best) to 51, stretched to the encoder's own scale; None: visually lossless.
        suffix: of the target (".mp4"); None: the source's.
        crop: the part of each frame to keep.

    Raises:
        OptionError: the codec is unknown or does not fit, or the quality is out of range.
        UnsupportedError: no encoder here can write this source into this container.
    """
    suffix = (suffix if suffix is not None else Path(info.path).suffix).lower()
    width, height = (crop.width, crop.height) if crop else (info.video.width, info.video.height)
    chosen, warnings = _chosen(info.video, codec, suffix, width, height)
    rate_factor = _rate_factor(chosen, quality)
    hdr, hdr_warnings = hdr_options(info.video.hdr, chosen.name)
    return EncoderSettings(
        codec=chosen.codec,
        encoder=chosen.name,
        pixel_format=_pixel_format(info.video, chosen),
        width=width,
        height=height,
        time_base=_time_base(info.video, suffix),
        quality=rate_factor,
        options=(*_options(info.video, chosen, suffix, rate_factor), *hdr),
        keeps_key_frames=info.video.codec not in _INTRA_SOURCES,
        is_interlaced=info.video.is_interlaced,
        crop=crop,
        warnings=(*warnings, *hdr_warnings, *_uncarried(info.video), *_clock_warnings(info.video, suffix)),
    )


def _chosen(
    video: VideoInfo, codec: str | None, suffix: str, width: int, height: int
) -> tuple[Encoder, tuple[str, ...]]:
    if codec is not None:
        encoder = ENCODERS.get(codec.lower())
        if encoder is None:
            raise OptionError(f"codec {codec}", accepted=", ".join(ENCODERS))
        if objection := _objection(encoder, video, suffix, width, height):
            raise OptionError(f"codec {codec}: {objection}", hint="leave the codec out to follow the source")
        return encoder, ()
    objections = []
    family = "ffv1" if video.codec in _LOSSLESS_SOURCES else video.codec
    lossy = [encoder for encoder in ENCODERS.values() if encoder.max_quality is not None]
    own = [ENCODERS[family]] if family in ENCODERS else []
    for encoder in dict.fromkeys([*own, *lossy]):
        objection = _objection(encoder, video, suffix, width, height)
        if objection is None:
            is_same = encoder.codec == video.codec
            return encoder, () if is_same else (f"{video.codec} cannot be written here; encoded as {encoder.codec}",)
        objections.append(f"{encoder.codec}: {objection}")
    raise UnsupportedError(
        f"{video.codec} {video.format.name} {width}x{height} cannot be written as {suffix} ({'; '.join(objections)})",
        hint="another container, such as .mkv",
    )


def _objection(encoder: Encoder, video: VideoInfo, suffix: str, width: int, height: int) -> str | None:
    """Why an encoder cannot write this, or None."""
    if suffix not in encoder.suffixes:
        return f"not held by {suffix}"
    if _plain_name(video.format.name) not in encoder.formats:
        return f"does not take {video.format.name}"
    if encoder.needs_even and (width % video.format.step_x or height % video.format.step_y):
        return f"does not take odd sizes such as {width}x{height} with {video.format.name}"
    if min(width, height) < encoder.min_side_px:
        return f"takes no less than {encoder.min_side_px} px a side"
    if encoder.codec == "ffv1" and suffix == ".avi" and video.format.is_full_range:
        return "does not keep the full range in .avi"
    if video.is_interlaced and encoder.codec != "h264":
        return "does not keep interlaced fields"
    return None


def _plain_name(name: str) -> str:
    return name.replace("yuvj", "yuv")


def _pixel_format(video: VideoInfo, encoder: Encoder) -> str:
    name = video.format.name
    return name if name in encoder.formats else _plain_name(name)


def _rate_factor(encoder: Encoder, quality: float | None) -> float | None:
    if encoder.max_quality is None:
        return None
    if quality is None:
        return encoder.quality
    if not 0 <= quality <= MAX_QUALITY:
        raise OptionError(f"quality {quality}", accepted=f"0 (best) to {MAX_QUALITY}")
    return round(quality * encoder.max_quality / MAX_QUALITY, 2)


def _options(video: VideoInfo, encoder: Encoder, suffix: str, rate_factor: float | None) -> list[tuple[str, str]]:
    options = list(encoder.options)
    if rate_factor is not None:
        # The VP9 and AV1 wrappers take whole numbers only.
        is_whole = encoder.max_quality == 63
        options.append(("crf", str(round(rate_factor) if is_whole else rate_factor)))
    if suffix == ".avi" and encoder.codec == "h264":
        options.append(("bf", "0"))  # AVI has one clock, that of decoding; a reordered frame would be shown too early
    if video.is_interlaced and video.field_order in _BOTTOM_FIRST:
        options.append(("x264opts", "bff=1"))  # its header says "top first" otherwise, whatever the frames say
    if encoder.codec == "h264" and video.codec == "h264" and video.format.name in ("yuv420p", "yuvj420p"):
        profile = _X264_PROFILES.get(video.profile or "")
        if profile and not (profile == "baseline" and video.is_interlaced):
            options.append(("profile", profile))
    return options


def _time_base(video: VideoInfo, suffix: str) -> Fraction:
    if suffix == ".avi" and video.average_rate:
        return 1 / video.average_rate
    return video.time_base


def _uncarried(video: VideoInfo) -> tuple[str, ...]:
    names = dict.fromkeys(_UNCARRIED[name] for name in video.side_data if name in _UNCARRIED)
    return tuple(f"{name} could not be carried into the result" for name in names)


def _clock_warnings(video: VideoInfo, suffix: str) -> tuple[str, ...]:
    is_exact = (video.time_base / Fraction(1, 1000)).denominator == 1
    if suffix in (".mkv", ".webm") and not is_exact:
        return (f"time stamps are rounded to milliseconds, the clock of {suffix} (the source's is finer)",)
    return ()
