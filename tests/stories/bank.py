"""The bank of the stories about money: a house with payments and pages, and its customers."""

from __future__ import annotations

import base64
import itertools
import json
import re
import secrets
import sys
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
from nacl.signing import SigningKey

from appservices.payments import demo as payments_demo
from appservices.payments.demo_bank.__main__ import CUSTOMER
from tests.support.customers import Customer
from tests.support.keys import approval_of
from tests.support.people.person import WAIT_S
from tests.support.processes import ROOT, TIMEOUT_S, Child, free_ports, wait_until
from tests.support.services import House, Place, house
from veche.cli.main import main
from veche.protocol.prompts import PROMPT_KEY
from veche.runtime.database.migrate import MigrationSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pytest

    from tests.support.people import Message

BOT: Final = payments_demo.PAYMENTS_BOT
PAYMENTS: Final = MigrationSet("payments", "appservices.payments")
GRANTED: Final = ("alice", "bob", "rich", "wary")
"""Who begins with money: 1,000 EUR each; the others with none."""
_BOT: Final = BOT.partition(":")[0] + ":"
"""Of whichever server."""
_CODE: Final = re.compile(r"(?m) ([0-9]{4})$")


class Client(Customer):
    """Somebody with their chat with the payments bot, and their browser."""

    def say(self, words: str) -> str:
        """Write something; its event."""
        return self.person.send(self.room, words)

    def expect(self, *words: str) -> Message:
        """The next message of the bot here that has all these words, not an edit."""

        def is_it(message: Message) -> bool:
            is_said = message.sender.startswith(_BOT) and message.replaces is None
            return is_said and all(one in message.body for one in words)

        is_it.__qualname__ = f"{words!r}"
        return self.person.wait_for(self.room, is_it)

    def ask(self, order: str) -> Message:
        """Order a payment; the question whether to approve it."""
        self.say(order)
        return self.expect("Do not pay")

    def has(self, amount: str) -> None:
        """Ask for the balance, and find it."""
        said = self._balance()
        assert f"- {amount}" in said.replace("•", "-"), said

    def gets_back_to(self, amount: str) -> None:
        """Ask for the balance until it is found: what was set aside goes back after the news."""

        def is_back() -> bool:
            return f"- {amount}" in self._balance().replace("•", "-")

        wait_until(is_back, WAIT_S, f"the balance does not come to {amount}")

    def _balance(self) -> str:
        self.say("balance")
        return self.expect("You have:").body

    def allow_codes(self, minor: int) -> None:
        """As if a limit for codes had been raised a day ago."""
        self.house.query(
            "INSERT INTO runtime.code_limit (person, currency, minor) VALUES (%s, 'EUR', %s)"
            " ON CONFLICT (person, currency) DO UPDATE SET minor = EXCLUDED.minor",
            self.person.user_id,
            minor,
        )

    def choose(self, question: Message, choice: str) -> str:
        """Answer a question by the number of one of its choices."""
        ids = [one["id"] for one in question.content[PROMPT_KEY]["choices"]]
        return self.person.reply(self.room, question.event_id, str(ids.index(choice) + 1))


def code_in(question: Message) -> str:
    """The code by which a question can be approved."""
    [code] = _CODE.findall(question.body)
    return str(code)


def approve(client: Client, question: Message, choice: str) -> None:
    """Approve one of the choices of a question, as its page does."""
    choices = question.content[PROMPT_KEY]["choices"]
    [asked] = [one["approve"] for one in choices if one["id"] == choice]
    signed = client.keys[0].signed(approval_of(asked, client.now_ms()))
    answer = client.hand_in(signed)
    assert answer.status == 200, answer


