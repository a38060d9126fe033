"""What a browser test may ask of the bank: as ``commands``, for persons with accounts.

Whoever is granted money begins with it. A name belongs to one file, since all files have one bank.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.mandates.core.order import CHARGE_JOB, MANDATE_JOB
from tests.stories.bank import BOT, Bank, DemoBank
from tests.support.calls import request
from tests.widgets.commands import Command, enrolled, shown
from veche.protocol.ids import ulid
from veche.runtime.database import connect
from veche.server import demo

if TYPE_CHECKING:
    from tests.support.people import Message, Person
    from veche.runtime.database import Connection

API: Final = "/_veche/payments/v1"
_LINK: Final = re.compile(r"https?://\S+/signin#\S+")
_CODE: Final = re.compile(r"\b(\d{3}) ?(\d{3})\b")
_DAY_MS: Final = 86_400_000
_GATE: Final = """
CREATE OR REPLACE FUNCTION payments.wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER gate BEFORE UPDATE ON payments.payment FOR EACH ROW
WHEN (NEW.state = 'paid') EXECUTE FUNCTION payments.wait_at_gate();
"""
"""What makes whoever writes that something is paid wait while another session has the lock 7."""

GRANTED: Final = (
    *("alice", "bob", "rich", "wary"),  # wallet.test.js
    *("anna", "ben"),  # shop.test.js
    *("dora", "emil"),  # wallet_disputes.test.js
    *("frida", "georg"),  # wallet_escrows.test.js
)
"""Who begins with money: 1,000 EUR each; the others with none."""

COMMANDS: Final[dict[str, Command]] = {}


def command(function: Any) -> Any:
    """Make a function a command, by its own name."""
    COMMANDS[function.__name__] = function
    return function


@attrs.define
class Counter:
    """The bank, and who is known to the tests of the file that is played.

    Attributes:
        bank: Everything that runs.
        elsewhere: The bank where it has its account.
        key: Of the organisation that makes invoices.
        held: While it is there, no payment becomes paid.
    """

    bank: Bank
    elsewhere: DemoBank
    key: str
    held: Connection | None = None
    _rooms: dict[str, tuple[Person, str]] = attrs.field(factory=dict)
    _gone: set[str] = attrs.field(factory=set)

    def begin(self) -> None:
        """Know nobody: the next file has persons of its own, and those of the last one end."""
        self._gone.update(self._rooms)
        while self._rooms:
            _, (person, _) = self._rooms.popitem()
            person.stop()

    def person(self, name: str) -> tuple[Person, str]:
        """Somebody with their chat with the bot; who is new begins one."""
        assert name not in self._gone, f"{name} is of another file: take another name"
        if name not in self._rooms:
            person = self.bank.house.person(name)
            self._rooms[name] = (person, person.create_dm(BOT))
        return self._rooms[name]

    def log(self) -> str:
        """The end of what the services have said."""
        return self.bank.house.log()


@command
def person(counter: Counter, *, person: str) -> Any:
    """Who somebody is: ``{user}``."""
    someone, _ = counter.person(person)
    return {"user": someone.user_id}


@command
def sign_in(counter: Counter, *, person: str) -> Any:
    """Somebody writes "page" to the payments bot: ``{link}``, which signs in once."""
    someone, room = counter.person(person)
    someone.send(room, "page")
    found = _LINK.search(_wait(counter, person, "/signin#").body)
    assert found is not None
    return {"link": found[0]}


@command
def code(counter: Counter, *, person: str, text: str = "") -> Any:
    """The six digits of the bot's next message that has some, and these words."""
    someone, room = counter.person(person)

    def has_code(message: Message) -> bool:
        is_said = message.sender == BOT and text in message.body
        return is_said and bool(_CODE.search(message.body))

    found = _CODE.search(someone.wait_for(room, has_code).body)
    assert found is not None
    return {"code": found[1] + found[2]}


@command
def enrol(counter: Counter, *, person: str, id: str, public_key: list[int]) -> Any:  # noqa: A002 -- JSON
    """A key that somebody's browser has made is one of the service's."""
    someone, _ = counter.person(person)
    return enrolled(counter.bank.house, someone, id, public_key)


@command
def wait_for(counter: Counter, *, person: str, text: str) -> Any:
    """The next message of the bot with these words that no command has returned yet."""
    return shown(_wait(counter, person, text))


