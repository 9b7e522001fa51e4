"""The keys with which the service signs: the first signs, all of them verify, so that one can follow another.

A key is 32 random bytes under a name of 8 hexadecimal digits. In a file, one a line: `NAME SECRET`, the secret as
base64url. In a setting: `NAME:SECRET`, with commas between, or `SECRET` alone, which is then named after its digest;
there the secret may be plain base64 too, as what makes random settings writes it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from blanklogo.errors import OptionError

FILE_NAME = "url-keys"
_NUM_SECRET_BYTES = 32
_NUM_KEPT = 3  # two that went before: with a rotation a week or slower, every URL outlives its key's turn
_NAME = re.compile(r"[0-9a-z]{1,16}")


@dataclass(frozen=True)
class KeyRing:
    """Keys by name; the first signs. They are never shown."""

    keys: tuple[tuple[str, bytes], ...] = field(repr=False)

    def __post_init__(self) -> None:
        names = [name for name, _ in self.keys]
        if not names or len(set(names)) < len(names):
            raise OptionError(f"{len(names)} keys to sign URLs with", accepted="one or more, each with its own name")

    def sign(self, message: bytes) -> tuple[str, str]:
        """(the signing key's name, HMAC-SHA256 in hexadecimal)."""
        name, secret = self.keys[0]
        return name, _mac(secret, message)

    def verifies(self, name: str, message: bytes, signature: str) -> bool:
        """Whether the key of that name signed the message; takes as long whatever the signature is."""
        secret = dict(self.keys).get(name)
        return secret is not None and hmac.compare_digest(_mac(secret, message).encode(), signature.encode())

    def rotated(self) -> KeyRing:
        """With a new key that signs; the ones before it verify for a while yet."""
        return KeyRing((new_key(), *self.keys[: _NUM_KEPT - 1]))


def new_key() -> tuple[str, bytes]:
    return secrets.token_hex(4), secrets.token_bytes(_NUM_SECRET_BYTES)


def from_setting(text: str) -> KeyRing:
    """Raises OptionError, without a word of the text."""
    return KeyRing(tuple(_told(entry.strip()) for entry in text.split(",")))


def from_either(text: str | None, folder: Path, file_name: str = FILE_NAME) -> KeyRing:
    """The keys of a setting where there is one, else those in the file. Raises as the two."""
    return from_folder(folder, file_name) if text is None else from_setting(text)


def from_folder(folder: Path, file_name: str = FILE_NAME) -> KeyRing:
    """The keys in a file of the data folder; the first that asks makes them.

    Raises:
        OptionError: the file is none of keys, or others than its owner may read it.
    """
    path = folder / file_name
    if not path.exists():
        _write(path, KeyRing((new_key(),)), may_replace=False)
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise OptionError(f"{path} may be read by others", accepted="by its owner alone", hint=f"chmod 600 {path}")
    return KeyRing(tuple(_key(*line.partition(" ")[::2]) for line in path.read_text().splitlines()))


def rotate(folder: Path) -> KeyRing:
    """As `from_folder`, with a new key in front, from now on and for every process that starts."""
    ring = from_folder(folder).rotated()
    _write(folder / FILE_NAME, ring, may_replace=True)
    return ring


def _mac(secret: bytes, message: bytes) -> str:
    return hmac.digest(secret, message, "sha256").hex()


def _told(entry: str) -> tuple[str, bytes]:
    name, colon, secret = entry.translate(str.maketrans("+/", "-_")).rpartition(":")
    if colon:
        return _key(name, secret)
    return _key(hashlib.sha256(secret.encode()).hexdigest()[:8], secret)


def _key(name: str, secret: str) -> tuple[str, bytes]:
    try:
        read = base64.b64decode(secret.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        read = b""
    if len(read) != _NUM_SECRET_BYTES or not _NAME.fullmatch(name):
        raise OptionError("a key for signing that is none", accepted="NAME and 32 random bytes as base64url")
    return name, read


def _write(path: Path, ring: KeyRing, *, may_replace: bool) -> None:
    """All of the file or none of it; of several processes that make the first one, one succeeds and none fails."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    text = "".join(f"{name} {base64.urlsafe_b64encode(secret).decode()}\n" for name, secret in ring.keys)
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if may_replace:
            beside.replace(path)
        else:
            _link(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _link(beside: Path, path: Path) -> None:
    try:
        os.link(beside, path)
    except FileExistsError:  # another process was first, and its keys are as good
        return
