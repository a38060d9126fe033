"""Signers as typed: "bob, carol then dave", "2 of bob, carol, dan; copy to erin".

Names are apart by commas or "and"; "then" ends a stage; "as" says the role, and of a witness whose
signature they see; "on page 3 bottom right" says where they sign (``place_words``), "qualified" or
"with own certificate", last, by which certificate. A number before a stage says how many of it are
enough. A name in quotation marks is that of somebody without an account, who signs
in person; "by hand" after it: without a phone or a key, before a witness. After a semicolon, or at
the end, "copy to" names whoever gets the file and has nothing to sign. "each of bob, carol" makes a
session of its own for everybody in the first stage; what follows "then" is the same in all of them.
Words count in every language; a name that is one of them is written with "@". What can be read in
two ways is refused.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.drafting.core.table import TableError, read_table
from appservices.signing.places.core.place_words import (
    ON,
    NoAreaError,
    NoPageError,
    NoPlaceError,
    read_place,
    write_place,
)
from appservices.signing.places.core.places import covering
from appservices.signing.sessions.core.parties import PARTIES_MAX, STAGES_MAX, Role
from veche.protocol.approval import showable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.places.core.places import Place

ORDER_CHARACTERS_MAX: Final = 60_000
"""A thousand accounts of a usual length."""
_THEN: Final = frozenset({"then", "затем", "потом", "dann", "danach", "потім", "тоді"})
_AND: Final = frozenset({",", "and", "и", "und", "і", "та"})
_AS: Final = frozenset({"as", "как", "als", "як"})
_OF: Final = frozenset({"of", "из", "von", "з", "із", "для", "für"})
_COPY: Final = frozenset({"copy", "копия", "копию", "kopie", "копія", "копію"})
_TO: Final = frozenset({"to", "для", "an", "кому"})
_ROLES: Final[Mapping[str, Role]] = {
    **dict.fromkeys(("signer", "подписант", "unterzeichner", "підписант"), Role.SIGNER),
    **dict.fromkeys(
        ("approver", "согласующий", "genehmiger", "genehmigerin", "погоджувач"), Role.APPROVER
    ),
    **dict.fromkeys(("witness", "свидетель", "zeuge", "zeugin", "свідок"), Role.WITNESS),
    **dict.fromkeys(("clerk", "служащий", "beamter", "beamtin", "службовець"), Role.CLERK),
    **dict.fromkeys(("seal", "печать", "siegel", "печатка"), Role.SEAL),
    **dict.fromkeys(("copy", "копия", "kopie", "копія"), Role.VIEWER),
}
_EACH: Final = frozenset({"each", "каждый", "каждому", "jeder", "jede", "кожен", "кожному"})
_QUALIFIED: Final = frozenset({"qualified", "квалифицированно", "qualifiziert", "кваліфіковано"})
_WITH: Final = frozenset({"with", "с", "со", "mit", "з", "із", "зі"})
_THEIR: Final = frozenset(
    {"a", "an", "own", "his", "her", "their", "своим", "собственным", "eigenem", "einem", "своїм"}
    | {"власним"}
)
_CERTIFICATE: Final = frozenset({"certificate", "сертификатом", "zertifikat", "сертифікатом"})
_BY_HAND: Final = frozenset({("by", "hand"), ("от", "руки"), ("von", "hand"), ("від", "руки")})
_GUEST_ROLES: Final = frozenset({Role.SIGNER, Role.APPROVER, Role.WITNESS})
_BOXLESS: Final = frozenset({Role.APPROVER, Role.VIEWER})
_UNCERTIFIED: Final = frozenset({Role.APPROVER, Role.VIEWER, Role.SEAL})
_OF_THEIRS: Final = "of"
""""with a certificate of their own"."""
_WORDS: Final = _THEN | _AND | _AS | _OF | _COPY | _TO | _EACH | ON | {";"}
_WRITTEN: Final[Mapping[Level | None, str]] = {
    Level.OWN: " with own certificate",
    Level.QUALIFIED: " qualified",
}
EACH_MAX: Final = 1_000
"""Most sessions that one order makes."""
_HEADS: Final = frozenset({"user", "account", "name", "person", "signer", "имя", "konto", "ім’я"})
_CELL: Final = re.compile(r"[,;\t]")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,2}")
_MARKS: Final = '"“”„«»'
_QUOTED: Final = re.compile(rf"[{_MARKS}]([^{_MARKS}]{{1,100}})[{_MARKS}]")
_TOKEN: Final = re.compile(rf"{_QUOTED.pattern}|[,;{_MARKS}]|[^\s,;{_MARKS}]+")
_PERSON: Final = re.compile(r"@?[^\s,;@:]+(?::[^\s,;@]+)?|https://matrix\.to/#/\S+")


class OrderProblem(enum.Enum):
    """Why an order cannot be read."""

    EMPTY = "empty"
    WORD = "word"
    """A word stands where it means nothing."""
    ROLE = "role"
    """There is no such role."""
    WITNESS = "witness"
    """A witness of nobody, or of somebody who does not sign."""
    TWICE = "twice"
    NEED = "need"
    """More are needed than there are."""
    TOO_MANY = "too_many"
    PAGE = "page"
    """No number of a page follows."""
    AREA = "area"
    """No area of a page follows, or one out of bounds."""
    COVERS = "covers"
    """The box of somebody covers that of another one."""
    PLACE = "place"
    """Who agrees with a key, or gets a copy, signs on no page."""
    GUEST = "guest"
    """Somebody without an account is a signer, an approver or a witness, in one document."""
    HAND = "hand"
    """Who signs by hand is a signer without an account, and has at most one witness, who has one.
    """
    CERTIFICATE = "certificate"
    """Who signs in no box, or in person, has no use for a certificate of their own."""


class OrderError(ValueError):
    """An order cannot be read.

    Attributes:
        problem: Why.
        word: At which word; empty: at the end.
    """

    def __init__(self, problem: OrderProblem, word: str = "") -> None:
        super().__init__(f"{problem.value} {word}".strip())
        self.problem = problem
        self.word = word


@attrs.frozen
class Wanted:
    """Somebody who is to take part.

    Attributes:
        person: As it was typed; of a guest their name.
        role: As what.
        of: Of a witness: whom they see sign, as that was typed.
        place: Where they sign; None: on a page of its own at the end.
        is_guest: They have no account, and sign in person.
        level: How they have to sign at least, of ``OWN_LEVELS``; None: as everybody.
        is_by_hand: A guest who writes by hand before a witness, and has no key.
    """

    person: str
    role: Role = Role.SIGNER
    of: str = ""
    place: Place | None = None
    is_guest: bool = False
    level: Level | None = None
    is_by_hand: bool = False


@attrs.frozen
class WantedStage:
    """Those who act at once.

    Attributes:
        wanted: In the order in which they were typed; witnesses stand beside whom they see.
        need: How many are enough; None: all.
    """

    wanted: tuple[Wanted, ...]
    need: int | None = None


@attrs.frozen
class PartyOrder:
    """The parties, in their order.

    Attributes:
        stages: At least one.
        copies: Who gets the file and has nothing to sign.
        is_each: Everybody in the first stage has a session of their own.
    """

    stages: tuple[WantedStage, ...]
    copies: tuple[str, ...] = ()
    is_each: bool = False


def read_order(typed: str) -> PartyOrder:
    """Read the parties from what a person typed.

    Raises:
        OrderError: It cannot be read, or in two ways.
    """
    if len(typed) > ORDER_CHARACTERS_MAX:
        raise OrderError(OrderProblem.TOO_MANY)
    words = [one[0] for one in _TOKEN.finditer(typed)]
    is_each = bool(words) and words[0].casefold() in _EACH
    if is_each:
        words = words[2:] if words[1:2] and words[1].casefold() in _OF else words[1:]
    stages, copies = _Reader(words).read()
    order = attrs.evolve(_arranged(stages, copies, is_each=is_each), is_each=is_each)
    if is_each and any(one.role is Role.WITNESS for one in order.stages[0].wanted):
        raise OrderError(OrderProblem.WITNESS, order.stages[0].wanted[-1].person)
    if is_each and any(one.is_guest for stage in order.stages for one in stage.wanted):
        raise OrderError(OrderProblem.GUEST)
    if is_each and order.stages[0].need is not None:
        raise OrderError(OrderProblem.NEED, str(order.stages[0].need))
    return order


def read_list(data: bytes) -> str:
    """The order "each of …" that a list of accounts is: CSV, an account at the beginning of a line.

    A first line whose beginning is no account is the head of a table. Commas, semicolons and tabs
    part cells.

    Raises:
        OrderError: It is no text, a line begins with no account, or there are too many.
    """
    try:
        cells = [_CELL.split(row[0], maxsplit=1)[0].strip(' "') for row in read_table(data)]
    except TableError as e:
        raise OrderError(OrderProblem.WORD) from e
    persons = [one for one in cells if one]
    if persons and persons[0].casefold() in _HEADS:
        persons = persons[1:]
    typed = f"each of {', '.join(persons)}"
    read_order(typed)
    return typed


def write_order(order: PartyOrder) -> str:
    """An order as it is typed; reading it gives the same."""
    stages = " then ".join(_written(stage) for stage in order.stages)
    stages = f"each of {stages}" if order.is_each else stages
    return stages + (f"; copy to {', '.join(order.copies)}" if order.copies else "")


def folded(person: str) -> str:
    """A typed person as it is compared."""
    return person.removeprefix("@").casefold()


class _Reader:
    """Reads words from the left to the right, looking at the next alone."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._at = 0

    def read(self) -> tuple[list[WantedStage], list[str]]:
        """All stages, and who gets a copy."""
        stages, copies = [self._stage()], []
        while (word := self._next) in _THEN:
            self._at += 1
            stages.append(self._stage())
        if word == ";":
            self._at += 1
            if self._next not in _COPY:
                raise OrderError(OrderProblem.WORD, self._word)
        if self._next in _COPY:
            copies = self._copies()
        if self._at < len(self._words):
            raise OrderError(OrderProblem.WORD, self._word)
        return stages, copies

    @property
    def _word(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    @property
    def _next(self) -> str:
        return self._word.casefold()

    def _stage(self) -> WantedStage:
        need = None
        following = self._words[self._at + 1 : self._at + 2]
        if _COUNT.fullmatch(self._word) and following and following[0].casefold() in _OF:
            need = int(self._word)
            self._at += 2
        wanted = [self._wanted()]
        while self._next in _AND:
            self._at += 1
            wanted.append(self._wanted())
        return WantedStage(tuple(wanted), need)

    def _wanted(self) -> Wanted:
        wanted = self._without_level()
        level = self._level()
        is_boxless = wanted.is_guest or wanted.role in _UNCERTIFIED
        if level is not None and is_boxless:
            raise OrderError(OrderProblem.CERTIFICATE, wanted.person)
        return attrs.evolve(wanted, level=level)

    def _level(self) -> Level | None:
        """By which certificate somebody signs, "qualified"; None: it is not said."""
        if self._next in _QUALIFIED:
            self._at += 1
            return Level.QUALIFIED
        if self._next not in _WITH:
            return None
        self._at += 1
        while self._next in _THEIR:
            self._at += 1
        if self._next not in _CERTIFICATE:
            raise OrderError(OrderProblem.WORD, self._word)
        self._at += 1
        if self._next == _OF_THEIRS:
            self._at += 1
            while self._next in _THEIR:
                self._at += 1
        return Level.OWN

    def _without_level(self) -> Wanted:
        quoted = _QUOTED.fullmatch(self._word)
        person = self._guest(quoted[1]) if quoted is not None else self._person()
        is_guest = quoted is not None
        is_by_hand = is_guest and self._by_hand()
        place = self._place()
        is_by_hand = is_by_hand or (is_guest and self._by_hand())
        wanted = Wanted(person, place=place, is_guest=is_guest, is_by_hand=is_by_hand)
        if self._next not in _AS:
            return wanted
        wanted = self._with_role(wanted)
        place = wanted.place or self._place()
        if place is not None and wanted.role in _BOXLESS:
            raise OrderError(OrderProblem.PLACE, wanted.person)
        if wanted.is_guest and wanted.role not in _GUEST_ROLES:
            raise OrderError(OrderProblem.GUEST, wanted.person)
        if wanted.is_by_hand and wanted.role is not Role.SIGNER:
            raise OrderError(OrderProblem.HAND, wanted.person)
        return attrs.evolve(wanted, place=place)

    def _by_hand(self) -> bool:
        """Read the words "by hand", if they are next; return whether they were."""
        two = tuple(one.casefold() for one in self._words[self._at : self._at + 2])
        if two not in _BY_HAND:
            return False
        self._at += 2
        return True

    def _guest(self, quoted: str) -> str:
        """The name of somebody without an account."""
        name = " ".join(quoted.split())
        if not name or "@" in name or showable(name) != name:
            raise OrderError(OrderProblem.WORD, quoted)
        self._at += 1
        return name

    def _with_role(self, wanted: Wanted) -> Wanted:
        self._at += 1
        role = _ROLES.get(self._next)
        if role is None:
            raise OrderError(OrderProblem.ROLE, self._word)
        self._at += 1
        of = ""
        if role is Role.WITNESS and self._next in _OF:
            self._at += 1
            quoted = _QUOTED.fullmatch(self._word)
            of = self._guest(quoted[1]) if quoted is not None else self._person()
        return attrs.evolve(wanted, role=role, of=of)

    def _place(self) -> Place | None:
        """Where somebody signs, "on page 3 bottom right"; None: it is not said."""
        if self._next not in ON:
            return None
        try:
            place, self._at = read_place(self._words, self._at)
        except NoPageError as e:
            raise OrderError(OrderProblem.PAGE, e.word) from e
        except NoAreaError as e:
            raise OrderError(OrderProblem.AREA, e.word) from e
        except NoPlaceError as e:
            raise OrderError(OrderProblem.WORD, e.word) from e
        return place

    def _copies(self) -> list[str]:
        self._at += 1
        if self._next in _TO:
            self._at += 1
        copies = [self._person()]
        while self._next in _AND:
            self._at += 1
            copies.append(self._person())
        return copies

    def _person(self) -> str:
        word = self._word
        if not word:
            raise OrderError(OrderProblem.EMPTY if not self._words else OrderProblem.WORD)
        if word.casefold() in _WORDS or word[0] in _MARKS or not _PERSON.fullmatch(word):
            raise OrderError(OrderProblem.WORD, word)
        self._at += 1
        return word


def _arranged(stages: Sequence[WantedStage], copies: Sequence[str], *, is_each: bool) -> PartyOrder:
    """The order in which each witness stands in the stage of whom they see."""
    everyone = [one for stage in stages for one in stage.wanted]
    copied = [*(one.person for one in everyone if one.role is Role.VIEWER), *copies]
    persons = [one.person for one in everyone if one.role is not Role.VIEWER]
    _check_once([*persons, *copied], EACH_MAX if is_each else PARTIES_MAX)
    principals = [[one for one in stage.wanted if _is_principal(one)] for stage in stages]
    witnesses: list[list[Wanted]] = [[] for _ in stages]
    for at, stage in enumerate(stages):
        for one in stage.wanted:
            if one.role is Role.WITNESS:
                where, seen = _seen(one, at, principals)
                witnesses[where].append(attrs.evolve(one, of=seen.person))
    made = [
        WantedStage((*signing, *seeing), stage.need)
        for stage, signing, seeing in zip(stages, principals, witnesses, strict=True)
        if signing or stage.need is not None
    ]
    _check_counts(made)
    _check_hands(made)
    _check_places(made, is_each=is_each)
    return PartyOrder(tuple(made), tuple(copied))


def _is_principal(one: Wanted) -> bool:
    return one.role not in (Role.WITNESS, Role.VIEWER)


def _seen(witness: Wanted, at: int, principals: Sequence[Sequence[Wanted]]) -> tuple[int, Wanted]:
    """Return the person whom a witness sees, and their stage; unnamed: the only one."""
    if not witness.of:
        if len(principals[at]) != 1:
            raise OrderError(OrderProblem.WITNESS, witness.person)
        return at, principals[at][0]
    for where, stage in enumerate(principals):
        for one in stage:
            if folded(one.person) == folded(witness.of) and one.role is not Role.SEAL:
                return where, one
    raise OrderError(OrderProblem.WITNESS, witness.person)


def _check_once(persons: Sequence[str], count_max: int) -> None:
    known: set[str] = set()
    for one in persons:
        if folded(one) in known:
            raise OrderError(OrderProblem.TWICE, one)
        known.add(folded(one))
    if len(persons) > count_max:
        raise OrderError(OrderProblem.TOO_MANY)


def _check_counts(stages: Sequence[WantedStage]) -> None:
    if not stages:
        raise OrderError(OrderProblem.EMPTY)
    if len(stages) > STAGES_MAX:
        raise OrderError(OrderProblem.TOO_MANY)
    for stage in stages:
        count = sum(1 for one in stage.wanted if _is_principal(one))
        if stage.need is not None and stage.need > count:
            raise OrderError(OrderProblem.NEED, str(stage.need))


def _check_hands(stages: Sequence[WantedStage]) -> None:
    """Check that each party who signs by hand has one witness who can sign; none: the requester."""
    everyone = [one for stage in stages for one in stage.wanted]
    for one in everyone:
        seeing = [other for other in everyone if folded(other.of) == folded(one.person)]
        is_good = not seeing or (len(seeing) == 1 and not seeing[0].is_guest)
        if one.is_by_hand and not is_good:
            raise OrderError(OrderProblem.HAND, one.person)


def _check_places(stages: Sequence[WantedStage], *, is_each: bool) -> None:
    """Nobody signs where another one does; each of many has a document of their own."""
    alike = len(stages[0].wanted) if is_each else 0
    placed = [one for stage in stages for one in stage.wanted]
    found = covering([one.place for one in placed], alike=alike)
    if found is not None:
        raise OrderError(OrderProblem.COVERS, placed[found[1]].person)


def _written(stage: WantedStage) -> str:
    need = "" if stage.need is None else f"{stage.need} of "
    return need + ", ".join(_written_one(one) for one in stage.wanted)


def _written_one(one: Wanted) -> str:
    of = f" of {_quoted(one.of)}" if one.of else ""
    person = f'"{one.person}"' if one.is_guest else one.person
    person += " by hand" if one.is_by_hand else ""
    role = "" if one.role is Role.SIGNER else f" as {one.role.value}{of}"
    level = _WRITTEN.get(one.level, "")
    if one.place is None:
        return f"{person}{role}{level}"
    return f"{person}{role} {write_place(one.place)}{level}"


def _quoted(person: str) -> str:
    """Write a name as it is typed: in quotes if it is no plain word, as a guest's."""
    is_word = _PERSON.fullmatch(person) is not None and person.casefold() not in _WORDS
    return person if is_word else f'"{person}"'
