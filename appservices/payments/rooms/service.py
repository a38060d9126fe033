"""The rooms of disputes and escrows: who is in them, and the card that shows how it stands.

All that can be done there can be done in each one's own chat too, and nothing waits for a room: one
is made after the money is set aside, whenever the homeserver lets it. Source: design of Veche,
payments §8.6 and §8.8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.conversation.service.conversation import PURPOSE
from appservices.payments.rooms import store
from appservices.payments.rooms.texts import moved_doc
from veche.chat.sending import Ground
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.messaging.outbox import Relation
from veche.protocol import message
from veche.protocol.ids import effect_id
from veche.protocol.message import RelationKind
from veche.protocol.texts.localizer import Localizer
from veche.runtime.matrix.store import readers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.rooms.store import Kind, Place
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc

MAKE: Final = "payments.case_room"
"""Job: makes a room, or finds the one that was made."""
REMIND: Final = "payments.case_room.remind"
"""Job: the time of a state is nearly over."""
LEAVE: Final = "payments.case_room.leave"
"""Job: the bot goes out of a room whose matter is over."""
REMIND_MS: Final = 24 * 3600 * 1000
"""How long before the end of a state it is said; of a short one at half of its time."""
_GROUND: Final = Ground(person=None, purpose=PURPOSE, basis="dispute or escrow of its members")


def want(scene: Conversation, kind: Kind, matter_id: str) -> None:
    """Have the room of a dispute or an escrow made; asked again it stays one."""
    payload = {"kind": kind, "matter": matter_id}
    jobs.schedule(scene.txn, Job(effect_id(MAKE, matter_id), MAKE, payload, scene.now_ms))


def of_matter(scene: Conversation, matter_id: str) -> Place | None:
    """The room of a dispute or an escrow; None as long as there is none."""
    return store.of_matter(scene.txn, matter_id)


def room_with(scene: Conversation, matter_id: str, person: UserId) -> RoomId | None:
    """The same, if a person is in it or invited: what is asked there reaches them."""
    place = store.of_matter(scene.txn, matter_id)
    if place is None or person not in {one for one, _ in readers(scene.txn, place.room_id)}:
        return None
    return place.room_id


def joined(scene: Conversation, place: Place) -> set[UserId]:
    """Return the people who joined a room, without those only invited."""
    return {one for one, how in readers(scene.txn, place.room_id) if how == "join"}


def let_in(scene: Conversation, place: Place, persons: Iterable[UserId]) -> bool:
    """Invite those who are neither there nor invited; whether there are any."""
    present = {one for one, _ in readers(scene.txn, place.room_id)}
    missing = [one for one in dict.fromkeys(persons) if one not in present]
    for person in missing:
        scene.let_in(place.room_id, person)
    return bool(missing)


def localizer_for(scene: Conversation, persons: Sequence[UserId]) -> Localizer:
    """How to speak to several at once: in their language if they share one, else in the bot's."""
    chosen = {scene.language_of(one) for one in persons}
    language = chosen.pop() if len(chosen) == 1 else scene.section.language
    return Localizer(language, scene.section.time_zone, scene.parts.profile.catalogue)


def show(
    scene: Conversation, place: Place, doc: Doc, localizer: Localizer, *, is_anew: bool = False
) -> None:
    """Show how it stands: in the card, or in a new one at the end of the room.

    Args:
        scene: The transaction.
        place: The room.
        doc: What the card says.
        localizer: Of the room.
        is_anew: Somebody has come who cannot read the card, or wants to see it.
    """
    content = message.text(doc)
    if place.card is not None and not is_anew:
        _edit(scene, place, content)
        return
    if place.card is not None:
        _edit(scene, place, message.text(moved_doc(localizer)))
    store.set_card(scene.txn, place.room_id, scene.sender.say(place.room_id, content, _GROUND))


def say(scene: Conversation, place: Place, doc: Doc) -> None:
    """Say something to all who are in a room; it rings nobody."""
    put(scene, place, message.notice(doc))


def put(scene: Conversation, place: Place, content: message.Content) -> None:
    """The same of any content: a file."""
    scene.sender.say(place.room_id, content, _GROUND)


def ring(scene: Conversation, place: Place, persons: Sequence[UserId], doc: Doc) -> None:
    """Say something that rings some of those who are in a room."""
    rung = sorted(joined(scene, place) & set(persons))
    put(scene, place, message.text(doc, mentions=rung))


def remind_later(scene: Conversation, place: Place, due_at_ms: int | None) -> None:
    """Remind those in a room some time before a state ends by itself; None: it does not."""
    left_ms = (due_at_ms or 0) - scene.now_ms
    if due_at_ms is None or left_ms <= 0:
        return
    at_ms = due_at_ms - min(REMIND_MS, left_ms // 2)
    payload = {"kind": place.kind, "matter": place.matter_id, "due_at_ms": due_at_ms}
    id_ = effect_id(REMIND, place.matter_id, due_at_ms)
    jobs.schedule(scene.txn, Job(id_, REMIND, payload, at_ms))


def leave_later(scene: Conversation, place: Place) -> None:
    """Go out of a room some time after its matter is over."""
    at_ms = scene.now_ms + scene.section.case_rooms_stay_ms
    id_ = effect_id(LEAVE, place.matter_id)
    jobs.schedule(scene.txn, Job(id_, LEAVE, {"room": place.room_id}, at_ms))


def _edit(scene: Conversation, place: Place, content: message.Content) -> None:
    assert place.card is not None, "there is a card"  # noqa: S101 -- our bug
    relation = Relation(RelationKind.REPLACE, place.card)
    scene.sender.say(place.room_id, message.edit(content), _GROUND, relation=relation)
