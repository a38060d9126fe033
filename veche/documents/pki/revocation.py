"""The two forms of proof that a certificate was not revoked: lists, and answers of responders.

They travel side by side, and which is which is told by how they begin. Where they are stored they
are apart: in a PDF in two arrays, in CMS by a wrapping of answers. Programs of others have more
places for them.

Source: RFC 5280 §5 (lists), RFC 6960 §4.2 (answers), RFC 5652 §10.2.1 and RFC 5940 §2 (in CMS),
RFC 5126 §6.3.4 (revocation values), ISO 32000-2 §12.8.3.3.2 (revocation information of Adobe).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.documents.pki import der

if TYPE_CHECKING:
    from collections.abc import Iterable

ENUMERATED: Final = 0x0A
OTHER: Final = 0xA1
BASIC: Final = der.oid("1.3.6.1.5.5.7.48.1.1")
_OCSP: Final = der.oid("1.3.6.1.5.5.7.16.2")
_BYTES: Final = (der.OID, der.OCTET_STRING)
_0, _1 = 0xA0, 0xA1


def is_answer(encoded: bytes) -> bool:
    """Return whether bytes begin as an answer does, and not as a list of revoked certificates."""
    try:
        first, _ = der.read(der.read_whole(encoded, der.SEQUENCE))
    except der.DerError:
        return False
    return first.tag == ENUMERATED


def to_cms(proofs: Iterable[bytes]) -> list[bytes]:
    """As CMS has them among its lists, each once and in the order of their encodings."""
    wrapped = (der.tlv(OTHER, _OCSP, proof) if is_answer(proof) else proof for proof in set(proofs))
    return sorted(wrapped)


def from_cms(body: bytes) -> list[bytes]:
    """The proofs among the lists of CMS; what is of another kind is left as it is.

    Raises:
        DerError: They are no elements.
    """
    return [_unwrapped(one) for one in der.children(body)]


def _unwrapped(one: der.Element) -> bytes:
    if one.tag != OTHER:
        return one.encoded
    parts = [part.encoded for part in der.children(one.body)]
    if len(parts) != 2 or parts[0] not in (_OCSP, BASIC):  # noqa: PLR2004 -- a kind and its value
        return one.encoded
    return parts[1] if parts[0] == _OCSP else _answer_of(parts[1])


def archived(encoded: bytes) -> list[bytes]:
    """The proofs in an attribute that programs of others keep them in.

    Args:
        encoded: ``RevocationValues`` or ``RevocationInfoArchival``: basic answers, or whole ones.

    Raises:
        DerError: It is neither.
    """
    found = []
    for part in der.children(der.read_whole(encoded, der.SEQUENCE)):
        if part.tag not in (_0, _1):
            continue
        held = [one.encoded for one in der.children(der.read_whole(part.body, der.SEQUENCE))]
        is_basic = part.tag == _1
        found += [_answer_of(one) if is_basic and not is_answer(one) else one for one in held]
    return found


def to_values(answers: Iterable[bytes]) -> bytes:
    """``RevocationValues`` with answers.

    Raises:
        DerError: One is no answer that says something.
    """
    return der.sequence(der.tlv(_1, der.sequence(*sorted({_basic_of(one) for one in answers}))))


def _basic_of(answer: bytes) -> bytes:
    """All that is signed of an answer, with its signature."""
    _, *held = der.children(der.read_whole(answer, der.SEQUENCE))
    parts = [der.members(der.read_whole(one.body, der.SEQUENCE), *_BYTES) for one in held]
    basic = parts[0][1] if parts else b""
    if _answer_of(basic) != answer:
        raise der.DerError("no answer that says something")
    return basic


def _answer_of(basic: bytes) -> bytes:
    """The answer of which this is all that is signed."""
    held = der.sequence(BASIC, der.octets(basic))
    return der.sequence(der.tlv(ENUMERATED, b"\0"), der.tlv(_0, held))
