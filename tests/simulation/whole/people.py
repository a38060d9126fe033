"""People and shops of a world: what they want, how they ask for it, and what they were told.

A person has a client and a key; a shop has keys, and a server to which its events are sent. Both
ask again with the same id until there is an answer, as the guides tell them to.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.signing import SigningKey
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site

from appservices.payments.demo_bank.bank import demo_iban
from tests.simulation.whole.institution import CURRENCY, SITE_PORT
from tests.simulation.whole.matrix import shown
from tests.support.keys import BrowserKey, approval_of, decline_of, fragment_base64, point_of
from veche.contracts.payments.receipt import RECEIPT_KEY
from veche.protocol.canonical import canonical
from veche.protocol.prompts import ANSWER_KEY, PROMPT_KEY
from veche.runtime.web.http_client import Answer, Connections, NoAnswerError
from veche.transparency.envelope import sign, signing_key

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from random import Random

    from tests.simulation.whole.computer import Computer
    from tests.simulation.whole.institution import Institution
    from tests.simulation.whole.matrix import Room

API: Final = "/_veche/payments/v1"
APPROVALS: Final = "/_veche/approvals/v1"
HOOK_PORT: Final = 8081
SHOP_KEYS: Final = {"first": bytes([11] * 32), "second": bytes([12] * 32)}
CREATED: Final = 201
TIMEOUT_S: Final = 15.0
ANSWER_BYTES_MAX: Final = 1 << 20
DAY_MS: Final = 86_400_000
AGAIN_S: Final = (0.5, 3.0)
SAID_TWICE: Final = 0.2
SHOWN: Final = 0.25
"""Of the invoices of a shop so many are to nobody: whoever scans them pays."""
NUMBER: Final = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{8}\b")
EXAMPLE: Final = re.compile(r"\bdispute [0-9A-HJKMNP-TV-Z]{8} [^\n]+")
"""What the bot shows as what one may write of a dispute."""
DISPUTED: Final = 0.4
"""Of the receipts so many are disputed by who reads them; who was paid is refused."""
ANSWERED: Final = 0.7
"""Of the examples so many are written."""
NUMBERS_MAX: Final = 6
"""So many of the newest somebody remembers."""
_NOT_NOW: Final = (429, 500, 502, 503)


class SeededKey(BrowserKey):
    """A key of a browser that is the same each time."""

    def __init__(self, number: int) -> None:
        self._key = ec.derive_private_key(number, ec.SECP256R1())
        self.public = point_of(self._key)
        self.id = fragment_base64(_sha256(self.public))


@attrs.define(eq=False)
class Asker:
    """Whoever asks an institution over HTTP, again and again."""

    institution: Institution
    computer: Computer
    chance: Random
    problems: list[str] = attrs.field(factory=list)
    busy: int = 0
    _connections: Connections = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        url = f"http://{self.institution.address}:{SITE_PORT}"
        self._connections = Connections(cast("Any", self.computer), url)

    def now_ms(self) -> int:
        """The moment."""
        return int(self.computer.seconds() * 1000)

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something meanwhile."""
        self.busy += 1

        def over(result: object) -> None:
            self.busy -= 1
            if isinstance(result, Failure):
                self.problems.append(f"{type(self).__name__} failed: {result.getTraceback()}")

        Deferred.fromCoroutine(work).addBoth(over)

    def later(self, delay_s: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something after a while."""
        self.busy += 1

        def run() -> None:
            self.busy -= 1
            self.begin(work())

        self.computer.callLater(delay_s, run)

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Ask until there is an answer; status and body."""
        while True:
            answer = await self._once(method, path, body, headers)
            if answer is not None and answer.status not in _NOT_NOW:
                return answer.status, json.loads(answer.body) if answer.body else None
            await self.pause(self.chance.uniform(*AGAIN_S))

    async def pause(self, delay_s: float) -> None:
        """Wait."""
        over: Deferred[None] = Deferred()
        self.computer.callLater(delay_s, over.callback, None)
        await over

    async def _once(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Answer | None:
        whole = {"Content-Type": "application/json", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in whole.items())
        data = None if body is None else canonical(body, where="body")
        try:
            return await self._connections.request(
                method.encode(),
                path.encode(),
                head.encode(),
                data,
                timeout_s=TIMEOUT_S,
                answer_bytes_max=ANSWER_BYTES_MAX,
            )
        except NoAnswerError:
            return None


def is_case_room(room: Room) -> bool:
    """Whether a room is of a dispute or an escrow, in which one says nothing but answers."""
    name = room.state.get(("m.room.name", ""), {}).get("content", {}).get("name", "")
    return str(name).startswith(("Dispute ", "Escrow "))


@attrs.define(eq=False)
class Person(Asker):
    """Somebody with an account.

    Attributes:
        approved: Nonces that were approved, and that this person was told so.
        receipts: How often each payment's receipt came.
        said: What the bot said, newest last.
        numbers: Of payments, escrows and disputes that it named, newest last.
    """

    user: str = ""
    number: int = 0
    approved: set[str] = attrs.field(factory=set)
    receipts: Counter[str] = attrs.field(factory=Counter)
    said: list[str] = attrs.field(factory=list)
    numbers: list[str] = attrs.field(factory=list)
    is_willing: bool = False
    """Whether everything is approved from now on."""
    room: str | None = None
    key: SeededKey = attrs.field(init=False)
    _open: dict[str, tuple[str, Any]] = attrs.field(factory=dict)
    _written: set[str] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        Asker.__attrs_post_init__(self)
        self.key = SeededKey(1_000 + self.number)
        name = self.user[1:].partition(":")[0].title()
        self.institution.homeserver.add_person(self.user, name, self.watch)

    @property
    def bot(self) -> str:
        """Of their institution."""
        return f"@veche_payments:{self.institution.name}"

    def begin_chat(self) -> None:
        """Invite the bot."""
        if self.room is None:
            self.room = self.institution.homeserver.begin_chat(self.user, self.bot)

    def say(self, words: str) -> None:
        """Write to the bot."""
        self.begin_chat()
        content = {"msgtype": "m.text", "body": words}
        assert self.room is not None
        self.institution.homeserver.say(self.user, self.room, content)

    def watch(self, room: Room, event: dict[str, Any]) -> None:
        """Something happened in a room of theirs."""
        server = self.institution.homeserver
        if room.membership(self.user) == "invite":
            server.join(self.user, room.id)
            if not is_case_room(room):
                self.room = room.id
        kind, content = shown(event)
        if event["sender"] != self.bot or kind != "m.room.message":
            return
        if "m.new_content" in content:
            content = content["m.new_content"]
        else:
            self.said.append(str(content.get("body")))
            self.numbers += [
                one for one in NUMBER.findall(self.said[-1]) if one not in self.numbers
            ]
            receipt = content.get(RECEIPT_KEY)
            if receipt is not None:
                self.receipts[receipt["payment"]] += 1
            if receipt is not None:
                self._dispute(self.said[-1])
            if self._write_example(self.said[-1]):
                return
        prompt = content.get(PROMPT_KEY)
        if prompt is not None and prompt["id"] not in self._open:
            self._open[prompt["id"]] = (event["event_id"], prompt)
            self._decide(prompt, event["event_id"], room.id)

    def _dispute(self, receipt: str) -> None:
        """Say of some payments that they were not right."""
        if self.chance.random() < DISPUTED:
            self._write(f"dispute {NUMBER.findall(receipt)[-1]} it was broken")

    def _write_example(self, said: str) -> bool:
        """Write of a dispute what one is shown to write, mostly, and once."""
        example = EXAMPLE.search(said)
        if example is None or example[0] in self._written or self.chance.random() >= ANSWERED:
            return False
        self._written.add(example[0])
        self._write(example[0])
        return True

    def _write(self, words: str) -> None:
        async def write() -> None:
            self.say(words)

        self.later(self.chance.uniform(0.5, 6.0), write)

    def _decide(self, prompt: Mapping[str, Any], event_id: str, room_id: str) -> None:
        # Who disputes mostly waits for its end.
        unwanted = {"decline", *(["withdraw"] if self.chance.random() < ANSWERED else [])}
        choices = [one for one in prompt["choices"] if one["id"] not in unwanted]
        mood = 0.0 if self.is_willing else self.chance.random()
        delay_s = self.chance.uniform(0.2, 6.0)
        signed = [one for one in choices if "approve" in one]
        if signed:
            asked = self.chance.choice(signed)["approve"]
            if mood < 0.85:
                for _ in range(1 + (self.chance.random() < SAID_TWICE)):
                    self.later(delay_s, lambda: self.approve(asked))
            elif mood < 0.93:
                self.later(delay_s, lambda: self._decline(asked))
        elif choices and mood < 0.8:
            choice = self.chance.choice(choices)["id"]
            self.later(delay_s, lambda: self._choose(prompt["id"], choice, event_id, room_id))

    async def _choose(self, prompt_id: str, choice: str, event_id: str, room_id: str) -> None:
        answer = {"v": 1, "prompt": prompt_id, "choice": choice}
        relates = {"rel_type": "m.reference", "event_id": event_id}
        words = {"msgtype": "m.text", "body": choice}
        content = {**words, ANSWER_KEY: answer, "m.relates_to": relates}
        self.institution.homeserver.say(self.user, room_id, content)

    async def approve(self, asked: dict[str, Any]) -> None:
        """Sign what is asked, and hand it in until there is an answer."""
        signed = self.key.signed(approval_of(asked, self.now_ms()))
        while True:
            status, body = await self.ask("POST", APPROVALS, signed)
            if status == 200:
                self.approved.add(asked["nonce"])
            elif body["errcode"] == "ORG.VECHE.APPROVAL_CLOCK":
                await self.pause(1.0)  # of the process: another one, or later, has another clock
                signed = self.key.signed(approval_of(asked, self.now_ms()))
                continue
            elif status not in {404, 409, 410}:
                self.problems.append(f"an approval is answered {status} {body}")
            return

    async def _decline(self, asked: dict[str, Any]) -> None:
        signed = self.key.signed(decline_of(asked, self.now_ms()))
        await self.ask("POST", APPROVALS, signed)


@attrs.define(eq=False)
class Shop(Asker):
    """An organisation.

    Attributes:
        id: Its name.
        made: What it has made, by what it is: ids.
        done: How often it was answered, by path and status.
        events: Numbers of the events that it was sent, as they came.
    """

    id: str = ""
    address: str = ""
    made: defaultdict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list))
    done: Counter[str] = attrs.field(factory=Counter)
    events: list[tuple[int, str, Any]] = attrs.field(factory=list)
    clients: list[Person] = attrs.field(factory=list)
    _keys: int = 0
    _asked: list[tuple[str, str, str, Any, dict[str, str], Any]] = attrs.field(factory=list)

    def open(self) -> None:
        """Listen for events, and ask for them."""
        self.computer.listenTCP(HOOK_PORT, Site(_Hook(self), reactor=self.computer))
        url = f"http://{self.address}:{HOOK_PORT}/hook"
        self.begin(self._order("POST", "/webhooks", {"url": url, "after": 0}, "webhook"))

    def token(self, who: str) -> str:
        """By which it asks."""
        return f"{who}-{self.id}".ljust(40, "k")

    async def _order(
        self, method: str, path: str, body: Any, what: str, who: str = "first"
    ) -> tuple[int, Any]:
        self._keys += 1
        headers = {
            "Authorization": f"Bearer {self.token(who)}",
            "Idempotency-Key": f"{self.id}-{self._keys}",
        }
        asks = [self.ask(method, API + path, body, **headers)]
        if self.chance.random() < SAID_TWICE:
            asks.append(self.ask(method, API + path, body, **headers))
        answers = []
        begun = [Deferred.fromCoroutine(one) for one in asks]
        for one in begun:
            answers.append(await one)  # noqa: PERF401 -- they run at the same time
        self._compare(what, answers, is_done=False)
        status, answer = answers[0]
        if status == CREATED:
            self._asked.append((what, method, path, body, headers, answer))
        self.done[f"{what} {status}"] += 1
        if status == 400 and answer.get("field") != "body.due_at_ms":
            self.problems.append(f"{what}: {answer}")
        if status == 201 and "id" in answer:
            self.made[what].append(answer["id"])
        return status, answer

    def ask_again(self) -> None:
        """Ask all that was done once more, by the same keys: nothing is done, and it is told so."""
        for one in self._asked:
            self.begin(self._again(*one))

    async def _again(
        self, what: str, method: str, path: str, body: Any, headers: dict[str, str], before: Any
    ) -> None:
        answer = await self.ask(method, API + path, body, **headers)
        self._compare(what, [(CREATED, before), answer])

    def _compare(
        self, what: str, answers: Sequence[tuple[int, Any]], *, is_done: bool = True
    ) -> None:
        """What was done for a key is answered for it always the same.

        Of two who ask at the same time the first may be refused, and the second not: what was
        refused was not done, and may be done later.
        """
        done = [
            json.dumps(answer, sort_keys=True) for status, answer in answers if status == CREATED
        ]
        if len(set(done)) > 1 or (is_done and len(done) < len(answers)):
            self.problems.append(f"{what} of one key is answered twice: {answers}")

    def act(self) -> None:
        """Want something."""
        deeds = (
            self._invoice,
            self._invoice,
            self._refund,
            self._withdraw,
            self.propose_mandate,
            self._charge,
            self._charge,
            self._escrow,
            self._decide,
            self._payout,
        )
        self.begin(self.chance.choice(deeds)())

    def _money(self, minor: int) -> dict[str, Any]:
        return {"minor": minor, "currency": CURRENCY}

    def _client(self) -> str:
        return self.chance.choice(self.clients).user

    def _amount(self) -> int:
        return self.chance.randrange(100, 5_000)

    async def _invoice(self) -> None:
        amount = self._money(self._amount())
        terms: dict[str, Any] = self.chance.choice(
            ({}, {}, {"confirm": True}, {"tips": [{"per_mille": 100}, {"minor": 50}]})
        )
        is_shown = self.chance.random() < SHOWN
        body = {
            **({} if is_shown else {"addressee": self._client()}),
            "title": "Bread",
            "lines": [{"text": "Bread", "amount": amount}],
            "due_at_ms": self.now_ms() + self.chance.choice((30_000, DAY_MS)),
            **terms,
        }
        status, made = await self._order("POST", "/invoices", body, "invoice")
        if is_shown and status == CREATED:
            # Two scan it at the counter.
            for client in self.chance.sample(self.clients, 2):
                client.say(f"pay {made['reference']}")

    async def _refund(self) -> None:
        if self.made["invoice"]:
            id_ = self.chance.choice(self.made["invoice"])
            body = {"amount": self._money(self.chance.randrange(1, 400)), "reason": "stale"}
            await self._order("POST", f"/invoices/{id_}/refund", body, "refund")

    async def _withdraw(self) -> None:
        if self.made["invoice"]:
            id_ = self.chance.choice(self.made["invoice"])
            await self._order("POST", f"/invoices/{id_}/withdraw", {"reason": "x"}, "withdraw")

    async def propose_mandate(self) -> None:
        """Ask somebody for leave to debit them."""
        body = {
            "payer": self._client(),
            "purpose": "Bread",
            "each_max": self._money(900),
            "period": "week",
            "period_max": self._money(1_500),
            "ends_at_ms": self.now_ms() + 30 * DAY_MS,
            "notice_ms": self.chance.choice((0, 3_000)),
        }
        await self._order("POST", "/mandates", body, "mandate")

    async def _charge(self) -> None:
        if self.made["mandate"]:
            id_ = self.chance.choice(self.made["mandate"])
            body = {"amount": self._money(self.chance.randrange(100, 1_000)), "title": "Bread"}
            await self._order("POST", f"/mandates/{id_}/charges", body, "charge")

    async def _escrow(self) -> None:
        body = {
            "buyer": self._client(),
            "title": "Oven",
            "amount": self._money(self._amount()),
            "ends_at_ms": self.now_ms() + 10 * DAY_MS,
        }
        await self._order("POST", "/escrows", body, "escrow")

    async def _decide(self) -> None:
        if self.made["escrow"]:
            id_ = self.chance.choice(self.made["escrow"])
            body = {"to_seller": self._money(self.chance.choice((0, 50)))}
            await self._order("POST", f"/escrows/{id_}/decide", body, "decide")

    async def _payout(self) -> None:
        lines = []
        for n in range(self.chance.randrange(1, 25)):
            line: dict[str, Any] = {"ours": f"{n}", "minor": self.chance.randrange(1, 300)}
            if self.chance.random() < 0.2:
                account = {"iban": demo_iban(3), "name": "Person 3"}
                line |= {**account, "minor": self.chance.randrange(11, 100)}  # no habit of the bank
            else:
                line["to"] = self._client()
            lines.append(line)
        given = {
            "v": 1,
            "institution": self.institution.config.services["payments"].id,  # type: ignore[attr-defined]
            "organisation": self.id,
            "ours": f"wages-{self._keys}",
            "at_ms": self.now_ms(),
            "title": "Wages",
            "currency": CURRENCY,
            "lines": lines,
        }
        signed = sign(given, self.id, signing_key("1", SHOP_KEYS["first"]))
        await self._order("POST", "/payouts", signed, "payout")

    def hear(self, body: bytes) -> None:
        """An event came."""
        event = json.loads(body)["event"]
        is_new = event["n"] not in {n for n, _, _ in self.events}
        self.events.append((event["n"], event["type"], event))
        if is_new and event["type"] == "invoice.confirm":
            word = "confirm" if self.chance.random() < 0.7 else "refuse"
            self.begin(self._confirm(event["invoice"], event["payment"], word))
        if is_new and event["type"] == "dispute.open":
            answer = {"gives_back": self.chance.random() < 0.2, "words": "it arrived whole"}
            self.begin(self._dispute(event["payment"], "answer", answer))
        if is_new and event["type"] == "dispute.decided":
            self.begin(self._dispute(event["payment"], "appeal", {"words": "look again"}))

    async def _dispute(self, payment: str, word: str, body: Mapping[str, Any]) -> None:
        await self._order("POST", f"/payments/{payment}/dispute/{word}", body, word)

    async def _confirm(self, id_: str, payment: str, word: str) -> None:
        body = {"payment": payment, **({} if word == "confirm" else {"reason": "sold out"})}
        await self._order("POST", f"/invoices/{id_}/{word}", body, word)


