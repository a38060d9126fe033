"""What each module asks of the Synapse that it runs in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from synapse.module_api.errors import ConfigError

if TYPE_CHECKING:
    from synapse.events import EventBase

_M = TypeVar("_M", bound=BaseModel)


def read_settings(model: type[_M], config: dict[str, Any]) -> _M:
    """Read a module's section of homeserver.yaml.

    Args:
        model: Of the section.
        config: As it stands there.

    Raises:
        ConfigError: A key is unknown or its value wrong; it names the key.
    """
    try:
        return model.model_validate(config)
    except ValidationError as e:
        first = e.errors(include_input=False, include_url=False)[0]
        raise ConfigError(first["msg"], [str(part) for part in first["loc"]]) from e


def is_of_a_client(event: EventBase) -> bool:
    """Whether a client waits for the answer.

    An event of a local sender may also come back from another server (after a loss, or when an old
    room is joined again). An exception would end that whole transfer, so such an event gets a code.
    Only events that a client sent carry its device or transaction.
    """
    metadata = event.internal_metadata
    return any(getattr(metadata, name, None) for name in ("device_id", "txn_id"))


def now_ms() -> int:
    """The moment, UTC."""
    return time.time_ns() // 1_000_000
