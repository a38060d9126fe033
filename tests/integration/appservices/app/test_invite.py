"""`veche app invite` with a real homeserver: only who is invited makes an account."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
import yaml

from appservices.app.config import AppSection
from appservices.app.examining import examine
from tests.support.catalogues import catalogue_problems
from tests.support.processes import free_ports
from tests.support.synapse import Homeserver, homeserver
from veche.cli.demo import world
from veche.cli.main import main
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.calls import Answer

pytestmark = pytest.mark.synapse

ORIGIN: Final = "https://app.example.org"
REGISTER: Final = "/_matrix/client/v3/register"


@attrs.frozen
class Office:
    """Who invites: a configuration beside a homeserver.

    Attributes:
        folder: Of the configuration.
        server: The homeserver.
        tokens: Access tokens of an administrator and of somebody else.
    """

    folder: Path
    server: Homeserver
    tokens: dict[str, str]

    def configure(self, whose: str = "admin", **more: Any) -> None:
        """Write the configuration anew."""
        write_private(self.folder / "token", self.tokens.get(whose, whose))
        section = {
            "homeserver_url": self.server.url,
            "name": {"en": "Town"},
            "registration": "invitation",
            "admin_token_path": str(self.folder / "token"),
        }
        sections = {"app": section, "widgets": {"app_origin": ORIGIN}, **more}
        text = world.services_configuration(
            self.server.plan,
            port=1,
            database_url="host=/none",
            operator_key=self.folder / "operator_key",
            sections={name: one for name, one in sections.items() if one is not None},
        )
        (self.folder / "veche.yaml").write_text(text)

    def invite(self, *options: str) -> int:
        """Run the command; its exit code."""
        return main(["app", "invite", "-c", str(self.folder / "veche.yaml"), *options])

    def register(self, name: str, token: str) -> Answer:
        """Make an account with an invitation, as the app does."""
        body = {"username": name, "password": "a long one"}
        session = self.server.call("POST", REGISTER, body=body).body["session"]
        auth = {"type": "m.login.registration_token", "token": token, "session": session}
        answer = self.server.call("POST", REGISTER, body={**body, "auth": auth})
        if answer.status == 401 and "errcode" not in answer.body:
            auth = {"type": "m.login.dummy", "session": session}
            answer = self.server.call("POST", REGISTER, body={**body, "auth": auth})
        return answer


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("invite")
    settings = {"enable_registration": True, "registration_requires_token": True}
    with homeserver(folder / "homeserver", settings=settings) as server:
        write_private(folder / "operator_key", bytes(32))
        for name in ("as_token", "hs_token"):
            write_private(server.plan.folder / name, name)
        tokens = {"admin": _administrator(server), "nobody": server.login(server.register("eve"))}
        yield Office(folder, server, tokens)


def _administrator(server: Homeserver) -> str:
    path = "/_synapse/admin/v1/register"
    nonce = server.call("GET", path).body["nonce"]
    secret = (server.plan.folder / "registration_shared_secret").read_text().strip()
    message = "\0".join((nonce, "root", "a long one", "admin")).encode()
    mac = hmac.new(secret.encode(), message, hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": "root", "password": "a long one", "admin": True}
    return str(server.call("POST", path, body={**body, "mac": mac}).body["access_token"])


def test_an_invitation_is_good_as_often_as_it_says(
    office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    office.configure()
    code = tmp_path / "invitation.svg"

    assert office.invite("--uses", "2", "--expires", "1 d", "--out", str(code)) == 0
    token, link, until = capsys.readouterr().out.splitlines()

    assert link == f"{ORIGIN}/#invite={token}"
    assert re.fullmatch(r"good for 2 until .+ UTC", until)
    assert code.read_text().lstrip().startswith("<?xml")
    statuses = [office.register(name, token).status for name in ("ann", "ben", "cleo")]
    assert statuses == [200, 200, 401]
    assert office.register("dan", "none").status == 401


def test_without_a_file_the_code_is_in_the_terminal(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.configure()

    assert office.invite() == 0
    assert "█" in capsys.readouterr().out


def test_an_office_prints_a_letter_with_an_invitation(
    office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    office.configure()
    sheet = tmp_path / "letter.html"
    name = "Standesamt <b>\u202e Süd"

    assert office.invite("--letter", name, "--language", "de", "--out", str(sheet)) == 0
    token, link, _ = capsys.readouterr().out.splitlines()

    written = sheet.read_text(encoding="utf-8")
    assert office.register("fay", token).status == 200
    assert f"<code>{link}</code>" in written
    assert "<bdi>Einladung: Standesamt &lt;b&gt;" in written
    assert '<html lang="de">' in written
    assert written.count("<svg") == 1
    assert "Die Einladung gilt bis" in written


def test_every_text_of_the_letter_is_in_every_language() -> None:
    assert catalogue_problems("appservices.app") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--letter", "Office"), "--out"),
        (("--letter", "Office", "--out", "code.svg"), "--out"),
        (("--uses", "0"), "--uses"),
        (("--uses", "10001"), "--uses"),
        (("--expires", "soon"), "--expires"),
        (("--expires", "0 s"), "--expires"),
        (("--expires", "367 d"), "--expires"),
        (("--expires", "9999999 w"), "--expires"),
        (("--out", "code.exe"), "--out"),
    ],
)
def test_a_wrong_option_is_named(
    office: Office, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    office.configure()

    assert office.invite(*options) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("token", ["nobody", "a-token-of-none"])
def test_only_an_administrator_invites(
    office: Office, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    office.configure(token)

    assert office.invite() == 1
    said = capsys.readouterr().err
    assert "app.admin_token_path" in said
    assert office.tokens.get(token, token) not in said


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"registration": "open"}, "app.registration"),
        ({"registration": "invitation"}, "app.admin_token_path is missing"),
        (None, "app.registration"),
    ],
)
def test_a_setting_that_is_missing_is_named(
    office: Office,
    capsys: pytest.CaptureFixture[str],
    section: dict[str, str] | None,
    said: str,
) -> None:
    least = {"homeserver_url": office.server.url, "name": {"en": "Town"}}
    office.configure(app=section and {**least, **section})

    assert office.invite() == 1
    assert said in capsys.readouterr().err


def test_a_homeserver_that_is_silent_is_named(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.configure()
    path = office.folder / "veche.yaml"
    written = yaml.safe_load(path.read_text())
    [port] = free_ports(1)
    written["homeserver"]["url"] = f"http://127.0.0.1:{port}"
    path.write_text(yaml.safe_dump(written))

    assert office.invite() == 1
    assert f"http://127.0.0.1:{port} does not answer" in capsys.readouterr().err


def test_the_key_of_notifications_is_made_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vapid_key"

    assert main(["app", "key", "--out", str(path)]) == 0
    made = path.read_text()
    assert main(["app", "key", "--out", str(path)]) == 1

    assert path.read_text() == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert "cannot be written" in capsys.readouterr().err


def test_the_doctor_says_where_the_homeserver_gives_accounts_otherwise(office: Office) -> None:
    least = {"homeserver_url": office.server.url, "name": {"en": "Town"}}
    [port] = free_ports(1)
    silent = {**least, "homeserver_url": f"http://127.0.0.1:{port}"}

    def found(**section: Any) -> list[str]:
        return [what for what, _ in examine(AppSection.model_validate(section), 0)]

    assert found(**least, registration="invitation") == []
    assert found(**least, registration="open") == [
        "app.registration is open, and the homeserver's is invitation"
    ]
    [said] = found(**silent)
    assert said.startswith(f"http://127.0.0.1:{port} does not answer")
