"""Identities that come late or are swapped while an office has a case: who reads, what counts.

Red line R7. Alice asks the records office for a copy: in her chat, in the room of her case and on
its pages. Carol of the office takes the case, asks her and decides. At any moment a hostile
homeserver swaps Alice's identity, or she takes another one herself.
"""

from __future__ import annotations

import random
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import pytest

from appservices.agency.pages.api import AnswerBody, CommandBody
from appservices.agency.pages.service import acts
from appservices.agency.pages.service.acts import Visit
from tests.integration.appservices.agency.town import ALICE, BOT, CAROL, CHAT, EXAMPLE, Town
from tests.integration.appservices.hostile import MOVES, Hostile, wrongs
from tests.integration.veche.runtime.crypto.desk import run
from tests.support.long import seeds
from veche.access.sessions import Level, Sessions, SignInRefusedError
from veche.protocol.errors import SignInError, VecheError
from veche.protocol.prompts import ANSWER_KEY
from veche.runtime.crypto.tracking import Hooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from appservices.agency.cases.service.conversation import Conversation
    from tests.integration.appservices.hostile import Owner
    from veche.messaging.jobs import JobHandler
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

R = TypeVar("R")
pytestmark = pytest.mark.postgres

STEPS: Final = 14
PATH: Final = ("do_sign_in", "do_begin", *["do_form"] * 5, "do_join", "do_claim", "do_ask")
"""What is done undisturbed, up to some moment."""
SIGN_IN: Final = "/signin#"
FORM: Final = ("Anna Weber", "12 March 2020", "Travel", "skip", "submit")
ORDERS: Final = (
    *("1", "Start", "start Copy of a birth certificate", "Anna Ghost", "12 March 2020", "submit"),
    *("withdraw", "export", "status", "why", "human are you there?", "page", "cancel", "menu"),
    *("language de", "receipts on", "receipt", "It is mine"),
)
TOPICS: Final[dict[str, tuple[str, ...]]] = {
    "start": ("start",),
    "form": ("submit", "cancel"),
    "withdraw": ("withdraw", "keep"),
    "more": ("It is mine",),
}
"""What a ghost chooses of a question."""
KEPT: Final = (
    "SELECT x::text FROM agency.case_file AS x ORDER BY 1",
    "SELECT x::text FROM agency.held AS x ORDER BY 1",
    "SELECT x::text FROM agency.receipts_count AS x ORDER BY 1",
    "SELECT x::text FROM agency.delivery AS x ORDER BY 1",
    "SELECT prompt_id, state FROM runtime.prompt ORDER BY 1",
    "SELECT x::text FROM runtime.person AS x ORDER BY 1",
    "SELECT session_id FROM runtime.session ORDER BY 1",
    "SELECT sign_in_id FROM runtime.sign_in ORDER BY 1",
)
"""What nothing that a ghost does may change."""


