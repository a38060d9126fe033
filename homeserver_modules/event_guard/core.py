"""Which events to refuse for their form.

The idea: whoever reads a payload (a client, a service, another server) may rely on its form, since
the homeserver that accepted it has checked it with the very model that the reader uses.

- A key of a known family (``org.veche.*``, or what a feature of others registers) must have the
  family's form, in the content itself and in ``m.new_content`` of an edit.
- A key ``org.veche.*`` that is not known passes, whatever it holds: families come with new
  releases, and servers do not update on the same day. It too stays within ``DEPTH_MAX`` and
  ``VALUES_MAX``, so that no reader meets a value it cannot walk through.
- Beside a ciphertext only the receipt of an act may stand. Another family there would be readable
  by every server and vouched for by no device, and no reader of ours looks at it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, Final

from veche.protocol.errors import MalformedError
from veche.protocol.wire import Wire, parse

PREFIX: Final = "org.veche."
"""How every key of ours begins."""

DEPTH_MAX: Final = 24
"""How deep a payload may be nested; a prompt with a form has 7 levels."""

VALUES_MAX: Final = 8_192
"""How many values all payloads of one event may have; the largest form has about 4,000."""

_ENCRYPTED: Final = "m.room.encrypted"
_NEW_CONTENT: Final = "m.new_content"
_BESIDE_CIPHERTEXT: Final = frozenset({"org.veche.act"})

Families = Mapping[str, type[Wire]]


def has_payload(content: object, known: Container[str] = ()) -> bool:
    """Return whether an event's content carries any key of ours, or of the ``known`` families."""
    return any(True for _ in _payloads(content, known))


def check_event(event_type: str, content: object, families: Families) -> None:
    """Check the payloads of one event.

    Args:
        event_type: Matrix type, as the server sees it (``m.room.encrypted`` for a ciphertext).
        content: As Synapse has it: frozen, of a type that differs between its versions.
        families: Model of each known key.

    Raises:
        MalformedError: A payload has not the form of its family, stands beside a ciphertext
            where it must not, or is over ``DEPTH_MAX`` or ``VALUES_MAX``.
    """
    budget = _Budget()
    for where, key, value in _payloads(content, families):
        plain = budget.plain(value, where)
        if key not in families:
            continue
        if event_type == _ENCRYPTED and key not in _BESIDE_CIPHERTEXT:
            raise MalformedError(where, "must stand inside the encryption, not beside it")
        parse(families[key], plain, where=where)


def check_room_request(request: Mapping[str, Any], families: Families) -> None:
    """Check the payloads in a request for a new room.

    Args:
        request: Body of ``POST /createRoom`` (Matrix spec v1.18, client-server API §"Creation"),
            not yet checked by the homeserver.
        families: Model of each known key.

    Raises:
        MalformedError: As ``check_event``, in ``creation_content`` or in an event of
            ``initial_state``.
    """
    for where, event_type, content in _room_events(request):
        try:
            check_event(event_type, content, families)
        except MalformedError as e:
            message = str(e).removeprefix(f"{e.field}: ")
            raise MalformedError(f"{where}.{e.field}", message) from e


def room_request_has_payload(request: Mapping[str, Any], known: Container[str] = ()) -> bool:
    """Return whether a request for a new room carries any key as of ``has_payload``."""
    return any(has_payload(content, known) for _, _, content in _room_events(request))


def _room_events(request: Mapping[str, Any]) -> Iterator[tuple[str, str, object]]:
    yield "creation_content", "m.room.create", request.get("creation_content")
    events = request.get("initial_state")
    # What is not of the right form here, the homeserver refuses itself.
    if isinstance(events, (list, tuple)):
        for number, event in enumerate(events):
            if isinstance(event, Mapping):
                yield f"initial_state.{number}", str(event.get("type")), event.get("content")


def _payloads(content: object, known: Container[str]) -> Iterator[tuple[str, str, object]]:
    """Path, key and value of each payload."""
    if not isinstance(content, Mapping):
        return
    for key, value in content.items():
        if key.startswith(PREFIX) or key in known:
            yield key, key, value
    new_content = content.get(_NEW_CONTENT)
    if isinstance(new_content, Mapping):
        for key, value in new_content.items():
            if key.startswith(PREFIX) or key in known:
                yield f"{_NEW_CONTENT}.{key}", key, value


class _Budget:
    """Turns frozen content into what a strict model takes, as long as it is not too much."""

    def __init__(self) -> None:
        self._left = VALUES_MAX

    def plain(self, value: object, where: str, depth: int = 1) -> object:
        self._left -= 1
        if self._left < 0:
            raise MalformedError(where, f"the payloads hold more than {VALUES_MAX} values")
        if not isinstance(value, (Mapping, list, tuple)):
            return value
        if depth > DEPTH_MAX:
            raise MalformedError(where, f"nested deeper than {DEPTH_MAX} levels")
        if isinstance(value, Mapping):
            return {k: self.plain(v, where, depth + 1) for k, v in value.items()}
        return [self.plain(v, where, depth + 1) for v in value]
