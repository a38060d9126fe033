"""The verdict on events of official accounts, row by row, and what gets nobody through."""

import json
import random
from typing import Any

import attrs
import pytest

from tests.support.directories import DAY_MS, START_MS
from tests.support.event_receipts import OFFICE, TOWN, Log, directory, log_signer, trusted
from veche.contracts.directory.receipts import (
    CALLS,
    EARLY_MS,
    FREE_TYPES,
    SENT_MS_MAX,
    ActFault,
    Policy,
    ReceiptRefusedError,
    SeenEvent,
    check_receipt,
)
from veche.contracts.directory.trusted import Trusted
from veche.protocol.acts import ACT, ActClass
from veche.transparency.act_proof import act_origin
from veche.transparency.notes import Cosigner, NoteSigner

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
AT_MS = (START_MS // HOUR_MS + 1) * HOUR_MS + 20 * MINUTE_MS
BOT = "@veche_records:veche.test"
ROOM = "!room:veche.test"
WITNESS = Cosigner("witness.example", b"w" * 32)
WITNESSED = Policy((WITNESS.verifier,), 1)
TRUSTED = trusted(directory(START_MS), AT_MS)
CHANGES = 3_000


def message(**changes: Any) -> SeenEvent:
    said = {"msgtype": "m.text", "body": "Your certificate is ready"}
    return attrs.evolve(SeenEvent(ROOM, BOT, "m.room.message", said, AT_MS), **changes)


def membership(kind: str, person: str = "@anna:veche.test") -> SeenEvent:
    return message(kind="m.room.member", content={"membership": kind}, state_key=person)


def with_receipt(event: SeenEvent, **changes: Any) -> SeenEvent:
    return attrs.evolve(event, content={**event.content, ACT: {**event.content[ACT], **changes}})


NONE = Policy()


def verdict(
    event: SeenEvent, policy: Policy = NONE, directories: Trusted = TRUSTED
) -> ActFault | None:
    try:
        assert check_receipt(event, directories, policy)
    except ReceiptRefusedError as e:
        return e.fault
    return None


def test_an_event_with_the_receipt_of_its_act_passes() -> None:
    log = Log()
    assert [verdict(log.proven(message())) for _ in range(5)] == [None] * 5


def test_an_organisation_above_may_act_and_nobody_else() -> None:
    assert verdict(Log().proven(message(), organisation="bank")) is ActFault.SENDER
    above = message(sender="@veche_town:veche.test")
    assert verdict(Log().proven(above)) is None
    office = Log(log_signer(OFFICE)).proven(above, organisation=OFFICE)
    assert verdict(office) is ActFault.SENDER


def test_who_is_in_no_directory_needs_no_receipt() -> None:
    assert check_receipt(message(sender="@anna:veche.test"), TRUSTED, Policy()) == ""


@pytest.mark.parametrize("kind", sorted(FREE_TYPES))
def test_what_makes_a_room_needs_no_receipt(kind: str) -> None:
    event = message(kind=kind, content={}, state_key="")
    assert check_receipt(event, TRUSTED, Policy()) == ""
    assert verdict(attrs.evolve(event, state_key=None)) is ActFault.MISSING


@pytest.mark.parametrize("kind", ["join", "leave", "knock"])
def test_ones_own_coming_and_going_needs_no_receipt(kind: str) -> None:
    assert check_receipt(membership(kind, BOT), TRUSTED, Policy()) == ""


@pytest.mark.parametrize(
    "event",
    [
        message(),
        message(kind="m.room.encrypted", content={"ciphertext": "1"}),
        message(kind="m.reaction", content={"m.relates_to": {"key": "1"}}),
        message(kind="m.room.redaction", content={}, redacts="$event"),
        message(kind="m.sticker"),
        message(kind="m.call.invite"),
        message(kind="m.room.topic", content={"topic": "6"}, state_key=""),
        message(kind="m.room.name", content={"name": "6"}, state_key=""),
        membership("invite"),
        membership("leave"),
        membership("ban"),
    ],
    ids=lambda event: f"{event.kind} {event.content.get('membership', '')}",
)
def test_without_a_receipt_nothing_passes(event: SeenEvent) -> None:
    assert verdict(event) is ActFault.MISSING


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"e": "{}"},
        {"e": "x" * 513},
        {"e": "[" * 500},
        {"i": "short"},
        {"proof": ""},
        {"proof": "org.veche.chain@v1\nindex 0\n"},
        {"s": "A"},
        {"s": 1},
    ],
    ids=str,
)
def test_a_receipt_of_another_form_is_malformed(changes: dict[str, Any]) -> None:
    assert verdict(with_receipt(Log().proven(message()), **changes)) is ActFault.MALFORMED


