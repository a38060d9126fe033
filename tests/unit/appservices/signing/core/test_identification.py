"""Identifying somebody with an account: what may happen in it, over all states and inputs."""

from __future__ import annotations

import attrs
import pytest

from appservices.signing.evidence.core.record import identification_of
from appservices.signing.identification.core import (
    LASTS_MS,
    TABLE,
    Identification,
    IdentificationInput,
    IdentificationState,
    step,
)
from appservices.signing.sessions.core.errors import IdentificationOverError
from tests.support.tables import each_row
from veche.protocol.ids import Ulid, UserId

NEW = Identification(
    id=Ulid("01KAV3Z8K4Q6V5W7X9Y0A1B2C3"),
    person=UserId("@bob:example.org"),
    registrar=UserId("@carol:example.org"),
    state=IdentificationState.ASKED,
    made_at_ms=1_000,
)
UNHURRIED = {IdentificationInput.REPLACE, IdentificationInput.REVOKE}


@each_row("state", IdentificationState)
@each_row("happened", IdentificationInput)
def test_what_is_not_in_the_table_changes_nothing(
    state: IdentificationState, happened: IdentificationInput
) -> None:
    one = attrs.evolve(NEW, state=state)
    wanted = TABLE.get((state, happened))
    if wanted is None:
        with pytest.raises(IdentificationOverError):
            step(one, happened, 1_001)
    else:
        assert step(one, happened, 1_000 + LASTS_MS - 1).state is wanted
    if wanted is not None and happened not in UNHURRIED:
        with pytest.raises(IdentificationOverError):
            step(one, happened, 1_000 + LASTS_MS)
    if wanted is not None and happened in UNHURRIED:
        assert step(one, happened, 1_000 + 2 * LASTS_MS).state is wanted


def test_nobody_is_identified_before_the_person_came_and_the_digits_were_right() -> None:
    ways = {
        happened: state
        for (state, happened), wanted in TABLE.items()
        if wanted is IdentificationState.IDENTIFIED
    }
    assert ways == {IdentificationInput.IDENTIFY: IdentificationState.SHOWN}


def test_it_counts_until_it_expires() -> None:
    done = attrs.evolve(NEW, state=IdentificationState.IDENTIFIED, expires_at_ms=5_000)
    assert done.counts(4_999)
    assert not done.counts(5_000)
    assert not attrs.evolve(done, state=IdentificationState.REVOKED).counts(1)
    assert not attrs.evolve(done, expires_at_ms=None).counts(1)


def test_the_digits_are_of_one_attempt() -> None:
    other = attrs.evolve(NEW, id=Ulid("01KAV3Z8K4Q6V5W7X9Y0A1B2C4"))
    assert len(NEW.code) == len(other.code) == 4
    assert NEW.code != other.code


def test_the_word_names_account_name_and_key() -> None:
    word = identification_of("1", "@bob:a", "Bob  Brown", "k")
    assert word == identification_of("1", "@bob:a", "bob brown", "k")
    others = [("2", "@bob:a", "Bob Brown", "k"), ("1", "@eve:a", "Bob Brown", "k")]
    others += [("1", "@bob:a", "Rob Brown", "k"), ("1", "@bob:a", "Bob Brown", "l")]
    assert word not in {identification_of(*one) for one in others}
