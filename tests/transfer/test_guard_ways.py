"""What may be reached is reached: by its own name, over checked redirects, within limits."""

from __future__ import annotations

import gzip
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpcore2
import httpx2
import pytest
from feigned_internet import PUBLIC_IPV4, PUBLIC_IPV6, Door, Internet, door
from scripted_server import MEDIA, Script, make_certificates, scripted, speaking

from blanklogo.errors import BlankLogoError, OptionError, TransferError
from blanklogo.net import http
from blanklogo.transfer import deliver, fetch, web
from blanklogo.transfer.guard.policy import Policy
from loopback import serving

OTHER_IPV4 = "151.101.1.69"
LOOPBACK = Policy.allowing("127.0.0.1")
SOON_SECONDS = 8  # for what is cut after half a second, on a busy machine; less than any single wait may take (10 s)


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSES_SECONDS", (0.01, 0.02))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "in" / "clip.mp4"


@pytest.fixture
def result(tmp_path: Path) -> Path:
    (tmp_path / "out.mp4").write_bytes(b"a result")
    return tmp_path / "out.mp4"


@pytest.fixture
def server() -> Iterator[Script]:
    with scripted() as script:
        yield script


@pytest.fixture
def outside(server: Script, internet: Internet) -> Internet:
    """An internet where public.example and other.example are this server."""
    internet.names |= {"public.example": [[PUBLIC_IPV4]], "other.example": [[OTHER_IPV4]]}
    internet.names |= {"inside.example": [["127.0.0.1"]]}
    internet.served |= {PUBLIC_IPV4: server.port, OTHER_IPV4: server.port, PUBLIC_IPV6: server.port}
    return internet


@pytest.fixture
def inside() -> Iterator[Door]:
    with door() as seen:
        yield seen


# Who is reached


def test_a_public_host_is_reached_at_the_address_that_was_checked(
    server: Script, outside: Internet, place: Path, result: Path
) -> None:
    assert fetch("http://public.example/clip.mp4?a=b", place, never).read_bytes() == MEDIA
    assert deliver(result, "http://public.example:8080/out.mp4", never) == "http://public.example:8080/out.mp4"
    assert server.asked == [
        ("GET", "public.example", "/clip.mp4?a=b"),
        ("PUT", "public.example:8080", "/out.mp4"),
    ]
    assert server.taken == {"/out.mp4": b"a result"}
    assert outside.connected == [(PUBLIC_IPV4, 80), (PUBLIC_IPV4, 8080)]
    assert outside.looked_up == ["public.example"] * 2


@pytest.mark.parametrize("host", [PUBLIC_IPV4, f"[{PUBLIC_IPV6}]"])
def test_a_public_address_needs_no_look_up(server: Script, outside: Internet, place: Path, host: str) -> None:
    assert fetch(f"http://{host}/clip.mp4", place, never).read_bytes() == MEDIA
    assert server.asked == [("GET", host, "/clip.mp4")]
    assert outside.looked_up == []


def test_a_name_in_another_alphabet_is_looked_up_as_it_is_registered(
    server: Script, outside: Internet, place: Path
) -> None:
    outside.names["xn--bcher-kva.example"] = [[PUBLIC_IPV4]]
    assert fetch("http://b\u00fccher.example/clip.mp4", place, never).read_bytes() == MEDIA
    assert server.asked == [("GET", "xn--bcher-kva.example", "/clip.mp4")]


def test_the_next_address_is_tried_where_one_does_not_answer(server: Script, outside: Internet, place: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outside.served[OTHER_IPV4] = closed.getsockname()[1]
        outside.names["two.example"] = [[OTHER_IPV4, PUBLIC_IPV4]]
        assert fetch("http://two.example/clip.mp4", place, never).read_bytes() == MEDIA
    assert outside.connected == [(OTHER_IPV4, 80), (PUBLIC_IPV4, 80)]


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "inside.example", "inside.example, 10.0.0.0/8"])
def test_what_the_operator_allows_is_reached(
    server: Script, outside: Internet, place: Path, result: Path, allowed: str
) -> None:
    policy = Policy.allowing(allowed)
    url = f"http://inside.example:{server.port}"
    assert fetch(f"{url}/clip.mp4", place, never, policy).read_bytes() == MEDIA
    deliver(result, f"{url}/out.mp4", never, policy)
    assert server.taken == {"/out.mp4": b"a result"}


def test_what_is_allowed_is_no_more_than_was_said(server: Script, outside: Internet, place: Path) -> None:
    for allowed in ("inside.example", "127.0.0.2", "10.0.0.0/8"):
        with pytest.raises(OptionError, match="names no public host"):
            fetch(f"http://127.0.0.1:{server.port}/clip.mp4", place, never, Policy.allowing(allowed))
    with pytest.raises(OptionError, match="names port 22"):
        fetch("http://inside.example:22/clip.mp4", place, never, Policy.allowing("inside.example"))
    assert server.asked == []


