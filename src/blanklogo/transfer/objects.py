"""Object stores: S3 and what speaks like it (s3:), Google's (gs:), Azure's (az:).

Credentials, region and endpoint come from the environment, by the names that the stores' own tools use
(AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME, …).

A URI names a bucket and a key there and nothing else, so that whoever names it, the requests go where the operator
said. A policy decides only what is told of a failure: the store's own words may hold the endpoint's address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from blanklogo.errors import BlankLogoError, TargetError, TransferError
from blanklogo.net.pieces import MAX_MEDIA_BYTES, Cancelled, check_size, named, pieces, split, stop_if
from blanklogo.net.stores import allows_http
from blanklogo.transfer.guard.policy import Policy

if TYPE_CHECKING:
    from obstore import GetOptions

PART_BYTES = 8 << 20  # of one request: at 10 MB/s less than a second until a stop is noticed
_NUM_AT_ONCE = 4  # parts in memory while a file is brought
_BUCKET = re.compile(r"[$]?[A-Za-z0-9][A-Za-z0-9._-]{0,254}")  # the widest of the three stores' rules


def download(uri: str, place: Path, cancelled: Cancelled, policy: Policy, max_bytes: int = MAX_MEDIA_BYTES) -> None:
    """An object, part by part, all of one version.

    Raises:
        TransferError, CancelledError: see `places.fetch`.
        OSError: the disk refused.
    """
    with _foreign_errors(uri, "fetched", policy), place.open("wb") as file:
        store, key = _opened(uri)
        about = obstore.head(store, key)
        size = about["size"]
        check_size(uri, size, max_bytes)
        for start in range(0, size, PART_BYTES):
            stop_if(cancelled)
            wanted: GetOptions = {"range": (start, min(start + PART_BYTES, size)), "if_match": about["e_tag"]}
            file.write(obstore.get(store, key, options=wanted).bytes())


def upload(path: Path, uri: str, cancelled: Cancelled, policy: Policy) -> None:
    """A file to an object, which appears whole or not at all. Raises TransferError, CancelledError."""
    with _foreign_errors(uri, "brought", policy), path.open("rb") as file:
        store, key = _opened(uri)
        obstore.put(
            store, key, pieces(file, cancelled), chunk_size=PART_BYTES, max_concurrency=_NUM_AT_ONCE, use_multipart=True
        )


def check_target(uri: str, policy: Policy, *, overwrite: bool) -> None:
    """Raises TargetError when an object is there and may not be replaced, TransferError when that cannot be known."""
    with _foreign_errors(uri, "looked for", policy):
        store, key = _opened(uri)
        try:
            obstore.head(store, key)
        except (FileNotFoundError, NotFoundError):
            return
    if not overwrite:
        raise TargetError(f"the output {named(uri)} exists", hint="overwrite, or another name")


def _opened(uri: str) -> tuple[ObjectStore, str]:
    parts = split(uri)
    key = unquote(parts.path).lstrip("/")
    if not _BUCKET.fullmatch(parts.netloc) or not key or {".", ".."} & set(key.split("/")):
        raise TransferError(f"{named(uri)} names no object", accepted=f"{parts.scheme}://BUCKET/KEY")
    client: Any = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(seconds=60)}  # for one part
    client["allow_http"] = allows_http(parts.scheme)
    again: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
    return from_url(f"{parts.scheme}://{parts.netloc}", client_options=client, retry_config=again), key


@contextmanager
def _foreign_errors(uri: str, done: str, policy: Policy) -> Iterator[None]:
    """Turns what obstore raises into TransferError."""
    try:
        yield
    except BlankLogoError:
        raise
    except (BaseError, FileNotFoundError, PermissionError, ValueError) as error:
        raise _as_transfer_error(error, uri, done, policy) from error


def _as_transfer_error(error: Exception, uri: str, done: str, policy: Policy) -> TransferError:
    came = f"{named(uri)} could not be {done}"
    if isinstance(error, FileNotFoundError | NotFoundError):
        return TransferError(f"{came}: it is not there", hint="look at the bucket and the key")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return TransferError(f"{came}: not allowed", hint="credentials in the environment that may")
    if policy.is_guarded:
        return TransferError(f"{came}: the store could not be reached, or refused", hint="later")
    first_line, _, _ = str(error).partition("\n")
    said = re.sub(r"[?]\S+", "", first_line)  # what follows a `?` may be a signature
    return TransferError(f"{came}: {said}", hint="later")
