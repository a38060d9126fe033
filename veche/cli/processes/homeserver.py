"""Synapse on this machine: its configuration, its process, its people.

`veche up` runs one on PostgreSQL; tests run one on SQLite. Everything is in one folder, whose
configuration is written anew at each start from the plan, while secrets are made once.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import sys
import time
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import attrs
import yaml

from veche.cli.processes.child import Child, how, tail
from veche.cli.processes.guard import STOP_TIMEOUT_S
from veche.protocol.errors import UnavailableError, VecheError
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.config.secret_files import write_private
from veche.runtime.matrix.registration import registration_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from veche.cli.processes.guard import Guard

START_TIMEOUT_S: Final = 60.0
"""How long Synapse may take until it answers ``/health``; its first start makes the schema."""

EVENT_GUARD: Final = "homeserver_modules.event_guard.EventGuard"
OFFICIAL_ACCOUNTS: Final = "homeserver_modules.official_accounts.OfficialAccounts"
DELIVERY: Final = "homeserver_modules.delivery_evidence.DeliveryEvidence"
"""Our modules: form of payloads; official names; what arrived at other servers."""

APPSERVICE_ID: Final = "veche"
"""Id of our one registration; the whole namespace ``@veche_…`` is its own."""

_UNLIMITED: Final = {"per_second": 10_000, "burst_count": 10_000}
_SECRET_BYTES: Final = 32
_POLL_S: Final = 0.05
_ANSWER_TIMEOUT_S: Final = 30.0
_LOG_BYTES_MAX: Final = 8 << 20
_IN_USE: Final = "M_USER_IN_USE"


class HomeserverError(VecheError):
    """Synapse did not start, or ended; the message ends with the last lines of its log."""

    errcode = "ORG.VECHE.HOMESERVER"


@attrs.frozen
class HomeserverPlan:
    """The plan of a homeserver on this machine.

    Attributes:
        folder: Where its files are; made when it is missing.
        server_name: The part after the colon of its user ids.
        port: Where clients and services reach it, on 127.0.0.1.
        appservice_url: Where it sends transactions to; None: it has no application service.
        database: Synapse's ``database`` section, see ``postgres_database``; default: SQLite.
        modules: Synapse's ``modules`` section.
        settings: More settings, or others, of Synapse's top level.
    """

    folder: Path
    server_name: str
    port: int
    appservice_url: str | None = None
    database: Mapping[str, Any] | None = None
    modules: Sequence[Mapping[str, Any]] = attrs.field(factory=lambda: modules({}))
    settings: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def url(self) -> str:
        """Its base URL on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def registration_path(self) -> Path:
        """Where its registration of our application service is written."""
        return self.folder / "registration.yaml"


def modules(official: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Synapse's ``modules`` section: all of ours, with the settings of the official accounts."""
    return (
        {"module": EVENT_GUARD, "config": {"directories": official.get("directories", [])}},
        {"module": OFFICIAL_ACCOUNTS, "config": dict(official)},
        {"module": DELIVERY, "config": {}},
    )


def postgres_database(dsn: str) -> dict[str, Any]:
    """Synapse's ``database`` section for PostgreSQL.

    Args:
        dsn: libpq's connection string or URL, of a database with encoding UTF8 and locale C.
    """
    return {"name": "psycopg2", "args": {"dsn": dsn, "cp_min": 5, "cp_max": 10}}


def sqlite_database(folder: Path) -> dict[str, Any]:
    """Synapse's ``database`` section for a file in ``folder``; for tests alone."""
    return {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}}


def secret(path: Path) -> str:
    """The secret in ``path``, made at the first call, readable by its owner alone.

    Returns:
        URL-safe text with 256 bits of chance.
    """
    if not path.exists():
        write_private(path, secrets.token_urlsafe(_SECRET_BYTES) + "\n")
    return path.read_text().strip()


def registration(plan: HomeserverPlan, url: str) -> dict[str, Any]:
    """The registration of our application service.

    Args:
        plan: Of the homeserver; its folder has the tokens as ``as_token`` and ``hs_token``.
        url: Where it sends transactions to.
    """
    return registration_document(
        APPSERVICE_ID,
        url,
        plan.server_name,
        as_token=secret(plan.folder / "as_token"),
        hs_token=secret(plan.folder / "hs_token"),
    )


