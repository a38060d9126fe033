"""Messages with legal effect: how far they come, what proves it, since when they are served."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from appservices.agency.deliveries.core import DELIVERY_KEY
from appservices.agency.deliveries.jobs import PATH
from appservices.agency.verifying.deliveries import verify
from tests.integration.appservices.agency.town import (
    ALICE,
    CAROL,
    DAY_MS,
    HOUR_MS,
    new_words,
    opened_file,
)
from veche.protocol.canonical import canonical
from veche.protocol.inbound import Trust
from veche.runtime.matrix.client import MatrixError
from veche.runtime.ports import Undeliverable
from veche.runtime.verifying.words import Asked, FalseFileError, NobodyKnowsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.integration.appservices.agency.town import Said, Town
    from veche.messaging.jobs import Job

LAW = "§ 41 (2) VwVfG"
RULE: Mapping[str, Any] = {"days": 4, "law": {"en": LAW}}


class Homeserver:
    """What the homeserver's module knows; None: there is no such module."""

    def __init__(self, town: Town) -> None:
        self.known: Mapping[str, Any] | None = {}
        self.asked: list[Mapping[str, Any]] = []
        self.error: MatrixError | None = None
        self._call = town.host.client.call
        vars(town.host.client)["call"] = self.call

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        if path != PATH:
            return await self._call(method, path, **more)
        if self.error is not None:
            raise self.error
        if self.known is None:
            raise MatrixError(404, {"errcode": "M_UNRECOGNIZED"})
        self.asked += more["body"]["events"]
        return {"events": [{**one, **self.known} for one in more["body"]["events"]]}


@pytest.fixture
def homeserver(town: Town) -> Iterator[Homeserver]:
    """A homeserver with our module, which knows nothing yet."""
    server = Homeserver(town)
    yield server
    vars(town.host.client).pop("call", None)


def refused(town: Town, rule: Mapping[str, Any] | None = None) -> Said:
    """The clerk refuses the case of somebody; the message that says so to them."""
    town.claimed()
    if rule is not None:
        town.opened(deemed_served=rule)
    town.press(town.question("decide"), CAROL, "refuse")
    for words in ("1", "skip", "You have no right.", "submit"):
        town.write(town.desk(), CAROL, words, thread=town.case().desk_effect)
    [(effect,)] = town.sql("SELECT effect_id FROM agency.delivery")
    [sent] = [one for one in town.said if one.effect == effect]
    assert "You have no right." in sent.body
    return sent


def move_far(town: Town) -> None:
    """The person is of another homeserver."""
    town.sql("UPDATE agency.delivery SET person = '@alice:far.test'")


def stages(town: Town) -> list[tuple[str, str]]:
    """What is known of the newest message."""
    [(facts,)] = town.sql(
        "SELECT facts FROM agency.delivery ORDER BY made_at_ms DESC, delivery_id DESC LIMIT 1"
    )
    return [(one["stage"], one["how"]) for one in facts]


def receipts(town: Town, said: Sequence[Said]) -> list[bytes]:
    """The receipts that were sent, as somebody opens them."""
    stored = town.host.client.stored
    return [
        opened_file(stored[one.content["file"]["url"]], one.content["file"])
        for one in said
        if str(one.content.get("filename", one.content.get("body", ""))).startswith("delivery-")
    ]


def asked(town: Town) -> Asked:
    """Somebody who has the key of the organisation's log."""
    return Asked(town.host.act_heads.keys("lindenau"), 0, is_online=False, site=None)


def test_a_refusal_is_accepted_and_the_receipt_has_the_hash_of_its_words(
    town: Town, homeserver: Homeserver
) -> None:
    sent = refused(town)
    town.pass_time(5_000)

    assert stages(town) == [("accepted", "outbox")]
    assert homeserver.asked[-1] == {"event_id": sent.event_id, "user_id": ALICE}
    [receipt] = receipts(town, town.write(town.case().room, ALICE, "receipt"))
    told = verify(receipt, asked(town))
    assert hashlib.sha256(sent.body.encode()).hexdigest() in told
    assert "served     not yet" in told


@pytest.mark.usefixtures("homeserver")
def test_a_document_has_the_hash_of_its_file(town: Town) -> None:
    town.claimed()
    said = town.press(town.question("decide"), CAROL, "approve")
    town.pass_time(5_000)
    [document] = [one for one in said if one.content.get("msgtype") == "m.file"]
    data = opened_file(
        town.host.client.stored[document.content["file"]["url"]], document.content["file"]
    )

    [receipt] = receipts(town, town.write(town.case().room, ALICE, "receipt"))

    assert f"sha256     {hashlib.sha256(data).hexdigest()}" in verify(receipt, asked(town))


