"""Identities that come late, change or are swapped while money moves: who reads, and what counts.

Red line R7. Alice pays Carol, and Bob at another institution: by her key and by a code; Carol is
her guardian. At any moment a hostile homeserver swaps the identity of one of them, there or here,
or somebody takes a new one themselves.
"""

from __future__ import annotations

import itertools
import random
import re
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest

from appservices.payments.chats.service.chats import LOOK_UP, hear, hear_page
from appservices.payments.guardians.service.guardians import COUNT
from appservices.payments.guardians.service.orders import NAME_GUARDIANS
from appservices.payments.jobs import handlers
from appservices.payments.transfers.service.clocks import CLOCK
from tests.integration.appservices.hostile import MOVES, Hostile, Owner, wrongs
from tests.integration.appservices.payments.peers_rig import (
    ALICE,
    BOB,
    HERE,
    NOW_MS,
    THERE,
    Branch,
    exchange,
)
from tests.integration.appservices.payments.trust import chat_with
from tests.integration.veche.runtime.crypto.desk import run
from tests.support.keys import BrowserKey, approval_of
from tests.support.long import seeds
from tests.support.page_rows import read_page_answers
from veche.access.approvals import Approvals, Key, KeyKind, Rules, store
from veche.acts import ActLog
from veche.messaging.jobs import Job
from veche.protocol.approval import SignedApproval
from veche.protocol.ids import UserId
from veche.runtime.web.public import PageLinks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

STEPS: Final = 14
CAROL: Final = UserId("@carol:here.test")
GUARDED: Final = 0.5
"""Of the stories: Carol is a guardian of Alice from the beginning, and is asked about a payment."""
LIMIT_MINOR: Final = 5_000
CODE: Final = re.compile(r"(?m) ([0-9]{4})$")
RULES: Final = Rules(key_hold_ms=0, held=frozenset(), small_limits={}, code_limits={"EUR": 9_000})
ORDERS: Final = ("balance", "history", "page", "pay carol 1 EUR gift", "limits", "guardians off")
JOBS: Final = (LOOK_UP, CLOCK, COUNT, NAME_GUARDIANS)
_numbers = itertools.count(1)


class _Profiles:
    """The homeserver, as far as one asks it what people are called."""

    async def call(self, _method: str, where: str, **_: Any) -> dict[str, str]:
        return {"displayname": where.rpartition("/")[2][3:].partition("%")[0].title()}


@attrs.define(repr=False)
class SwappedBranch(Branch):
    """An institution whose people have chats and keys."""

    keys: dict[UserId, BrowserKey] = attrs.Factory(dict)
    hostile: Any = None
    log: ActLog = attrs.Factory(lambda: ActLog(b"p" * 32))

    def host(self) -> Any:
        links = PageLinks(f"https://{self.server}")
        none = cast("Any", None)
        approvals = Approvals(none, none, self.log, links, RULES, key=b"a" * 32)
        host = vars(super().host())
        more = {"links": links, "approvals": approvals, "act_log": self.log}
        return SimpleNamespace(**{**host, **more, "client": _Profiles()})

    def scene_of(self, txn: Cursor, cause: str, now_ms: int) -> Any:
        return self.parts.conversation(txn, cause, now_ms)

    def open(self, *people: UserId, chance: random.Random) -> None:
        """Everybody has a chat, a key, and may pay a little by code."""
        parts = self.parts
        self.hostile = Hostile(
            self.dsn, parts.bot, self.log, parts.host.approvals.parts, NOW_MS / 1_000
        )
        for person in people:
            key = self.keys[person] = BrowserKey()
            with self.scene() as scene:
                room_id = chat_with(scene, person)
                self._enrol(scene, person, key)
            self.hostile.come(person, room_id, has_identity=chance.random() < 0.8)

    def _enrol(self, scene: Conversation, person: UserId, key: BrowserKey) -> None:
        kept = Key(key.id, person, KeyKind.P256, key.public, None, (), 0, "Phone", 1, 1)
        assert store.add_key(scene.txn, kept)
        scene.txn.execute(
            "INSERT INTO runtime.code_limit (person, currency, minor) VALUES (%s, 'EUR', %s)",
            (person, LIMIT_MINOR),
        )

    # What is said, and what follows.

    def listen(self, inbound: Inbound) -> None:
        with self.scene() as scene:
            hear(scene, attrs.evolve(inbound, at_ms=self.now_ms), is_greeted=True)

    def by(self, owner: Owner, body: str, *, is_ghost: bool = False, **more: Any) -> None:
        """A device of somebody's, or one in their name, writes."""
        side = owner.ghost if is_ghost else owner.phone
        self.now_ms += 1
        self.hostile.hears(owner, side, body, self.listen, **more)
        self.go_on()

    def go_on(self) -> None:
        """Do what is due, and let the ledger's writer write."""
        every = handlers(self.parts)
        for kind, id_, payload in self.rows(
            "DELETE FROM runtime.errand WHERE kind = ANY(%s) AND due_at_ms <= %s"
            " RETURNING kind, errand_id, payload",
            list(JOBS),
            self.now_ms,
        ):
            job = Job(id_, kind, cast("Any", payload), self.now_ms)
            if kind == LOOK_UP:
                named = {one: job.payload[one][1:].partition(":")[0] for one in ("payee",)}
                result: Any = {"payer": "Alice", "payee": named["payee"].title(), "why": None}
            else:
                result = run(every[kind].perform(job))
            with self.scene() as scene:
                every[kind].finish(scene.txn, job, result, self.now_ms)
        self.write()

    def read(self, owner: Owner) -> list[dict[str, Any]]:
        """What somebody's phone has read."""
        return [
            one.content
            for one in self.hostile.said
            if one.to == owner.user and (owner.user, "PHONE") in one.readers
        ]

    def approve(self, person: UserId) -> str:
        """Somebody approves by their key what they were asked last."""
        asked_of = (
            "SELECT nonce FROM runtime.approval_asked WHERE person = %s AND choice IS NOT NULL"
            " ORDER BY asked_at_ms DESC, nonce LIMIT 1"
        )
        self.now_ms += 1
        [(nonce,)] = self.rows(asked_of, person)
        approvals = self.parts.host.approvals
        with self.scene() as scene:
            view: Any = approvals.view(scene.txn, nonce, self.now_ms)
            content = view.asked.model_dump(mode="json", exclude_none=True)
            signed = self.keys[person].signed(approval_of(content, self.now_ms))
            taken = approvals.take(scene.txn, SignedApproval.model_validate(signed), self.now_ms)
        answers = read_page_answers(self.rows)
        self.rows("DELETE FROM runtime.inbox RETURNING event")
        for answer in answers:
            with self.scene() as scene:
                hear_page(scene, answer)
        self.go_on()
        return str(taken.outcome)