def configuration(plan: HomeserverPlan) -> dict[str, Any]:
    """The content of ``homeserver.yaml``; secrets are named by path."""
    folder = plan.folder
    has_service = plan.appservice_url is not None
    return {
        "server_name": plan.server_name,
        "pid_file": str(folder / "homeserver.pid"),
        "log_config": str(folder / "log.yaml"),
        "signing_key_path": str(folder / "signing.key"),
        "media_store_path": str(folder / "media"),
        "macaroon_secret_key_path": str(folder / "macaroon_secret_key"),
        "form_secret_path": str(folder / "form_secret"),
        "registration_shared_secret_path": str(folder / "registration_shared_secret"),
        "report_stats": False,
        "trusted_key_servers": [],
        # Nothing leaves this machine: no other server is asked or told.
        "federation_domain_whitelist": [],
        # Else it works out for each event to whom it should go.
        "send_federation": False,
        "app_service_config_files": [str(plan.registration_path)] if has_service else [],
        "database": dict(plan.database or sqlite_database(folder)),
        "listeners": [_listener(plan.port)],
        "modules": [dict(module) for module in plan.modules],
        "presence": {"enabled": False},
        **_rate_limits(),
        **plan.settings,
    }


def write_configuration(plan: HomeserverPlan) -> None:
    """Write every file that Synapse needs into the folder; secrets and keys stay as they are."""
    folder = plan.folder
    # Its log and its media are nobody else's business either.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("macaroon_secret_key", "form_secret", "registration_shared_secret"):
        secret(folder / name)
    if not (folder / "signing.key").exists():
        write_private(folder / "signing.key", _signing_key())
    if plan.appservice_url is not None:
        document = registration(plan, plan.appservice_url)
        write_private(plan.registration_path, yaml.safe_dump(document))
    write_private(folder / "log.yaml", yaml.safe_dump(_log_config(folder / "homeserver.log")))
    write_private(folder / "homeserver.yaml", yaml.safe_dump(configuration(plan)))


def command(plan: HomeserverPlan) -> list[str]:
    """The command that runs Synapse."""
    config = str(plan.folder / "homeserver.yaml")
    return [sys.executable, "-m", "synapse.app.homeserver", "-c", config]