def test_on_our_own_server_it_is_stored_and_no_more_is_claimed(
    town: Town, homeserver: Homeserver
) -> None:
    refused(town)
    homeserver.known = {"stored_ms": town.now_ms, "acknowledged_ms": town.now_ms, "read_ms": None}
    town.pass_time(5_000)

    assert stages(town) == [("accepted", "outbox"), ("delivered", "stored")]


def test_on_another_server_only_its_acknowledgement_counts(
    town: Town, homeserver: Homeserver
) -> None:
    refused(town)
    move_far(town)
    homeserver.known = {"stored_ms": town.now_ms, "acknowledged_ms": None, "read_ms": None}
    town.pass_time(HOUR_MS)
    assert stages(town) == [("accepted", "outbox")]

    homeserver.known = {"stored_ms": 1, "acknowledged_ms": town.now_ms, "read_ms": None}
    town.pass_time(DAY_MS)
    assert stages(town)[-1] == ("delivered", "acknowledged")


def test_without_the_module_it_stays_accepted_and_says_so(
    town: Town, homeserver: Homeserver
) -> None:
    homeserver.known = None
    refused(town)
    town.pass_time(DAY_MS)

    said = town.write(town.desk(), CAROL, "receipt", thread=town.case().desk_effect)

    assert stages(town) == [("accepted", "outbox")]
    assert "lacks the module delivery_evidence" in new_words(said, town.desk())
    [receipt] = receipts(town, said)
    assert "nobody watched other servers" in verify(receipt, asked(town))


@pytest.mark.usefixtures("homeserver")
def test_a_reply_of_the_person_serves_it_and_the_case_says_so(town: Town) -> None:
    sent = refused(town)
    town.pass_time(5_000)

    said = town.write(town.case().room, ALICE, "I have read it.", to=sent)

    assert stages(town)[-1] == ("displayed", "answer")
    assert "A message of this case is served" in new_words(said, town.desk())
    [receipt] = receipts(town, said)
    told = verify(receipt, asked(town))
    assert "the person answered it" in told
    assert "not yet" not in told
    assert "served:" in new_words(town.write(town.case().room, ALICE, "status")).casefold()


@pytest.mark.usefixtures("homeserver")
def test_an_answer_counts_before_the_first_look(town: Town) -> None:
    sent = refused(town)

    town.write(town.case().room, ALICE, "Thank you", to=sent)

    assert stages(town) == [("accepted", "outbox"), ("displayed", "answer")]


@pytest.mark.usefixtures("homeserver")
def test_what_does_not_surely_come_from_the_person_serves_nothing(town: Town) -> None:
    sent = refused(town)
    town.pass_time(5_000)
    room = town.case().room

    town.react(sent, ALICE, "👍")
    town.write(room, ALICE, "hello")  # about nothing
    town.write(room, ALICE, "yes", to=sent, trust=Trust.ANY)
    town.write(room, CAROL, "yes", to=sent)
    assert stages(town) == [("accepted", "outbox")]


def test_a_read_receipt_counts_only_of_who_wants_it(town: Town, homeserver: Homeserver) -> None:
    refused(town)
    homeserver.known = {"stored_ms": 1, "acknowledged_ms": None, "read_ms": town.now_ms}
    town.pass_time(HOUR_MS)
    assert stages(town)[-1] == ("delivered", "stored")

    town.write(town.case().room, ALICE, "receipts on")
    town.pass_time(DAY_MS)
    assert stages(town)[-1] == ("displayed", "read_receipt")


def test_who_takes_it_back_is_not_watched(town: Town, homeserver: Homeserver) -> None:
    refused(town)
    for word in ("on", "off"):
        town.write(town.case().room, ALICE, f"receipts {word}")
    assert "on or off" in new_words(town.write(town.case().room, ALICE, "receipts maybe"))
    homeserver.known = {"stored_ms": 1, "acknowledged_ms": None, "read_ms": town.now_ms}
    town.pass_time(DAY_MS)

    assert stages(town)[-1] == ("delivered", "stored")


def test_by_the_rule_it_is_served_at_the_end_of_the_last_day(
    town: Town, homeserver: Homeserver
) -> None:
    refused(town, RULE)
    homeserver.known = {"stored_ms": town.now_ms, "acknowledged_ms": None, "read_ms": None}
    said = town.pass_time(3 * DAY_MS)
    assert stages(town)[-1] == ("delivered", "stored")
    assert not receipts(town, said)

    said = town.pass_time(2 * DAY_MS)

    assert stages(town)[-1] == ("deemed", "rule")
    [receipt] = receipts(town, said)
    told = verify(receipt, asked(town))
    assert "served     2025-11-28 23:59:59 UTC" in told or "served     2025-11-29 00:00:00" in told
    assert LAW in told
    assert LAW in new_words(town.write(town.case().room, ALICE, "status"))


