"""Documents that guardians are asked about: who is asked, who counts, what they say.

Whoever has chosen guardians can sign, or let another act, only once enough of them have agreed to
that document. They are asked when the person first wants to sign. Who left does not count: somebody
who has no chat here any more, or came with another identity that nobody has confirmed. What they
said before does not count either, nor does an approval whose key was revoked: they are asked anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.guardians import store
from appservices.signing.guardians.core import RuleView
from appservices.signing.guardians.store import Asked
from appservices.signing.guardians.texts import (
    agreed_doc,
    asked_doc,
    denied_doc,
    look_doc,
    too_few_doc,
    vote_text,
)
from appservices.signing.sessions.core.errors import GuardiansError
from appservices.signing.sessions.core.parties import CAN_ACT, Role
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.core.topics import Topic
from veche.access.approvals import DECLINE, revoked_among
from veche.bots.guardian_rules import has_left
from veche.protocol.approval import MandateShown
from veche.protocol.guardians import Guardian, Standing, tally
from veche.protocol.ids import UserId
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.guardians.store import GuardRule
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.guardians import Tally

WHAT: Final = "guard"
"""``what`` of the mandates by which guardians agree, before the document and its party."""
AGREE: Final = "agree"


def view_of(scene: Conversation, rule: GuardRule) -> RuleView:
    """A rule with its names."""
    opened = scene.vault.open(rule.sealed)
    owner, *guardians = (Guardian(UserId(one[0]), one[1]) for one in opened["persons"])
    return RuleView(owner, tuple(guardians), rule.needed, rule.counts_from_ms)


def sealed(scene: Conversation, view: RuleView) -> bytes:
    """The names of a rule, under the operator's key."""
    persons = [[one.person, one.name] for one in (view.owner, *view.guardians)]
    names: Mapping[str, Any] = {"persons": persons}
    return scene.vault.seal(names)


def check(scene: Conversation, session: Session, member: Member) -> None:
    """Make sure that enough guardians of a party agree, if they have any.

    Raises:
        GuardiansError: They do not; nothing has changed.
    """
    rule = _rule_of(scene, member)
    if rule is None:
        return
    standings = _standings(scene, Asked(session.id, member.id, rule.id), view_of(scene, rule))
    if not _counted(standings, rule).is_approved:
        raise GuardiansError


def request(scene: Conversation, session: Session, member: Member) -> GuardiansError | None:
    """Ask the guardians of a party who wants to sign, if they were not asked before.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: That is locked.
        member: Who wants to sign, and can.

    Returns:
        None once enough of them agree, or where nobody has to; or why it is not signed now.
    """
    rule = _rule_of(scene, member)
    if rule is None:
        return None
    asked, view = Asked(session.id, member.id, rule.id), view_of(scene, rule)
    again = store.forget_votes(scene.txn, asked, _void(scene, asked))
    standings = _standings(scene, asked, view)
    if _counted(standings, rule).is_approved:
        return None
    is_new = store.ask(scene.txn, asked, scene.now_ms)
    if is_new:
        _ask_all(scene, session, (member, asked), view, standings)
    for one in (one for one in view.guardians if one.person in again):
        if standings[one] is Standing.SILENT:
            _ask_one(scene, session, (member, asked), view, one)
    return GuardiansError(is_told=is_new)


def answered(scene: Conversation, answer: Answered) -> None:
    """A guardian has answered whether somebody may sign."""
    purpose, person = answer.kept.purpose, answer.inbound.sender
    nonce, localizer = answer.chosen.approved_by, scene.localizer(person)
    is_yes = answer.chosen.choice == AGREE
    session = scene.session(str(purpose.get("session")))
    if is_yes and nonce is None:
        return
    member = session.member(str(purpose.get("party"))) if session is not None else None
    rule = None if member is None else _rule_of(scene, member)
    if (
        session is None
        or member is None
        or rule is None
        or not _waits(session, member, rule, purpose)
    ):
        scene.settle(answer, localizer.text("It is decided."))
        return
    asked, view = Asked(session.id, member.id, rule.id), view_of(scene, rule)
    if person not in view.persons or has_left(scene, person):
        scene.settle(
            answer, localizer.text("Your answer does not count: your identity has changed.")
        )
        return
    words = localizer.text("Agreed.") if is_yes else localizer.text("Refused.")
    before = _counted(_standings(scene, asked, view), rule)
    if not scene.settle(answer, words):
        return
    if not store.vote(scene.txn, asked, person, nonce if is_yes else None, scene.now_ms):
        return
    after = _counted(_standings(scene, asked, view), rule)
    if (after.is_approved, after.is_lost) != (before.is_approved, before.is_lost):
        _tell_decided(scene, session, member, view, after)