@pytest.mark.parametrize("value", [[], "x", 1, {}, {"v": 1}, True])
def test_what_is_no_receipt_is_malformed(value: object) -> None:
    assert verdict(message(content={"body": "x", ACT: value})) is ActFault.MALFORMED


@pytest.mark.parametrize("changes", [{"n": 2}, {"n": -1}, {"h": "2026-09-21T3"}, {"h": "never"}])
def test_an_entry_of_another_form_is_malformed(changes: dict[str, Any]) -> None:
    event = Log().proven(message())
    entry = json.loads(event.content[ACT]["e"]) | changes
    text = json.dumps(entry, separators=(",", ":"), sort_keys=True)
    assert verdict(with_receipt(event, e=text)) is ActFault.MALFORMED


def test_an_organisation_that_is_not_official_sends_nothing() -> None:
    written = directory(START_MS)
    reason = {"reason": "It is looked into", "appeal": "court@town.example"}
    assert written.add(written.said("suspend", OFFICE, **reason)) is None
    suspended = trusted(written, AT_MS)
    assert verdict(Log().proven(message()), directories=suspended) is ActFault.SENDER


@pytest.mark.parametrize("act", sorted(ActClass))
def test_the_class_fits_the_event(act: ActClass) -> None:
    wanted = ActFault.CLASS if act in CALLS else None
    assert verdict(Log().proven(message(), act=act)) is wanted
    invited = verdict(Log().proven(membership("invite"), act=act))
    assert invited is (None if act is ActClass.MESSAGE else ActFault.CLASS)
    for kind in ("leave", "ban"):
        put_out = verdict(Log().proven(membership(kind), act=act))
        assert put_out is (None if act is ActClass.RESTRICTION else ActFault.CLASS)


def test_an_organisation_does_what_the_directory_lets_it() -> None:
    written = directory(START_MS)
    said = written.state.snapshot(AT_MS).organisations[TOWN].said
    accounts = [one.model_dump() for one in said.accounts]
    more: dict[str, Any] = {"logs": said.logs, "accounts": accounts}
    more |= {"classes": ["notice"], "valid_from_ms": said.valid_from_ms}
    assert written.add(written.org(TOWN, **more)) is None
    now = trusted(written, AT_MS)
    assert verdict(Log().proven(message(), act=ActClass.NOTICE), directories=now) is None
    assert verdict(Log().proven(message()), directories=now) is ActFault.CLASS


@pytest.mark.parametrize(
    "changes",
    [
        {"room_id": "!other:veche.test"},
        {"kind": "m.sticker"},
        {"state_key": ""},
        {"redacts": "$event"},
        {"content": {"msgtype": "m.text", "body": "Pay now"}},
        {"sender": "@veche_town:veche.test"},
    ],
    ids=str,
)
def test_a_receipt_is_good_for_one_event_alone(changes: dict[str, Any]) -> None:
    event = Log().proven(message())
    other = attrs.evolve(event, **changes)
    other = attrs.evolve(other, content={**other.content, ACT: event.content[ACT]})
    assert verdict(event) is None
    assert verdict(other) is ActFault.UNBOUND


def test_a_signature_is_good_for_one_act_alone() -> None:
    log = Log()
    one, two = log.proven(message()), log.proven(message())
    assert verdict(with_receipt(one, s=two.content[ACT]["s"])) is ActFault.UNBOUND
    assert verdict(with_receipt(one, s=None)) is ActFault.UNBOUND


