"""Launch data: what an app of somebody else is told about who opens it, in a form it can check.

One form for all hosts of mini-apps: fields as a query string, with ``hash`` (HMAC-SHA256 by a
secret that is derived from the bot's token, for the bot's own server) and ``signature`` (Ed25519 by
our published key, for others, who have no token). It says who opened the app, and no more: it
authorises no payment and no signature.

Source: core.telegram.org/bots/webapps, "Validating data received via the Mini App" and "Validating
data for Third-Party Use"; dev.max.ru has the same for ``hash``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

import attrs
import nacl.exceptions
import nacl.signing

from veche.protocol.errors import BadSignatureError, MalformedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

LAUNCH_BYTES_MAX: Final = 4_096
FIELDS_MAX: Final = 32
AGE_MS_MAX: Final = 3_600_000
"""After which launch data says nothing any more."""
AHEAD_MS_MAX: Final = 60_000
"""How far the clock of whoever wrote it may be ahead."""
SEED_BYTES: Final = 32

_PURPOSE: Final = "WebAppData"
_AT: Final = "auth_date"
_HASH: Final = "hash"
_SIGNATURE: Final = "signature"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_BOT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@attrs.frozen
class Launch:
    """Checked launch data.

    Attributes:
        fields: All but the proofs, such as ``user`` (compact JSON), ``start_param``, ``query_id``.
        at_ms: When it was written, UTC.
    """

    fields: Mapping[str, str]
    at_ms: int


def secret_of(token: str) -> bytes:
    """What the HMAC is made with: kept in place of the token, and useless as one."""
    return hmac.digest(_PURPOSE.encode(), token.encode(), hashlib.sha256)


def write_launch(
    fields: Mapping[str, str], *, bot: str, secret: bytes, seed: bytes, at_ms: int
) -> str:
    """Launch data, as a query string.

    Args:
        fields: At most ``FIELDS_MAX``, without time and proofs; no control characters.
        bot: Id of the bot whose app is opened; the signature is good for that one alone.
        secret: As ``secret_of``.
        seed: Of our Ed25519 key, ``SEED_BYTES``.
        at_ms: UTC.

    Raises:
        MalformedError: A field, the bot's id or the whole is not as it should be.
    """
    if not _BOT.fullmatch(bot):
        raise MalformedError("bot", "should be letters, digits, dots, dashes")
    if fields.keys() & {_AT, _HASH, _SIGNATURE}:
        raise MalformedError("fields", "time and proofs are added here")
    whole = {**fields, _AT: str(at_ms // 1000)}
    _check_fields(whole)
    signed = nacl.signing.SigningKey(seed).sign(_signed_text(bot, whole)).signature
    whole[_SIGNATURE] = base64.urlsafe_b64encode(signed).decode().rstrip("=")
    whole[_HASH] = hmac.digest(secret, _text(whole), hashlib.sha256).hex()
    text = urlencode(whole)
    if len(text) > LAUNCH_BYTES_MAX:
        raise MalformedError("fields", f"over {LAUNCH_BYTES_MAX} bytes")
    return text


def check_by_secret(text: str, secret: bytes, now_ms: int) -> Launch:
    """Check launch data as the bot's own server does.

    Args:
        text: As it came.
        secret: As ``secret_of``.
        now_ms: UTC.

    Raises:
        MalformedError: It is no launch data.
        BadSignatureError: It was not written for this bot, or changed.
        RefusedError: It is too old.
    """
    fields = _read(text)
    given = fields.pop(_HASH, "")
    if not _HEX.fullmatch(given):
        raise MalformedError(_HASH, "should be 64 hexadecimal digits")
    expected = hmac.digest(secret, _text(fields), hashlib.sha256).hex()
    if not hmac.compare_digest(given, expected):
        raise BadSignatureError("the launch data was not written for this bot, or changed")
    fields.pop(_SIGNATURE, None)
    return _launch(fields, now_ms)


def check_by_key(text: str, bot: str, public_key: bytes, now_ms: int) -> Launch:
    """Check launch data as anybody can, who knows our published key.

    Args:
        text: As it came.
        bot: Id of the bot whose app was opened.
        public_key: Ed25519, 32 bytes.
        now_ms: UTC.

    Raises:
        MalformedError: It is no launch data.
        BadSignatureError: It was not signed with the key for this bot, or changed.
        RefusedError: It is too old.
    """
    fields = _read(text)
    fields.pop(_HASH, None)
    given = fields.pop(_SIGNATURE, "")
    try:
        signature = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
        nacl.signing.VerifyKey(public_key).verify(_signed_text(bot, fields), signature)
    except (ValueError, nacl.exceptions.CryptoError) as e:
        raise BadSignatureError("the launch data is not signed for this bot, or changed") from e
    return _launch(fields, now_ms)


def _read(text: str) -> dict[str, str]:
    if len(text) > LAUNCH_BYTES_MAX:
        raise MalformedError("launch data", f"over {LAUNCH_BYTES_MAX} bytes")
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=FIELDS_MAX,
            errors="strict",
        )
    except ValueError as e:
        raise MalformedError("launch data", "should be a query string") from e
    fields = dict(pairs)
    if not fields:
        raise MalformedError("launch data", "is empty")
    if len(fields) != len(pairs):
        raise MalformedError("launch data", "a field comes twice")
    _check_fields(fields)
    return fields


def _check_fields(fields: Mapping[str, str]) -> None:
    """A line break in a value could pass for another field: what is signed are lines."""
    if len(fields) > FIELDS_MAX:
        raise MalformedError("fields", f"over {FIELDS_MAX}")
    for name, value in fields.items():
        if not _NAME.fullmatch(name):
            raise MalformedError("fields", "names are small letters, digits, underscores")
        if _CONTROL.search(value):
            raise MalformedError(name, "has control characters")


def _launch(fields: Mapping[str, str], now_ms: int) -> Launch:
    seconds = fields.get(_AT, "")
    if not _SECONDS.fullmatch(seconds):
        raise MalformedError(_AT, "should be seconds")
    at_ms = int(seconds) * 1000
    if not now_ms - AGE_MS_MAX < at_ms <= now_ms + AHEAD_MS_MAX:
        raise RefusedError("This launch data is too old: please open the app again")
    return Launch({name: value for name, value in fields.items() if name != _AT}, at_ms)


def _signed_text(bot: str, fields: Mapping[str, str]) -> bytes:
    return f"{bot}:{_PURPOSE}\n".encode() + _text(fields)


def _text(fields: Mapping[str, str]) -> bytes:
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields)).encode()
