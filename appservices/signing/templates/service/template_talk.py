"""Documents made from a template, filled in by its requester in the chat, question by question.

The form and its words are those of ``veche.protocol.forms``; then it is asked who the parties are,
and the document is shown like one that was sent.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import attrs

from appservices.signing.cards.texts.talk import nobody_doc
from appservices.signing.drafting.service import draft_talk, drafting
from appservices.signing.drafting.texts import (
    made_doc,
    taken_doc,
    template_fails_doc,
    templates_doc,
    whom_doc,
)
from appservices.signing.keys.document_cipher import DOCUMENT, encrypt
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.records import SessionEffect
from appservices.signing.sessions.service.conversation import CATALOGUE, Parts
from appservices.signing.sessions.service.naming import known_name, name_of, user_named
from appservices.signing.sessions.store import blobs, sessions
from appservices.signing.templates.core import Filling, TemplateError
from appservices.signing.templates.service.filling import filled
from appservices.signing.templates.service.templates import make_document, read_folder
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.forms import FieldContext, dialogue
from veche.protocol.forms.rendering import output_doc
from veche.protocol.forms.state import Cancelled, Completed, FormState, Review, Said, Wrong
from veche.protocol.ids import RoomId, UserId
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.templates.core import Template
    from appservices.signing.templates.service.templates import MadeDocument
    from veche.protocol.forms.state import Output
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

FILL: Final = "signing.fill"
"""Job: makes the document of a template that was filled in."""
FORM: Final = "form"
"""Which words are waited for: an answer of the form."""
PARTY: Final = "party:"
"""Begins the same of who a party is; their id follows."""
_REGION: Final = "ZZ"


def show_all(scene: Conversation, inbound: Inbound, argument: str) -> None:  # noqa: ARG001 -- of all commands
    """A person wants to know which templates there are."""
    localizer = scene.localizer(inbound.sender)
    found = {one.template: _title(one, localizer.language) for one in _templates(scene.parts)}
    scene.tell(inbound.room_id, inbound.sender, templates_doc(found, localizer))


def begin(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants a document made from a template."""
    person, room_id = inbound.sender, inbound.room_id
    name = argument.strip().casefold()
    template = next((one for one in _templates(scene.parts) if one.template == name), None)
    if template is None:
        show_all(scene, inbound, "")
        return
    if draft_talk.has_too_many(scene, room_id, person):
        return
    language = _language(template, scene.language_of(person))
    form = template.asked(language)
    state, outputs = dialogue.start(form, started_at_ms=scene.now_ms)
    order = drafting.Order(
        requester=person,
        requester_name=name_of(person, ""),
        title=_title(template, language),
        filename=f"{template.template}.pdf",
        room_id=room_id,
        effect=SessionEffect(template.effect),
        level_min=template.level,
    )
    session = drafting.drafted(scene, order)
    kept = {
        "name": template.template,
        "language": language,
        "state": state.to_json(),
        "persons": {},
    }
    subject = attrs.evolve(session.subject, template=kept)
    session = attrs.evolve(session, subject=subject)
    sessions.add(scene.txn, scene.vault, session)
    draft_talk.forget_later(scene, session)
    _say(scene, session, room_id, outputs)


def heard(scene: Conversation, session: Session, inbound: Inbound, waited: str, words: str) -> None:
    """A requester has answered a question of the form, or said who a party is.

    Args:
        scene: The transaction.
        session: The draft, locked.
        inbound: What they wrote.
        waited: What was waited for: ``FORM``, or ``PARTY`` with an id.
        words: Theirs.
    """
    if waited == FORM:
        _step(scene, session, inbound.room_id, words)
    else:
        _take_party(scene, session, inbound, waited.removeprefix(PARTY), words)


def _step(scene: Conversation, session: Session, room_id: RoomId, words: str) -> None:
    kept = _kept(session)
    template = _template(scene.parts, kept["name"])
    if template is None:
        return
    form, context = template.asked(kept["language"]), _context(scene.parts, scene.now_ms, kept)
    state, outputs = dialogue.step(form, FormState.from_json(kept["state"]), Said(words), context)
    session = _with(scene, session, state=state.to_json())
    if any(isinstance(one, Completed) for one in outputs):
        draft_talk.close(scene, session)
        _ask_party(scene, session, room_id)
    elif any(isinstance(one, Cancelled) for one in outputs):
        draft_talk.throw_away(scene, session, room_id)
    else:
        _say(scene, session, room_id, outputs)


def _say(
    scene: Conversation, session: Session, room_id: RoomId, outputs: tuple[Output, ...]
) -> None:
    """Say what the form has to say; the last of it is the question that is open."""
    kept, person = _kept(session), UserId(session.requester)
    template = _template(scene.parts, kept["name"])
    assert template is not None, "it was there a moment ago"  # noqa: S101 -- our bug
    form, context = template.asked(kept["language"]), _context(scene.parts, scene.now_ms, kept)
    for one in outputs:
        doc = output_doc(form, one, CATALOGUE, context)
        if isinstance(one, Wrong) and one is not outputs[-1]:
            scene.tell(room_id, person, doc)
        elif isinstance(one, Wrong | Review) or one is outputs[-1]:
            draft_talk.wait_for(scene, session, room_id, doc, FORM)
        else:
            scene.tell(room_id, person, doc, is_quiet=True)


