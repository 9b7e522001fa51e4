"""Pulling weights from a server on this machine that breaks, changes, refuses and lies."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from weights_samples import an_entry, checkpoint_bytes, onnx_bytes, pickle_bytes, torchscript_bytes

from blanklogo.errors import BlankLogoError, CancelledError, ModelError, TransferError, WeightsError, WriteError
from blanklogo.models import part
from blanklogo.models.fetch import pull
from blanklogo.models.files import locate, part_path
from blanklogo.models.weights import Format, Weights
from blanklogo.types import Notice, Progress
from loopback import Files

NET = onnx_bytes(3_000_000)
PATIENCE_SECONDS = 60  # a busy machine starts slowly; nothing here waits this long when all is well
SLOW_SECONDS = 0.5  # for each of 46 pieces: nobody is done before somebody else has begun

Offer = Callable[..., Weights]


def left_in(folder: Path) -> set[str]:
    """What lies there, but for the lock, which stays."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def ranges(server: Files) -> list[int | None]:
    """From which byte on each GET asked."""
    return [None if wanted is None else int(wanted[6:-1]) for _, _, wanted in server.asked]


def interrupt(weights: Weights, folder: Path, num_pieces: int = 1) -> None:
    """Pulls, and is stopped after so many pieces: what a process that ends in the middle leaves."""
    asked = iter(range(num_pieces))
    with pytest.raises(CancelledError):
        pull(weights, folder, cancelled=lambda: next(asked, None) is None)
    assert left_in(folder) == {"net.onnx.part", "net.onnx.part.json"}


# All is well


def test_weights_are_pulled_once(offer: Offer, server: Files, folder: Path) -> None:
    weights, told = offer(NET), []
    found = pull(weights, folder, told.append)
    assert found.path == folder / "net.onnx"
    assert found.path.read_bytes() == NET
    assert (found.sha256, found.format, found.weights) == (weights.sha256, Format.ONNX, weights)
    assert left_in(folder) == {"net.onnx"}
    assert told[-1] == Progress("pull", len(NET), len(NET))
    assert [event.done for event in told] == sorted({event.done for event in told})
    assert pull(weights, folder) == found
    assert pull(weights, folder, offline=True) == found
    assert len(server.asked) == 1


def test_torchscript_comes_the_same_way(offer: Offer, folder: Path) -> None:
    assert pull(offer(torchscript_bytes()), folder).path == folder / "net.pt"


def test_what_is_shipped_is_not_fetched(server: Files, folder: Path) -> None:
    with pytest.raises(ModelError, match="missing from the package"):
        pull(an_entry(NET, url=None), folder)
    assert not folder.exists()


def test_a_damaged_file_is_replaced_and_told(offer: Offer, server: Files, folder: Path) -> None:
    weights, told = offer(NET), []
    folder.mkdir(parents=True)
    (folder / "net.onnx").write_bytes(b"\0" * len(NET))
    with pytest.raises(WeightsError, match="and nothing is fetched while offline"):
        pull(weights, folder, offline=True)
    pull(weights, folder, told.append)
    assert isinstance(told[0], Notice)
    assert "pulling it anew" in told[0].message
    assert (folder / "net.onnx").read_bytes() == NET


# The line breaks


def test_a_cut_line_is_taken_up_where_it_broke(offer: Offer, server: Files, folder: Path) -> None:
    server.cuts = [1_500_000, 10]
    pull(offer(NET), folder)
    assert (folder / "net.onnx").read_bytes() == NET
    first, *further = ranges(server)
    assert first is None
    assert len(further) == 2
    assert all(start and start <= 1_500_010 for start in further)


@pytest.mark.parametrize("version", ["has_etag", "has_date"])
def test_a_later_process_goes_on_where_an_earlier_one_stopped(
    offer: Offer, server: Files, folder: Path, version: str
) -> None:
    server.has_etag = server.has_date = False
    setattr(server, version, True)
    weights, told = offer(NET), []
    interrupt(weights, folder)
    num_kept = part_path(folder / "net.onnx").stat().st_size
    pull(weights, folder, told.append)
    assert (folder / "net.onnx").read_bytes() == NET
    assert left_in(folder) == {"net.onnx"}
    assert ranges(server) == [None, num_kept]
    assert told[0].done > num_kept > 0


