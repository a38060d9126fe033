"""Time stamps of an authority elsewhere, which the operator has chosen, for what is closed here.

What comes back is believed only as far as a verdict would: over what was asked, with the nonce, of
now, by a certificate below the root that is configured. What proves that this certificate was not
revoked is fetched before and put into the file. Whoever stamps may have several keys: those that
were seen are known, and a stamp by another one is asked for again, once its proofs are there.

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

from veche.protocol.errors import RefusedError, UnavailableError
from veche.protocol.pdf.signing import Proofs
from veche.protocol.signatures import der
from veche.protocol.signatures.cms import der_of
from veche.protocol.signatures.digests import SHA256
from veche.protocol.signatures.stamps import StampRequest, read_token
from veche.protocol.signatures.stated import read_certificate
from veche.protocol.signatures.trust import Trust
from veche.runtime.keys.revocation import fetched_proofs
from veche.runtime.keys.stampers import RemoteStamper, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from cryptography.x509 import Certificate

    from veche.protocol.signatures.digests import Hash
    from veche.runtime.outbound import Outbound

logger = logging.getLogger(__name__)

CLOCK_MS_MAX: Final = 60_000
"""How far the clock of who stamps may be from ours."""
PROOFS_MS_MAX: Final = 3_600_000
"""How old proofs are when they are fetched again."""
STAMPERS_MAX: Final = 4
"""Certificates of who stamps that are remembered: as many as a ``SealView`` has room for."""
_RETRY_AFTER_MS: Final = 30_000

T = TypeVar("T")


@attrs.frozen
class _Stamper:
    """A certificate that has stamped, with what proves it."""

    proofs: Proofs
    at_ms: int


class OtherStamps:
    """An authority elsewhere. Its methods block, and are called in threads."""

    def __init__(
        self,
        reactor: Any,
        remote: RemoteStamper,
        outbound: Outbound,
        root: Certificate,
        now_ms: Callable[[], int],
        *,
        policy: str | None = None,
    ) -> None:
        """Make it; nothing is sent.

        Args:
            reactor: In which is asked.
            remote: The authority.
            outbound: By which lists and responders are asked.
            root: Below which it has to be.
            now_ms: The time, UTC.
            policy: Under which it has to stamp, as dotted numbers; None: any.
        """
        self._reactor = reactor
        self._remote = remote
        self._outbound = outbound
        self._root = root
        self._now_ms = now_ms
        self._policy = None if policy is None else der.oid(policy)
        self._known: dict[bytes, _Stamper] = {}

    def token(self, request: StampRequest) -> bytes:
        """A time stamp by a certificate whose proofs were given before.

        Raises:
            UnavailableError: It is not to be had now, or is none that would be believed.
        """
        return self._wait(self._token(request))

    def proofs(self) -> Proofs:
        """What proves those who have stamped lately; somebody has.

        Raises:
            UnavailableError: They are not to be had now.
        """
        return self._wait(self._proofs())

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

    async def _proofs(self) -> Proofs:
        oldest_ms = self._now_ms() - PROOFS_MS_MAX
        self._known = {one: held for one, held in self._known.items() if held.at_ms > oldest_ms}
        if not self._known:
            await self._learn(*await self._stamped(StampRequest(SHA256.digest())))
        held = [one.proofs for one in self._known.values()]
        return Proofs(
            list(dict.fromkeys(one for proofs in held for one in proofs.certificates)),
            list(dict.fromkeys(one for proofs in held for one in proofs.lists)),
        )

    async def _stamped(self, request: StampRequest) -> tuple[bytes, Certificate]:
        """A token that a verdict would believe, and by whom it is."""
        try:
            token, certificate = await self._remote.believed(request.imprint, request.by)
        except RefusedError as e:  # Of an address that may not be asked: nobody's document lapses.
            raise _unavailable(str(e)) from e
        self._check(token, certificate, request.by)
        return token, certificate

    def _check(self, token: bytes, certificate: Certificate, by: Hash) -> None:
        stamp, now_ms = read_token(token), self._now_ms()
        if abs(stamp.at_ms - now_ms) > CLOCK_MS_MAX:
            stated = dt.datetime.fromtimestamp(stamp.at_ms / 1000, dt.UTC)
            raise _unavailable(f"it states another time than ours: {stated:%F %T}")
        if stamp.signed.by.size < by.size:
            raise _unavailable(f"it signs by {stamp.signed.by.name}, which is shorter than ours")
        if self._policy is not None and stamp.policy != self._policy:
            raise _unavailable("it stamps under another policy than is configured")
        trust = Trust([], stamp.signed.certificates, [], [self._root])
        now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        if not trust.standing(certificate, now).is_trusted:
            raise _unavailable("its certificate is not below the root that is configured, or over")

    async def _learn(self, token: bytes, certificate: Certificate) -> None:
        """Fetch what proves who has stamped."""
        sent = read_token(token).signed.certificates
        others = [one for one in map(read_certificate, sent) if one not in (None, certificate)]
        chain = [certificate, *(one for one in others if one is not None)]
        now_ms = self._now_ms()
        now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        found = await fetched_proofs(self._outbound, chain, now, logger.warning, [self._root])
        try:
            found.check()
        except RefusedError as e:
            raise _unavailable(str(e)) from e
        trust = Trust([], sent, found.proofs, [self._root])
        if trust.standing(certificate, now).is_revoked:
            raise _unavailable("its certificate was revoked")
        if len(self._known) >= STAMPERS_MAX:
            self._known.pop(next(iter(self._known)))
        certificates = [*map(der_of, chain), der_of(self._root)]
        self._known[der_of(certificate)] = _Stamper(
            Proofs(list(dict.fromkeys(certificates)), list(found.proofs)), now_ms
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
