"""Somebody with a client and a browser: makes keys, and approves with them what bots ask."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from tests.support.calls import Answer, request
from tests.support.keys import BrowserKey, Passkey, approval_of, unpadded_base64
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from veche.protocol.prompts import PROMPT_KEY

if TYPE_CHECKING:
    from tests.support.people import Person
    from tests.support.people.message import Message
    from tests.support.services import House

UNAVAILABLE: Final = 503
KEYS: Final = "/_veche/keys/v1"
APPROVALS: Final = "/_veche/approvals/v1"
NOT_NOW: Final = (429, UNAVAILABLE)
"""What a page waits for and asks again."""
ATTEMPTS_MAX: Final = 10


@attrs.define
class Customer:
    """A person, their room with a bot, their browser, and what they have in it."""

    house: House
    person: Person
    room: str
    session: str
    keys: list[BrowserKey | Passkey] = attrs.field(factory=list)

    @classmethod
    def sign_in(cls, house: House, person: Person, bot: str) -> Self:
        """Begin a chat with a bot, and sign in on the pages by its link."""
        room = person.create_dm(bot)
        person.send(room, "page")
        link = person.wait_for(room, "/signin#")
        [secret] = re.findall(r"/signin#([A-Za-z0-9_-]{22})", link.body)
        path = f"{house.pages_url}/_veche/sessions/v1/link"
        session = request("POST", path, body={"secret": secret})
        assert session.status == 200, session
        return cls(house, person, room, session.body["token"])

    def call(
        self, method: str, path: str, body: object = None, *, is_signed_in: bool = True
    ) -> Answer:
        """A request of their browser, which asks again where it is told to."""
        url, token = self.house.pages_url + path, self.session if is_signed_in else None
        answers: list[Answer] = []

        def is_answered() -> bool:
            answers.append(request(method, url, token=token, body=body))
            return answers[-1].status != UNAVAILABLE

        wait_until(is_answered, WAIT_S, f"{method} {path} stays unavailable")
        return answers[-1]

    def now_ms(self) -> int:
        """The time of the services, UTC."""
        answer = self.call("GET", f"{APPROVALS}/time", is_signed_in=False)
        return int(answer.body["now_ms"])

    def edit_of(self, question: Message) -> Message:
        """What the bot makes of a question in the end."""
        return self.person.wait_for(self.room, lambda one: one.replaces == question.event_id)

    def code(self) -> str:
        """The next code for a key that comes into the room."""
        said = self.person.wait_for(self.room, "Somebody adds the key")
        [code] = re.findall(r"(?m)^([0-9]{6})$", said.body)
        return str(code)

    def enrol(self, label: str = "Laptop") -> BrowserKey:
        """A new key of their browser."""
        key = BrowserKey()
        body = {"kind": "p256", "label": label, "public_key": unpadded_base64(key.public)}
        begun = self.call("POST", f"{KEYS}/enrolments", body)
        assert begun.status == 200, begun
        self.confirm(begun.body, key)
        return key

    def confirm(self, enrolment: dict[str, Any], key: BrowserKey | Passkey) -> None:
        """Type the code of the room."""
        assert (enrolment["state"], enrolment["key"]) == ("sent", key.id)
        proof = key.proof(enrolment["to_sign"])
        path = f"{KEYS}/enrolments/{enrolment['enrolment']}/code"
        done = self.call("POST", path, {"code": self.code(), **proof})
        assert done.status == 200, done
        assert done.body["key"]["id"] == key.id
        self.person.wait_for(self.room, "is yours from now on")
        self.keys.append(key)

    def look(self, message: Message) -> dict[str, Any]:
        """What their approve page finds out about a question."""
        answer = self.call("GET", f"{APPROVALS}/{nonce_in(message)}", is_signed_in=False)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        return found

    def approve(self, message: Message, key: BrowserKey | Passkey) -> Answer:
        """What their approve page hands in."""
        seen = self.look(message)
        if PROMPT_KEY in message.content:
            assert seen["asked"] == asked_in(message)
        return self.hand_in(key.signed(approval_of(seen["asked"], seen["now_ms"])))

    def hand_in(self, signed: object) -> Answer:
        """What is signed, again while it is too early or too often, as the page does."""
        for _ in range(ATTEMPTS_MAX):
            answer = self.call("POST", APPROVALS, signed, is_signed_in=False)
            if answer.status not in NOT_NOW:
                break
            time.sleep(answer.body["retry_after_ms"] / 1000)
        return answer


def nonce_in(message: Message) -> str:
    """Of the link to the page for approving."""
    [nonce] = re.findall(r"/approve#(\S+)", message.body)
    return str(nonce)


def asked_in(message: Message) -> dict[str, Any]:
    """What the choices of a question say of what is approved; the link has the nonce alone."""
    nonce = nonce_in(message)
    choices = message.content[PROMPT_KEY]["choices"]
    [asked] = [one["approve"] for one in choices if one.get("approve", {}).get("nonce") == nonce]
    found: dict[str, Any] = asked
    return found
