"""A town whose office and bank can be reached by mail, by a real exim."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from tests.integration.bridges.town import Town, bridged_town
from tests.support.mail_server import PEOPLE, VECHE, MailServer
from tests.support.processes import free_ports, wait_until
from tests.support.services import OFFICE

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS: Final = f"office@{VECHE}"
WAIT_S: Final = 30


@attrs.define
class MailTown(Town):
    """A town with a mail server.

    Attributes:
        mail: The mail server.
    """

    mail: MailServer


@attrs.define
class Citizen:
    """Somebody who has mail and nothing else.

    Attributes:
        town: Where they live.
        name: Before the @.
    """

    town: MailTown
    name: str
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    @property
    def address(self) -> str:
        """Where they get mail."""
        return f"{self.name}@{PEOPLE}"

    def mail(self, text: str, to: EmailMessage | None = None, **headers: str) -> EmailMessage:
        """A mail to the office, which answers another one if there is one."""
        one = EmailMessage(policy=SMTP)
        one["From"], one["To"] = f"{self.name.title()} <{self.address}>", ADDRESS
        one["Message-ID"] = f"<{self.name}.{next(self._numbers)}@{PEOPLE}>"
        one["Subject"] = "A certificate" if to is None else str(to["Subject"])
        if to is not None:
            one["In-Reply-To"] = str(to["Message-ID"])
            one["References"] = f"{to['References']} {to['Message-ID']}"
        for name, value in headers.items():
            one[name.replace("_", "-")] = value
        quoted = "" if to is None else "".join(f"> {line}\n" for line in words_of(to).splitlines())
        one.set_content(f"{text}\n\nOn Monday, Town Hall wrote:\n{quoted}" if quoted else text)
        return one

    def send(self, one: EmailMessage) -> EmailMessage:
        """Hand a mail to the mail server."""
        self.town.mail.send(one.as_bytes(), ADDRESS, self.address)
        return one

    def write(self, text: str, to: EmailMessage | None = None, **headers: str) -> EmailMessage:
        """Write to the office; the mail."""
        return self.send(self.mail(text, to, **headers))

    def received(self) -> list[EmailMessage]:
        """What they have got, the oldest first."""
        return self.town.mail.received(self.name)

    def expect(self, words: str, after: EmailMessage) -> EmailMessage:
        """The mail that has these words and comes after another one in its thread."""
        found: list[EmailMessage] = []

        def has_come() -> bool:
            found[:] = [
                one
                for one in self.received()
                if words in words_of(one) and after["Message-ID"] in str(one["References"])
            ]
            return bool(found)

        try:
            wait_until(has_come, WAIT_S, f"no mail with {words!r}")
        except TimeoutError as e:
            whole = "\n\n".join(map(shown, self.received()))
            raise TimeoutError(f"{e}; there are\n{whole}") from None
        return found[0]

    def words(self, one: EmailMessage) -> str:
        """The text of a mail."""
        return words_of(one)

    def ask(self, text: str, to: EmailMessage | None, words: str) -> EmailMessage:
        """Write something; the answer that has these words."""
        return self.expect(words, self.write(text, to))


def words_of(one: EmailMessage) -> str:
    body = one.get_body(("plain",))
    return "" if body is None else str(body.get_content())


def shown(one: EmailMessage) -> str:
    """A mail as its reader sees it, and what its program goes by."""
    names = ("From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted")
    files = [f"[{part.get_filename()}]" for part in one.iter_attachments()]
    return "\n".join([*(f"{name}: {one[name]}" for name in names), "", words_of(one), *files])


@contextmanager
def mail_town(folder: Path) -> Iterator[MailTown]:
    """Run the town; its files are in ``folder``."""
    port, smtp_port = free_ports(2)
    with ExitStack() as stack:
        # Not below pytest's folder, which is closed to exim's user.
        spool = Path(tempfile.mkdtemp(prefix="veche-mail-"))
        spool.chmod(0o755)
        stack.callback(shutil.rmtree, spool, ignore_errors=True)
        mail = MailServer(spool, smtp_port)
        stack.callback(mail.stop)
        section = {
            "domain": VECHE,
            "offices": {ADDRESS: {"bot": OFFICE, "name": "Town Hall"}},
            "listen_port": mail.bridge,
            "relay_port": mail.port,
        }
        one = stack.enter_context(bridged_town(folder, port, "mail", section))
        made = MailTown(one.house, one.bridge, one.port, one.dsn, mail)
        mail.start()
        made.start()
        yield made