# Names that change where they lead


def test_a_second_answer_of_the_resolver_is_never_used(
    server: Script, outside: Internet, inside: Door, place: Path
) -> None:
    outside.names["rebound.example"] = [[PUBLIC_IPV4], ["127.0.0.1"]]
    assert fetch(f"http://rebound.example:{inside.port}/clip.mp4", place, never).read_bytes() == MEDIA
    assert outside.connected == [(PUBLIC_IPV4, inside.port)]
    assert outside.looked_up == ["rebound.example"]
    assert inside.num_accepted == 0


def test_a_name_that_leads_inside_when_asked_again_is_refused_then(
    outside: Internet, inside: Door, place: Path
) -> None:
    """A broken line is taken up by another connection, and that by another look-up."""
    outside.names["rebound.example"] = [[PUBLIC_IPV4], ["127.0.0.1"]]
    with serving() as files:
        files.files["/clip.mp4"] = bytes(1000)
        files.cuts = [10]
        outside.served[PUBLIC_IPV4] = int(files.address.rpartition(":")[2])
        with pytest.raises(OptionError, match="names no public host"):
            fetch(f"http://rebound.example:{inside.port}/clip.mp4", place, never)
    assert outside.looked_up == ["rebound.example"] * 2
    assert (outside.connected, inside.num_accepted) == ([(PUBLIC_IPV4, inside.port)], 0)
    assert not place.exists()


# Redirects


def test_redirects_between_public_hosts_are_followed_each_by_its_own_name(
    server: Script, outside: Internet, place: Path
) -> None:
    server.redirects = {
        "/a": (301, "/b"),
        "/b": (302, "http://other.example/c"),
        "/c": (303, "//public.example:8080/d"),
        "/d": (307, "http://other.example/e"),
        "/e": (308, "clip.mp4"),
    }
    assert fetch("http://public.example/a", place, never).read_bytes() == MEDIA
    assert [(host, path) for _, host, path in server.asked] == [
        ("public.example", "/a"),
        ("public.example", "/b"),
        ("other.example", "/c"),
        ("public.example:8080", "/d"),
        ("other.example", "/e"),
        ("other.example", "/clip.mp4"),
    ]
    assert {address for address, _ in outside.connected} == {PUBLIC_IPV4, OTHER_IPV4}


def test_redirects_between_allowed_hosts_are_followed(server: Script, place: Path) -> None:
    server.redirects = {"/a": (302, f"http://127.0.0.1:{server.port}/b")}
    assert fetch(f"http://127.0.0.1:{server.port}/a", place, never, LOOPBACK).read_bytes() == MEDIA


INWARDS = [
    "http://127.0.0.1:{}/",
    "http://[::1]:{}/",
    "http://[::ffff:127.0.0.1]:{}/",
    "http://2130706433:{}/",
    "http://0x7f.1:{}/",
    "http://127.0.0.1.:{}/",
    "//127.0.0.1:{}/",
    "http://localhost:{}/",
    "http://inside.example:{}/",
    "http://user:word@public.example/",
    "http://169.254.169.254/latest/meta-data/",
    "http://public.example:22/",
    "ftp://public.example/",
    "file:///etc/passwd",
    "http://[::1:{}/",
]


@pytest.mark.parametrize("form", INWARDS)
@pytest.mark.parametrize("num_before", [0, 3])
def test_a_redirect_inwards_is_refused(
    server: Script, outside: Internet, inside: Door, place: Path, result: Path, form: str, num_before: int
) -> None:
    location = form.replace("{}", str(inside.port))
    steps = [f"/{step}" for step in range(num_before + 1)]
    server.redirects = {step: (307, following) for step, following in zip(steps, [*steps[1:], location], strict=True)}
    for attempt in (
        lambda: fetch("http://public.example/0?sig=hush", place, never),
        lambda: deliver(result, "http://public.example/0?sig=hush", never),
    ):
        with pytest.raises(BlankLogoError) as refused:
            attempt()
        told = str(refused.value)
        assert "http://public.example/0 " in told
        assert "redirects to" in told
        assert not any(word in told for word in ("hush", "169.254", "127.0", "localhost", "inside.example"))
    assert inside.num_accepted == 0
    assert {address for address, _ in outside.connected} == {PUBLIC_IPV4}
    assert len(server.asked) == 2 * (num_before + 1)


