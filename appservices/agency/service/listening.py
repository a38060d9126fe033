"""What of all that is said to a bot counts as said, and what is only answered with a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.chat import prompts
from veche.chat.attention import REACTION, came_in_clear, is_edit
from veche.messaging import outbox
from veche.protocol.commands import read_command
from veche.protocol.ids import as_event_id
from veche.protocol.message import RelationKind
from veche.protocol.prompts import ANSWER_KEY
from veche.protocol.talk import clear_doc, edit_doc
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.agency.service.scene import Scene
    from veche.chat.sending import Ground
    from veche.protocol.commands import Command, ParsedCommand
    from veche.protocol.ids import EffectId
    from veche.protocol.inbound import Inbound

_ANSWERS: Final = (ANSWER_KEY, "org.matrix.msc4139.used_prompt", "m.used_prompt")


def counts(scene: Scene, inbound: Inbound, ground: Ground, *, is_edit_told: bool = True) -> bool:
    """Whether something that was said counts; if not, and it helps, the sender is told why.

    A notice is never answered: bots would talk with one another for ever (Matrix spec, m.notice).
    What came in clear into an encrypted room may be by anybody; only reactions always come so. An
    edit would take back what has had its effect.

    Args:
        scene: The transaction.
        inbound: Of a type in ``HEARD``.
        ground: Why the office may answer.
        is_edit_told: Whether somebody who edits is told that it changes nothing.
    """
    if inbound.event_type == REACTION:
        return True
    if inbound.content.get("msgtype") == "m.notice":
        return False
    localizer = scene.localizer(inbound.sender)
    if came_in_clear(scene.txn, inbound):
        doc = clear_doc(localizer)
    elif not is_edit(inbound):
        return True
    elif is_edit_told:
        doc = edit_doc(localizer)
    else:
        return False
    scene.tell(inbound.room_id, doc, ground, thread=place_of(scene, inbound))
    return False


def thread_of(scene: Scene, inbound: Inbound) -> EffectId | None:
    """The message of ours that began the thread in which something is said."""
    relates = mapping(inbound.content.get("m.relates_to"))
    root = as_event_id(relates.get("event_id"))
    if relates.get("rel_type") != RelationKind.THREAD.value or root is None:
        return None
    return outbox.effect_of(scene.txn, inbound.room_id, root)


def place_of(scene: Scene, inbound: Inbound) -> EffectId | None:
    """The thread in which something is answered: its own, else that of the question it is about.

    Whoever pressed a reaction, or has a client without threads, stands beside the thread.
    """
    about = next(iter(prompts.named(scene.txn, inbound)), None)
    return thread_of(scene, inbound) or (about.thread if about is not None else None)


def command_in(
    inbound: Inbound, commands: Sequence[Command], language: str
) -> ParsedCommand | None:
    """The command that somebody gives; None for anything else.

    A client that draws buttons sends their label as text beside its answer: "Withdraw" is then the
    answer to a question, and not the command that led to it.
    """
    is_answer = any(key in inbound.content for key in _ANSWERS)
    return None if is_answer else read_command(inbound.content, commands, language)
