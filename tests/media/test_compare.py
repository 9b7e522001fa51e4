"""A comparison that would tell."""

import av
import pytest

from blanklogo.media.compare import compare_streams
from blanklogo.media.encoding import choose_encoder
from blanklogo.media.probe import probe
from blanklogo.media.transcode import transcode


def remuxed(source, target, change):
    """A copy of a file whose packets `change` may change (returning None drops one)."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        copies = {stream.index: new.add_stream_from_template(stream, opaque=True) for stream in old.streams}
        for number, packet in enumerate(old.demux()):
            if packet.dts is None:
                continue
            changed = change(number, packet, packet.stream.type)
            if changed is not None:
                changed.stream = copies[packet.stream_index]
                new.mux(changed)
    return target


def with_bytes(packet, data):
    copy = av.Packet(data)
    copy.pts, copy.dts, copy.time_base, copy.duration = packet.pts, packet.dts, packet.time_base, packet.duration
    return copy


def test_same(clip, tmp_path):
    copy = remuxed(clip("many_streams"), tmp_path / "a.mkv", lambda number, packet, kind: packet)
    comparison = compare_streams(clip("many_streams"), copy)
    assert comparison.pts_match
    assert comparison.others_identical
    assert comparison.details == ()


def test_a_changed_byte_of_sound(clip, tmp_path):
    def change(number, packet, kind):
        if kind == "audio" and packet.pts > 100:
            return with_bytes(packet, bytes([bytes(packet)[0] ^ 1]) + bytes(packet)[1:])
        return packet

    comparison = compare_streams(clip("many_streams"), remuxed(clip("many_streams"), tmp_path / "a.mkv", change))
    assert not comparison.others_identical
    assert comparison.pts_match
    assert comparison.details == ("audio stream 0: packets differ", "audio stream 1: packets differ")


def test_late_sound(clip, tmp_path):
    def change(number, packet, kind):
        if kind == "audio":
            packet.pts, packet.dts = packet.pts + 5, packet.dts + 5
        return packet

    comparison = compare_streams(clip("many_streams"), remuxed(clip("many_streams"), tmp_path / "a.mkv", change))
    assert comparison.details == ("audio stream 0: time stamps differ", "audio stream 1: time stamps differ")


def test_moved_and_missing_frames(clip, tmp_path):
    def late(number, packet, kind):
        if kind == "video" and packet.pts >= 400:
            packet.pts += 3
        return packet

    def fewer(number, packet, kind):
        return None if kind == "video" and packet.pts == 440 else packet

    moved = compare_streams(clip("many_streams"), remuxed(clip("many_streams"), tmp_path / "a.mkv", late))
    assert not moved.pts_match
    path = remuxed(clip("many_streams"), tmp_path / "b.mkv", fewer)
    assert compare_streams(clip("many_streams"), path).details == ("the source has 12 frames, the result 11",)
    assert compare_streams(clip("many_streams"), path, num_lost_frames=1).pts_match


def test_a_missing_stream(clip, tmp_path):
    copy = remuxed(
        clip("many_streams"), tmp_path / "a.mkv", lambda number, packet, kind: packet if kind == "video" else None
    )
    comparison = compare_streams(clip("many_streams"), copy)
    assert not comparison.others_identical


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_a_common_delay_is_told_not_failed(clip, tmp_path, suffix):
    target = tmp_path / f"a{suffix}"
    transcode(clip("cfr"), target, choose_encoder(probe(clip("cfr")), suffix=suffix), lambda frames: frames)
    comparison = compare_streams(clip("cfr"), target)
    assert comparison.pts_match
    assert comparison.others_identical
    assert len(comparison.details) == (suffix == ".mkv")
