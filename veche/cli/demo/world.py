"""The demo world of `veche up`: the town of Lindenau, its records office, four people.

What depends on the agency's configuration is in ``agency_section`` alone.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs
import yaml

from veche.cli.demo.shop import NETWORKS
from veche.cli.processes.homeserver import APPSERVICE_ID, HomeserverPlan
from veche.runtime.config.secret_files import write_private
from veche.runtime.crypto.keys import OPERATOR_KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from veche.cli.demo.authority import DemoAuthority
    from veche.cli.demo.bank import DemoBank
    from veche.cli.demo.shop import DemoShop

SERVER_NAME: Final = "lindenau.localhost"
"""Ends the ids of the demo's people. Names under ``.localhost`` belong to nobody (RFC 6761)."""

OFFICE_BOT: Final = f"@veche_org_lindenau_records:{SERVER_NAME}"
"""The bot of the records office."""

PAYMENTS_BOT: Final = f"@veche_payments:{SERVER_NAME}"
"""The bot of the town's bank, by which people pay one another."""

SIGNING_BOT: Final = f"@veche_signing:{SERVER_NAME}"
"""The bot by which people have documents signed and sign them."""

DESK: Final = "archive"
"""The desk that the demo's service is reviewed at."""

SERVICES: Final = ("birth-certificate-copy", "change-of-address")
"""What the office offers, in the order of its menu; files of ``config/services``."""

FEE_SERVICE: Final = "land-register-extract"
"""What it offers besides where its fee can be paid."""

SIGNED_SERVICE: Final = "garden-plot-lease"
"""What it offers besides where its documents can be signed."""

TOWN: Final = "lindenau"
"""Name of the town in the log of acts."""

BANK: Final = "lindenau-bank"
"""Name of the town's bank there."""

BANK_NAME: Final = "Bank of Lindenau"

TOWN_NAME: Final = {
    "en": "Town of Lindenau",
    "ru": "Город Линденау",
    "de": "Stadt Lindenau",
    "uk": "Місто Лінденау",
}

PASSWORD_VARIABLE: Final = "VECHE_DEMO_PASSWORD"  # noqa: S105 -- the name, not the password
"""Environment variable by which the check's client gets Alice's password."""

EMBEDDERS: Final = ["https:", "vector:", "http://localhost:*", "http://127.0.0.1:*"]
"""Whose frames may hold widgets: those of clients that somebody serves on this machine, too."""

HOMESERVERS: Final = ["https:"]
"""At which people may sign in, beside the town's own."""

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 3
_GROUP_LETTERS: Final = 5


@attrs.frozen
class Person:
    """Somebody of the demo.

    Attributes:
        name: Localpart of their user id.
        display_name: What others see.
        part: What they are in the demo, for the person at the terminal.
    """

    name: str
    display_name: str
    part: str

    @property
    def user_id(self) -> str:
        """Their Matrix user id."""
        return f"@{self.name}:{SERVER_NAME}"


@attrs.frozen
class Equipment:
    """What the demo has for money and for seals.

    Attributes:
        town_key: Path of the file with the town's key for its bank; without pages it asks for no
            fees.
        bank: Where the town's bank has its account.
        shop: That asks for payments over HTTP; None: there is none.
        authority: By which the town's documents are sealed; None: they carry no seal.
    """

    town_key: Path
    bank: DemoBank
    shop: DemoShop | None = None
    authority: DemoAuthority | None = None


ALICE: Final = Person("alice", "Alice", "lives in Lindenau")
BOB: Final = Person("bob", "Bob", "lives in Lindenau")
CAROL: Final = Person("carol", "Carol", "clerk of the records office")
HENRIETTE: Final = Person("henriette", "Henriette", "head of the records office")
PEOPLE: Final = (ALICE, BOB, CAROL, HENRIETTE)


def password(folder: Path, person: Person) -> str:
    """The password of a person of the demo, made at the first call and kept in ``folder``.

    Returns:
        Three groups of five letters and digits that are easy to tell apart: 74 bits of chance.
    """
    path = folder / person.name
    if not path.exists():
        groups = (_password_group() for _ in range(_GROUPS))
        write_private(path, "-".join(groups) + "\n")
    return path.read_text().strip()


def operator_key(path: Path) -> Path:
    """The file with the operator key: 32 random bytes, made at the first call.

    Returns:
        ``path``.
    """
    if not path.exists():
        write_private(path, secrets.token_bytes(OPERATOR_KEY_BYTES))
    return path


def town_key(path: Path) -> Path:
    """The file with the town's key for its bank, made at the first call.

    Returns:
        ``path``.
    """
    if not path.exists():
        write_private(path, secrets.token_urlsafe(OPERATOR_KEY_BYTES) + "\n")
    return path


