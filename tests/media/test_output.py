"""Whole output or none."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from blanklogo.errors import TargetError, WriteError
from blanklogo.media.output import check_target, copy_bytes, pending_output, put_bytes


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.mp4"
    path.write_bytes(b"source")
    return path


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_put_in_place(source, tmp_path):
    target = tmp_path / "out.mp4"
    with pending_output(source, target) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".mp4")
        assert not target.exists()
        copy_bytes(source, temporary)
    assert target.read_bytes() == b"source"
    assert names(tmp_path) == ["in.mp4", "out.mp4"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_half_written(source, tmp_path, error):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")

    def write():
        with pending_output(source, target, overwrite=True) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["in.mp4", "out.mp4"]


def test_overwrite_must_be_said(source, tmp_path):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    with pytest.raises(TargetError, match="exists; try: --overwrite"), pending_output(source, target):
        pass
    with pending_output(source, target, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new"


def test_a_target_that_appears_meanwhile_is_kept(source, tmp_path):
    target = tmp_path / "out.mp4"

    def write():
        with pending_output(source, target) as temporary:
            temporary.write_bytes(b"new")
            target.write_bytes(b"somebody else's")

    with pytest.raises(TargetError, match="exists"):
        write()
    assert target.read_bytes() == b"somebody else's"
    assert names(tmp_path) == ["in.mp4", "out.mp4"]


def test_never_the_input(source, tmp_path):
    (tmp_path / "soft.mp4").symlink_to(source)
    os.link(source, tmp_path / "hard.mp4")
    for name in ("in.mp4", "soft.mp4", "hard.mp4"):
        with pytest.raises(TargetError, match="is the input"), pending_output(source, tmp_path / name, overwrite=True):
            pass
    assert source.read_bytes() == b"source"


def test_places_that_do_not_fit(source, tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    for target, message in [
        (tmp_path / "none" / "out.mp4", "does not exist"),
        (tmp_path / "folder.mp4", "is a folder"),
        (tmp_path / "out.txt", r"no known suffix; accepted: \.mp4"),
        (tmp_path / "out", r"no known suffix.*try: -o .*out\.mkv"),
        (source / "out.mp4", "is no folder"),
        (tmp_path / ("x" * 300 + ".mp4"), "File name too long"),
    ]:
        with pytest.raises(TargetError, match=message), pending_output(source, target, overwrite=True):
            pass


RUN = """
    import resource, sys
    from pathlib import Path
    from blanklogo.errors import WriteError
    from blanklogo.media.encoding import choose_encoder
    from blanklogo.media.output import pending_output
    from blanklogo.media.probe import probe
    from blanklogo.media.transcode import transcode

    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    {before}
    def transform(frames):
        for frame in frames:
            {each}
            yield frame
    try:
        with pending_output(source, target) as temporary:
            transcode(source, temporary, choose_encoder(probe(source), quality=0), transform)
    except WriteError as error:
        print(error)
        sys.exit(7)
"""


def run_script(before: str, each: str, *arguments) -> subprocess.Popen:
    script = textwrap.dedent(RUN).format(before=before, each=each)
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_no_room_left(clip, tmp_path):
    """A limit on the size of files fails the muxer's own writes, as a full disk does."""
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))"
    process = run_script(limit, "pass", clip("long"), tmp_path / "out.mp4")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 7, errors
    assert "could not be written: File too large; try: free some disk space" in output
    assert str(tmp_path / "out.mp4") in output
    assert ".part" not in output, "users know their target, not the file that stood for it"
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_full_disk(clip, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        process = run_script("pass", "pass", clip("long"), disk / "out.mp4")
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 7, errors
        assert "No space left on device; try: free some disk space" in output
        assert names(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_ctrl_c(clip, tmp_path):
    process = run_script("pass", "import time; print(frame.index, flush=True); time.sleep(0.05)", clip("long"),
                         tmp_path / "out.mp4")  # fmt: skip
    assert process.stdout is not None
    while process.stdout.readline().strip() != "3":
        pass
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, errors = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert process.returncode not in (0, 7)
    assert time.monotonic() - started < 5
    assert names(tmp_path) == []


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_folder_that_may_not_be_written_to(source, tmp_path, mode):
    folder = tmp_path / "shut"
    folder.mkdir()
    folder.chmod(mode)
    if os.geteuid() == 0:  # whom no mode holds back
        os.seteuid(65534)
    try:
        with pytest.raises(TargetError, match="ermission"):
            check_target(source, folder / "out.mp4")
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        folder.chmod(0o755)


def test_small_files_are_whole_or_not_there(tmp_path, monkeypatch):
    target = tmp_path / "look.png"
    put_bytes(b"first", target)
    put_bytes(b"second", target)
    assert target.read_bytes() == b"second"

    def full(path, data):
        with path.open("wb") as writer:
            writer.write(data[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(WriteError, match=r"look\.png could not be written: No space left.*free some disk space"):
        put_bytes(b"third", target)
    assert target.read_bytes() == b"second"
    assert names(tmp_path) == ["look.png"]


def test_unwritable_folder(source, tmp_path, monkeypatch):
    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", refused)
    with pytest.raises(WriteError, match="Permission denied"), pending_output(source, tmp_path / "out.mp4"):
        pass
