"""Who signs, typed in one line: the page reads it as the bot does."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from appservices.signing.drafting.core.order import OrderError, read_order
from appservices.signing.sessions.core.parties import Role
from tests.support.node import why_no_node
from tests.unit.appservices.widgets.test_signing_twins import by_page

if TYPE_CHECKING:
    from appservices.signing.drafting.core.order import PartyOrder, Wanted
    from appservices.signing.places.core.places import Place

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

_READ: Final = """
    const { readOrder } = await at("sign/new/order.js");
    answer(given.map((typed) => {
        try {
            return readOrder(typed);
        } catch (error) {
            if (!error.problem) throw error;
            return error.problem;
        }
    }));
"""
TYPED: Final = (
    "bob",
    "@bob:x.org, carol then dave",
    "bob und carol dann dave",
    "bob та carol потім dave",
    "2 из bob, carol, dave",
    "2 of bob, carol, dave then erin as approver; copy to frank, greta",
    "bob, carol as witness of bob",
    "bob then dave then carol as witness of @Bob",
    "bob, carol as witness then dave",
    "bob, frank as copy",
    "bob qualified, carol as witness of bob with a certificate of their own",
    "bob on page 3 mit eigenem Zertifikat then carol с собственным сертификатом",
    "bob on page 3 bottom left, carol as clerk on page 2 middle then dave auf Seite 3 unten rechts",
    "bob, carol on page 3 bottom right as witness of bob",
    "bob on page 3 at 100 500, carol on page 3 at 100 560 size 60 30",
    "bob on page 3 at 100 500, carol on page 3 at 100 559",
    "each of bob on page 3 at 1 5, carol auf Seite 3 bei 1 5 größe 200x60",
    "bob on page 1 top, carol on page 1 oben links, dave on page 1 middle right",
    "https://matrix.to/#/@bob:x.org copy to @then",
    "each of bob, carol then dave",
    "jeder bob, carol; copy to erin",
    "каждый из bob then carol, dave as witness of carol",
    "each of bob, carol as witness of bob",
    "each of 2 of bob, carol",
)
WORDS: Final = (
    *("bob", "carol", "@dave:x.org", "2", "3", ",", ";", "then", "and", "as", "of", "copy", "to"),
    *(
        "witness",
        "approver",
        "clerk",
        "signer",
        "each",
        "on",
        "page",
        "bottom",
        "left",
        "middle",
        "top",
        "at",
        "size",
        "70",
        "100x40",
        "dann",
    ),
    *("qualified", "with", "own", "certificate"),
)


def rows_of(order: PartyOrder) -> dict[str, Any]:
    """An order as the page's rows have it."""
    people = [_row(one, step) for step, stage in enumerate(order.stages, 1) for one in stage.wanted]
    needs = {str(at): one.need for at, one in enumerate(order.stages, 1) if one.need is not None}
    return {
        "people": people,
        "copies": sorted(order.copies),
        "needs": needs,
        "isEach": order.is_each,
    }


def _row(one: Wanted, step: int) -> tuple[Any, ...]:
    place = None if one.place is None else _place(one.place)
    level = None if one.level is None else one.level.value
    return (one.person, one.role.value, one.of, place, step, level)


def _place(one: Place) -> tuple[Any, ...]:
    side = one.side.value if one.side else "right"
    row = one.row.value if one.row else "bottom"
    return (one.page, f"{row} {side}", one.area and attrs.asdict(one.area))


def _read(found: dict[str, Any]) -> dict[str, Any]:
    """The page's rows: steps without anybody who acts are left out, witnesses stand last."""
    acting = [one for one in found["people"] if one["role"] != Role.VIEWER.value]
    steps = sorted({one["step"] for one in acting if one["role"] != Role.WITNESS.value})
    number = {step: at for at, step in enumerate(steps, 1)}
    people = [
        (
            one["account"],
            one["role"],
            one["of"],
            (one["place"]["page"], one["place"]["corner"], one["place"].get("area"))
            if one["place"]
            else None,
            number[one["step"]],
            one.get("level"),
        )
        for one in acting
    ]
    people.sort(key=lambda one: (one[4], one[1] == Role.WITNESS.value))
    copies = [one["account"] for one in found["people"] if one["role"] == Role.VIEWER.value]
    needs = {str(number[int(at)]): need for at, need in found["needs"].items()}
    return {
        "people": people,
        "copies": sorted(copies),
        "needs": needs,
        "isEach": found["isEach"],
    }


def by_bot(typed: str) -> dict[str, Any] | None:
    """What the bot reads; None: it cannot."""
    try:
        return rows_of(read_order(typed))
    except OrderError:
        return None


def test_the_page_reads_a_line_as_the_bot_does() -> None:
    random = Random(11)  # noqa: S311 -- test data
    soup = [" ".join(random.choices(WORDS, k=random.randint(1, 9))) for _ in range(20_000)]
    likely = [
        "".join(random.choices((*TYPED, " then ", ", ", "; copy to erin", " as witness"), k=3))
        for _ in range(3_000)
    ]
    typed = [*TYPED, *soup, *likely]

    found = by_page(_READ, typed)

    wanted = [by_bot(one) for one in typed]
    assert sum(1 for one in wanted if one is not None) > 500
    for one, ours, theirs in zip(typed, wanted, found, strict=True):
        assert (None if isinstance(theirs, str) else _read(theirs)) == ours, (one, theirs)


def test_what_a_private_document_cannot_have_is_refused() -> None:
    typed = ["lindenau as seal, bob", 'bob, "Carol Clark"', ""]

    assert by_page(_READ, typed) == ["private", "private", "empty"]
