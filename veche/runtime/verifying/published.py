"""Public facts about logs on sites: keys, published heads, proofs."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.addresses import split_address
from veche.protocol.errors import BadSignatureError, MalformedError
from veche.protocol.message import LOOPBACK
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.verifying.words import UncheckedError
from veche.transparency.merkle import extends
from veche.transparency.notes import (
    Checkpoint,
    VerifierKey,
    log_of,
    open_checkpoint,
    read_verifier_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S: Final = 20
ANSWER_BYTES_MAX: Final = 64 * 1024
KEYS_MAX: Final = 16
"""Most keys of a site that are looked at."""

_SERVER: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_PATH: Final = re.compile(r"(/[A-Za-z0-9_.-]{1,40}){1,8}")


class SiteError(UncheckedError):
    """A site does not answer, or not as it should."""


class NotThereError(SiteError):
    """It has nothing of what it is asked for."""


class OtherHistoryError(Exception):
    """The newest head of a site does not begin with an older one that was signed."""


class TooEarlyError(SiteError):
    """It will be there later."""


_ERRORS: Final = {404: NotThereError, 503: TooEarlyError}


class Site:
    """A public site.

    Attributes:
        url: Its origin.
    """

    def __init__(self, url: str) -> None:
        """Nothing is asked yet.

        Args:
            url: ``https://…``, or ``http://`` of this machine; what is after the host is left out.

        Raises:
            SiteError: It is another address.
        """
        parts = split_address(url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if not is_safe or not parts.hostname or "@" in parts.netloc:
            raise SiteError("the site should be https://…")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._api = ""
        self._of = ""

    def keys(self, well_known: str, of: str = "") -> list[VerifierKey]:
        """The keys of a log, and of the witnesses that it names; what is asked next is of it too.

        Args:
            well_known: Path at which the site says them.
            of: Query that names the log, where the site has several.

        Raises:
            SiteError: It does not say them.
        """
        self._of = of
        answer = self._get(f"{well_known}?{of}" if of else well_known)
        api, keys = answer.get("api"), answer.get("keys")
        if not isinstance(api, str) or not _PATH.fullmatch(api) or not isinstance(keys, list):
            raise SiteError(f"{self.url} does not say what its keys are")
        self._api = api
        witnesses = answer.get("witnesses")
        more = witnesses[:KEYS_MAX] if isinstance(witnesses, list) else []
        try:
            return [read_verifier_key(str(key)) for key in [*keys[:KEYS_MAX], *more]]
        except MalformedError as e:
            raise SiteError(f"{self.url} says a key that is none: {e}") from e

    def answer(self, path: str) -> dict[str, Any]:
        """The object at a path of the API that was named with the keys.

        Raises:
            SiteError: It does not say it.
        """
        return self._get(f"{self._api}/{path}")

    def newest(self, after: int, keys: Sequence[VerifierKey]) -> tuple[Checkpoint, list[bytes]]:
        """Its newest head, and the proof that it begins with one of ``after`` entries.

        Raises:
            SiteError: It says none that is signed with one of ``keys``.
        """
        query = "&".join(filter(None, (f"after={after}" if after else "", self._of)))
        answer = self.answer(f"heads?{query}" if query else "heads")
        note, path = answer.get("checkpoint"), answer.get("consistency")
        if not isinstance(note, str) or not isinstance(path, list):
            raise SiteError(f"{self.url} does not say what its newest head is")
        try:
            return open_checkpoint(note, keys), [decode_base64(str(one)) for one in path]
        except (MalformedError, BadSignatureError, ValueError) as e:
            raise SiteError(f"{self.url} says a head that is none: {e}") from e

    def later(self, old: Checkpoint, keys: Sequence[VerifierKey]) -> Checkpoint:
        """Its newest head, which begins with an older one that somebody has.

        Raises:
            OtherHistoryError: It does not, or it is shorter.
            SiteError: The site says none that is signed with one of ``keys``.
        """
        try:
            newest, path = self.newest(old.size, keys)
        except NotThereError as e:
            newest, _ = self.newest(0, keys)
            if newest.size >= old.size:
                raise
            raise OtherHistoryError(
                f"the newest head of {self.url} is shorter: it has {newest.size} entries, and"
                f" {old.size} were signed"
            ) from e
        is_its = log_of(newest.origin) == log_of(old.origin)
        if not is_its or not extends((old.size, old.root), (newest.size, newest.root), path):
            raise OtherHistoryError(f"the newest head of {self.url} does not begin with it")
        return newest

    def content(self, path: str, bytes_max: int = ANSWER_BYTES_MAX) -> bytes:
        """Fetch the content at a path.

        Raises:
            SiteError: It does not answer, or with more than ``bytes_max``.
        """
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(f"{self.url}{path}", timeout=TIMEOUT_S) as response:
                data: bytes = response.read(bytes_max + 1)
        except urllib.error.HTTPError as e:
            with e:
                error = _ERRORS.get(e.code, SiteError)
                raise error(f"{self.url}{path} answers {e.code}") from e
        except (OSError, ValueError) as e:
            raise SiteError(f"{self.url} cannot be reached: {e}") from e
        if len(data) > bytes_max:
            raise SiteError(f"{self.url}{path} answers with more than {bytes_max} bytes")
        return data

    def _get(self, path: str) -> dict[str, Any]:
        """The object at a path."""
        data = self.content(path)
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError) as e:
            raise SiteError(f"{self.url}{path} answers no JSON") from e
        if not isinstance(answer, dict):
            raise SiteError(f"{self.url}{path} answers no object")
        return answer


def site_of(signers: Sequence[str]) -> Site:
    """The site of the server that a receipt, or a file of acts, names as its signer.

    Raises:
        SiteError: It names none, or several.
    """
    servers = {name.partition("/")[0] for name in signers}
    if len(servers) != 1 or not _SERVER.fullmatch(server := servers.pop()):
        raise SiteError("the file does not name one server: say which with --site")
    return Site(f"https://{server}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An answer counts from the site that was asked, and from no other."""

    def redirect_request(self, *_args: Any) -> None:
        """None: the redirect is an error."""
