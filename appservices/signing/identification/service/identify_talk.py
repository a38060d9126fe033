"""Identifying somebody with an account, in two chats: the registrar's and the person's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from appservices.signing.cards.texts.guests import PAPERS, name_doc
from appservices.signing.cards.texts.talk import nobody_doc, refused_words
from appservices.signing.identification import store
from appservices.signing.identification.core import LASTS_MS, TRIES_MAX, IdentificationState
from appservices.signing.identification.service import identifying
from appservices.signing.identification.texts import (
    cannot_doc,
    digits_doc,
    done_doc,
    how_doc,
    known_doc,
    not_registrar_doc,
    over_doc,
    papers_doc,
    present_doc,
    present_text,
    revoked_doc,
    show_doc,
    waiting_doc,
    word_doc,
    word_text,
    wrong_digits_doc,
)
from appservices.signing.sessions.core.errors import IdentificationOverError
from appservices.signing.sessions.core.guests import Papers, Registrar
from appservices.signing.sessions.core.topics import WORDS, Topic
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.service.naming import known_name, user_named
from veche.access.approvals import DECLINE, keys_of
from veche.access.approvals.core import typed_code
from veche.bots import ChatJob
from veche.chat import prompts
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.answers import is_reply
from veche.protocol.approval import MandateShown, showable
from veche.protocol.errors import RefusedError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.message import PERSONAL, Paragraph
from veche.protocol.prompts import Choice
from veche.protocol.texts.typed_choice import without_quote
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import mapping
from veche.runtime.crypto.tracking import identity_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.identification.core import Identification
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor

HERE: Final = Topic.IDENTIFY_HERE
DIGITS: Final = Topic.IDENTIFY_DIGITS
WHICH: Final = Topic.IDENTIFY_PAPERS
NAME: Final = Topic.IDENTIFY_NAME
WORD: Final = Topic.IDENTIFY_WORD
UNDO: Final = Topic.IDENTIFY_UNDO
TOPICS: Final = frozenset({HERE, DIGITS, WHICH, NAME, WORD, UNDO})
IDENTIFY: Final = "signing.identify"
"""Job: finds out what registrar and person are called."""
YES: Final = "yes"
STOP: Final = "stop"
_NAME_CHARACTERS: Final = range(1, 101)
_CALLED: Final = "called"


def begin(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """Somebody types whom they want to identify; or nobody: who has identified them."""
    person, room_id = inbound.sender, inbound.room_id
    localizer, typed = scene.localizer(person), argument.strip()
    is_registrar = bool(scene.section.registers_for(person))
    if not typed:
        known = [
            one
            for key in keys_of(scene.txn, person)
            if (one := store.of_key(scene.txn, scene.vault, person, key.id)) is not None
            if one.counts(scene.now_ms) and key.revoked_at_ms is None
        ]
        scene.tell(room_id, person, known_doc(known, localizer))
        if is_registrar:
            scene.tell(room_id, person, how_doc(localizer))
        return
    if not is_registrar:
        scene.tell(room_id, person, not_registrar_doc(localizer))
        return
    whom = user_named(typed, scene.sender.bot.user_id, person)
    if whom is None or whom == person:
        scene.tell(room_id, person, nobody_doc(typed[:100], localizer))
        return
    payload = {"registrar": person, "person": whom, "room": room_id}
    id_ = effect_id(IDENTIFY, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, IDENTIFY, payload, scene.now_ms))


def answered(scene: Conversation, answered: Answered) -> None:
    """The person, or the registrar, has chosen something."""
    purpose, choice = answered.kept.purpose, answered.chosen.choice or ""
    person, room_id = answered.inbound.sender, answered.inbound.room_id
    one = store.lock(scene.txn, scene.vault, str(purpose.get("identification")))
    label = answered.kept.prompt.choice(choice)
    if not scene.settle(answered, label.label if label is not None else "") or one is None:
        return
    nonce, topic = answered.chosen.approved_by or "", purpose["topic"]
    called = _called(scene, purpose)
    try:
        if topic == UNDO:
            _undone(scene, identifying.revoke(scene, one))
        elif choice in (STOP, DECLINE):
            _told_over(scene, identifying.refuse(scene, one))
        elif _is_doubted(scene, one, called):
            return
        elif topic == HERE and nonce:
            _came(scene, identifying.come(scene, one, nonce), called)
        elif topic == WHICH:
            _ask_name(scene, one, room_id, called, Papers(choice))
        elif topic == WORD and nonce:
            _done(scene, one, called, nonce)
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, scene.localizer(person))),))


def heard_digits(scene: Conversation, inbound: Inbound) -> bool:
    """Take digits that a registrar was asked for; False if they are none, or none are waited for.

    Before anything else does: four digits alone would sign a document that waits for its code.
    """
    content, typed = inbound.content, inbound.content.get("body")
    if content.get("msgtype") != "m.text" or not isinstance(typed, str):
        return False
    words = without_quote(typed) if is_reply(content) else typed
    if typed_code(words) is None:
        return False
    for kept in prompts.candidates(scene.txn, inbound, None):
        is_late = scene.now_ms >= kept.prompt.expires_at_ms
        if kept.is_open and not is_late and kept.purpose.get("topic") == DIGITS:
            purpose = {key: str(value) for key, value in mapping(kept.purpose).items()}
            heard(scene, inbound, purpose, words)
            return True
    return False


def heard(scene: Conversation, inbound: Inbound, purpose: Mapping[str, str], words: str) -> None:
    """The registrar has written digits, or a name."""
    person, room_id = inbound.sender, inbound.room_id
    localizer, said = scene.localizer(person), showable(words).strip()
    one = store.lock(scene.txn, scene.vault, purpose["identification"])
    if one is None or one.registrar != person:
        return
    scene.close(_about(one, purpose["topic"]), person, "–")
    called = _called(scene, purpose)
    try:
        if _is_doubted(scene, one, called):
            return
        if purpose["topic"] == DIGITS:
            _take_digits(scene, one, room_id, called, re.sub(r"\s", "", said))
        elif len(said) not in _NAME_CHARACTERS:
            _ask_name(scene, one, room_id, called, Papers(called["papers"]))
        else:
            _ask_word(scene, one, room_id, {**called, "name": " ".join(said.split())})
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, localizer)),))


def _is_doubted(scene: Conversation, one: Identification, called: Mapping[str, str]) -> bool:
    """Return whether the person's identity is unconfirmed; then nobody is identified."""
    if not identity_view(scene.txn, one.person).is_doubted:
        return False
    _told_over(scene, identifying.refuse(scene, one))
    room_id, localizer = scene.chat_of(one.registrar), scene.localizer(one.registrar)
    if room_id is not None:
        doc = cannot_doc(called["person"], localizer, has_chat=True, is_doubted=True)
        scene.tell(room_id, one.registrar, doc)
    return True


