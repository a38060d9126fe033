"""A site with chats: what persons write reaches the bot, what it says is read from the outbox."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

import attrs

from appservices.signing.chats.service.chats import hear, hear_page
from appservices.signing.jobs import handlers
from appservices.signing.sessions.store import chats, sessions
from appservices.signing.sessions.texts.words import NUMBER_CHARACTERS
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, SigningSite
from tests.support.keys import approval_of
from tests.support.page_rows import read_page_answers
from tests.support.said import WriteAheadLog, link_secrets, opened
from veche.messaging.jobs import Job
from veche.protocol.approval import SignedApproval
from veche.protocol.ids import EffectId, EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.runtime.crypto.attachments import decrypt_file, encrypt_file, read_file_key
from veche.runtime.crypto.tracking import pin_encrypted
from veche.runtime.matrix.client import MatrixError
from veche.runtime.matrix.store import expect_member

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Parts
    from tests.support.keys import BrowserKey
    from veche.protocol.inbound import PromptAnswer
    from veche.runtime.database import Cursor

BOT: Final = UserId("@veche_signing:veche.test")
DAVE: Final = UserId("@dave:veche.test")
NAMES: Final = {ALICE: "Alice Adams", BOB: "Bob Brown", CAROL: "Carol Clark", DAVE: "Dave Dean"}
_events = itertools.count(1)


class Homeserver:
    """Profiles and media, in memory."""

    def __init__(self) -> None:
        self.media: MutableMapping[str, bytes] = {}

    async def call(self, _method: str, path: str, **_: Any) -> dict[str, str]:
        """A profile."""
        person = unquote(path.rpartition("/")[2])
        if person not in NAMES:
            raise MatrixError(404, {"errcode": "M_NOT_FOUND"})
        return {"displayname": NAMES[UserId(person)]}

    async def upload(self, data: bytes, **_: Any) -> str:
        """Keep a file."""
        mxc = f"mxc://veche.test/{len(self.media)}"
        self.media[mxc] = data
        return mxc

    async def download(self, mxc: str, **_: Any) -> bytes:
        """A file that is kept."""
        return self.media[mxc]


class ChatSite(SigningSite):
    """Alice, Bob, Carol and Dave, who can write to the bot."""

    templates = Path(__file__).parents[4] / "config" / "signing"

    def setUp(self) -> None:
        super().setUp()
        self.writes = WriteAheadLog(self.dsn)
        self.addCleanup(self._check_links)
        self._speak(Homeserver())

    def _check_links(self) -> None:
        """No link that a bot has said is in the database's log of writes."""
        written = self.writes.read()
        assert [one for one in link_secrets(self.dsn, b"p" * 32) if one.encode() in written] == []

    def _speak(self, server: Homeserver) -> None:
        """What the bot needs to speak to persons."""
        self.server = server
        self.host.client = self.server
        self.host.rooms = self
        self.host.device_id = lambda _bot: "BOT1"
        [seal] = self.parts.signing.seals
        seals = [seal.model_copy(update={"ordered_by": [DAVE]})]
        signing = self.parts.signing.model_copy(update={"seals": seals})
        self.parts = attrs.evolve(self.parts, signing=signing)
        self.handlers = handlers(self.parts)

    def _make_parts(self) -> Parts:
        return self.with_templates(super()._make_parts())

    def with_templates(self, parts: Parts) -> Parts:
        """Parts of a site that has templates."""
        section = parts.section.model_copy(update={"templates": self.templates})
        return attrs.evolve(parts, section=section)

    # What the bot asks of the homeserver

    async def create(self, _bot: UserId, _device: str, _plan: object, unique: EffectId) -> RoomId:
        """Make an encrypted room."""
        room_id = RoomId(f"!made{unique[:14]}")
        self.run_now(self._encrypt, room_id)
        return room_id

    # Persons

    def chat(self, *persons: UserId) -> None:
        """Give persons a chat with the bot."""
        for one in persons:
            self.run_now(self._make_chat, one)

    def room(self, person: UserId) -> RoomId:
        """The newest chat of a person."""
        rows = self.rows(
            "SELECT room_id FROM signing.chat WHERE person = %s ORDER BY since_ms DESC", person
        )
        return RoomId(rows[0][0])

    def give_identity(self, txn: Cursor, person: UserId) -> None:
        """Give a person an identity."""
        txn.execute("INSERT INTO crypto.person (user_id, master_key) VALUES (%s, 'key')", (person,))

    def leave(self, person: UserId) -> None:
        """A person leaves their chat."""
        room_id = self.room(person)
        self.run_now(lambda txn: expect_member(txn, room_id, person, "leave"))

    def say(
        self,
        person: UserId,
        body: str,
        standing: DeviceStanding = DeviceStanding.VERIFIED,
        **more: Any,
    ) -> None:
        """A person writes something."""
        content = {"msgtype": "m.text", "body": body, **more}
        trust = Trust.ANY if standing is DeviceStanding.NOT_ENCRYPTED else Trust.VERIFIED
        self.run_now(self.hear, person, content, f"$event{next(_events)}", trust, standing)

    def hear(
        self,
        txn: Cursor,
        person: UserId,
        content: Mapping[str, Any],
        event_id: str,
        trust: Trust,
        standing: DeviceStanding = DeviceStanding.VERIFIED,
    ) -> None:
        """What somebody has written reaches the bot."""
        inbound = Inbound(
            bot=BOT,
            room_id=self.room(person),
            event_id=EventId(event_id),
            sender=person,
            event_type="m.room.message",
            content=content,
            trust=trust,
            standing=standing,
            at_ms=self.host.now_ms(),
        )
        chat = chats.chat(txn, inbound.room_id)
        is_greeted = chat is not None and chat.is_greeted
        hear(self.parts.conversation(txn, event_id, inbound.at_ms), inbound, is_greeted=is_greeted)

    async def say_all(self, person: UserId, *lines: str) -> None:
        """A person writes several lines; all that follows from each is done."""
        for line in lines:
            self.say(person, line)
            await self.settle()

    async def take_back(self, person: UserId) -> None:
        """A requester takes back the one document that was sent, and says so once more."""
        await self.say_all(person, f"cancel {self.session().id[-NUMBER_CHARACTERS:]}")
        await self.tap(person, "back")

    def send_file(self, person: UserId, data: bytes, name: str, **more: Any) -> None:
        """A person sends an encrypted file."""
        cipher, file = encrypt_file(data)
        mxc = f"mxc://veche.test/sent{next(_events)}"
        self.server.media[mxc] = cipher
        self.say(person, name, msgtype="m.file", file={**file, "url": mxc}, **more)

    def contents(self, person: UserId) -> list[dict[str, Any]]:
        """All messages to a person, the oldest first."""
        rows = self.rows(
            "SELECT content FROM runtime.outbox WHERE room_id IN"
            " (SELECT room_id FROM signing.chat WHERE person = %s)"
            " AND event_type = 'm.room.message' ORDER BY seq",
            person,
        )
        return [opened(content, b"p" * 32) for (content,) in rows]

    def said(self, person: UserId) -> str:
        """The newest message to a person, edits left out."""
        fresh = [one["body"] for one in self.contents(person) if "m.new_content" not in one]
        return cast("str", fresh[-1])

    def all_said(self, person: UserId) -> str:
        """All messages and edits to a person."""
        return "\n---\n".join(one["body"] for one in self.contents(person))

    def card(self, person: UserId, key: str) -> dict[str, Any]:
        """The newest payload of a kind that a person got."""
        for one in reversed(self.contents(person)):
            held = one.get("m.new_content", one)
            if key in held:
                return cast("dict[str, Any]", held[key])
        raise AssertionError(f"{person} got no {key}")

    def choose(self, person: UserId, choice: str) -> None:
        """A person taps a choice of the newest question that has it."""
        self.say(person, choice, **self.choosing(person, choice))

    def choosing(self, person: UserId, choice: str) -> dict[str, Any]:
        """What a client sends beside the words for it."""
        self._arrive()
        rows = self.rows(
            "SELECT p.prompt, o.event_id FROM runtime.prompt p JOIN runtime.outbox o"
            " ON o.room_id = p.room_id AND o.effect_id = p.effect_id"
            " WHERE p.room_id = %s ORDER BY p.seq DESC",
            self.room(person),
        )
        for prompt, event_id in rows:
            if any(each["id"] == choice for each in prompt["choices"]):
                answer = {"v": 1, "prompt": prompt["id"], "choice": choice}
                relates = {"rel_type": "m.reference", "event_id": event_id}
                return {"org.veche.answer": answer, "m.relates_to": relates}
        raise AssertionError(f"{person} has no choice {choice}")

    async def tap(self, person: UserId, *choices: str) -> None:
        """The same for several; all that follows from each is done."""
        for one in choices:
            self.choose(person, one)
            await self.settle()

    def files(self, person: UserId) -> list[tuple[str, bytes]]:
        """The files that a person got, decrypted."""
        found = []
        for one in self.contents(person):
            if "file" in one:
                plain = io.BytesIO()
                key = read_file_key(one["file"])
                decrypt_file(io.BytesIO(self.server.media[key.mxc]), plain, key)
                found.append((one["filename"], plain.getvalue()))
        return found

    # Approving with a key

    def asked_of(self, person: UserId) -> str:
        """The number of what a person was asked last to approve with their key."""
        [(nonce,)] = self.rows(
            "SELECT nonce FROM runtime.approval_asked WHERE kind = 'mandate' AND person = %s"
            " ORDER BY asked_at_ms DESC, nonce LIMIT 1",
            person,
        )
        return str(nonce)

    def signed(self, person: UserId, key: BrowserKey | None = None) -> SignedApproval:
        """What a person was asked last to approve, signed by a key: theirs, or another."""
        now_ms, nonce = self.host.now_ms(), self.asked_of(person)
        view = self.run_now(lambda txn: self.host.approvals.view(txn, nonce, now_ms))
        asked = view.asked.model_dump(mode="json", exclude_none=True)
        signed = (key or self.keys[person]).signed(approval_of(asked, now_ms))
        return SignedApproval.model_validate(signed)

    async def hand_in(self, person: UserId, told: SignedApproval) -> Any:
        """Hand an approval in, as its page does; all that follows from it is done."""
        outcome = self.hand_over(person, told)
        await self.hear_pages(person)
        return outcome

    async def hear_pages(self, person: UserId) -> None:
        """The bot hears what pages have told it for somebody; all that follows is done."""
        for answer in self.from_pages():
            assert answer.sender == person
            self.run_now(self.hear_answer, answer)
        await self.settle()

    def hear_answer(self, txn: Cursor, answer: PromptAnswer) -> None:
        """The bot hears an answer that was given on a page."""
        hear_page(self.parts.conversation(txn, answer.event_id, answer.at_ms), answer)

    def hand_over(self, person: UserId, told: SignedApproval) -> Any:
        """The same, of which the bot has not heard; what the page is answered."""
        self.reach(person)
        self._arrive()
        now_ms = self.host.now_ms()
        return self.run_now(lambda txn: self.host.approvals.take(txn, told, now_ms)).outcome

    def reach(self, person: UserId) -> None:
        """What comes of somebody's chat is for the bot, and nothing of it has to be read first."""
        self.rows(
            "INSERT INTO runtime.room_bot (room_id, bot) VALUES (%s, %s) ON CONFLICT DO NOTHING"
            " RETURNING 1",
            self.room(person),
            BOT,
        )
        self.rows("UPDATE runtime.room SET looked_at_ms = 1 RETURNING 1")

    def _arrive(self) -> None:
        """All that the bot has said is there."""
        self.rows(
            "UPDATE runtime.outbox SET event_id = '$' || effect_id, state = 2"
            " WHERE event_id IS NULL RETURNING 1"
        )

    def from_pages(self) -> list[PromptAnswer]:
        """What pages have told the bot, which has not heard it; it is there no more then."""
        answers = read_page_answers(self.rows)
        self.rows("DELETE FROM runtime.inbox RETURNING event")
        return answers

    async def approve(self, person: UserId, key: BrowserKey | None = None) -> Any:
        """A person approves what they were asked last, or somebody does with another key."""
        return await self.hand_in(person, self.signed(person, key))

    # JobRunner

    def due(self, *kinds: str) -> list[Job]:
        """The jobs that are there: of these kinds, or all that are due."""
        rows = self.rows(
            "SELECT errand_id, kind, payload, due_at_ms FROM runtime.errand ORDER BY due_at_ms"
        )
        found = [Job(EffectId(row[0]), row[1], row[2], row[3]) for row in rows]
        now_ms = self.host.now_ms()
        if kinds:
            return [one for one in found if one.kind in kinds]
        return [one for one in found if one.due_at_ms <= now_ms and one.kind in self.handlers]

    async def do(self, job: Job) -> None:
        """Do a job, as the loop of the runtime does."""
        handler = self.handlers[job.kind]
        result = await handler.perform(job)
        self.run_now(self._finish, job, result)

    async def settle(self) -> None:
        """Do all jobs that are due, and those that follow from them."""
        for _ in range(50):
            found = self.due()
            if not found:
                return
            for one in found:
                await self.do(one)
        raise AssertionError(f"errands have no end: {found}")

    async def fire(self, kind: str) -> None:
        """Let the clocks of a kind fire now."""
        for one in self.due(kind):
            await self.do(one)
        await self.settle()

    def session(self) -> Session:
        """The newest session."""
        [(session_id,)] = self.rows(
            "SELECT id FROM signing.session ORDER BY made_at_ms DESC, id DESC LIMIT 1"
        )
        found = self.run_now(lambda txn: sessions.read(txn, self.parts.vault, session_id))
        return cast("Session", found)

    def states(self) -> dict[str, str]:
        """The parties of the newest session, by name, with what they have done."""
        return {one.name: one.party.state.value for one in self.session().members}

    def _finish(self, txn: Cursor, job: Job, result: Mapping[str, Any]) -> None:
        txn.execute("DELETE FROM runtime.errand WHERE errand_id = %s", (job.id,))
        if txn.rowcount == 1:
            self.handlers[job.kind].finish(txn, job, result, self.host.now_ms())

    def _encrypt(self, txn: Cursor, room_id: RoomId) -> None:
        txn.execute(
            "INSERT INTO runtime.room (room_id) VALUES (%s) ON CONFLICT DO NOTHING", (room_id,)
        )
        pin_encrypted(txn, room_id, {"algorithm": "m.megolm.v1.aes-sha2"})
        expect_member(txn, room_id, BOT, "join")

    def _make_chat(self, txn: Cursor, person: UserId) -> None:
        room_id = RoomId(f"!chat{next(_events)}")
        self._encrypt(txn, room_id)
        expect_member(txn, room_id, person, "join")
        chats.keep_chat(txn, room_id, person, self.host.now_ms())
        chats.set_greeted(txn, room_id)