class HostileTown(Town):
    """An office, whose homeserver is against Alice."""

    hostile: Hostile | None = None

    def begin(self, chance: random.Random, *, is_strict: bool, has_identity: bool) -> None:
        """Alice has a chat with the office."""
        source = EXAMPLE.read_text()
        level = "verified" if is_strict else "e2ee"
        path = self._folder / EXAMPLE.name
        path.write_text(source.replace("min_trust: e2ee", f"min_trust: {level}"))
        shutil.copy(EXAMPLE.with_suffix(".typ"), self._folder)
        links = self.host.have_pages()
        self.opened(services=[path])
        approvals, bot = self.host.approvals.parts, self.agency.offices[BOT].bot
        hostile = Hostile(self.dsn, bot, self.host.act_log, approvals, self.now_ms / 1_000)
        hostile.moved = self.seat
        self.hostile, desk, self.chance = hostile, hostile.desk, chance
        seed, database, log = b"s" * 32, desk.database, self.host.act_log
        self.sessions = Sessions(
            *(database, desk.clock, log, links, desk.people),  # type: ignore[arg-type]
            key=seed,
        )
        self.begin_chat()
        hostile.come(ALICE, CHAT, has_identity=has_identity)
        self.by("English")

    @property
    def alice(self) -> Owner:
        assert self.hostile is not None
        return self.hostile.owners[ALICE]

    # What leaves, and who is where.

    def _handlers(self) -> Mapping[str, JobHandler]:
        more = {} if self.hostile is None else self.sessions.job_handlers()
        return {**super()._handlers(), **more}

    def _is_sealed(self, room_id: RoomId) -> bool:
        return self.hostile is not None and room_id in self._rooms()

    def _rooms(self) -> list[RoomId]:
        made = "SELECT room_id FROM agency.case_file WHERE room_id IS NOT NULL ORDER BY 1"
        return [CHAT, *(room_id for (room_id,) in self.sql(made))]

    def seat(
        self,
        room_id: RoomId,
        user_id: UserId,
        membership: str = "join",
        *,
        is_encrypted: bool = False,
    ) -> None:
        super().seat(room_id, user_id, membership, is_encrypted=is_encrypted)
        if self.hostile is not None:
            self.run(Hooks().member, room_id, user_id, membership)

    def post(self) -> None:
        """Let the bot's device say what may leave."""
        assert self.hostile is not None
        self.alice.more_rooms = self._rooms()[1:]
        self.hostile.desk.clock.rightNow = self.now_ms / 1_000
        self.hostile.post()

    # What is written, and by which device.

    def by(self, body: str, room_id: RoomId = CHAT, *, is_ghost: bool = False, **more: Any) -> None:
        """Alice's phone, or a ghost in her name, writes."""
        assert self.hostile is not None
        self.post()
        side = self.alice.ghost if is_ghost else self.alice.phone
        self.hostile.hears(self.alice, side, body, self.listen, room_id, **more)
        self.settle()

    def listen(self, inbound: Inbound) -> None:
        self.run(self.agency.receive, attrs.evolve(inbound, at_ms=self.now_ms))

    def choose(self, topic: str, choice: str, *, is_ghost: bool = False) -> None:
        """Answer the newest question of a topic by a client that knows us."""
        prompt, effect, room_id = self.asked(topic)
        relates = {"rel_type": "m.reference", "event_id": f"${effect}"}
        answer = {ANSWER_KEY: {"v": 1, "prompt": prompt, "choice": choice}}
        self.by(choice, room_id, is_ghost=is_ghost, **answer, **{"m.relates_to": relates})

    def send_file(self, *, is_ghost: bool = False) -> None:
        """Send a photo where Alice deals with the office."""
        photo = self.attached()
        self.by(photo.pop("body"), self.place(), is_ghost=is_ghost, **photo)

    def asked(self, topic: str) -> tuple[str, str, RoomId]:
        [row] = self.sql(
            "SELECT prompt_id, effect_id, room_id FROM runtime.prompt WHERE state = 'open'"
            " AND purpose->>'topic' = %s ORDER BY seq DESC LIMIT 1",
            topic,
        )
        return row

    def place(self) -> RoomId:
        """Where Alice deals with the office now."""
        return self.alice.rooms[-1]

    def read(self) -> list[str]:
        """What Alice's phone has read."""
        assert self.hostile is not None
        return [one.text for one in self.hostile.said if (ALICE, "PHONE") in one.readers]

    # On the pages.

    def secrets(self) -> list[str]:
        """Those of the links to sign in that Alice's phone has read."""
        links = [link for words in self.read() for link in words.split() if SIGN_IN in link]
        return [link.partition(SIGN_IN)[2][:22] for link in links]

    def session_of(self, token: str) -> Any:
        return self.run(self.sessions.authenticated, token, self.now_ms)

    def visiting(self, token: str, work: Callable[[Visit], R]) -> R:
        """Do something on a page, signed in by a token."""

        def page(txn: Cursor) -> R:
            session = self.sessions.authenticated(txn, token, self.now_ms)
            scene: Conversation = self.agency.offices[BOT].conversation(txn, "page", self.now_ms)
            return work(Visit(scene, session, "en", f"key{self.chance.random()}"))

        found = self.run(page)
        self.hear_pages()
        return found


