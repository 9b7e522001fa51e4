"""What object stores want that the libraries which speak to them leave to us."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

_ALLOW_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_AZURE_HEADERS: Mapping[str, str] = MappingProxyType({"x-ms-blob-type": "BlockBlob"})
_AZURE_QUERY = {"sv", "sig"}  # of every shared access signature: the protocol's version, and the signature


def allows_http(scheme: str) -> bool:
    """Whether the environment lets the store of such URLs ("s3", "gs", "az") be spoken to without TLS. obstore does not
    see these variables where options are given in code."""
    return os.environ.get(_ALLOW_HTTP[scheme], "").lower() in ("1", "true")


def put_headers(url: str) -> Mapping[str, str]:
    """The headers without which a PUT to this signed URL is refused; none for most.

    Azure makes nothing of a PUT that does not say which kind of blob it brings ("Put Blob", `x-ms-blob-type`), and its
    signature has no room for it.
    """
    names = {name for name, _ in parse_qsl(urlsplit(url).query)}
    return _AZURE_HEADERS if names >= _AZURE_QUERY else _NO_HEADERS