def test_more_redirects_than_five_are_too_many(server: Script, outside: Internet, place: Path) -> None:
    server.redirects = {f"/{number}": (302, f"/{number + 1}") for number in range(6)}
    assert fetch("http://public.example/1", place, never).read_bytes() == MEDIA
    with pytest.raises(TransferError, match="redirects more than 5 times"):
        fetch("http://public.example/0", place, never)
    server.redirects = {"/loop": (302, "/loop")}
    with pytest.raises(TransferError, match="redirects more than 5 times"):
        fetch("http://public.example/loop", place, never)


def test_a_put_is_sent_whole_again_where_a_redirect_keeps_it_one(
    server: Script, outside: Internet, result: Path
) -> None:
    server.redirects = {"/a": (307, "http://other.example/b"), "/b": (308, "/out.mp4")}
    deliver(result, "http://public.example/a", never)
    assert server.taken == {"/out.mp4": b"a result"}


@pytest.mark.parametrize("policy", [Policy.PUBLIC, Policy.TRUSTED], ids=["guarded", "trusted"])
@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_put_that_a_redirect_would_turn_into_a_get_has_not_arrived(
    server: Script, outside: Internet, result: Path, policy: Policy, status: int
) -> None:
    server.redirects = {"/a": (status, "/out.mp4")}
    host = "public.example" if policy.is_guarded else f"127.0.0.1:{server.port}"
    with pytest.raises(TransferError, match="answers a PUT with a redirect"):
        deliver(result, f"http://{host}/a", never, policy)
    assert server.taken == {}


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    return make_certificates(tmp_path_factory.mktemp("tls"), f"DNS:public.example,IP:{OTHER_IPV4}")


