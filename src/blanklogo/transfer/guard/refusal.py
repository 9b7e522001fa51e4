"""A refusal on its way from where it is found to where the URL is known that was asked for."""

from __future__ import annotations

from blanklogo.errors import BlankLogoError, OptionError, TransferError
from blanklogo.net.pieces import named
from blanklogo.transfer.guard.policy import VARIABLE

ACCEPTED = "http: or https:, a public host, port 80, 443 or one from 1024 up that no other service is known by"


class Refused(Exception):
    """Raised through the HTTP library, which lets it pass; never leaves `guard.client`.

    Args:
        why: what is wrong, to follow after the URL. It tells of the URL and of public hosts, never of what is inside.
    """

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint

    def about(self, uri: str, *, is_redirected: bool = False) -> BlankLogoError:
        """The error for whoever named the URI. Where a redirect led is the other side's to know."""
        why = f"redirects to a URL that {self.why}" if is_redirected else self.why
        return OptionError(f"{named(uri)} {why}", accepted=ACCEPTED, hint=self.hint)


class NotPublic(Refused):
    """A host that is none, does not exist, or has an address that is not public: one refusal, so that nobody learns
    which."""

    def __init__(self) -> None:
        hint = f"a signed URL of a public host; who runs this endpoint may allow others ({VARIABLE})"
        super().__init__("names no public host", hint)


class TooSlow(Refused):
    """The other side kept us waiting."""

    def about(self, uri: str, *, is_redirected: bool = False) -> BlankLogoError:
        return TransferError(f"{named(uri)} {self.why}", hint=self.hint)