class Tale:
    """What people do at two institutions, and what the homeservers do meanwhile."""

    def __init__(self, here: SwappedBranch, there: SwappedBranch, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 -- no secret
        self.here, self.there = here, there
        self.told: list[str] = []
        here.open(ALICE, CAROL, chance=self.chance)
        there.open(BOB, chance=self.chance)
        if self.chance.random() < GUARDED:
            self.told.append(f"guarded: {self.do_guardians()}, {self.do_vote()}")
            here.by(self.alice, f"pay {BOB} 20 EUR gift")
            self.told.append(f"waits for Carol: {self.do_approve()}")
            self.post()

    @property
    def alice(self) -> Owner:
        owner: Owner = self.here.hostile.owners[ALICE]
        return owner

    @property
    def carol(self) -> Owner:
        owner: Owner = self.here.hostile.owners[CAROL]
        return owner

    @property
    def tale(self) -> str:
        return "\n".join(self.told)

    def go(self) -> None:
        steps = [name for name in dir(self) if name.startswith("do_")]
        apt = [
            "do_pay",
            "do_code",
            "do_move",
            "do_approve",
            "do_vote",
            "do_doubted_vote",
            "do_ghost_code",
        ]
        for _ in range(STEPS):
            name = self.chance.choice(apt if self.chance.random() < 0.6 else steps)
            before, votes, asked = self.money(), self.votes(), self.asked()
            was_in_doubt = self.alice.is_in_doubt, self.is_known_in_doubt(CAROL)
            try:
                found = getattr(self, name)()
            except (IndexError, ValueError, KeyError, AttributeError) as e:
                found = f"not now: {e!r}"[:100]
            self.told.append(f"{name[3:]}: {found}")
            if name.startswith("do_ghost"):
                assert self.asked() == asked, self.tale
            exchange(self.here, self.there)
            if self.chance.random() < 0.2:
                self.told.append(f"meanwhile {self.do_move()}")
            self.post()
            self.check(name, before, votes, was_in_doubt)
        self.end()

    def check(
        self, name: str, before: object, votes: object, was_in_doubt: tuple[bool, bool]
    ) -> None:
        if name not in {"do_code", "do_approve", "do_vote", "do_guardians"}:
            assert self.money() == before, self.tale
        if name == "do_code" and was_in_doubt[0]:
            assert self.money() == before, self.tale
        if was_in_doubt[1] or name != "do_vote":
            assert self.votes() == votes, self.tale

    def post(self) -> None:
        for one in (self.here, self.there):
            one.hostile.post()
            assert list(wrongs(one.hostile.said)) == [], self.tale
            owners = one.hostile.owners.values()
            assert [each.user for each in owners if one.hostile.unwarned(each)] == [], self.tale

    def end(self) -> None:
        """In the end all is theirs again, and what waited comes."""
        for branch in (self.here, self.there):
            for owner in branch.hostile.owners.values():
                branch.hostile.let_out(owner)
                owner.phone.identity = owner.had
                branch.hostile.restore(owner)
        self.post()
        for branch in (self.here, self.there):
            assert branch.hostile.lost == [], self.tale
            for owner in branch.hostile.owners.values():
                assert branch.hostile.waiting(owner) == [], self.tale

    def money(self) -> list[Any]:
        """What everybody has, and what is set aside."""
        balances = "SELECT id, credits_posted, debits_posted FROM ledger.account ORDER BY id"
        return [one.rows(balances) for one in (self.here, self.there)]

    def votes(self) -> list[Any]:
        return self.here.rows("SELECT x::text FROM payments.guardian_vote x ORDER BY 1")

    def is_known_in_doubt(self, person: UserId) -> bool:
        """Whether it is known that the identity of somebody is another one than was pinned."""
        doubted = (
            "SELECT master_key IS DISTINCT FROM master_pinned FROM crypto.person"
            " WHERE user_id = %s AND queried_seq >= outdated_seq"
        )
        return self.here.rows(doubted, person) == [(True,)]

    def asked(self) -> list[Any]:
        """What people were asked, and what they answered."""
        prompts = "SELECT prompt_id, state FROM runtime.prompt ORDER BY 1"
        return [one.rows(prompts) for one in (self.here, self.there)]

    def do_move(self) -> str:
        hostile = self.chance.choice([self.here, self.here, self.there]).hostile
        owner = self.chance.choice(list(hostile.owners.values()))
        name = self.chance.choice(MOVES)
        getattr(hostile, name)(owner)
        return f"{name} {owner.user}"

    def do_confirm(self) -> None:
        for branch in (self.here, self.there):
            for owner in branch.hostile.owners.values():
                branch.hostile.confirm(owner, branch.listen)

    def do_pay(self) -> str:
        payee = self.chance.choice(["carol", BOB])
        self.here.by(self.alice, f"pay {payee} {self.chance.choice([1, 20])} EUR gift")
        return payee

    def do_code(self) -> str:
        """Alice replies the newest code that she has read."""
        bodies = [one["body"] for one in self.here.read(self.alice)]
        codes = [code for body in bodies for code in CODE.findall(body)]
        self.here.by(self.alice, codes[-1])
        return str(codes[-1])

    def do_approve(self) -> str:
        return self.here.approve(ALICE)

    def do_vote(self) -> str:
        return self.here.approve(CAROL)

    def do_doubted_vote(self) -> str:
        """Carol answers by her key, while it is known that her identity is another one."""
        hostile = self.here.hostile
        hostile.swap(self.carol)
        run(hostile.desk.people.refresh(hostile.desk.bot, [CAROL]))
        return self.here.approve(CAROL)

    def do_guardians(self) -> str:
        self.here.by(self.alice, "guardians carol above 10 EUR")
        return self.here.approve(ALICE)

    def do_ghost_code(self) -> str:
        """The ghost replies the code, which it must not know."""
        codes = [code for one in self.here.hostile.said for code in CODE.findall(one.text)]
        self.here.by(self.alice, codes[-1], is_ghost=True)
        return str(codes[-1])

    def do_ghost_orders(self) -> str:
        owner = self.chance.choice([self.alice, self.carol])
        order = self.chance.choice(ORDERS)
        self.here.by(owner, order, is_ghost=True)
        return f"{owner.user} {order}"

    def do_ghost_there(self) -> None:
        self.there.by(self.there.hostile.owners[BOB], "pay carol 1 EUR gift", is_ghost=True)


@contextmanager
def two() -> Iterator[tuple[SwappedBranch, SwappedBranch]]:
    """The institutions of Alice and of Bob."""
    with ExitStack() as stack:
        for_both = (SwappedBranch.opened(HERE, THERE), SwappedBranch.opened(THERE, HERE))
        here, there = (cast("SwappedBranch", stack.enter_context(one)) for one in for_both)
        yield here, there
        for one in (here, there):
            if one.hostile is not None:
                one.hostile.close()


@pytest.mark.parametrize("seed", seeds(ordinary=1, long=100))
def test_no_story_lets_a_ghost_read_or_pay(seed: int) -> None:
    with two() as (here, there):
        Tale(here, there, seed).go()
