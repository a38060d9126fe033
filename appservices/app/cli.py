"""`veche app`: invitations for people without an account, and the key of pushes."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import segno

from appservices.app.letter import letter
from veche.protocol.errors import ConfigError, MalformedError, RefusedError, UnavailableError
from veche.protocol.json_reader import read_json
from veche.protocol.texts.catalogue import LANGUAGES, show_date_time
from veche.protocol.wire import mapping
from veche.runtime.config import parse_duration, read_secret
from veche.server.installed import add_config_option
from veche.server.offline import config_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from veche.runtime.config import Config

TOKENS: Final = "/_synapse/admin/v1/registration_tokens/new"
"""Source: Synapse, docs/usage/administration/admin_api/registration_tokens.md."""
USES_MAX: Final = 10_000
LASTS_MS_MIN: Final = 60_000
LASTS_MS_MAX: Final = 366 * 86_400_000
TIMEOUT_S: Final = 30
ANSWER_BYTES_MAX: Final = 64 * 1024
_RETRY_AFTER_MS: Final = 5_000


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche app` to the commands of `veche`."""
    parser = commands.add_parser("app", help="invite people, make the key of notifications")
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = subcommands.add_parser(
        "invite", help="make an invitation: its link and QR code let somebody make an account"
    )
    add_config_option(command)
    command.add_argument(
        "--uses",
        type=int,
        default=1,
        metavar="N",
        help="number of accounts that it makes (default: 1)",
    )
    command.add_argument(
        "--expires",
        default="14 d",
        metavar="TIME",
        help="how long the invitation is valid (default: 14 d)",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the QR code as .svg or .png, or a letter as .html, to print it",
    )
    command.add_argument(
        "--letter", metavar="OFFICE", help="make a letter of the office with this name, for --out"
    )
    command.add_argument(
        "--language", choices=LANGUAGES, default="en", help="of the letter (default: en)"
    )
    command.set_defaults(run=run_invite)
    command = subcommands.add_parser("key", help="make the key for app.push.vapid_key_path")
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the key; never over an old one"
    )
    command.set_defaults(run=run_key)


def run_key(arguments: argparse.Namespace) -> int:
    """Run `veche app key`."""
    from appservices.app.vapid import new_key  # noqa: PLC0415 -- no other command needs it

    try:
        file = os.open(arguments.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as e:
        raise ConfigError(f"{arguments.out} cannot be written: {e.strerror}") from e
    with os.fdopen(file, "w") as out:
        out.write(new_key())
        out.flush()
        os.fsync(out.fileno())
    return 0


def run_invite(arguments: argparse.Namespace) -> int:
    """Run `veche app invite`: make an invitation, and print what is given to the invited."""
    if not 1 <= arguments.uses <= USES_MAX:
        raise ConfigError(f"--uses should be a number from 1 to {USES_MAX}")
    lasts_ms = _lasting(arguments.expires)
    kinds = (".svg", ".png") if arguments.letter is None else (".html",)
    if (arguments.out or arguments.letter) and getattr(arguments.out, "suffix", "") not in kinds:
        raise ConfigError(f"--out should end with {' or '.join(kinds)}")
    config = config_of(arguments)
    origin, admin_token = _invites(config)
    until_ms = int(time.time() * 1000) + lasts_ms  # noqa: TID251 -- the clock of a command
    asked = {"uses_allowed": arguments.uses, "expiry_time": until_ms}
    token = _token(config.homeserver.url, admin_token, asked)
    link = f"{origin}/#invite={quote(token, safe='')}"
    until = show_date_time(until_ms, "en", "UTC")
    sys.stdout.write(f"{token}\n{link}\ngood for {arguments.uses} until {until} UTC\n")
    code = segno.make_qr(link, error="m")
    if arguments.out is None:
        code.terminal(sys.stdout, compact=True)
    elif arguments.letter is None:
        code.save(str(arguments.out), scale=8)
    else:
        sheet = letter(arguments.letter, link, until_ms, arguments.language)
        arguments.out.write_text(sheet, encoding="utf-8")
    return 0


def _lasting(text: str) -> int:
    try:
        lasts_ms = parse_duration(text)
    except ValueError as e:
        raise ConfigError(f"--expires: {e}") from e
    if not LASTS_MS_MIN <= lasts_ms <= LASTS_MS_MAX:
        raise ConfigError("--expires should be from 1 min to 366 d")
    return lasts_ms


def _invites(config: Config) -> tuple[str, str]:
    """Where the app is, and by what the homeserver makes invitations."""
    section: Any = config.services.get("app")
    if section is None or section.registration != "invitation":
        raise ConfigError(f"{config.path}: app.registration should be 'invitation' for this")
    if section.admin_token_path is None:
        raise ConfigError(
            f"{config.path}: app.admin_token_path is missing: write the access token of an"
            " administrator of the homeserver into a file, and name the file there"
        )
    origin = getattr(config.services.get("widgets"), "app_origin", None)
    if origin is None:
        raise ConfigError(f"{config.path}: widgets.app_origin should say where the app is")
    return str(origin), read_secret(section.admin_token_path)


def _token(homeserver: str, admin_token: str, body: Mapping[str, object]) -> str:
    """The token of an invitation that the homeserver makes."""
    head = {"Authorization": f"Bearer {admin_token}", "Content-Type": "application/json"}
    url = homeserver.rstrip("/") + TOKENS
    request = urllib.request.Request(url, json.dumps(body).encode(), head)  # noqa: S310 -- the operator's
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- as above
            return str(mapping(read_json(answer.read(ANSWER_BYTES_MAX)))["token"])
    except urllib.error.HTTPError as e:
        with e:
            raise RefusedError(_why(e.code, homeserver)) from e
    except (OSError, ValueError, KeyError, MalformedError) as e:
        raise UnavailableError(
            f"The homeserver at {homeserver} does not answer: {e}", retry_after_ms=_RETRY_AFTER_MS
        ) from e


def _why(status: int, homeserver: str) -> str:
    if status in (401, 403):
        return (
            f"The homeserver at {homeserver} does not take the token in app.admin_token_path."
            " Please write that of an administrator there."
        )
    return (
        f"The homeserver at {homeserver} makes no invitation ({status}). Please check that its"
        " admin API is reachable at homeserver.url, and that registration_requires_token is set."
    )