def _password_group() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_GROUP_LETTERS))


def homeserver_settings(public_port: int) -> dict[str, Any]:
    """Settings of Synapse for people who try things out with a client of their own."""
    return {
        "public_baseurl": f"http://localhost:{public_port}/",
        # Every client's private rooms are encrypted, whatever the client would do by itself.
        "encryption_enabled_by_default_for_room_type": "invite",
        # People who share no room yet find one another.
        "user_directory": {"enabled": True, "search_all_users": True},
        "suppress_key_server_warning": True,
    }


def services_configuration(
    plan: HomeserverPlan,
    *,
    port: int,
    database_url: str,
    operator_key: Path,
    definitions: Path,
    pages_url: str | None = None,
    equipment: Equipment | None = None,
) -> str:
    """The services' configuration file.

    Args:
        plan: Of the homeserver that they serve.
        port: Where they listen on 127.0.0.1.
        database_url: Of their database.
        operator_key: Path of the file with the operator key.
        definitions: Folder with the service definitions, ``config/services`` of the checkout.
        pages_url: Where people reach the pages, with their port on this machine; None: no pages.
        equipment: What is set up for money and seals; None: the town asks for no fees, seals
            nothing, and there is no bank elsewhere.
    """
    town_key = None if equipment is None else equipment.town_key
    sections: dict[str, Any] = {
        "homeserver": {
            "url": plan.url,
            "server_name": plan.server_name,
            "as_token_path": str(plan.folder / "as_token"),
            "hs_token_path": str(plan.folder / "hs_token"),
            "appservice_id": APPSERVICE_ID,
            "registration_path": str(plan.registration_path),
        },
        "listen": {"address": "127.0.0.1", "port": port},
        "database": {"url": database_url},
        "crypto": {"key_path": str(operator_key)},
        "log": {"level": "INFO", "format": "text"},
        "agency": agency_section(definitions, pages_url, town_key),
        "payments": payments_section(
            town_key,
            () if equipment is None else [equipment.bank.section],
            None if equipment is None or equipment.shop is None else equipment.shop.section,
        ),
    }
    if equipment is not None and equipment.authority is not None:
        sections["signing"] = signing_section(equipment.authority, definitions.parent / "signing")
        town = sections["agency"]["organisations"][0]
        town["seal"] = equipment.authority.seal_section(TOWN)
        town["offices"][0]["services"].append(str(definitions / f"{SIGNED_SERVICE}.yaml"))
        sections["payments"]["seal"] = equipment.authority.seal_section(BANK)
    if pages_url is not None:
        sections["pages"] = {
            "public_url": pages_url,
            "port": urlsplit(pages_url).port,
            "embedders": EMBEDDERS,
        }
        # A town that is an hour old would be tried out tomorrow.
        sections["approvals"] = {"key_hold": "0 s"}
        sections["widgets"] = {"homeservers": [*HOMESERVERS, f"http://localhost:{plan.port}"]}
    head = "# Written by `veche up` at each start; change veche/cli/demo/world.py, not this file.\n"
    return head + yaml.safe_dump(sections, allow_unicode=True, sort_keys=False)


def signing_section(authority: DemoAuthority, templates: Path) -> dict[str, Any]:
    """The section ``signing``: the town's authority, and the bot; its clerks order the town's seal.

    Args:
        authority: By which documents are sealed.
        templates: Folder with templates of documents, ``config/signing`` of the checkout.
    """
    section = authority.section
    clerks = [CAROL.user_id, HENRIETTE.user_id]
    seals = [
        {**one, "ordered_by": clerks} if one["id"] == TOWN else one for one in section["seals"]
    ]
    sessions = {
        "id": TOWN,
        "name": {
            "en": "Signatures of Lindenau",
            "ru": "Подписи Линденау",
            "de": "Unterschriften von Lindenau",
            "uk": "Підписи Линденау",
        },
        "time_zone": "Europe/Berlin",
        "templates": str(templates),
        "registrars": [{"organisation": "Town of Lindenau", "persons": [*clerks]}],
    }
    return {**section, "seals": seals, "sessions": sessions}


