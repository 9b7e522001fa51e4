"""URLs that would lead inside are refused, and nothing inside hears of them."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from feigned_internet import PUBLIC_IPV4, PUBLIC_IPV6, Door, Internet, door
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blanklogo.errors import OptionError, TransferError
from blanklogo.net import http
from blanklogo.transfer import check_deliverable, deliver, fetch
from blanklogo.transfer.guard.addresses import is_public
from blanklogo.transfer.guard.client import check_reachable
from blanklogo.transfer.guard.policy import Policy
from loopback import Files, serving

NAMES = {
    "public.example": [PUBLIC_IPV4],
    "private.example": ["10.0.0.5"],
    "loop.example": ["127.0.0.1"],
    "loop6.example": ["::1"],
    "mixed.example": [PUBLIC_IPV4, "127.0.0.1"],
    "mixed6.example": [PUBLIC_IPV6, "::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "zoned.example": ["fe80::1%lo"],
    "metadata.google.internal": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
}
AT_THE_DOOR = [  # {} is the port that listens
    "http://127.0.0.1:{}/",
    "HTTP://127.0.0.1:{}/",
    "https://127.0.0.1:{}/",
    "http://127.0.0.1:{}",
    "http://127.1:{}/",
    "http://127.0.1:{}/",
    "http://2130706433:{}/",
    "http://017700000001:{}/",
    "http://0177.0.0.1:{}/",
    "http://0177.0.0.01:{}/",
    "http://00000177.0.0.1:{}/",
    "http://0x7f.1:{}/",
    "http://0x7F000001:{}/",
    "http://0x7f.0x0.0x0.0x1:{}/",
    "http://127.0x0.1:{}/",
    "http://127.0.0.1.:{}/",
    "http://127.255.255.254:{}/",
    "http://127%2e0%2e0%2e1:{}/",
    "http://%31%32%37.0.0.1:{}/",
    "http://127.0.0.1%00.public.example:{}/",
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{}/",  # full-width digits
    "http://127\u30020\u30020\u30021:{}/",  # ideographic full stops
    "http://127\uff0e0\uff0e0\uff0e1:{}/",
    "http://\u2460\u2461\u2466.0.0.1:{}/",  # circled digits
    "http://[::1]:{}/",
    "http://[0:0:0:0:0:0:0:1]:{}/",
    "http://[::]:{}/",
    "http://[::ffff:127.0.0.1]:{}/",
    "http://[::ffff:7f00:1]:{}/",
    "http://[::127.0.0.1]:{}/",
    "http://[64:ff9b::127.0.0.1]:{}/",
    "http://[64:ff9b:1::127.0.0.1]:{}/",
    "http://[2002:7f00:1::]:{}/",
    "http://[2001:0:7f00:1::]:{}/",
    "http://[::1%25lo]:{}/",
    "http://[::1%lo]:{}/",
    "http://[fe80::1%25lo]:{}/",
    "http://[::1:{}/",
    "http://[127.0.0.1]:{}/",
    "http://::1:{}/",
    "http://0:{}/",
    "http://0.0.0.0:{}/",
    "http://localhost:{}/",
    "http://LocalHost:{}/",
    "http://localhost.:{}/",
    "http://lo\u017fcalhost:{}/",
    "http://user:word@127.0.0.1:{}/",
    "http://public.example@127.0.0.1:{}/",
    "http://public.example:80@127.0.0.1:{}/",
    "http://127.0.0.1:{}\\@public.example/",
    "http://127.0.0.1:{}#@public.example/",
    "http://127.0.0.1:{}?@public.example/",
    "http:127.0.0.1:{}/",
    "http:/127.0.0.1:{}/",
    "http:///127.0.0.1:{}/",
    "http:\\\\127.0.0.1:{}/",
    "//127.0.0.1:{}/",
    "http://127.0.0.1 :{}/",
    "http://127.0.0.1\t:{}/",
    "http://\n127.0.0.1:{}/",
    " http://127.0.0.1:{}/",
    "http://private.example:{}/",
    "http://loop.example:{}/",
    "http://loop6.example:{}/",
    "http://LOOP.example:{}/",
    "http://loop.example.:{}/",
    "http://mixed.example:{}/",
    "http://mixed6.example:{}/",
    "http://mapped.example:{}/",
    "http://nat64.example:{}/",
    "http://zoned.example:{}/",
    "http://127.0.0.1.nip.example:{}/",
    "gopher://127.0.0.1:{}/",
    "ftp://127.0.0.1:{}/",
    "ws://127.0.0.1:{}/",
]
ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://100.100.100.200/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://192.0.0.192/opc/v2/",
    "http://168.63.129.16/machine",
    "http://10.0.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://203.0.113.9/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[100::1]/",
    "http://no-such-name.example/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 130 + "example/",
    "http://..example/",
    "http://",
    "http://:80/",
    "file:///etc/passwd",
    "/etc/passwd",
    "http://public.example:0/",
    "http://public.example:22/",
    "http://public.example:25/",
    "http://public.example:6379/",
    "http://public.example:65536/",
    "http://public.example:-1/",
    "http://public.example:80:80/",
    "http://user@public.example/",
    "http://public.example:8080" + "0" * 5000 + "/",
]


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def inside() -> Iterator[Door]:
    with door() as seen:
        yield seen


@pytest.fixture
def names(internet: Internet) -> Internet:
    internet.names |= {name: [addresses] for name, addresses in NAMES.items()}
    return internet


@pytest.mark.parametrize("form", AT_THE_DOOR + ELSEWHERE, ids=ascii)
def test_it_is_refused_before_anybody_is_asked(form: str, inside: Door, names: Internet, tmp_path: Path) -> None:
    uri = form.replace("{}", str(inside.port))
    (tmp_path / "out.mp4").write_bytes(b"a result")
    for attempt in (
        lambda: fetch(uri, tmp_path / "in" / "clip.mp4", never),
        lambda: check_deliverable(uri, overwrite=False),
        lambda: deliver(tmp_path / "out.mp4", uri, never),
    ):
        with pytest.raises(OptionError) as refused:
            attempt()
        assert refused.value.accepted
    assert (inside.num_accepted, names.connected) == (0, [])
    assert not (tmp_path / "in" / "clip.mp4").exists()


def test_the_door_is_open_to_whoever_may_come(tmp_path: Path) -> None:
    """What is refused above is there to be had."""
    with door() as own:
        for number, host in enumerate(("127.0.0.1", "localhost"), 1):
            uri = f"http://{host}:{own.port}/clip.mp4"
            assert fetch(uri, tmp_path / f"{number}.mp4", never, Policy.TRUSTED).read_bytes() == b"inside"
            assert own.num_accepted == number


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f.1", "2130706433", "017700000001", "127.0.0.1.", "a.0x1f", "public.example.", "a..example", "%6c"],
)
def test_what_is_neither_a_name_nor_an_address_is_not_even_looked_up(host: str, names: Internet) -> None:
    """Resolvers differ in what they make of it."""
    with pytest.raises(OptionError, match="names no public host"):
        check_reachable(f"http://{host}/clip.mp4", Policy.allowing("127.0.0.0/8"))
    assert names.looked_up == []


# What a refusal tells


def refusal(uri: str, tmp_path: Path, policy: Policy = Policy.PUBLIC) -> str:
    with pytest.raises(OptionError) as refused:
        fetch(uri, tmp_path / "clip.mp4", never, policy)
    return str(refused.value)


def test_it_tells_nothing_of_what_is_inside(inside: Door, names: Internet, tmp_path: Path) -> None:
    """Whether a port is open, a name exists, and where it leads."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        open_port, closed_port = inside.port, closed.getsockname()[1]
        places = [
            f"loop.example:{open_port}",
            f"loop.example:{closed_port}",
            f"127.0.0.1:{open_port}",
            f"127.0.0.1:{closed_port}",
            f"private.example:{open_port}",
            f"mixed.example:{open_port}",
            f"no-such-name.example:{open_port}",
        ]
        told = {refusal(f"http://{place}/x?sig=hush", tmp_path).replace(place, "HOST") for place in places}
    assert len(told) == 1
    (one,) = told
    assert one.startswith("http://HOST/x names no public host; accepted: http: or https:")
    assert "10.0.0.5" not in one
    assert "hush" not in one
    assert "BLANKLOGO_ALLOWED_HOSTS" in one


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://user:word@public.example/a.mp4", "http://public.example/a.mp4 holds a user's name or password"),
        ("http://public.example:22/a.mp4", "names port 22"),
        ("http://public.example:11211/a.mp4", "names port 11211"),
        ("ftp://public.example/a.mp4", "media at ftp://public.example/a.mp4; accepted: http:, https:, s3:, gs: or az:"),
        ("/etc/passwd", "a path of the machine that does the work"),
        ("file:///etc/passwd", "a path of the machine that does the work"),
    ],
)
def test_what_the_caller_can_mend_is_named(uri: str, told: str, names: Internet, tmp_path: Path) -> None:
    said = refusal(uri, tmp_path)
    assert told in said
    assert "word" not in said.replace("password", "")