class Tale:
    """What Alice and the office do, and what the homeserver does meanwhile."""

    def __init__(self, town: HostileTown, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 -- no secret
        self.town, self.told = town, [f"seed {seed}"]
        has_identity = self.chance.random() < 0.7
        self.is_strict = has_identity and self.chance.random() < 0.5
        self.tokens: list[str] = []
        self.granted: list[str] = []
        self.at = 0
        town.begin(self.chance, is_strict=self.is_strict, has_identity=has_identity)
        self.told.append(f"identity {has_identity}, strict {self.is_strict}")
        for name in PATH[: self.chance.randrange(len(PATH) + 1)]:
            self.told.append(f"at first {name}: {getattr(self, name)()}")
            self.post()

    @property
    def tale(self) -> str:
        return "\n".join(self.told)

    @property
    def hostile(self) -> Hostile:
        assert self.town.hostile is not None
        return self.town.hostile

    @property
    def state(self) -> str | None:
        found = self.town.sql("SELECT state FROM agency.case_file ORDER BY opened_at_ms DESC")
        return found[0][0] if found else None

    def kept(self) -> list[str]:
        return [str(self.town.sql(one)) for one in KEPT]

    def go(self) -> None:
        steps = sorted(name for name in dir(self) if name.startswith("do_"))
        for _ in range(STEPS):
            name = f"do_{self.apt()}" if self.chance.random() < 0.6 else self.chance.choice(steps)
            self.town.now_ms += 1_000
            self.town.settle()
            self.town.post()
            before, state, was_in_doubt = self.kept(), self.state, self.town.alice.is_in_doubt
            found = self.tried(name)
            self.told.append(f"{name[3:]}: {found}; {self.state}")
            if name.startswith("do_ghost"):
                assert self.kept() == before, self.tale
            elif name in PERSONS and self.is_strict and was_in_doubt:
                assert self.state == state, self.tale
            if self.chance.random() < 0.2:
                self.told.append(f"meanwhile {self.do_move()}")
            self.post()
        self.end()

    def tried(self, name: str) -> object:
        try:
            return getattr(self, name)()
        except (IndexError, ValueError, AssertionError, VecheError) as e:
            return f"not now: {e!r}"[:100]

    def apt(self) -> str:
        """What would be next if nothing came between."""
        nexts: dict[str | None, list[str]] = {
            None: ["begin"],
            "draft": ["form", "form", "form", "ghost_taps", "ghost_orders"],
            "submitted": ["join", "claim", "withdraw", "page", "ghost_taps"],
            "in_review": ["ask", "decide", "page", "ghost_orders"],
            "needs_more": ["reply", "reply", "ghost_taps", "ghost_orders"],
            "withdrawn": ["begin"],
        }
        return self.chance.choice(nexts.get(self.state, ["sign_in", "move"]))

    def post(self) -> None:
        self.town.post()
        assert list(wrongs(self.hostile.said)) == [], self.tale
        assert not self.hostile.unwarned(self.town.alice), self.tale
        assert self.granted == [], self.tale
        if self.is_known_in_doubt():
            for token in self.tokens:
                with pytest.raises(SignInError):
                    self.town.session_of(token)

    def is_known_in_doubt(self) -> bool:
        doubted = (
            "SELECT pinned_at_ms IS NOT NULL AND master_key IS DISTINCT FROM master_pinned"
            " FROM crypto.person WHERE user_id = %s AND queried_seq >= outdated_seq"
        )
        return self.town.sql(doubted, ALICE) == [(True,)]

    def end(self) -> None:
        """In the end all is hers again, and what waited comes; so it is with a new identity."""
        alice = self.town.alice
        self.hostile.let_out(alice)
        alice.phone.identity = alice.had
        self.hostile.restore(alice)
        self.post()
        self.hostile.set_up(alice)
        self.hostile.reset(alice)
        self.town.by("status", self.town.place())
        self.post()
        assert self.is_known_in_doubt(), self.tale
        self.do_confirm()
        assert not alice.is_in_doubt, self.tale
        self.post()
        assert self.hostile.lost == [], self.tale
        assert self.hostile.waiting(alice) == [], self.tale
        assert self.do_sign_in() is Level.VERIFIED, self.tale

    # The homeserver, and Alice's own identity.

    def do_move(self) -> str:
        name = self.chance.choice(MOVES)
        getattr(self.hostile, name)(self.town.alice)
        return name

    def do_confirm(self) -> None:
        self.hostile.confirm(self.town.alice, self.town.listen)
        self.town.settle()

    # The ghost.

    def do_ghost_orders(self) -> str:
        order = self.chance.choice(ORDERS)
        room_id = self.chance.choice(self.town.alice.rooms)
        self.town.by(order, room_id, is_ghost=True)
        return order

    def do_ghost_taps(self) -> str:
        topic = self.chance.choice(sorted(TOPICS))
        choice = self.chance.choice(TOPICS[topic])
        self.town.choose(topic, choice, is_ghost=True)
        return f"{topic} {choice}"

    def do_ghost_file(self) -> None:
        self.town.send_file(is_ghost=True)

    # Alice.

    def do_begin(self) -> None:
        self.at = 0
        self.town.by("start Copy of a birth certificate")
        self.town.choose("start", "start")

    def do_form(self) -> str:
        before, words = self.kept(), FORM[self.at]
        self.town.by(words)
        if self.kept() != before and self.at < len(FORM) - 1:
            self.at += 1
        return words

    def do_join(self) -> None:
        self.town.move(self.town.place(), ALICE, "join")

    def do_reply(self) -> None:
        self.town.by("It is mine", self.town.place())

    def do_withdraw(self) -> None:
        self.town.by("withdraw", self.town.place())
        self.town.choose("withdraw", "withdraw")

    def do_file(self) -> None:
        self.town.send_file()

    def do_sign_in(self) -> Level | str:
        """Alice signs in by the newest link that she has read."""
        self.town.by("page")
        self.post()
        secret, was_in_doubt = self.town.secrets()[-1], self.is_known_in_doubt()
        try:
            signed_in = run(self.town.sessions.redeem_link(secret))
        except SignInRefusedError:
            return "refused"
        if was_in_doubt:
            self.granted.append(secret)
        self.tokens.append(signed_in.token)
        return signed_in.session.level

    def do_page(self) -> None:
        """Alice takes her case back on its page."""
        [(case_id,)] = self.town.sql(
            "SELECT case_id FROM agency.case_file ORDER BY opened_at_ms DESC LIMIT 1"
        )
        token = self.tokens[-1]
        body = CommandBody.model_validate({"command": "withdraw"})
        self.town.visiting(token, lambda visit: acts.command(visit, case_id, body))
        prompt, _, _ = self.town.asked("withdraw")
        answer = AnswerBody.model_validate({"prompt": prompt, "choice": "withdraw"})
        self.town.visiting(token, lambda visit: acts.answer(visit, case_id, answer))

    # Carol.

    def do_claim(self) -> None:
        self.town.press(self.town.question("claim"), CAROL, "claim")

    def do_ask(self) -> None:
        self.town.ask_person("Whose certificate is it?")

    def do_decide(self) -> str:
        choice = self.chance.choice(["approve", "refuse"])
        self.town.press(self.town.question("decide"), CAROL, choice)
        return choice


PERSONS: Final = frozenset({"do_form", "do_reply", "do_withdraw", "do_page", "do_file"})
"""What moves a case only from a device that is surely Alice's, where the service asks for that."""


@contextmanager
def hostile_town(folder: Path) -> Iterator[HostileTown]:
    with HostileTown(folder) as town:
        yield town
        if town.hostile is not None:
            town.hostile.close()


@pytest.mark.parametrize("seed", seeds(ordinary=2, long=150))
def test_no_story_lets_a_ghost_read_or_move_a_case(tmp_path: Path, seed: int) -> None:
    with hostile_town(tmp_path) as town:
        Tale(town, seed).go()