def close(scene: Conversation, session: Session) -> None:
    """End the questions about a document that takes no signatures any more."""
    for asked in store.of_session(scene.txn, session.id):
        rule = store.rule(scene.txn, asked.rule_id)
        if rule is not None:
            _close(scene, session.id, asked.party, view_of(scene, rule))


def _rule_of(scene: Conversation, member: Member) -> GuardRule | None:
    """The rule that counts for a party; None: nobody has to agree."""
    if member.is_guest or member.party.role is Role.SEAL:
        return None
    return store.active(scene.txn, member.user_id)


def _waits(session: Session, member: Member, rule: GuardRule, purpose: Mapping[str, Any]) -> bool:
    """Return whether a guardian's question is still open, under the valid rule."""
    is_open = session.state is State.OPEN and member.party.state in CAN_ACT
    return is_open and rule.id == purpose.get("rule")


def _standings(scene: Conversation, asked: Asked, view: RuleView) -> dict[Guardian, Standing]:
    """The guardians of a document, in their order, as they stand now."""
    said, void = store.votes(scene.txn, asked), _void(scene, asked)
    standings = {}
    for one in view.guardians:
        nonce = said.get(one.person)
        is_silent = one.person not in said or nonce in void
        given = Standing.NO if nonce is None else Standing.YES
        standing = Standing.SILENT if is_silent else given
        standings[one] = Standing.GONE if has_left(scene, one.person) else standing
    return standings


def _void(scene: Conversation, asked: Asked) -> frozenset[str]:
    """The approvals of guardians whose keys were revoked since."""
    given = store.votes(scene.txn, asked).values()
    return revoked_among(scene.txn, [one for one in given if one is not None])


def _counted(standings: Mapping[Guardian, Standing], rule: GuardRule) -> Tally:
    return tally(list(standings.values()), rule.needed)


def _ask_all(
    scene: Conversation,
    session: Session,
    of: tuple[Member, Asked],
    view: RuleView,
    standings: Mapping[Guardian, Standing],
) -> None:
    member, _ = of
    gone = [one for one, standing in standings.items() if standing is Standing.GONE]
    person, room_id = member.user_id, scene.chat_of(member.user_id)
    localizer = scene.localizer(person)
    is_lost = tally(list(standings.values()), view.needed).is_lost
    if room_id is not None:
        doc = too_few_doc(session, gone, localizer)
        if not is_lost:
            doc = asked_doc(session, view, gone, localizer)
        scene.tell(room_id, person, doc)
    if is_lost:
        return
    for one, standing in standings.items():
        if standing is Standing.SILENT:
            _ask_one(scene, session, of, view, one)


def _ask_one(
    scene: Conversation, session: Session, of: tuple[Member, Asked], view: RuleView, one: Guardian
) -> None:
    member, asked = of
    room_id, localizer = scene.chat_of(one.person), scene.localizer(one.person)
    if room_id is None:
        return
    shown = MandateShown(
        what=f"{WHAT} {session.id} {member.id}", text=vote_text(session, view, localizer)
    )
    approve = scene.approvals.asked(scene.sender, one.person, "mandate", shown)
    choices = (
        Choice(id=AGREE, label=localizer.text("I agree"), approve=approve),
        Choice(id=DECLINE, label=localizer.text("Refuse"), style="danger"),
    )
    lasts_ms = max(1, session.deadline_at_ms - scene.now_ms)
    prompt = scene.prompt(one.person, choices, lasts_ms)
    purpose = {
        "topic": Topic.GUARD,
        "session": session.id,
        "party": member.id,
        "rule": asked.rule_id,
    }
    doc = look_doc(session, member, view, localizer)
    about = _about(session.id, member.id, one.person)
    scene.ask(room_id, one.person, prompt, doc, about=about, purpose=purpose)


def _tell_decided(
    scene: Conversation, session: Session, member: Member, view: RuleView, counted: Tally
) -> None:
    """Tell who wanted to sign, and end what is still open to guardians."""
    _close(scene, session.id, member.id, view)
    person, room_id = member.user_id, scene.chat_of(member.user_id)
    if room_id is None or member.party.state not in CAN_ACT:
        return
    localizer = scene.localizer(person)
    if counted.is_approved:
        doc = agreed_doc(session, scene.page_of(session, member), localizer)
    else:
        doc = denied_doc(session, counted, localizer)
    scene.tell(room_id, person, doc)


def _close(scene: Conversation, session_id: str, party: str, view: RuleView) -> None:
    for one in view.guardians:
        words = scene.localizer(one.person).text("It is decided.")
        scene.close(_about(session_id, party, one.person), one.person, words)


def _about(session_id: str, party: str, person: UserId) -> str:
    return f"guard {session_id} {party} {person}"
