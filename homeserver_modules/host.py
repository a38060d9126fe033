"""Interface of each module to the Synapse that runs it."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, ValidationError
from synapse.module_api import DirectServeJsonResource
from synapse.module_api.errors import ConfigError, SynapseError

from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from synapse.events import EventBase
    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi
    from synapse.storage.database import LoggingTransaction

logger = logging.getLogger(__name__)

BODY_BYTES_MAX: Final = 65_536
"""Of a question of our application service."""


class Tables:
    """Tables of a module in Synapse's database; any process may be the first to need them."""

    def __init__(self, api: ModuleApi, name: str, tables: Sequence[str]) -> None:
        """Nothing is made yet.

        Args:
            api: Synapse's.
            name: Of the module, in Synapse's log.
            tables: What makes them, where they are not there.
        """
        self._api = api
        self._name = name
        self._tables = tables
        self._are_made = False

    async def run(self, what: str, work: Callable[..., Any], *args: Any) -> Any:
        """Run a transaction."""
        if not self._are_made:
            try:
                await self._api.run_db_interaction(f"veche_{self._name}_tables", self._make)
                self._are_made = True
            except Exception as e:  # noqa: BLE001 -- another process may make them just now
                logger.warning("the tables of %s are not made: %r", self._name, e)
        return await self._api.run_db_interaction(f"veche_{self._name}_{what}", work, *args)

    def _make(self, txn: LoggingTransaction) -> None:
        for table in self._tables:
            txn.execute(table)


class Questions(DirectServeJsonResource):
    """Where our application service, and nobody else, asks a module."""

    isLeaf = True

    def __init__(
        self, api: ModuleApi, appservice: str, answer: Callable[[Any], Awaitable[dict[str, Any]]]
    ) -> None:
        """Make it.

        Args:
            api: Synapse's.
            appservice: Id of the registration of who may ask.
            answer: Takes the body of a question; a ``MalformedError`` says that it is none.
        """
        super().__init__()
        self._api = api
        self._appservice = appservice
        self._answer = answer

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:
        requester = await self._api.get_user_by_req(request)
        if requester.app_service_id != self._appservice:
            raise SynapseError(403, "Only the application service may ask", "M_FORBIDDEN")
        body = request.content.read(BODY_BYTES_MAX + 1) if request.content else b""
        if len(body) > BODY_BYTES_MAX:
            raise SynapseError(413, "The question is too long", "M_TOO_LARGE")
        try:
            return 200, await self._answer(json.loads(body))
        except MalformedError as e:
            raise SynapseError(400, str(e), "M_BAD_JSON") from e
        except (ValueError, RecursionError) as e:
            raise SynapseError(400, "The question is no JSON", "M_NOT_JSON") from e


class Configured:
    """A module that Synapse makes from a section of homeserver.yaml.

    Attributes:
        settings: The form of that section.
    """

    settings: ClassVar[type[BaseModel]]

    @classmethod
    def parse_config(cls, config: dict[str, Any]) -> Any:
        """Read the section.

        Raises:
            ConfigError: A key is unknown or its value wrong; it names the key.
        """
        try:
            return cls.settings.model_validate(config)
        except ValidationError as e:
            first = e.errors(include_input=False, include_url=False)[0]
            raise ConfigError(first["msg"], [str(part) for part in first["loc"]]) from e


def is_of_a_client(event: EventBase) -> bool:
    """Return whether a client waits for the answer.

    An event of a local sender may also come back from another server (after a loss, or when an old
    room is joined again). An exception would end that whole transfer, so such an event gets a code.
    Only events that a client sent carry its device or transaction.
    """
    metadata = event.internal_metadata
    return any(getattr(metadata, name, None) for name in ("device_id", "txn_id"))


def now_ms() -> int:
    """The moment, UTC."""
    return time.time_ns() // 1_000_000
