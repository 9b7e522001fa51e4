"""A storage by its URL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from blanklogo.errors import OptionError, UnavailableError
from blanklogo.media.errors import Stage
from blanklogo.media.errors import foreign_errors as disk_errors
from blanklogo.net.stores import allows_http
from blanklogo.service.storage.local import RESERVE_BYTES, Folder
from blanklogo.service.storage.signing import ServiceUrls, StoreUrls
from blanklogo.service.storage.store import Storage

_CLOUDS = ("s3", "gs", "az")
_ACCEPTED = "an absolute path, file:///PATH, s3://BUCKET, gs://BUCKET or az://CONTAINER, each also with a folder"
_PUBLIC = "s3://BUCKET"
_CLIENT_SECONDS = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(seconds=60)}  # for one part


def open_storage(
    url: str | Path, urls: ServiceUrls, reserve_bytes: int = RESERVE_BYTES, public_url: str | None = None
) -> Storage:
    """The storage at a URL; a local folder is made if it is not there.

    An object store's credentials, region and endpoint come from the environment, by the names that its own tools use
    (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME, …).

    Args:
        urls: sign for a local folder.
        reserve_bytes: of a local disk, that are never taken.
        public_url: how an S3 is reached by whoever is given its signed URLs, where that is another way than this
            process's own: its scheme, host and port. The host is signed, so that it cannot be exchanged afterwards.

    Raises:
        OptionError: a URL of another kind, or a public one for what has none.
        UnavailableError: the object store's settings do not do.
        WriteError, TargetError: the folder cannot be made.
    """
    scheme = urlsplit(str(url)).scheme
    if public_url is not None:
        _check_public(public_url, scheme)
    if scheme in _CLOUDS:
        return _cloud(str(url), public_url)
    return _local(_folder(url), urls, reserve_bytes)


def _local(path: Path, urls: ServiceUrls, reserve_bytes: int) -> Storage:
    with disk_errors(Stage.WRITE, path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Storage(LocalStore(path, automatic_cleanup=True), urls, Folder(path, reserve_bytes))


def _cloud(url: str, public_url: str | None) -> Storage:
    parts = urlsplit(url)
    if not parts.netloc or parts.query or parts.fragment:
        raise OptionError(f"storage {url.partition('?')[0]}", accepted=_ACCEPTED)
    store = _opened(url)
    return Storage(
        store, StoreUrls(store if public_url is None else _opened(url, {"endpoint": public_url.rstrip("/")}))
    )


def _opened(url: str, config: Any = None) -> Any:
    client: Any = {**_CLIENT_SECONDS, "allow_http": allows_http(urlsplit(url).scheme)}
    again: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
    try:
        return from_url(url.rstrip("/"), config=config, client_options=client, retry_config=again)
    except (BaseError, ValueError) as error:
        first_line, _, _ = str(error).partition("\n")
        raise UnavailableError(
            f"storage {url}: {first_line}", hint="the store's settings in the environment"
        ) from error


def _check_public(public_url: str, scheme: str) -> None:
    if scheme != "s3":
        raise OptionError(f"a public URL for a storage that is no {_PUBLIC}", accepted=_PUBLIC)
    parts = urlsplit(public_url)
    is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_bare:
        raise OptionError(f"the storage's public URL {public_url.partition('?')[0]}", accepted="http(s)://HOST[:PORT]")


def _folder(url: str | Path) -> Path:
    parts = urlsplit(str(url))
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if "://" not in str(url) and Path(url).is_absolute():
        return Path(url)
    raise OptionError(f"storage {url}", accepted=_ACCEPTED)
