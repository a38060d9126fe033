"""Keys on a real database: how one gets in, who must not, and how one is put out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from tests.integration.veche.access.approvals.till import HOLD_MS, HOUR_MS, RULES, ApprovalCase
from tests.integration.veche.access.sessions.chat import ALICE, BOB, URL
from tests.support.keys import BrowserKey, Passkey
from veche.access.approvals import (
    ENROLMENT_MS,
    KEYS_MAX,
    LABEL_CHARACTERS_MAX,
    LOG_PAGE,
    KeyKind,
    enrolling,
    keys_of,
    logged,
    store,
    words_of,
)
from veche.access.approvals import said as said_in
from veche.access.approvals.core import ENROLMENTS_PER_HOUR_MAX, TRIES_MAX
from veche.access.approvals.errors import (
    EnrolmentOverError,
    KeyCodeError,
    KeyKnownError,
    NoRoomError,
    PasskeysError,
    TooManyKeysError,
)
from veche.protocol.approval import Proof
from veche.protocol.errors import BadSignatureError, MalformedError, NotFoundError


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 10**6:06}"


class EnrolTest(ApprovalCase):
    async def test_the_code_of_the_room_enrols_a_key_and_the_room_is_told(self) -> None:
        await self.meet()
        key = BrowserKey()

        enrolment_id, said = await self.begin(key)
        enrolled = await self.finish(enrolment_id, said.code, key)

        assert (enrolled.id, enrolled.person) == (key.id, ALICE)
        assert enrolled.held_until_ms == self.now_ms + HOLD_MS
        assert words_of(key.id) in said.body
        assert "veche.example.org" in said.body
        [told] = await self.said()
        assert told.body.startswith(f"The key “Laptop” ({words_of(key.id)}) is yours")
        assert told.body.endswith(f"Revoke it at once:\n{URL}/keys")
        assert await self.log_lines() == ["The key “Laptop” was added."]

    async def test_a_code_may_have_spaces_and_is_good_once(self) -> None:
        await self.meet()
        key = BrowserKey()
        enrolment_id, said = await self.begin(key)
        await self.finish(enrolment_id, f" {said.code[:3]} {said.code[3:]} ", key)

        with pytest.raises(EnrolmentOverError):
            await self.finish(enrolment_id, said.code, key)

    async def test_three_wrong_codes_burn_the_enrolment_and_the_person_is_told(self) -> None:
        await self.meet()
        key = BrowserKey()
        enrolment_id, said = await self.begin(key)

        for _ in range(TRIES_MAX - 1):
            with pytest.raises(KeyCodeError):
                await self.finish(enrolment_id, wrong(said.code), key)
        with pytest.raises(EnrolmentOverError):
            await self.finish(enrolment_id, wrong(said.code), key)
        with pytest.raises(EnrolmentOverError):
            await self.finish(enrolment_id, said.code, key)

        [told] = await self.said()
        assert "was not added. Wrong codes were typed." in told.body
        assert await self.transact(keys_of, ALICE) == []

    async def test_two_wrong_codes_do_no_harm(self) -> None:
        await self.meet()
        key = BrowserKey()
        enrolment_id, said = await self.begin(key)
        for _ in range(TRIES_MAX - 1):
            with pytest.raises(KeyCodeError):
                await self.finish(enrolment_id, wrong(said.code), key)

        assert (await self.finish(enrolment_id, said.code, key)).id == key.id

    async def test_without_the_key_the_code_is_worth_nothing(self) -> None:
        await self.meet()
        key = BrowserKey()
        enrolment_id, said = await self.begin(key)
        other_id, _ = await self.begin(BrowserKey())
        mine, others = await self.proof(enrolment_id, key), await self.proof(other_id, key)
        stranger = Proof.model_validate(BrowserKey().proof({}))

        for proof in (others, stranger):
            with pytest.raises(BadSignatureError):
                await self.approvals.finish(ALICE, enrolment_id, said.code, proof, "en")
        assert await self.approvals.finish(ALICE, enrolment_id, said.code, mine, "en")

    async def test_somebody_else_cannot_go_on_with_it(self) -> None:
        await self.meet()
        key = BrowserKey()
        enrolment_id, said = await self.begin(key)
        proof = await self.proof(enrolment_id, key)

        with pytest.raises(EnrolmentOverError):
            await self.approvals.finish(BOB, enrolment_id, said.code, proof, "en")

    async def test_an_old_code_is_worth_nothing(self) -> None:
        await self.meet()
        key = BrowserKey()
        enrolment_id, said = await self.begin(key)
        self.wait(ENROLMENT_MS)

        with pytest.raises(EnrolmentOverError):
            await self.finish(enrolment_id, said.code, key)

    async def test_two_that_type_the_code_at_once_enrol_one_key(self) -> None:
        await self.meet()
        key = BrowserKey()
        enrolment_id, said = await self.begin(key)

        tries = [self.finish(enrolment_id, said.code, key) for _ in range(4)]
        running = [Deferred.fromCoroutine(one) for one in tries]
        done = [d.addCallbacks(lambda _: "in", lambda f: f.type.__name__) for d in running]
        outcomes = await gatherResults(done)

        assert sorted(outcomes) == ["EnrolmentOverError"] * 3 + ["in"]
        assert len(await self.log_lines()) == 1

    # Where the code goes

    async def test_without_a_private_encrypted_chat_no_code_is_sent(self) -> None:
        await self.know(PHONE=True)
        await self.chat(is_encrypted=False)
        await self.chat(ALICE, BOB)

        with pytest.raises(NoRoomError) as refused:
            await self.begin()
        assert str(refused.value).startswith("The code is sent in an encrypted chat")
        assert await self.said() == []

    async def test_the_newest_private_chat_gets_the_code(self) -> None:
        await self.know(PHONE=True)
        await self.chat()
        newest = await self.chat()
        await self.chat(ALICE, f"~{BOB}")

        _, said = await self.begin()
        assert said.room_id == newest

    async def test_without_an_identity_no_code_is_sent(self) -> None:
        await self.know(master=None, PHONE=False)
        await self.chat()

        with pytest.raises(NoRoomError):
            await self.begin()

    async def test_with_another_identity_than_before_no_code_is_sent(self) -> None:
        await self.meet()
        await self.begin()
        await self.know(master="another", PHONE=True)

        with pytest.raises(NoRoomError):
            await self.begin()

    async def test_a_code_that_an_unconfirmed_device_could_read_enrols_nothing(self) -> None:
        await self.know(PHONE=True, GHOST=False)
        await self.chat()
        key = BrowserKey()
        enrolment, _ = await self.transact(
            self.approvals.begin, ALICE, KeyKind.P256, "Laptop", key.public, self.now_ms
        )
        [said] = await self.said()
        await self.seal(said, (ALICE, "PHONE"), (ALICE, "GHOST"))

        with pytest.raises(NoRoomError):
            await self.finish(enrolment.id, said.code, key)

        [told] = await self.said()
        assert "A device that you have not confirmed could read the code." in told.body
        with pytest.raises(EnrolmentOverError):
            await self.finish(enrolment.id, said.code, key)

    async def test_a_code_that_was_not_sealed_yet_enrols_nothing(self) -> None:
        await self.meet()
        key = BrowserKey()
        enrolment, _ = await self.transact(
            self.approvals.begin, ALICE, KeyKind.P256, "Laptop", key.public, self.now_ms
        )
        [said] = await self.said()

        with pytest.raises(NoRoomError):
            await self.finish(enrolment.id, said.code, key)

    # Bounds

    async def test_a_label_is_short_and_shows_what_it_is(self) -> None:
        await self.meet()

        for label in ("", " ", "\u202e", "x" * (LABEL_CHARACTERS_MAX + 1)):
            with pytest.raises(MalformedError):
                await self.begin(label=label)
        _, said = await self.begin(label=" My\n\u202elaptop ")
        assert "“My laptop”" in said.body

    async def test_a_key_is_a_point_of_the_curve(self) -> None:
        await self.meet()

        for public in (None, b"", bytes(65), b"\x04" + bytes(64)):
            with pytest.raises(MalformedError):
                await self.transact(
                    self.approvals.begin, ALICE, KeyKind.P256, "x", public, self.now_ms
                )

    async def test_so_many_enrolments_are_begun_an_hour(self) -> None:
        await self.meet()
        for _ in range(ENROLMENTS_PER_HOUR_MAX):
            await self.begin()

        with pytest.raises(TooManyKeysError):
            await self.begin()
        self.wait(HOUR_MS)
        await self.begin()

    async def test_so_many_keys_one_has(self) -> None:
        await self.meet()
        keys = []
        for _ in range(KEYS_MAX):
            keys.append(BrowserKey())
            enrolment_id, said = await self.begin(keys[-1])
            await self.finish(enrolment_id, said.code, keys[-1])
            self.wait(HOUR_MS)

        with pytest.raises(TooManyKeysError) as refused:
            await self.begin()
        assert str(said_in(refused.value, "en")).startswith("You have 20 keys")
        await self.transact(self.approvals.revoke, ALICE, keys[0].id, self.now_ms)
        await self.begin()

    async def test_a_key_comes_once_whoever_had_it(self) -> None:
        key = await self.enrol()
        await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)

        with pytest.raises(KeyKnownError):
            await self.begin(key)

    async def test_without_pages_there_are_no_keys(self) -> None:
        await self.meet()
        self.approvals = self.of_rules(RULES, None)

        with pytest.raises(NoRoomError):
            await self.begin()

    # What follows

    async def test_the_end_of_a_hold_is_told(self) -> None:
        key = await self.enrol(is_held=True)
        assert await self.jobs() == []
        self.wait(HOLD_MS)

        assert await self.jobs() == ["approvals.hold"]
        told = (await self.said())[-1]
        assert f"({words_of(key.id)}) may approve everything from now on." in told.body
        assert (await self.log_lines())[-1] == "The key “Laptop” may approve everything now."

    async def test_a_revoked_key_has_no_hold(self) -> None:
        key = await self.enrol(is_held=True)
        await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)
        self.wait(HOLD_MS)

        assert "approvals.hold" not in await self.jobs()

    async def test_revoking_is_told_and_logged_once(self) -> None:
        key = await self.enrol()

        for _ in range(2):
            revoked = await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)
            assert revoked.revoked_at_ms == self.now_ms
        bodies = [one for one in await self.bodies() if "is revoked" in one]
        assert len(bodies) == 1
        assert bodies[0].endswith("reply sign out")
        assert (await self.log_lines())[-1] == "The key “Laptop” was revoked."

    async def test_nobody_revokes_the_key_of_another(self) -> None:
        key = await self.enrol()

        for person, key_id in ((BOB, key.id), (ALICE, "x" * 43)):
            with pytest.raises(NotFoundError):
                await self.transact(self.approvals.revoke, person, key_id, self.now_ms)

    async def test_the_log_is_read_page_by_page(self) -> None:
        self.sql(
            "INSERT INTO runtime.key_event (person, at_ms, what, label, detail)"
            " SELECT %s, n, 'revoked', n::text, '{}' FROM generate_series(1, %s) AS n",
            ALICE,
            LOG_PAGE + 1,
        )

        first = await self.transact(logged, ALICE, None)
        rest = await self.transact(logged, ALICE, first[-1].id)
        assert [line.label for line in first] == [str(n) for n in range(LOG_PAGE + 1, 1, -1)]
        assert [line.label for line in rest] == ["1"]
        assert await self.transact(logged, BOB, None) == []

    async def test_the_log_is_never_changed(self) -> None:
        await self.enrol()

        for statement in (
            "DELETE FROM runtime.key_event",
            "UPDATE runtime.key_event SET at_ms = 0",
        ):
            with pytest.raises(Exception, match="append"):
                self.sql(statement)

    async def test_old_enrolments_are_forgotten(self) -> None:
        await self.meet()
        await self.begin()
        self.wait(HOUR_MS)
        await self.begin()

        count = await self.transact(store.forget_enrolments, self.now_ms)
        assert count == 1


class PasskeyTest(ApprovalCase):
    def passkey(self, **changes: Any) -> Passkey:
        return Passkey(**{"origin": URL, "rp_id": "veche.example.org", **changes})

    async def test_a_passkey_is_enrolled(self) -> None:
        passkey = self.passkey(sign_count=1)

        await self.enrol_passkey(passkey)

        [key] = await self.transact(keys_of, ALICE)
        assert (key.id, key.kind, key.transports) == (passkey.id, KeyKind.WEBAUTHN, ("internal",))
        assert key.credential_id == passkey.credential_id

    async def test_a_browser_that_has_one_is_told_so(self) -> None:
        passkey = self.passkey()
        await self.enrol_passkey(passkey)

        _, creation = await self.transact(
            self.approvals.begin, ALICE, KeyKind.WEBAUTHN, "Again", None, self.now_ms
        )
        [excluded] = creation["excludeCredentials"]
        assert excluded["type"] == "public-key"
        assert "alice" not in json.dumps(creation["user"]["id"])

    async def test_a_credential_is_of_one_key(self) -> None:
        passkey = self.passkey()
        await self.enrol_passkey(passkey)

        with pytest.raises(KeyKnownError):
            await self.enrol_passkey(self.passkey(credential_id=passkey.credential_id))

    async def test_a_passkey_made_otherwise_sends_no_code(self) -> None:
        with pytest.raises(BadSignatureError):
            await self.enrol_passkey(self.passkey(flags=1))

        assert await self.said() == []

    async def test_the_passkey_has_to_sign_too(self) -> None:
        """Without an attestation, making one proves nothing."""
        passkey = self.passkey()
        await self.meet()
        enrolment, _ = await self.transact(
            self.approvals.begin, ALICE, KeyKind.WEBAUTHN, "Phone", None, self.now_ms
        )
        answer = passkey.create(enrolment.challenge)
        made = {"client_data": answer["client_data"], "attestation": answer["attestation_object"]}
        await self.transact(
            enrolling.credential, self.approvals.parts, ALICE, enrolment.id, made, [], self.now_ms
        )
        said = (await self.said())[-1]
        await self.seal(said)
        good = await self.proof(enrolment.id, passkey)
        passkey.flags = 1
        unverified = await self.proof(enrolment.id, passkey)

        for proof in (unverified, Proof.model_validate(BrowserKey().proof({}))):
            with pytest.raises(BadSignatureError):
                await self.approvals.finish(ALICE, enrolment.id, said.code, proof, "en")
        assert await self.approvals.finish(ALICE, enrolment.id, said.code, good, "en")

    async def test_the_credential_comes_once(self) -> None:
        passkey = self.passkey()
        await self.enrol_passkey(passkey)
        [(enrolment_id,)] = self.sql("SELECT enrolment_id FROM runtime.key_enrolment")

        with pytest.raises(EnrolmentOverError):
            await self.transact(
                enrolling.credential, self.approvals.parts, ALICE, enrolment_id, {}, [], self.now_ms
            )

    async def test_where_browsers_make_no_passkeys_none_is_begun(self) -> None:
        await self.meet()
        self.approvals = self.of_rules(RULES, "http://192.0.2.1")

        assert not self.approvals.has_passkeys
        with pytest.raises(PasskeysError):
            await self.transact(
                self.approvals.begin, ALICE, KeyKind.WEBAUTHN, "Phone", None, self.now_ms
            )
