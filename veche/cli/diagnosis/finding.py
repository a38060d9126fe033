"""The finding of a check, and the resources that a check may use."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import attrs

from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from veche.runtime.config import Config
    from veche.server.spec import ServiceSpec

P = TypeVar("P")

ANSWER_S_MAX: Final = 15.0
"""How long the homeserver may take for one answer; it asks us meanwhile when it is pinged."""
ANSWER_BYTES_MAX: Final = 4 << 20


@attrs.frozen
class Finding:
    """The finding of one check.

    Attributes:
        name: Of the check.
        is_ok: False if it has to be mended.
        what: What is so, for a person to read; never a secret.
        mend: What to do, empty if nothing.
    """

    name: str
    is_ok: bool
    what: str
    mend: str = ""


@attrs.frozen
class Patient:
    """The installation that is looked at.

    Attributes:
        config: Its configuration, without faults.
        specs: The installed services.
        dsn: Of the database.
        now_s: The clock: Unix time in seconds.
    """

    config: Config
    specs: Mapping[str, ServiceSpec]
    dsn: str
    now_s: Callable[[], float]

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Ask the homeserver.

        Raises:
            UnavailableError: It does not answer in time, or not in HTTP.
        """
        url = self.config.homeserver.url
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        target = f"{path}?{urlencode(query)}" if query else path
        connection = _connection(url)
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            data = response.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as e:
            raise UnavailableError(f"no answer from {url}: {e}", retry_after_ms=1_000) from e
        finally:
            connection.close()
        return Answer(response.status, dict(response.getheaders()), _json_object(data))


@attrs.frozen
class Answer:
    """An answer of the homeserver.

    Attributes:
        body: The JSON object; empty if it was none.
    """

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def errcode(self) -> str:
        """Matrix error code, empty without one."""
        return str(self.body.get("errcode", ""))


@attrs.frozen
class Check(Generic[P]):
    """One row of the doctor's table; ``P`` is what it looks at: ``Patient``, or anything.

    Attributes:
        name: Names what it is about, in one or two words.
        look: Yields what it finds; nothing means that all is well.
        well: What to say then.
        needs: Checks that must have gone well, or this one cannot say anything.
    """

    name: str
    look: Callable[[P], Iterable[tuple[str, str]]]
    well: str
    needs: tuple[str, ...] = ()


def folder_that_exists(path: Path) -> Path:
    """``path``, or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.netloc, timeout=ANSWER_S_MAX)
    return http.client.HTTPConnection(parts.netloc, timeout=ANSWER_S_MAX)


def _json_object(data: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(data)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
