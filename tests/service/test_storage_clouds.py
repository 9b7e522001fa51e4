"""The storage in object stores that speak over a real line, each by its own protocol."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from clouds import CLOUDS, Cloud, Server
from s3_server import REGION, S3, SECRET
from sigv4 import signature
from storage_app import in_thread
from storages import KEYS, MEDIA, pieces

from blanklogo.errors import ConflictError, NotFoundError, TooLargeError, TransferError
from blanklogo.net.stores import put_headers
from blanklogo.service.storage import ServiceUrls, Storage, Stored, open_storage
from blanklogo.service.storage.uploads import About, Uploads
from blanklogo.transfer import deliver, fetch
from blanklogo.transfer.guard.policy import Policy

KEY = "own_1/job_1/clip.mp4"
LARGE = MEDIA * 7  # 21 MB: three parts


@pytest.fixture(scope="module", params=CLOUDS)
def server(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    serve: Server = request.param
    with serve() as cloud:
        yield cloud


@pytest.fixture
def cloud(server: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    server.settings(monkeypatch)
    return server


@pytest.fixture
def storage(cloud: Cloud) -> Iterator[Storage]:
    storage = opened(f"{cloud.url}/of/blanklogo")
    yield storage
    storage.delete_prefix("own_1")


def opened(url: str) -> Storage:
    return open_storage(url, ServiceUrls(KEYS, "http://service.test"))


def test_what_was_put_is_read_in_whole_and_in_parts(storage: Storage, cloud: Cloud) -> None:
    assert storage.put(KEY, pieces(LARGE)) == Stored(len(LARGE), hashlib.sha256(LARGE).hexdigest())
    assert b"".join(storage.read(KEY)) == LARGE
    assert b"".join(storage.read(KEY, 8_000_000, 9_000_001)) == LARGE[8_000_000:9_000_001]
    assert storage.stat(KEY).num_bytes == len(LARGE)
    assert storage.stat(KEY).e_tag.startswith('"')
    assert not storage.is_local
    url = storage.sign_get(KEY, 60)
    assert url.startswith(f"{cloud.container}/of/blanklogo/{KEY}?")
    stored = httpx2.get(url)
    assert stored.headers["content-type"] == "video/mp4"
    assert stored.headers["content-disposition"] == 'attachment; filename="clip.mp4"'
    storage.put(KEY, [])
    assert b"".join(storage.read(KEY)) == b""


def test_keys_are_listed_and_deleted(storage: Storage) -> None:
    for key in ("own_1/job_1/a", "own_1/job_1/b", "own_1/job_12/a"):
        storage.put(key, [b"x"])
    assert sorted(storage.listed("own_1/job_1")) == ["own_1/job_1/a", "own_1/job_1/b"]
    assert storage.delete_prefix("own_1/job_1/") == 2
    storage.delete("own_1/job_1/a")
    assert list(storage.listed()) == ["own_1/job_12/a"]
    with pytest.raises(NotFoundError):
        storage.stat(KEY)
    with pytest.raises(NotFoundError):
        storage.read(KEY)


def test_a_copy_is_there_on_its_own(storage: Storage) -> None:
    storage.put("own_1/job_1/output.mp4", pieces(MEDIA))
    storage.copy("own_1/job_1/output.mp4", "own_1/job_2/output.mp4")
    storage.delete("own_1/job_1/output.mp4")
    assert b"".join(storage.read("own_1/job_2/output.mp4")) == MEDIA
    with pytest.raises(NotFoundError):
        storage.copy("own_1/job_1/output.mp4", "own_1/job_3/output.mp4")


def test_what_breaks_off_is_not_there(storage: Storage, cloud: Cloud) -> None:
    with pytest.raises(TooLargeError):
        storage.put(KEY, pieces(LARGE), max_bytes=20_000_000)
    assert list(storage.listed()) == []
    with pytest.raises(NotFoundError):
        storage.stat(KEY)
    if isinstance(cloud, S3):  # Azure has no way to say so, and forgets blocks by itself after a week
        assert cloud.num_begun() == 0, "the parts that were brought are given up"


def test_a_version_is_known_by_the_same_name_however_it_is_asked_for(storage: Storage) -> None:
    storage.put(KEY, pieces(MEDIA))
    (listed,) = storage.stats("own_1/job_1")
    assert listed == storage.stat(KEY)
    assert b"".join(storage.opened(listed, 5, 10)) == MEDIA[5:10]


def test_another_version_is_not_mixed_in(storage: Storage) -> None:
    storage.put(KEY, [b"before"])
    seen = storage.stat(KEY)
    storage.put(KEY, [b"after"])
    with pytest.raises(ConflictError):
        storage.opened(seen)
    with pytest.raises(ConflictError):
        storage.create(KEY, b"once more")
    assert b"".join(storage.read(KEY)) == b"after"


def test_signed_urls_bring_and_fetch(storage: Storage) -> None:
    put, get = storage.sign_put(KEY, 60), storage.sign_get(KEY, 60)
    headers = {"Content-Type": "video/mp4", **put_headers(put)}
    httpx2.put(put, content=MEDIA, headers=headers).raise_for_status()
    assert storage.digest(KEY) == Stored(len(MEDIA), hashlib.sha256(MEDIA).hexdigest())
    assert httpx2.get(get).content == MEDIA
    part = httpx2.get(get, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, MEDIA[5:10])


def test_a_signed_url_is_for_one_method_and_one_object(storage: Storage, cloud: Cloud) -> None:
    storage.put(KEY, pieces(MEDIA))
    get = storage.sign_get(KEY, 60)
    assert httpx2.get(get.replace("clip.mp4", "other.mp4")).status_code in (403, 404)
    if not isinstance(cloud, S3):  # moto looks at no signature
        assert httpx2.get(get.replace("clip.mp4", "other.mp4")).status_code == 403
        assert httpx2.put(get, content=b"x", headers=dict(put_headers(get))).status_code == 403
    assert b"".join(storage.read(KEY)) == MEDIA


def test_a_file_goes_to_a_signed_url_as_workers_bring_it(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(MEDIA)
    deliver(path, storage.sign_put(KEY, 60), lambda: False, Policy.TRUSTED)
    assert storage.digest(KEY) == Stored(len(MEDIA), hashlib.sha256(MEDIA).hexdigest())


def test_a_file_goes_to_an_object_by_its_uri_and_comes_from_there(cloud: Cloud, tmp_path: Path) -> None:
    path, uri = tmp_path / "clip.mp4", f"{cloud.url}/by/uri/clip.mp4"
    path.write_bytes(LARGE)
    deliver(path, uri, lambda: False, Policy.TRUSTED)
    assert fetch(uri, tmp_path / "back.mp4", lambda: False, Policy.TRUSTED).read_bytes() == LARGE


@pytest.mark.parametrize("url", ["s3://media", "s3://media/of/blanklogo", "s3://media/of/blanklogo/"])
def test_signatures_are_as_aws_describes_them(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    S3("http://127.0.0.1:9").settings(monkeypatch)  # which nobody asks: signing is done here
    storage = opened(url)
    for method, signed in (("GET", storage.sign_get(KEY, 61.5)), ("PUT", storage.sign_put(KEY, 61.5))):
        query = dict(parse_qsl(urlsplit(signed).query))
        assert query["X-Amz-Signature"] == signature(method, signed, SECRET, REGION)
        assert query["X-Amz-Signature"] != signature("DELETE", signed, SECRET, REGION)
        assert query["X-Amz-Credential"].startswith("someone/")
        assert query["X-Amz-Expires"] == "62"
        at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        assert abs(at.timestamp() - time.time()) < 60
        prefix = "" if url == "s3://media" else "of/blanklogo/"
        assert urlsplit(signed).path == f"/media/{prefix}{KEY}"
        assert SECRET not in signed


def test_an_upload_in_pieces(storage: Storage) -> None:
    uploads, about = Uploads(storage), About("own_1/upload_1/input.mp4", len(LARGE), time.time() + 60)
    uploads.begin(about)
    for start in range(0, len(LARGE), 8 << 20):
        assert uploads.offset(about) == start
        uploads.append(about, start, LARGE[start : start + (8 << 20)])
    with pytest.raises(ConflictError):
        uploads.append(about, 8 << 20, b"once more")
    assert uploads.finish(about).sha256 == hashlib.sha256(LARGE).hexdigest()
    assert sorted(key.rpartition("/")[2] for key in storage.listed()) == ["about", "done", "input.mp4"]


def test_the_service_may_serve_it_too(storage: Storage, tmp_path: Path) -> None:
    storage.put(KEY, pieces(MEDIA))
    with in_thread(tmp_path, storage=storage) as served:
        answer = httpx2.get(served.urls.get(KEY, 60), headers={"Range": "bytes=-7"})
    assert (answer.status_code, answer.content) == (206, MEDIA[-7:])


def test_a_bucket_that_is_not_there(cloud: Cloud) -> None:
    nowhere = opened(cloud.url.replace("media", "none"))
    for put in (lambda: nowhere.put(KEY, pieces(MEDIA)), lambda: nowhere.create(KEY, b"x")):
        with pytest.raises(TransferError, match=r"no place for own_1/job_1/clip\.mp4"):
            put()
