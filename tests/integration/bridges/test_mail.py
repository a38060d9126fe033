"""Somebody who only has mail uses the demo's office: a real exim, Synapse and PostgreSQL."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import ExitStack
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import pytest
import yaml

from tests.support.mail_server import EXIM, PEOPLE, VECHE, MailServer
from tests.support.postgres import database, execute
from tests.support.processes import ROOT, Child, free_ports, wait_until
from tests.support.services import (
    OFFICE,
    SERVICES,
    House,
    Place,
    _demo_sections,
    house,
)
from veche.cli.demo import world
from veche.cli.processes.homeserver import is_healthy
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.runtime.matrix.registration import registration_document

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.synapse,
    pytest.mark.postgres,
    pytest.mark.skipif(
        EXIM is None, reason="exim is not installed: apt install exim4-daemon-light"
    ),
]
ADDRESS: Final = f"office@{VECHE}"
BRIDGES: Final = MigrationSet("bridges", "bridges.host")


@attrs.define
class Town:
    """The office, the bridge and the mail server."""

    house: House
    bridge: Child
    port: int
    dsn: str
    mail: MailServer

    def start(self) -> None:
        self.bridge.start()
        self.bridge.wait_for(lambda: is_healthy(self.port, "/ready"), 90, "the bridge")

    def write(self, text: str, id_: str, **headers: str) -> bytes:
        one = EmailMessage(policy=SMTP)
        one["From"], one["To"], one["Message-ID"] = f"Ann <ann@{PEOPLE}>", ADDRESS, id_
        one["Subject"] = "A certificate"
        for name, value in headers.items():
            one[name.replace("_", "-")] = value
        one.set_content(text)
        self.mail.send(one.as_bytes(), ADDRESS)
        return one.as_bytes()

    def expect(self, words: str, after: str = "") -> EmailMessage:
        """The mail to Ann that has these words and comes after another one in its thread."""
        found: list[EmailMessage] = []

        def has_come() -> bool:
            found[:] = [
                one
                for one in self.mail.received()
                if words in one.get_content() and after in one["References"]
            ]
            return bool(found)

        try:
            wait_until(has_come, 25, f"no mail with {words!r}")
        except TimeoutError as e:
            whole = "\n\n".join(one.get_content() for one in self.mail.received())
            from tests.integration.bridges import dump
            dump.dump(self)
            raise TimeoutError(f"{e}; there are\n{whole}") from None
        return found[0]

    def query(self, statement: str) -> list[tuple[object, ...]]:
        return execute(self.dsn, statement)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("bridged")
    port, smtp_port = free_ports(2)
    (folder / "registration").mkdir()
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
    place = attrs.evolve(place, settings=files, bridges=[bot])
    with ExitStack() as stack:
        (folder / "house").mkdir()
        one = stack.enter_context(
            house(folder / "house", has_pages=place, sections=_demo_sections())
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


def test_somebody_with_mail_alone_comes_to_the_first_question(town: Town) -> None:
    """Greeting, menu, service, form; all in one thread, each mail once, also after a kill."""
    town.write("Hello", "<1@mta.test>")
    greeting = town.expect("Which language do you prefer?")
    assert "tap it below" not in greeting.get_content()
    assert "<1@mta.test>" in greeting["References"]

    reply = {"In_Reply_To": str(greeting["Message-ID"])}
    raw = town.write("1\n\nOn Monday, Town Hall wrote:\n> 1. English", "<2@mta.test>", **reply)
    town.mail.send(raw, ADDRESS)
    menu = town.expect("What do you need?", "<2@mta.test>")

    # What comes meanwhile waits in exim; what was taken before is not taken again.
    town.bridge.kill()
    reply = {"In_Reply_To": str(menu["Message-ID"])}
    town.write("1", "<3@mta.test>", **reply)
    town.mail.send(raw, ADDRESS)
    town.write("I am away", "<4@mta.test>", Auto_Submitted="auto-replied")
    town.start()
    intro = town.expect("It takes at most", "<3@mta.test>")

    town.write("1", "<5@mta.test>", In_Reply_To=str(intro["Message-ID"]))
    town.expect("1 of 4", "<5@mta.test>")
    counted = "SELECT count(*) FROM bridges.remote_inbox"
    wait_until(lambda: town.query(counted) == [(5,)], 90, "not all mail came")
    received = town.mail.received()
    ids = [one["Message-ID"] for one in received]
    assert len(ids) == len(set(ids))
    assert sum("can read them" in one.get_content() for one in received) == 1
    assert town.query("SELECT count(*) FROM bridges.portal") == [(1,)]
