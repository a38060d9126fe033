"""Routes for the app before sign-in, and for homeservers' notifications to browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.app.api import (
    NewSubscription,
    Notified,
    PushKey,
    Rejected,
    SiteView,
    Subscribed,
)
from veche.api import Api
from veche.protocol.errors import NotFoundError
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.app.config import AppSection
    from appservices.app.service import Gateway
    from veche.api import Call

API: Final = Api("/_veche/app/v1", "What the app needs of its site")
PUSH_API: Final = Api("/_matrix/push/v1", "The push gateway, as homeservers ask it")

SUBSCRIBE_LIMIT: Final = Limit(burst=30, per_s=0.1)
"""For one client address: each new one has us look up a name, and is kept for months."""


class SiteRoutes:
    """Routes that the app needs first."""

    def __init__(self, section: AppSection, server_name: str) -> None:
        """Make them.

        Args:
            section: Of the configuration.
            server_name: Of the homeserver.
        """
        self._site = SiteView(
            homeserver_url=section.homeserver_url,
            server_name=server_name,
            name=dict(section.name),
            notice=dict(section.notice or {}),
            registration=section.registration,
            has_push=section.push is not None,
        )

    @API.sessionless.route(
        "GET",
        "/site",
        answer=SiteView,
        takes_other_sites=True,
        summary="What the app has to know before anybody is signed in",
    )
    async def site(self, _call: Call) -> SiteView:
        """Answer what is configured."""
        return self._site


class PushRoutes:
    """Browsers that are told of messages."""

    def __init__(self, gateway: Gateway | None, public_url: str) -> None:
        """Make them.

        Args:
            gateway: None: this site sends no pushes.
            public_url: Origin of the site, by which homeservers ask.
        """
        self._gateway = gateway
        self._url = f"{public_url}{PUSH_API.prefix}/notify"

    @API.sessionless.route(
        "GET",
        "/push/key",
        answer=PushKey,
        takes_other_sites=True,
        summary="With which key this site signs what it sends to push services",
    )
    async def key(self, _call: Call) -> PushKey:
        """Answer the public half."""
        return PushKey(key=self._open.signer.public_key)

    @API.sessionless.route(
        "POST",
        "/push",
        body=NewSubscription,
        answer=Subscribed,
        limit=SUBSCRIBE_LIMIT,
        summary="Keep a browser's subscription; the same again changes nothing",
    )
    async def subscribe(self, call: Call) -> Subscribed:
        """Keep it."""
        asked: NewSubscription = call.body
        return Subscribed(pushkey=await self._open.subscribe(asked), url=self._url)

    @API.sessionless.route(
        "DELETE",
        "/push/<pushkey>",
        answer=None,
        hides_path=True,
        summary="Forget a browser's subscription",
    )
    async def unsubscribe(self, call: Call) -> None:
        """Forget it."""
        await self._open.unsubscribe(call.path_args["pushkey"])

    @PUSH_API.sessionless.route(
        "POST",
        "/notify",
        body=Notified,
        answer=Rejected,
        summary="Tell browsers of an event (Matrix spec, Push Gateway API)",
    )
    async def notify(self, call: Call) -> Rejected:
        """Tell them."""
        asked: Notified = call.body
        return Rejected(rejected=list(await self._open.notify(asked.notification)))

    @property
    def _open(self) -> Gateway:
        if self._gateway is None:
            raise NotFoundError("This site sends no notifications to browsers.")
        return self._gateway