def _take_digits(
    scene: Conversation,
    one: Identification,
    room_id: RoomId,
    called: Mapping[str, str],
    digits: str,
) -> None:
    one, localizer = identifying.show(scene, one, digits), scene.localizer(one.registrar)
    if one.state is IdentificationState.SHOWN:
        choices = [Choice(id=each.value, label=localizer.text(PAPERS[each])) for each in Papers]
        stop = Choice(id=STOP, label=localizer.text("I cannot tell who it is"), style="danger")
        doc = papers_doc(called["person"], localizer)
        _ask(scene, one, (one.registrar, room_id), WHICH, doc, (*choices, stop), called)
    elif one.state is IdentificationState.PRESENT:
        scene.tell(room_id, one.registrar, wrong_digits_doc(TRIES_MAX - one.tries, localizer))
        _ask_digits(scene, one, room_id, called)
    else:
        _told_over(scene, one)


def _came(scene: Conversation, one: Identification, called: Mapping[str, str]) -> None:
    chat, room_id = scene.chat_of(one.person), scene.chat_of(one.registrar)
    if chat is not None and room_id is not None:
        doc = show_doc(one, scene.localizer(one.person))
        scene.tell(chat, one.person, doc, payload=PERSONAL)
        _ask_digits(scene, one, room_id, called)


