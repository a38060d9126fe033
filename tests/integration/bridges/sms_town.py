"""A town whose office and bank can be reached by SMS, by a message centre of others."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import attrs

from tests.integration.bridges.town import Town, bridged_town
from tests.support.processes import free_ports, wait_until
from tests.support.services import OFFICE
from tests.support.smsc import OFFICE_NUMBER, PASSWORD, SYSTEM_ID, MessageCentre

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S: Final = 30


@attrs.frozen
class Received:
    """A message on a phone, whole.

    Attributes:
        at: How many messages the phone had before it.
    """

    at: int
    words: str
    parts: int = 1


NOTHING: Final = Received(-1, "")


@attrs.define
class SmsTown(Town):
    """A town with a message centre.

    Attributes:
        centre: The message centre.
    """

    centre: MessageCentre


@attrs.define
class Phone:
    """Somebody who has a phone and nothing else.

    Attributes:
        centre: Of their network.
        number: Theirs.
        sent: What they have written.
    """

    centre: MessageCentre
    number: str
    sent: list[str] = attrs.field(factory=list)

    def messages(self) -> list[Received]:
        """What they have got, as a phone shows it: parts are joined; the same part shows once."""
        made: list[tuple[tuple[int, int] | None, dict[int, str]]] = []
        for one in self.centre.submits(self.number):
            assert "+" + one.sender == OFFICE_NUMBER
            if one.part is None:
                made.append((None, {1: one.text}))
                continue
            reference, total, number = one.part
            key = (reference, total)
            last = next((it for key_, it in made if key_ == key and len(it) < total), None)
            if last is None:
                last = {}
                made.append((key, last))
            last[number] = one.text
        return [
            Received(at, "".join(it[n] for n in sorted(it)), len(it))
            for at, (key, it) in enumerate(made)
            if key is None or len(it) == key[1]
        ]

    def write(self, text: str, to: Received | None = None) -> Received:
        """Write to the office; what they had got last before it."""
        del to  # the newest question is answered
        before = self.messages()
        self.send(text)
        return before[-1] if before else NOTHING

    def send(self, text: str, *, size: int | None = None, reverse: bool = False) -> None:
        """Send a message, in parts of a size if need be, or its last part first."""
        self.sent.append(text)
        self.centre.tell(
            "write",
            **{"from": self.number.lstrip("+"), "to": OFFICE_NUMBER.lstrip("+"), "text": text},
            name=self.number,
            size=size,
            reverse=reverse,
        )

    def due(self, text: str) -> int:
        """How often they have written this."""
        return self.sent.count(text)

    def count(self, words: str) -> int:
        """How many messages with these words they have got."""
        return sum(words in one.words for one in self.messages())

    def expect(self, words: str, after: Received) -> Received:
        """The message that has these words and came after another one."""
        found: list[Received] = []

        def has_come() -> bool:
            later = [one for one in self.messages() if one.at > after.at]
            found[:] = [one for one in later if words in one.words]
            return bool(found)

        try:
            wait_until(has_come, WAIT_S, f"no message with {words!r}")
        except TimeoutError as e:
            whole = "\n\n".join(one.words for one in self.messages())
            raise TimeoutError(f"{e}; there are\n{whole}") from None
        return found[0]

    def ask(self, text: str, to: Received | None, words: str) -> Received:
        """Write something; the answer that has these words."""
        return self.expect(words, self.write(text, to))

    def words(self, one: Received) -> str:
        """The text of a message."""
        return one.words


@contextmanager
def sms_town(folder: Path) -> Iterator[SmsTown]:
    """Run the town; its files are in ``folder``."""
    [port] = free_ports(1)
    with ExitStack() as stack:
        centre = MessageCentre(folder / "smsc")
        stack.callback(centre.stop)
        centre.start()
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o600)
        section = {
            "offices": {OFFICE_NUMBER: {"bot": OFFICE}},
            "host": "127.0.0.1",
            "port": centre.port,
            "tls": False,
            "system_id": SYSTEM_ID,
            "password_path": str(password),
        }
        one = stack.enter_context(bridged_town(folder, port, "sms", section))
        made = SmsTown(one.house, one.bridge, one.port, one.dsn, centre)
        made.start()
        yield made
