"""Which ids need not be looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.ledger.core import Transfer, recent
from appservices.payments.ledger.core.recent import Recent
from appservices.payments.ledger.core.values import ID_MAX, ID_ZERO
from tests.support.ledger import ALICE, BOB, Shard, people

if TYPE_CHECKING:
    import pytest


def id_at(ms: int, n: int = 0) -> str:
    return f"{ms:012x}{n:020x}"


def test_what_is_above_the_mark_is_new_until_it_is_recorded() -> None:
    one = Recent(id_at(1_000))

    assert one.may_have(id_at(999))
    assert one.may_have(id_at(1_000))
    assert not one.may_have(id_at(1_001))
    one.add([id_at(1_001)])
    assert one.may_have(id_at(1_001))
    assert not one.may_have(id_at(1_001, 1))


def test_without_a_mark_everything_may_be_there() -> None:
    assert Recent(ID_MAX).may_have(id_at(2**40))


def test_what_is_forgotten_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "RECENT_MAX", 3)
    one = Recent(ID_ZERO)
    added = [id_at(ms) for ms in (5, 9, 2, 11, 20, 14, 7, 30)]

    for id_ in added:
        one.add([id_])
        assert all(one.may_have(seen) for seen in added[: added.index(id_) + 1])

    assert one.may_have(id_at(8)), "it is below what was forgotten"
    assert not one.may_have(id_at(31))


def test_a_book_looks_up_neither_a_new_id_nor_an_open_hold() -> None:
    shard = people(Shard())
    book = shard.book
    book.expect_above(id_at(1_000))
    new = Transfer(id_at(2_000), ALICE, BOB, 1, 1, 1)
    assert book.names([new]).ids == []

    hold = new._replace(id=id_at(2_001), flags=2)
    shard.ask(new, hold)

    assert book.names([new]).ids == [new.id], "it may be a repeat"
    assert book.names([Transfer(id_at(2_002), flags=4, pending_id=hold.id)]) == ([], [], [], [])
