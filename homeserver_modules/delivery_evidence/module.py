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

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs
from prometheus_client import Counter
from twisted.internet.defer import CancelledError

from homeserver_modules.delivery_evidence import core, store
from homeserver_modules.delivery_evidence.config import DeliveryEvidenceConfig
from homeserver_modules.host import Configured, Questions, Tables, now_ms

if TYPE_CHECKING:
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


class DeliveryEvidence(Configured):
    """Synapse module that keeps acknowledgements, see this module's text."""

    settings = DeliveryEvidenceConfig

    def __init__(self, config: DeliveryEvidenceConfig, api: ModuleApi) -> None:
        self._config = config
        self._api = api
        self._tables = Tables(api, "delivery", store.TABLES)
        api.register_federation_callbacks(
            on_event_delivered_over_federation=self.on_event_delivered_over_federation
        )
        api.register_web_resource(PATH, Questions(api, config.appservice, self.answer))
        api.looping_background_call(self.tidy, TIDY_MS, desc="veche_delivery_tidy")

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
                await self._tables.run("keep", store.keep, delivery.server_name, event_ids, at_ms)
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

    async def answer(self, body: object) -> dict[str, Any]:
        """Answer a question of our application service.

        Raises:
            MalformedError: It is none.
        """
        name = "".join(f"!{one}" if one in "!%_" else one for one in self._config.localpart_prefix)
        pattern = f"@{name}%:{self._api.server_name}"
        events = []
        for one in core.read_question(body):
            found = await self._tables.run("find", store.find, one, pattern)
            about = {"event_id": one.event_id, "user_id": one.user_id}
            events.append({**about, **attrs.asdict(found)})
        return {"events": events}

    async def tidy(self) -> None:
        """Forget what is old."""
        await self._tables.run("tidy", store.forget, now_ms() - self._config.kept_days * DAY_MS)
