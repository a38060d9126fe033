"""The form of a revision after the first signature: one more signature with proofs, no more.

Others compare two versions of a document and judge what changed. Here a revision is read as a
sentence that has one form; whatever has another form is a change of the document. So nothing can be
shown, hidden or replaced by what comes after a signature, whichever way a reader finds it.

A revision has one signature in a field, and may have: proofs in the document security store; in the
first one, ``/Perms`` that certifies; for a time stamp, an invisible field on one page and in the
form; for a person's, a picture in its box, which says what the signature says and is the one that
we would draw. Each new object is referred to from its one place, and no old one changes besides
that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf.appearance import lines_of, picture, picture_entries, size_of, turn_of
from veche.documents.pdf.letters import (
    DIGEST,
    MissingLetterError,
    digest_of,
    laid_letters,
    signature_font,
)
from veche.documents.pdf.signing import SIGNATURE, STAMP
from veche.documents.pdf.values import (
    PdfError,
    array,
    dictionary,
    is_reference,
    natural,
    number,
    reference,
    referred,
    string_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from veche.documents.pdf.document import PdfObject
    from veche.documents.pdf.structure import Revision
    from veche.documents.pdf.values import Dictionary, Value

_SIGNATURE_KEYS: Final = frozenset(
    {
        b"/Type",
        b"/Filter",
        b"/SubFilter",
        b"/ByteRange",
        b"/Contents",
        b"/M",
        b"/Name",
        b"/Reason",
        b"/Location",
        b"/Reference",
    }
)
_WIDGET_KEYS: Final = frozenset(
    {b"/Type", b"/Subtype", b"/FT", b"/T", b"/F", b"/Rect", b"/P", b"/V"}
)
_STORE_KEYS: Final = frozenset({b"/Type", b"/Certs", b"/CRLs", b"/OCSPs"})
_PROOFS: Final = (b"/Certs", b"/CRLs", b"/OCSPs")
OF_CLAUSE: Final = ":"
"""Between the name of a signer's box and the id of their clause; a point may be in no such name
(ISO 32000-1 §12.7.3.2)."""
_RANGE_NUMBERS: Final = 4
NOTHING: Final = 1
"""What a file allows whose first signature says so: proofs and stamps, and no other signature."""
_FORMS: Final = 2


@attrs.frozen
class SignatureField:
    """A signature as a revision has it; whether it holds is another question.

    Attributes:
        field: Name of its field.
        is_stamp: Whether it is a document time stamp.
        certifies: What it says may come after it: 1 ``NOTHING``, 2 signatures, as in forms that are
            filled in; 0: it does not certify.
        byte_range: What it covers: start, length, start, length.
        shows: The name in the picture of the signature; empty without one.
        contents: The token with the signature, ``<…>``.
        place: Where its object begins and ends in the file.
    """

    field: str
    is_stamp: bool
    certifies: int
    byte_range: tuple[int, int, int, int]
    contents: bytes
    place: tuple[int, int]
    shows: str = ""


class State:
    """The objects of a file up to a revision."""

    def __init__(self, root: int, objects: Mapping[int, PdfObject], pdf: bytes) -> None:
        """Make it.

        Args:
            root: Number of the catalog.
            objects: By their numbers.
            pdf: The whole file, where the bytes of streams are.
        """
        self.root = root
        self.pdf = pdf
        self._objects = objects

    def later(self, objects: Mapping[int, PdfObject]) -> State:
        """The file with the next revision."""
        return State(self.root, {**self._objects, **objects}, self.pdf)

    def get(self, number: int) -> PdfObject | None:
        """An object; None if there is none."""
        return self._objects.get(number)

    def value(self, number: int) -> Value | None:
        """Return the value of an object; None if there is none."""
        held = self._objects.get(number)
        return held.value if held is not None else None

    def resolve(self, value: Value | None) -> Value | None:
        """The value, or the object that it refers to."""
        if is_reference(value):
            return self.value(referred(value, "a reference"))
        return value

    @property
    def catalog(self) -> Dictionary:
        """The catalog.

        Raises:
            PdfError: There is none.
        """
        return dictionary(self.value(self.root), "the catalog")

    def fields(self) -> Iterator[tuple[int, Dictionary]]:
        """The fields at the top of the form.

        Raises:
            PdfError: The form is none that we read.
        """
        form = self.resolve(self.catalog.get(b"/AcroForm"))
        held = dictionary(form, "/AcroForm") if form is not None else {}
        for one in array(self.resolve(held.get(b"/Fields", [])), "/Fields"):
            number = referred(one, "a field")
            yield number, dictionary(self.value(number), "a field")


def has_signature(state: State) -> bool:
    """Return whether a field of the form has a value and is for signatures."""
    return any(b"/V" in held and held.get(b"/FT") == b"/Sig" for _, held in state.fields())


def clause_boxes(state: State) -> Iterator[tuple[str, str]]:
    """Names of the boxes of clauses, each with that of the signer's own box: Sig1:c7 and Sig1.

    A box is a clause's if a box is there by the name before its first colon.
    """
    boxes = (_name_of_box(held) for _, held in state.fields())
    names = dict.fromkeys(one for one in boxes if one is not None)
    for name in names:
        own, colon, _ = name.partition(OF_CLAUSE)
        if colon and own in names:
            yield name, own


def _name_of_box(held: Dictionary) -> str | None:
    """Name of a field for a signature; None: it is another one, or has no name that we read."""
    if held.get(b"/FT") != b"/Sig":
        return None
    try:
        return string_text(held.get(b"/T"), "the name of a field")
    except PdfError:
        return None


def read_addition(before: State, after: State, revision: Revision) -> SignatureField:
    """The signature that a revision adds.

    Args:
        before: The file without the revision.
        after: The file with it.
        revision: The first one that has a signature, or a later one.

    Raises:
        PdfError: The revision is anything else than one signature with its proofs.
    """
    return _Addition(before, after, revision).read()


class _Addition:
    """One revision as it is read; each object that has been explained is crossed off."""

    def __init__(self, before: State, after: State, revision: Revision) -> None:
        self._old = before
        self._new = after
        self._objects = revision.objects
        self._left = set(revision.objects)
        self._is_first = not has_signature(self._old)

    def read(self) -> SignatureField:
        field, holder = self._signed_field()
        signature = self._take(referred(holder.get(b"/V"), "/V of a field"), "a signature")
        found = _signature(holder, signature)
        if found.certifies and not self._is_first:
            raise PdfError("a later signature certifies the file")
        if field in self._new_numbers:
            self._check_new_field(field, holder)
        else:
            found = self._laid_field(field, holder, found)
        self._check_catalog(referred(holder[b"/V"], "/V"), is_certified=bool(found.certifies))
        if self._left:
            raise PdfError(f"object {min(self._left)} of a later revision belongs to no signature")
        return found

    @property
    def _new_numbers(self) -> set[int]:
        return {one for one in self._objects if self._old.get(one) is None}

    def _take(self, number: int, what: str) -> PdfObject:
        """A new object of this revision that is referred to here and nowhere else."""
        if number not in self._left or self._old.get(number) is not None:
            raise PdfError(f"{what} is no new object of its revision")
        self._left.discard(number)
        return self._objects[number]

    def _signed_field(self) -> tuple[int, Dictionary]:
        signed = [
            (number, held)
            for number, held in self._new.fields()
            if number in self._objects and b"/V" in held and held.get(b"/FT") == b"/Sig"
        ]
        if len(signed) != 1:
            raise PdfError("a later revision does not add one signature")
        return signed[0]

    def _laid_field(self, field: int, holder: Dictionary, found: SignatureField) -> SignatureField:
        """A field that was there and empty has got the signature, and is the same otherwise."""
        before = dictionary(self._old.value(field), "a field")
        signed = {**before, b"/V": holder[b"/V"]}
        if b"/AP" in holder and b"/AP" not in before:
            signed[b"/AP"] = holder[b"/AP"]
            found = attrs.evolve(found, shows=self._shown_name(holder, found))
        if b"/V" in before or signed != holder:
            raise PdfError("a field was changed besides being signed, or was signed already")
        self._left.discard(field)
        form = self._old.catalog.get(b"/AcroForm")
        if is_reference(form) and referred(form, "/AcroForm") in self._objects:
            raise PdfError("a later revision changes the form")
        return found

    def _shown_name(self, holder: Dictionary, found: SignatureField) -> str:
        """The name in the picture of a signature, which is the very one that we would draw."""
        looks = dictionary(holder[b"/AP"], "/AP")
        one = self._take(referred(looks.get(b"/N"), "/N of /AP"), "the picture of a signature")
        signature = dictionary(self._new.value(referred(holder[b"/V"], "/V")), "a signature")
        turn = turn_of(holder)
        lines, size = lines_of(signature), size_of(holder.get(b"/Rect"), turn)
        try:
            content = picture(size, lines, signature_font())
        except MissingLetterError as e:
            raise PdfError(f"the picture of a signature cannot be drawn: {e}") from e
        entries = picture_entries(size, self._font(), turn)
        expected = {**entries, b"/Length": b"%d" % len(content)}
        drawn = None if one.data is None else self._new.pdf[slice(*one.data)]
        if found.is_stamp or looks.keys() != {b"/N"} or (one.value, drawn) != (expected, content):
            raise PdfError("the picture of a signature shows something else than the signature")
        return lines[0]

    def _font(self) -> int:
        """The font of signatures, which was laid before and is the one that is known."""
        form = dictionary(self._old.resolve(self._old.catalog.get(b"/AcroForm")), "/AcroForm")
        font = referred(laid_letters(form, self._old.resolve), "the font of signatures in /DR")
        if digest_of(font, self._old.pdf, self._old.get) != DIGEST:
            raise PdfError("signatures are shown in a font that is not known")
        return font

    def _check_new_field(self, field: int, holder: Dictionary) -> None:
        """An invisible field for the signature was added to the form and to one page."""
        self._take(field, "a field")
        corners = [number(one, "/Rect") for one in array(holder.get(b"/Rect"), "/Rect")]
        is_invisible = len(corners) == _RANGE_NUMBERS and corners[:2] == corners[2:]
        if holder.keys() - _WIDGET_KEYS or not is_invisible:
            raise PdfError("a later revision adds a field that shows something")
        form = referred(self._new.catalog.get(b"/AcroForm"), "/AcroForm")
        self._check_appended(form, b"/Fields", field)
        page = referred(holder.get(b"/P"), "/P of a field")
        notes = dictionary(self._old.value(page), "a page").get(b"/Annots")
        if is_reference(notes):
            self._check_longer(referred(notes, "/Annots"), field)
        else:
            self._check_appended(page, b"/Annots", field)

    def _check_appended(self, holder: int, key: bytes, field: int) -> None:
        """An object has one more reference in an array of it, and is the same otherwise."""
        before = dictionary(self._old.value(holder), "what has fields")
        after = dictionary(self._objects[holder].value if holder in self._objects else None, "it")
        longer = [*array(before.get(key, []), "an array of fields"), reference(field)]
        if after != {**before, key: longer}:
            raise PdfError("a later revision changes a page or the form besides adding its field")
        self._left.discard(holder)

    def _check_longer(self, holder: int, field: int) -> None:
        before = array(self._old.value(holder), "/Annots")
        if self._new.value(holder) != [*before, reference(field)]:
            raise PdfError("a later revision changes the notes of a page besides adding its field")
        self._left.discard(holder)

    def _check_catalog(self, signature: int, *, is_certified: bool) -> None:
        """The catalog is the same besides ``/Perms`` of the first signature, and the store."""
        before, after = self._old.catalog, self._new.catalog
        allowed = dict(before)
        if is_certified:
            allowed[b"/Perms"] = {b"/DocMDP": reference(signature)}
        if b"/DSS" in after:
            allowed[b"/DSS"] = after[b"/DSS"]
            self._check_store(before.get(b"/DSS"), referred(after[b"/DSS"], "/DSS"))
        if after != allowed:
            raise PdfError("a later revision changes the catalog")
        self._left.discard(self._new.root)

    def _check_store(self, before: Value | None, number: int) -> None:
        if before is not None and referred(before, "/DSS") != number:
            raise PdfError("a later revision replaces the store of proofs")
        if number not in self._objects:
            return
        old = dictionary(self._old.value(number), "/DSS") if before is not None else {}
        new = dictionary(self._objects[number].value, "/DSS")
        if before is None:
            self._take(number, "/DSS")
        self._left.discard(number)
        if new.keys() - _STORE_KEYS:
            raise PdfError("the store has what is no proof")
        for key in _PROOFS:
            had = array(old.get(key, []), "an array of proofs")
            has = array(new.get(key, []), "an array of proofs")
            if has[: len(had)] != had:
                raise PdfError("a later revision takes proofs away")
            for one in has[len(had) :]:
                self._check_proof(self._take(referred(one, "a proof"), "a proof"))

    def _check_proof(self, one: PdfObject) -> None:
        if one.data is None or dictionary(one.value, "a proof").keys() != {b"/Length"}:
            raise PdfError("a proof is no plain stream")


def _signature(holder: Dictionary, one: PdfObject) -> SignatureField:
    held = dictionary(one.value, "a signature")
    if held.keys() - _SIGNATURE_KEYS or one.data is not None:
        raise PdfError("a signature has what does not belong to it")
    kind = held.get(b"/SubFilter")
    if kind not in (SIGNATURE, STAMP):
        raise PdfError("a signature of a kind that is not known")
    is_stamp = kind == STAMP
    if held.get(b"/Type", b"/Sig") != (b"/DocTimeStamp" if is_stamp else b"/Sig"):
        raise PdfError("a signature is of two kinds")
    span = array(held.get(b"/ByteRange"), "/ByteRange")
    if len(span) != _RANGE_NUMBERS:
        raise PdfError("/ByteRange is not four numbers")
    first, length, second, rest = (natural(at, "/ByteRange") for at in span)
    contents = held.get(b"/Contents")
    if not isinstance(contents, bytes) or contents[:1] != b"<":
        raise PdfError("/Contents is no hexadecimal string")
    return SignatureField(
        field=string_text(holder.get(b"/T"), "the name of a field"),
        is_stamp=is_stamp,
        certifies=_certifies(held.get(b"/Reference")),
        byte_range=(first, length, second, rest),
        contents=contents,
        place=(one.start, one.end),
    )


def _certifies(references: Value | None) -> int:
    """Return the changes a signature allows (DocMDP): 2 forms and signatures, 1 none; 0: unsaid."""
    if references is None:
        return 0
    held = array(references, "/Reference")
    if len(held) != 1:
        raise PdfError("/Reference is not one transform")
    one = dictionary(held[0], "/Reference")
    params = dictionary(one.get(b"/TransformParams"), "/TransformParams")
    level = natural(params.get(b"/P", b"2"), "/P")
    if one.get(b"/TransformMethod") != b"/DocMDP" or level not in (NOTHING, _FORMS):
        raise PdfError("a signature allows changes after it")
    return level


_ACTIVE_KEYS: Final = frozenset({b"/JS", b"/AA", b"/OpenAction", b"/XFA", b"/OCProperties"})
_ACTIVE_ACTIONS: Final = frozenset(
    b"/" + name
    for name in (
        b"JavaScript",
        b"Launch",
        b"ImportData",
        b"SubmitForm",
        b"GoToE",
        b"GoToR",
        b"Rendition",
        b"SetOCGState",
        b"Movie",
        b"Sound",
        b"RichMediaExecute",
        b"Hide",
        b"ResetForm",
    )
)
_ELSEWHERE_KEYS: Final = frozenset({b"/F", b"/Ref", b"/OPI", b"/Alternates"})
"""Of a stream: what is drawn in its place is in another file, or is another picture on paper."""


def active_names(objects: Sequence[PdfObject]) -> set[str]:
    """Find the names that let a page change by itself or by its reader."""
    # What an action is may be an object of its own.
    found = {one.value for one in objects if isinstance(one.value, bytes)} & _ACTIVE_ACTIONS
    for one in objects:
        if one.data is not None and isinstance(one.value, dict):
            found |= _ELSEWHERE_KEYS & one.value.keys()
    for held in dictionaries(objects):
        found |= _ACTIVE_KEYS & held.keys()
        action = held.get(b"/S")
        if isinstance(action, bytes) and action in _ACTIVE_ACTIONS:
            found.add(action)
    return {name.decode() for name in found}


def has_other_signatures(objects: Sequence[PdfObject]) -> bool:
    """Return whether a document had signatures already, which are not judged."""
    return any(b"/ByteRange" in held for held in dictionaries(objects))


def dictionaries(objects: Sequence[PdfObject]) -> Iterator[Dictionary]:
    """All dictionaries in objects, also those in others."""
    stack: list[Value] = [one.value for one in objects]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            yield value
            stack += value.values()