def agency_section(
    definitions: Path, bank_url: str | None = None, town_key: Path | None = None
) -> dict[str, Any]:
    """The section ``agency``: one organisation with one office, its services and staff.

    Args:
        definitions: Folder with the service definitions.
        bank_url: Origin of the pages, where the bank is asked; None: no fees.
        town_key: Path of the file with the town's key for it; None: no fees.
    """
    has_bank = bank_url is not None and town_key is not None
    services = (*SERVICES, FEE_SERVICE) if has_bank else SERVICES
    office = {
        "id": "records",
        "name": {
            "en": "Vital Records Office",
            "ru": "Отдел ЗАГС",
            "de": "Standesamt",
            "uk": "Відділ ДРАЦС",
        },
        "services": [str(definitions / f"{service}.yaml") for service in services],
        "staff": [
            {
                "id": CAROL.name,
                "user": CAROL.user_id,
                "role": "clerk",
                "desks": [DESK],
            },
            {
                "id": HENRIETTE.name,
                "user": HENRIETTE.user_id,
                "role": "decision_maker",
                "desks": [DESK],
                "duties": ["head-of-office"],
            },
        ],
    }
    town = {
        "id": TOWN,
        "name": dict(TOWN_NAME),
        "time_zone": "Europe/Berlin",
        "offices": [office],
    }
    if has_bank:
        town["payments"] = {"url": bank_url, "key_path": str(town_key)}
    return {"organisations": [town]}


def payments_section(
    town_key: Path | None = None,
    banks: Sequence[Mapping[str, Any]] = (),
    shop: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The section ``payments``: the town's bank, with some money to try it out.

    Args:
        town_key: Path of the file with the town's key; None: it asks for nothing over HTTP.
        banks: Where it has accounts itself.
        shop: Of ``organisations``, which begins with money too, for what it pays out; None: there
            is none.
    """
    keys = [{"path": str(town_key), "scopes": ["invoice", "refund", "read"]}]
    town = {"id": TOWN, "name": dict(TOWN_NAME), "kind": "office", "keys": keys}
    organisations = [] if town_key is None else [town]
    grants = {ALICE.user_id: "1000 EUR", BOB.user_id: "100 EUR"}
    more: dict[str, Any] = {}
    if shop is not None:
        organisations.append(dict(shop))
        grants[shop["id"]] = "1000 EUR"
        more["webhook_networks"] = list(NETWORKS)
    return {
        "id": BANK,
        "name": {
            "en": BANK_NAME,
            "ru": "Банк Линденау",
            "de": "Bank von Lindenau",
            "uk": "Банк Лінденау",
        },
        "time_zone": "Europe/Berlin",
        "currencies": ["EUR"],
        "organisations": organisations,
        "dispute_desk": [CAROL.user_id],
        "banks": [dict(one) for one in banks],
        "grants": grants,
        **more,
    }


def welcome(
    port: int,
    passwords: dict[str, str],
    state: Path,
    *,
    pages_url: str,
    bank: DemoBank,
    shop_env: Path | None = None,
) -> str:
    """What the person at the terminal reads once everything runs.

    Args:
        port: Of the homeserver.
        passwords: By name of the person.
        state: The state folder.
        pages_url: Of the pages.
        bank: Where the town's bank has its account.
        shop_env: The file with the shop's keys, if there is a shop.
    """
    people = [f"    {one.name:<11}{passwords[one.name]:<20}{one.part}" for one in PEOPLE]
    return "\n".join(
        (
            f"  Homeserver   http://localhost:{port}",
            "               Log in with any Matrix client: choose this homeserver, then a name",
            "               without @ and its password.",
            *people,
            f"  Pages        {pages_url}",
            "               Services, cases and keys in a browser. To sign in there, write page to",
            "               the office's bot: it sends a link.",
            "",
            *_things_to_try(bank),
            *(
                ()
                if shop_env is None
                else (
                    "  A shop with keys for the payments API, to try in a shell:",
                    f"       . {shop_env}",
                    "       docs/guides/merchants/start.md goes on from there.",
                )
            ),
            "",
            "  Stop with Ctrl-C. `./run up` goes on where you stopped; everything is kept in",
            f"  {state} (delete it to begin anew).",
        )
    )


def _things_to_try(bank: DemoBank) -> tuple[str, ...]:
    return (
        "  Six things to try",
        # A device that comes after a message has no key for it.
        "    1. Log in as alice, and as carol in a second client, before you begin. As alice,",
        f"       start a direct chat with {OFFICE_BOT}",
        "       It greets you and asks for your language. Write: 1",
        "    2. It shows what it can do for you. Write 1 again, and answer its questions.",
        "    3. As carol, accept the invitation to the office's desk: the case is there.",
        "       Answer with the numbers that the office shows, and decide it.",
        "    4. Alice has 1,000 EUR, Bob 100. As alice, start a direct chat with the bank,",
        f"       {PAYMENTS_BOT}. Write page, make a key in the browser,",
        "       then write: pay bob 12.50 EUR rent. Bob is told in a chat of his own.",
        "    5. Write topup there: money comes from the demo's bank with the reference that is",
        "       shown, here as if somebody sent it from elsewhere:",
        *(f"       {line}" for line in bank.deposit()),
        "    6. As alice, start a direct chat with the signing bot,",
        f"       {SIGNING_BOT}. Send it a PDF and write: bob",
        "       Bob is asked in a chat of his own, and signs on a page with his key.",
    )
