"""What a browser test may ask of the people that ``veche up`` names: they log in as it says."""

from __future__ import annotations

import re
import secrets
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import attrs
import zxingcpp
from PIL import Image

from appservices.agency import demo as office_demo
from appservices.payments import demo as payments_demo
from appservices.widgets.core.documents import PATHS
from tests.stories.office import Applicant, Desk, Room, Way
from tests.support.calls import request
from tests.support.people import PASSWORD, Person, why_not_rust
from tests.support.programs import program
from tests.support.single_sign_on import PROVIDER, homeserver_elsewhere
from tests.widgets import commands
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.people import Message
    from tests.widgets.commands import Command

_LOG_IN: Final = re.compile(r"^ {4}(\w+) +([a-z0-9]{5}(?:-[a-z0-9]{5}){2}) ", re.MULTILINE)
_SHOP: Final = re.compile(r"^ +\. (/\S+/shop/env)$", re.MULTILINE)
_DAY_MS: Final = 24 * 60 * 60 * 1000
_CODE: Final = re.compile(r"\b(\d{3}) ?(\d{3})\b")
_ADDRESS: Final = re.compile(r"^  (App|Homeserver|Pages) +(http://\S+)$", re.MULTILINE)


@attrs.define
class Newcomer:
    """Somebody who has nothing but what ``veche up`` has printed.

    Attributes:
        printed: All of it.
    """

    printed: str
    _visitors: dict[str, Applicant] = attrs.field(factory=dict)
    _payments: dict[str, Room] = attrs.field(factory=dict)
    partners: dict[str, Person] = attrs.field(factory=dict)
    stack: ExitStack = attrs.field(factory=ExitStack)
    elsewhere: str = ""
    _desk: Desk | None = None

    @property
    def pages_url(self) -> str:
        """Of the pages."""
        return self._address("Pages")

    @property
    def app_url(self) -> str:
        """Of the app."""
        return self._address("App")

    def visitor(self, name: str) -> Applicant:
        """One of the people, with chats with the office and the bank that are named."""
        if name not in self._visitors:
            password = dict(_LOG_IN.findall(self.printed))[name]
            user = f"@{name}:{demo.SERVER_NAME}"
            person = Person.start(
                "nio", self._address("Homeserver"), user, password, is_verified=True
            )
            assert office_demo.OFFICE_BOT in self.printed
            assert payments_demo.PAYMENTS_BOT in self.printed
            chat = Room(person, person.create_dm(office_demo.OFFICE_BOT))
            applicant = Applicant(person, chat, Way.STRUCTURED)
            applicant.choose("Which language do you prefer?", "en")
            payments = Room(person, person.create_dm(payments_demo.PAYMENTS_BOT))
            person.wait_for(payments.room, lambda one: one.sender == payments_demo.PAYMENTS_BOT)
            self._visitors[name], self._payments[name] = applicant, payments
        return self._visitors[name]

    @property
    def desk(self) -> Desk:
        """The desk of the office, with Carol at it."""
        if self._desk is None:
            self._desk = Desk(self.visitor("carol").person)
        return self._desk

    def payments(self, name: str) -> Room:
        """The chat with the bank of one of the people."""
        self.visitor(name)
        return self._payments[name]

    def partner(self, kind: str, user: str, password: str) -> Person:
        """A client of somebody else in a process of its own, of an account that exists.

        Its device is signed where it is the first one of the account.
        """
        url = self._address("Homeserver")
        person = Person.start(kind, url, user, password, is_verified=password == PASSWORD)
        self.partners[user] = person
        return person

    def register(self, name: str) -> str:
        """A new account, as anybody makes one here; its id."""
        url = self._address("Homeserver") + "/_matrix/client/v3/register"
        wanted = {"username": name, "password": PASSWORD, "inhibit_login": True}
        begun = request("POST", url, body=wanted)
        auth = {"type": "m.login.dummy", "session": begun.body["session"]}
        made = request("POST", url, body={**wanted, "auth": auth})
        assert made.status == 200, made
        return str(made.body["user_id"])

    def end(self) -> None:
        """End the clients."""
        for one in self._visitors.values():
            one.person.stop()
        for person in self.partners.values():
            person.stop()
        self.stack.close()

    def _address(self, label: str) -> str:
        found: str = dict(_ADDRESS.findall(self.printed))[label]
        return found


def paths(stand: Any, **arguments: Any) -> Any:  # noqa: ARG001 -- of the protocol
    """The paths of all pages that need nothing else in their address."""
    return sorted(path for path in PATHS if not path.endswith("widget"))


def told_by_bank(stand: Any, **arguments: Any) -> Any:
    """The next message of the bank to a ``person`` with a ``text``: ``{body}``."""
    return {"body": _told_by_bank(stand, arguments["person"], arguments["text"]).body}


def clerk(stand: Newcomer, **arguments: Any) -> Any:  # noqa: ARG001 -- of the protocol
    """Carol comes to her desk: her device reads what is written there from now on."""
    assert stand.desk


def code(stand: Any, **arguments: Any) -> Any:
    """The six digits beside a ``text``; the bank tells them, in the newest chat: ``{code}``."""
    found = _CODE.search(_told_by_bank(stand, arguments["person"], arguments["text"]).body)
    assert found is not None
    return {"code": found[1] + found[2]}