@command
def say(counter: Counter, *, person: str, text: str) -> Any:
    """Somebody writes something to the bot; ``{event_id}``."""
    someone, room = counter.person(person)
    return {"event_id": someone.send(room, text)}


@command
def invoice(counter: Counter, *, person: str, minor: int, title: str, tips: Any = ()) -> Any:
    """The town makes an invoice over HTTP: ``{id, pay_url, reference}``."""
    someone, _ = counter.person(person)
    now_ms = _now_ms(counter)
    fee = {"text": "Fee", "amount": {"minor": minor - 150, "currency": "EUR"}}
    postage = {"text": "Postage", "amount": {"minor": 150, "currency": "EUR"}}
    body = {
        "addressee": someone.user_id,
        "title": title,
        "lines": [fee, postage],
        "due_at_ms": now_ms + 14 * _DAY_MS,
        "law": "Civil Status Fees Act, section 3",
        "appeal": "Write to the town within a month.",
        "tips": list(tips),
    }
    answer = request(
        "POST",
        f"{counter.bank.house.pages_url}{API}/invoices",
        token=counter.key,
        body=body,
        headers={"idempotency-key": secrets.token_hex(8)},
    )
    assert answer.status == 201, answer
    return answer.body


@command
def withdraw(counter: Counter, *, invoice: str) -> Any:
    """The town takes an invoice back."""
    answer = request(
        "POST",
        f"{counter.bank.house.pages_url}{API}/invoices/{invoice}/withdraw",
        token=counter.key,
        body={"reason": "mistake"},
        headers={"idempotency-key": secrets.token_hex(8)},
    )
    assert answer.status == 200, answer
    return answer.body


@command
def mandate(counter: Counter, *, person: str) -> Any:
    """The waterworks propose a mandate to somebody."""
    someone, _ = counter.person(person)
    now_ms = _now_ms(counter)
    order = {
        "id": ulid(now_ms, secrets.token_bytes(10)),
        "payee": "waterworks",
        "payee_name": "Waterworks",
        "payer": someone.user_id,
        "purpose": "Water",
        "each_max": {"minor": 5_000, "currency": "EUR"},
        "period": "month",
        "period_max": {"minor": 8_000, "currency": "EUR"},
        "starts_at_ms": now_ms,
        "ends_at_ms": now_ms + 365 * _DAY_MS,
        "reply": "waterworks.heard",
    }
    counter.bank.order(MANDATE_JOB, order)
    return {"id": order["id"]}


@command
def charge(counter: Counter, *, mandate: str, minor: int, title: str) -> Any:
    """The waterworks announce a debit by a mandate."""
    order = {
        "id": ulid(_now_ms(counter), secrets.token_bytes(10)),
        "mandate": mandate,
        "payee": "waterworks",
        "amount": {"minor": minor, "currency": "EUR"},
        "title": title,
        "reply": "waterworks.heard",
    }
    counter.bank.order(CHARGE_JOB, order)
    return {"id": order["id"]}


@command
def hold_payments(counter: Counter) -> Any:
    """Let no payment become paid until ``let_payments_go``: those that are approved are paying."""
    counter.held = connect(counter.bank.house.dsn)
    with counter.held, counter.held.cursor() as txn:
        txn.execute(_GATE)
        txn.execute("SELECT pg_advisory_lock(7)")
    return {}


@command
def let_payments_go(counter: Counter) -> Any:
    """Let the payments that wait become paid."""
    assert counter.held is not None
    counter.held.close()
    return {}


@command
def deposit(counter: Counter, *, minor: int, reference: str) -> Any:
    """Somebody sends money from another bank."""
    counter.elsewhere.deposit(minor, reference)
    return {}


def organisation(key_path: str) -> dict[str, Any]:
    """The town as an organisation of the bank, which makes invoices."""
    keys = [{"path": key_path, "scopes": ["invoice", "refund", "read"]}]
    return {"id": demo.TOWN, "name": {"en": "Town of Lindenau"}, "keys": keys}


def _wait(counter: Counter, person: str, text: str) -> Message:
    someone, room = counter.person(person)
    return someone.wait_for(
        room, lambda one: one.sender == BOT and one.replaces is None and text in one.body
    )


def _now_ms(counter: Counter) -> int:
    url = f"{counter.bank.house.pages_url}/_veche/approvals/v1/time"
    return int(request("GET", url).body["now_ms"])
