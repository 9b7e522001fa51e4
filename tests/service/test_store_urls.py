"""The URLs that object stores sign for us, which takes no server: what a PUT to one needs, and whether Google's are as
Google describes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from azure_server import Azure
from s3_server import S3
from storages import KEYS

from blanklogo.net.stores import allows_http, put_headers
from blanklogo.service.storage import ServiceUrls, open_storage

KEY = "own_1/job_1/clip.mp4"
URLS = ServiceUrls(KEYS, "http://service.test")


def test_azure_is_told_which_kind_of_blob_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    Azure("https://account.blob.core.windows.net").settings(monkeypatch)
    storage = open_storage("az://media", URLS)
    assert put_headers(storage.sign_put(KEY, 60)) == {"x-ms-blob-type": "BlockBlob"}


def test_nobody_else_is_told_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    S3("https://objects.example").settings(monkeypatch)
    for storage in (open_storage("s3://media", URLS), open_storage(tmp_path, URLS)):
        assert put_headers(storage.sign_put(KEY, 60)) == {}
    assert put_headers("https://files.example/clip.mp4?sig=x") == {}
    assert put_headers("https://files.example/sv/sig") == {}


@pytest.mark.parametrize(("scheme", "name"), [("s3", "AWS"), ("gs", "GOOGLE"), ("az", "AZURE")])
def test_each_store_has_its_own_leave_to_go_without_tls(
    monkeypatch: pytest.MonkeyPatch, scheme: str, name: str
) -> None:
    for other in ("AWS", "GOOGLE", "AZURE"):
        monkeypatch.setenv(f"{other}_ALLOW_HTTP", str(other == name).lower())
    assert [each for each in ("s3", "gs", "az") if allows_http(each)] == [scheme]


@pytest.mark.parametrize("variable", ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT"])
def test_signatures_are_as_google_describes_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """ "V4 signing process with your own program", in Google's documentation of Cloud Storage."""
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"client_email": "service@project.example", "private_key": pem, "private_key_id": "1"}
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"type": "service_account", **account}))
    monkeypatch.setenv(variable, str(path))
    storage = open_storage("gs://media/of", URLS)
    for method, url in (("GET", storage.sign_get(KEY, 61.5)), ("PUT", storage.sign_put(KEY, 61.5))):
        parts = urlsplit(url)
        stated = dict(parse_qsl(parts.query))
        assert (parts.netloc, parts.path) == ("storage.googleapis.com", f"/media/of/{KEY}")
        assert (stated["X-Goog-Expires"], stated["X-Goog-SignedHeaders"]) == ("62", "host")
        signature = bytes.fromhex(stated.pop("X-Goog-Signature"))
        ordered = "&".join(f"{quote(name, safe='-_.~')}={quote(stated[name], safe='-_.~')}" for name in sorted(stated))
        asked = "\n".join([method, parts.path, ordered, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"])
        email, _, scope = stated["X-Goog-Credential"].partition("/")
        assert email == account["client_email"]
        digest = hashlib.sha256(asked.encode()).hexdigest()
        signed = "\n".join(["GOOG4-RSA-SHA256", stated["X-Goog-Date"], scope, digest])
        key.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        assert put_headers(url) == {}
