"""The conversations of the guides on payments are played, and the bot's words compared.

A block ``chat`` is in the chat of one person: ``# Alice's chat``. Its lines are
``alice> text`` (she writes it; a number or a code answers the bot's last question there),
``bot< text`` (the bot's next message, whole; it goes on in the indented lines below), and
``(Something happens.)``, one of ``Played``'s deeds. ``…`` is anything, alone on a line also
any number of lines. Times, links and codes may differ from the page; so may the numbers of
payments, if each is the same wherever the page has it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs
import pytest

from tests.stories.bank import BOT, Bank, Client, code_in, in_bank
from tests.stories.test_payments import invoice, mandate
from tests.support.processes import ROOT
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.people import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

GUIDES: Final = ROOT / "docs" / "guides" / "users"
PAGES: Final = (
    "pay.md",
    "allowances.md",
    "be-paid.md",
    "refund.md",
    "pay-an-invoice.md",
    "split-a-bill.md",
    "dispute.md",
    "escrow.md",
    "mandates.md",
    "ban.md",
    "guardians.md",
    "limits.md",
    "freeze.md",
)
"""In this order: the last two lower Alice's limits and stop Bob's payments."""
BLOCK: Final = re.compile(r"^```chat\n# (\w+)'s chat\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE: Final = re.compile(r"(?:(\w+)([<>]) (.+)|\((.+)\))((?:\n {5}.+)*)")
NUMBER: Final = re.compile(r"\b(?=[0-9A-Z]*[0-9])[0-9A-HJKMNP-TV-Z]{8}\b")
MOMENT: Final = re.compile(r"\d{1,2} [A-Z][a-z]+ 20\d\d(?:, \d\d:\d\d UTC(?:[+-]\d+)?)?")
LINK: Final = re.compile(r"https?://[^\s…]+…?")
CODE: Final = re.compile(r"once: \d{4}$", re.MULTILINE)


@attrs.frozen
class Line:
    """One line of a block: somebody writes, the bot does, or something happens."""

    number: int
    chat: str
    speaker: str
    text: str
    deed: str


def lines_of(page: str) -> Iterator[Line]:
    for block in BLOCK.finditer(page):
        at = block.start(2)
        for found in LINE.finditer(page, at, block.end(2)):
            assert not page[at : found.start()].strip(), f"{page[at : found.start()]!r}"
            at = found.end()
            first, chat = page[: found.start()].count("\n") + 1, block[1].lower()
            speaker, text = found[1] or "", f"{found[3] or ''}{found[5]}"
            assert speaker in ({"bot"} if found[2] == "<" else {"", chat}), f"line {first}"
            yield Line(first, chat, speaker, text, found[4] or "")
        assert not page[at : block.end(2)].strip(), f"{page[at : block.end(2)]!r}"


def plain(text: str) -> str:
    """Return the part of a message that has to be as on the page, without empty lines."""
    text = CODE.sub("once: CODE", LINK.sub("LINK", MOMENT.sub("MOMENT", text)))
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def pattern(text: str) -> re.Pattern[str]:
    """Compile a bot's message of a page; its numbers are groups."""
    parts = []
    for line in plain(text).splitlines():
        if line == "…":
            parts.append("(?:.*\n)*")
            continue
        words = NUMBER.sub("NUMBER", line).split("…")
        shown = ".*".join(re.escape(one) for one in words)
        parts.append(f"{shown.replace('NUMBER', '([0-9A-Z]{8})')}\n")
    return re.compile("".join(parts))


