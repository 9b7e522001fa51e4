"""Uploads that break off and go on, by tus 1.0.0, over a real server."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from storage_app import Served, in_process, in_thread
from storages import MEDIA, Clock, files_under, local_storage, peak_bytes

from blanklogo.errors import ConflictError, NotFoundError, OptionError, WriteError
from blanklogo.service.storage.arriving import Gate
from blanklogo.service.storage.lanes import Lanes
from blanklogo.service.storage.places import FreePlaces
from blanklogo.service.storage.tus import Tus, metadata
from blanklogo.service.storage.uploads import PART_BYTES, About, Uploads

BODY = {"Content-Type": "application/offset+octet-stream"}
SHA256 = hashlib.sha256(MEDIA).hexdigest()
LARGE = MEDIA * 7  # two whole parts and a bit


class Desk(FreePlaces):
    """Knows of uploads that a job has been made of."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(3600, clock)
        self.taken: set[str] = set()

    def close(self, owner: str, upload_id: str) -> None:
        if upload_id in self.taken:
            raise ConflictError(f"{upload_id} is the input of a job")


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def desk(clock: Clock) -> Desk:
    return Desk(clock)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, clock: Clock, desk: Desk) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("storage")
    storage = local_storage(folder)
    tus = Tus(Uploads(storage, max_bytes=100_000_000), desk, Gate(), clock, max_open=3)
    with in_thread(folder, tus, storage) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[httpx2.Client]:
    """Of an owner; what it uploads is gone after the test."""
    with client_of(served) as client:
        yield client
    served.storage.delete_prefix("own_1")


def client_of(served: Served) -> httpx2.Client:
    headers = {"X-Owner": "own_1", "Tus-Resumable": "1.0.0"}
    return httpx2.Client(base_url=served.address, headers=headers, timeout=300)


def encoded(**named: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in named.items())


def begin(client: httpx2.Client, num_bytes: int, **named: str) -> str:
    """Its path."""
    told = {"Upload-Length": str(num_bytes), "Upload-Metadata": encoded(**{"filename": "clip.MP4", **named})}
    answer = client.post("/uploads", headers=told)
    assert answer.status_code == 201, answer.text
    return urlsplit(answer.headers["location"]).path


def patch(client: httpx2.Client, path: str, offset: int, data: bytes, **more: str) -> httpx2.Response:
    headers = {**BODY, "Upload-Offset": str(offset), **{name.replace("_", "-"): value for name, value in more.items()}}
    return client.patch(path, content=data, headers=headers)


def begun_line(served: Served, path: str, num_bytes: int) -> http.client.HTTPConnection:
    """A PATCH from the start on, of which the bytes are still to come."""
    line = http.client.HTTPConnection(urlsplit(served.address).netloc, timeout=60)
    line.putrequest("PATCH", path)
    told = {"Upload-Offset": "0", "Content-Length": str(num_bytes), "X-Owner": "own_1", "Tus-Resumable": "1.0.0"}
    for name, value in (BODY | told).items():
        line.putheader(name, value)
    line.endheaders()
    return line