def test_a_rule_from_delivery_never_runs_without_delivery(
    town: Town, homeserver: Homeserver
) -> None:
    homeserver.known = None
    refused(town, RULE)
    town.pass_time(20 * DAY_MS)

    assert stages(town) == [("accepted", "outbox")]


def test_a_rule_from_acceptance_runs_without_the_module(town: Town, homeserver: Homeserver) -> None:
    homeserver.known = None
    refused(town, {**RULE, "after": "accepted"})
    town.pass_time(5 * DAY_MS)

    assert stages(town) == [("accepted", "outbox"), ("deemed", "rule")]


@pytest.mark.usefixtures("homeserver")
def test_a_message_that_is_never_sent_is_never_served(town: Town) -> None:
    sent = refused(town, {**RULE, "after": "accepted"})
    town.lose(sent, Undeliverable.MALFORMED)
    town.sql("UPDATE runtime.outbox SET event_id = NULL WHERE effect_id = %s", sent.effect)
    town.pass_time(20 * DAY_MS)

    assert stages(town) == [("lost", "refused")]


def test_a_homeserver_that_fails_is_asked_again(town: Town, homeserver: Homeserver) -> None:
    refused(town)
    homeserver.error = MatrixError(502, {"errcode": "M_UNKNOWN"})
    job = next(one for one in iter(lambda: _due(town), None) if one.kind == "agency.delivery")

    with pytest.raises(MatrixError):
        town.perform(job)
    assert stages(town) == []

    homeserver.error = None
    town.perform(job)
    assert stages(town) == [("accepted", "outbox")]


def _due(town: Town) -> Job | None:
    town.now_ms += 2_000
    return town.next_job()


@pytest.mark.usefixtures("homeserver")
def test_a_job_that_runs_twice_serves_once(town: Town) -> None:
    sent = refused(town)
    said = town.write(town.case().room, ALICE, "Thank you", to=sent)
    assert len(receipts(town, said)) == 1

    again = town.write(town.case().room, ALICE, "Once more", to=sent)
    later = town.pass_time(DAY_MS)

    assert receipts(town, [*again, *later]) == []


@pytest.mark.usefixtures("homeserver")
def test_every_changed_byte_of_a_receipt_is_refused(town: Town) -> None:
    sent = refused(town)
    said = town.write(town.case().room, ALICE, "Thank you", to=sent)
    [receipt] = receipts(town, said)
    keys = asked(town)
    assert "It holds" in verify(receipt, keys)

    for place in range(len(receipt)):
        for bit in (1, 32):
            changed = bytearray(receipt)
            changed[place] ^= bit
            with pytest.raises((FalseFileError, NobodyKnowsError)):
                verify(bytes(changed), keys)


@pytest.mark.usefixtures("homeserver")
def test_a_receipt_in_the_name_of_another_is_refused(town: Town) -> None:
    sent = refused(town)
    [receipt] = receipts(town, town.write(town.case().room, ALICE, "Thank you", to=sent))
    body = json.loads(receipt)[DELIVERY_KEY]
    ours = town.host.act_heads
    other = ours.signer("riverton")
    forged = canonical(other.sign_object({DELIVERY_KEY: body}))
    bare = canonical({DELIVERY_KEY: body})

    with pytest.raises(FalseFileError, match="does not speak for lindenau"):
        verify(forged, Asked([other.verifier], 0, is_online=False, site=None))
    for data in (forged, bare):
        with pytest.raises(NobodyKnowsError):
            verify(data, asked(town))
    # Not even the organisation can say what cannot be.
    for wrong in (
        {"stages": body["stages"][1:]},
        {"stages": [*body["stages"], body["stages"][-1]]},
        {"event_id": None},
        {"evidence": "absent", "stages": [_delivered(body), *body["stages"][1:]]},
        {"sha256": "A" * 64},
    ):
        data = canonical(ours.signer("lindenau").sign_object({DELIVERY_KEY: {**body, **wrong}}))
        with pytest.raises(FalseFileError):
            verify(data, asked(town))


def _delivered(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body["stages"][0], "stage": "delivered", "how": "stored"}


@pytest.mark.usefixtures("homeserver")
def test_the_receipt_of_a_case_in_a_chat_is_asked_at_a_desk_in_its_thread_alone(town: Town) -> None:
    refused(town)

    assert "in the thread of a case" in new_words(town.write(town.desk(), CAROL, "receipt"))
