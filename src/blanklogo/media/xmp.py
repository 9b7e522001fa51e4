"""XMP packets: whether they say that a machine made the media, and how to let them say so.

Source: XMP Specification Part 1 (the packet and its RDF), IPTC Extension schema (DigitalSourceType).
"""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from blanklogo.errors import UnsupportedError

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PROPERTY = f"{{{_IPTC}}}DigitalSourceType"
_PREFIXES = {"x": "adobe:ns:meta/", "rdf": _RDF, "Iptc4xmpExt": _IPTC}
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'

# IPTC NewsCodes that tell of machine-made content, wholly or in part.
_SAYS_SO = re.compile(
    rb"digitalsourcetype/(trainedAlgorithmicMedia|compositeWithTrainedAlgorithmicMedia)", re.IGNORECASE
)
_DECLARES = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def says_machine_made(xmp: bytes) -> bool:
    """Whether the packet (UTF-8, UTF-16 or UTF-32) names a digital source type of machine-made media."""
    return _SAYS_SO.search(xmp.replace(b"\0", b"")) is not None


def with_disclosure(xmp: bytes | None, source_type: str) -> bytes:
    """The packet with its DigitalSourceType set, all else kept; a new packet if there is none.

    Raises:
        UnsupportedError: the packet is not well-formed XMP, or declares entities (which could be made to explode).
    """
    root = _parsed(xmp if xmp is not None else _EMPTY.encode())
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f".//{{{_RDF}}}RDF")
    if rdf is None:
        raise UnsupportedError("the source's XMP packet holds no RDF, so the disclosure cannot be added to it")
    for description in rdf:
        description.attrib.pop(_PROPERTY, None)
        for child in description.findall(_PROPERTY):
            description.remove(child)
    description = ElementTree.SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": _about(rdf)})
    ElementTree.SubElement(description, _PROPERTY).text = source_type
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{body}\n<?xpacket end="w"?>'.encode()


def _about(rdf: ElementTree.Element) -> str:
    """What the packet speaks of; all its descriptions must name the same."""
    return next((child.get(f"{{{_RDF}}}about", "") for child in rdf), "")


def _parsed(xmp: bytes) -> ElementTree.Element:
    if _DECLARES.search(xmp.replace(b"\0", b"")):
        raise UnsupportedError("the source's XMP packet declares entities", accepted="plain XMP", hint="clean it first")
    try:
        root: ElementTree.Element | None = None
        for _, value in ElementTree.iterparse(io.BytesIO(xmp.strip(b"\0 \t\r\n")), events=("start-ns", "end")):
            if isinstance(value, ElementTree.Element):
                root = value  # the last to end is the outermost
            else:
                _keep_prefix(*value)
    except ElementTree.ParseError as error:
        raise UnsupportedError(f"the source's XMP packet is broken ({error})", hint="clean it first") from error
    assert root is not None
    return root


def _keep_prefix(prefix: str, uri: str) -> None:
    """Lets the serializer write a namespace under the name its author gave it."""
    if prefix and not re.fullmatch(r"ns\d+", prefix) and uri not in _PREFIXES.values():
        ElementTree.register_namespace(prefix, uri)


for _prefix, _uri in _PREFIXES.items():
    ElementTree.register_namespace(_prefix, _uri)