def test_a_date_that_may_hide_a_second_change_is_not_gone_on_from(offer: Offer, server: Files, folder: Path) -> None:
    server.has_etag, server.has_date = False, True
    same = "Mon, 23 Nov 2020 10:00:00 GMT"
    server.edits = [{"Last-Modified": same, "Date": same}]
    weights = offer(NET)
    interrupt(weights, folder)
    assert json.loads(part.label_path(part_path(folder / "net.onnx")).read_text())["version"] is None
    pull(weights, folder)
    assert ranges(server) == [None, None]


def test_without_ranges_it_starts_again(offer: Offer, server: Files, folder: Path) -> None:
    server.has_etag, server.cuts = False, [1_500_000]
    weights = offer(NET)
    pull(weights, folder)
    assert (folder / "net.onnx").read_bytes() == NET
    assert ranges(server) == [None, None]


def test_a_file_that_changed_in_between_is_not_sewn_together(offer: Offer, server: Files, folder: Path) -> None:
    server.files["/net"] = NET[::-1]  # as large, and with another ETag
    weights = an_entry(NET, url=f"{server.address}/net")
    interrupt(weights, folder)
    server.files["/net"] = NET
    pull(weights, folder)
    assert (folder / "net.onnx").read_bytes() == NET
    assert ranges(server)[1] > 0, "it asked to go on, and the server said that the file is another"


@pytest.mark.parametrize(
    "lie", [{"Content-Range": f"bytes 7-{len(NET) - 1}/{len(NET)}"}, {"ETag": '"another"'}], ids=["place", "version"]
)
def test_another_part_than_asked_for_is_not_taken(offer: Offer, server: Files, folder: Path, lie: dict) -> None:
    weights = offer(NET)
    interrupt(weights, folder)
    server.edits = [lie]
    pull(weights, folder)
    assert (folder / "net.onnx").read_bytes() == NET
    assert ranges(server)[2:] == [None], "told something else than it asked for, it starts again"


def test_a_part_of_another_file_is_not_gone_on_from(offer: Offer, server: Files, folder: Path) -> None:
    interrupt(offer(NET), folder)
    other = onnx_bytes(2_000_000)
    pull(offer(other), folder)
    assert (folder / "net.onnx").read_bytes() == other
    assert ranges(server) == [None, None]


@pytest.mark.parametrize("label", ["", "{", "[]", '{"url": 1}', None])
def test_a_label_that_cannot_be_read_is_as_none(offer: Offer, server: Files, folder: Path, label: str | None) -> None:
    weights = offer(NET)
    interrupt(weights, folder)
    path = part.label_path(part_path(folder / "net.onnx"))
    path.unlink() if label is None else path.write_text(label)
    part_path(folder / "net.onnx").write_bytes(bytes(len(NET)))  # of whatever file, and as long as this one
    pull(weights, folder)
    assert (folder / "net.onnx").read_bytes() == NET
    assert ranges(server) == [None, None]


def test_a_part_that_is_whole_needs_no_server(offer: Offer, server: Files, folder: Path) -> None:
    weights = offer(NET)
    interrupt(weights, folder)
    part_path(folder / "net.onnx").write_bytes(NET)  # killed between the last byte and the renaming
    pull(weights, folder)
    assert len(server.asked) == 1
    assert left_in(folder) == {"net.onnx"}


def test_a_busy_server_is_asked_again(offer: Offer, server: Files, folder: Path) -> None:
    server.statuses = [503, 429]
    pull(offer(NET), folder)
    assert len(server.asked) == 3


def test_a_line_that_breaks_too_often_keeps_what_came(offer: Offer, server: Files, folder: Path) -> None:
    weights = offer(NET)
    server.cuts = [100_000] * 4
    with pytest.raises(TransferError, match="could not be fetched") as caught:
        pull(weights, folder)
    assert caught.value.exit_code == 1
    pull(weights, folder)
    assert ranges(server)[-1] > 0


# The server has something else


def assert_nothing_landed(folder: Path) -> None:
    assert left_in(folder) == set()


