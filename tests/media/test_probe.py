"""What a file holds, and one clear message for whatever is no video."""

import json
import os
import stat
from fractions import Fraction

import pytest

from blanklogo.errors import SourceError, UnsupportedError
from blanklogo.media import probe as probe_module
from blanklogo.media.probe import probe


def test_plain(clip):
    info = probe(clip("cfr"))
    assert (info.video.codec, info.video.width, info.video.height) == ("h264", 96, 64)
    assert info.video.time_base == Fraction(1, 12800)
    assert info.video.num_frames_from_header == 12
    assert info.video.average_rate == 25
    assert [other.kind for other in info.others] == ["audio"]
    assert info.size_bytes == clip("cfr").stat().st_size


def test_as_dict_is_json(clip):
    info = json.loads(json.dumps(probe(clip("hdr10")).as_dict()))
    assert info["video"]["time_base"] == "1/12800"
    assert info["video"]["hdr"]["mastering"]["max_luminance"] == "1000/1"


def test_hdr10(clip):
    video = probe(clip("hdr10")).video
    assert (video.colour.primaries, video.colour.transfer, video.colour.matrix) == (9, 16, 9)
    assert (video.hdr.max_content_light, video.hdr.max_frame_average_light) == (1000, 400)
    assert video.hdr.mastering is not None
    assert video.hdr.mastering.white_point == (Fraction(3127, 10000), Fraction(329, 1000))
    assert video.format.bit_depth == 10


def test_oddities(clip):
    assert abs(probe(clip("rotated")).video.rotation_degrees) == 90
    assert probe(clip("anamorphic")).video.sample_aspect_ratio == Fraction(16, 11)
    assert probe(clip("full_range")).video.format.is_full_range
    assert probe(clip("interlaced")).video.is_interlaced
    assert probe(clip("late_start")).video.start_pts == 25600
    assert [chapter.title for chapter in probe(clip("chapters")).chapters] == ["first", "second"]
    assert probe(clip("many_streams")).metadata["title"] == "many"


def test_cover_is_not_the_video(clip):
    info = probe(clip("cover"))
    assert info.video.codec == "h264"
    cover = next(other for other in info.others if other.kind == "video")
    assert cover.details["is_attached_picture"]


def test_missing(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        probe(tmp_path / "none.mp4")


def test_empty(tmp_path):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(SourceError, match="is empty"):
        probe(tmp_path / "empty.mp4")


def test_folder(tmp_path):
    with pytest.raises(SourceError, match="is a folder"):
        probe(tmp_path)


def test_pipe_and_device(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", "/dev/zero"):
        with pytest.raises(SourceError, match="not a plain file"):
            probe(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(clip, tmp_path):
    path = tmp_path / "locked.mp4"
    path.write_bytes(clip("cfr").read_bytes())
    path.chmod(stat.S_IWUSR)
    with pytest.raises(SourceError, match="no permission"):
        probe(path)


@pytest.mark.parametrize("name", ["letter.txt", "letter.mp4", "list.m3u8", "list.ffconcat"])
def test_text_and_playlists(clip, tmp_path, name):
    texts = {
        "list.m3u8": f"#EXTM3U\n#EXTINF:1,\n{clip('cfr')}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile {clip('cfr')}\n",
    }
    (tmp_path / name).write_text(texts.get(name, "not a video\n" * 100))
    with pytest.raises(SourceError, match="not a video that can be read"):
        probe(tmp_path / name)


def test_audio_only(audio_only):
    with pytest.raises(SourceError, match="holds audio, no video"):
        probe(audio_only)


def test_without_frames(without_frames):
    with pytest.raises(SourceError, match=r"no frames|End of file"):
        probe(without_frames)


def test_index_cut_off(truncated):
    with pytest.raises(SourceError, match="not a video that can be read"):
        probe(truncated("long"))


def test_too_large(clip, monkeypatch):
    monkeypatch.setattr(probe_module, "MAX_SIDE_PX", 64)
    with pytest.raises(UnsupportedError, match=r"96x64 px, too large; accepted: up to 64x64"):
        probe(clip("cfr"))


def test_a_name_is_never_a_protocol(clip, tmp_path, monkeypatch):
    path = tmp_path / "concat:a.mp4"
    path.write_bytes(clip("cfr").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert probe("concat:a.mp4").video.width == 96
