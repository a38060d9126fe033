"""Messages of the staff in the room of a desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.calls.service import announce
from appservices.agency.cases import store
from appservices.agency.cases.core import replies
from appservices.agency.cases.core.commands import DESK_CALL, RECEIPT
from appservices.agency.cases.core.effects import Topic
from appservices.agency.cases.core.inputs import Assign
from appservices.agency.cases.service.cases import take_step
from appservices.agency.cases.service.conversation import CATALOGUE
from appservices.agency.chats.service.attention import place_of, thread_of
from appservices.agency.deliveries.service import show_stages
from appservices.agency.desk.service import POST_WAITING
from appservices.agency.questions import service as passing_on
from veche.chat import prompts
from veche.chat.prompts import Answered
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.answers import Chosen, RefusalReason, Refused, is_reply, refusal_text
from veche.protocol.commands import HELP, Argument, Command, help_doc, read_command
from veche.protocol.inbound import DeviceStanding, Trust
from veche.protocol.message import Bullets, Paragraph
from veche.protocol.texts.catalogue import N_
from veche.protocol.texts.typed_choice import without_quote

if TYPE_CHECKING:
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.offices.service import StaffMember
    from veche.chat.prompts import Heard, Kept
    from veche.protocol.commands import ParsedCommand
    from veche.protocol.ids import EffectId, RoomId
    from veche.protocol.inbound import Inbound
    from veche.protocol.prompts import Prompt
    from veche.protocol.texts.localizer import Localizer

ASSIGN: Final = Command(
    "assign",
    N_("in the thread of a case: give it to somebody"),
    {"ru": ("назначить",), "de": ("zuweisen",), "uk": ("призначити",)},
    Argument("staff", N_("the id of somebody of the staff"), is_required=True),
)
CASES: Final = Command(
    "cases",
    N_("show all open cases here anew, for who is new or has a new device"),
    {"ru": ("дела",), "de": ("vorgänge", "vorgaenge"), "uk": ("справи",)},
)
DESK_COMMANDS: Final = (HELP, ASSIGN, DESK_CALL, RECEIPT, CASES)
TOPICS: Final = (Topic.CLAIM, Topic.DECIDE, Topic.WRITE, Topic.REPLY, Topic.RETRY, Topic.QUESTION)
"""Topics of the questions that the staff gets."""
_FREE_TOPICS: Final = frozenset({Topic.WRITE, Topic.REPLY, Topic.QUESTION})
_ACTING: Final = frozenset({DeviceStanding.VERIFIED, DeviceStanding.NO_IDENTITY})
"""Devices by which the staff acts: those that get the keys of the desk while nothing is in doubt. A
homeserver can add others to the account of a clerk."""


def hear_at_desk(scene: Conversation, inbound: Inbound, member: StaffMember) -> None:
    """Somebody of the staff says something at the desk; talk among them is left alone."""
    localizer = scene.workplace.context(scene.now_ms, scene.workplace.office.language).staff
    thread = thread_of(scene, inbound)
    if inbound.standing not in _ACTING:
        inbound = attrs.evolve(inbound, trust=Trust.ANY)
    parsed = read_command(inbound.content, DESK_COMMANDS, localizer.language)
    if parsed is not None:
        if not _is_doubted(scene, inbound):
            _command(scene, inbound, member, parsed, localizer, thread)
        return
    heard = prompts.hear(scene.txn, inbound, thread=thread)
    outcome = heard.outcome
    if isinstance(outcome, Chosen) and heard.kept is not None:
        _chosen(scene, Answered(heard.kept, inbound, outcome), member)
    elif isinstance(outcome, Refused):
        _refuse(scene, inbound, outcome.reason, heard.kept.prompt if heard.kept else None)
    else:
        _say_freely(scene, inbound, member, heard)


def _is_doubted(scene: Conversation, inbound: Inbound) -> bool:
    """Return whether anybody may have written it; if so, tell the sender."""
    if inbound.trust is not Trust.ANY:
        return False
    _refuse(scene, inbound, RefusalReason.TRUST_TOO_LOW)
    return True


def _refuse(
    scene: Conversation, inbound: Inbound, reason: RefusalReason, prompt: Prompt | None = None
) -> None:
    language = scene.workplace.office.language
    doc = refusal_text(reason, CATALOGUE, language, prompt, standing=inbound.standing)
    place = place_of(scene, inbound)
    scene.say(inbound.room_id, doc, scene.desk_ground(), thread=place, mentions=[inbound.sender])


def _chosen(scene: Conversation, answered: Answered, member: StaffMember) -> None:
    purpose, chosen = answered.kept.purpose, answered.chosen
    if purpose["topic"] == Topic.QUESTION:
        passing_on.answer(scene, answered.kept, member, str((chosen.data or {}).get("text", "")))
        return
    heard = replies.staff_choice(Topic(purpose["topic"]), member.staff, chosen.choice, chosen.data)
    if heard is not None:
        take_step(scene, str(purpose["case"]), heard, answered)


def _say_freely(scene: Conversation, inbound: Inbound, member: StaffMember, heard: Heard) -> None:
    """Words that answer a question in words; without a question they are talk."""
    body = inbound.content.get("body")
    if inbound.content.get("msgtype") != "m.text" or not isinstance(body, str):
        return
    meant = _meant(inbound, member, heard)
    if meant is None:
        return
    if meant.purpose["topic"] == Topic.QUESTION:
        if not _is_doubted(scene, inbound):
            passing_on.answer(scene, meant, member, without_quote(body))
        return
    topic, case_id = Topic(meant.purpose["topic"]), str(meant.purpose["case"])
    said = replies.staff_text(topic, member.staff, without_quote(body))
    if said is not None and not _is_doubted(scene, inbound):
        take_step(scene, case_id, said)


def _meant(inbound: Inbound, member: StaffMember, heard: Heard) -> Kept | None:
    """The question that words of the staff answer; None if they are talk.

    Who chose to refuse or to ask is being asked for words: their next ones are meant, also from a
    client without threads, if there is one such question. A question of the person is put to all of
    the desk, who may talk about it: only what replies to it is an answer.
    """
    kept = heard.kept
    if kept is not None and kept.is_open and is_reply(inbound.content) and _is_theirs(kept, member):
        return kept
    writing = [one for one in heard.open if one.purpose.get("topic") == Topic.WRITE]
    mine = [one for one in writing if _is_theirs(one, member)]
    return mine[0] if len(mine) == 1 and not is_reply(inbound.content) else None


def _is_theirs(kept: Kept, member: StaffMember) -> bool:
    is_free = kept.purpose.get("topic") in _FREE_TOPICS
    return is_free and member.user_id in kept.prompt.scope


def _command(
    scene: Conversation,
    inbound: Inbound,
    member: StaffMember,
    parsed: ParsedCommand,
    localizer: Localizer,
    thread: EffectId | None,
) -> None:
    if parsed.command is ASSIGN:
        _assign(scene, inbound, member, parsed.argument, localizer, thread)
        return
    if parsed.command is DESK_CALL:
        staff = member.staff if member.decides else None
        announce(scene, inbound, staff, thread, localizer)
        return
    if parsed.command is RECEIPT:
        _show_receipts(scene, inbound, localizer, thread)
        return
    if parsed.command is CASES:
        _show_cases(scene, inbound, localizer)
        return
    doc = help_doc(DESK_COMMANDS, CATALOGUE, localizer.language)
    scene.say(inbound.room_id, doc, scene.desk_ground(), thread=thread)


def _show_cases(scene: Conversation, inbound: Inbound, localizer: Localizer) -> None:
    """Put each open case here anew: no key of what was said before reaches a new device."""
    bot = scene.sender.bot.user_id
    desk = store.desk_of_room(scene.txn, bot, inbound.room_id)
    count = store.lift_cases(scene.txn, bot, desk) if desk is not None else 0
    if count == 0:
        words = localizer.text("No case is open at this desk.")
        scene.say(inbound.room_id, (Paragraph(words),), scene.desk_ground())
        return
    job = scene.sender.fresh_id(POST_WAITING)
    payload = {"bot": bot, "desk": desk}
    jobs.schedule(scene.txn, Job(job, POST_WAITING, payload, scene.now_ms))


def _show_receipts(
    scene: Conversation, inbound: Inbound, localizer: Localizer, thread: EffectId | None
) -> None:
    bot = scene.sender.bot.user_id
    case_id = store.case_of_desk_effect(scene.txn, bot, thread) if thread else None
    file = store.lock_case(scene.txn, case_id) if case_id else None
    if file is not None:
        show_stages(scene, file, is_desk=True)
        return
    words = localizer.text("Write this in the thread of a case.")
    scene.say(inbound.room_id, (Paragraph(words),), scene.desk_ground(), thread=thread)


def _assign(
    scene: Conversation,
    inbound: Inbound,
    member: StaffMember,
    name: str,
    localizer: Localizer,
    thread: EffectId | None,
) -> None:
    bot = scene.sender.bot.user_id
    case_id = store.case_of_desk_effect(scene.txn, bot, thread) if thread else None
    wanted = name.strip().removeprefix("@").partition(":")[0]
    to = next((one for one in scene.workplace.members if _is_named(one, wanted)), None)
    if case_id is not None and to is not None and to.decides:
        take_step(scene, case_id, Assign(member.staff, to.staff.id))
        return
    words = localizer.text(
        "Write this in the thread of a case, with the id of somebody who can decide:"
    )
    ids = [one.staff.id for one in scene.workplace.members if one.decides]
    room_id: RoomId = inbound.room_id
    doc = (Paragraph(words), Bullets(ids))
    scene.say(room_id, doc, scene.desk_ground(), thread=thread)


def _is_named(member: StaffMember, wanted: str) -> bool:
    return wanted in {member.staff.id, member.user_id[1:].partition(":")[0]}
