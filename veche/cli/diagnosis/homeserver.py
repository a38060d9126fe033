"""Checks of the homeserver: its version and clock, the registration, the bots' devices."""

from __future__ import annotations

import re
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from veche.cli.diagnosis.finding import Answer, Check, Patient
from veche.cli.diagnosis.machine import SYNAPSE_MIN
from veche.messaging.inbox.heartbeat import SILENT_MS_MAX
from veche.messaging.inbox.store import unheard_since
from veche.protocol.addresses import split_address
from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime.config import read_secret
from veche.runtime.config.yaml_file import read_yaml_file
from veche.runtime.crypto.core.keys_query import read_person
from veche.runtime.crypto.store import devices
from veche.runtime.database import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CLOCK_S_MAX: Final = 10.0
"""How far the homeserver's clock may be from ours; its Date has whole seconds."""
BOTS_MAX: Final = 1_000
"""How many bots are looked at."""

_SLIDING_SYNC: Final = "org.matrix.simplified_msc3575"
_VERSION: Final = re.compile(r"^(\d+)\.(\d+)")
_OK: Final = 200


def look_at_answer(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that the homeserver answers, and supports what we need."""
    url = patient.config.homeserver.url
    try:
        answer = patient.ask("GET", "/_matrix/client/versions")
    except UnavailableError as e:
        yield str(e), "start the homeserver, or correct homeserver.url"
        return
    if answer.status != _OK or "versions" not in answer.body:
        yield (
            f"{url} is no Matrix homeserver (HTTP {answer.status})",
            "correct homeserver.url: the address of its client API, without a path",
        )
    elif not answer.body.get("unstable_features", {}).get(_SLIDING_SYNC):
        yield (
            "it has no sliding sync, with which bots receive keys",
            "upgrade Synapse; its experimental_features must not turn msc3575 off",
        )


def look_at_version(patient: Patient) -> Iterable[tuple[str, str]]:
    """The version of Synapse, if it is one and says so."""
    server = patient.ask("GET", "/_matrix/federation/v1/version").body.get("server", {})
    match = _VERSION.match(str(server.get("version", "")))
    if server.get("name") == "Synapse" and match and (*map(int, match.groups()),) < SYNAPSE_MIN:
        yield f"it is Synapse {match[0]}", "upgrade it to 1.163 or newer"


def look_at_clock(patient: Patient) -> Iterable[tuple[str, str]]:
    """Our clock against the homeserver's: terms and expiries are judged by ours."""
    before_s = patient.now_s()
    answer = patient.ask("GET", "/_matrix/client/versions")
    after_s = patient.now_s()
    text = next((v for name, v in answer.headers.items() if name.lower() == "date"), None)
    if text is None:
        return
    there_s = parsedate_to_datetime(text).timestamp()
    # Nothing is wrong if its time fits anywhere between our question and its answer.
    away_s = max(before_s - 1 - there_s, there_s - after_s, 0.0)
    if away_s > CLOCK_S_MAX:
        yield (
            f"our clock and the homeserver's are {away_s:.0f} s apart",
            "run an NTP client on both machines",
        )


def look_at_registration(patient: Patient) -> Iterable[tuple[str, str]]:
    """The registration file against our configuration."""
    section = patient.config.homeserver
    path = section.registration_path
    if path is None:
        return
    try:
        content = read_yaml_file(path).content
    except ConfigError as e:
        yield (
            f"homeserver.registration_path: {e}",
            "write it after config/registration.example.yaml",
        )
        return
    if not isinstance(content, dict):
        yield f"{path} is no registration", "write it anew"
        return
    yield from _registration_faults(content, patient)


def _registration_faults(content: Mapping[str, Any], patient: Patient) -> Iterable[tuple[str, str]]:
    section = patient.config.homeserver
    wanted = {
        "id": (section.appservice_id, "homeserver.appservice_id"),
        "as_token": (read_secret(section.as_token_path), "the file homeserver.as_token_path"),
        "hs_token": (read_secret(section.hs_token_path), "the file homeserver.hs_token_path"),
        "rate_limited": (False, "false"),
    }
    for key, (value, source) in wanted.items():
        if content.get(key) != value:
            yield (
                f"its {key} is not that of {source}",
                f"make {key} the same in {section.registration_path}; restart the homeserver",
            )
    for kind, what in (("users", "account"), ("aliases", "alias")):
        if not _is_exclusive(content, kind):
            yield (
                f"its namespaces.{kind} is not exclusive: anybody may take an {what} of ours",
                f"take {kind} from config/registration.example.yaml; restart the homeserver",
            )
    listen, url = patient.config.listen, content.get("url")
    parts = split_address(url if isinstance(url, str) else "")
    is_here = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or (
        is_here and listen.port and parts.netloc.rpartition(":")[2] != f"{listen.port}"
    ):
        yield (
            f"its url, {url}, is not where Veche listens: the homeserver sends nothing here",
            f"write url: http://127.0.0.1:{listen.port}; restart the homeserver",
        )
    sender = f"@{content.get('sender_localpart')}:{section.server_name}"
    if not any(map(re.compile(_user_regex(content)).match, [sender])):
        yield (
            f"its sender {sender} is outside its own namespace",
            "correct sender_localpart or namespaces.users",
        )


def _is_exclusive(content: Mapping[str, Any], kind: str) -> bool:
    try:
        return content["namespaces"][kind][0]["exclusive"] is True
    except (KeyError, IndexError, TypeError):
        return False


def _user_regex(content: Mapping[str, Any]) -> str:
    try:
        regex = str(content["namespaces"]["users"][0]["regex"])
        re.compile(regex)
    except (KeyError, IndexError, TypeError, re.error):
        return r"(?!)"
    return regex


def look_at_loading(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that the homeserver has loaded the registration."""
    answer = patient.ask("GET", "/_matrix/client/v3/account/whoami", token=_as_token(patient))
    if answer.errcode == "M_UNKNOWN_TOKEN":
        path = patient.config.homeserver.registration_path or "the registration"
        yield (
            "the homeserver does not know our token: it has not loaded the registration",
            f"name {path} in its app_service_config_files, and restart it",
        )
    elif answer.status != _OK:
        yield f"whoami: {_said(answer)}", "see the homeserver's log"


def look_at_ping(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that the homeserver reaches us with the right token (spec v1.18, ping)."""
    appservice_id = patient.config.homeserver.appservice_id
    answer = patient.ask(
        "POST",
        f"/_matrix/client/v1/appservice/{appservice_id}/ping",
        token=_as_token(patient),
        body={},
    )
    if answer.status == _OK:
        return
    mend = {
        "M_CONNECTION_FAILED": "start `veche run`, or correct url in the registration",
        "M_CONNECTION_TIMEOUT": "look whether `veche run` is overloaded: /ready, /metrics",
        "M_BAD_STATUS": "another program answers there, or hs_token differs: see `registration`",
        "M_URL_NOT_SET": "set url in the registration, and restart the homeserver",
        "M_FORBIDDEN": "make homeserver.appservice_id the id of the registration",
    }.get(answer.errcode, "see the homeserver's log")
    yield f"the homeserver does not reach us: {_said(answer)}", mend


def look_at_pushes(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that the homeserver pushes events, and does not only answer (synapse#17206)."""
    with closing(connect(patient.dsn)) as connection, connection, connection.cursor() as txn:
        asked_at_ms = unheard_since(txn)
    silent_s = 0.0 if asked_at_ms is None else patient.now_s() - asked_at_ms / 1000
    if silent_s > SILENT_MS_MAX / 1000:
        yield (
            f"something was said {silent_s:.0f} s ago, and the homeserver has pushed nothing since",
            "restart the homeserver; meanwhile messages come up to a minute late",
        )


def look_at_bots(patient: Patient) -> Iterable[tuple[str, str]]:
    """Check that each bot's device is there and visibly signed by the bot's identity."""
    bots = _bots(patient.dsn)
    if not bots:
        return
    asker = next(iter(bots))
    answer = patient.ask(
        "POST",
        "/_matrix/client/v3/keys/query",
        token=_as_token(patient),
        query={"user_id": asker},
        body={"device_keys": {user_id: [] for user_id in bots}},
    )
    if answer.status != _OK:
        yield f"keys/query as {asker}: {_said(answer)}", "see `loading`"
        return
    for user_id, (master_key, device_id) in bots.items():
        keys = read_person(answer.body, user_id)
        signed = {device.device_id for device in keys.devices if device.is_cross_signed}
        if keys.master_key != master_key:
            yield (
                f"{user_id} shows another identity than the one in the database",
                "if nobody reset it on purpose, look for an intruder; see `veche crypto --help`",
            )
        elif device_id not in signed:
            yield (
                f"the device {device_id} of {user_id} is not signed by its identity",
                "restart `veche run`: it signs its device at each start",
            )


def _bots(dsn: str) -> Mapping[str, tuple[str, str]]:
    """Master key and active device of each bot that was published."""
    with closing(connect(dsn)) as connection, connection, connection.cursor() as txn:
        return devices.published(txn, BOTS_MAX)


def _as_token(patient: Patient) -> str:
    return read_secret(patient.config.homeserver.as_token_path)


def _said(answer: Answer) -> str:
    return f"HTTP {answer.status} {answer.errcode} {answer.body.get('error', '')}".strip()


CHECKS: Final[Sequence[Check[Patient]]] = (
    Check("homeserver", look_at_answer, "it answers"),
    Check("version", look_at_version, "new enough", needs=("homeserver",)),
    Check("clock", look_at_clock, "the same as the homeserver's", needs=("homeserver",)),
    Check("registration", look_at_registration, "fits the configuration", needs=("secrets",)),
    Check("loading", look_at_loading, "the homeserver knows us", needs=("homeserver", "secrets")),
    Check("ping", look_at_ping, "the homeserver reaches us", needs=("loading",)),
    Check("pushes", look_at_pushes, "they come", needs=("ping", "tables")),
    Check("bots", look_at_bots, "their devices are signed", needs=("loading", "tables")),
)