def offset_of(client: httpx2.Client, path: str) -> int:
    answer = client.head(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def key_of(path: str) -> str:
    return f"own_1/{path.rpartition('/')[2]}/input.mp4"


def test_what_is_understood(served: Served) -> None:
    answer = httpx2.options(f"{served.address}/uploads")  # needs no token, and no version
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-max-size"] == "100000000"
    assert answer.headers["tus-extension"] == "creation,expiration,checksum,termination"
    assert set(answer.headers["tus-checksum-algorithm"].split(",")) == {"sha1", "sha256"}


def test_an_upload_in_pieces_becomes_the_file(served: Served, client: httpx2.Client, clock: Clock) -> None:
    path = begin(client, len(LARGE), sha256=hashlib.sha256(LARGE).hexdigest())
    assert offset_of(client, path) == 0
    for start, end in ((0, 5), (5, 10_000_000), (10_000_000, len(LARGE))):
        answer = patch(client, path, start, LARGE[start:end])
        assert answer.status_code == 204
        assert answer.headers["upload-offset"] == str(end)
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert offset_of(client, path) == end
        if end < len(LARGE):
            assert parsedate_to_datetime(answer.headers["upload-expires"]).timestamp() == clock.seconds + 3600
            assert "own_1" not in "".join(key for key in served.storage.listed() if key == key_of(path))
    about = client.head(path).headers
    assert about["upload-length"] == str(len(LARGE))
    assert metadata(about["upload-metadata"])["filename"] == "clip.MP4"
    assert b"".join(served.storage.read(key_of(path))) == LARGE
    left = [key.rpartition("/")[2] for key in served.storage.listed("own_1")]
    assert sorted(left) == ["about", "done", "input.mp4"], "no part is kept twice"


def test_what_came_before_the_line_broke_is_kept(client: httpx2.Client, served: Served) -> None:
    path = begin(client, len(LARGE))
    sent = PART_BYTES + 1_000_000
    line = begun_line(served, path, len(LARGE))
    line.send(LARGE[:sent])
    line.close()
    end = time.monotonic() + 30
    while (offset := offset_of(client, path)) < sent and time.monotonic() < end:
        time.sleep(0.02)
    assert offset == sent
    assert patch(client, path, offset, LARGE[offset:]).status_code == 204
    assert b"".join(served.storage.read(key_of(path))) == LARGE


def test_a_line_that_broke_without_a_word_gives_way(client: httpx2.Client, served: Served) -> None:
    path = begin(client, len(MEDIA))
    line = begun_line(served, path, len(MEDIA))
    line.send(MEDIA[:5000])
    time.sleep(1)  # it is at the upload; were it not, the next would be told 0
    assert offset_of(client, path) == 5000, "and what came of it is kept"
    assert patch(client, path, 5000, MEDIA[5000:]).status_code == 204
    assert line.getresponse().status == 423
    line.close()
    assert b"".join(served.storage.read(key_of(path))) == MEDIA


@contextmanager
def dripping(line: http.client.HTTPConnection, num_bytes: int, over: threading.Event) -> Iterator[None]:
    """Within: one of so many bytes comes now and then; the rest when it is over."""

    def drip() -> None:
        num_left = num_bytes
        while num_left > 1 and not over.wait(0.1):
            line.send(b"x")
            num_left -= 1
        over.wait()
        line.send(b"x" * num_left)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_who_comes_while_bytes_come_waits_and_is_told_the_whole(client: httpx2.Client, served: Served) -> None:
    path, over = begin(client, 1000), threading.Event()
    line = begun_line(served, path, 1000)
    with dripping(line, 1000, over):
        time.sleep(0.5)
        threading.Timer(1.0, over.set).start()
        assert offset_of(client, path) == 1000
    assert line.getresponse().status == 204
    line.close()


def test_who_would_wait_too_long_is_told_that_it_is_locked(tmp_path: Path) -> None:
    storage = local_storage(tmp_path)
    tus = Tus(Uploads(storage), FreePlaces(), Gate(), lanes=Lanes(patience_seconds=0.3, stall_seconds=30))
    with in_thread(tmp_path, tus, storage) as served, client_of(served) as client:
        path, over = begin(client, 1000), threading.Event()
        line = begun_line(served, path, 1000)
        with dripping(line, 1000, over):
            time.sleep(0.5)
            for answer in (client.head(path), patch(client, path, 0, b"y"), client.delete(path)):
                assert (answer.status_code, answer.headers["retry-after"]) == (423, "2")
                assert answer.headers["tus-resumable"] == "1.0.0"
            other = begin(client, 5)
            assert patch(client, other, 0, b"other").status_code == 204, "nobody else is held up"
        assert line.getresponse().status == 204
        line.close()
        assert offset_of(client, path) == 1000


def test_bytes_that_do_not_go_on_where_it_stands_are_refused(client: httpx2.Client, served: Served) -> None:
    path = begin(client, 100)
    assert patch(client, path, 0, b"x" * 10).status_code == 204
    for wrong in (0, 5, 11, 100):
        assert patch(client, path, wrong, b"y").status_code == 409
    for wrong in ("-1", "", "ten", "1e1"):
        assert patch(client, path, 0, b"y", Upload_Offset=wrong).status_code == 400
    assert patch(client, path, 10, b"x" * 91).status_code == 413
    assert client.patch(path, content=iter([b"x" * 91]), headers={**BODY, "Upload-Offset": "10"}).status_code == 413
    assert client.patch(path, content=b"x", headers={"Upload-Offset": "10"}).status_code == 415
    assert offset_of(client, path) == 10


def test_of_two_who_send_at_once_one_succeeds(client: httpx2.Client, served: Served) -> None:
    path = begin(client, 1000)
    statuses: list[int] = []

    def send(byte: bytes) -> None:
        with httpx2.Client(base_url=served.address, headers=client.headers, timeout=60) as own:
            statuses.append(patch(own, path, 0, byte * 1000).status_code)

    racing = [threading.Thread(target=send, args=(byte,)) for byte in (b"a", b"b", b"c")]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert sorted(statuses) == [204, 409, 409]
    assert len(set(b"".join(served.storage.read(key_of(path))))) == 1


def test_an_empty_file_is_there_at_once(client: httpx2.Client, served: Served) -> None:
    path = begin(client, 0)
    assert served.storage.stat(key_of(path)).num_bytes == 0
    assert offset_of(client, path) == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_piece_with_a_wrong_checksum_is_forgotten(client: httpx2.Client, algorithm: str) -> None:
    path = begin(client, 100)
    right = base64.b64encode(hashlib.new(algorithm, b"x" * 10).digest()).decode()
    assert patch(client, path, 0, b"y" * 10, Upload_Checksum=f"{algorithm} {right}").status_code == 460
    assert offset_of(client, path) == 0
    assert patch(client, path, 0, b"x" * 10, Upload_Checksum=f"{algorithm} {right}").status_code == 204
    assert offset_of(client, path) == 10
    for wrong in ("md5 eA==", algorithm, f"{algorithm} ???"):
        assert patch(client, path, 10, b"x", Upload_Checksum=wrong).status_code in (400, 460)
    assert offset_of(client, path) == 10


def test_a_piece_with_a_checksum_is_one_part_at_most(client: httpx2.Client) -> None:
    path = begin(client, len(LARGE))
    right = base64.b64encode(hashlib.sha1(LARGE).digest()).decode()
    assert patch(client, path, 0, LARGE, Upload_Checksum=f"sha1 {right}").status_code == 413
    assert offset_of(client, path) == 0


def test_a_whole_of_another_digest_is_forgotten(client: httpx2.Client, served: Served) -> None:
    path = begin(client, len(MEDIA), sha256=SHA256)
    assert patch(client, path, 0, MEDIA[::-1]).status_code == 400
    assert client.head(path).status_code == 404
    assert list(served.storage.listed("own_1")) == []


def test_an_upload_is_forgotten_on_demand(client: httpx2.Client, served: Served, desk: Desk) -> None:
    path, other = begin(client, 100), begin(client, 3)
    patch(client, path, 0, b"x" * 10)
    patch(client, other, 0, b"abc")
    assert client.delete(path).status_code == 204
    assert client.head(path).status_code == client.delete(path).status_code == 404
    assert patch(client, path, 10, b"x").status_code == 404
    desk.taken.add(other.rpartition("/")[2])
    assert client.delete(other).status_code == 409
    assert offset_of(client, other) == 3
    desk.taken.clear()
    assert client.delete(other).status_code == 204
    assert list(served.storage.listed("own_1")) == []


def test_another_owners_upload_is_not_there(client: httpx2.Client, served: Served) -> None:
    path = begin(client, 100)
    stranger = {"X-Owner": "own_2"}
    answers = [
        client.head(path, headers=stranger),
        client.delete(path, headers=stranger),
        patch(client, path, 0, b"x", X_Owner="own_2"),
        client.post(path, headers={**stranger, "X-HTTP-Method-Override": "DELETE"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert offset_of(client, path) == 0
    for strange in ("upload_1", "..", "%2e%2e", "a%2fb", "upload_1%00", "é", "x" * 600, "own_1"):
        assert client.head(f"/uploads/{strange}").status_code in (404, 405)


def test_another_version_is_refused(client: httpx2.Client) -> None:
    path = begin(client, 100)
    for version in ("0.2.2", "1.0.1", ""):
        for answer in (
            client.head(path, headers={"Tus-Resumable": version}),
            client.post("/uploads", headers={"Tus-Resumable": version, "Upload-Length": "5"}),
            patch(client, path, 0, b"x", Tus_Resumable=version),
            client.delete(path, headers={"Tus-Resumable": version}),
        ):
            assert answer.status_code == 412
            assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert offset_of(client, path) == 0


def test_post_can_stand_for_the_other_methods(client: httpx2.Client) -> None:
    path = begin(client, 100)
    told = {**BODY, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert client.post(path, content=b"x" * 10, headers=told).headers["upload-offset"] == "10"
    assert client.post(path).status_code == 405
    assert client.post(path, headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert client.head(path).status_code == 404


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "-5"}, 400),
        ({"Upload-Length": "5.0"}, 400),
        ({"Upload-Length": "100000001"}, 413),
        ({"Upload-Length": "9" * 300}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "filename ???"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a eA==,a eA=="}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": encoded(filename="x" * 9000 + ".mp4")}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": encoded(filename="evil.exe")}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": encoded(filename="../../x.mp4/..")}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": encoded(filename="a.mp4", sha256="abc")}, 400),
    ],
)
def test_what_cannot_be_begun(client: httpx2.Client, served: Served, told: dict[str, str], status: int) -> None:
    answer = client.post("/uploads", headers=told)
    assert answer.status_code == status
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert list(served.storage.listed("own_1")) == []


def test_a_clients_name_is_no_path(client: httpx2.Client, served: Served) -> None:
    begin(client, 3, filename="../../../etc/\0cron.d/x.mp4")
    [key] = served.storage.listed("own_1")
    assert key.startswith("own_1/upload_")
    assert key.endswith("/upload/about")


def test_one_owner_cannot_begin_without_end(client: httpx2.Client, served: Served) -> None:
    paths = [begin(client, 3) for _ in range(3)]
    refused = client.post("/uploads", headers={"Upload-Length": "3"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"]
    assert client.post("/uploads", headers={"Upload-Length": "3", "X-Owner": "own_2"}).status_code == 201
    patch(client, paths[0], 0, b"abc")
    begin(client, 3)
    served.storage.delete_prefix("own_2")


def test_an_upload_runs_out_and_is_swept(client: httpx2.Client, served: Served, clock: Clock) -> None:
    unfinished, whole = begin(client, 100), begin(client, 3)
    patch(client, unfinished, 0, b"x" * 10)
    patch(client, whole, 0, b"abc")
    uploads = Uploads(served.storage)
    assert uploads.sweep(clock.seconds) == 0
    clock.seconds += 3601
    assert client.head(unfinished).status_code == 410
    assert patch(client, unfinished, 10, b"x").status_code == 410
    assert offset_of(client, whole) == 3
    assert uploads.sweep(clock.seconds) == 1
    assert client.head(unfinished).status_code == 404
    assert offset_of(client, whole) == 3


def test_what_came_too_late_is_swept(tmp_path: Path) -> None:
    """A part that was on its way when its upload was forgotten."""
    storage, about = local_storage(tmp_path), About("own_1/upload_1/input.mp4", 10, 5.0)
    uploads = Uploads(storage)
    uploads.begin(about)
    uploads.drop(about)
    uploads.append(about, 0, b"late")
    assert uploads.sweep(time.time()) == 0
    assert len(files_under(tmp_path)) == 1
    uploads.sweep(time.time() + 3700)
    assert files_under(tmp_path) == []


def test_a_whole_is_put_together_again_after_a_kill(tmp_path: Path) -> None:
    """Whatever was done when the process went, the next who asks ends it."""
    storage, about = local_storage(tmp_path), About("own_1/upload_1/input.mp4", 8, 5.0)
    uploads = Uploads(storage)
    uploads.begin(about)
    with pytest.raises(ConflictError):
        uploads.begin(about)
    uploads.append(about, 0, b"half")
    with pytest.raises(ConflictError, match="4 of 8 bytes"):
        uploads.finish(about)
    uploads.append(about, 4, b"full")
    storage.put(about.key, [b"halffull"])  # put together, and then killed
    assert uploads.whole(about) is None
    stored = uploads.finish(about)
    assert (stored.num_bytes, stored.sha256) == (8, hashlib.sha256(b"halffull").hexdigest())
    storage.create(f"{about.folder}/part-{0:020d}", b"half")  # whole, and killed while its parts were taken away
    assert uploads.offset(about) == 8
    assert uploads.finish(about) == uploads.whole(about) == stored
    assert len(files_under(tmp_path)) == 3
    with pytest.raises(NotFoundError):
        uploads.about("own_2", "upload_1")


def test_who_sends_in_crumbs_is_sent_away(tmp_path: Path) -> None:
    uploads, about = Uploads(local_storage(tmp_path)), About("own_1/upload_1/input.mp4", 5000, 5.0)
    uploads.begin(about)
    for start in range(2001):
        (tmp_path / about.folder / f"part-{start:020d}").write_bytes(b"x")
    with pytest.raises(Exception, match="2001 pieces"):
        uploads.offset(about)


def test_no_room_for_twice_its_size(tmp_path: Path) -> None:
    uploads = Uploads(local_storage(tmp_path, reserve_bytes=1 << 60))
    with pytest.raises(WriteError, match="no room left"):
        uploads.begin(About("own_1/upload_1/input.mp4", 1000, 5.0))
    assert files_under(tmp_path) == []


def test_metadata() -> None:
    assert metadata("") == {}
    assert metadata("filename w6kubXA0, is_private") == {"filename": "é.mp4", "is_private": ""}
    with pytest.raises(OptionError):
        metadata("filename w6kubX")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_a_killed_server_goes_on_where_it_was_and_holds_little(tmp_path: Path) -> None:
    piece, num_pieces = bytes(range(256)) * 4096, 150  # MiB

    def body(start: int, num_killed_after: int | None = None) -> Iterator[bytes]:
        for index in range(start, num_pieces):
            if index == num_killed_after:
                server.kill()
            yield piece

    with in_process(tmp_path) as (served, server), client_of(served) as client:
        path = begin(client, num_pieces * len(piece))
        with pytest.raises(httpx2.TransportError):
            client.patch(path, content=body(0, 60), headers={**BODY, "Upload-Offset": "0"})
    with in_process(tmp_path) as (served, server), client_of(served) as client:
        offset = offset_of(client, path)
        assert 0 < offset <= 60 * len(piece)
        assert offset % PART_BYTES == 0, "what is less than a part was in memory"
        before = peak_bytes(server.pid)
        answer = client.patch(path, content=body(offset // len(piece)), headers={**BODY, "Upload-Offset": str(offset)})
        assert answer.status_code == 204
        grown = peak_bytes(server.pid) - before
    wanted = hashlib.sha256()
    for part in body(0):
        wanted.update(part)
    assert served.storage.digest(key_of(path)).sha256 == wanted.hexdigest()
    served.storage.sweep(older_than_seconds=-1)
    assert len(files_under(tmp_path)) == 3
    assert grown <= 64_000_000
