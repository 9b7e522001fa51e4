"""Media by URI: real clients against servers on this machine."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blanklogo.errors import CancelledError, OptionError, TargetError, TransferError, WriteError
from blanklogo.net import http
from blanklogo.transfer import check_deliverable, deliver, fetch, local_path, objects, scratch_name, web
from blanklogo.transfer.guard.policy import Policy
from loopback import Files, serving

MEDIA = random.Random(7).randbytes(3_000_000)
SECRET = "X-Signature=hush"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """Holds one video; also an S3 with a bucket "media" in the environment's eyes."""
    with serving() as files:
        files.files["/media/clip.mp4"] = MEDIA
        monkeypatch.setenv("AWS_ENDPOINT_URL", files.address)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setattr(http, "PAUSES_SECONDS", (0.01, 0.02, 0.03))
        yield files


@pytest.fixture(params=["trusted", "guarded"])
def policy(request: pytest.FixtureRequest) -> Policy:
    """A user's own, and an endpoint's whose operator allows this machine: what is allowed comes all the same."""
    return Policy.TRUSTED if request.param == "trusted" else Policy.allowing("127.0.0.0/8")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "in" / "clip.mp4"


def never() -> bool:
    return False


def after(num_pieces: int) -> Callable[[], bool]:
    """Wants a stop when it has been asked so often."""
    asked = iter(range(num_pieces))
    return lambda: next(asked, None) is None


# What needs no line


def test_paths_stay_where_they_are(place: Path) -> None:
    assert local_path("file:///a%20b/c.mp4") == Path("/a b/c.mp4")
    assert local_path("s3://media/clip.mp4") is None
    assert fetch("/videos/clip.mp4", place, never, Policy.TRUSTED) == Path("/videos/clip.mp4")
    assert deliver(place, "/videos/out.mp4", never, Policy.TRUSTED) == "/videos/out.mp4"
    for uri in ("clip.mp4", "file://elsewhere/clip.mp4"):
        with pytest.raises(OptionError):
            fetch(uri, place, never, Policy.TRUSTED)
    with pytest.raises(OptionError, match="https:"):
        fetch("ftp://host/clip.mp4", place, never, Policy.TRUSTED)
    assert not place.parent.exists() or not any(place.parent.iterdir())


def test_bytes_go_to_a_file_and_back(place: Path) -> None:
    assert fetch(MEDIA, place, never).read_bytes() == MEDIA
    assert deliver(place, None, never) == MEDIA


def test_a_suffix_in_the_uri_goes_before_the_name() -> None:
    assert scratch_name("https://host/a/b.MKV?x=1.avi", "clip.mp4") == "clip.mkv"
    assert scratch_name("s3://bucket/no-suffix", "clip.mov") == "clip.mov"
    assert scratch_name(b"...", "clip.mov") == scratch_name(None, "clip.mov") == "clip.mov"


