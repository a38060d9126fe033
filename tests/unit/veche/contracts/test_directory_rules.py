"""Who is official, as entries of a directory say: every rule, broken once and kept once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.directories import DAY_MS, Written, account, signer
from veche.contracts.directory.entries import ENTRY_BYTES_MAX
from veche.contracts.directory.rules import WAIT_MS, EntryRefusedError, Fault
from veche.contracts.directory.snapshot import DEPTH_MAX, Standing
from veche.contracts.directory.trusted import Conflict, Trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from veche.contracts.directory.snapshot import Snapshot

MINISTRY, TOWN, OFFICE = "ministry", "town", "office"
SUSPENDED: Final[Mapping[str, Any]] = {"reason": "The key was stolen.", "appeal": "a@b.example"}


@pytest.fixture
def written() -> Written:
    """Ministry, town and office, each entered by the one above; and a bank of the directory's."""
    made = Written()
    made.chain(MINISTRY, TOWN, OFFICE)
    assert made.add(made.org("bank")) is None
    return made


def now(written: Written) -> Snapshot:
    return written.state.snapshot(written.at_ms)


def fault(error: EntryRefusedError | None) -> Fault | None:
    return None if error is None else error.fault


def test_a_chain_is_official_and_says_who_vouched(written: Written) -> None:
    snapshot = now(written)

    assert [one.id for one in snapshot.chain(OFFICE)] == [MINISTRY, TOWN, OFFICE]
    assert [one.vouched_by for one in snapshot.chain(OFFICE)] == ["", MINISTRY, TOWN]
    assert snapshot.is_official("@veche_office:veche.test")
    assert snapshot.owner_of("@veche_0ffice:veche.test") is None
    assert not snapshot.is_official("@veche_office:other.test")
    assert written.state.refused == {}


def test_whoever_signs_the_newest_entry_vouches(written: Written) -> None:
    assert written.add(written.org("library", TOWN)) is None
    before = now(written).organisations["library"].vouched_by
    assert written.add(written.org("library", TOWN), signer(TOWN)) is None

    assert (before, now(written).organisations["library"].vouched_by) == ("", TOWN)


# Every fault: what makes it, and an entry as near to it as can be that counts.

Broken = "Callable[[Written], tuple[Mapping[str, Any] | str, tuple[NoteSigner, ...]]]"


def _unknown_kind(w: Written) -> Any:
    return w.said("log", TOWN), ()


def _bad_signature(w: Written) -> Any:
    text = w.signed(w.said("names", TOWN, names=["Town"], appeal="a@b.example"))
    return text.replace('"names":["Town"]', '"names":["Gown"]'), ()


def _deep(w: Written) -> Any:
    w.chain(*(f"level{n}" for n in range(DEPTH_MAX)))
    return w.org("deeper", f"level{DEPTH_MAX - 1}"), ()


def _suspended_signer(w: Written) -> Any:
    assert w.add(w.said("suspend", TOWN, **SUSPENDED)) is None
    return w.org("library", TOWN), (signer(TOWN),)


def _signer_below_a_suspended(w: Written) -> Any:
    assert w.add(w.said("suspend", MINISTRY, **SUSPENDED)) is None
    return w.org("library", TOWN), (signer(TOWN),)


def _resume_over(w: Written) -> Any:
    assert w.add(w.said("suspend", OFFICE, **SUSPENDED)) is None
    return w.said("resume", OFFICE, reason="All is well."), (signer(TOWN),)


def _resume_what_the_ministry_did(w: Written) -> Any:
    assert w.add(w.said("suspend", OFFICE, **SUSPENDED), signer(MINISTRY)) is None
    return w.said("resume", OFFICE, reason="All is well."), (signer(TOWN),)


def _weaken_what_the_directory_did(w: Written) -> Any:
    assert w.add(w.said("suspend", OFFICE, **SUSPENDED)) is None
    short = {**SUSPENDED, "until_ms": w.at_ms + 1}
    return w.said("suspend", OFFICE, **short), (signer(TOWN),)


def _after_the_end(w: Written) -> Any:
    assert w.add(w.said("end", OFFICE, **SUSPENDED)) is None
    return w.said("resume", OFFICE, reason="All is well."), ()


