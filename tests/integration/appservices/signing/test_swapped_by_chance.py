"""Identities that come late, change or are swapped while people sign: who reads, and what counts.

Red line R7. Carol has documents signed: by Alice, one at a time, many at once and by a reply, and
Bob is her guardian; by a guest at Carol's counter; and she identifies Bob there. At any moment a
hostile homeserver swaps the identity of one of them, or somebody takes a new one themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's

from appservices.signing.authority.core.levels import Level
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.sessions.core.parties import Role
from tests.integration.appservices.hostile import DIGITS, MOVES, Hostile, Owner, wrongs
from tests.integration.appservices.signing.chance import Story
from tests.integration.appservices.signing.chats import NAMES
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL
from tests.integration.appservices.signing.test_meetings import MeetingSite, Phone
from tests.support.forgery import page
from tests.support.long import seeds
from tests.support.sign_page import SignList, SignPage, sign_all

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from veche.protocol.ids import UserId
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

reactor: Any = default_reactor
pytestmark = pytest.mark.postgres

ORDERS: Final = ("sign", "sessions", "export", "meet", "guardians off", "identify bob", "cancel")
CHOICES: Final = ("here", "sign", "file", "decline", "passport", "stop")
OTHER: Final = """strpos(shown, '"what":"identity ') = 0"""
"""Of what was asked: about something else than an identity."""
KEPT: Final = (
    "SELECT session_id, id, state FROM signing.party ORDER BY 1, 2",
    "SELECT session_id, party, level FROM signing.signature ORDER BY 1, 2",
    "SELECT id, state FROM signing.meeting ORDER BY 1",
    "SELECT id, state FROM signing.identification ORDER BY 1",
    "SELECT guardian, is_yes, approved_by FROM signing.guardian_vote ORDER BY at_ms, 1",
    "SELECT id, state FROM signing.guard_rule ORDER BY 1",
    "SELECT nonce FROM runtime.approval ORDER BY 1",
    f"SELECT nonce, state FROM runtime.approval_asked WHERE {OTHER} ORDER BY 1",  # noqa: S608 -- ours
)
"""What nothing that a ghost does may change. Whether a new identity is theirs people are asked."""
REPLIED: Final = "SELECT count(*) FROM signing.signature WHERE level = 'S0'"
AGREED: Final = "SELECT count(*) FROM signing.guardian_vote WHERE is_yes"
IDENTIFIED: Final = "SELECT count(*) FROM signing.identification WHERE state = 'identified'"


class SwappedStory(Story):
    """What people do, and what the homeserver does meanwhile."""

    apt_share = 0.6

    def __init__(self, site: ChanceTests, seed: int) -> None:
        super().__init__(seed)
        self.site = site
        self.guests: list[tuple[Phone, SignPage]] = []
        self.were_in_doubt: dict[UserId, bool] = {}
        self.counts = 0, 0, 0
        site.between = self.maybe_move

    @property
    def owners(self) -> list[Owner]:
        return list(self.site.hostile.owners.values())

    def apt(self) -> str:
        return self.chance.choice(
            [
                "move",
                "here",
                "claim",
                "attest",
                "guest_signs",
                "sign",
                "list",
                "click",
                "agree",
                "identify",
                "digits",
            ]
        )

    def states(self) -> dict[str, str]:
        self.were_in_doubt = {one.user: one.is_in_doubt for one in self.owners}
        self.counts = self.counted()
        return {one: str(self.site.rows(one)) for one in KEPT}

    def counted(self) -> tuple[int, int, int]:
        """Signatures of Alice by a reply, yeses of Bob, and how often he was identified."""
        clicked, agreed, identified = map(self.site.count, (REPLIED, AGREED, IDENTIFIED))
        return clicked, agreed, identified

    def maybe_move(self) -> None:
        """Before what was said is sealed."""
        if self.chance.random() < 0.2:
            self.told.append(f"meanwhile {self.move()}")

    def move(self) -> str:
        owner, hostile = self.chance.choice(self.owners), self.site.hostile
        name = self.chance.choice(MOVES)
        getattr(hostile, name)(owner)
        return f"{name} {owner.user}"

    async def check(self, name: str, found: Any, before: dict[str, str]) -> None:
        about = "\n".join([*self.told, str(found)])
        assert getattr(found, "status", 0) < 500, about
        assert list(wrongs(self.site.hostile.said)) == [], about
        assert [one.user for one in self.owners if self.site.hostile.unwarned(one)] == [], about
        if name.startswith("ghost"):
            assert self.states() == before, about
        of = ALICE, BOB, BOB
        for person, now, then in zip(of, self.counted(), self.counts, strict=True):
            assert now <= then or not self.were_in_doubt[person], about

    async def do_move(self) -> str:
        return self.move()

    async def do_confirm(self) -> None:
        for owner in self.owners:
            self.site.hostile.confirm(owner, self.site.heard)
        await self.site.settle()

    # The ghost

    async def do_ghost_orders(self) -> str:
        owner, order = self.chance.choice(self.owners), self.chance.choice(ORDERS)
        self.site.by(owner, order, is_ghost=True)
        await self.site.settle()
        return f"{owner.user} {order}"

    async def do_ghost_taps(self) -> str:
        owner, choice = self.chance.choice(self.owners), self.chance.choice(CHOICES)
        self.site.by(owner, choice, is_ghost=True, **self.site.choosing(owner.user, choice))
        await self.site.settle()
        return f"{owner.user} {choice}"

    async def do_ghost_replies(self) -> str:
        self.site.by(self.site.hostile.owners[ALICE], self.site.click.code, is_ghost=True)
        await self.site.settle()
        return "code"

    # What people do

    async def do_click(self) -> str:
        """Alice replies with the code of a document."""
        await self.site.say_all(ALICE, self.site.click.code)
        return str(self.site.count(REPLIED))

    async def do_sign(self) -> Any:
        """Alice signs what she has a link of."""
        pages = self.site.pages(ALICE)
        return await self.site.away(self.chance.choice(pages).sign, self.site.keys[ALICE])

    async def do_list(self) -> Any:
        """Alice signs all that waits, at once."""
        await self.site.say_all(ALICE, "sign")
        [link] = self.site.links(ALICE, "#all=")[-1:]
        pages = await self.site.away(SignList.of(link).pages)
        answers = await self.site.away(sign_all, pages, self.site.keys[ALICE])
        await self.site.settle()
        return answers

    async def do_send(self) -> None:
        self.site.send_to_alice()
        await self.site.settle()

    async def do_agree(self) -> str:
        """Bob agrees, by his key."""
        return str(await self.site.approve(BOB))

    async def do_guarded(self) -> str:
        await self.site.say_all(ALICE, "guardians bob")
        return str(await self.site.approve(ALICE))

    async def do_here(self) -> None:
        await self.site.tap(CAROL, "here")

    async def do_claim(self) -> Any:
        phone = self.site.phone()
        claimed = await self.site.away(phone.claim)
        self.guests.append((phone, phone.page(claimed)))
        return claimed

    async def do_digits(self) -> str:
        """Carol writes the digits that Bob's phone shows."""
        shown = [one for each in self.site.contents(BOB) for one in DIGITS.findall(each["body"])]
        await self.site.say_all(CAROL, shown[-1])
        return str(shown[-1])

    async def do_attest(self) -> str:
        await self.site.tap(CAROL, "passport")
        await self.site.say_all(CAROL, "Bob Brown")
        return str(await self.site.approve(CAROL))

    async def do_guest_signs(self) -> Any:
        phone, guest_page = self.chance.choice(self.guests)
        return await self.site.away(guest_page.sign, phone.device)

    async def do_identify(self) -> str:
        await self.site.say_all(CAROL, "identify bob")
        return str(await self.site.approve(BOB))