@pytest.fixture
def secure(certificates: tuple[Path, Path], internet: Internet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """public.example over TLS, by a certificate that the environment trusts."""
    authority, chain = certificates
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with scripted(chain) as script:
        names = ("public.example", "impostor.example")
        internet.names |= {name: [[PUBLIC_IPV4]] for name in names}
        internet.served |= {PUBLIC_IPV4: script.port, OTHER_IPV4: script.port}
        yield script


def test_tls_asks_for_and_verifies_the_name_and_not_the_address(
    secure: Script, internet: Internet, place: Path, result: Path
) -> None:
    assert fetch("https://public.example/clip.mp4", place, never).read_bytes() == MEDIA
    deliver(result, "https://public.example:8443/out.mp4", never)
    assert secure.names == ["public.example"] * 2
    assert [host for _, host, _ in secure.asked] == ["public.example", "public.example:8443"]
    assert internet.connected == [(PUBLIC_IPV4, 443), (PUBLIC_IPV4, 8443)]
    assert secure.taken == {"/out.mp4": b"a result"}


def test_an_address_is_verified_as_one(secure: Script, place: Path) -> None:
    assert fetch(f"https://{OTHER_IPV4}/clip.mp4", place, never).read_bytes() == MEDIA
    assert secure.names == [None]
    with pytest.raises(TransferError, match="certificate verify failed"):
        fetch(f"https://{PUBLIC_IPV4}/clip.mp4", place, never)


def test_a_certificate_for_another_name_is_not_taken(secure: Script, place: Path) -> None:
    with pytest.raises(TransferError, match="certificate verify failed"):
        fetch("https://impostor.example/clip.mp4", place, never)
    assert secure.asked == []


def test_a_certificate_of_an_unknown_authority_is_not_taken(
    secure: Script, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(TransferError, match="certificate verify failed"):
        fetch("https://public.example/clip.mp4", place, never)
    assert secure.asked == []


def test_a_redirect_does_not_give_tls_up(secure: Script, server: Script, internet: Internet, place: Path) -> None:
    internet.names["plain.example"] = [[PUBLIC_IPV6]]
    internet.served[PUBLIC_IPV6] = server.port
    secure.redirects = {"/a": (302, "http://plain.example/b"), "/c": (302, "https://public.example/d")}
    server.redirects = {"/e": (302, "https://public.example/f")}
    with pytest.raises(OptionError, match="redirects to a URL that goes from https: to http:"):
        fetch("https://public.example/a", place, never)
    assert server.asked == []
    for url in ("https://public.example/c", "http://plain.example/e"):
        assert fetch(url, place, never).read_bytes() == MEDIA


# Limits


def test_a_coded_body_is_not_unpacked(server: Script, place: Path) -> None:
    url = f"http://127.0.0.1:{server.port}/clip.mp4"
    server.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(TransferError, match=r"comes encoded \(gzip\)"):
        fetch(url, place, never, LOOPBACK)
    server.headers = {"Content-Encoding": "identity"}
    assert fetch(url, place, never, LOOPBACK).read_bytes() == MEDIA


def test_a_user_may_fetch_what_is_coded(place: Path) -> None:
    packed = gzip.compress(MEDIA)

    def speak(stream: socket.socket, over: threading.Event) -> None:
        _heard(stream)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        stream.sendall(head.encode() + packed)

    with speaking(speak) as port:
        assert fetch(f"http://127.0.0.1:{port}/", place, never, Policy.TRUSTED).read_bytes() == MEDIA


def test_a_head_without_end_is_not_kept(place: Path) -> None:
    def speak(stream: socket.socket, over: threading.Event) -> None:
        _heard(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 300_000)

    with speaking(speak) as port, pytest.raises(TransferError, match="could not be fetched"):
        fetch(f"http://127.0.0.1:{port}/", place, never, LOOPBACK)


def test_more_than_was_said_is_not_fetched(server: Script, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="larger than allowed"):
        web.download(f"http://127.0.0.1:{server.port}/clip.mp4", tmp_path / "clip.mp4", never, LOOPBACK, len(MEDIA) - 1)
    assert (tmp_path / "clip.mp4").stat().st_size == 0


def test_a_body_that_does_not_say_how_long_it_is_ends_at_the_limit(tmp_path: Path) -> None:
    def speak(stream: socket.socket, over: threading.Event) -> None:
        _heard(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            stream.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    with speaking(speak) as port, pytest.raises(TransferError, match="larger than allowed"):
        web.download(f"http://127.0.0.1:{port}/", tmp_path / "clip.mp4", never, LOOPBACK, 5_000_000)
    assert (tmp_path / "clip.mp4").stat().st_size <= 5_000_000


def dribbling(head: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Says the head, and from then on a byte every now and then."""

    def speak(stream: socket.socket, over: threading.Event) -> None:
        _heard(stream)
        stream.sendall(head)
        while not over.wait(0.02):
            stream.sendall(b"x")

    return speak


HEADS = [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Long: ", b""]
SLOW = replace(LOOPBACK, window_seconds=0.5)
SHORT = replace(LOOPBACK, max_seconds=0.5)


@pytest.mark.parametrize("head", HEADS, ids=["body", "head", "nothing"])
@pytest.mark.parametrize(
    ("policy", "told"), [(SLOW, r"is slower than 4\.1 kB/s over 0\.5 s"), (SHORT, r"took longer than 0\.5 s")]
)
def test_a_server_that_dribbles_is_left(place: Path, head: bytes, policy: Policy, told: str) -> None:
    with speaking(dribbling(head)) as port:
        started = time.monotonic()
        with pytest.raises(TransferError, match=told):
            fetch(f"http://127.0.0.1:{port}/clip.mp4", place, never, policy)
        assert time.monotonic() - started < SOON_SECONDS
    assert not place.exists()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_says_nothing_is_left(place: Path, scheme: str) -> None:
    """Over TLS, in the middle of the handshake."""
    with speaking(lambda stream, over: over.wait() and None) as port:
        started = time.monotonic()
        with pytest.raises(TransferError, match=r"took longer than 0\.5 s"):
            fetch(f"{scheme}://127.0.0.1:{port}/clip.mp4", place, never, SHORT)
        assert time.monotonic() - started < SOON_SECONDS


def test_a_server_that_does_not_take_a_result_is_left(tmp_path: Path) -> None:
    """A byte now and then keeps any single wait short."""

    def speak(stream: socket.socket, over: threading.Event) -> None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not over.wait(0.02):
            stream.recv(512)

    (tmp_path / "out.mp4").write_bytes(bytes(60_000_000))  # more than the sockets' buffers hold
    with speaking(speak) as port:
        started = time.monotonic()
        with pytest.raises(TransferError, match=r"took longer than 0\.5 s"):
            deliver(tmp_path / "out.mp4", f"http://127.0.0.1:{port}/out.mp4", never, SHORT)
        assert time.monotonic() - started < SOON_SECONDS


def test_a_quick_server_is_not_held_to_the_clock_of_our_own_disk(server: Script, place: Path) -> None:
    """Only waiting for the peer counts."""

    def slow_disk() -> bool:
        time.sleep(0.6)
        return False

    policy = replace(LOOPBACK, window_seconds=0.5)
    assert fetch(f"http://127.0.0.1:{server.port}/clip.mp4", place, slow_disk, policy).read_bytes() == MEDIA


def _heard(stream: socket.socket) -> None:
    """Reads up to the end of a request's head."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += stream.recv(4096)


# The library's errors


def all_kinds(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(one for child in kind.__subclasses__() for one in all_kinds(child))]


def test_every_error_of_the_lower_library_has_its_name_in_the_upper() -> None:
    roots = (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    )
    for kind in (one for root in roots for one in all_kinds(root)):
        assert issubclass(getattr(httpx2, kind.__name__), httpx2.TransportError)