def _ask_digits(
    scene: Conversation, one: Identification, room_id: RoomId, called: Mapping[str, str]
) -> None:
    localizer = scene.localizer(one.registrar)
    stop = Choice(id=STOP, label=localizer.text("Stop: nobody is identified"), style="danger")
    doc = digits_doc(called["person"], localizer)
    _ask(scene, one, (one.registrar, room_id), DIGITS, doc, (stop,), called)


def _ask_name(
    scene: Conversation,
    one: Identification,
    room_id: RoomId,
    called: Mapping[str, str],
    papers: Papers,
) -> None:
    localizer = scene.localizer(one.registrar)
    stop = Choice(id=STOP, label=localizer.text("Stop: nobody is identified"), style="danger")
    told = {**called, "papers": papers.value}
    _ask(scene, one, (one.registrar, room_id), NAME, name_doc(papers, localizer), (stop,), told)


def _ask_word(
    scene: Conversation, one: Identification, room_id: RoomId, called: Mapping[str, str]
) -> None:
    """Ask the registrar to say with their key what they have seen."""
    if one.state is not IdentificationState.SHOWN or scene.now_ms >= one.ends_at_ms:
        raise IdentificationOverError
    localizer, papers = scene.localizer(one.registrar), Papers(called["papers"])
    shown = MandateShown(
        what=identifying.word_of(one, called["name"]),
        text=word_text(one, papers, localizer),
        until_ms=one.ends_at_ms,
    )
    choices = (
        Choice(
            id=YES,
            label=localizer.text("I have seen it"),
            approve=scene.approvals.asked(scene.sender, one.registrar, "mandate", shown),
        ),
        Choice(id=DECLINE, label=localizer.text("Stop: nobody is identified"), style="danger"),
    )
    doc = word_doc(one, papers, called["name"], localizer)
    _ask(scene, one, (one.registrar, room_id), WORD, doc, choices, called)


def _done(scene: Conversation, one: Identification, called: Mapping[str, str], nonce: str) -> None:
    by = Registrar(one.registrar, called["registrar"])
    papers = Papers(called["papers"])
    one = identifying.identify(scene, one, by, papers, called["name"], nonce)
    for person in (one.person, one.registrar):
        room_id, localizer = scene.chat_of(person), scene.localizer(person)
        if room_id is None:
            continue
        undo = Choice(id=UNDO.value, label=localizer.text("It shall count no more"), style="danger")
        doc = done_doc(one, localizer, is_person=person == one.person)
        _ask(scene, one, (person, room_id), UNDO, doc, (undo,), {})


def _undone(scene: Conversation, one: Identification) -> None:
    for person in (one.person, one.registrar):
        room_id, localizer = scene.chat_of(person), scene.localizer(person)
        scene.close(_about_of(one, UNDO, person), person, localizer.text("It counts no more."))
        if room_id is not None:
            scene.tell(room_id, person, revoked_doc(one.name, localizer))


def _told_over(scene: Conversation, one: Identification) -> None:
    _close(scene, one)
    for person in (one.person, one.registrar):
        room_id = scene.chat_of(person)
        if room_id is not None:
            scene.tell(room_id, person, over_doc(scene.localizer(person)))


def _close(scene: Conversation, one: Identification) -> None:
    """End the questions of one that does not go on."""
    for topic in (HERE, DIGITS, WHICH, NAME, WORD):
        person = one.person if topic == HERE else one.registrar
        scene.close(_about(one, topic), person, scene.localizer(person).text("It is over."))