class _Hook(Resource):
    """The server of a shop; sometimes it fails."""

    isLeaf = True

    def __init__(self, shop: Shop) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._shop = shop

    def render_POST(self, request: Any) -> bytes:
        """Take an event."""
        if self._shop.institution.homeserver.is_failing():
            request.setResponseCode(503)
            return b""
        self._shop.hear(request.content.read())
        return b""


def shop_section(shop: str, folder: Any) -> dict[str, Any]:
    """What an institution knows of a shop."""
    import base64  # noqa: PLC0415 -- beside its only use

    keys = []
    for who, seed in SHOP_KEYS.items():
        path = folder / f"{shop}-{who}"
        path.write_text(f"{who}-{shop}".ljust(40, "k"))
        path.chmod(0o600)
        public = base64.b64encode(bytes(SigningKey(seed).verify_key)).decode()
        scopes = ["invoice", "refund", "mandate", "escrow", "payout", "webhook", "read"]
        keys.append({"path": str(path), "scopes": scopes, "public_key": public})
    return {"id": shop, "name": {"en": "Bakery"}, "city": "Lindenau", "country": "DE", "keys": keys}


def _sha256(data: bytes) -> bytes:
    import hashlib  # noqa: PLC0415 -- beside its only use

    return hashlib.sha256(data).digest()