def test_without_the_extra_its_name_is_told(place: Path) -> None:
    code = """
import sys
sys.modules["httpx2"] = sys.modules["obstore"] = None
from pathlib import Path
from blanklogo.errors import UnavailableError
from blanklogo.transfer import fetch
for uri in ("https://host/clip.mp4", "gs://bucket/clip.mp4"):
    try:
        fetch(uri, Path(sys.argv[1]), lambda: False)
    except UnavailableError as error:
        print(error)
"""
    said = subprocess.run([sys.executable, "-c", code, place], capture_output=True, text=True, check=True).stdout
    assert said.count("blanklogo[remote]") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_media(server: Files, tmp_path: Path) -> None:
    server.files["/media/large.mp4"] = bytes(200_000_000)
    code = """
import sys
from pathlib import Path
from blanklogo.engines.memory import own_peak_rss_bytes
from blanklogo.transfer import deliver, fetch, objects, web
from blanklogo.transfer.guard.policy import Policy
address, place = sys.argv[1], Path(sys.argv[2])
before = own_peak_rss_bytes()
policy = Policy.allowing("127.0.0.0/8")
fetch(address + "/media/large.mp4", place, lambda: False, policy)
deliver(place, address + "/media/put.mp4", lambda: False, policy)
print(own_peak_rss_bytes() - before)
before = own_peak_rss_bytes()
fetch("s3://media/large.mp4", place.with_name("again.mp4"), lambda: False)
deliver(place, "s3://media/object.mp4", lambda: False)
print(own_peak_rss_bytes() - before)
"""
    command = [sys.executable, "-c", code, server.address, str(tmp_path / "large.mp4")]
    grown = [int(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]
    assert grown[0] < 20_000_000, "HTTP: a piece of 1 MiB, and what sockets and TLS take"
    assert grown[1] < 120_000_000, "objects: a few parts of 8 MiB, each held twice or so on its way"
    assert len(server.files["/media/put.mp4"]) == len(server.files["/media/object.mp4"]) == 200_000_000


# HTTP


def test_a_file_is_fetched(server: Files, place: Path, policy: Policy) -> None:
    assert fetch(f"{server.address}/media/clip.mp4?{SECRET}", place, never, policy) == place
    assert place.read_bytes() == MEDIA


def test_a_broken_line_is_taken_up_where_it_broke(server: Files, place: Path, policy: Policy) -> None:
    server.cuts = [1_500_000, 10]
    fetch(f"{server.address}/media/clip.mp4", place, never, policy)
    assert place.read_bytes() == MEDIA
    _, *further = [wanted for _, _, wanted in server.asked]
    assert len(further) == 2
    assert all(wanted and 0 < int(wanted[6:-1]) <= 1_500_010 for wanted in further)


def test_another_version_is_not_sewn_to_the_first(server: Files, place: Path, policy: Policy) -> None:
    server.cuts = [1_500_000]
    other = MEDIA[::-1]

    def swap() -> bool:
        server.files["/media/clip.mp4"] = other
        return False

    fetch(f"{server.address}/media/clip.mp4", place, swap, policy)
    assert place.read_bytes() == other


def test_without_a_version_it_starts_again(server: Files, place: Path, policy: Policy) -> None:
    server.cuts, server.has_etag = [1_500_000], False
    fetch(f"{server.address}/media/clip.mp4", place, never, policy)
    assert place.read_bytes() == MEDIA
    server.has_date, server.cuts = True, [1_500_000]  # media have no checksum that would tell two versions apart
    fetch(f"{server.address}/media/clip.mp4", place, never, policy)
    assert place.read_bytes() == MEDIA
    assert [wanted for _, _, wanted in server.asked] == [None] * 4


def test_a_line_that_breaks_too_often_is_an_error(server: Files, place: Path, policy: Policy) -> None:
    server.cuts, server.has_etag = [10] * 4, False
    with pytest.raises(TransferError, match="could not be fetched") as caught:
        fetch(f"{server.address}/media/clip.mp4?{SECRET}", place, never, policy)
    assert "hush" not in str(caught.value)
    assert not place.exists()


@pytest.mark.parametrize(("statuses", "num_asked"), [([404], 1), ([403], 1), ([503] * 4, 4)])
def test_a_refusal_is_told_with_its_status(
    server: Files, place: Path, statuses: list[int], num_asked: int, policy: Policy
) -> None:
    server.statuses = statuses[:]
    with pytest.raises(TransferError, match=str(statuses[0])) as caught:
        fetch(f"{server.address}/media/clip.mp4?{SECRET}", place, never, policy)
    assert "/media/clip.mp4 could not be fetched" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert len(server.asked) == num_asked


def test_a_busy_server_is_asked_again(server: Files, place: Path, policy: Policy) -> None:
    server.statuses = [503, 429]
    fetch(f"{server.address}/media/clip.mp4", place, never, policy)
    assert place.read_bytes() == MEDIA


def test_nobody_there(place: Path, server: Files, policy: Policy) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        with pytest.raises(TransferError, match="refused"):
            fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/clip.mp4", place, never, policy)


@pytest.mark.parametrize("scheme", ["http", "s3"])
def test_a_stop_between_pieces(
    server: Files, place: Path, scheme: str, monkeypatch: pytest.MonkeyPatch, policy: Policy
) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", 1 << 20)
    with pytest.raises(CancelledError):
        fetch(uri_of(server, scheme), place, after(2), policy)
    assert not place.exists()


@pytest.mark.parametrize("scheme", ["http", "s3"])
def test_too_large_is_refused(server: Files, tmp_path: Path, scheme: str, policy: Policy) -> None:
    speaker = {"http": web, "s3": objects}[scheme]
    with pytest.raises(TransferError, match=r"3\.0 MB"):
        speaker.download(uri_of(server, scheme), tmp_path / "clip.mp4", never, policy, 2_000_000)
    assert (tmp_path / "clip.mp4").stat().st_size == 0


def test_a_result_is_put_to_a_signed_url(server: Files, tmp_path: Path, policy: Policy) -> None:
    (tmp_path / "out.mp4").write_bytes(MEDIA)
    server.statuses = [503]
    target = f"{server.address}/media/out.mp4?{SECRET}"
    check_deliverable(target, policy, overwrite=False)
    assert deliver(tmp_path / "out.mp4", target, never, policy) == f"{server.address}/media/out.mp4"
    assert server.files["/media/out.mp4"] == MEDIA
    assert {path for _, path, _ in server.asked} == {f"/media/out.mp4?{SECRET}"}
    server.statuses = [403]
    with pytest.raises(TransferError, match="403") as caught:
        deliver(tmp_path / "out.mp4", target, never, policy)
    assert "hush" not in str(caught.value)


def test_a_disk_that_refuses(server: Files, tmp_path: Path, policy: Policy) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="file"):
        fetch(f"{server.address}/media/clip.mp4", tmp_path / "file" / "clip.mp4", never, policy)


