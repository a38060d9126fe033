"""Time stamps for a signature in a session: the service's, or of who stamps in its place.

The proofs of those elsewhere go into the file before their stamp. What comes is looked at here as
the service looks at it when the signature is handed in, so that no key signs in vain twice.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf.signing import Proofs
from veche.documents.pki.cms import CmsError, der_of
from veche.documents.pki.stamps import read_token
from veche.documents.pki.stated import may_stamp, read_certificate
from veche.documents.pki.trust import Trust
from veche.documents.signatures.checking import SignatureFault, stamper_of
from veche.protocol.errors import UnavailableError
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from cryptography import x509

    from appservices.signing.commands.sign.session_client import SessionClient
    from appservices.signing.parties.api.parties import SessionView

_RETRY_AFTER_MS: Final = 5_000


@attrs.frozen
class SessionStamps:
    """The time stamp authority of one signature.

    Attributes:
        client: By which the service is asked.
        roots: Below which those elsewhere are; None: the service stamps.
        proofs: That go into the file before their stamp.
        now: The time of the service, UTC.
    """

    client: SessionClient
    roots: tuple[x509.Certificate, ...] | None
    proofs: Proofs
    now: dt.datetime

    @staticmethod
    async def of(client: SessionClient, view: SessionView) -> SessionStamps:
        """Ask who stamps now.

        Raises:
            UnavailableError: They do not answer.
        """
        now = dt.datetime.fromtimestamp(view.now_ms / 1000, dt.UTC)
        if not view.is_stamped_elsewhere:
            return SessionStamps(client, None, Proofs(), now)
        told = await client.stampers()
        certificates, lists, encoded = (
            [decode_base64(one) for one in all_]
            for all_ in (told.certificates, told.lists, told.roots)
        )
        roots = tuple(one for one in map(read_certificate, encoded) if one is not None)
        return SessionStamps(client, roots, Proofs(certificates, lists), now)

    async def stamp(self, imprint: bytes) -> bytes:
        """A token over a SHA-256.

        Raises:
            UnavailableError: It is not to be had, or would not be taken.
        """
        token = await self.client.stamp(imprint)
        if self.roots is not None:
            self._check(token, imprint, self.roots)
        return token

    def _check(self, token: bytes, imprint: bytes, roots: tuple[x509.Certificate, ...]) -> None:
        try:
            certificate = stamper_of(read_token(token), imprint)
        except (CmsError, SignatureFault) as e:
            raise _not_taken(str(e)) from e
        trust = Trust((), self.proofs.certificates, self.proofs.lists, roots)
        standing = trust.standing(certificate, self.now)
        if not may_stamp(certificate) or not standing.is_trusted:
            raise _not_taken("it is of nobody whom the service has named")
        if der_of(certificate) not in self.proofs.certificates:
            raise _not_taken("another key has stamped than a moment ago")
        if standing.is_revoked or not standing.is_listed:
            raise _not_taken("nobody says that who stamped was not revoked")


def _not_taken(why: str) -> UnavailableError:
    return UnavailableError(
        f"The time stamp is not taken ({why}), so nothing was signed: try again.",
        retry_after_ms=_RETRY_AFTER_MS,
    )
