"""Time stamps of an authority elsewhere, which the operator has chosen, for what is signed here.

What comes back is believed only as far as a verdict would: over what was asked, with the nonce, of
now, by a certificate below the root that is configured. What proves that this certificate was not
revoked is fetched before and put into the file. Whoever stamps may have several keys: those that
were seen are known, and a stamp by another one is asked for again, once its proofs are there.

Pages get the proofs first, and look at each stamp as it is looked at here.

Nothing takes the place of a stamp that is not to be had: whoever asked tries again later.

Source: RFC 3161 §2.2, §2.4.2; ETSI EN 319 142-1 §5.5 (proofs before the stamp over them).
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from appservices.signing.keys.revocation import fetched_proofs
from appservices.signing.keys.stampers import RemoteStamper, place_of
from appservices.signing.stamps.core import RequestError, granted, read_request, refusal
from veche.documents.pdf.signing import Proofs
from veche.documents.pki import der
from veche.documents.pki.cms import der_of
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stamps import StampRequest, read_token
from veche.documents.pki.stated import read_certificate
from veche.documents.pki.trust import Trust
from veche.protocol.errors import RefusedError, UnavailableError
from veche.runtime import metrics
from veche.runtime.web.http_client import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from cryptography.x509 import Certificate

    from appservices.signing.authority.core.stampers import Stampers
    from veche.runtime.web.outbound import Outbound

logger = logging.getLogger(__name__)

CLOCK_MS_MAX: Final = 60_000
"""How far the clock of who stamps may be from ours."""
PROOFS_MS_MAX: Final = 3_600_000
"""How old proofs are when they are fetched again; those that end before that, after"""
PROOFS_MS_MIN: Final = 60_000
"""that time."""
STAMPERS_MAX: Final = 4
"""Certificates of who stamps that are remembered: as many as a ``SealView`` has room for."""
_RETRY_AFTER_MS: Final = 30_000

_asked = metrics.counter(
    "veche_signing_other_stamps_total",
    "Time stamps asked of the authority elsewhere, by what came",
    ["end"],
)

T = TypeVar("T")


@attrs.frozen
class _Stamper:
    """A certificate that has stamped, with what proves it, and until when that is not old."""

    proofs: Proofs
    until_ms: int


class OtherStamps:
    """An authority elsewhere. Its methods block, and are called in threads, but for coroutines."""

    def __init__(
        self,
        reactor: Any,
        remote: RemoteStamper,
        outbound: Outbound,
        stampers: Stampers,
        now_ms: Callable[[], int],
    ) -> None:
        """Make it; nothing is sent.

        Args:
            reactor: In which is asked.
            remote: The authority.
            outbound: By which lists and responders are asked.
            stampers: Whose stamps are taken.
            now_ms: The time, UTC.
        """
        self._reactor = reactor
        self._remote = remote
        self._outbound = outbound
        self._stampers = stampers
        self._roots = list(stampers.roots)
        self._now_ms = now_ms
        self._known: dict[bytes, _Stamper] = {}

    def token(self, request: StampRequest) -> bytes:
        """A time stamp by a certificate whose proofs were given before.

        Raises:
            UnavailableError: It is not to be had now, or is none that would be believed.
        """
        return self._wait(self._token(request))

    def proofs(self) -> Proofs:
        """Return the proofs of those who have stamped lately; somebody has.

        Raises:
            UnavailableError: They are not to be had now.
        """
        return self._wait(self.newest_proofs())

    def seen(self) -> frozenset[bytes]:
        """Certificates that have come with stamps lately, DER."""
        held = list(self._known.values())
        return frozenset(one for known in held for one in known.proofs.certificates)

    async def answer(self, body: bytes) -> bytes:
        """Answer a ``TimeStampReq``; the caller checks whose key it is.

        Raises:
            UnavailableError: None is to be had now, or none that would be believed.
        """
        try:
            policy = self._stampers.policy
            request = read_request(body, b"" if policy is None else der.oid(policy))
        except RequestError as e:
            return refusal(e)
        token, certificate = await self._stamped(request)
        if der_of(certificate) not in self._known:
            await self._learn(token, certificate)
        return granted(token)

    def lists_at(self, addresses: Sequence[str]) -> list[bytes]:
        """The lists of revoked certificates that are at some addresses now; others are left out."""
        return self._wait(self._lists_at(addresses))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        def begin() -> Any:
            return Deferred.fromCoroutine(work)

        found: T = blockingCallFromThread(self._reactor, begin)
        return found

    async def _token(self, request: StampRequest) -> bytes:
        token, certificate = await self._stamped(request)
        if der_of(certificate) not in self._known:
            await self._learn(token, certificate)
            raise _unavailable("another key has stamped than before: its proofs go in first")
        return token

    async def newest_proofs(self) -> Proofs:
        """The same as ``proofs``, without a thread."""
        now_ms = self._now_ms()
        self._known = {one: held for one, held in self._known.items() if held.until_ms > now_ms}
        if not self._known:
            await self._learn(*await self._stamped(StampRequest(SHA256.digest())))
        held = [one.proofs for one in self._known.values()]
        return Proofs(
            list(dict.fromkeys(one for proofs in held for one in proofs.certificates)),
            list(dict.fromkeys(one for proofs in held for one in proofs.lists)),
        )

    async def _stamped(self, request: StampRequest) -> tuple[bytes, Certificate]:
        """A token that a verdict would believe, and by whom it is."""
        wanted = (request.imprint, request.by, request.nonce)
        try:
            token, certificate = await self._remote.believed(*wanted)
        except NoAnswerError as e:
            raise self._failed("silent", f"it does not answer ({e})") from e
        except (RefusedError, UnavailableError) as e:  # An address that may not be asked as well.
            raise self._failed("not_believed", str(e)) from e
        if fault := self._fault(token, certificate):
            raise self._failed("not_believed", fault)
        _asked.labels("stamped").inc()
        return token, certificate

    def _failed(self, end: str, why: str) -> UnavailableError:
        _asked.labels(end).inc()
        logger.warning("the authority for time stamps gives none that can be believed: %s", why)
        return _unavailable(why)

    def _fault(self, token: bytes, certificate: Certificate) -> str:
        stamp, now_ms = read_token(token), self._now_ms()
        if abs(stamp.at_ms - now_ms) > CLOCK_MS_MAX:
            stated = dt.datetime.fromtimestamp(stamp.at_ms / 1000, dt.UTC)
            return f"it states another time than ours: {stated:%F %T}"
        return self._stampers.fault(stamp, certificate, now_ms)

    async def _learn(self, token: bytes, certificate: Certificate) -> None:
        """Fetch what proves who has stamped."""
        sent = read_token(token).signed.certificates
        others = [one for one in map(read_certificate, sent) if one not in (None, certificate)]
        chain = [certificate, *(one for one in others if one is not None)]
        now_ms = self._now_ms()
        now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        found = await fetched_proofs(self._outbound, chain, now, logger.warning, self._roots)
        try:
            found.check()
        except RefusedError as e:
            raise self._failed("not_proven", str(e)) from e
        trust = Trust([], sent, found.proofs, self._roots)
        if trust.standing(certificate, now).is_revoked:
            raise self._failed("not_proven", "its certificate was revoked")
        later = now + dt.timedelta(milliseconds=PROOFS_MS_MAX)
        is_long = trust.standing(certificate, later).is_listed
        if len(self._known) >= STAMPERS_MAX:
            self._known.pop(next(iter(self._known)))
        certificates = map(der_of, [*chain, *self._roots])
        self._known[der_of(certificate)] = _Stamper(
            Proofs(list(dict.fromkeys(certificates)), list(found.proofs)),
            now_ms + (PROOFS_MS_MAX if is_long else PROOFS_MS_MIN),
        )

    async def _lists_at(self, addresses: Sequence[str]) -> list[bytes]:
        found = []
        for address in addresses:
            try:
                answer = await self._outbound.get(*place_of(address))
            except (RefusedError, UnavailableError, ValueError) as e:
                logger.warning("no list of revoked certificates from %s: %s", address, e)
            else:
                found.append(answer.body)
        return found


def _unavailable(why: str) -> UnavailableError:
    return UnavailableError(
        f"The authority for time stamps gives none that can be believed: {why}",
        retry_after_ms=_RETRY_AFTER_MS,
    )
