"""A town that asks for payments, on a real database: its chats, its clock, and Alice's keys."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.integration.veche.access.sessions.chat import ACCOUNT, ALICE, BOT, URL, Said, SessionCase
from tests.support.keys import BrowserKey, Passkey, approval_of
from tests.support.page_rows import read_page_answers
from tests.support.said import opened
from veche.access.approvals import (
    Approvals,
    IgnoredJob,
    Key,
    KeyKind,
    Rules,
    Taken,
    enrolling,
    log_line,
    logged,
)
from veche.chat import prompts
from veche.chat.prompts import Answered, Asking
from veche.chat.sending import Ground, Sender
from veche.messaging.jobs import Job
from veche.protocol.answers import Chosen
from veche.protocol.approval import PaymentShown, Proof, ShownMoney, SignedApproval
from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice, Prompt
from veche.protocol.texts.catalogue import Catalogue
from veche.protocol.wire import parse
from veche.runtime.web.public import PageLinks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.chat.prompts import Heard
    from veche.messaging.jobs import JobHandler
    from veche.protocol.approval import AskedApproval, Kind, Shown
    from veche.protocol.inbound import PromptAnswer
    from veche.runtime.database import Cursor

HOUR_MS: Final = 3_600_000
HOLD_MS: Final = 12 * HOUR_MS
EVERY_KIND: Final[frozenset[Kind]] = frozenset(("payment", "signature", "release", "mandate"))
RULES: Final = Rules(HOLD_MS, EVERY_KIND, {"EUR": 2_000}, {"EUR": 20_000})
CATALOGUE: Final = Catalogue.load("veche.protocol", "veche.protocol.forms")
GROUND: Final = Ground(ALICE, "pay", "request of the person")
PHONE: Final = "PHONE"
_numbers = itertools.count(1)


@attrs.frozen
class Bill:
    """A payment that was asked for.

    Attributes:
        body: What the person read.
    """

    asked: AskedApproval
    prompt: Prompt
    room_id: RoomId
    event_id: EventId
    body: str

    @property
    def content(self) -> dict[str, Any]:
        """As a page has it."""
        return self.asked.model_dump(mode="json", exclude_none=True)

    @property
    def code(self) -> str:
        """The four digits in it."""
        [code] = re.findall(r"(?m) ([0-9]{4})$", self.body)
        return str(code)

    @property
    def has_code(self) -> bool:
        """Whether a code may be replied."""
        return "with this code alone" in self.body


class ApprovalCase(SessionCase):
    """A case with approvals of one process; Alice's phone is cross-signed."""

    def setUp(self) -> None:
        super().setUp()
        self.approvals = self.of_rules(RULES)

    def of_rules(self, rules: Rules, url: str | None = URL) -> Approvals:
        """The approvals of a process whose operator chose other rules, or another address."""
        links = PageLinks(url) if url else None
        return Approvals(
            self.database, self.clock, self.log, links, rules, key=bytes(32), public_url=url
        )

    # Keys

    async def begin(self, key: BrowserKey | None = None, label: str = "Laptop") -> tuple[str, Said]:
        """Begin to enrol a key, whose code is sealed for the phone: id, and the message."""
        key = key or BrowserKey()
        enrolment, _ = await self.transact(
            self.approvals.begin, ALICE, KeyKind.P256, label, key.public, self.now_ms
        )
        said = (await self.said())[-1]
        await self.seal(said)
        return enrolment.id, said

    async def finish(self, enrolment_id: str, code: str, key: BrowserKey | Passkey) -> Key:
        """Type the code; the key signs what it has to."""
        return await self.approvals.finish(
            ALICE, enrolment_id, code, await self.proof(enrolment_id, key), "en"
        )

    async def proof(self, enrolment_id: str, key: BrowserKey | Passkey) -> Proof:
        """What shows that somebody has a key."""
        [(challenge,)] = self.sql(
            "SELECT challenge FROM runtime.key_enrolment WHERE enrolment_id = %s", enrolment_id
        )
        value = {
            "v": 1,
            "what": "org.veche.enrolment",
            "enrolment": enrolment_id,
            "person": ALICE,
            "key": key.id,
            "challenge": bytes(challenge).hex(),
        }
        return parse(Proof, key.proof(value))

    async def enrol(self, *, is_held: bool = False) -> BrowserKey:
        """A key of Alice's; by default its hold is over."""
        await self.meet()
        key = BrowserKey()
        enrolment_id, said = await self.begin(key)
        await self.finish(enrolment_id, said.code, key)
        if not is_held:
            self.wait(HOLD_MS)
        return key

    async def enrol_passkey(self, passkey: Passkey) -> None:
        """A passkey of Alice's; its hold is over."""
        await self.meet()
        enrolment, creation = await self.transact(
            self.approvals.begin, ALICE, KeyKind.WEBAUTHN, "Phone", None, self.now_ms
        )
        assert creation is not None
        answer = passkey.create(enrolment.challenge)
        made = {
            "client_data": answer["client_data"],
            "attestation": answer["attestation_object"],
        }
        await self.transact(
            enrolling.credential,
            self.approvals.parts,
            ALICE,
            enrolment.id,
            made,
            ["internal"],
            self.now_ms,
        )
        said = (await self.said())[-1]
        await self.seal(said)
        await self.finish(enrolment.id, said.code, passkey)
        self.wait(HOLD_MS)

    async def meet(self) -> None:
        """Alice has a chat with the bot, and a device that she confirmed."""
        if not self.sql("SELECT FROM crypto.person WHERE user_id = %s", ALICE):
            await self.know(PHONE=True)
        if not self.sql("SELECT FROM runtime.room_member WHERE user_id = %s", ALICE):
            await self.chat()

    # Bills

    async def bill(
        self,
        minor: int = 1_250,
        *,
        kind: Kind = "payment",
        shown: Shown | None = None,
        room_id: RoomId | None = None,
        is_sent: bool = True,
        person: UserId = ALICE,
        cause: str = "",
    ) -> Bill:
        """Something to approve, in a room of the bot."""
        room_id = room_id or self.room()
        cause = cause or f"bill {next(_numbers)}"
        amount = ShownMoney(minor=minor, currency="EUR")
        payment = PaymentShown(
            payee="DE89", payee_name="Bakery", amount=amount, reference=f"Invoice {cause}"
        )

        def work(txn: Cursor) -> tuple[AskedApproval, Prompt, str]:
            sender = Sender(txn, self.log, ACCOUNT, cause, self.now_ms)
            asked = self.approvals.asked(sender, person, kind, shown or payment)
            prompt = Prompt(
                v=1,
                id=sender.fresh_ulid("prompt"),
                scope=(person,),
                single_use=True,
                expires_at_ms=self.now_ms + HOUR_MS,
                min_trust="e2ee",
                choices=(
                    Choice(id="pay", label="Pay", approve=asked),
                    Choice(id="decline", label="Do not pay"),
                ),
            )
            asking = Asking(room_id, prompt, (Paragraph("A bill"),), "en", GROUND)
            return asked, prompt, self.approvals.ask(txn, sender, asking, CATALOGUE)

        asked, prompt, effect = await self.transact(work)
        event_id = EventId(f"${effect}")
        [(content,)] = self.sql("SELECT content FROM runtime.outbox WHERE effect_id = %s", effect)
        body = opened(content)["body"]
        if is_sent:
            self.sql(
                "UPDATE runtime.outbox SET state = 2, event_id = %s WHERE effect_id = %s",
                event_id,
                effect,
            )
        return Bill(asked, prompt, room_id, event_id, body)

    def room(self) -> RoomId:
        """The first room of the bot."""
        rows = self.sql("SELECT room_id FROM runtime.room_bot WHERE bot = %s ORDER BY seq", BOT)
        return RoomId(rows[0][0])

    # Approving

    async def take(self, signed: Mapping[str, Any]) -> Taken:
        """Hand in what was signed."""
        read = parse(SignedApproval, signed)
        taken = await self.transact(self.approvals.take, read, self.now_ms)
        assert isinstance(taken, Taken)
        return taken

    async def approve(self, bill: Bill, key: BrowserKey | Passkey) -> Taken:
        """Approve a bill as a page does."""
        return await self.take(key.signed(approval_of(bill.content, self.now_ms)))

    def handed_in(self) -> list[PromptAnswer]:
        """What bots have to hear from pages, in order."""
        return read_page_answers(self.sql)

    def evidence(self) -> list[tuple[Any, ...]]:
        """(nonce, kind, means) of all evidence."""
        return self.sql("SELECT nonce, kind, means FROM runtime.approval ORDER BY at_ms")

    async def reply(
        self,
        body: str,
        bill: Bill | None = None,
        *,
        room_id: RoomId | None = None,
        standing: DeviceStanding = DeviceStanding.VERIFIED,
        event_id: str = "",
        sender: UserId = ALICE,
        content: Mapping[str, Any] | None = None,
    ) -> Heard:
        """Something is typed, as a reply to a bill or as the next message; what it was heard as.

        An answer that counts is settled.
        """
        whole: dict[str, Any] = {"msgtype": "m.text", "body": body, **(content or {})}
        if bill is not None:
            whole["m.relates_to"] = {"m.in_reply_to": {"event_id": bill.event_id}}
        inbound = Inbound(
            bot=BOT,
            room_id=room_id or (bill.room_id if bill else self.room()),
            event_id=EventId(event_id or f"$in{next(_numbers)}"),
            sender=sender,
            event_type="m.room.message",
            content=whole,
            trust=Trust.VERIFIED if standing is DeviceStanding.VERIFIED else Trust.E2EE,
            standing=standing,
            at_ms=self.now_ms,
        )

        def work(txn: Cursor) -> Heard:
            heard = self.approvals.hear(txn, inbound, is_dialogue=True)
            if heard.kept is not None and isinstance(heard.outcome, Chosen):
                sender = Sender(txn, self.log, ACCOUNT, inbound.event_id, self.now_ms)
                answered = Answered(heard.kept, inbound, heard.outcome)
                prompts.settle(txn, sender, answered, "Paid", GROUND)
            return heard

        heard: Heard = await self.transact(work)
        return heard

    async def hear_page(self, answer: PromptAnswer) -> Heard:
        """What an answer that a page handed in is heard as."""
        heard: Heard = await self.transact(prompts.hear_page, answer)
        return heard

    # What follows

    async def jobs(self) -> list[str]:
        """Do the jobs that are due; their kinds."""
        own = {**self.sessions.job_handlers(), **self.approvals.job_handlers()}
        handlers: defaultdict[str, JobHandler] = defaultdict(IgnoredJob, own)
        rows = self.sql(
            "DELETE FROM runtime.errand WHERE due_at_ms <= %s"
            " RETURNING errand_id, kind, payload, due_at_ms",
            self.now_ms,
        )
        for row in rows:
            job = Job(*row)
            result = await handlers[job.kind].perform(job)
            await self.transact(handlers[job.kind].finish, job, result, self.now_ms)
        return [kind for _, kind, _, _ in rows]

    async def log_lines(self) -> list[str]:
        """What Alice's log says, the oldest first."""
        lines = await self.transact(logged, ALICE, None)
        return [log_line(line, "en") for line in reversed(lines)]