def test_a_wrong_checksum_lands_nothing(offer: Offer, server: Files, folder: Path) -> None:
    weights = offer(NET)
    server.files["/net"] = bytes([*NET[:-1], NET[-1] ^ 1])
    with pytest.raises(ModelError, match=f"sha256 .* instead of {weights.sha256}; nothing was kept") as caught:
        pull(weights, folder)
    assert caught.value.exit_code == 1
    assert_nothing_landed(folder)


def test_a_damaged_part_is_found_out_and_the_next_try_starts_again(offer: Offer, server: Files, folder: Path) -> None:
    weights = offer(NET)
    interrupt(weights, folder)
    path = part_path(folder / "net.onnx")
    path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(ModelError, match="once more"):
        pull(weights, folder)
    assert_nothing_landed(folder)
    pull(weights, folder)
    assert ranges(server)[-1] is None


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("body", [NET + b"more", NET[:-4]], ids=["longer", "shorter"])
def test_a_wrong_size_lands_nothing(offer: Offer, server: Files, folder: Path, body: bytes, says_length: bool) -> None:
    weights = offer(NET)
    server.files["/net"] = body
    server.edits = [] if says_length else [{"Content-Length": None}]
    with pytest.raises(ModelError, match="bytes"):
        pull(weights, folder)
    assert_nothing_landed(folder)


@pytest.mark.parametrize(
    ("body", "other", "said"),
    [
        (checkpoint_bytes(), {}, "a plain PyTorch checkpoint"),
        (pickle_bytes(), {"format": Format.TORCHSCRIPT}, "could run anything"),
        (torchscript_bytes(), {"format": Format.ONNX}, "its entry says onnx"),
    ],
)
def test_a_format_that_is_not_accepted_lands_nothing(
    offer: Offer, folder: Path, body: bytes, other: dict, said: str
) -> None:
    with pytest.raises((WeightsError, ModelError), match=said) as caught:
        pull(offer(body, **other), folder)
    assert ".part" not in str(caught.value)
    assert_nothing_landed(folder)


@pytest.mark.parametrize(("status", "num_asked"), [(404, 1), (403, 1), (503, 4)])
def test_a_refusal_is_told_with_what_to_do(
    offer: Offer, server: Files, folder: Path, status: int, num_asked: int
) -> None:
    weights = offer(NET)
    server.statuses = [status] * num_asked
    with pytest.raises(TransferError, match=str(status)) as caught:
        pull(weights, folder)
    assert f"bring {weights.url} to {folder / 'net.onnx'} yourself" in caught.value.hint
    assert len(server.asked) == num_asked


