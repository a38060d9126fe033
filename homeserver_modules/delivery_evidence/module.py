"""The Synapse side of the evidence of delivery (Synapse 1.163).

``on_event_delivered_over_federation`` runs in whatever process sends to other servers, once for
each transaction that one of them answered. Only the method ``/send`` means that it has
acknowledged an event: it echoed its id, without an error. That says nothing about people, and a
server that hides the event afterwards has acknowledged it all the same.

No module sees that a client of this server got an event; what is known of local people is that
the event is stored where their clients fetch it.

The table is in Synapse's database, so any process answers. When the evidence cannot be written it
is tried again for some seconds, and then counted as lost: the message itself is on its way anyhow,
and a missing line makes nobody served.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

import attrs
from prometheus_client import Counter
from synapse.module_api import DirectServeJsonResource
from synapse.module_api.errors import SynapseError
from twisted.internet.defer import CancelledError

from homeserver_modules.delivery_evidence import core, store
from homeserver_modules.delivery_evidence.config import DeliveryEvidenceConfig
from homeserver_modules.host import now_ms, read_settings
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi
    from synapse.module_api.callbacks.federation import FederationEventDeliveryEvent

logger = logging.getLogger(__name__)

PATH: Final = "/_synapse/client/veche/delivery"
TRIES: Final = 4
RETRY_S: Final = 1.0
TIDY_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

_KEPT: Final = Counter(
    "veche_delivery_evidence_kept", "Acknowledgements of other servers that were written down."
)
_LOST: Final = Counter(
    "veche_delivery_evidence_lost", "Acknowledgements that could not be written down."
)


class DeliveryEvidence:
    """Synapse module that keeps acknowledgements, see this module's text."""

    def __init__(self, config: DeliveryEvidenceConfig, api: ModuleApi) -> None:
        self._config = config
        self._api = api
        self._has_table = False
        api.register_federation_callbacks(
            on_event_delivered_over_federation=self.on_event_delivered_over_federation
        )
        api.register_web_resource(PATH, _Answers(self))
        api.looping_background_call(self.tidy, TIDY_MS, desc="veche_delivery_tidy")

    @staticmethod
    def parse_config(config: dict[str, Any]) -> DeliveryEvidenceConfig:
        """Read the module's section of homeserver.yaml.

        Raises:
            ConfigError: A key is unknown or its value wrong; it names the key.
        """
        return read_settings(DeliveryEvidenceConfig, config)

    async def on_event_delivered_over_federation(
        self, delivery: FederationEventDeliveryEvent
    ) -> None:
        """Keep what another server has acknowledged (Synapse's federation callback)."""
        prefix, own = self._config.localpart_prefix, self._api.server_name
        event_ids = core.acknowledged(delivery.method, delivery.events, prefix, own)
        if not event_ids:
            return
        at_ms = now_ms()
        for attempt in range(1, TRIES + 1):
            try:
                await self._run("keep", store.keep, delivery.server_name, event_ids, at_ms)
            except CancelledError:
                raise
            except Exception:
                if attempt == TRIES:
                    logger.exception("%s has %s, which is lost", delivery.server_name, event_ids)
                    _LOST.inc(len(event_ids))
                    return
                await self._api.sleep(RETRY_S * attempt)
            else:
                _KEPT.inc(len(event_ids))
                return

    async def found(self, asked: list[core.Asked]) -> list[store.Found]:
        """Look events up, in their order."""
        name = "".join(f"!{one}" if one in "!%_" else one for one in self._config.localpart_prefix)
        pattern = f"@{name}%:{self._api.server_name}"
        return [await self._run("find", store.find, one, pattern) for one in asked]

    async def answer(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:
        """Answer a question of our application service.

        Raises:
            SynapseError: Somebody else asks, or it is no question.
        """
        requester = await self._api.get_user_by_req(request)
        if requester.app_service_id != self._config.appservice:
            raise SynapseError(403, "Only the application service may ask", "M_FORBIDDEN")
        body = request.content.read(core.BODY_BYTES_MAX + 1) if request.content else b""
        if len(body) > core.BODY_BYTES_MAX:
            raise SynapseError(413, "The question is too long", "M_TOO_LARGE")
        try:
            asked = core.read_question(json.loads(body))
        except MalformedError as e:
            raise SynapseError(400, str(e), "M_BAD_JSON") from e
        except (ValueError, RecursionError) as e:
            raise SynapseError(400, "The question is no JSON", "M_NOT_JSON") from e
        found = await self.found(asked)
        events = [
            {"event_id": one.event_id, "user_id": one.user_id, **attrs.asdict(what)}
            for one, what in zip(asked, found, strict=True)
        ]
        return 200, {"events": events}

    async def tidy(self) -> None:
        """Forget what is old."""
        await self._run("tidy", store.forget, now_ms() - self._config.kept_days * DAY_MS)

    async def _run(self, name: str, work: Any, *args: Any) -> Any:
        if not self._has_table:
            # In each process: which of them is the first to be told something nobody knows.
            await self._api.run_db_interaction("veche_delivery_create", store.create)
            self._has_table = True
        return await self._api.run_db_interaction(f"veche_delivery_{name}", work, *args)


class _Answers(DirectServeJsonResource):
    isLeaf = True

    def __init__(self, module: DeliveryEvidence) -> None:
        super().__init__()
        self._module = module

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:
        return await self._module.answer(request)