class Homeserver:
    """A Synapse as a child process."""

    def __init__(self, plan: HomeserverPlan, guard: Guard | None = None) -> None:
        """Nothing is started yet."""
        self.plan = plan
        self._guard = guard
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, once it was launched."""
        return None if self._child is None else self._child.pid

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Write the configuration, start Synapse, wait until it answers.

        Raises:
            HomeserverError: It ended, or did not answer in time; it is stopped then.
        """
        write_configuration(self.plan)
        self.launch()
        try:
            self.wait_until_healthy(timeout_s)
        except HomeserverError:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the process with the configuration that was written, and do not wait."""
        self._child = Child(
            "homeserver",
            command(self.plan),
            output=self.plan.folder / "output.log",
            guard=self._guard,
        )

    def exit_code(self) -> int | None:
        """None while it runs, or was never launched."""
        return None if self._child is None else self._child.exit_code()

    def wait_until_healthy(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until it answers ``/health``.

        Raises:
            HomeserverError: Its process ended, or time is up.
        """
        deadline = time.monotonic() + timeout_s
        while not is_healthy(self.plan.port):
            code = self.exit_code()
            if code is not None:
                raise HomeserverError(self.failure(f"Synapse ended with {how(code)}"))
            if time.monotonic() > deadline:
                raise HomeserverError(
                    self.failure(f"Synapse did not answer within {timeout_s:g} s")
                )
            time.sleep(_POLL_S)

    def failure(self, what: str) -> str:
        """``what``, followed by the last lines of what Synapse said."""
        log = self.plan.folder / "homeserver.log"
        # Whatever stops it before its log is set up is on its output only.
        lines = (self._child.last_lines() if self._child else "") or tail(log)
        return f"{what}. The last lines of {log}:\n{lines}"

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop it and wait until it has ended; nothing happens if it does not run."""
        if self._child is not None:
            self._child.stop(timeout_s)
            self._child = None


def is_healthy(port: int, path: str = "/health") -> bool:
    """Return whether something on 127.0.0.1 answers a path with 200."""
    try:
        return _request(port, "GET", path)[0] == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def has_person(plan: HomeserverPlan, name: str) -> bool:
    """Return whether a homeserver that runs has a local account."""
    user_id = urllib.parse.quote(f"@{name}:{plan.server_name}")
    return is_healthy(plan.port, f"/_matrix/client/v3/profile/{user_id}")


def register_person(
    plan: HomeserverPlan, name: str, password: str, display_name: str | None = None
) -> bool:
    """Make an ordinary local account.

    Source: Synapse, docs/admin_api/register_api.md (nonce, HMAC-SHA1 under the shared secret).

    Args:
        plan: Of a homeserver that runs.
        name: Its localpart.
        password: Of the account.
        display_name: What others see; default: Synapse takes the localpart.

    Returns:
        False if the account was there before; it is left as it is.

    Raises:
        UnavailableError: The homeserver does not answer, or refuses.
    """
    path = "/_synapse/admin/v1/register"
    nonce = str(_call(plan, "GET", path, None)["nonce"])
    key = secret(plan.folder / "registration_shared_secret").encode()
    message = "\x00".join((nonce, name, password, "notadmin")).encode()
    body = {
        "nonce": nonce,
        "username": name,
        "displayname": display_name or name,
        "password": password,
        "admin": False,
        # No device: nobody would ever use it, and it would look unverified to everybody.
        "inhibit_login": True,
        "mac": hmac.new(key, message, hashlib.sha1).hexdigest(),
    }
    return _call(plan, "POST", path, body).get("errcode") != _IN_USE


def _call(
    plan: HomeserverPlan, method: str, path: str, body: Mapping[str, Any] | None
) -> dict[str, Any]:
    try:
        status, answer = _request(plan.port, method, path, body)
    except (OSError, http.client.HTTPException) as e:
        raise UnavailableError(f"no answer from {plan.url}: {e}", retry_after_ms=1_000) from e
    content = json.loads(answer)
    if not isinstance(content, dict) or (
        status != HTTPStatus.OK and content.get("errcode") != _IN_USE
    ):
        text = answer.decode(errors="replace")
        raise UnavailableError(f"{method} {path}: {status} {text}", retry_after_ms=1_000)
    return content


def _request(
    port: int, method: str, path: str, body: Mapping[str, Any] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode())
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _listener(port: int) -> dict[str, Any]:
    return {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "type": "http",
        "tls": False,
        # `openid`: our pages ask whose a token is with which somebody signs in.
        "resources": [{"names": ["client", "openid"], "compress": False}],
    }


def _rate_limits() -> dict[str, Any]:
    """Limits that nobody meets who tries things out, or a test."""
    return {
        "rc_message": _UNLIMITED,
        "rc_registration": _UNLIMITED,
        "rc_room_creation": _UNLIMITED,
        "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), _UNLIMITED),
        "rc_joins": dict.fromkeys(("local", "remote"), _UNLIMITED),
        "rc_invites": dict.fromkeys(("per_issuer", "per_room", "per_user"), _UNLIMITED),
    }


def _log_config(path: Path) -> dict[str, Any]:
    """Synapse's log: one file and one older, so that it never fills the disk."""
    handler = {
        "class": "logging.handlers.RotatingFileHandler",
        "formatter": "line",
        "filename": str(path),
        "maxBytes": _LOG_BYTES_MAX,
        "backupCount": 1,
        "encoding": "utf8",
    }
    line = "%(asctime)s - %(name)s - %(lineno)d - %(levelname)s - %(request)s - %(message)s"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": line}},
        "handlers": {"file": handler},
        "loggers": {"synapse.storage.SQL": {"level": "INFO"}},
        "root": {"level": "INFO", "handlers": ["file"]},
    }


def _signing_key() -> str:
    """A new signing key, in the form of signedjson: algorithm, version, unpadded base64."""
    version = f"a_{secrets.token_hex(3)}"
    seed = secrets.token_bytes(_SECRET_BYTES)
    return f"ed25519 {version} {encode_base64(seed)}\n"
