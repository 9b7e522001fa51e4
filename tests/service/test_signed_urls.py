"""The service's own signed URLs, over a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_app import Served, in_process, in_thread
from storages import KEYS, MEDIA, Clock, files_under, local_storage, peak_bytes

from blanklogo.engines.inline import InlineEngine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import ForbiddenError, OptionError
from blanklogo.service.storage import ServiceUrls
from blanklogo.service.storage.keyring import FILE_NAME, KeyRing, from_folder, from_setting, new_key, rotate
from blanklogo.service.storage.keys import check_key, safe_name
from blanklogo.service.storage.ranges import asked_for
from blanklogo.testbed.cases import Burning, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Networks
from blanklogo.types.order import Order

KEY = "own_1/job_1/clip.mp4"
SHA256 = hashlib.sha256(MEDIA).hexdigest()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with in_thread(tmp_path_factory.mktemp("storage")) as served:
        served.storage.put(KEY, [MEDIA])
        yield served


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=60) as client:
        yield client


def with_query(url: str, change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode(change(parse_qsl(parts.query)))).geturl()


# Fetching


def test_a_file_is_fetched_whole(served: Served, client: httpx2.Client) -> None:
    answer = client.get(served.storage.sign_get(KEY, 60))
    assert (answer.status_code, answer.content) == (200, MEDIA)
    assert answer.headers["content-length"] == str(len(MEDIA))
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == 'attachment; filename="clip.mp4"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["etag"].startswith('"')


def test_head_says_what_get_would(served: Served, client: httpx2.Client) -> None:
    url = served.storage.sign_get(KEY, 60, "Film.mov")
    told = {name: value for name, value in client.head(url).headers.items() if name != "date"}
    assert told == {name: value for name, value in client.get(url).headers.items() if name != "date"}
    assert client.head(url).content == b""


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1000000-1999999", 1_000_000, 2_000_000),
        ("bytes=2999999-", 2_999_999, 3_000_000),
        ("bytes=-5", 2_999_995, 3_000_000),
        ("bytes=-9000000", 0, 3_000_000),
        ("bytes=2999990-99999999", 2_999_990, 3_000_000),
    ],
)
def test_a_part_is_fetched(served: Served, client: httpx2.Client, wanted: str, start: int, end: int) -> None:
    answer = client.get(served.storage.sign_get(KEY, 60), headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (206, MEDIA[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(MEDIA)}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("wanted", ["bytes=3000000-", "bytes=-0", "bytes=9999999-10000000"])
def test_a_part_past_the_end_is_told(served: Served, client: httpx2.Client, wanted: str) -> None:
    answer = client.get(served.storage.sign_get(KEY, 60), headers={"Range": wanted})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */3000000"


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=a-b", "lines=0-1", "bytes=0-1,5-6", "bytes=-", "bytes=٣-٤", ""])
def test_a_range_that_is_none_is_left_aside(wanted: str) -> None:
    assert asked_for({"range": wanted}, 10, '"tag"').status == 200


def test_conditions(served: Served, client: httpx2.Client) -> None:
    url, tag = served.storage.sign_get(KEY, 60), served.storage.stat(KEY).e_tag
    part = {"Range": "bytes=0-9"}
    assert client.get(url, headers={**part, "If-Range": tag}).status_code == 206
    assert client.get(url, headers={**part, "If-Range": '"other"'}).content == MEDIA
    assert client.get(url, headers={**part, "If-Range": f"W/{tag}"}).content == MEDIA
    assert client.get(url, headers={**part, "If-Range": "Wed, 21 Oct 2037 07:28:00 GMT"}).content == MEDIA
    assert client.get(url, headers={"If-None-Match": f'"x", W/{tag}'}).status_code == 304
    assert client.get(url, headers={"If-None-Match": '"x"'}).status_code == 200
    assert client.get(url, headers={"If-Match": '"x"'}).status_code == 412
    assert client.get(url, headers={"If-Match": f'"x", {tag}'}).status_code == 200


@settings(deadline=None)
@given(st.integers(0, 50), st.text("0123456789-bytes=, ", max_size=20) | st.from_regex(r"bytes=\d{0,3}-\d{0,3}"))
def test_a_part_lies_in_its_file(num_bytes: int, wanted: str) -> None:
    part = asked_for({"range": wanted}, num_bytes, '"tag"')
    if part.status == 206:
        assert 0 <= part.start < part.end <= num_bytes
    elif part.status == 200:
        assert (part.start, part.end) == (0, num_bytes)
    else:
        assert part.status == 416


def test_a_file_that_is_gone(served: Served, client: httpx2.Client) -> None:
    assert client.get(served.storage.sign_get("own_1/job_1/none.mp4", 60)).status_code == 404


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ('a"; filename="b.exe.mp4', 'attachment; filename="a filename=b.exe.mp4"'),
        ("../../etc/passwd.mp4", 'attachment; filename="passwd.mp4"'),
        ("C:\\Users\\film.mp4", 'attachment; filename="film.mp4"'),
        ("a\r\nX-Evil: 1.mp4", 'attachment; filename="aX-Evil 1.mp4"'),
        ("Ferien é.mp4", "attachment; filename=\"Ferien _.mp4\"; filename*=UTF-8''Ferien%20%C3%A9.mp4"),
        ("evil\u202e4pm.exe", 'attachment; filename="evil4pm.exe"'),
        ("...", 'attachment; filename="video.mp4"'),
    ],
)
def test_a_file_is_saved_under_a_safe_name(served: Served, client: httpx2.Client, name: str, header: str) -> None:
    answer = client.get(served.storage.sign_get(KEY, 60, name), headers={"Range": "bytes=0-0"})
    assert answer.headers["content-disposition"] == header
    assert "x-evil" not in answer.headers


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_name_becomes_a_safe_one(given: str) -> None:
    name = safe_name(given)
    assert 0 < len(name) <= 120
    assert not set(name) & set('/\\:"*?<>|\r\n\0')
    assert name.strip(" .") == name
    assert safe_name(name) == name


# Bringing


def test_a_file_is_brought(served: Served, client: httpx2.Client) -> None:
    key = "own_1/job_1/brought.mp4"
    for body in (MEDIA, iter([MEDIA[:1_000_000], MEDIA[1_000_000:]])):  # with its length, and without
        answer = client.put(served.storage.sign_put(key, 60, len(MEDIA), SHA256), content=body)
        assert answer.status_code == 201
        assert answer.json() == {"key": key, "num_bytes": len(MEDIA), "sha256": SHA256}
        assert b"".join(served.storage.read(key)) == MEDIA
        served.storage.delete(key)


def test_more_than_allowed_is_refused(served: Served, client: httpx2.Client) -> None:
    key = "own_1/job_1/large.mp4"
    url = served.storage.sign_put(key, 60, 1_000_000)
    asked = 0

    def body() -> Iterator[bytes]:
        nonlocal asked
        asked += 1
        yield MEDIA

    announced = client.put(url, content=body(), headers={"Content-Length": str(len(MEDIA)), "Expect": "100-continue"})
    assert (announced.status_code, announced.json()["accepted"]) == (413, "up to 1 MB")
    assert client.put(url, content=iter([MEDIA])).status_code == 413, "while it comes"
    assert list(served.storage.listed("own_1/job_1")) == [KEY]


def test_a_body_is_not_read_when_its_length_says_enough(served: Served) -> None:
    """The head alone is sent, and the answer is there."""
    parts = urlsplit(served.storage.sign_put(KEY, 60, 1000))
    assert parts.hostname
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=30) as line:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 500000001\r\n\r\n"
        line.sendall(head.encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


def test_other_content_than_announced_is_refused(served: Served, client: httpx2.Client) -> None:
    answer = client.put(served.storage.sign_put("own_1/job_1/x.mp4", 60, len(MEDIA), SHA256), content=MEDIA[::-1])
    assert answer.status_code == 400
    assert "SHA-256" in answer.json()["message"]
    assert list(served.storage.listed("own_1/job_1")) == [KEY]


def test_a_compressed_body_is_refused(served: Served, client: httpx2.Client) -> None:
    url = served.storage.sign_put("own_1/job_1/x.mp4", 60, 1000)
    assert client.put(url, content=b"x", headers={"Content-Encoding": "gzip"}).status_code == 400


class Gone(Exception):
    """A client that has had enough."""


def test_a_client_that_goes_away_leaves_nothing(served: Served) -> None:
    url = served.storage.sign_put("own_1/job_1/gone.mp4", 60, 10**9)

    def body() -> Iterator[bytes]:
        yield bytes(30_000_000)
        assert eventually(lambda: "own_1/job_1/gone.mp4#1" in under(served))
        raise Gone

    with pytest.raises(Gone), httpx2.Client() as client:
        client.put(url, content=body())
    assert eventually(lambda: not [path for path in under(served) if "gone" in path])


def eventually(holds: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def under(served: Served) -> list[str]:
    return files_under(served.folder)


def test_a_full_disk_is_told_before_the_body_is_read(tmp_path: Path, client: httpx2.Client) -> None:
    full = local_storage(tmp_path, reserve_bytes=1 << 60)
    with in_thread(tmp_path, storage=full) as served:
        answer = client.put(served.urls.put(KEY, 60, 10**6), content=b"x" * 1000)
    assert answer.status_code == 507
    assert "no room left" in answer.json()["message"]
    assert files_under(tmp_path) == []


# What is refused


def test_a_signature_holds_for_one_request_only(served: Served, client: httpx2.Client) -> None:
    get, put = served.storage.sign_get(KEY, 60, "a.mp4"), served.storage.sign_put("own_1/job_1/new.mp4", 60, 100)
    refused = [
        client.put(get, content=b"x"),
        client.get(put),
        client.head(put),
        client.get(get.replace("/job_1/", "/job_2/")),
        client.get(get.replace("clip.mp4?", "clip.mp4/?")),
        client.get(with_query(get, lambda query: [pair for pair in query if pair[0] != "name"])),
        client.get(with_query(get, lambda query: [pair for pair in query if pair[0] != "signature"])),
        client.get(with_query(get, lambda query: query + [("signature", "0" * 64)])),
        client.get(with_query(get, lambda query: query + [("max_bytes", "5")])),
        client.get(with_query(get, lambda query: query + [("anything", "")])),
        client.get(
            with_query(get, lambda query: [(name, "b.mp4" if name == "name" else value) for name, value in query])
        ),
        client.get(get.partition("?")[0]),
        client.put(
            with_query(put, lambda query: [(n, "101" if n == "max_bytes" else v) for n, v in query]), content=b"x"
        ),
        client.put(with_query(put, lambda query: query + [("sha256", SHA256)]), content=b"x"),
        client.put(put.replace("/new.mp4", "/clip.mp4"), content=b"x"),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert {answer.json()["message"] for answer in refused if answer.content} == {
        "a URL whose signature is wrong; try: the URL as it was given, with its method"
    }
    assert list(served.storage.listed("own_1/job_1")) == [KEY]
    assert client.post(get).status_code == client.delete(get).status_code == 405


@pytest.mark.parametrize("place", range(0, 64, 7))
def test_every_digit_of_a_signature_counts(served: Served, place: int) -> None:
    url = served.storage.sign_get(KEY, 60)
    query = parse_qsl(urlsplit(url).query)
    served.urls.granted("GET", KEY, query)
    name, signature = query[-1]
    assert name == "signature"
    other = signature[:place] + ("1" if signature[place] != "1" else "2") + signature[place + 1 :]
    for wrong in (other, signature[:place], signature.upper(), signature + "0"):
        if wrong != signature:
            with pytest.raises(ForbiddenError):
                served.urls.granted("GET", KEY, [*query[:-1], (name, wrong)])


TRICKS = (
    "own_1/job_1/../job_1/clip.mp4",
    "own_1/job_1/%2e%2e/job_1/clip.mp4",
    "own_1%2Fjob_1%2Fclip.mp4",
    "own_1/job_1/cl%69p.mp4",
    "own_1//job_1/clip.mp4",
    "/own_1/job_1/clip.mp4",
    "./own_1/job_1/clip.mp4",
    "own_1/job_1/clip.mp4%00",
    "own_1/job_1/clip.mp4%0a",
    "own_1/job_1/clip%EF%BC%8Emp4",
    "own_1\\job_1\\clip.mp4",
    "own_1/job_1/%C0%AE%C0%AE/clip.mp4",
    "own_1/job_1/clip.mp4;x",
    "own_1/job_1/clip.mp4%23",
    "%ff%fe",
)


@pytest.mark.parametrize("path", TRICKS)
def test_a_path_that_is_not_as_it_was_signed(served: Served, path: str) -> None:
    """Sent as it stands, past any client that would put it right."""
    parts = urlsplit(served.storage.sign_get(KEY, 60))
    line = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        line.putrequest("GET", f"/files/{path}?{parts.query}", skip_accept_encoding=True)
        line.endheaders()
        answer = line.getresponse()
        assert answer.status in (403, 404)
        assert MEDIA[:100] not in answer.read()
    finally:
        line.close()


@settings(deadline=None)
@given(st.text(max_size=60))
def test_what_is_a_key_is_one_in_one_way_only(text: str) -> None:
    try:
        key = check_key(text)
    except OptionError:
        return
    assert key == text
    assert not {"", ".", ".."} & set(key.split("/"))
    assert urlsplit(f"http://x/{key}").path == f"/{key}"


def test_a_url_runs_out(tmp_path: Path) -> None:
    clock = Clock()
    urls = ServiceUrls(KEYS, "http://service.test", clock)
    query = parse_qsl(urlsplit(urls.get(KEY, 60)).query)
    clock.seconds += 60 + 30  # the clocks of two machines may differ by so much
    assert urls.granted("GET", KEY, query).key == KEY
    clock.seconds += 1
    with pytest.raises(ForbiddenError, match="run out"):
        urls.granted("GET", KEY, query)
    later = [(name, str(int(value) + 60) if name == "expires" else value) for name, value in query]
    with pytest.raises(ForbiddenError, match="wrong"):
        urls.granted("GET", KEY, later)
    for expires in ("", "-1", "1e12", "٣", "0", "1" * 40, " 1"):
        with pytest.raises(ForbiddenError, match="wrong"):
            urls.granted("GET", KEY, [(n, expires if n == "expires" else v) for n, v in query])


def test_limits_of_what_is_signed(served: Served) -> None:
    for seconds in (0, -1, 8 * 24 * 3600, float("nan")):
        with pytest.raises(OptionError, match="604800"):
            served.storage.sign_get(KEY, seconds)
    with pytest.raises(OptionError):
        served.storage.sign_put(KEY, 60, 0)
    with pytest.raises(OptionError):
        served.storage.sign_put(KEY, 60, 100, "abc")


def test_the_signature_is_hmac_sha256_over_all_of_it(served: Served) -> None:
    query = {name: values[0] for name, values in parse_qs(urlsplit(served.urls.put(KEY, 60, 5, SHA256)).query).items()}
    message = f'["blanklogo-url-1","PUT","{KEY}",{query["expires"]},5,"{SHA256}",null]'
    assert query["signature"] == hmac.new(bytes(range(32)), message.encode(), "sha256").hexdigest()


# Keys


def test_keys_are_made_once_and_kept_to_their_owner(tmp_path: Path) -> None:
    ring = from_folder(tmp_path / "data")
    path = tmp_path / "data" / FILE_NAME
    assert from_folder(tmp_path / "data") == ring
    assert path.stat().st_mode & 0o777 == 0o600
    assert [len(secret) for _, secret in ring.keys] == [32]
    assert os.listdir(tmp_path / "data") == [FILE_NAME]
    secret = ring.keys[0][1]
    assert secret.hex() not in repr(ring)
    assert repr(secret) not in repr(ring)
    path.chmod(0o644)
    with pytest.raises(OptionError, match="chmod 600"):
        from_folder(tmp_path / "data")


def test_a_key_follows_another(tmp_path: Path) -> None:
    before = ServiceUrls(from_folder(tmp_path), "http://service.test")
    query = parse_qsl(urlsplit(before.get(KEY, 60)).query)
    after = ServiceUrls(rotate(tmp_path), "http://service.test")
    assert after.granted("GET", KEY, query).key == KEY
    newer = parse_qsl(urlsplit(after.get(KEY, 60)).query)
    assert dict(newer)["key"] != dict(query)["key"]
    with pytest.raises(ForbiddenError):
        before.granted("GET", KEY, newer)
    for _ in range(2):
        after = ServiceUrls(rotate(tmp_path), "http://service.test")
    with pytest.raises(ForbiddenError):
        after.granted("GET", KEY, query)
    assert len(from_folder(tmp_path).keys) == 3


def test_many_processes_make_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from blanklogo.service.storage.keyring import from_folder;"
        "print(from_folder(Path(sys.argv[1])).keys)"
    )
    racing = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in racing}) == 1
    assert all(process.returncode == 0 for process in racing)


def test_keys_by_a_setting() -> None:
    (_, first), (_, second) = new_key(), new_key()
    text = ",".join(f"{name}:{base64.urlsafe_b64encode(key).decode()}" for name, key in (("b", first), ("a", second)))
    assert from_setting(text) == KeyRing((("b", first), ("a", second)))
    plain = base64.b64encode(first).decode()
    (name, secret), (_, other) = from_setting(f"{plain}, {text.rpartition(':')[2]}").keys
    assert (secret, other) == (first, second)
    assert from_setting(plain).keys == ((name, first),), "its name is the same for every process"
    for wrong in (
        "",
        "a",
        "a:",
        "a:c2VjcmV0",
        "c2VjcmV0",
        f"{plain},{plain}",
        text.replace(":", "="),
        f"{text},{text}",
        text[:-3],
    ):
        with pytest.raises(OptionError) as caught:
            from_setting(wrong)
        assert "c2VjcmV0" not in str(caught.value)


# The whole way


def test_a_removal_through_signed_urls(served: Served, tmp_path: Path) -> None:
    scene = Scene("walk", 160, 96, 24, seed=8)
    case = make_case(scene, draw_mark("wordmark"), tmp_path, Burning(scale=0.3, crf=20))
    source, target = "own_1/job_2/input.mp4", "own_1/job_2/output.mp4"
    served.storage.put(source, [case.marked.read_bytes()])
    order = Order(
        served.storage.sign_get(source, 600),
        served.storage.sign_put(target, 600),
        boxes=(case.places[0].box,),
        networks=Networks("none", "none"),
    )
    with InlineEngine(EngineSpec(max_workers=1)) as engine:
        result = engine.submit(order).result(300)
    assert result["output"] == order.target.partition("?")[0]
    assert result["report"]["verify"]["frames_match"]
    assert result["report"]["frames_processed"] == 24
    assert b"ftyp" in b"".join(served.storage.read(target))[:16]
    served.storage.delete_prefix("own_1/job_2")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_500_mb_go_through_in_64_mb_of_memory(tmp_path: Path) -> None:
    piece, num_pieces = bytes(range(256)) * 4096, 500  # MiB

    def body() -> Iterator[bytes]:
        yield from (piece for _ in range(num_pieces))

    wanted = hashlib.sha256()
    for _ in range(num_pieces):
        wanted.update(piece)
    with in_process(tmp_path) as (served, server), httpx2.Client(timeout=300) as client:
        client.put(served.urls.put("own_1/job_1/small.mp4", 60, 10**6), content=b"x")  # what is loaded late, is loaded
        client.get(served.urls.get("own_1/job_1/small.mp4", 60))
        before = peak_bytes(server.pid)
        answer = client.put(served.urls.put(KEY, 600, len(piece) * num_pieces), content=body())
        assert answer.json()["sha256"] == wanted.hexdigest()
        brought = peak_bytes(server.pid)
        fetched = hashlib.sha256()
        with client.stream("GET", served.urls.get(KEY, 600)) as coming:
            for part in coming.iter_bytes():
                fetched.update(part)
        assert fetched.hexdigest() == wanted.hexdigest()
        after = peak_bytes(server.pid)
    assert max(brought, after) - before <= 64_000_000