# Object stores


def uri_of(server: Files, scheme: str) -> str:
    return "s3://media/clip.mp4" if scheme == "s3" else f"{server.address}/media/clip.mp4"


def test_an_object_is_fetched_in_parts(
    server: Files, place: Path, monkeypatch: pytest.MonkeyPatch, policy: Policy
) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", 1 << 20)
    fetch("s3://media/clip.mp4", place, never, policy)
    assert place.read_bytes() == MEDIA
    assert len([wanted for method, _, wanted in server.asked if method == "GET" and wanted]) == 3


def test_an_object_that_is_not_there(server: Files, place: Path, policy: Policy) -> None:
    with pytest.raises(TransferError, match=r"s3://media/none\.mp4 could not be fetched: it is not there"):
        fetch("s3://media/none.mp4", place, never, policy)
    with pytest.raises(TransferError, match="names no object"):
        fetch("s3://media", place, never, policy)
    server.statuses = [403]
    with pytest.raises(TransferError, match="not allowed"):
        fetch("s3://media/clip.mp4", place, never, policy)


def test_a_result_becomes_an_object(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Policy
) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", 1 << 20)
    (tmp_path / "out.mp4").write_bytes(MEDIA)
    check_deliverable("s3://media/out.mp4", policy, overwrite=False)
    assert deliver(tmp_path / "out.mp4", "s3://media/out.mp4", never, policy) == "s3://media/out.mp4"
    assert server.files["/media/out.mp4"] == MEDIA
    with pytest.raises(TargetError, match="exists"):
        check_deliverable("s3://media/out.mp4", policy, overwrite=False)
    check_deliverable("s3://media/out.mp4", policy, overwrite=True)


def test_a_stopped_upload_leaves_nothing(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Policy
) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", 1 << 20)
    (tmp_path / "out.mp4").write_bytes(MEDIA)
    with pytest.raises(CancelledError):
        deliver(tmp_path / "out.mp4", "s3://media/out.mp4", after(2), policy)
    assert "/media/out.mp4" not in server.files
    assert server.aborted == ["u1"]


def test_azure_without_an_account_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(TransferError, match=r"az://box/clip\.mp4 could not be fetched: .*Account must be specified"):
        fetch("az://box/clip.mp4", place, never, Policy.TRUSTED)
