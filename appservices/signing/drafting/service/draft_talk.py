"""Preparing a document with its requester, in their chat: question by question, then all of it.

What was answered stands in the draft; which question is open stands in the question itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.authority.core.levels import OWN_LEVELS, Level
from appservices.signing.cards.texts.talk import nobody_doc
from appservices.signing.drafting.core.order import OrderError, folded, read_order
from appservices.signing.drafting.core.until import read_until
from appservices.signing.drafting.service import bulk, drafting
from appservices.signing.drafting.texts import (
    bad_until_doc,
    level_doc,
    no_anchor_doc,
    no_registrar_doc,
    no_seal_doc,
    only_pdf_doc,
    problem_doc,
    review_doc,
    signed_doc,
    title_doc,
    until_doc,
    who_doc,
)
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.records import TITLE_CHARACTERS_MAX, Session, SessionEffect
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.core.topics import WORDS, Topic
from appservices.signing.sessions.service.naming import user_named
from appservices.signing.sessions.store import sessions
from appservices.signing.sessions.texts.words import LEVELS
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.approval import showable
from veche.protocol.ids import UserId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.drafting.core.order import PartyOrder, Wanted
    from appservices.signing.sessions.core.records import Member
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.documents.signatures.report import Report
    from veche.protocol.ids import RoomId
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc

FIND: Final = "signing.find"
"""Job: finds out what those are called who are to sign."""
FREEZE: Final = "signing.freeze"
"""Job: lays the boxes; then the document is sent."""
FORGET: Final = "signing.forget"
"""Job: a draft was not sent in a week."""
DRAFT_MS: Final = 7 * 86_400_000
DRAFTS_MAX: Final = 10
"""Documents that one person prepares at once."""
SEND: Final = "send"
TITLE: Final = "title"
WHO: Final = "who"
LEVEL: Final = "level"
UNTIL: Final = "until"
EFFECT: Final = "effect"
DELEGATION: Final = "delegation"
DROP: Final = "drop"
KEEP: Final = "keep"
ADD: Final = "add"
_SHOWN_CHARACTERS_MAX: Final = 60
"""Of a title on a button."""
_FLAGS: Final = {SessionEffect.WHEN_COMPLETE: SessionEffect.EACH}


def has_too_many(scene: Conversation, room_id: RoomId, person: UserId) -> bool:
    """Return whether a person has too many drafts to begin another, and tell them if so.

    Each is kept for a week, so their number is what bounds the room that one person takes.
    """
    if sessions.drafts_of(scene.txn, person) < DRAFTS_MAX:
        return False
    words = scene.localizer(person).text(
        "You are preparing {count} documents already. Send one of them, or write “cancel” to throw"
        " the newest away.",
        count=DRAFTS_MAX,
    )
    scene.tell(room_id, person, (Paragraph(words),))
    return True


def draft_of(scene: Conversation, session_id: str, person: UserId) -> Session | None:
    """A person's own draft, locked; None: it was sent or forgotten, or is another's."""
    session = scene.session(session_id)
    is_theirs = session is not None and session.requester == person
    return session if is_theirs and session is not None and session.state is State.DRAFT else None


def ask_title(scene: Conversation, session: Session, room_id: RoomId) -> None:
    """Ask what the document is called."""
    localizer = scene.localizer(_person(session))
    # Not the title alone: whoever writes the beginning of it means a title of their own.
    label = localizer.text("Keep “{title}”", title=session.subject.title[:_SHOWN_CHARACTERS_MAX])
    _ask(scene, session, room_id, title_doc(localizer), TITLE, (label,))


def ask_whether_added(
    scene: Conversation, session: Session, room_id: RoomId, report: Report
) -> None:
    """Tell what others have signed, and ask whether signatures are to be added to that."""
    localizer = scene.localizer(_person(session))
    choices = (
        Choice(id=ADD, label=localizer.text("Add signatures to it"), style="primary"),
        Choice(id=DROP, label=localizer.text("Throw it away"), style="danger"),
    )
    _question(scene, session, room_id, signed_doc(report, localizer), choices, "")


def ask_who(scene: Conversation, session: Session, room_id: RoomId) -> None:
    """Ask who signs."""
    doc = who_doc(scene.localizer(_person(session)), has_pages=not session.has_container)
    _ask(scene, session, room_id, doc, WHO)


def review(scene: Conversation, session: Session, room_id: RoomId) -> None:
    """Show all of it, to be sent or changed."""
    person = _person(session)
    localizer = scene.localizer(person)
    each = session.effect is SessionEffect.EACH
    who = Choice(id=WHO, label=localizer.text("Other signers"))
    choices = (
        Choice(id=SEND, label=localizer.text("Send"), style="primary"),
        Choice(id=TITLE, label=localizer.text("Another title")),
        # The names of who signs stand in a document that has a template.
        *(() if session.subject.template is not None else (who,)),
        Choice(id=LEVEL, label=localizer.text("Sign in another way")),
        Choice(id=UNTIL, label=localizer.text("Another deadline")),
        Choice(
            id=EFFECT,
            label=localizer.text("Signatures count only together")
            if each
            else localizer.text("Each signature counts at once"),
        ),
        Choice(
            id=DELEGATION,
            label=localizer.text("Signers have to act themselves")
            if session.may_delegate
            else localizer.text("Signers may let others act"),
        ),
        Choice(id=DROP, label=localizer.text("Throw it away"), style="danger"),
    )
    _question(scene, session, room_id, review_doc(session, localizer), choices, "")


def answered(scene: Conversation, answered: Answered) -> None:
    """A requester has chosen something."""
    person, room_id = answered.inbound.sender, answered.inbound.room_id
    session = draft_of(scene, str(answered.kept.purpose.get("session")), person)
    localizer, choice = scene.localizer(person), answered.chosen.choice or ""
    if session is None:
        scene.settle(answered, localizer.text("It is over."))
        return
    label = answered.kept.prompt.choice(choice)
    if not scene.settle(answered, label.label if label is not None else ""):
        return
    if choice == DROP:
        throw_away(scene, session, room_id)
    elif choice == SEND:
        send(scene, session, room_id)
    elif choice == ADD:
        ask_title(scene, session, room_id)
    elif choice == KEEP and answered.kept.purpose.get(WORDS) == TITLE:
        _after_title(scene, session, room_id)
    else:
        _changed(scene, session, room_id, choice)


def heard(scene: Conversation, inbound: Inbound, purpose: dict[str, str], words: str) -> None:
    """A requester has written what a question waits for.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        purpose: Of the question.
        words: Of it, without a quote.
    """
    person, room_id = inbound.sender, inbound.room_id
    session = draft_of(scene, purpose["session"], person)
    if session is None:
        return
    if purpose[WORDS] == TITLE:
        _take_title(scene, session, room_id, words)
    elif purpose[WORDS] == WHO:
        take_who(scene, session, room_id, words)
    elif purpose[WORDS] == UNTIL:
        _take_until(scene, session, room_id, words)


def throw_away(scene: Conversation, session: Session, room_id: RoomId) -> None:
    """Forget a draft that its requester does not want any more."""
    person = _person(session)
    close(scene, session)
    acting.cancelled(scene, session)
    words = scene.localizer(person).text("Thrown away; nothing was sent.")
    scene.tell(room_id, person, (Paragraph(words),))


def wait_for(
    scene: Conversation, session: Session, room_id: RoomId, intro: Doc, words: str
) -> None:
    """Ask for words that say what to do themselves: nothing is chosen."""
    _question(scene, session, room_id, intro, (), words)


def send(scene: Conversation, session: Session, room_id: RoomId) -> None:
    """Have a draft sent: its boxes are laid first."""
    person = _person(session)
    if not session.members:
        ask_who(scene, session, room_id)
        return
    close(scene, session)
    if session.subject.is_each:
        bulk.order(scene, session, room_id)
        return
    payload = {"session": session.id, "room": room_id, "person": person}
    id_ = scene.sender.fresh_id(FREEZE)
    jobs.schedule(scene.txn, Job(id_, FREEZE, payload, scene.now_ms))


def close(scene: Conversation, session: Session, words: str = "") -> None:
    """End the open question about a draft; by these words, or since a newer one follows."""
    person = _person(session)
    newer = scene.localizer(person).text("This question was replaced by the one below.")
    scene.close(about(session.id), person, words or newer)


def forget_later(scene: Conversation, session: Session) -> None:
    """Forget a draft that is not sent in a week."""
    id_ = effect_id(FORGET, session.id)
    payload = {"session": session.id}
    jobs.schedule(scene.txn, Job(id_, FORGET, payload, scene.now_ms + DRAFT_MS))


def about(session_id: str) -> str:
    """The matter of the questions about a draft."""
    return f"draft {session_id}"


def may_order_seal(scene: Conversation, organisation: str, person: UserId) -> bool:
    """Return whether a person may order a seal, and the seal is valid."""
    seals = scene.parts.signing.seals
    found = next((one for one in seals if one.id == organisation), None)
    is_theirs = found is not None and person in found.ordered_by
    return is_theirs and scene.parts.seals.is_good(organisation, scene.now_ms)


def _person(session: Session) -> UserId:
    """The person who asks; only persons prepare documents in a chat."""
    return UserId(session.requester)


def _after_title(scene: Conversation, session: Session, room_id: RoomId) -> None:
    if session.members:
        review(scene, session, room_id)
    else:
        ask_who(scene, session, room_id)


def _take_title(scene: Conversation, session: Session, room_id: RoomId, words: str) -> None:
    title = " ".join(showable(words).split())
    if not 1 <= len(title) <= TITLE_CHARACTERS_MAX:
        ask_title(scene, session, room_id)
        return
    session = scene.save(attrs.evolve(session, subject=attrs.evolve(session.subject, title=title)))
    _after_title(scene, session, room_id)


def take_who(scene: Conversation, session: Session, room_id: RoomId, words: str) -> None:
    """Take who signs, as it was typed or listed; what is wrong with it is said."""
    person = _person(session)
    localizer = scene.localizer(person)
    try:
        order = read_order(words)
    except OrderError as e:
        scene.tell(room_id, person, problem_doc(e, localizer))
        return
    doc = _problem(scene, person, order)
    if session.has_container and any(one.level for all_ in order.stages for one in all_.wanted):
        doc = only_pdf_doc(localizer)
    if doc is not None:
        scene.tell(room_id, person, doc)
        return
    payload = {"session": session.id, "person": person, "room": room_id, "typed": words}
    id_ = scene.sender.fresh_id(FIND)
    jobs.schedule(scene.txn, Job(id_, FIND, payload, scene.now_ms))


def _problem(scene: Conversation, person: UserId, order: PartyOrder) -> Doc | None:
    """Why these cannot take part; None if nothing speaks against it."""
    localizer, bot = scene.localizer(person), scene.sender.bot.user_id
    everyone = [one for stage in order.stages for one in stage.wanted]
    seen = {folded(one.of) for one in everyone if one.of}
    for one in everyone:
        # Who writes by hand does so before the witness, if one was named.
        is_seen = one.is_by_hand and folded(one.person) in seen
        doc = None if is_seen else _problem_of(scene, person, one)
        if doc is not None:
            return doc
    for copy in order.copies:
        if user_named(copy, bot, person) is None:
            return nobody_doc(copy, localizer)
    return None


def _problem_of(scene: Conversation, person: UserId, one: Wanted) -> Doc | None:
    """Why somebody cannot take part; None if nothing speaks against it."""
    localizer = scene.localizer(person)
    if one.level is not None and one.level not in scene.parts.authorities.levels:
        return no_anchor_doc(one.level, localizer)
    if one.role is Role.SEAL:
        is_good = may_order_seal(scene, one.person, person)
        return None if is_good else no_seal_doc(one.person, localizer)
    if one.is_guest:
        is_named = bool(scene.section.registers_for(person))
        return None if is_named else no_registrar_doc(one.person, localizer)
    is_known = user_named(one.person, scene.sender.bot.user_id, person) is not None
    return None if is_known else nobody_doc(one.person, localizer)


def _take_until(scene: Conversation, session: Session, room_id: RoomId, words: str) -> None:
    person = _person(session)
    zone = scene.section.time_zone
    until_ms = read_until(words, scene.now_ms, scene.language_of(person), zone)
    if until_ms is None:
        scene.tell(room_id, person, bad_until_doc(scene.localizer(person)))
        return
    review(scene, scene.save(attrs.evolve(session, deadline_at_ms=until_ms)), room_id)


def _changed(scene: Conversation, session: Session, room_id: RoomId, choice: str) -> None:
    localizer = scene.localizer(_person(session))
    if choice == TITLE:
        ask_title(scene, session, room_id)
    elif choice == WHO:
        ask_who(scene, session, room_id)
    elif choice == UNTIL:
        _ask(scene, session, room_id, until_doc(localizer), UNTIL)
    elif choice == LEVEL:
        _ask_level(scene, session, room_id)
    elif choice == EFFECT:
        effect = _FLAGS.get(session.effect, SessionEffect.WHEN_COMPLETE)
        review(scene, scene.save(attrs.evolve(session, effect=effect)), room_id)
    elif choice == DELEGATION:
        may_delegate = not session.may_delegate
        review(scene, scene.save(attrs.evolve(session, may_delegate=may_delegate)), room_id)
    elif choice.upper() in {one.value for one in _levels(scene, session)}:
        review(scene, scene.save(_with_level(session, Level(choice.upper()))), room_id)
    else:
        review(scene, session, room_id)


def _with_level(session: Session, level: Level) -> Session:
    """A draft in which everybody signs in another way; an approver's key signs for them."""
    members = tuple(
        attrs.evolve(one, level_min=drafting.level_for(one.party.role, _for(one, level)))
        for one in session.members
    )
    return attrs.evolve(session, level_min=level, members=members)


