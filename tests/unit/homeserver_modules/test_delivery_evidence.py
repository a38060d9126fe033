"""The evidence of delivery: what counts, what is asked, and what happens when it fails."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import pytest
from synapse.module_api import ModuleApi
from synapse.module_api.callbacks.federation import (
    FederatedEventDeliveryMethod,
    FederationEventDeliveryEvent,
)
from synapse.module_api.errors import ConfigError

from homeserver_modules.delivery_evidence import core, store
from homeserver_modules.delivery_evidence.module import TRIES, DeliveryEvidence
from veche.protocol.errors import MalformedError

OURS = SimpleNamespace(event_id="$ours", sender="@veche_office:home")
OTHERS = (
    SimpleNamespace(event_id="$person", sender="@anna:home"),
    SimpleNamespace(event_id="$far", sender="@veche_office:abroad"),
    SimpleNamespace(event_id="$near", sender="@veche_office:home.evil"),
)


def module(*outcomes: Any) -> tuple[DeliveryEvidence, Any]:
    """The module, and the API whose database does these things one after another."""
    api = create_autospec(ModuleApi, instance=True)
    api.server_name = "home"
    api.run_db_interaction = AsyncMock(side_effect=outcomes or None)
    api.sleep = AsyncMock()
    return DeliveryEvidence(DeliveryEvidence.parse_config({}), api), api


def delivered(method: str = "/send") -> FederationEventDeliveryEvent:
    """Events that another server got."""
    events: Any = [OURS, *OTHERS]
    return FederationEventDeliveryEvent("abroad", events, FederatedEventDeliveryMethod(method))


def written(api: Any) -> list[list[str]]:
    """The events of each attempt to write."""
    return [call.args[3] for call in api.run_db_interaction.await_args_list if len(call.args) > 3]


@pytest.mark.parametrize("method", list(FederatedEventDeliveryMethod))
def test_only_a_push_is_an_acknowledgement(method: FederatedEventDeliveryMethod) -> None:
    evidence, api = module()

    asyncio.run(evidence.on_event_delivered_over_federation(delivered(method.value)))

    assert written(api) == ([["$ours"]] if method is FederatedEventDeliveryMethod.SEND else [])


def test_the_database_is_tried_again() -> None:
    evidence, api = module(None, OSError("gone"), OSError("gone"), None)

    asyncio.run(evidence.on_event_delivered_over_federation(delivered()))

    assert written(api) == [["$ours"]] * 3
    assert api.sleep.await_count == 2


def test_a_database_that_stays_away_holds_nobody_up_for_ever() -> None:
    evidence, api = module(*[OSError("gone")] * 2 * TRIES)

    asyncio.run(evidence.on_event_delivered_over_federation(delivered()))

    # The table is tried too each time: another process may make it.
    assert written(api) == [["$ours"]] * TRIES


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"kept_days": 0}, "kept_days"),
        ({"kept_days": "9"}, "kept_days"),
        ({"localpart_prefix": "Veche"}, "localpart_prefix"),
        ({"appservice": ""}, "appservice"),
        ({"more": 1}, "more"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_names_the_key(
    config: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError) as e:
        DeliveryEvidence.parse_config(config)
    assert e.value.path is not None
    assert list(e.value.path) == [key]


def test_a_question_is_read() -> None:
    asked = core.read_question({"events": [{"event_id": "$a", "user_id": "@b:c:8448"}]})

    assert asked == [core.Asked("$a", "@b:c:8448")]
    assert asked[0].server == "c:8448"


@pytest.mark.parametrize(
    "body",
    [
        None, [], {}, {"events": {}}, {"events": []}, {"events": [1]},
        {"events": [{"event_id": "$a"}]}, {"events": [{"event_id": 1, "user_id": "@b:c"}]},
        {"events": [{"event_id": "a", "user_id": "@b:c"}]},
        {"events": [{"event_id": "$a", "user_id": "@b"}]},
        {"events": [{"event_id": "$a\0", "user_id": "@b:c"}]},
        {"events": [{"event_id": "$" + "a" * 255, "user_id": "@b:c"}]},
        {"events": [{"event_id": "$a", "user_id": "@b:c"}] * (core.EVENTS_MAX + 1)},
    ],
)  # fmt: skip
def test_what_is_no_question_is_refused(body: object) -> None:
    with pytest.raises(MalformedError):
        core.read_question(body)


def test_nothing_is_known_of_others_events() -> None:
    txn = SimpleNamespace(execute=lambda *_: None, fetchone=lambda: None)

    assert store.find(txn, core.Asked("$a", "@b:c"), "@veche!_%:home") == store.Found()  # type: ignore[arg-type]