def _ask(
    scene: Conversation,
    one: Identification,
    to: tuple[UserId, RoomId],
    topic: str,
    intro: Doc,
    choices: tuple[Choice, ...],
    called: Mapping[str, str],
) -> None:
    """Ask one of the two; what people are called is sealed, as questions are kept in clear."""
    person, room_id = to
    ends_at_ms = one.ends_at_ms if one.expires_at_ms is None else one.expires_at_ms
    prompt = scene.prompt(person, choices, max(1, ends_at_ms - scene.now_ms))
    purpose = {"topic": topic, "identification": one.id}
    if called:
        purpose[_CALLED] = encode_base64(scene.vault.seal(called))
    if topic in (DIGITS, NAME):
        purpose[WORDS] = topic
    about = _about_of(one, topic, person)
    scene.ask(room_id, person, prompt, intro, about=about, purpose=purpose)


def _about(one: Identification, topic: str) -> str:
    return f"{topic} {one.id}"


def _about_of(one: Identification, topic: str, person: UserId) -> str:
    """Both can take it back, each by a question of their own."""
    return f"{_about(one, topic)} {person}" if topic == UNDO else _about(one, topic)


def _called(scene: Conversation, purpose: Mapping[str, Any]) -> dict[str, str]:
    sealed = purpose.get(_CALLED)
    return scene.vault.open(decode_base64(sealed)) if isinstance(sealed, str) else {}


class Identify(ChatJob[Parts]):
    """Finds out what the two are called; then the person is asked."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask the homeserver; the person may not be there."""
        host, bot = self._parts.host, self._parts.bot.user_id
        called = {
            each: await known_name(host.client, bot, UserId(job.payload[each]))
            for each in ("registrar", "person")
        }
        return {_CALLED: called}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask the person whether they are there."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        registrar, person = UserId(job.payload["registrar"]), UserId(job.payload["person"])
        room_id, localizer = RoomId(job.payload["room"]), scene.localizer(registrar)
        called = result[_CALLED]
        if called["person"] is None:
            scene.tell(room_id, registrar, nobody_doc(person, localizer))
            return
        chat = scene.chat_of(person)
        keys, is_doubted = keys_of(txn, person), identity_view(txn, person).is_doubted
        if chat is None or is_doubted or all(one.revoked_at_ms is not None for one in keys):
            name, has_chat = called["person"], chat is not None
            doc = cannot_doc(name, localizer, has_chat=has_chat, is_doubted=is_doubted)
            scene.tell(room_id, registrar, doc)
            return
        before = store.going_on(txn, scene.vault, person)
        try:
            one = identifying.begin(scene, registrar, person)
        except RefusedError as e:
            scene.tell(room_id, registrar, (Paragraph(refused_words(e, localizer)),))
            return
        if before is not None:
            _close(scene, before)
        told = {"person": called["person"], "registrar": called["registrar"] or registrar}
        _ask_person(scene, one, chat, told)
        scene.tell(room_id, registrar, waiting_doc(called["person"], localizer))


def _ask_person(
    scene: Conversation, one: Identification, room_id: RoomId, called: Mapping[str, str]
) -> None:
    localizer = scene.localizer(one.person)
    shown = MandateShown(
        what=f"{identifying.PRESENT} {one.id}",
        text=present_text(one, localizer),
        until_ms=one.made_at_ms + LASTS_MS,
    )
    choices = (
        Choice(
            id=YES,
            label=localizer.text("I am with them"),
            approve=scene.approvals.asked(scene.sender, one.person, "mandate", shown),
        ),
        Choice(id=DECLINE, label=localizer.text("No, I am not"), style="danger"),
    )
    organisation = scene.section.registers_for(one.registrar)
    doc = present_doc(one, called["registrar"], organisation, localizer)
    _ask(scene, one, (one.person, room_id), HERE, doc, choices, called)
