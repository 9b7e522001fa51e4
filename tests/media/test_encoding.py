"""The encoder follows the source, within what the container and the encoder can do."""

from dataclasses import replace
from fractions import Fraction

import pytest

from blanklogo.errors import OptionError, UnsupportedError
from blanklogo.media.encoding import ENCODERS, choose_encoder
from blanklogo.media.info import MasteringDisplay
from blanklogo.media.planes import PlaneFormat
from blanklogo.media.probe import probe
from blanklogo.types import Box


@pytest.mark.parametrize(
    ("name", "encoder", "pixel_format"),
    [
        ("cfr", "libx264", "yuv420p"),
        ("ten_bit_422", "libx264", "yuv422p10le"),
        ("yuv444", "libx264", "yuv444p"),
        ("full_range", "libx264", "yuvj420p"),
        ("hevc", "libx265", "yuv420p"),
        ("hdr10", "libx265", "yuv420p10le"),
        ("twelve_bit", "libx265", "yuv420p12le"),
        ("webm", "libvpx-vp9", "yuv420p"),
        ("av1", "libsvtav1", "yuv420p"),
        ("ffv1", "ffv1", "yuv420p"),
    ],
)
def test_follows_the_source(clip, name, encoder, pixel_format):
    settings = choose_encoder(probe(clip(name)))
    assert (settings.encoder, settings.pixel_format) == (encoder, pixel_format)
    assert settings.warnings == ()


def test_a_codec_without_encoder_is_named(clip):
    settings = choose_encoder(probe(clip("avi")))
    assert settings.encoder == "libx264"
    assert ("bf", "0") in settings.options
    assert any("mpeg4 cannot be written" in warning for warning in settings.warnings)


def test_container_limits(clip):
    info = probe(clip("silent"))
    assert choose_encoder(info, suffix=".webm").codec == "av1"
    assert choose_encoder(info, suffix=".MKV").codec == "h264"
    with pytest.raises(OptionError, match=r"not held by \.avi"):
        choose_encoder(info, "hevc", suffix=".avi")


def test_odd_size_goes_where_it_can(clip):
    info = probe(clip("odd_mjpeg"))
    assert choose_encoder(info, suffix=".mkv").encoder == "libsvtav1"
    with pytest.raises(UnsupportedError, match=r"161x91 cannot be written as \.avi.*try: another container"):
        choose_encoder(info)
    with pytest.raises(OptionError, match="odd sizes"):
        choose_encoder(info, "h264", suffix=".mkv")


def test_hevc_is_too_coarse_for_8x8(clip):
    with pytest.raises(OptionError, match="no less than 16 px"):
        choose_encoder(probe(clip("tiny")), "hevc")


def test_interlaced_is_kept_or_refused(clip):
    info = probe(clip("interlaced"))
    assert choose_encoder(info).is_interlaced
    with pytest.raises(OptionError, match="interlaced"):
        choose_encoder(info, "hevc")


def test_quality_is_stretched(clip):
    info = probe(clip("cfr"))
    assert choose_encoder(info, quality=20).quality == 20
    assert choose_encoder(info, "vp9", quality=51).quality == 63
    for quality in (-1, 52):
        with pytest.raises(OptionError, match="accepted: 0"):
            choose_encoder(info, quality=quality)
    with pytest.raises(OptionError, match=", ".join(ENCODERS)):
        choose_encoder(info, "theora")


def test_hdr10_is_told_to_the_encoder(clip):
    options = dict(choose_encoder(probe(clip("hdr10"))).options)
    assert (
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
        in (options["x265-params"])
    )
    assert "max-cll=1000,400" in options["x265-params"]


def test_hdr10_that_cannot_be_written_is_named(clip):
    info = probe(clip("hdr10"))
    video = replace(info.video, format=PlaneFormat.from_name("yuv420p"))
    assert isinstance(video.hdr.mastering, MasteringDisplay)
    settings = choose_encoder(replace(info, video=video), "vp9")
    assert any("HDR10" in warning for warning in settings.warnings)


def test_uncarried_side_data_is_named(clip):
    info = probe(clip("cfr"))
    info = replace(info, video=replace(info.video, side_data=("DOVI_METADATA", "DOVI_RPU_BUFFER", "SPHERICAL")))
    warnings = choose_encoder(info).warnings
    assert sum("Dolby Vision" in warning for warning in warnings) == 1
    assert sum("360°" in warning for warning in warnings) == 1


def test_clock(clip):
    info = probe(clip("ntsc"))
    assert choose_encoder(info).time_base == Fraction(1, 30000)
    assert any("milliseconds" in warning for warning in choose_encoder(info, suffix=".mkv").warnings)


def test_crop_sets_the_size(clip):
    settings = choose_encoder(probe(clip("cfr")), crop=Box(0, 8, 96, 64))
    assert (settings.width, settings.height) == (96, 56)
