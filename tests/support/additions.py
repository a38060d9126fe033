"""Attacks on signed PDF files by a signer: something more comes with a good signature, or a stamp.

Each check of a revision (``veche.documents.pdf.grammar``) has one that it alone refuses, or that is
refused for its reason.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tests.support.attackers import HONEST, with_objects, with_stamp_objects
from tests.support.forgery import FORGED, again, find, newest, page
from veche.documents.pki.cms import CMS_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.attackers import Change


def _replaced(number: int, body: bytes) -> Change:
    return lambda _, held: held.update({number: body})


def _other(has: bytes, old: bytes, new: bytes) -> Change:
    """An object that is in the revision, or else the newest one of before, has something else."""

    def change(before: bytes, held: dict[int, bytes]) -> None:
        mine = [number for number, body in held.items() if has in body]
        number = mine[0] if mine else find(before, has)[0]
        body = held.get(number) or newest(before, number)
        assert old in body, body
        held[number] = body.replace(old, new, 1)

    return change


def _in_the_box_of_another(before: bytes, held: dict[int, bytes]) -> None:
    """The signature of the first is taken out of their field, and this one put in."""
    mine, body = next((number, one) for number, one in held.items() if _BOX_2 in one)
    value = re.search(rb"/V \d+ 0 R", body)
    assert value is not None
    del held[mine]
    theirs, _ = find(before, _BOX_1)
    held[theirs] = re.sub(rb"/V \d+ 0 R", value[0], newest(before, theirs))


def _other_store(before: bytes, held: dict[int, bytes]) -> None:
    """The catalog names a new store of proofs, which has all that the old one had."""
    number, _ = find(before, b"/Certs [")
    catalog, _ = find(before, b"/Type /Catalog")
    held[900] = held.pop(number)
    old = b"/DSS %d 0 R" % number
    held[catalog] = newest(before, catalog).replace(old, b"/DSS 900 0 R")
    assert old in newest(before, catalog)


def _other_proof(_: bytes, held: dict[int, bytes]) -> None:
    """A new proof says of itself that it can be drawn."""
    number = next(one for one, body in held.items() if body.startswith(b"<</Length"))
    held[number] = held[number].replace(b"<<", b"<</Subtype/Form/BBox[0 0 9 9]", 1)


def _certifies_by_itself(before: bytes, held: dict[int, bytes]) -> None:
    """The second signature certifies, and the catalog names it in place of the first."""
    number = next(one for one, body in held.items() if _SIGNATURE in body)
    how = b"/Reference[<</TransformMethod/DocMDP/TransformParams<</P 2>>>>]/Type /Sig"
    held[number] = held[number].replace(b"/Type /Sig", how, 1)
    catalog, _ = find(before, b"/Type /Catalog")
    body = held.get(catalog) or newest(before, catalog)
    held[catalog] = re.sub(rb"/DocMDP \d+ 0 R", b"/DocMDP %d 0 R" % number, body)
    assert held[catalog] != body


def _in_place_of(old: int, has: bytes) -> Change:
    """A new object has the number of one that was there, which is gone by that."""

    def change(_: bytes, held: dict[int, bytes]) -> None:
        number = next(one for one, body in held.items() if body.startswith(has) or has in body)
        held[old] = held.pop(number)
        for one, body in held.items():
            held[one] = re.sub(rb"\b%d 0 R" % number, b"%d 0 R" % old, body)

    return change


def _one_proof_more(words: bytes) -> Change:
    """The store names one proof more; ``%d`` is a new one that it has."""

    def change(_: bytes, held: dict[int, bytes]) -> None:
        number, body = next((one, body) for one, body in held.items() if b"/Certs [" in body)
        fresh = next(one for one, proof in held.items() if proof.startswith(_PROOF))
        more = words.replace(b"%d", b"%d" % fresh)
        held[number] = re.sub(rb"(/Certs \[[^\]]*)", rb"\1" + more, body, count=1)

    return change


def _fewer_proofs(before: bytes, held: dict[int, bytes]) -> None:
    """The last certificate is taken out of the store of proofs, and none is added."""
    number, _ = find(before, b"/Certs [")
    held[number] = re.sub(rb"(/Certs \[[^\]]*) \d+ 0 R\]", rb"\1]", newest(before, number))
    assert held[number] != newest(before, number)


def _no_store(before: bytes, held: dict[int, bytes]) -> None:
    """The catalog names a font as the store of proofs."""
    number, _ = find(before, b"/Certs [")
    catalog, _ = find(before, b"/Type /Catalog")
    body = held.get(catalog) or newest(before, catalog)
    held[catalog] = body.replace(b"/DSS %d 0 R" % number, b"/DSS 5 0 R")
    assert held[catalog] != body


def _no_stream(_: bytes, held: dict[int, bytes]) -> None:
    """A new proof has a length, and nothing of it."""
    number = next(one for one, body in held.items() if body.startswith(_PROOF))
    held[number] = b"<</Length 0>>"


def noted_elsewhere() -> bytes:
    """A document whose page has its notes, of which there are none, in an object of their own."""
    return again(page(HONEST, {6: b"[]"}), b"/Contents 4 0 R", b"/Annots 6 0 R/Contents 4 0 R")


def _hole(change: Callable[[bytes], bytes]) -> Change:
    """The place for the signature is of another size."""

    def changed(_: bytes, held: dict[int, bytes]) -> None:
        number, body = next((one, body) for one, body in held.items() if _SIGNATURE in body)
        found = re.search(rb"/Contents <(0+)>", body)
        assert found is not None
        held[number] = body.replace(found[1], change(found[1]), 1)

    return changed


_PROOF: Final = b"<</Length"
_BOX_1: Final = b"/T <FEFF0053006900670031>"
_BOX_2: Final = b"/T <FEFF0053006900670032>"
_SIGNATURE: Final = b"/SubFilter /ETSI.CAdES.detached"
_STAMP: Final = b"/SubFilter /ETSI.RFC3161"
_INVISIBLE: Final = b"/Rect [0 0 0 0]"
ADDED: Final[dict[str, Callable[[], bytes]]] = {
    "words of the page": with_objects(_replaced(4, FORGED)),
    "the page is turned": with_objects(
        _other(b"/Type /Page ", b"/Type /Page ", b"/Type /Page /Rotate 90 ")
    ),
    "a font": with_objects(_replaced(5, b"<</Type/Font/Subtype/Type1/BaseFont/Symbol>>")),
    "the tree of pages": with_objects(_replaced(2, b"<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>")),
    "an object that nothing refers to": with_objects(_replaced(900, FORGED)),
    "another box is moved": with_objects(_other(_BOX_1, b"/Rect [40 ", b"/Rect [41 ")),
    "the own box is moved": with_objects(_other(_BOX_2, b"/Rect [210 ", b"/Rect [211 ")),
    "the own box acts": with_objects(_other(_BOX_2, b"/F 132", b"/F 132/AA<</E<</S/Launch>>>>")),
    "the own box looks like something": with_objects(
        _other(_BOX_2, b"/F 132", b"/F 132/AP<</N 4 0 R>>")
    ),
    "the box of another is taken": with_objects(_in_the_box_of_another),
    "the form has another entry": with_objects(
        _other(b"/SigFlags", b"/SigFlags", b"/NeedAppearances true/SigFlags")
    ),
    "the catalog has another entry": with_objects(
        _other(b"/Type /Catalog", b"/Type /Catalog", b"/Type /Catalog/Lang(de)")
    ),
    "the signature has another entry": with_objects(
        _other(_SIGNATURE, b"/Type /Sig", b"/Type /Sig/Prop_Build<<>>")
    ),
    "the signature is of two kinds": with_objects(
        _other(_SIGNATURE, b"/Type /Sig", b"/Type /DocTimeStamp")
    ),
    "two transforms": with_objects(
        _other(_SIGNATURE, b"/Type /Sig", b"/Type /Sig/Reference[<<>><<>>]")
    ),
    "the store of proofs has another entry": with_objects(
        _other(b"/Certs [", b"/Certs [", b"/VRI<<>>/Certs [")
    ),
    "the store of proofs is another one": with_objects(_other_store),
    "a proof is taken away": with_objects(_other(b"/Certs [", b"/Certs [", b"/Certs [null ")),
    "a proof is more than that": with_objects(_other_proof),
    "a proof is no stream": with_objects(_no_stream),
    "a proof is there twice": with_objects(_one_proof_more(b" %d 0 R")),
    "a proof was there before, and is none": with_objects(_one_proof_more(b" 4 0 R")),
    "a proof is put in place of words": with_objects(_in_place_of(4, _PROOF)),
    "the signature is put in place of words": with_objects(_in_place_of(4, _SIGNATURE)),
    "the signature certifies": with_objects(_certifies_by_itself),
    "its hole has half a byte": with_objects(_hole(lambda zeros: zeros[:-1])),
    "its hole is too large": with_objects(_hole(lambda zeros: zeros + b"0" * 2 * CMS_BYTES_MAX)),
    "a stamp: its field shows something": with_stamp_objects(
        _other(_INVISIBLE, _INVISIBLE, b"/Rect [60 600 560 760]")
    ),
    "… its field is nowhere": with_stamp_objects(_other(_INVISIBLE, _INVISIBLE, b"/Rect []")),
    "… its field ends twice": with_stamp_objects(
        _other(_INVISIBLE, _INVISIBLE, b"/Rect [0 0 0 0 560 760]")
    ),
    "… its field has a look": with_stamp_objects(
        _other(_INVISIBLE, b"/F 132", b"/F 132/AP<</N 4 0 R>>")
    ),
    "… the page has another entry": with_stamp_objects(
        _other(b"/Type /Page ", b"/Type /Page ", b"/Type /Page /Rotate 90 ")
    ),
    "… the form has another entry": with_stamp_objects(
        _other(b"/SigFlags", b"/SigFlags", b"/NeedAppearances true/SigFlags")
    ),
    "… a certificate is taken away": with_stamp_objects(_fewer_proofs),
    "… the store of proofs is a font": with_stamp_objects(_no_store),
    "… words of the page": with_stamp_objects(_replaced(4, FORGED)),
    "… a note of the page": with_stamp_objects(
        _other(b"[8 0 R", b" 0 R]", b" 0 R 4 0 R]"), noted_elsewhere()
    ),
    "… what is signed is no string": with_stamp_objects(
        _other(_STAMP, b"/Contents <", b"/Contents []/Name <")
    ),
    "… what is signed is no hexadecimal string": with_stamp_objects(
        _other(_STAMP, b"/Contents <", b"/Contents ()/Name <")
    ),
    "… it has another entry": with_stamp_objects(
        _other(_STAMP, b"/Type /DocTimeStamp", b"/Type /DocTimeStamp/Name(x)/Cert(x)")
    ),
}
"""A good signature, or a good stamp, comes with something more in its revision."""
