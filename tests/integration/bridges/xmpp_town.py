"""A town whose office and bank can be reached by XMPP, by a real Prosody."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import attrs

from tests.integration.bridges.town import Town, bridged_town
from tests.support.processes import free_ports, wait_until
from tests.support.services import OFFICE
from tests.support.xmpp_people import WAIT_S, Received, XmppPerson
from tests.support.xmpp_server import SECRET, VECHE, XmppServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS: Final = f"office@{VECHE}"
NAME: Final = "Town Hall"
PEOPLE: Final = ("ann", "bob", "eve", "gone", "mallory", "quiet")


@attrs.define
class XmppTown(Town):
    """A town with an XMPP server.

    Attributes:
        server: The XMPP server.
    """

    server: XmppServer

    def start(self) -> None:
        """Start the bridge, and wait until the server knows it."""
        since = self.connections()
        super().start()
        wait_until(lambda: self.connections() > since, WAIT_S, "the bridge does not connect")

    def connections(self) -> int:
        """How often the bridge has connected."""
        log = self.bridge.log_path
        return log.read_text().count(f"{VECHE} is connected") if log.exists() else 0


@attrs.define
class Citizen:
    """Somebody who has XMPP and nothing else.

    Attributes:
        person: With their account.
        sent: What they have sent, by its id.
    """

    person: XmppPerson
    sent: dict[str, str] = attrs.field(factory=dict)

    def write(self, text: str, to: Received | None = None) -> Received:
        """Write to the office; what they had got last before it."""
        del to  # the newest question is answered
        before = self.person.messages()
        self.send(text)
        return before[-1] if before else Received("", "", "")

    def send(self, text: str, id_: str = "") -> str:
        """Send a message, or the same again; its id."""
        made = self.person.send(text, ADDRESS, id_)
        self.sent[made] = text
        return made

    def due(self, text: str) -> int:
        """How many different messages with this text they have sent."""
        return list(self.sent.values()).count(text)

    def count(self, words: str) -> int:
        """How many different messages with these words they have got."""
        return sum(words in one.words for one in self.person.messages())

    def expect(self, words: str, after: Received) -> Received:
        """The message that has these words and came after another one."""
        found: list[Received] = []

        def has_come() -> bool:
            ids = ["", *(one.id for one in self.person.messages())]
            later = self.person.messages()[ids.index(after.id) :]
            found[:] = [one for one in later if words in one.words]
            return bool(found)

        try:
            wait_until(has_come, WAIT_S, f"no message with {words!r}")
        except TimeoutError as e:
            whole = "\n\n".join(one.words for one in self.person.received)
            raise TimeoutError(f"{e}; there are\n{whole}") from None
        return found[0]

    def ask(self, text: str, to: Received | None, words: str) -> Received:
        """Write something; the answer that has these words."""
        return self.expect(words, self.write(text, to))

    def words(self, one: Received) -> str:
        """The text of a message."""
        return one.words


@contextmanager
def citizen(town: XmppTown, name: str, *, acknowledges: bool = True) -> Iterator[Citizen]:
    """Somebody who is there, with their program."""
    person = XmppPerson(name, town.server.port, acknowledges=acknowledges)
    person.connect()
    try:
        yield Citizen(person)
    finally:
        person.stop()


@contextmanager
def xmpp_town(folder: Path) -> Iterator[XmppTown]:
    """Run the town; its files are in ``folder``."""
    [port] = free_ports(1)
    with ExitStack() as stack:
        server = XmppServer(folder / "prosody", PEOPLE)
        stack.callback(server.stop)
        server.start()
        secret = folder / "component_secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        section = {
            "domain": VECHE,
            "offices": {ADDRESS: {"bot": OFFICE, "name": NAME}},
            "secret_path": str(secret),
            "server_port": server.component_port,
        }
        one = stack.enter_context(bridged_town(folder, port, "xmpp", section))
        made = XmppTown(one.house, one.bridge, one.port, one.dsn, server)
        made.start()
        yield made