@attrs.define
class Bank:
    """A house with payments, in which people become customers."""

    house: House
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)

    def client(self, name: str | None = None) -> Client:
        """Somebody who has begun a chat with the bot and signed in on the pages."""
        person = self.house.person(name or f"client{next(self._numbers)}")
        bot = BOT.partition(":")[0]
        return Client.sign_in(self.house, person, f"{bot}:{self.house.server.plan.server_name}")

    def order(self, kind: str, order: Mapping[str, Any]) -> None:
        """Hand the bank a job, as a service of an organisation does."""
        self.house.query(
            "WITH added AS (INSERT INTO runtime.errand (errand_id, kind, payload, due_at_ms)"
            " VALUES (%s, %s, %s, 0)) SELECT pg_notify('veche_errand', %s)",
            secrets.token_hex(16),
            kind,
            json.dumps(order),
            kind,
        )

    def expect_told(self, organisation: str, **told: object) -> None:
        """Wait until an organisation is told something; of its jobs nobody does any."""

        def is_told() -> bool:
            rows = self.rows(
                "SELECT payload FROM runtime.errand WHERE kind = %s", f"{organisation}.heard"
            )
            news = [dict(row[0]) for row in rows if isinstance(row[0], dict)]
            return any(told.items() <= one.items() for one in news)

        wait_until(is_told, WAIT_S, f"{organisation} is not told {told}")

    def veche(self, *command: str) -> int:
        """Run a command of ``veche`` here, with the configuration of the services; its code."""
        services = list(self.house.replicas[0].command)
        return main([*command, "-c", services[services.index("-c") + 1]])

    def veche_said(self, capsys: pytest.CaptureFixture[str], *command: str) -> str:
        """The same, once it is well; what it wrote."""
        capsys.readouterr()
        assert self.veche(*command) == 0
        return capsys.readouterr().out.strip()

    def peer_states(self) -> set[str]:
        """Where payments to other institutions have got to."""
        return {str(state) for (state,) in self.rows("SELECT state FROM payments.peer_out")}

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the services' database."""
        return self.house.query(statement, *values)

    def balances_to_nothing(self) -> None:
        """No money was made or lost: all debits are all credits, and each account is its rows."""
        [(total,)] = self.rows(
            "SELECT coalesce(sum(debits_posted - credits_posted), 0) FROM ledger.account"
        )
        assert total == 0


@attrs.define
class DemoBank:
    """The bank of the demo as a process of its own, and its counter; its days end when told to.

    Attributes:
        section: Of ``payments.banks``, for the institution that has an account there.
    """

    section: dict[str, Any]

    account: Final = CUSTOMER

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[DemoBank]:
        """Run one with its files in a folder."""
        key, [port] = SigningKey.generate(), free_ports(1)
        key_path = folder / "key"
        key_path.write_text(base64.b64encode(bytes(key)).decode())
        key_path.chmod(0o600)
        public = base64.b64encode(bytes(key.verify_key)).decode()
        arguments = ["--folder", str(folder), "--port", str(port), "--day-s", "0"]
        command = [sys.executable, "-m", "appservices.payments.demo_bank", *arguments]
        child = Child([*command, "--customer-key", public], ROOT, folder / "bank.log")
        section = {"name": "demo", "url": f"http://127.0.0.1:{port}", "account": CUSTOMER}
        bank = cls({**section, "key_path": str(key_path)})
        child.start()
        try:
            child.wait_for(bank._is_up, TIMEOUT_S, "the demo's bank does not answer")
            yield bank
        finally:
            child.kill()

    def deposit(self, amount_minor: int, reference: str) -> None:
        """Somebody sends money to the institution, with the reference that they were given."""
        words = {"reference": reference, "name": "A Friend"}
        self._tell("deposit", {"account": self.account, "amount_minor": amount_minor, **words})

    def end_day(self) -> None:
        """End the banking day."""
        self._tell("day-end", {})

    def _tell(self, counter: str, body: Mapping[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 -- our own URL
            f"{self.section['url']}/counter/{counter}", json.dumps(body).encode(), method="POST"
        )
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            assert answer.status in {200, 201}

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.section['url']}/health", timeout=5):  # noqa: S310
                return True
        except OSError:
            return False


@contextmanager
def in_bank(
    folder: Path,
    more: Mapping[str, Any] | None = None,
    place: Place | None = None,
) -> Iterator[Bank]:
    """A bank in which everything runs.

    Args:
        folder: For its files; empty.
        more: Keys of the section ``payments`` besides.
        place: Where others find it, if they must know it before.
    """
    place = place or Place()
    grants = {f"@{name}:{place.server_name}": "1000 EUR" for name in GRANTED}
    section = {**payments_demo.payments_section(), "grants": grants, **(more or {})}
    with house(
        folder,
        sections={"payments": section},
        migrations=PAYMENTS,
        has_pages=place,
    ) as one:
        yield Bank(one)
