"""The section ``app`` of the configuration."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from veche.runtime.config import SecretPath, Section
from veche.runtime.config.sections import Duration, Names, Networks, WebAddress

DAY_MS: Final = 86_400_000
SERVICES_MAX: Final = 50
SERVICES: Final = (
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
"""Push services of the browsers that there are; Chromium's others use the first."""

NOTICE_CHARACTERS_MAX: Final = 500

PushHost = Annotated[str, Field(pattern=r"^(\*|(\*\.)?[a-z0-9.-]{1,200})$")]
"""A host, ``*.`` and what hosts end with, or ``*`` for all."""


class PushSection(Section):
    """How browsers are told of messages while the app is closed."""

    vapid_key_path: SecretPath
    """File with the key that ``veche app key`` made. If you change it, all browsers have to
    subscribe again."""
    contact: str = Field(
        pattern=r"^(mailto:[^@\s]+@[\w-]+(\.[\w-]+)+|https://[\w-]+(\.[\w-]+)+)$",
        max_length=200,
        examples=["mailto:admin@example.org"],
    )
    """Contact for push services if something is wrong (RFC 8292 §2.1): an e-mail address, or a web
    address without a path."""
    services: Annotated[tuple[PushHost, ...], Field(strict=False, max_length=SERVICES_MAX)] = (
        SERVICES
    )
    """Hosts of push services that pushes are sent to; `*.` before a name stands for all below it.
    A browser whose push service is none of them gets no pushes."""
    networks: Networks = Field(default=(), examples=[["10.20.0.0/16"]])
    """Networks, beside the public Internet, in which push services may be. Plain ``http`` is
    allowed there."""
    subscriptions_max: int = Field(default=100_000, ge=1, le=10_000_000)
    """Largest number of subscribed browsers; one more is refused."""
    kept_ms: Annotated[Duration, Field(ge=DAY_MS, le=3 * 365 * DAY_MS)] = 90 * DAY_MS
    """How long an unused subscription is kept: nothing was sent, and nobody opened the app."""


class AppSection(Section):
    """The app: what it has to know of this place, and pushes to browsers."""

    homeserver_url: WebAddress = Field(
        pattern=r"^https?://[^/\s]+$", max_length=255, examples=["https://matrix.example.org"]
    )
    """Where browsers reach the homeserver, without a path."""
    name: Names
    """Name of the place, by language: ``{en: Town of Lindenau, de: Stadt Lindenau}``."""
    notice: Names | None = None
    """A notice for everybody before they begin, by language, at most 500 characters: for example
    that this is only a demo."""
    registration: Annotated[
        Literal["off", "invitation", "open"], BeforeValidator(lambda v: "off" if v is False else v)
    ] = "off"
    """Whether a stranger gets an account: not at all, with an invitation that `veche app invite`
    makes, or without. Set Synapse to the same."""
    admin_token_path: SecretPath | None = None
    """File with the access token of an administrator of the homeserver. `veche app invite` makes
    invitations with it, and nothing else reads it."""
    push: PushSection | None = None
    """Notifications while the app is closed; left out: there are none."""

    @model_validator(mode="after")
    def _check_notice(self) -> Self:
        if any(len(text) > NOTICE_CHARACTERS_MAX for text in (self.notice or {}).values()):
            raise ValueError(f"notice: should have at most {NOTICE_CHARACTERS_MAX} characters")
        return self

    @model_validator(mode="after")
    def _check_invites(self) -> Self:
        if self.admin_token_path is not None and self.registration != "invitation":
            raise ValueError("admin_token_path: only `registration: invitation` needs it")
        return self