def test_a_server_may_add_a_name_to_an_invitation_and_nothing_that_is_said() -> None:
    invite = Log().proven(membership("invite"))
    for more, fault in (({"displayname": "Anna"}, None), ({"reason": "Pay"}, ActFault.UNBOUND)):
        assert verdict(attrs.evolve(invite, content={**invite.content, **more})) is fault


def test_an_act_that_is_not_in_the_signed_head_is_unproven() -> None:
    log = Log()
    one, two = log.proven(message()), log.proven(message())
    proof = str(two.content[ACT]["proof"])
    assert verdict(with_receipt(one, proof=proof)) is ActFault.UNPROVEN
    elsewhere = proof.replace("index 1", "index 0")
    assert verdict(with_receipt(two, proof=elsewhere)) is ActFault.UNPROVEN


def test_a_head_that_another_key_signed_is_unproven() -> None:
    log = Log()
    event = log.proven(message())
    forger = NoteSigner(act_origin("veche.test", TOWN), b"f" * 32)
    forged = Log(forger, log.entries)
    assert verdict(with_receipt(event, proof=forged.proof(0))) is ActFault.UNPROVEN


def test_a_log_that_the_directory_does_not_name_proves_nothing() -> None:
    assert verdict(Log(log_signer(TOWN, "other.test")).proven(message())) is ActFault.LOG
    old = Log(NoteSigner(act_origin("veche.test", TOWN), b"o" * 32))
    assert verdict(old.proven(message())) is ActFault.UNBOUND


def test_a_log_goes_on_in_another_history() -> None:
    assert verdict(Log(log_signer(TOWN, history=3)).proven(message())) is None


def test_witnesses_are_demanded_where_they_are_wanted() -> None:
    stranger = Cosigner("witness.example", b"s" * 32)
    for by, fault in (
        ([], ActFault.UNWITNESSED),
        ([(stranger, AT_MS // 1000)], ActFault.UNWITNESSED),
        ([(WITNESS, AT_MS // 1000)], None),
    ):
        assert verdict(Log(cosigners=by).proven(message()), WITNESSED) is fault


@pytest.mark.parametrize(
    ("late_ms", "fault"),
    [
        (-26 * MINUTE_MS, ActFault.TIME),
        (-25 * MINUTE_MS, None),
        (0, None),
        (50 * MINUTE_MS, None),
        (51 * MINUTE_MS, ActFault.TIME),
    ],
)
def test_witnesses_saw_an_act_in_its_hour(late_ms: int, fault: ActFault | None) -> None:
    log = Log(cosigners=[(WITNESS, (AT_MS + late_ms) // 1000)])
    event = attrs.evolve(log.proven(message()), at_ms=AT_MS + max(0, late_ms))
    assert verdict(event, WITNESSED) is fault


@pytest.mark.parametrize(
    ("late_ms", "fault"),
    [
        (-20 * MINUTE_MS - EARLY_MS, None),
        (-20 * MINUTE_MS - EARLY_MS - 1, ActFault.TIME),
        (40 * MINUTE_MS + SENT_MS_MAX, None),
        (40 * MINUTE_MS + SENT_MS_MAX + 1, ActFault.TIME),
        (400 * DAY_MS, ActFault.TIME),
    ],
)
def test_an_event_is_sent_soon_after_its_act(late_ms: int, fault: ActFault | None) -> None:
    assert verdict(attrs.evolve(Log().proven(message()), at_ms=AT_MS + late_ms)) is fault


def test_a_changed_receipt_never_passes_and_never_breaks_the_check() -> None:
    log = Log()
    events = [log.proven(message()) for _ in range(7)]
    chance = random.Random(20)  # noqa: S311 -- the same each time
    for _ in range(CHANGES):
        name = chance.choice(("e", "proof", "s"))
        text = str(events[-1].content[ACT][name])
        place = chance.randrange(len(text))
        other = chance.choice(["", "A", "0", "\n", " ", "é", "=", "{", "\ud800", text[:place]])
        changed = text[:place] + other + text[place + 1 :]
        if changed != text:
            assert verdict(with_receipt(events[-1], **{name: changed})) is not None