class ChanceTests(MeetingSite):
    """Stories by chance."""

    hostile: Hostile

    def setUp(self) -> None:
        super().setUp()
        approvals = self.host.approvals.parts
        self.hostile = Hostile(
            self.dsn, self.parts.bot, self.host.act_log, approvals, reactor.seconds()
        )
        self.addCleanup(self.hostile.close)
        self.between: Callable[[], None] = lambda: None

    async def begin(self, story: SwappedStory) -> None:
        """All have a chat, and documents are sent."""
        self.chat(ALICE, BOB, CAROL)
        between, self.between = self.between, lambda: None
        for person in (ALICE, BOB, CAROL):
            has_identity = story.chance.random() < 0.8
            self.hostile.come(person, self.room(person), has_identity=has_identity)
        name, data = self.paper
        self.send_file(CAROL, data, name)
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", 'me, "Bob Brown"')
        await self.tap(CAROL, "send")
        self.lease = self.session()
        invited = [Invited("p1", Role.SIGNER, ALICE, NAMES[ALICE], level=Level.CLICK)]
        self.click = self.sent(invited, pdf=page("Rules of the house"))
        self.send_to_alice()
        await self.settle()
        self.between = between

    def send_to_alice(self) -> None:
        number = len(self.rows("SELECT 1 FROM signing.session"))
        invited = [Invited("p1", Role.SIGNER, ALICE, NAMES[ALICE])]
        self.sent(invited, pdf=page(f"Receipt {number}"))

    async def end(self, told: list[str]) -> None:
        """In the end all is theirs again, and what waited comes."""
        self.between, about = (lambda: None), "\n".join(told)
        for owner in self.hostile.owners.values():
            self.hostile.let_out(owner)
            owner.phone.identity = owner.had
            self.hostile.restore(owner)
        await self.settle()
        assert list(wrongs(self.hostile.said)) == [], about
        assert self.hostile.lost == [], about
        for owner in self.hostile.owners.values():
            assert self.hostile.waiting(owner) == [], about

    # What people write goes by their phones, and what they see is what these can read.

    def heard(self, inbound: Inbound) -> None:
        """The bot hears what was written."""

        def work(txn: Cursor) -> None:
            self.hear(
                txn,
                inbound.sender,
                inbound.content,
                inbound.event_id,
                inbound.trust,
                inbound.standing,
            )

        self.run_now(work)

    def by(self, owner: Owner, body: str, *, is_ghost: bool = False, **more: Any) -> None:
        """A device of somebody's, or one in their name, writes."""
        side = owner.ghost if is_ghost else owner.phone
        self.hostile.hears(owner, side, body, self.heard, **more)

    def say(self, person: UserId, body: str, *_: Any, **more: Any) -> None:
        self.by(self.hostile.owners[person], body, **more)

    async def settle(self) -> None:
        await super().settle()
        self.between()
        self.hostile.post()

    def _arrive(self) -> None:
        """What left is there; what waits is not."""

    def contents(self, person: UserId) -> list[dict[str, Any]]:
        return [
            one.content
            for one in self.hostile.said
            if one.to == person and (person, "PHONE") in one.readers
        ]

    def asked_of(self, person: UserId) -> str:
        """What a person was asked last, but for identities, of which the ghosts' come first."""
        [(nonce,)] = self.rows(
            "SELECT nonce FROM runtime.approval_asked"  # noqa: S608 -- ours
            " WHERE kind = 'mandate' AND person = %s"
            f" AND {OTHER} ORDER BY asked_at_ms DESC, nonce LIMIT 1",
            person,
        )
        return str(nonce)

    def links(self, person: UserId, what: str) -> list[str]:
        """The links of a kind that a person has read."""
        words = " ".join(one["body"] for one in self.contents(person)).split()
        return [one for one in words if what in one]

    def pages(self, person: UserId) -> list[SignPage]:
        return [SignPage.of(one) for one in self.links(person, "#s=")]

    def count(self, statement: str) -> int:
        [(count,)] = self.rows(statement)
        return int(count)


def _story(seed: int) -> Callable[[ChanceTests], Awaitable[None]]:
    async def test(self: ChanceTests) -> None:
        story = SwappedStory(self, seed)
        await self.begin(story)
        await story.go()
        await self.end(story.told)

    return test


for _seed in seeds(ordinary=1, long=100):
    setattr(ChanceTests, f"test_story_{_seed}", _story(_seed))
