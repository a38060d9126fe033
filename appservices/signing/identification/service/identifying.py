"""Identifying somebody with an account in person, for one key of theirs: the steps, and the acts.

Every function gets an identification that is locked, in the transaction of its scene.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.evidence.core.record import identification_of
from appservices.signing.identification import store
from appservices.signing.identification.core import (
    TRIES_MAX,
    Identification,
    IdentificationInput,
    IdentificationState,
    step,
)
from appservices.signing.sessions.core.errors import IdentificationOverError, NotRegistrarError
from appservices.signing.sessions.core.guests import Identified, Registrar, is_same_name
from appservices.signing.sessions.service.conversation import PURPOSE
from veche.access.approvals import keys_of
from veche.acts import spend
from veche.chat.sending import Ground
from veche.protocol.acts import ActClass, call_form

if TYPE_CHECKING:
    from appservices.signing.sessions.core.guests import Papers
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.access.approvals import Key
    from veche.protocol.ids import UserId

PRESENT: Final = "present"
"""``what`` of the mandate by which a person says that they stand before somebody begins with it."""
BASIS: Final = "word of a registrar"


def begin(scene: Conversation, registrar: UserId, person: UserId) -> Identification:
    """A registrar wants to identify a person; an earlier attempt counts no more.

    Raises:
        NotRegistrarError: They may identify nobody.
    """
    if not scene.section.registers_for(registrar):
        raise NotRegistrarError
    store.wait_turn(scene.txn, person)
    before = store.going_on(scene.txn, scene.vault, person)
    if before is not None:
        _save(scene, step(before, IdentificationInput.REPLACE, scene.now_ms))
    one = Identification(
        id=scene.sender.fresh_ulid("identification"),
        person=person,
        registrar=registrar,
        state=IdentificationState.ASKED,
        made_at_ms=scene.now_ms,
    )
    store.add(scene.txn, scene.vault, one)
    return one


def come(scene: Conversation, one: Identification, nonce: str) -> Identification:
    """The person's key has said that they are there.

    Raises:
        IdentificationOverError: It is too late, or something else was first.
        KeyRevokedError: The key was revoked since.
    """
    evidence = scene.approvals.authorised(scene.txn, nonce)
    if evidence.key_id is None:
        raise IdentificationOverError
    one = step(one, IdentificationInput.COME, scene.now_ms)
    return _save(scene, attrs.evolve(one, key_id=evidence.key_id))


def show(scene: Conversation, one: Identification, digits: str) -> Identification:
    """The registrar has typed what the person's device shows.

    Returns:
        It: shown; or the same with a try less; or refused, once there were too many.

    Raises:
        IdentificationOverError: It is too late, or something else was first.
    """
    if digits == one.code:
        return _save(scene, step(one, IdentificationInput.SHOW, scene.now_ms))
    step(one, IdentificationInput.SHOW, scene.now_ms)
    tries = one.tries + 1
    if tries >= TRIES_MAX:
        one = step(one, IdentificationInput.REFUSE, scene.now_ms)
    return _save(scene, attrs.evolve(one, tries=tries))


def refuse(scene: Conversation, one: Identification) -> Identification:
    """It comes to nothing.

    Raises:
        IdentificationOverError: It is over.
    """
    return _save(scene, step(one, IdentificationInput.REFUSE, scene.now_ms))


def identify(
    scene: Conversation, one: Identification, by: Registrar, papers: Papers, name: str, nonce: str
) -> Identification:
    """The registrar has said with their key who it is; the act is in the log once this commits.

    Raises:
        IdentificationOverError: It is too late, or something else was first.
        NotRegistrarError: They may identify nobody any more.
    """
    organisation = scene.section.registers_for(one.registrar)
    if not organisation:
        raise NotRegistrarError
    one = step(one, IdentificationInput.IDENTIFY, scene.now_ms)
    known = [key.id for key in keys_of(scene.txn, one.person) if _is_good(key)]
    if one.key_id is None or one.key_id not in known:
        raise IdentificationOverError
    before = store.of_key(scene.txn, scene.vault, one.person, one.key_id)
    if before is not None:
        _save(scene, step(before, IdentificationInput.REPLACE, scene.now_ms))
    by = attrs.evolve(by, organisation=organisation)
    one = attrs.evolve(
        one,
        name=name,
        seen=Identified(by, papers, scene.now_ms, nonce, one.id),
        expires_at_ms=scene.now_ms + scene.section.identified_for_ms,
    )
    _log(scene, one, "identified")
    return _save(scene, one)


def revoke(scene: Conversation, one: Identification) -> Identification:
    """It counts no more, for whatever is signed from now on; that is an act, too.

    Raises:
        IdentificationOverError: It counted no more before.
    """
    one = _save(scene, step(one, IdentificationInput.REVOKE, scene.now_ms))
    _log(scene, one, "revoked")
    return one


def seen_of(scene: Conversation, person: UserId, name: str, nonce: str) -> Identified | None:
    """Return the registrar who identified the key's holder; None: nobody that counts.

    Args:
        scene: The transaction.
        person: Whose approval it is.
        name: What the document calls them: another than their papers' is not what was seen.
        nonce: Of the approval.
    """
    evidence = scene.approvals.authorised(scene.txn, nonce)
    if evidence.key_id is None:
        return None
    one = store.of_key(scene.txn, scene.vault, person, evidence.key_id)
    if one is None or not one.counts(scene.now_ms) or not is_same_name(one.name, name):
        return None
    return one.seen


def word_of(one: Identification, name: str) -> str:
    """Build the registrar's statement for programs: person, name, key."""
    return identification_of(one.id, one.person, name, one.key_id or "")


def _is_good(key: Key) -> bool:
    return key.revoked_at_ms is None


def _save(scene: Conversation, one: Identification) -> Identification:
    store.save(scene.txn, scene.vault, one, scene.now_ms)
    return one


def _log(scene: Conversation, one: Identification, what: str) -> None:
    papers = "" if one.seen is None else one.seen.papers.value
    form = call_form(
        "signing",
        what,
        identification=one.id,
        registrar=one.registrar,
        papers=papers,
        key=one.key_id or "",
    )
    ground = Ground(one.person, PURPOSE, BASIS)
    token = scene.sender.commit(ActClass.RECORD_WRITE, form, ground)
    spend(scene.txn, token, form)
