"""What a file says about its making comes along; nothing is stripped, nothing hostile is swallowed."""

from contextlib import suppress

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blanklogo.errors import SourceError, UnsupportedError, VerificationError
from blanklogo.media.xmp import says_machine_made, with_disclosure
from blanklogo.provenance import (
    C2PA_UUID,
    MACHINE_MADE,
    XMP_UUID,
    Provenance,
    carry_provenance,
    check_can_carry,
    provenance_tags,
    read_provenance,
)

XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="video/mp4"/></rdf:RDF></x:xmpmeta>'
    + b" " * 2000
    + b'<?xpacket end="w"?>'
)
IPTC = b'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '


def box(kind: bytes, payload: bytes) -> bytes:
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


@pytest.fixture
def film(tmp_path):
    """A small video file with bytes appended, under a name."""

    def made(name: str = "film.mp4", appended: bytes = b"", **tags: str):
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            output.metadata.update(tags)
            stream = output.add_stream("libx264", rate=25, width=32, height=32, options={"preset": "ultrafast"})
            for index in range(3):
                frame = av.VideoFrame.from_ndarray(np.full((48, 32), 99, np.uint8), "yuv420p")
                frame.pts = index
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        path.write_bytes(path.read_bytes() + appended)
        return path

    return made


def num_frames(path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_nothing_said(film):
    assert read_provenance(film()) == Provenance()


def test_xmp_is_found_and_kept(film):
    source, target = film("a.mp4", box(b"uuid", XMP_UUID + XMP)), film("b.mov")
    provenance = read_provenance(source)
    assert provenance.xmp == XMP
    assert not provenance.says_ai
    assert carry_provenance(source, target, provenance, disclose_ai=False) == ()
    assert read_provenance(target).xmp == XMP
    assert num_frames(target) == 3


def test_quicktimes_place(film):
    path = film("a.mov")
    data = path.read_bytes()
    start = data.index(b"moov") - 4
    size = int.from_bytes(data[start : start + 4], "big")
    udta = box(b"udta", box(b"XMP_", XMP))
    moov = (size + len(udta)).to_bytes(4, "big") + data[start + 4 : start + size] + udta
    path.write_bytes(data[:start] + moov + data[start + size :])
    assert read_provenance(path).xmp == XMP


@pytest.mark.parametrize("xmp", [None, XMP])
def test_disclosure(film, xmp):
    source = film("a.mp4", box(b"uuid", XMP_UUID + xmp) if xmp else b"")
    target = film("b.mp4")
    carry_provenance(source, target, read_provenance(source), disclose_ai=True)
    carried = read_provenance(target)
    assert carried.says_ai
    assert carried.xmp is not None
    assert f"<Iptc4xmpExt:DigitalSourceType>{MACHINE_MADE}</Iptc4xmpExt:DigitalSourceType>".encode() in carried.xmp
    assert (b'dc:format="video/mp4"' in carried.xmp) == (xmp is not None)
    assert num_frames(target) == 3


def test_a_source_that_says_so_stays_word_for_word(film):
    said = XMP.replace(b"xmlns:dc", IPTC + f'Iptc4xmpExt:DigitalSourceType="{MACHINE_MADE}" xmlns:dc'.encode())
    source, target = film("a.mp4", box(b"uuid", XMP_UUID + said)), film("b.mp4")
    provenance = read_provenance(source)
    assert provenance.says_ai
    carry_provenance(source, target, provenance, disclose_ai=False)
    assert read_provenance(target).xmp == said


def test_another_source_type_is_replaced():
    other = b'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture" xmlns:dc'
    result = with_disclosure(XMP.replace(b"xmlns:dc", IPTC + other), MACHINE_MADE)
    assert b"digitalCapture" not in result
    assert result.count(MACHINE_MADE.encode()) == 1
    assert with_disclosure(result, MACHINE_MADE).count(MACHINE_MADE.encode()) == 1


def test_c2pa_is_never_stripped(film):
    source = film("a.mp4", box(b"uuid", C2PA_UUID + bytes(100)))
    provenance = read_provenance(source)
    assert provenance.has_c2pa
    target = film("b.mp4")
    before = target.read_bytes()
    for act in (
        lambda: check_can_carry(provenance),
        lambda: carry_provenance(source, target, provenance, disclose_ai=False),
    ):
        with pytest.raises(UnsupportedError, match=r"C2PA manifest.*ingredient.*nothing is written"):
            act()
    assert target.read_bytes() == before


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_containers_without_xmp(film, suffix):
    tags = provenance_tags(Provenance(), suffix, disclose_ai=True)
    source, target = film("a.mp4"), film(f"b{suffix}", **tags)
    assert read_provenance(target).says_ai
    assert carry_provenance(source, target, read_provenance(source), disclose_ai=True) == ()
    plain = film(f"c{suffix}")
    with pytest.raises(VerificationError, match="does not disclose"):
        carry_provenance(source, plain, read_provenance(source), disclose_ai=True)
    with_xmp = Provenance(xmp=XMP)
    assert "XMP packet could not be carried" in carry_provenance(source, plain, with_xmp, disclose_ai=False)[0]


def test_tags_only_where_needed():
    assert provenance_tags(Provenance(), ".mp4", disclose_ai=True) == {}
    assert provenance_tags(Provenance(), ".mkv", disclose_ai=False) == {}
    assert provenance_tags(Provenance(says_ai=True), ".mkv", disclose_ai=False)


BOMB = b'<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>'


@pytest.mark.parametrize(
    ("xmp", "message"), [(BOMB, "declares entities"), (b"<x", "broken"), (b"", "broken"), (b"<a/>", "no RDF")]
)
def test_packets_that_cannot_be_added_to(xmp, message):
    with pytest.raises(UnsupportedError, match=message):
        with_disclosure(xmp, MACHINE_MADE)


def test_machine_made_in_any_coding():
    text = f'<a b="{MACHINE_MADE}"/>'
    assert all(says_machine_made(text.encode(coding)) for coding in ("utf-8", "utf-16", "utf-32"))
    assert not says_machine_made(b"digitalsourcetype/digitalCapture")


@pytest.mark.parametrize(
    "appended",
    [
        b"\0\0\0\1uuid" + (1 << 62).to_bytes(8, "big") + XMP_UUID,
        b"\xff\xff\xff\xffuuid" + XMP_UUID,
        b"\0\0\0\2uuid",
        box(b"free", b"") * 300_000,
        b"\0\0\0",
    ],
)
def test_hostile_sizes(film, appended):
    assert read_provenance(film("a.mp4", appended)) == Provenance()


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_tail_is_survived(tmp_path_factory, tail):
    path = tmp_path_factory.mktemp("tails") / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25, width=16, height=16)
        frame = av.VideoFrame(16, 16, "yuv420p")
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    path.write_bytes(path.read_bytes() + tail)
    with suppress(SourceError):  # FFmpeg itself may refuse such a tail
        assert not read_provenance(path).has_c2pa
