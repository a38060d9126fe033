"""Check of `veche doctor` at the homeserver: people get accounts there as the app says."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import MalformedError
from veche.protocol.json_reader import read_json
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.app.config import AppSection

REGISTER: Final = "/_matrix/client/v3/register"
TOKEN_STAGE: Final = "m.login.registration_token"  # noqa: S105 -- Matrix's name of a stage
TIMEOUT_S: Final = 10
ANSWER_BYTES_MAX: Final = 64 * 1024
_FORBIDDEN: Final = 403
_MEND: Final = "set app.registration and Synapse's registration to the same"


def examine(section: AppSection, _now_s: float) -> Iterator[tuple[str, str]]:
    """Say where the homeserver gives accounts otherwise than the app promises."""
    try:
        status, content = _asked(section.homeserver_url)
    except (OSError, ValueError, MalformedError) as e:
        yield f"{section.homeserver_url} does not answer: {e}", "correct app.homeserver_url"
        return
    found = registration_of(status, content)
    if found != section.registration:
        yield f"app.registration is {section.registration}, and the homeserver's is {found}", _MEND


def registration_of(status: int, content: object) -> str:
    """Read how a homeserver answers an empty registration (Matrix spec v1.18, "User-Interactive").

    Returns:
        ``off``, ``invitation`` or ``open``.
    """
    flows = mapping(content).get("flows")
    stages = [mapping(one).get("stages") for one in flows] if isinstance(flows, list) else []
    if status == _FORBIDDEN or not stages:
        return "off"
    needs_token = all(isinstance(one, list) and TOKEN_STAGE in one for one in stages)
    return "invitation" if needs_token else "open"


def _asked(homeserver_url: str) -> tuple[int, object]:
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(homeserver_url + REGISTER, json.dumps({}).encode(), head)  # noqa: S310 -- the operator's
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- as above
            return answer.status, read_json(answer.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as e:
        with e:
            return e.code, read_json(e.read(ANSWER_BYTES_MAX))