def _pending_account(w: Written) -> Any:
    new = [account("@veche_new:veche.test")]
    assert w.add(w.said("rotate", TOWN, accounts=new)) is None
    return w.org("library", accounts=new), ()


def _old_entry(w: Written) -> Any:
    return w.said("resume", TOWN, reason="x") | {"at_ms": w.at_ms - 2_000}, ()


BROKEN: Final[Mapping[str, tuple[Fault, Any]]] = {
    "a field too many": (Fault.MALFORMED, lambda w: (w.org("a", more=1), ())),
    "a field too few": (Fault.MALFORMED, lambda w: (w.said("names", TOWN, names=[]), ())),
    "not JSON": (Fault.MALFORMED, lambda _: ("{", ())),
    "a list": (Fault.MALFORMED, lambda _: ("[]", ())),
    "nothing": (Fault.MALFORMED, lambda _: ("", ())),
    "half a character": (Fault.MALFORMED, lambda _: ("\ud800", ())),
    "not canonical": (Fault.MALFORMED, lambda w: (w.signed(w.org("a")) + " ", ())),
    "a key twice": (Fault.MALFORMED, lambda w: ('{"v":1,' + w.signed(w.org("a"))[1:], ())),
    "too large": (Fault.MALFORMED, lambda _: ('{"a":"' + "x" * ENTRY_BYTES_MAX + '"}', ())),
    "another version": (Fault.MALFORMED, lambda w: (w.org("a") | {"v": 2}, ())),
    "true for 1": (Fault.MALFORMED, lambda w: (w.org("a") | {"v": True}, ())),
    "a key of somebody else": (
        Fault.MALFORMED,
        lambda w: (w.org("a", key=signer(TOWN).verifier.to_text()), ()),
    ),
    "no key": (Fault.MALFORMED, lambda w: (w.org("a", key="a+00000000+AAAA"), ())),
    "an account twice": (
        Fault.MALFORMED,
        lambda w: (w.org("a", accounts=[account("@x:a"), account("@x:a", "2")]), ()),
    ),
    "a name that turns round": (
        Fault.MALFORMED,
        lambda w: (w.org("a", names={"en": "a\u202eb"}), ()),
    ),
    "a name of nothing": (Fault.MALFORMED, lambda w: (w.org("a", names={"en": " "}), ())),
    "a kind of later": (Fault.UNKNOWN_KIND, _unknown_kind),
    "another word than was signed": (Fault.WRONG_SIGNATURE, _bad_signature),
    "signed by a stranger": (Fault.UNSIGNED, lambda w: (w.org("a"), (signer("stranger"),))),
    "signed by itself": (Fault.UNSIGNED, lambda w: (w.org("a"), (signer("a"),))),
    "signed by another directory": (
        Fault.UNSIGNED,
        lambda w: (w.org("a"), (signer("evil.test/veche/directory/v1/evil"),)),
    ),
    "signed by another key of the name": (
        Fault.UNSIGNED,
        lambda w: (w.org("a"), (signer(w.log, "2"),)),
    ),
    "a child of a sibling": (Fault.NOT_ABOVE, lambda w: (w.org("a", TOWN), (signer("bank"),))),
    "a child of nobody": (Fault.NOT_ABOVE, lambda w: (w.org("a"), (signer(TOWN),))),
    "a child of the one above": (
        Fault.NOT_ABOVE,
        lambda w: (w.org("a", MINISTRY), (signer(TOWN),)),
    ),
    "the one above suspended": (
        Fault.NOT_ABOVE,
        lambda w: (w.said("suspend", MINISTRY, **SUSPENDED), (signer(TOWN),)),
    ),
    "a suspended signer": (Fault.SIGNER_NOT_OFFICIAL, _suspended_signer),
    "a signer below a suspended one": (Fault.SIGNER_NOT_OFFICIAL, _signer_below_a_suspended),
    "names by the one above": (
        Fault.NEEDS_DIRECTORY,
        lambda w: (w.said("names", OFFICE, names=["x"], appeal="a"), (signer(TOWN),)),
    ),
    "another place by the one above": (
        Fault.NEEDS_DIRECTORY,
        lambda w: (w.org(OFFICE, MINISTRY), (signer(MINISTRY),)),
    ),
    "what the directory did undone": (Fault.NEEDS_DIRECTORY, _resume_over),
    "what the ministry did undone": (Fault.NEEDS_DIRECTORY, _resume_what_the_ministry_did),
    "what the directory did made shorter": (
        Fault.NEEDS_DIRECTORY,
        _weaken_what_the_directory_did,
    ),
    "a new key without the old, by the one above": (
        Fault.OLD_KEY_MISSING,
        lambda w: (w.said("rotate", OFFICE, accounts=[]), (signer(TOWN),)),
    ),
    "prev of nothing": (Fault.PREV, lambda w: (w.org("a") | {"prev": 0}, ())),
    "no prev": (Fault.PREV, lambda w: (w.org(TOWN) | {"prev": None}, ())),
    "an older prev": (Fault.PREV, lambda w: (w.org(TOWN, MINISTRY) | {"prev": 0}, ())),
    "older than the last": (Fault.TIME, _old_entry),
    "names of nobody": (
        Fault.UNKNOWN_ORG,
        lambda w: (w.said("names", "nobody", names=[], appeal="a"), ()),
    ),
    "below nobody": (Fault.UNKNOWN_PARENT, lambda w: (w.org("a", "nobody"), ())),
    "below itself": (Fault.UNKNOWN_PARENT, lambda w: (w.org("a", "a"), ())),
    "above itself": (Fault.LOOP, lambda w: (w.org(MINISTRY, OFFICE), ())),
    "too deep": (Fault.TOO_DEEP, _deep),
    "after the end": (Fault.ENDED, _after_the_end),
    "another account without rotate": (
        Fault.NEEDS_ROTATE,
        lambda w: (w.org(TOWN, MINISTRY, accounts=[]), ()),
    ),
    "another key without rotate": (
        Fault.NEEDS_ROTATE,
        lambda w: (w.org(TOWN, MINISTRY, key=signer(TOWN, "2").verifier.to_text()), ()),
    ),
    "a rotation to the same": (Fault.NOTHING, lambda w: (w.said("rotate", TOWN), ())),
    "an account of another": (
        Fault.ACCOUNT_TAKEN,
        lambda w: (w.org("a", accounts=[account("@veche_bank:veche.test")]), ()),
    ),
    "an account that another gets": (Fault.ACCOUNT_TAKEN, _pending_account),
    "a domain of another": (Fault.DOMAIN_TAKEN, lambda w: (w.org("a", domain="bank.example"), ())),
    "an end before the beginning": (
        Fault.VALIDITY,
        lambda w: (w.org("a", valid_until_ms=w.at_ms), ()),
    ),
    "suspended until before": (
        Fault.VALIDITY,
        lambda w: (w.said("suspend", TOWN, **SUSPENDED, until_ms=w.at_ms), ()),
    ),
    "resumed and not suspended": (
        Fault.NOT_SUSPENDED,
        lambda w: (w.said("resume", TOWN, reason="x"), ()),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_a_rule_changes_nothing(written: Written, case: str) -> None:
    expected, make = BROKEN[case]
    body, by = make(written)
    at_ms = written.at_ms
    before = written.state.snapshot(at_ms)
    text = body if isinstance(body, str) else written.signed(dict(body), *by)

    assert fault(written.add_text(text)) is expected
    assert written.state.snapshot(at_ms) == before
    assert written.state.refused[written.state.size - 1].fault is expected
    # Whoever is refused keeps nobody else from going on.
    assert written.add(written.org("other")) is None


def test_a_key_of_another_is_refused(written: Written) -> None:
    same = signer("bank").verifier.key
    mine = written.org("a", key=signer("a").verifier.__class__("a", same).to_text())

    assert fault(written.add(mine)) is Fault.KEY_TAKEN


def test_every_fault_is_made_once() -> None:
    assert {one for one, _ in BROKEN.values()} | {Fault.KEY_TAKEN} == set(Fault)


@pytest.mark.parametrize("by", [MINISTRY, TOWN, ""])
def test_whoever_is_above_enters_suspends_and_resumes(written: Written, by: str) -> None:
    keys = (signer(by),) if by else ()
    entered = written.add(written.org("library", TOWN), *keys)
    suspended = written.add(written.said("suspend", "library", **SUSPENDED), *keys)
    stopped = now(written).standing("library")
    resumed = written.add(written.said("resume", "library", reason="Found."), *keys)
    again = now(written).standing("library")
    written.add(written.said("end", "library", **SUSPENDED), *keys)

    assert (entered, suspended, resumed) == (None, None, None)
    assert (stopped, again) == (Standing.SUSPENDED, Standing.OFFICIAL)
    assert now(written).standing("library") is Standing.ENDED


def test_what_stands_below_a_suspended_one_is_not_official(written: Written) -> None:
    until = written.at_ms + DAY_MS
    written.add(written.said("suspend", MINISTRY, **SUSPENDED, until_ms=until))

    standings = [now(written).standing(one) for one in (MINISTRY, TOWN, OFFICE, "bank")]
    assert standings == [Standing.SUSPENDED, Standing.ABOVE, Standing.ABOVE, Standing.OFFICIAL]
    assert not now(written).is_official("@veche_office:veche.test")
    assert written.state.snapshot(until).standing(OFFICE) is Standing.OFFICIAL
    assert written.state.snapshot(until - 1).standing(OFFICE) is Standing.ABOVE


def test_an_organisation_is_official_for_its_time(written: Written) -> None:
    start, end = written.at_ms + 1_000, written.at_ms + 5_000
    written.add(written.org("a", valid_from_ms=start, valid_until_ms=end))
    standings = [
        written.state.snapshot(at).standing("a") for at in (start - 1, start, end - 1, end)
    ]

    assert standings == [
        Standing.NOT_YET,
        Standing.OFFICIAL,
        Standing.OFFICIAL,
        Standing.EXPIRED,
    ]


def test_a_directory_moves_an_organisation_with_all_below_it(written: Written) -> None:
    assert written.add(written.org("state")) is None
    assert written.add(written.org(TOWN, "state")) is None

    assert [one.id for one in now(written).chain(OFFICE)] == ["state", TOWN, OFFICE]


def test_a_rotation_that_the_old_key_signs_counts_at_once(written: Written) -> None:
    new = [account("@veche_town:veche.test", "2")]
    fresh = signer(TOWN, "2")
    body = written.said("rotate", TOWN, accounts=new, key=fresh.verifier.to_text())
    assert written.add(body, written.key(), signer(TOWN)) is None

    town = now(written).organisations[TOWN]
    assert (town.key, town.accounts) == (fresh.verifier, {new[0]["user"]: new[0]["master"]})
    assert fault(written.add(written.org("a", TOWN), signer(TOWN))) is Fault.UNSIGNED
    assert written.add(written.org("b", TOWN), fresh) is None


def test_a_rotation_without_the_old_key_waits_and_can_be_undone(written: Written) -> None:
    new = [account("@veche_town:veche.test", "2")]
    made_ms = written.at_ms
    old = now(written).organisations[TOWN].accounts
    assert written.add(written.said("rotate", TOWN, accounts=new)) is None
    waiting = written.state.snapshot(made_ms + WAIT_MS - 1).organisations[TOWN]
    changed = written.state.snapshot(made_ms + WAIT_MS).organisations[TOWN]
    # The old key says that nobody lost it.
    undone = written.said("rotate", TOWN)
    assert written.add(undone, written.key(), signer(TOWN)) is None

    assert waiting.accounts == old
    assert changed.accounts == {one["user"]: one["master"] for one in new}
    assert written.state.snapshot(made_ms + WAIT_MS).organisations[TOWN].accounts == old


def test_a_quorum_of_the_directory_replaces_a_lost_key() -> None:
    written = Written(quorum=2)
    written.chain(TOWN)
    body = written.said("rotate", TOWN, accounts=[])
    few = fault(written.add(body))
    enough = written.said("rotate", TOWN, accounts=[])

    assert few is Fault.OLD_KEY_MISSING
    assert written.add(enough, written.key(0), written.key(1)) is None


def test_an_account_is_free_once_its_organisation_has_ended(written: Written) -> None:
    written.add(written.said("end", "bank", **SUSPENDED))

    assert written.add(written.org("b", accounts=[account("@veche_bank:veche.test")])) is None


def test_protected_names_are_for_the_organisation_and_those_below_it(written: Written) -> None:
    name = "Town of Lindenau"
    written.add(written.said("names", TOWN, names=[name], appeal="appeal@town.example"))
    [protected] = now(written).protected_names

    assert (protected.name, protected.organisation) == (name, TOWN)
    assert protected.appeal == "appeal@town.example"
    assert protected.accounts == {"@veche_town:veche.test", "@veche_office:veche.test"}

    written.add(written.said("suspend", OFFICE, **SUSPENDED))
    [protected] = now(written).protected_names
    assert protected.accounts == {"@veche_town:veche.test"}

    written.add(written.said("suspend", TOWN, **SUSPENDED))
    [protected] = now(written).protected_names
    assert protected.accounts == frozenset()

    written.add(written.said("end", TOWN, **SUSPENDED))
    assert now(written).protected_names == []


def test_the_first_of_two_directories_is_believed_and_both_are_named(written: Written) -> None:
    other = Written(log="other.test/veche/directory/v1/other")
    other.add(other.org("bank", accounts=[account("@veche_bank:veche.test", "forged")]))
    other.add(other.org("school", domain="town.example"))
    ours, theirs = now(written), now(other)
    trusted = Trusted([ours, theirs])
    found = trusted.owner_of("@veche_bank:veche.test")

    assert found is not None
    assert found[0] is ours
    assert Trusted([theirs, ours]).owner_of("@veche_bank:veche.test") != found
    assert trusted.owner_of("@stranger:veche.test") is None
    both = (written.log, other.log)
    assert trusted.conflicts == [
        Conflict("organisation", "bank", both),
        Conflict("domain", "bank.example", both),
        Conflict("domain", "town.example", both),
        Conflict("account", "@veche_bank:veche.test", both),
    ]


# Hostile entries.

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_change_to_a_signed_entry_counts(written: Written, data: st.DataObject) -> None:
    kinds: list[Callable[[], dict[str, Any]]] = [
        lambda: written.org("a", TOWN),
        lambda: written.said("suspend", TOWN, **SUSPENDED),
        lambda: written.said("names", TOWN, names=["Town"], appeal="a@b.example"),
        lambda: written.said("rotate", TOWN, accounts=[]),
    ]
    value = json.loads(written.signed(data.draw(st.sampled_from(kinds))()))
    key = data.draw(st.sampled_from(sorted(value)))
    new = data.draw(_JSON)
    if key == "signatures" or new == value[key]:
        value[key] = {}
    else:
        value[key] = new
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert written.state.add(text) is not None


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200) | _JSON.map(json.dumps))
def test_nothing_that_is_no_entry_counts(written: Written, text: str) -> None:
    assert written.state.add(text) is not None