def _ask_party(scene: Conversation, session: Session, room_id: RoomId) -> None:
    """Ask who the next party is; once all are known, have the document made."""
    kept, person = _kept(session), UserId(session.requester)
    template = _template(scene.parts, kept["name"])
    if template is None:
        return
    for one in template.parties:
        if one.id not in kept["persons"]:
            doc = whom_doc(one.title[kept["language"]], one.role, scene.localizer(person))
            draft_talk.wait_for(scene, session, room_id, doc, f"{PARTY}{one.id}")
            return
    payload = {"session": session.id, "room": room_id}
    jobs.schedule(scene.txn, Job(scene.sender.fresh_id(FILL), FILL, payload, scene.now_ms))


def _take_party(
    scene: Conversation, session: Session, inbound: Inbound, party: str, words: str
) -> None:
    person, kept = inbound.sender, _kept(session)
    template = _template(scene.parts, kept["name"])
    found = next((one for one in template.parties if one.id == party), None) if template else None
    if found is None:
        return
    typed = words.split(maxsplit=1)[0] if words.split() else ""
    who: str | None = user_named(typed, scene.sender.bot.user_id, person)
    if found.role is Role.SEAL:
        who = typed if draft_talk.may_order_seal(scene, typed, person) else None
    if who is None:
        scene.tell(inbound.room_id, person, nobody_doc(typed, scene.localizer(person)))
    elif who in kept["persons"].values():
        scene.tell(inbound.room_id, person, taken_doc(typed, scene.localizer(person)))
    else:
        session = _with(scene, session, persons={**kept["persons"], party: who})
    draft_talk.close(scene, session)
    _ask_party(scene, session, inbound.room_id)


class Fill(ChatJob[Parts]):
    """Makes the document of a template that was filled in."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Find out what the parties are called, and make the document."""
        host = self._parts.host
        session = await host.database.run("signing.fill", self._read, job)
        if session is None:
            return {}
        kept = _kept(session)
        asker = UserId(session.requester)
        names = {"": await self._name(asker) or name_of(asker, "")}
        for party, person in kept["persons"].items():
            name = await self._name(person)
            if name is None:
                return {"nobody": person, "party": party}
            names[party] = name
        folder = read_folder(_folder(self._parts, kept["name"]))
        context = _context(self._parts, host.now_ms(), kept)
        filling = Filling(FormState.from_json(kept["state"]).values, names, context)
        try:
            made = await in_thread(host.reactor, make_document, folder, filling)
        except TemplateError as e:
            return {"problem": str(e)}
        return {"made": made, "folder": folder, "names": names}

    async def _name(self, person: str) -> str | None:
        if not person.startswith("@"):
            return self._parts.seals.name(person, self._parts.host.now_ms())
        return await known_name(self._parts.host.client, self._parts.bot.user_id, UserId(person))

    def _read(self, txn: Cursor, job: Job) -> Session | None:
        return sessions.read(txn, self._parts.vault, job.payload["session"])

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Keep the document, and show all of it; or say what is wrong."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session, room_id = scene.session(job.payload["session"]), RoomId(job.payload["room"])
        if session is None or not result or session.subject.template is None:
            return
        person = UserId(session.requester)
        localizer = scene.localizer(person)
        if "nobody" in result:
            scene.tell(room_id, person, nobody_doc(result["nobody"], localizer))
            left = {k: v for k, v in _kept(session)["persons"].items() if k != result["party"]}
            _ask_party(scene, _with(scene, session, persons=left), room_id)
        elif "problem" in result:
            scene.tell(room_id, person, template_fails_doc(localizer))
        else:
            session = _filled(session, result["folder"].template, result["made"], result["names"])
            cipher = encrypt(session.subject.key, result["made"].pdf, DOCUMENT)
            blobs.put(txn, session.id, "upload", cipher, now_ms)
            scene.tell(room_id, person, made_doc(result["made"].pages, localizer), is_quiet=True)
            draft_talk.review(scene, scene.save(session), room_id)


def _filled(
    session: Session, template: Template, made: MadeDocument, names: Mapping[str, str]
) -> Session:
    """The draft with the parties and clauses of its template."""
    kept = _kept(session)
    session = filled(session, template, made, kept["persons"], names, kept["language"])
    subject = attrs.evolve(session.subject, title=made.title, requester_name=names[""])
    return attrs.evolve(session, subject=subject)


def _templates(parts: Parts) -> list[Template]:
    """All templates of the site that can be read, by name."""
    folder = parts.section.templates
    if folder is None:
        return []
    found = []
    for path in sorted(folder.iterdir() if folder.is_dir() else ()):
        try:
            found.append(read_folder(path).template)
        except TemplateError:
            continue
    return found


def _template(parts: Parts, name: str) -> Template | None:
    return next((one for one in _templates(parts) if one.template == name), None)


def _folder(parts: Parts, name: str) -> Any:
    assert parts.section.templates is not None, "a template of it was filled in"  # noqa: S101 -- our bug
    return parts.section.templates / name


def _kept(session: Session) -> Mapping[str, Any]:
    kept = session.subject.template
    assert kept is not None, "it has a template"  # noqa: S101 -- our bug
    return kept


def _with(scene: Conversation, session: Session, **changes: Any) -> Session:
    subject = attrs.evolve(session.subject, template={**_kept(session), **changes})
    return scene.save(attrs.evolve(session, subject=subject))


def _language(template: Template, language: str) -> str:
    return language if language in template.languages else template.languages[0]


def _title(template: Template, language: str) -> str:
    return template.title[_language(template, language)]


def _context(parts: Parts, now_ms: int, kept: Mapping[str, Any]) -> FieldContext:
    zone = parts.section.time_zone
    today = dt.datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()
    return FieldContext(kept["language"], today, zone, _REGION)