def test_a_name_that_cannot_be_looked_up_for_now_may_be_later(
    internet: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def busy(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", busy)
    monkeypatch.setattr(http, "PAUSES_SECONDS", (0.01, 0.02))
    check_deliverable("http://public.example/out.mp4", overwrite=False)
    with pytest.raises(TransferError, match="its name could not be looked up"):
        fetch("http://public.example/a.mp4", tmp_path / "clip.mp4", never)
    assert asked == ["public.example"] * 4


# Any text at all


HOSTS = st.one_of(
    st.text("0123456789.xabcdef", max_size=24),
    st.text("0123456789abcdef:.[]%", max_size=40),
    st.text(max_size=24),
    st.ip_addresses().map(lambda address: f"[{address}]" if address.version == 6 else str(address)),
    st.ip_addresses(v=4).map(lambda address: str(int(address))),
    st.ip_addresses(v=4).map(lambda address: f"[::ffff:{address}]"),
)
AUTHORITIES = st.builds(
    "{}{}{}".format, st.sampled_from(["", "", "a@", "@", "a:b@"]), HOSTS, st.text(":0123456789 /\\", max_size=6)
)


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["http://", "https://", "http:", "//", "HTTP:///"]),
        AUTHORITIES,
        st.sampled_from(["", "/a", "?a"]),
    )
)
def test_where_every_name_leads_inside_only_public_addresses_are_let_through(
    internet: Internet, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    def inside_out(host: object, port: object, *_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", inside_out)
        try:
            check_reachable(uri, Policy.PUBLIC)
        except OptionError:
            return
    assert is_public(ip_address(httpx2.URL(uri).host))


# What stands in the environment


def test_no_proxy_of_the_environment_is_spoken_to(
    inside: Door, names: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{inside.port}")
        monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{inside.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving() as files:
        files.files["/clip.mp4"] = b"from outside"
        names.served[PUBLIC_IPV4] = int(files.address.rpartition(":")[2])
        place = fetch("http://public.example/clip.mp4", tmp_path / "clip.mp4", never)
    assert place.read_bytes() == b"from outside"
    assert inside.num_accepted == 0


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """An object store on this machine, as the operator's environment names it."""
    with serving() as files:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"{files.address}/tenant")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        yield files


@pytest.mark.parametrize(
    "form",
    [
        "s3://127.0.0.1:{}/clip.mp4",
        "s3://x@127.0.0.1:{}/clip.mp4",
        "s3://key:secret@bucket/clip.mp4",
        "s3://bucket:{}/clip.mp4",
        "s3://../clip.mp4",
        "s3://bucket/../../other/clip.mp4",
        "s3://bucket/%2e%2e/clip.mp4",
        "s3://b%2f..%2f/clip.mp4",
        "s3://[::1]/clip.mp4",
        "s3://bucket\\/clip.mp4",
        "s3://*/clip.mp4",
        "s3:///clip.mp4",
        "gs://127.0.0.1:{}/clip.mp4",
        "az://127.0.0.1:{}/clip.mp4",
    ],
)
def test_a_uri_cannot_say_where_a_store_is(form: str, inside: Door, store: Files, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="names no object"):
        fetch(form.replace("{}", str(inside.port)), tmp_path / "clip.mp4", never)
    assert (store.asked, inside.num_accepted) == ([], 0)


def test_the_operators_store_is_asked_wherever_it_is_and_its_address_is_not_told(
    store: Files, inside: Door, tmp_path: Path
) -> None:
    store.files["/tenant/media/clip.mp4"] = b"an object"
    uri = f"s3://media/clip.mp4?endpoint=http://127.0.0.1:{inside.port}&AWS_ENDPOINT_URL=http://127.0.0.1:{inside.port}"
    assert fetch(uri, tmp_path / "clip.mp4", never).read_bytes() == b"an object"
    store.statuses = [400] * 9
    with pytest.raises(TransferError) as told:
        fetch("s3://media/clip.mp4", tmp_path / "again.mp4", never)
    assert "127.0.0.1" not in str(told.value)
    assert inside.num_accepted == 0


def test_a_policy_is_read_without_loading_what_it_is_for() -> None:
    code = """
import sys
import blanklogo.transfer.guard.policy
print(sorted({name.partition(".")[0] for name in sys.modules} & {"av", "numpy", "httpx2", "httpcore2"}))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