NAMES: Final = ("a", "b", "c", "d")


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 9)] * 4), max_size=25))
def test_whatever_is_entered_the_state_holds_together(steps: list[tuple[int, ...]]) -> None:
    written = Written()
    for what, which, parent, by in steps:
        name = NAMES[which % 4]
        above = NAMES[parent % 4] if parent < 8 else None
        keys = () if by > 3 else (signer(NAMES[by]),)
        bodies = (
            written.org(name, above),
            written.org(name, above),
            written.org(name, above),
            written.said("suspend", name, **SUSPENDED),
            written.said("resume", name, reason="x"),
            written.said("end", name, **SUSPENDED),
            written.said("rotate", name, accounts=[account(f"@{above}:veche.test")]),
            written.said("names", name, names=[name], appeal="x"),
        )
        written.add(bodies[what % 8], *keys)
    snapshot = now(written)
    living = [one for one in snapshot.organisations.values() if one.ended is None]
    accounts = [account for one in living for account in one.accounts]

    assert len(accounts) == len(set(accounts))
    for one in living:
        chain = snapshot.chain(one.id)
        assert chain[-1] is one
        assert chain[0].said.parent is None
        assert (snapshot.standing(one.id) is Standing.OFFICIAL) == all(
            each.own_standing(snapshot.at_ms) is Standing.OFFICIAL for each in chain
        )
    # The same entries make the same state.
    again = Written()
    for text in written.texts:
        again.state.add(text)
    assert again.state.snapshot(written.at_ms) == snapshot
    assert again.state.refused.keys() == written.state.refused.keys()
