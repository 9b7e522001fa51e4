"""What a video file holds, as `probe` tells it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from blanklogo.media.planes import PlaneFormat


@dataclass(frozen=True)
class MasteringDisplay:
    """The screen an HDR video was graded on (SMPTE ST 2086).

    Attributes:
        primaries: CIE 1931 (x, y) of red, green, blue.
        white_point: CIE 1931 (x, y).
        min_luminance: cd/m².
        max_luminance: cd/m².
    """

    primaries: tuple[tuple[Fraction, Fraction], ...]
    white_point: tuple[Fraction, Fraction]
    min_luminance: Fraction
    max_luminance: Fraction


@dataclass(frozen=True)
class HdrInfo:
    """Static HDR10 data; a part that the file does not carry is None.

    Attributes:
        mastering: see `MasteringDisplay`.
        max_content_light: MaxCLL, cd/m².
        max_frame_average_light: MaxFALL, cd/m².
    """

    mastering: MasteringDisplay | None = None
    max_content_light: int | None = None
    max_frame_average_light: int | None = None


@dataclass(frozen=True)
class ColourTags:
    """Colour description, as code points of ITU-T H.273; 2 is "unspecified".

    Attributes:
        primaries: of the colours.
        transfer: characteristics (gamma, PQ, HLG).
        matrix: from R'G'B' to Y'CbCr.
        range: 0 unspecified, 1 studio ("limited"), 2 full.
    """

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    range: int = 0


@dataclass(frozen=True)
class VideoInfo:
    """The video stream that is worked on.

    Attributes:
        stream_index: its place in the file, from 0.
        codec: FFmpeg's codec name ("h264", "hevc", …).
        profile: the codec's profile, if it tells.
        width: columns of luma, as coded (before rotation).
        height: rows of luma, as coded (before rotation).
        format: how its planes are laid out.
        rotation_degrees: counter-clockwise turn that the file asks players for.
        display_matrix: the nine numbers behind it, or None.
        sample_aspect_ratio: width of a pixel over its height.
        average_rate: frames per second by the header, or None.
        time_base: seconds of one tick of a time stamp.
        start_pts: time stamp of the first frame, in ticks.
        num_frames_from_header: as the container claims, or None.
        is_interlaced: its frames hold two fields.
        field_order: FFmpeg's number: 0 unknown, 1 progressive, 2 and 4 the top field first, 3 and 5 the bottom.
        has_b_frames: frames are stored in another order than shown.
        colour: tags.
        hdr: static HDR10 data.
        side_data: names of the side data found on the first frame.
    """

    stream_index: int
    codec: str
    profile: str | None
    width: int
    height: int
    format: PlaneFormat
    rotation_degrees: int
    display_matrix: tuple[int, ...] | None
    sample_aspect_ratio: Fraction
    average_rate: Fraction | None
    time_base: Fraction
    start_pts: int
    num_frames_from_header: int | None
    is_interlaced: bool
    field_order: int
    has_b_frames: bool
    colour: ColourTags
    hdr: HdrInfo
    side_data: tuple[str, ...] = ()

    @property
    def frame_bytes(self) -> int:
        """Bytes of one decoded frame."""
        return self.format.num_bytes(self.width, self.height)


@dataclass(frozen=True)
class StreamInfo:
    """A stream that is copied, not worked on.

    Attributes:
        kind: "audio", "subtitle", "data", "attachment" or "video" (a further video, a cover picture).
        details: what the kind has to tell (rate, layout, language, …).
    """

    stream_index: int
    kind: str
    codec: str | None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chapter:
    """A named part, seconds since the file's zero."""

    start_seconds: float
    end_seconds: float
    title: str | None


@dataclass(frozen=True)
class MediaInfo:
    """A video file.

    Attributes:
        container: FFmpeg's name of its format.
        size_bytes: of the file.
        duration_seconds: by the header, or None.
        metadata: the file's own tags.
        video: the stream that is worked on.
        others: all further streams, in order.
    """

    path: str
    container: str
    size_bytes: int
    duration_seconds: float | None
    chapters: tuple[Chapter, ...]
    metadata: dict[str, str]
    video: VideoInfo
    others: tuple[StreamInfo, ...]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy; fractions become "num/den"."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value
