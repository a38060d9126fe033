"""Reading the sections of a service file: who, deadline, review, refusal, result, notify."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

from appservices.agency.language.core.condition_item import names_in, read_condition_item
from appservices.agency.language.core.definition import (
    SILENCE,
    Deadline,
    Decision,
    DocumentRules,
    FieldDefinition,
    Flag,
    Notify,
    Reason,
    RefusalRules,
    Review,
    Silence,
    Texts,
)
from appservices.agency.working_days.core import DAYS_MAX, WORKING_DAYS_MAX, QuietHours
from veche.protocol.forms.models import fold
from veche.protocol.inbound import Trust

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.agency.language.core.texts_section import TextReader
    from appservices.agency.language.core.tree import Item, Section

ID_PATTERN: Final = r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*"
ID_CHARACTERS_MAX: Final = 64
ABOUT_CHARACTERS_MAX: Final = 1_000
KEYWORDS_CHARACTERS_MAX: Final = 300
LAW_CHARACTERS_MAX: Final = 200
REASON_CHARACTERS_MAX: Final = 80
"""Longest title of a reason: it is a choice of a prompt."""
APPEAL_CHARACTERS_MAX: Final = 1_000
TEMPLATE_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.typ"
FLAGS_MAX: Final = 10
REASONS_MAX: Final = 20
ANSWER_DAYS_DEFAULT: Final = 14
ANSWER_WORKING_DAYS_DEFAULT: Final = 2

_TRUSTS: Final = {trust.label: trust for trust in Trust}
_QUIET: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def read_id(item: Item | None) -> str | None:
    """An id, or None and a problem; None for None."""
    return item.text(characters_max=ID_CHARACTERS_MAX, pattern=ID_PATTERN) if item else None


def read_who(item: Item | None) -> Trust:
    """How sure it must be that the person submits; ``E2EE`` if nothing is said."""
    if item is None:
        return Trust.E2EE
    section = item.section(("min_trust",), {"min_assurance": "identity"})
    entry = section.get("min_trust")
    word = entry.word(_TRUSTS) if entry else None
    if entry and word == Trust.SIGNED.label:
        entry.wrong(
            "a key is asked for at the form",
            "write `form: {approve: true, fields: […]}`, and verified here",
        )
    return _TRUSTS[word] if word else Trust.E2EE


def read_deadline(root: Section, texts: TextReader) -> Deadline | None:
    """Until when the office decides, or None and a problem."""
    item = root.need("deadline", "write `deadline: {working_days: 5, …}`")
    if item is None:
        return None
    section = item.section(
        (
            "working_days",
            "law",
            "escalate_to",
            "escalated_working_days",
            "answer_working_days",
            "silence_means",
        )
    )
    days = _integer(section.need("working_days", "write `working_days: 5`"), WORKING_DAYS_MAX)
    law = texts.read_law(
        section.need("law", "name the rule, as `law: Administrative Procedure Act, section 42`"),
        characters_max=LAW_CHARACTERS_MAX,
    )
    to = read_id(section.need("escalate_to", "name a role, as `escalate_to: head-of-office`"))
    escalated = _integer(section.get("escalated_working_days"), WORKING_DAYS_MAX)
    answer = _integer(section.get("answer_working_days"), WORKING_DAYS_MAX)
    silences = {silence.value: silence for silence in Silence}
    silence_item = section.need("silence_means", "write `silence_means: refused_and_appealable`")
    silence = silence_item.word(silences) if silence_item else None
    if days is None or law is None or to is None or silence is None:
        return None
    return Deadline(
        working_days=days,
        law=law,
        escalate_to=to,
        escalated_working_days=escalated or days,
        answer_working_days=answer or ANSWER_WORKING_DAYS_DEFAULT,
        silence_means=silences[silence],
    )


def read_review(
    item: Item | None, texts: TextReader, fields: tuple[FieldDefinition, ...]
) -> Review | None:
    """How a desk decides; None if there is none, or a problem."""
    if item is None:
        return None
    section = item.section(("desk", "decisions", "two_persons_if", "flags", "answer_days"))
    desk = read_id(section.need("desk", "name a desk, as `desk: archive`"))
    decisions = _decisions(section.need("decisions", "write `decisions: [approve, refuse]`"))
    flags = _flags(section.get("flags"), texts)
    two = read_condition_item(section.get("two_persons_if"), names_in(fields, flags))
    answer_days = _integer(section.get("answer_days"), DAYS_MAX)
    if desk is None or not decisions:
        return None
    return Review(desk, decisions, two, flags, answer_days or ANSWER_DAYS_DEFAULT)


def _decisions(item: Item | None) -> frozenset[Decision]:
    if item is None:
        return frozenset()
    words = {decision.value: decision for decision in Decision}
    found = [word for entry in item.items() if (word := entry.word(words))]
    if found and Decision.APPROVE.value not in found:
        item.wrong("a desk that cannot approve decides nothing", "add approve")
    return frozenset(words[word] for word in found)


def _flags(item: Item | None, texts: TextReader) -> tuple[Flag, ...]:
    found = []
    for entry in item.items(items_max=FLAGS_MAX) if item else ():
        section = entry.section(("id", "title"))
        id_ = read_id(section.need("id", "write `id: name_mismatch`"))
        title = texts.read(
            section.need("title", "say it in words"), characters_max=REASON_CHARACTERS_MAX
        )
        if id_ and title:
            found.append(Flag(id_, title))
    if item:
        refuse_doubles(item, [flag.id for flag in found])
        _refuse_same_titles(item, [flag.title for flag in found], texts)
    return tuple(found)


def _refuse_same_titles(item: Item, titles: list[Texts], texts: TextReader) -> None:
    """Titles become choices of one prompt, where each must be told from the others."""
    for language in texts.languages:
        refuse_doubles(item, [fold(title.text(language)) for title in titles])


def read_refusal(item: Item | None, texts: TextReader) -> RefusalRules | None:
    """Read the rules of a refusal; None if there are none, or a problem."""
    if item is None:
        return None
    section = item.section(("reasons", "appeal", "appeal_days"))
    reasons_item = section.need("reasons", "write `reasons: [{code: …, title: …, law: …}]`")
    reasons = tuple(_reasons(reasons_item, texts)) if reasons_item else ()
    appeal = texts.read(
        section.need("appeal", "say where and how one appeals"),
        characters_max=APPEAL_CHARACTERS_MAX,
    )
    days = _integer(section.need("appeal_days", "write `appeal_days: 30`"), DAYS_MAX)
    if not reasons or appeal is None or days is None:
        return None
    return RefusalRules(reasons, appeal, days)


def _reasons(item: Item, texts: TextReader) -> Iterable[Reason]:
    found = []
    for entry in item.items(items_max=REASONS_MAX):
        section = entry.section(("code", "title", "law"))
        code = read_id(section.need("code", "write `code: no_right`"))
        title = texts.read(
            section.need("title", "say it in words"), characters_max=REASON_CHARACTERS_MAX
        )
        law = texts.read_law(
            section.need("law", "name the rule"), characters_max=LAW_CHARACTERS_MAX
        )
        if code and title and law:
            found.append(Reason(code, title, law))
    refuse_doubles(item, [reason.code for reason in found])
    _refuse_same_titles(item, [reason.title for reason in found], texts)
    if SILENCE in {reason.code for reason in found}:
        item.wrong(f"the code {SILENCE} is taken", "it stands for a refusal by silence")
    return found


def read_result(item: Item | None, texts: TextReader) -> DocumentRules | None:
    """The document that the person gets; None if there is none, or a problem."""
    if item is None:
        return None
    section = item.section(("document",), {"or_sign": "signing", "sign": "signing"})
    document = section.need("document", "write `document: {template: …, title: …}`")
    return _document(document, texts) if document else None


def _document(item: Item, texts: TextReader) -> DocumentRules | None:
    section = item.section(("template", "title", "seal", "valid_days"))
    template_item = section.need("template", "write `template: birth-certificate-copy.typ`")
    template = (
        template_item.text(characters_max=68, pattern=TEMPLATE_PATTERN) if template_item else None
    )
    title = texts.read(
        section.need("title", "name the document"), characters_max=REASON_CHARACTERS_MAX
    )
    valid_days = _integer(section.get("valid_days"), DAYS_MAX)
    seal = section.get("seal")
    if seal and seal.truth():
        seal.wrong("needs the signing service, which service files cannot use yet", "leave it out")
    return DocumentRules(template, title, valid_days) if template and title else None


def read_notify(item: Item | None) -> Notify:
    """How the person hears of the case."""
    if item is None:
        return Notify()
    section = item.section(("channels", "quiet_hours"))
    channels = section.get("channels")
    for entry in channels.items() if channels else ():
        word = entry.word(("room", "mail", "sms"))
        if word not in {None, "room"}:
            entry.wrong(f"needs the {word} bridge, which service files cannot use yet", "use room")
    return Notify(_quiet(section.get("quiet_hours")))


def _quiet(item: Item | None) -> QuietHours | None:
    text = item.text(characters_max=20) if item else None
    if item is None or text is None:
        return None
    found = _QUIET.fullmatch(text)
    hours = [dt.time(int(found[i]), int(found[i + 1])) for i in (1, 3)] if found else []
    if not hours or hours[0] == hours[1]:
        item.wrong("these are no hours", 'write them as "22:00-07:00"')
        return None
    return QuietHours(*hours)


def _integer(item: Item | None, high: int) -> int | None:
    return item.integer(1, high) if item else None


def refuse_doubles(item: Item, ids: list[str]) -> None:
    """Note each id of a list that stands in it twice."""
    for id_ in sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        item.wrong(f"{id_} stands twice", "give each its own")
