"""A key that is revoked signs nothing more: whatever it has approved, and at whatever moment.

Each story is one kind of signing, step by step. At each of its moments in turn something happens to
the key on which the rest relies; then the story goes on as if nothing had: pages hand in what they
have, others say yes, the bot hears what it was told, files are closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.signing.authority.core.levels import Level
from appservices.signing.batches.service import SCHEDULE_ROWS
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.papers.core.any_files import AnyFile
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service.ending import CLOSE
from appservices.signing.sessions.store import sessions
from tests.integration.appservices.signing.blind import BlindSite, People
from tests.integration.appservices.signing.by_hand import HandSite
from tests.integration.appservices.signing.chats import BOT, DAVE
from tests.integration.appservices.signing.own import OwnSite
from tests.integration.appservices.signing.site import (
    ALICE,
    BOB,
    CAROL,
    approver,
    kept_key,
    two_signers,
)
from tests.integration.appservices.signing.test_batches import ANSWERS
from tests.integration.appservices.signing.test_meetings import Phone
from tests.support.keys import BrowserKey, approval_of, decline_of, fragment_base64
from tests.support.long import is_long
from tests.support.sign_page import FreshKey, SignPage, ask_all
from veche.access.approvals import store
from veche.documents.pki.cms import der_of
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.support.calls import Answer
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres
WORDS: Final = ("The key that approved this was revoked meanwhile", "Begin anew")
UNUSED: Final = (
    "SELECT c.serial FROM signing.certificate c JOIN runtime.approval a USING (nonce)"
    " JOIN runtime.device_key k USING (key_id) WHERE k.revoked_at_ms > 1 AND c.level = 'S2'"
    " AND c.revoked_at_ms IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM signing.signature s WHERE s.certificate = c.serial)"
)
"""Certificates that are good, signed nothing, and were approved by a key that is revoked."""
EVERYONE: Final = (ALICE, BOB, CAROL, DAVE)


class AuthoritySite(OwnSite, BlindSite, HandSite):
    """Everybody has a chat and a key, and everything can be signed here."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(DAVE)
        self.heard: list[Answer] = []
        self.host.gate._sessions = People()
        self.fresh()

    def fresh(self) -> None:
        """Everybody has a new key, nobody has guardians, and what was before is over."""
        self.rows("DELETE FROM runtime.errand RETURNING 1")
        self.rows("UPDATE signing.guard_rule SET state = 'ended' RETURNING 1")
        self.rows("UPDATE runtime.device_key SET revoked_at_ms = 1 RETURNING 1")
        self.keys = {person: BrowserKey() for person in EVERYONE}
        self.run_now(self._enrol)
        self.heard.clear()
        self.before = {
            id_
            for name in ("session", "identification", "guard_rule")
            for (id_,) in self.rows(f"SELECT id FROM signing.{name}")  # noqa: S608 -- constants
        }

    async def ask(self, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """What a page does; what it was answered is kept."""
        answer = await self.away(work, *args, **more)
        self.heard.append(answer)
        await self.hear_all()
        return answer

    async def hear_all(self) -> None:
        """The bot hears what pages have told it, and does what is due but for closing files."""
        for answer in self.from_pages():
            self.run_now(self.hear_answer, answer)
        for _ in range(9):
            for job in (one for one in self.due() if one.kind != CLOSE):
                await self.do(job)

    async def certify(self, page: SignPage, key: FreshKey, told: Any) -> Any:
        """Hand in an approval for a certificate; None: there is none."""
        answer = await self.ask(page.certify, key, told)
        return answer.body if answer.status == 200 else None

    async def make(self, page: SignPage, key: FreshKey, issued: Any) -> Any:
        """A signature that is made in the browser."""

        def work() -> Any:
            view = page.view()
            return page.revision(view, page.document(view), key, issued)

        return await self.away(work)

    async def approval(self, page: SignPage, person: UserId, **asked: Any) -> Any:
        """What a person's key has signed, and nobody was handed yet."""
        found = await self.away(page.ask, **asked)
        assert found.status == 200, found
        return self.keys[person].signed(approval_of(found.body["asked"], found.body["now_ms"]))

    async def refusal(self, page: SignPage, device: BrowserKey) -> tuple[str, Any]:
        """What a key has signed to decline, and nobody was handed yet: where, and it."""
        found = await self.ask(page.ask, level="S2", key=FreshKey().id, is_refusal=True)
        signed = {}
        if found.status == 200:
            signed = device.signed(decline_of(found.body["asked"], found.body["now_ms"]))
        body = {"party": page.party, "reason_code": "other", "reason": "", "approval": signed}
        return f"/sessions/{page.session}/decline", body

    async def agrees(self, person: UserId) -> None:
        """Somebody approves what the bot asked them last, if anything; it has not heard of it."""
        asked = "SELECT 1 FROM runtime.approval_asked WHERE kind = 'mandate' AND person = %s"
        if not self.rows(asked, person):
            return
        now_ms, nonce = self.host.now_ms(), self.asked_of(person)
        view = self.run_now(lambda txn: self.host.approvals.view(txn, nonce, now_ms))
        if view.asked is not None:
            self.hand_over(person, self.signed(person))

    def phone(self) -> Phone:
        """Bob's, which scans the newest code."""
        lines = [one["body"] for one in self.contents(CAROL) if "/sign#screen=" in one["body"]]
        meeting, _, token = lines[-1].partition("/sign#screen=")[2].split()[0].partition("&x=")
        key = self.page(self.session(), "p1").key
        return Phone(self.url, meeting, token, fragment_base64(key))

    def said_to_all(self) -> str:
        """All that was said to anybody."""
        return "".join(self.all_said(one) for one in EVERYONE)

    def start_bot(self) -> None:
        """The bot hears of revoked keys from now on."""
        self.rows(
            "INSERT INTO runtime.bot (user_id, organisation, display_name) VALUES (%s, 'l', 'Bot')"
            " ON CONFLICT DO NOTHING RETURNING 1",
            BOT,
        )

    def facts(self) -> list[str]:
        """All that counts since ``fresh``: who signed, declined, was identified, acts for whom."""
        found = []
        query = "SELECT id FROM signing.session ORDER BY made_at_ms, id"
        ids = [id_ for (id_,) in self.rows(query) if id_ not in self.before]
        for at, id_ in enumerate(ids):
            session = self.run_now(lambda txn, id_=id_: sessions.read(txn, self.parts.vault, id_))
            query = "SELECT party, level FROM signing.signature WHERE session_id = %s"
            found += [f"{at} {one} signed" for one in self.rows(query, id_)]
            is_over = session.state in {State.SEALING, State.COMPLETED}
            found.append(f"{at} {State.COMPLETED if is_over else session.state}")
            for one in session.members:
                if one.party.state.value in {"declined", "delegated"} or one.identified:
                    by = one.identified and one.identified.by.person
                    found.append(f"{at} {one.id} {one.party.state} {by}")
        for name in ("identification", "guard_rule"):
            rows = self.rows(f"SELECT id, state FROM signing.{name}")  # noqa: S608 -- constants
            found += [
                f"{name} {state}"
                for id_, state in rows
                if id_ not in self.before and state in {"identified", "active"}
            ]
        return sorted(found)

    def revoke(self, person: UserId) -> None:
        """A person revokes their key."""
        key, now_ms = self.keys[person].id, self.host.now_ms()
        self.run_now(lambda txn: self.host.approvals.revoke(txn, person, key, now_ms))


# The stories: each yields whether what follows still relies on the key.

Story = Any


async def alone(site: AuthoritySite, **more: Any) -> AsyncIterator[bool]:
    invited = [Invited("p1", Role.SIGNER, ALICE, "Alice Adams")]
    page, key = site.page(site.sent(invited, **more), "p1"), FreshKey()
    told = await site.approval(page, ALICE, level="S2", key=key.id)
    yield True
    issued = await site.certify(page, key, told)
    yield True
    if issued is None:
        return
    made = await site.make(page, key, issued)
    yield True
    await site.ask(page.hand_in, made)
    yield False
    await site.settle()
    yield False


def of_a_text(site: AuthoritySite) -> AsyncIterator[bool]:
    return alone(site, file=AnyFile(b"Pay Bob 100 EUR", "letter.txt", "text/plain"))


async def in_order(site: AuthoritySite) -> AsyncIterator[bool]:
    session = site.sent(**two_signers(order=True))
    page, key = site.page(session, "p1"), FreshKey()
    issued = await site.certify(page, key, await site.approval(page, ALICE, level="S2", key=key.id))
    yield True
    if issued is not None:
        await site.ask(page.hand_in, await site.make(page, key, issued))
    yield site.states()["Alice Adams"] != "signed"
    await site.ask(site.page(session, "p2").sign, site.keys[BOB])
    await site.settle()
    yield False


async def after_another(site: AuthoritySite) -> AsyncIterator[bool]:
    session = site.sent(**two_signers(order=True))
    await site.ask(site.page(session, "p1").sign, site.keys[ALICE])
    page, key = site.page(session, "p2"), FreshKey()
    issued = await site.certify(page, key, await site.approval(page, BOB, level="S2", key=key.id))
    yield True
    if issued is not None:
        await site.ask(page.hand_in, await site.make(page, key, issued))
        yield False
    await site.settle()


async def beside_another(site: AuthoritySite) -> AsyncIterator[bool]:
    session = site.sent(**two_signers())
    page, key = site.page(session, "p1"), FreshKey()
    issued = await site.certify(page, key, await site.approval(page, ALICE, level="S2", key=key.id))
    late = await site.make(page, key, issued)
    await site.ask(site.page(session, "p2").sign, site.keys[BOB])
    yield True
    assert (await site.ask(page.hand_in, late)).status >= 400
    yield True
    await site.ask(page.hand_in, await site.make(page, key, issued))
    await site.settle()
    yield False


async def by_the_key_alone(site: AuthoritySite) -> AsyncIterator[bool]:
    page = site.page(site.sent([approver("p1", ALICE, "Alice Adams")]), "p1")
    told = await site.approval(page, ALICE)
    yield True
    body = {"party": "p1", "approval": told}
    await site.ask(page.call, "POST", f"/sessions/{page.session}/signatures", body)
    yield False
    await site.settle()
    yield False


async def refused(site: AuthoritySite) -> AsyncIterator[bool]:
    page = site.page(site.sent([Invited("p1", Role.SIGNER, ALICE, "Alice Adams")]), "p1")
    told = await site.refusal(page, site.keys[ALICE])
    yield True
    await site.ask(page.call, "POST", *told)
    yield False
    await site.settle()


async def many_at_once(site: AuthoritySite) -> AsyncIterator[bool]:
    invited = [Invited("p1", Role.SIGNER, ALICE, "Alice Adams")]
    pages = [site.page(site.sent(invited), "p1") for _ in range(2)]
    key = FreshKey()
    found = await site.away(ask_all, pages, key)
    told = site.keys[ALICE].signed(approval_of(found.body["asked"], found.body["now_ms"]))
    yield True
    for page in pages:
        issued = await site.certify(page, key, told)
        yield True
        if issued is not None:
            await site.ask(page.hand_in, await site.make(page, key, issued))
            yield page is not pages[-1]
    await site.settle()


async def of_a_batch(site: AuthoritySite) -> AsyncIterator[bool]:
    parties = [
        {"party": "p1", "name": "Alice Adams", "user": ALICE},
        {"party": "p2", "name": "Bob Brown", "user": BOB},
    ]
    deadline_at_ms = site.host.now_ms() + 86_400_000
    rows = [{"parties": parties, "answers": ANSWERS, "reference": FreshKey().id[:20]}]
    body = {"rows": rows, "language": "de", "deadline_at_ms": deadline_at_ms}
    path = "/templates/lease-of-a-flat/sessions"
    status, told = await site.call("POST", path, body, once=FreshKey().id)
    assert status == 202, told
    while site.due(SCHEDULE_ROWS):
        await site.fire(SCHEDULE_ROWS)
    await site.settle()
    page, key = site.page(site.session(), "p1"), FreshKey()
    issued = await site.certify(page, key, await site.approval(page, ALICE, level="S2", key=key.id))
    yield True
    if issued is not None:
        await site.ask(page.hand_in, await site.make(page, key, issued))
        yield False


async def privately(site: AuthoritySite) -> AsyncIterator[bool]:
    parties = [{"party": "p1", "role": "signer", "user": ALICE}]
    site.carol = site.requester(CAROL)
    page = await site.open(ALICE, await site.send(parties=parties, stages=[]))
    key = FreshKey()
    issued = await site.certify(page, key, await site.approval(page, ALICE, level="S2", key=key.id))
    yield True
    if issued is None:
        return
    signed = await site.ask(page.hand_in, await site.make(page, key, issued))
    yield signed.status != 200
    if signed.status == 200:
        await site.ask(page.close, signed.body)
        yield False


async def by_another(site: AuthoritySite, *, is_refusal: bool = False) -> AsyncIterator[bool]:
    session = site.sent([Invited("p1", Role.SIGNER, ALICE, "Alice Adams")], may_delegate=True)
    page, path = site.page(session, "p1"), f"/sessions/{session.id}/delegate"
    found = await site.away(page.call, "POST", f"{path}/ask", {"party": "p1", "to": str(BOB)})
    told = site.keys[ALICE].signed(approval_of(found.body["asked"], found.body["now_ms"]))
    yield True
    await site.ask(page.call, "POST", path, {"party": "p1", "approval": told, "to": str(BOB)})
    yield True
    if len(site.session().members) == 1:
        return
    page, key = site.page(site.session(), "p2"), FreshKey()
    if is_refusal:
        if (await site.away(page.view))["you"]["can_act"]:
            declined = await site.refusal(page, site.keys[BOB])
            yield True
            await site.ask(page.call, "POST", *declined)
        yield False
        return
    asked = await site.ask(page.ask, level="S2", key=key.id)
    if asked.status != 200:
        return
    told = site.keys[BOB].signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
    yield True
    issued = await site.certify(page, key, told)
    yield True
    if issued is None:
        await site.ask(page.decline, site.keys[BOB], "other")
        return
    await site.ask(page.hand_in, await site.make(page, key, issued))
    yield False
    await site.settle()


async def in_person(site: AuthoritySite) -> AsyncIterator[bool]:
    await site.lease('"Bob Brown"')
    await site.tap(CAROL, "here")
    phone = site.phone()
    claimed = await site.away(phone.claim)
    await site.tap(CAROL, "passport")
    await site.say_all(CAROL, "Bob Brown")
    await site.agrees(CAROL)
    yield True
    await site.hear_all()
    yield True
    page, key = phone.page(claimed), FreshKey()
    asked = await site.ask(page.ask, level="S2", key=key.id)
    if asked.status != 200:
        await site.ask(page.decline, phone.device, "other")
        return
    told = phone.device.signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
    yield True
    issued = await site.certify(page, key, told)
    yield True
    if issued is not None:
        await site.ask(page.hand_in, await site.make(page, key, issued))
        yield False


async def declines_in_person(site: AuthoritySite) -> AsyncIterator[bool]:
    await site.lease('"Bob Brown"')
    await site.tap(CAROL, "here")
    phone = site.phone()
    claimed = await site.away(phone.claim)
    await site.tap(CAROL, "passport")
    await site.say_all(CAROL, "Bob Brown")
    await site.agrees(CAROL)
    await site.hear_all()
    told = await site.refusal(phone.page(claimed), phone.device)
    yield True
    await site.ask(phone.page(claimed).call, "POST", *told)
    yield False


async def another_declines(site: AuthoritySite) -> AsyncIterator[bool]:
    async for relies in by_another(site, is_refusal=True):
        yield relies


async def by_hand(site: AuthoritySite) -> AsyncIterator[bool]:
    await site.lease()
    await site.written()
    page, key = site.witness(), FreshKey()
    told = await site.approval(page, CAROL, level="S2", key=key.id)
    yield True
    issued = await site.certify(page, key, told)
    yield True
    if issued is not None:
        await site.ask(page.hand_in, await site.make(page, key, issued))
        yield False


async def refused_on_a_tablet(site: AuthoritySite) -> AsyncIterator[bool]:
    await site.lease()
    tablet, _ = await site.sit()
    body = {"reason_code": "wrong_terms", "reason": "The rent is wrong"}
    await site.away(tablet.call, "POST", "/refusal", body)
    await site.agrees(CAROL)
    yield True
    await site.hear_all()
    yield False


async def with_guardians(site: AuthoritySite) -> AsyncIterator[bool]:
    await site.say_all(ALICE, "guardians dave")
    await site.approve(ALICE)
    await site.approve(DAVE)
    session = site.sent([Invited("p1", Role.SIGNER, ALICE, "Alice Adams")])
    page, key = site.page(session, "p1"), FreshKey()
    await site.away(page.ask, level="S2", key=key.id)
    await site.agrees(DAVE)
    yield True
    await site.hear_all()
    yield True
    asked = await site.ask(page.ask, level="S2", key=key.id)
    if asked.status != 200:
        return
    told = site.keys[ALICE].signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
    yield True
    issued = await site.certify(page, key, told)
    yield True
    if issued is not None:
        await site.ask(page.hand_in, await site.make(page, key, issued))
        yield False


async def a_guardian_accepts(site: AuthoritySite) -> AsyncIterator[bool]:
    await site.say_all(ALICE, "guardians bob dave 1 of 2")
    await site.approve(ALICE)
    await site.agrees(DAVE)
    yield True
    await site.hear_all()
    yield True
    await site.agrees(BOB)
    await site.hear_all()
    yield False


async def guardians_are_chosen(site: AuthoritySite) -> AsyncIterator[bool]:
    await site.say_all(ALICE, "guardians bob")
    await site.agrees(ALICE)
    yield True
    await site.hear_all()
    yield True
    await site.agrees(BOB)
    await site.hear_all()
    yield False


async def by_a_certificate_of_their_own(site: AuthoritySite) -> AsyncIterator[bool]:
    session, key = site.two(Level.OWN), FreshKey()
    certificate = site.bank.issue("Bob Brown", key.key)
    await site.announce(session, certificate)
    page = site.page(session, "p2")
    own = (await site.away(page.view))["you"]["own"]
    told = await site.approval(page, BOB, level=own["level"], key=own["key"])
    yield True
    answer = await site.ask(site.hand_approval, page, told)
    yield True
    if answer.status != 200:
        return
    told, theirs = (await site.away(page.view))["proofs"], encode_base64(der_of(certificate))
    issued = {
        "certificate": theirs,
        "certificates": [encode_base64(der_of(site.bank.root)), theirs, *told["certificates"]],
        "lists": [encode_base64(site.bank.revocations()), *told["lists"]],
    }
    await site.ask(page.hand_in, await site.make(page, key, issued))
    yield False


async def _identified(site: AuthoritySite) -> AsyncIterator[str]:
    await site.say_all(CAROL, "identify bob")
    await site.agrees(BOB)
    yield "came"
    await site.hear_all()
    yield "heard"
    lines = [one for one in site.all_said(BOB).splitlines() if "on this device:" in one]
    if not lines:
        return  # his key has not said that he is there
    await site.say_all(CAROL, lines[-1].rpartition(" ")[2])
    if "passport" not in site.all_said(CAROL):
        return  # it did not get so far
    await site.tap(CAROL, "passport")
    await site.say_all(CAROL, "Bob Brown")
    await site.agrees(CAROL)
    yield "word"
    await site.hear_all()


async def who_is_identified(site: AuthoritySite) -> AsyncIterator[bool]:
    async for _ in _identified(site):
        yield True
    yield False


async def who_identifies(site: AuthoritySite) -> AsyncIterator[bool]:
    async for where in _identified(site):
        if where == "word":
            yield True
    yield False


STORIES: Final[dict[Story, UserId]] = {
    alone: ALICE,
    of_a_text: ALICE,
    in_order: ALICE,
    after_another: BOB,
    beside_another: ALICE,
    by_the_key_alone: ALICE,
    refused: ALICE,
    many_at_once: ALICE,
    of_a_batch: ALICE,
    privately: ALICE,
    by_another: ALICE,
    another_declines: ALICE,
    in_person: CAROL,
    declines_in_person: CAROL,
    by_hand: CAROL,
    refused_on_a_tablet: CAROL,
    with_guardians: DAVE,
    a_guardian_accepts: DAVE,
    guardians_are_chosen: ALICE,
    by_a_certificate_of_their_own: BOB,
    who_is_identified: BOB,
    who_identifies: CAROL,
}
"""And on whose key each relies."""


async def revoked(site: AuthoritySite, person: UserId) -> None:
    """The bot has not heard of it."""
    site.revoke(person)


async def heard(site: AuthoritySite, person: UserId) -> None:
    """The bot has done what follows: no certificate is good that signed nothing."""
    site.start_bot()
    site.revoke(person)
    await site.hear_all()
    assert site.rows(UNUSED) == []


async def replaced(site: AuthoritySite, person: UserId) -> None:
    """The person has another key at once."""
    site.revoke(person)
    key = site.keys[person] = BrowserKey()
    site.run_now(lambda txn: store.add_key(txn, kept_key(person, key)))


HAPPENINGS: Final = (revoked, heard, replaced)


async def play(site: AuthoritySite, story: Story, happening: Any, at: int) -> tuple[int, bool]:
    """Tell a story in which something happens at a moment; how many it has, and if it stopped."""
    site.fresh()
    facts: list[str] = []
    moment, is_stopped, told, messages = 0, False, 0, 0
    async for relies in story(site):
        if moment == at:
            await happening(site, STORIES[story])
            facts, is_stopped, told = site.facts(), relies, len(site.heard)
            messages = len(site.contents(STORIES[story]))
        moment += 1
    await site.settle()
    after, where = site.facts(), (story.__name__, happening.__name__, at)
    if is_stopped:
        assert after == facts, where
        said = [one for one in site.heard[told:] if one.status >= 400 and one.body["error"]]
        is_asked = len(site.contents(STORIES[story])) > messages
        assert said or is_asked or any(word in site.said_to_all() for word in WORDS), where
    else:
        assert {one for one in facts if "OPEN" not in one} <= set(after), where
    return moment, is_stopped


def _test(story: Story, happening: Any) -> Callable[[AuthorityTests], Awaitable[None]]:
    async def test(self: AuthorityTests) -> None:
        if not is_long():
            _, is_stopped = await play(self, story, happening, 0)
            assert is_stopped
            return
        moments, _ = await play(self, story, happening, -1)
        undisturbed = self.facts()
        for at in range(moments):
            _, is_stopped = await play(self, story, happening, at)
            where = (story.__name__, happening.__name__, at)
            assert (self.facts() != undisturbed) is is_stopped, where

    return test


class AuthorityTests(AuthoritySite):
    """A test for each story and happening; in an ordinary run one happening, at one moment."""

    async def test_a_guardian_who_accepted_with_a_key_that_is_revoked_is_asked_anew(self) -> None:
        await play(self, a_guardian_accepts, replaced, 1)
        assert self.facts() == []

        assert await self.approve(DAVE) == "approved"

        assert self.facts() == ["guard_rule active"]

    async def test_who_waits_for_what_counts_no_more_is_told_at_once(self) -> None:
        for story, at, reader, words in (
            (alone, 1, ALICE, "You had begun to sign “Lease of flat 12b” with the key that is"),
            (by_another, 1, ALICE, "Bob Brown can act for you in “Lease of flat 12b” no more"),
            (in_person, 1, CAROL, "Bob Brown cannot sign “Lease of flat 12b” in person any more"),
        ):
            self.fresh()
            moment = 0
            async for _ in story(self):
                if moment == at:
                    assert words not in self.all_said(reader), words
                    await heard(self, STORIES[story])
                    assert words in self.said(reader), words
                    break
                moment += 1


for _at, _story in enumerate(STORIES):
    for _happening in HAPPENINGS if is_long() else (HAPPENINGS[_at % len(HAPPENINGS)],):
        _name = f"test_{_happening.__name__}_{_story.__name__}"
        setattr(AuthorityTests, _name, _test(_story, _happening))
