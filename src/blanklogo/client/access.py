"""Where a service is, and who asks it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from blanklogo.client.effects import Request
from blanklogo.errors import OptionError, UnauthorizedError
from blanklogo.net.pieces import split

URL_VARIABLE = "BLANKLOGO_URL"
TOKEN_VARIABLE = "BLANKLOGO_TOKEN"
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,4096}")  # what may stand in a header, and does in every token
_TOKEN_ID = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True)
class Access:
    """A service's address, and the headers that say who asks; neither the token nor a key is ever shown.

    Attributes:
        url: without a slash at its end.
        token: `ID:SECRET`; None: only what is for anyone can be asked.
        proxy_key, proxy_secret: of Modal's own proxy, where it stands before the service.

    Raises:
        OptionError: the URL is no http(s) URL or holds a password; a secret has characters that no header takes.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    proxy_key: str | None = field(default=None, repr=False)
    proxy_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", checked_url(self.url))
        for name in ("token", "proxy_key", "proxy_secret"):
            value = getattr(self, name)
            if value is not None and not _PRINTABLE.fullmatch(value):
                raise OptionError(
                    f"a {name.replace('_', ' ')} with characters that none has", accepted="printable ASCII, no spaces"
                )
        if (self.proxy_key is None) != (self.proxy_secret is None):
            raise OptionError("one of a proxy's key and secret", accepted="both, or neither")

    @classmethod
    def of(
        cls, url: str | None, token: str | None, *, environ: Mapping[str, str] | None = None, **proxy: str | None
    ) -> Access:
        """What was given, and where nothing was, BLANKLOGO_URL and BLANKLOGO_TOKEN; `proxy` as the fields.

        Raises:
            OptionError: no service is named; also as `Access`.
        """
        environ = os.environ if environ is None else environ
        where = url or environ.get(URL_VARIABLE)
        if not where:
            raise OptionError("no service is named", accepted="its URL", hint=f"{URL_VARIABLE}=http://127.0.0.1:8000")
        return cls(where, token or environ.get(TOKEN_VARIABLE) or None, **proxy)

    @property
    def token_id(self) -> str | None:
        """The part of the token that anyone may know."""
        head, colon, _ = (self.token or "").partition(":")
        return head if colon and _TOKEN_ID.fullmatch(head) else None

    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, is_open: bool = False, **more: Any
    ) -> Request:
        """A request to the service.

        Args:
            is_open: for anyone, so that no token need be there.
            more: fields of `Request`.

        Raises:
            UnauthorizedError: there is no token.
        """
        if self.token is None and not is_open:
            hint = f"{TOKEN_VARIABLE}=ID:SECRET, as `blanklogo token new` shows it"
            raise UnauthorizedError(f"no token for {self.url}", accepted="ID:SECRET", hint=hint)
        asked = urlencode({name: value for name, value in (query or {}).items() if value is not None}, doseq=True)
        headers = {**self._shown(), "Accept": "application/json", **more.pop("headers", {})}
        return Request(method, f"{self.url}{path}{f'?{asked}' if asked else ''}", headers, **more)

    def _shown(self) -> dict[str, str]:
        shown = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.proxy_key and self.proxy_secret:
            shown |= {"Modal-Key": self.proxy_key, "Modal-Secret": self.proxy_secret}
        return shown

    def __str__(self) -> str:
        return f"{self.url}, token {self.token_id or '(hidden)'}" if self.token else f"{self.url}, no token"


def checked_url(url: str) -> str:
    """The URL, if it can be a service's. Raises OptionError, without repeating a password in it."""
    parts = split(url)
    accepted = "http://HOST[:PORT] or https://HOST[/PATH]"
    if "@" in parts.netloc:
        raise OptionError("a service's URL with a password", accepted=accepted, hint=f"{TOKEN_VARIABLE}=ID:SECRET")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise OptionError(f"a service at {url.partition('?')[0][:200]!r}", accepted=accepted)
    if not _PRINTABLE.fullmatch(url):
        raise OptionError("a service's URL with characters that none has", accepted=accepted)
    return url.rstrip("/")
