"""A town whose office and bank can be reached by mail: real exim, Synapse and PostgreSQL."""

from __future__ import annotations

import itertools
import secrets
import shutil
import tempfile
import urllib.request
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import yaml

from appservices.agency import demo as office_demo
from appservices.payments import demo as payments_demo
from tests.stories.bank import PAYMENTS
from tests.support.mail_server import PEOPLE, VECHE, MailServer
from tests.support.postgres import database, execute
from tests.support.processes import ROOT, Child, free_ports, wait_until
from tests.support.services import AGENCY, OFFICE, SERVICES, House, Place, house
from veche.cli.demo import world
from veche.cli.processes.homeserver import is_healthy
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.runtime.matrix.registration import registration_document
from veche.server.demo import secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADDRESS: Final = f"office@{VECHE}"
FEE_SERVICE: Final = office_demo.FEE_SERVICE
BRIDGES: Final = MigrationSet("bridges", "bridges.host")
WAIT_S: Final = 30


@attrs.define
class Town:
    """The office, the bridge and the mail server.

    Attributes:
        house: Where the office and the bank are.
        bridge: The process of the bridge.
        port: Of the bridge, for its health.
        dsn: Of the bridge's database.
        mail: The mail server.
    """

    house: House
    bridge: Child
    port: int
    dsn: str
    mail: MailServer

    def start(self) -> None:
        """Start the bridge, and wait until it is ready."""
        self.bridge.start()
        self.bridge.wait_for(lambda: is_healthy(self.port, "/ready"), 90, "the bridge")

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Rows of the bridge's database."""
        return execute(self.dsn, statement)

    def counted(self, name: str, **labels: str) -> float:
        """A count of the bridge, of all its other labels; it begins anew with each start."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        found = [one for one in lines if one.startswith(f"{name}{{")]
        return sum(
            float(one.rpartition(" ")[2]) for one in found if all(key in one for key in wanted)
        )


@attrs.define
class Citizen:
    """Somebody who has mail and nothing else.

    Attributes:
        town: Where they live.
        name: Before the @.
    """

    town: Town
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
        quoted = "" if to is None else "".join(f"> {line}\n" for line in _text(to).splitlines())
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
                if words in _text(one) and after["Message-ID"] in str(one["References"])
            ]
            return bool(found)

        try:
            wait_until(has_come, WAIT_S, f"no mail with {words!r}")
        except TimeoutError as e:
            whole = "\n\n".join(map(shown, self.received()))
            raise TimeoutError(f"{e}; there are\n{whole}") from None
        return found[0]

    def ask(self, text: str, to: EmailMessage | None, words: str) -> EmailMessage:
        """Write something; the answer that has these words."""
        return self.expect(words, self.write(text, to))


def _text(one: EmailMessage) -> str:
    body = one.get_body(("plain",))
    return "" if body is None else str(body.get_content())


def shown(one: EmailMessage) -> str:
    """A mail as its reader sees it, and what its program goes by."""
    names = ("From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted")
    files = [f"[{part.get_filename()}]" for part in one.iter_attachments()]
    return "\n".join([*(f"{name}: {one[name]}" for name in names), "", _text(one), *files])


@contextmanager
def mail_town(folder: Path) -> Iterator[Town]:
    """Run the town; its files are in ``folder``."""
    port, smtp_port = free_ports(2)
    (folder / "registration").mkdir()
    (folder / "house").mkdir()
    place = _place(folder, port)
    with ExitStack() as stack:
        one = stack.enter_context(
            house(
                folder / "house",
                has_pages=place,
                sections=lambda pages_url: _sections(folder, pages_url),
                migrations=(AGENCY, PAYMENTS),
            )
        )
        dsn = stack.enter_context(database(*KERNEL_SETS, BRIDGES))
        # Not below pytest's folder, which is closed to exim's user.
        spool = Path(tempfile.mkdtemp(prefix="veche-mail-"))
        spool.chmod(0o755)
        stack.callback(shutil.rmtree, spool, ignore_errors=True)
        mail = MailServer(spool, smtp_port)
        stack.callback(mail.stop)
        path = folder / "bridges.yaml"
        path.write_text(_configuration(one, folder, port, dsn, mail))
        child = Child((*SERVICES, "-c", str(path)), ROOT, path.with_suffix(".log"))
        stack.callback(child.stop)
        made = Town(one, child, port, dsn, mail)
        mail.start()
        made.start()
        yield made


def _place(folder: Path, port: int) -> Place:
    """A homeserver that knows the bridge."""
    tokens = {name: secrets.token_hex(16) for name in ("as_token", "hs_token")}
    for name, token in tokens.items():
        (folder / name).write_text(token)
        (folder / name).chmod(0o600)
    place = Place()
    document = registration_document(
        "veche-bridges", f"http://127.0.0.1:{port}", place.server_name, prefix="_veche_", **tokens
    )
    own = folder / "house" / "homeserver" / "registration.yaml"
    ours = folder / "registration" / "bridges.yaml"
    ours.write_text(yaml.safe_dump(document))
    files = {"app_service_config_files": [str(own), str(ours)]}
    bot = f"@_veche_mail_bot:{place.server_name}"
    return attrs.evolve(place, settings=files, bridges=[bot])


def _sections(folder: Path, pages_url: str) -> Mapping[str, Any]:
    """The demo's office and bank; its service with a fee may be used without a client."""
    definitions = folder / "services"
    shutil.copytree(ROOT / "config" / "services", definitions)
    service = definitions / f"{FEE_SERVICE}.yaml"
    text = service.read_text()
    assert "min_trust: e2ee" in text
    service.write_text(text.replace("min_trust: e2ee", "min_trust: any"))
    key = secret(folder / "town_key")
    return {
        "agency": office_demo.agency_section(definitions, pages_url, key),
        "payments": payments_demo.payments_section(key),
    }


def _configuration(one: House, folder: Path, port: int, dsn: str, mail: MailServer) -> str:
    key = folder / "bridges_key"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    network = {
        "domain": VECHE,
        "offices": {ADDRESS: {"bot": OFFICE, "name": "Town Hall"}},
        "listen_port": mail.bridge,
        "relay_port": mail.port,
    }
    sections = {"bridges": {"id": "bridges", "mail": network}}
    text = world.services_configuration(
        one.server.plan, port=port, database_url=dsn, operator_key=key, sections=sections
    )
    whole = yaml.safe_load(text)
    whole["homeserver"] |= {
        "as_token_path": str(folder / "as_token"),
        "hs_token_path": str(folder / "hs_token"),
        "appservice_id": "veche-bridges",
        "registration_path": str(folder / "registration" / "bridges.yaml"),
        "namespace": "_veche_",
    }
    return yaml.safe_dump(whole)
