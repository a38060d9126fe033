"""What a directory hands out is taken only with its proofs: everything else is refused by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.directories import LOG, Written, bundle, seed
from tests.support.tables import each_row
from veche.contracts.directory.bundle import (
    ENTRIES_MAX,
    Bundle,
    BundleError,
    Held,
    followed,
)
from veche.contracts.directory.entries import ENTRY_BYTES_MAX
from veche.contracts.directory.snapshot import Root
from veche.protocol.errors import MalformedError
from veche.protocol.wire import parse
from veche.transparency.fields import HEAD_PATH_MAX
from veche.transparency.notes import Cosigner, NoteSigner, log_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HELD: Final = 3
KEY: Final = NoteSigner(LOG, seed(f"0{LOG}"))
OTHER_KEY: Final = NoteSigner(LOG, seed("another key"))
OTHER_LOG: Final = NoteSigner(f"{LOG}2", seed(f"0{LOG}"))
NEXT_HISTORY: Final = NoteSigner(LOG.replace("/v1/", "/v2/"), seed(f"0{LOG}"))


def written(*organisations: str) -> list[str]:
    """The texts of a directory of some organisations."""
    made = Written()
    for one in organisations:
        assert made.add(made.org(one)) is None
    return made.texts


TEXTS: Final = written("a", "b", "c", "d", "e", "f")
FORK: Final = written("a", "x", "c", "d", "e", "f", "g")
ROOT: Final = Root.of([KEY.verifier])


def taken(value: dict[str, Any], held: Held | None = None, **more: Any) -> Held:
    held = Held(tuple(TEXTS[:HELD]), HELD) if held is None else held
    return followed(held, parse(Bundle, value), ROOT, **more)


def good(since: int = HELD, key: NoteSigner = KEY, **more: Any) -> dict[str, Any]:
    return bundle(TEXTS, since, key, **more)


def test_a_bundle_is_taken_from_the_first_entry_and_from_any_place() -> None:
    for since in range(len(TEXTS) + 1):
        held = taken(good(since), Held(tuple(TEXTS[:since]), since))
        assert held == Held(tuple(TEXTS), len(TEXTS))
        assert held.is_whole
    some = taken(good(count=1))
    assert (some.entries, some.is_whole) == (tuple(TEXTS[:4]), False)


def test_the_next_history_of_the_same_directory_is_followed() -> None:
    assert log_of(NEXT_HISTORY.verifier.name) == LOG
    assert taken(good(key=NEXT_HISTORY)).is_whole


def _changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(good()))
    change(value)
    return value


def _set(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda one: one.__setitem__(name, value)


def _in_entry(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda one: one["entries"][0].__setitem__(name, value)


def _swap(one: dict[str, Any]) -> None:
    one["entries"][0], one["entries"][1] = one["entries"][1], one["entries"][0]


def _exchange_texts(one: dict[str, Any]) -> None:
    first, second = one["entries"][:2]
    first["entry"], second["entry"] = second["entry"], first["entry"]


HEAD: Final = "the head is not signed by"
GAP: Final = "are not there, or not in their order"
FORKED: Final = "does not begin with the entries that were there before"
MISSING: Final = "is not in the head"

REFUSED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "of another key": (good(key=OTHER_KEY), HEAD),
    "of another log with the same key": (good(key=OTHER_LOG), HEAD),
    "head without its signature": (
        _changed(_set("checkpoint", good()["checkpoint"].rpartition("—")[0])),
        HEAD,
    ),
    "head of another size": (
        _changed(_set("checkpoint", good()["checkpoint"].replace("\n6\n", "\n7\n"))),
        HEAD,
    ),
    "head that is text": (_changed(_set("checkpoint", "nothing")), HEAD),
    "rolled back": (bundle(TEXTS[:2], 2, KEY), "had 3 entries, and has 2 now"),
    "rolled back to nothing": (bundle(TEXTS[:1], 1, KEY), "had 3 entries, and has 1 now"),
    "forked": (bundle(FORK, HELD, KEY), FORKED),
    "forked, with the proof of the right one": (
        {**bundle(FORK, HELD, KEY), "consistency": good()["consistency"]},
        FORKED,
    ),
    "without the proof of what was there": (_changed(_set("consistency", [])), FORKED),
    "reordered": (_changed(_swap), GAP),
    "texts exchanged": (_changed(_exchange_texts), MISSING),
    "first one left out": (_changed(lambda one: one["entries"].pop(0)), GAP),
    "middle one left out": (_changed(lambda one: one["entries"].pop(1)), GAP),
    "all left out": (_changed(_set("entries", [])), GAP),
    "replayed from the start": (good(0), FORKED),
    "replayed of yesterday": ({**good(2), "consistency": good()["consistency"]}, GAP),
    "one twice": (_changed(lambda one: one["entries"].insert(0, one["entries"][0])), GAP),
    "another text": (_changed(_in_entry("entry", FORK[6])), MISSING),
    "one character more": (_changed(_in_entry("entry", TEXTS[3] + " ")), MISSING),
    "another path": (_changed(_in_entry("path", good()["entries"][2]["path"])), MISSING),
    "no path": (_changed(_in_entry("path", [])), MISSING),
    "one more than the head has": (
        _changed(lambda one: one["entries"].append({**one["entries"][0], "index": 6})),
        MISSING,
    ),
}


@each_row("how", sorted(REFUSED))
def test_a_bundle_that_proves_nothing_is_refused_with_its_reason(how: str) -> None:
    value, reason = REFUSED[how]
    with pytest.raises(BundleError, match=reason):
        taken(value)


TOO_MUCH: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "more entries": (
        _changed(_set("entries", [good()["entries"][0]] * (ENTRIES_MAX + 1))),
        "entries",
    ),
    "a larger entry": (_changed(_in_entry("entry", "x" * (ENTRY_BYTES_MAX + 1))), "entry"),
    "a longer path": (
        _changed(_in_entry("path", good()["consistency"][:1] * (HEAD_PATH_MAX + 1))),
        "path",
    ),
    "a longer proof": (
        _changed(_set("consistency", good()["consistency"][:1] * (HEAD_PATH_MAX + 1))),
        "consistency",
    ),
    "another version": (_changed(_set("v", 2)), "v"),
    "a place below 0": (_changed(_in_entry("index", -1)), "index"),
    "a place that is text": (_changed(_in_entry("index", "3")), "index"),
    "a hash that is none": (_changed(_in_entry("path", ["x"])), "path"),
    "no head": (_changed(lambda one: one.pop("checkpoint")), "checkpoint"),
}


@each_row("how", sorted(TOO_MUCH))
def test_what_is_no_bundle_or_too_large_is_refused_by_its_field(how: str) -> None:
    value, field = TOO_MUCH[how]
    with pytest.raises(MalformedError, match=field):
        parse(Bundle, value)


def test_the_most_of_everything_is_a_bundle() -> None:
    many: Sequence[str] = [f"{number:04}" for number in range(ENTRIES_MAX + 1)]
    large = "x" * ENTRY_BYTES_MAX

    assert len(taken(bundle(many, 0, KEY), Held()).entries) == ENTRIES_MAX
    assert taken(bundle([large], 0, KEY), Held()).entries == (large,)


def test_a_directory_without_the_witnesses_that_are_needed_is_not_followed() -> None:
    witness = Cosigner("witness.test", seed("w")).verifier
    with pytest.raises(BundleError, match="fewer than 1 witnesses"):
        taken(good(), witnesses=[witness], needed=1)
    forged = {**good(), "witnessed": {"checkpoint": good()["checkpoint"], "consistency": []}}
    with pytest.raises(BundleError, match="witnesses"):
        taken(forged, witnesses=[witness], needed=1)
