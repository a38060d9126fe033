"""Probe of the time stamp authority elsewhere for `veche doctor`: once, outside a service.

The service says so too, in its log and by a metric; this is for whoever looks why nothing is signed
or closed, and says what can be mended.
"""

from __future__ import annotations

import datetime as dt
import http.client
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from appservices.signing.authority.core.stampers import Stampers
from appservices.signing.authority.service.authorities import (
    STAMPS,
    certificate_in,
    issuer_in,
    read_authorities,
)
from appservices.signing.authority.service.upkeep import SOON, look
from appservices.signing.keys.core.foreign_stamps import believed_token
from appservices.signing.keys.stampers import NONCE_BITS
from appservices.signing.stamps.service.sealing import organisation_keys
from appservices.signing.stamps.service.stamping import CLOCK_MS_MAX
from veche.documents.pki.cms import CmsError
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stamps import StampRequest, read_token
from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import read_secret
from veche.runtime.web.outbound import ANSWER_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.signing.config import SigningSection, StampsSection

_OK: Final = 200
_MEND: Final = (
    "until it stamps, nothing is signed or closed: ask its operator, compare signing.stamps"
    " with what they gave you, or leave signing.stamps out"
)


def examine(section: SigningSection, now_s: float) -> Iterator[tuple[str, str]]:
    """List what has to be done, and how; tests the authority elsewhere, if there is one.

    Args:
        section: Of the configuration.
        now_s: The time, Unix time in seconds.

    Raises:
        ConfigError: A certificate, a list or a secret cannot be read.
    """
    yield from look(section, now_s)
    if section.stamps is None:
        return
    root = issuer_in(section.stamps.root)
    ends = root.not_valid_after_utc
    if ends - dt.datetime.fromtimestamp(now_s, dt.UTC) < SOON:
        yield (
            f"the root of the authority for time stamps ends on {ends:%F}",
            "ask its operator for the next one, and name it in signing.stamps.root",
        )
    own = certificate_in(section.folder, STAMPS)
    if fault := _fault(
        section.stamps, Stampers(own, (root,), section.stamps.policy), round(now_s * 1000)
    ):
        yield f"the authority for time stamps, {section.stamps.url}, {fault}", _MEND


def setting_faults(section: SigningSection) -> Iterator[tuple[str, str]]:
    """Yield what of the authorities and of organisations' keys keeps the service from starting."""
    anchors = [] if section.sessions is None else section.sessions.anchors
    try:
        read_authorities(section.folder, anchors, section.stamps, section.former_stamp_roots)
        organisation_keys(section.seals)
    except ConfigError as e:
        yield f"signing: {e}", ""


def _fault(section: StampsSection, stampers: Stampers, now_ms: int) -> str:
    """Describe the fault of its stamp; empty: none."""
    request = StampRequest(SHA256.digest(), secrets.randbits(NONCE_BITS))
    try:
        status, body = _posted(section, request.encoded())
    except (OSError, http.client.HTTPException) as e:
        return f"does not answer: {e}"
    if status != _OK:
        return f"answers HTTP {status}"
    try:
        token, certificate = believed_token(body, request)
    except CmsError as e:
        return f"gives no time stamp that can be believed: {e}"
    stamp = read_token(token)
    if abs(stamp.at_ms - now_ms) > CLOCK_MS_MAX:
        return f"states a time that is {abs(stamp.at_ms - now_ms) // 1000} s from ours"
    fault = stampers.fault(stamp, certificate, now_ms)
    return f"gives no time stamp that is taken: {fault}" if fault else ""


def _posted(section: StampsSection, query: bytes) -> tuple[int, bytes]:
    parts = urlsplit(section.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    headers = {"content-type": "application/timestamp-query"}
    if section.token_path is not None:
        headers["authorization"] = f"Bearer {read_secret(section.token_path)}"
    elif section.password_path is not None:
        said = b64encode(read_secret(section.password_path).encode()).decode()
        headers["authorization"] = f"Basic {said}"
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    connection = kind(parts.netloc, timeout=section.timeout_ms / 1000)
    try:
        connection.request("POST", target, query, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES_MAX)
    finally:
        connection.close()