class Played:
    """A page as it is played."""

    def __init__(self, bank: Bank, clients: dict[str, Client]) -> None:
        self._bank = bank
        self._clients = clients
        self._asked: dict[str, Message] = {}
        self._numbers: dict[str, str] = {}
        self._told = {name: said_until_now(client) for name, client in clients.items()}

    def perform(self, line: Line) -> None:
        client = self._clients[line.chat]
        if line.deed:
            self._do(client, line)
        elif line.speaker == "bot":
            self._hear(line)
        elif re.fullmatch(r"\d|\d{4}", line.text):
            asked = self._asked[line.chat]
            answer = code_in(asked) if len(line.text) > 1 else line.text
            client.person.reply(client.room, asked.event_id, answer)
        else:
            client.say(NUMBER.sub(lambda found: self._numbers[found[0]], line.text))

    def _do(self, client: Client, line: Line) -> None:
        alice, deed = self._clients["alice"], line.deed
        if deed in {"Alice approves it with her key.", "Bob approves it with his key."}:
            assert deed.lower().startswith(line.chat)
            answer = client.approve(self._asked[line.chat], client.keys[0])
            assert answer.body == {"outcome": "approved"}
        elif found := re.fullmatch(r"The message now ends with: (.+)", deed):
            end, asked = found[1], self._asked[line.chat]
            client.person.wait_for(
                client.room,
                lambda one: one.replaces == asked.event_id and one.body.endswith(end),
            )
        elif found := re.fullmatch(r"Alice pays Bob (\S+ EUR) for (.+)\.", deed):
            alice.say(f"pay bob {found[1]} {found[2]}")
            assert alice.approve(self._next("alice"), alice.keys[0]).status == 200
            assert self._next("alice").body.startswith("Paid")
        elif deed == "The town sends Alice an invoice.":
            fee = invoice(alice, 1, title="Copy of a birth certificate", notice_id="2026/17")
            self._bank.order("payments.invoice", fee)
        else:
            assert deed == "The waterworks ask Alice for a mandate."
            self._bank.order("payments.mandate", mandate(alice, 1))

    def _next(self, name: str) -> Message:
        """Return the next message of the bot in somebody's chat."""
        client, told = self._clients[name], self._told[name]
        message = client.person.wait_for(
            client.room, lambda one: one.event_id not in told and is_said(one), is_again=True
        )
        told.add(message.event_id)
        return message

    def _hear(self, line: Line) -> None:
        message = self._next(line.chat)
        said = plain(message.body)
        found = pattern(line.text).fullmatch(f"{said}\n")
        assert found, f"the bot says:\n{said}\n\nthe page:\n{plain(line.text)}"
        for shown, number in zip(NUMBER.findall(plain(line.text)), found.groups(), strict=True):
            assert self._numbers.setdefault(shown, number) == number, shown
        if "To answer, reply with the number." in said or "approve#" in message.body:
            self._asked[line.chat] = message


def is_said(message: Message) -> bool:
    return message.sender == BOT and message.replaces is None and bool(message.body)


def said_until_now(client: Client) -> set[str]:
    """Return the ids of what the bot has said, its answer to a last question among them."""
    client.say("balance")
    client.expect("You have:")
    return {one.event_id for one in client.person.messages(client.room) if is_said(one)}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    desk = {"dispute_desk": [f"@clerk:{demo.SERVER_NAME}"]}
    with in_bank(tmp_path_factory.mktemp("guides"), desk) as one:
        for name in ("dan", "clerk"):
            one.house.server.register(name)
        yield one
        one.balances_to_nothing()


@pytest.fixture(scope="module")
def clients(bank: Bank) -> dict[str, Client]:
    """Alice and Bob, with money, a chat and a key; Alice may approve up to 10 EUR by code."""
    people = {name: bank.client(name) for name in ("alice", "bob")}
    for client in people.values():
        client.expect("You were paid", "1,000.00 EUR")
        client.enrol()
    people["alice"].allow_codes(1_000)
    return people


@pytest.mark.parametrize("name", PAGES)
def test_each_conversation_of_the_page_happens_so(
    name: str, bank: Bank, clients: dict[str, Client]
) -> None:
    page = (GUIDES / name).read_text()
    assert page.count("```chat") == len(BLOCK.findall(page)) > 0
    played = Played(bank, clients)
    for line in lines_of(page):
        try:
            played.perform(line)
        except AssertionError as e:
            raise AssertionError(f"{name}:{line.number}: {e}") from e


def test_every_page_with_a_conversation_is_played() -> None:
    with_chats = {one.name for one in GUIDES.glob("*.md") if "```chat" in one.read_text()}

    assert with_chats == set(PAGES)