def test_without_a_network_it_says_what_to_bring_where(server: Files, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        weights = an_entry(NET, url=f"http://127.0.0.1:{taken.getsockname()[1]}/net")
        with pytest.raises(TransferError, match="refused") as caught:
            pull(weights, folder)
    assert weights.url in caught.value.hint
    assert str(folder / "net.onnx") in caught.value.hint


def test_offline_nothing_is_asked(offer: Offer, server: Files, folder: Path) -> None:
    weights = offer(NET)
    with pytest.raises(WeightsError, match="nothing is fetched while offline") as caught:
        pull(weights, folder, offline=True)
    assert caught.value.exit_code == 2
    assert str(folder / "net.onnx") in str(caught.value)
    assert weights.url in caught.value.hint
    assert server.asked == []
    assert not folder.exists()


# The disk refuses


def test_a_folder_that_cannot_be_is_told(offer: Offer, folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.touch()
    with pytest.raises(WriteError, match="could not be written") as caught:
        pull(offer(NET), folder)
    assert "BLANKLOGO_MODELS" in caught.value.hint


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount: {error}")
    if done.returncode:
        pytest.skip(f"no disk of our own: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told(offer: Offer, small_disk: Path) -> None:
    with pytest.raises(WriteError, match="No space left on device") as caught:
        pull(offer(NET), small_disk)
    assert "free some disk space" in caught.value.hint
    assert not (small_disk / "net.onnx").exists()


def test_after_a_full_disk_it_goes_on(offer: Offer, server: Files, folder: Path) -> None:
    """By a limit on this process's files, which every user may set; the kernel refuses as a full disk does."""
    weights = offer(NET)
    before, usual = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
    try:
        with pytest.raises(WriteError, match="File too large") as caught:
            pull(weights, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, usual)
    assert "free some disk space" in caught.value.hint
    pull(weights, folder)
    assert (folder / "net.onnx").read_bytes() == NET
    assert ranges(server)[-1] > 0


# Several processes

PULL = """
import dataclasses, json, sys
from pathlib import Path
from blanklogo.models.fetch import pull
from blanklogo.models.weights import Weights
from blanklogo.types import Notice
tell = lambda event: print(event.message, flush=True) if isinstance(event, Notice) else None
pull(Weights(**json.loads(sys.argv[1])), Path(sys.argv[2]), tell)
print("done")
"""


@pytest.fixture
def begin(folder: Path) -> Iterator[Callable[[Weights], subprocess.Popen]]:
    """Starts a process that pulls."""
    started: list[subprocess.Popen] = []

    def start(weights: Weights) -> subprocess.Popen:
        command = [sys.executable, "-c", PULL, json.dumps(vars(weights)), str(folder)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def has_begun(folder: Path) -> bool:
    path = part_path(folder / "net.onnx")
    return path.exists() and path.stat().st_size > 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_killed_in_the_middle_it_goes_on(offer: Offer, server: Files, folder: Path, begin) -> None:
    weights = offer(NET)
    server.pause_seconds = SLOW_SECONDS
    process = begin(weights)
    wait_for(lambda: has_begun(folder))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "net.onnx").exists()
    server.pause_seconds = 0
    pull(weights, folder)  # the dead one's lock is no lock
    assert (folder / "net.onnx").read_bytes() == NET
    assert ranges(server)[0] is None
    assert ranges(server)[1] > 0
    assert left_in(folder) == {"net.onnx"}


def test_two_at_once_fetch_once(offer: Offer, server: Files, folder: Path, begin) -> None:
    weights = offer(NET)
    server.pause_seconds = SLOW_SECONDS
    first = begin(weights)
    wait_for(lambda: has_begun(folder))
    second = begin(weights)
    assert second.stdout.readline() == "net is being pulled by another process; waiting for it\n"
    server.pause_seconds = 0
    said = [process.communicate(timeout=PATIENCE_SECONDS) for process in (first, second)]
    assert said == [("done\n", "")] * 2
    assert len(server.asked) == 1
    assert (folder / "net.onnx").read_bytes() == NET


def test_who_waits_takes_over_from_one_that_dies(offer: Offer, server: Files, folder: Path, begin) -> None:
    weights = offer(NET)
    server.pause_seconds = SLOW_SECONDS
    first = begin(weights)
    wait_for(lambda: has_begun(folder))
    second = begin(weights)
    assert second.stdout.readline().startswith("net is being pulled by another process")
    server.pause_seconds = 0
    first.kill()
    out, err = second.communicate(timeout=PATIENCE_SECONDS)
    assert (out, err) == ("done\n", "")
    assert (folder / "net.onnx").read_bytes() == NET


def test_waiting_can_be_stopped(offer: Offer, server: Files, folder: Path, begin) -> None:
    weights, told = offer(NET), []
    server.pause_seconds = SLOW_SECONDS
    process = begin(weights)
    wait_for(lambda: has_begun(folder))
    with pytest.raises(CancelledError):
        pull(weights, folder, told.append, cancelled=lambda: bool(told))
    assert isinstance(told[0], Notice)
    assert process.poll() is None


def test_what_was_pulled_is_found_by_its_name(
    offer: Offer, server: Files, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = offer(NET)
    folder.mkdir(parents=True)
    lines = [f'{key} = "{getattr(weights, key)}"' for key in ("name", "purpose", "format", "url", "sha256", "licence")]
    (folder / "models.toml").write_text("\n".join(["[[weights]]", *lines, f"bytes = {weights.num_bytes}"]))
    with pytest.raises(BlankLogoError, match="models pull net"):
        locate("net", folder)
    pulled = pull(weights, folder)
    assert (locate("net", folder).path, locate("net", folder).sha256) == (pulled.path, pulled.sha256)
