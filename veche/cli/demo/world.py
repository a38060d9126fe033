"""The demo of `veche up`: its configuration, and what the person at the terminal reads."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import yaml

from veche.cli.processes.homeserver import APPSERVICE_ID, HomeserverPlan
from veche.server.demo import PEOPLE, kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from veche.server.demo import DemoPart, Person

PASSWORD_VARIABLE: Final = "VECHE_DEMO_PASSWORD"  # noqa: S105 -- the name, not the password
"""Environment variable by which the check's client gets its password."""

EMBEDDERS: Final = ["https:", "vector:", "http://localhost:*", "http://127.0.0.1:*"]
"""Whose frames may hold pages: those of clients that somebody serves on this machine, too."""

_NEW_ACCOUNTS: Final = {"per_second": 0.2, "burst_count": 30}
"""How many accounts one address makes in the demo."""
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 3
_GROUP_LETTERS: Final = 5


def password(folder: Path, person: Person) -> str:
    """The password of a person of the demo, made at the first call and kept in ``folder``.

    Returns:
        Three groups of five letters and digits that are easy to tell apart: 74 bits of chance.
    """
    made = "-".join(_password_group() for _ in range(_GROUPS))
    return kept(folder / person.name, made + "\n").read_text().strip()


def _password_group() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_GROUP_LETTERS))


def homeserver_settings(public_port: int) -> dict[str, Any]:
    """Settings of Synapse for people who try things out, with the app or a client of their own."""
    return {
        # Whoever opens the app may make an account, so many from one address.
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "rc_registration": dict(_NEW_ACCOUNTS),
        # A device that is signed in lets the next one in, without the password.
        "login_via_existing_session": {"enabled": True, "require_ui_auth": False},
        # The push gateway is on this machine.
        "ip_range_whitelist": ["127.0.0.0/8", "::1/128"],
        "public_baseurl": f"http://localhost:{public_port}/",
        # Every client's private rooms are encrypted, whatever the client would do by itself.
        "encryption_enabled_by_default_for_room_type": "invite",
        # People who share no room yet find one another.
        "user_directory": {"enabled": True, "search_all_users": True},
        "suppress_key_server_warning": True,
    }


def official_accounts(parts: Sequence[DemoPart]) -> dict[str, Any]:
    """Settings of the homeserver's module that guards names."""
    made: dict[str, Any] = {}
    for part in parts:
        for key, entries in part.official.items():
            made.setdefault(key, []).extend(entries)
    return made


def services_configuration(
    plan: HomeserverPlan,
    *,
    port: int,
    database_url: str,
    operator_key: Path,
    pages_url: str | None = None,
    app_url: str | None = None,
    sections: Mapping[str, Any] | None = None,
) -> str:
    """The services' configuration file.

    Args:
        plan: Of the homeserver that they serve.
        port: Where they listen on 127.0.0.1.
        database_url: Of their database.
        operator_key: Path of the file with the operator key.
        pages_url: Where people reach the pages, with their port on this machine; None: no pages.
        app_url: The same of the app; None: no app.
        sections: Of the services.
    """
    written: dict[str, Any] = {
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
    }
    if pages_url is not None:
        written["pages"] = {
            "public_url": pages_url,
            "port": urlsplit(pages_url).port,
            **({"more_ports": [urlsplit(app_url).port]} if app_url else {}),
            "embedders": EMBEDDERS,
        }
        # With the usual hours a town would be tried out tomorrow.
        written["approvals"] = {"key_hold": "1 min"}
    head = "# Written by `veche up` at each start; change the demo of a feature, not this file.\n"
    whole = {**written, **(sections or {})}
    return head + yaml.safe_dump(whole, allow_unicode=True, sort_keys=False)


def welcome(
    port: int,
    passwords: Mapping[str, str],
    state: Path,
    *,
    pages_url: str,
    app_url: str,
    parts: Sequence[DemoPart],
) -> str:
    """Write the welcome at the terminal once everything runs."""
    people = [f"    {one.name:<11}{passwords[one.name]:<20}{one.part}" for one in PEOPLE]
    return "\n".join(
        (
            f"  App          {app_url}",
            "               Open it in a browser. You need no account: press Start.",
            "               To be the office as well, sign in as carol in a private window, open",
            "               the chat of the desk, and write: cases",
            f"  Homeserver   http://localhost:{port}",
            "               Log in with any Matrix client: choose this homeserver, then a name",
            "               without @ and its password.",
            *people,
            f"  Pages        {pages_url}",
            "               Services, cases and keys in a browser. To sign in there, write page to",
            "               the office's bot: it sends a link.",
            "",
            *_things_to_try(parts),
            *(f"  {line}" for part in parts for line in part.notes),
            "",
            "  Stop with Ctrl-C. `./run up` goes on where you stopped; everything is kept in",
            f"  {state} (delete it to begin anew).",
        )
    )


def _things_to_try(parts: Sequence[DemoPart]) -> Sequence[str]:
    lines = ["  Things to try"]
    things = [thing for part in parts for thing in part.to_try]
    for number, (first, *others) in enumerate(things, 1):
        lines.append(f"{number:>5}. {first}")
        lines.extend(f"       {line}" for line in others)
    return lines