def _for(member: Member, level: Level) -> Level:
    """The level for one: who signs in person has no certificate; by hand, no key either."""
    if member.is_by_hand:
        return Level.CLICK
    return Level.ADVANCED if member.is_guest and level in OWN_LEVELS else level


def _levels(scene: Conversation, session: Session) -> list[Level]:
    """How people can sign a document here, the surest first."""
    found = scene.parts.authorities.levels
    if session.has_container:
        found -= set(OWN_LEVELS)
    return sorted(found, key=lambda one: one.rank, reverse=True)


def _ask_level(scene: Conversation, session: Session, room_id: RoomId) -> None:
    localizer = scene.localizer(_person(session))
    choices = tuple(
        Choice(id=one.value.lower(), label=localizer.text(LEVELS[one]))
        for one in _levels(scene, session)
    )
    keep = Choice(id=KEEP, label=localizer.text("Leave it as it is"))
    _question(scene, session, room_id, level_doc(localizer), (*choices, keep), "")


def _ask(
    scene: Conversation,
    session: Session,
    room_id: RoomId,
    intro: Doc,
    words: str,
    labels: Sequence[str] = (),
) -> None:
    """Ask for words; the first label is what may be kept."""
    localizer = scene.localizer(_person(session))
    kept = labels[0] if labels else localizer.text("Leave it as it is")
    choices: tuple[Choice, ...] = (Choice(id=KEEP, label=kept),)
    if words == WHO and not session.members:
        choices = ()
    drop = Choice(id=DROP, label=localizer.text("Throw it away"), style="danger")
    _question(scene, session, room_id, intro, (*choices, drop), words)


def _question(
    scene: Conversation,
    session: Session,
    room_id: RoomId,
    intro: Doc,
    choices: Sequence[Choice],
    words: str,
) -> None:
    close(scene, session)
    person = _person(session)
    prompt = scene.prompt(person, choices, DRAFT_MS)
    purpose = {"topic": Topic.DRAFT, "session": session.id, WORDS: words}
    scene.ask(room_id, person, prompt, intro, about=about(session.id), purpose=purpose)
