"""Calls to persons: the desk announces one, the person asks by four words whether it is real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.calls import core as calls
from appservices.agency.calls import store as call_store
from appservices.agency.calls.store import OpenCall
from appservices.agency.cases import store
from appservices.agency.cases.core.commands import CALL
from appservices.agency.cases.core.inputs import Call, CallConfirmed
from appservices.agency.cases.service.cases import locked_case, take_step
from appservices.agency.desk.service import tell_desk
from veche.chat.attention import REACTION
from veche.protocol.commands import read_command
from veche.protocol.message import Bold, Mono, Paragraph
from veche.protocol.texts.typed_choice import without_quote
from veche.runtime import metrics

if TYPE_CHECKING:
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.offices.core.office import Staff
    from veche.protocol.ids import EffectId
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer

KEY: Final = "agency calls"
_asked = metrics.counter(
    "veche_agency_calls_total", "Questions of persons who calls them, by the answer.", ["answer"]
)


def announce(
    scene: Conversation,
    inbound: Inbound,
    staff: Staff | None,
    thread: EffectId | None,
    localizer: Localizer,
) -> None:
    """Give somebody at a desk the words that they read to the person of the thread's case.

    Args:
        scene: The transaction.
        inbound: Their command.
        staff: Who they are, if they may.
        thread: In which they wrote it.
        localizer: Of the staff.
    """
    bot = scene.sender.bot.user_id
    case_id = store.case_of_desk_effect(scene.txn, bot, thread) if thread else None
    file = store.lock_case(scene.txn, case_id) if case_id else None
    if file is None or staff is None:
        words = localizer.text("Write this in the thread of a case, if you can decide about it.")
        scene.say(inbound.room_id, (Paragraph(words),), scene.desk_ground(), thread=thread)
        return
    language = calls.list_of(scene.language_of(file.person), scene.workplace.office.language)
    call = OpenCall(scene.sender.fresh_ulid("call"), file.case.id, language)
    until_ms = scene.now_ms + calls.CALL_MS
    outcome = take_step(scene, file.case.id, Call(staff))
    if outcome is None or outcome.refusal is not None:
        return
    call_store.add_call(scene.txn, call, file.bot, file.person, staff.id, scene.now_ms, until_ms)
    four = " ".join(calls.words_of(_key(scene), call.id, language))
    doc: Doc = (
        Paragraph(localizer.text("Read these words to the person on the phone:"), " ", Bold(four)),
        Paragraph(
            localizer.text("They write to this office's bot, and I answer whether it is you:"),
            " ",
            Mono(f"{CALL.word(scene.language_of(file.person))} {four}"),
        ),
        Paragraph(
            localizer.text(
                "The words count for {count} minutes, once.", count=calls.CALL_MS // 60_000
            )
        ),
    )
    scene.say(inbound.room_id, doc, scene.desk_ground(), thread=thread)


def answer_call(scene: Conversation, inbound: Inbound, *, is_form: bool = False) -> bool:
    """Answer a person who asks whether it is the office that calls; False if they do not.

    Wrong, late and used words, those of another person and too many tries all get the same answer.

    Args:
        scene: The transaction. Nothing was said in it yet.
        inbound: What they wrote, which counts.
        is_form: Whether a form waits for words.
    """
    heard = _heard(scene, inbound, is_form=is_form)
    if heard is None:
        return False
    person, bot, now_ms = inbound.sender, scene.sender.bot.user_id, scene.now_ms
    call_store.lock_calls(scene.txn, bot, person)
    tries = call_store.count_tries(scene.txn, bot, person, now_ms - calls.TRIES_MS)
    found = None
    if tries < calls.TRIES_MAX:
        opened = call_store.open_calls(scene.txn, bot, person, now_ms)
        found = next((one for one in opened if _is(scene, one, heard)), None)
        if found is None:
            call_store.add_try(scene.txn, bot, person, inbound.event_id, now_ms)
            if tries + 1 == calls.TRIES_MAX:
                _end_all(scene, opened)
    file = _confirm(scene, found) if found is not None else None
    localizer = scene.localizer(person)
    if file is not None:
        words = localizer.text("Yes, our office calls you about case {number}.", number=file)
        doc: Doc = (Paragraph(Bold(words)),)
    else:
        doc = (
            Paragraph(Bold(localizer.text("No. Hang up."))),
            Paragraph(
                localizer.text(
                    "Nobody of this office calls you with these words. If in doubt, call us, by the"
                    " number that you find yourself."
                )
            ),
        )
    _asked.labels("no" if file is None else "yes").inc()
    scene.say(inbound.room_id, doc, scene.ground(person, "call"))
    return True


def _heard(scene: Conversation, inbound: Inbound, *, is_form: bool) -> tuple[str, ...] | None:
    if inbound.event_type == REACTION:
        return None
    content = inbound.content
    parsed = read_command(content, (CALL,), scene.language_of(inbound.sender))
    if parsed is not None and " " in parsed.argument:
        return calls.heard_words(f"/{CALL.name} {parsed.argument}")
    body = content.get("body")
    is_text = content.get("msgtype") == "m.text" and isinstance(body, str)
    return calls.heard_words(without_quote(str(body)), is_form=is_form) if is_text else None


def _is(scene: Conversation, call: OpenCall, heard: tuple[str, ...]) -> bool:
    return calls.is_same(heard, calls.words_of(_key(scene), call.id, call.language))


def _confirm(scene: Conversation, call: OpenCall) -> str | None:
    """Let the words of a call be used; the number of its case."""
    outcome = take_step(scene, call.case_id, CallConfirmed())
    call_store.end_call(scene.txn, call, "confirmed", scene.now_ms)
    return outcome.case.number if outcome is not None and outcome.refusal is None else None


def _end_all(scene: Conversation, opened: list[OpenCall]) -> None:
    """Too many wrong words: those of nobody count any more, and the desks are told."""
    for call in opened:
        call_store.end_call(scene.txn, call, "wrong", scene.now_ms)
        file = store.lock_case(scene.txn, call.case_id)
        if file is None:
            continue
        locked = locked_case(scene, file)
        words = locked.context.staff.text(
            "The person has typed wrong words several times: none count for an hour. Somebody else"
            " may be calling them in your name."
        )
        tell_desk(locked, locked.definition.desk, (Paragraph(words),))
        store.save_case(scene.txn, locked.file)


def _key(scene: Conversation) -> bytes:
    return scene.parts.host.seed(KEY)
