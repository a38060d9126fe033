"""The API of signing; its routes are declared in the modules beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from veche.api import Api

if TYPE_CHECKING:
    from appservices.signing.keys import SigningPool
    from appservices.signing.sessions.service.conversation import Parts
    from veche.runtime.process import Process

API: Final = Api(
    "/_veche/signing/v1", "Veche: signatures, seals, time stamps", body_bytes_max=1 << 20
)


class Signing(Protocol):
    """The methods of ``appservices.signing.bot.Signing`` that the routes need."""

    pool: SigningPool

    @property
    def host(self) -> Process:
        """The process that it runs in."""

    @property
    def parts(self) -> Parts | None:
        """Return what all transactions share; None if nobody signs here."""
