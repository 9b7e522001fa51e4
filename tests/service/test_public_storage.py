"""By which host an object store's signed URLs are reached: by whoever asks the service, and by its workers."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from sigv4 import signature
from storages import KEYS

from blanklogo.errors import OptionError
from blanklogo.service.parts import Parts
from blanklogo.service.settings import read_settings
from blanklogo.service.storage import ServiceUrls, open_storage
from blanklogo.transfer.guard.policy import Policy

SECRET, REGION = "a/secret+of/forty", "us-east-1"
KEY = "own_1/job_1/clip.mp4"
INSIDE, OUTSIDE = "http://objects:8333", "https://files.example"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": INSIDE,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)


def host_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.mark.parametrize(
    ("engine", "workers_host"), [("pool", INSIDE), ("inline", INSIDE), ("modal", OUTSIDE), ("modal, pool", OUTSIDE)]
)
def test_users_go_by_the_public_name_and_workers_of_this_machine_by_ours(
    tmp_path: Path, engine: str, workers_host: str
) -> None:
    settings = read_settings(
        database=f"sqlite:///{tmp_path / 'service.db'}",
        storage="s3://media/blanklogo",
        storage_public_url=OUTSIDE,
        engine=engine,
        inline_for_trying=True,
    )
    parts = Parts(settings, None, Policy.PUBLIC)
    try:
        assert host_of(parts.storage.sign_get(KEY, 60)) == host_of(parts.storage.sign_put(KEY, 60)) == OUTSIDE
        assert host_of(parts.workers_storage.sign_get(KEY, 60)) == workers_host
        assert host_of(parts.workers_storage.sign_put(KEY, 60)) == workers_host
    finally:
        parts.close()


@pytest.mark.parametrize("public_url", [OUTSIDE, f"{OUTSIDE}/", "http://localhost:8333", None])
def test_the_host_is_signed(public_url: str | None) -> None:
    storage = open_storage("s3://media", ServiceUrls(KEYS, "http://service.test"), public_url=public_url)
    url = storage.sign_get(KEY, 60)
    assert host_of(url) == (public_url or INSIDE).rstrip("/")
    assert dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"] == signature("GET", url, SECRET, REGION)
    elsewhere = url.replace(host_of(url), "https://other.example")
    assert signature("GET", elsewhere, SECRET, REGION) not in url


@pytest.mark.parametrize(
    ("storage", "public_url"),
    [
        ("s3://media", "files.example"),
        ("s3://media", "ftp://files.example"),
        ("s3://media", "https://files.example/below"),
        ("s3://media", "https://someone@files.example"),
        ("s3://media", "https://files.example?a=b"),
        ("gs://media", OUTSIDE),
        ("/nowhere", OUTSIDE),
    ],
)
def test_what_cannot_be_is_refused(storage: str, public_url: str) -> None:
    with pytest.raises(OptionError, match="public URL"):
        open_storage(storage, ServiceUrls(KEYS, "http://service.test"), public_url=public_url)
