"""Parties of a draft; a party who signs by hand comes with their witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.sessions.core.errors import ByHandError
from appservices.signing.sessions.core.parties import Party, Role
from appservices.signing.sessions.core.records import Member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.places.core.places import Place
    from appservices.signing.sessions.core.guests import Registrar
    from appservices.signing.sessions.core.parties import Stage


@attrs.frozen
class Invited:
    """Somebody who is to take part.

    Attributes:
        id: ``p1`` and on, in their order.
        role: As what.
        person: Their account; of a seal, the organisation's id.
        name: Name in the document.
        of: Of a witness: id of whom they see sign.
        level: How they have to sign at least; None: as the session says.
        deadline_at_ms: Their own, UTC; None: the session's.
        place: Where they sign; None: on a page of its own at the end.
        registrar: Of a guest: who has to see who they are; None: they have an account.
        is_by_hand: A guest who writes by hand before the registrar, their witness.
    """

    id: str
    role: Role
    person: str
    name: str
    of: str = ""
    level: Level | None = None
    deadline_at_ms: int | None = None
    place: Place | None = None
    registrar: Registrar | None = None
    is_by_hand: bool = False


def written_member(one: Invited) -> Member:
    """Make a party who signs by hand: without a box, as their witness signs for both."""
    if one.role is not Role.SIGNER or one.level not in (None, Level.CLICK):
        raise ByHandError("level")
    return Member(
        party=Party(one.id, one.role),
        person=one.person,
        name=one.name,
        field="",
        level_min=Level.CLICK,
        deadline_at_ms=one.deadline_at_ms,
        registrar=one.registrar,
        is_by_hand=True,
    )


def with_witnesses(
    invited: Sequence[Invited], stages: Sequence[Stage]
) -> tuple[list[Invited], list[Stage]]:
    """Add witnesses to the parties: the registrar, where none is named.

    The witness signs where who writes would, and their signature is in the file.
    """
    found, arranged = list(invited), list(stages)
    for one in invited:
        if not one.is_by_hand or one.registrar is None:
            continue
        seeing = next((other for other in found if other.of == one.id), None)
        if seeing is None:
            number = 1 + max(int(other.id[1:]) for other in found)
            seeing = Invited(
                f"p{number}", Role.WITNESS, one.registrar.person, one.registrar.name, one.id
            )
            found.append(seeing)
            arranged = [
                attrs.evolve(stage, parties=(*stage.parties, seeing.id))
                if one.id in stage.parties
                else stage
                for stage in arranged
            ]
        if seeing.place is None and one.place is not None:
            found[found.index(seeing)] = attrs.evolve(seeing, place=one.place)
    return found, arranged