def _told_by_bank(stand: Newcomer, name: str, text: str) -> Message:
    chat = stand.payments(name)

    def is_it(message: Message) -> bool:
        return message.sender == payments_demo.PAYMENTS_BOT and text in message.body

    return chat.person.wait_for(chat.room, is_it)


def partner(stand: Newcomer, **arguments: Any) -> Any:
    """A new person ``name`` with a client of somebody else: ``{id, kind}``.

    With the Rust SDK where the machine has it, or with ``kind``.
    """
    kind = arguments.get("kind") or ("nio" if why_not_rust() else "rust")
    person = stand.partner(kind, stand.register(arguments["name"]), PASSWORD)
    return {"id": person.user_id, "kind": kind}


def device(stand: Newcomer, **arguments: Any) -> Any:
    """Another device of a ``person`` with a ``password``, of matrix-nio: ``{device}``."""
    person = stand.partner("nio", arguments["person"], arguments["password"])
    return {"device": person.device_id}


def join(stand: Newcomer, **arguments: Any) -> Any:
    """A ``person`` of ``partner`` accepts the invitations that come."""
    stand.partners[arguments["person"]].accept_invites()


def say(stand: Newcomer, **arguments: Any) -> Any:
    """A ``person`` of ``partner`` writes a ``text`` into a ``room``."""
    stand.partners[arguments["person"]].send(arguments["room"], arguments["text"])


def reads(stand: Newcomer, **arguments: Any) -> Any:
    """What a ``person`` of ``partner`` reads next in a ``room``, with a ``text``."""
    message = stand.partners[arguments["person"]].wait_for(arguments["room"], arguments["text"])
    return {"body": message.body, "is_encrypted": message.is_encrypted}


def verification(stand: Newcomer, **arguments: Any) -> Any:
    """A ``person`` of ``partner`` does a ``step``: ``ask`` or ``answer`` a ``user``, ``emoji``.

    ``answer_falsely`` lets the comparison fail,
    ``begin`` shows the emoji and begins the comparison, ``confirm`` says that they are the same,
    ``verified`` waits until the client takes the user for verified.
    """
    person, user = stand.partners[arguments["person"]], arguments.get("user", "")
    steps: dict[str, Callable[[], object]] = {
        "ask": lambda: person.ask_verification(user),
        "answer": lambda: person.answer_verification(user),
        "answer_falsely": lambda: person.answer_verification(user, is_faulty=True),
        "begin": lambda: person.emoji(is_starting=True),
        "emoji": person.emoji,
        "confirm": person.confirm_emoji,
        "verified": lambda: person.wait_for_verified(user),
    }
    return steps[arguments["step"]]()


def printed_codes(stand: Newcomer, **arguments: Any) -> Any:  # noqa: ARG001 -- of the protocol
    """What the codes say that are printed in a ``pdf``, read from a picture: ``{texts}``."""
    with TemporaryDirectory(prefix="veche-printed-") as folder:
        command = [program("pdftoppm"), "-r", "150", "-png", arguments["pdf"], f"{folder}/page"]
        subprocess.run(command, check=True, timeout=60)
        texts: list[str] = []
        for path in sorted(Path(folder).glob("*.png")):
            with Image.open(path) as page:
                texts += [one.text for one in zxingcpp.read_barcodes(page)]
    return {"texts": texts}


def invoice(stand: Newcomer, **arguments: Any) -> Any:
    """The demo's shop asks a ``person``, a Matrix id, for ``minor`` cents for a ``title``."""
    shop = Path(_SHOP.findall(stand.printed)[0]).read_text(encoding="utf-8")
    keys = dict(line.removeprefix("export ").split("=", 1) for line in shop.splitlines())
    money = {"minor": arguments["minor"], "currency": "EUR"}
    answer = request(
        "POST",
        f"{keys['VECHE_API']}/invoices",
        token=keys["VECHE_KEY"],
        body={
            "addressee": arguments["person"],
            "title": arguments["title"],
            "lines": [{"text": "Two loaves", "amount": money}],
            "due_at_ms": int(time.time() * 1000) + _DAY_MS,  # noqa: TID251 -- of a real service
        },
        headers={"idempotency-key": secrets.token_hex(8)},
    )
    assert answer.status == 201, answer


def elsewhere(stand: Newcomer, **arguments: Any) -> Any:  # noqa: ARG001 -- of the protocol
    """A homeserver in another town, with single sign-on alone: ``{address, provider}``."""
    if not stand.elsewhere:
        folder = Path(stand.stack.enter_context(TemporaryDirectory(prefix="veche-elsewhere-")))
        stand.elsewhere = stand.stack.enter_context(homeserver_elsewhere(folder))
    return {"address": stand.elsewhere, "provider": PROVIDER}


UP_COMMANDS: Final[dict[str, Command]] = {
    "paths": paths,
    "told_by_bank": told_by_bank,
    "clerk": clerk,
    "code": code,
    "partner": partner,
    "device": device,
    "elsewhere": elsewhere,
    "invoice": invoice,
    "join": join,
    "printed_codes": printed_codes,
    "say": say,
    "reads": reads,
    "verification": verification,
    **{name: commands.COMMANDS[name] for name in ("sign_in", "follow_case", "desk")},
}
