"""Reading the steps of a service file, for services that need an order of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.agency.language.core.condition_item import names_in, read_condition_item
from appservices.agency.language.core.conditions import names_of
from appservices.agency.language.core.definition import (
    STEPS_MAX,
    DecideStep,
    Decision,
    DocumentRules,
    DocumentStep,
    FieldDefinition,
    FormStep,
    MessageStep,
    PayStep,
    RefusalRules,
    Review,
    ReviewStep,
    Signer,
    SignStep,
    Step,
    WaitStep,
)
from appservices.agency.language.core.problems import nearest
from appservices.agency.language.core.sections import LAW_CHARACTERS_MAX
from appservices.agency.working_days.core import WORKING_DAYS_MAX
from veche.protocol.errors import MalformedError
from veche.protocol.forms import FieldKind
from veche.protocol.money import AMOUNT_CHARACTERS_MAX, Money, parse_money

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.agency.language.core.conditions import Condition
    from appservices.agency.language.core.texts_section import TextReader
    from appservices.agency.language.core.tree import Item, Section

MESSAGE_CHARACTERS_MAX: Final = 2_000
PURPOSE_CHARACTERS_MAX: Final = 70
"""Longest purpose of a fee: it is the title of an invoice."""
DUE_DAYS_MAX: Final = 365
"""Longest time in which a fee can be paid."""
SIGN_DAYS_MAX: Final = 180
"""Longest time in which a document can be signed."""
BECAUSE_CHARACTERS_MAX: Final = 300
"""Longest reason to wait: it stands in the card of the case."""

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "form": ("fields",),
    "review": (),
    "decide": ("decision", "reason"),
    "document": (),
    "message": ("text", "after"),
    "wait": ("working_days", "because"),
    "pay": ("amount", "purpose", "law", "due_days", "unpaid", "reason"),
    "sign": ("by", "law", "due_days"),
}
"""What each step may say besides ``step`` and ``if``."""
LATER: Final[Mapping[str, str]] = {
    "attributes": "identity",
    "appointment": "appointments",
    "payout": "payments",
    "webhook": "webhooks",
}
"""Steps, and keys of a service, of later versions, and the service that each needs."""


@attrs.frozen
class Known:
    """The declarations of the other sections, as far as they could be read."""

    texts: TextReader
    fields: tuple[FieldDefinition, ...]
    review: Review | None
    refusal: RefusalRules | None
    document: DocumentRules | None


@attrs.frozen
class PlacedStep:
    """A step and where it stands."""

    step: Step
    item: Item


def usual_steps(root: Section, known: Known) -> tuple[PlacedStep, ...]:
    """The steps of a service that lists none: form, review, document; those that it declares."""
    found: list[PlacedStep] = []
    if known.fields and (item := root.get("form")):
        found.append(PlacedStep(FormStep(tuple(field.id for field in known.fields)), item))
    if known.review and (item := root.get("review")):
        found.append(PlacedStep(ReviewStep(), item))
    if known.document and (item := root.get("result")):
        found.append(PlacedStep(DocumentStep(), item))
    return tuple(found)


def read_steps(item: Item, known: Known) -> tuple[PlacedStep, ...]:
    """The steps, without those that have a problem."""
    reader = _StepReader(known)
    return tuple(
        PlacedStep(step, entry)
        for entry in item.items(items_max=STEPS_MAX)
        if (step := reader.read(entry)) is not None
    )


class _StepReader:
    def __init__(self, known: Known) -> None:
        self._known = known
        self._names = names_in(known.fields, known.review.flags if known.review else ())
        self._asked: set[str] = set()
        self._is_filled = False
        self._readers: Mapping[str, Callable[[Section, Condition | None], Step | None]] = {
            "form": self._form,
            "review": self._review,
            "decide": self._decide,
            "document": self._document,
            "message": self._message,
            "wait": self._wait,
            "pay": self._pay,
            "sign": self._sign,
        }

    def read(self, item: Item) -> Step | None:
        every = ("step", "if", *dict.fromkeys(key for keys in _KEYS.values() for key in keys))
        section = item.section(every)
        entry = section.need("step", "begin it with `step: form`")
        word = self._word(entry) if entry else None
        if word is None:
            return None
        allowed = ("step", "if", *_KEYS[word])
        for key, value in section.entries.items():
            if key not in allowed:
                value.wrong(f"{key} is not for the step {word}", nearest(key, allowed))
        condition = self._condition(section.get("if"))
        if word not in {"form", "message"}:
            self._is_filled = True
        return self._readers[word](section, condition)

    def _word(self, entry: Item) -> str | None:
        if entry.is_kind("str") and entry.node.value in LATER:
            service = LATER[entry.node.value]
            entry.wrong(
                f"needs the {service} service, which service files cannot use yet", "leave it out"
            )
            return None
        return entry.word(tuple(_KEYS))

    def _condition(self, item: Item | None) -> Condition | None:
        condition = read_condition_item(item, self._names)
        if item is None or condition is None:
            return condition
        fields = {field.id for field in self._known.fields}
        for name in sorted(names_of(condition) & fields - self._asked):
            item.wrong(f"{name} is not asked for before this step", "ask for it in a form above")
        return condition

    def _form(self, section: Section, condition: Condition | None) -> Step | None:
        if self._is_filled:
            section.item.wrong(
                "a form after the person has submitted", "put it before the other steps"
            )
        names = [field.id for field in self._known.fields]
        item = section.get("fields")
        if item is None:
            found = [name for name in names if name not in self._asked]
            if not found:
                section.item.wrong("the form has no fields", "declare them in `form:`")
        else:
            found = [word for entry in item.items() if (word := entry.word(names))]
            for name in found:
                if name in self._asked or found.count(name) > 1:
                    item.wrong(f"{name} is asked for twice", "ask for each field once")
                    break
        self._asked.update(found)
        return FormStep(tuple(dict.fromkeys(found)), condition) if found else None

    def _review(self, section: Section, condition: Condition | None) -> Step | None:
        if self._known.review is None:
            section.item.wrong("no desk is declared", "add `review: {desk: …, decisions: …}`")
            return None
        return ReviewStep(condition)

    def _decide(self, section: Section, condition: Condition | None) -> Step | None:
        item = section.need("decision", "write `decision: refuse`")
        words = (Decision.APPROVE.value, Decision.REFUSE.value)
        word = item.word(words) if item else None
        if word == Decision.APPROVE.value:
            if reason := section.get("reason"):
                reason.wrong("an approval has no reason", "leave it out")
            return DecideStep(Decision.APPROVE, None, condition)
        code = self._reason(section) if word else None
        return DecideStep(Decision.REFUSE, code, condition) if code else None

    def _reason(self, section: Section) -> str | None:
        """Code of the reason of a refusal."""
        codes = [entry.code for entry in self._known.refusal.reasons] if self._known.refusal else []
        if not codes:
            section.item.wrong("no reason is declared", "add `refusal: {reasons: …}`")
            return None
        reason = section.need("reason", "name one, as `reason: no_right`")
        return reason.word(codes) if reason else None

    def _document(self, section: Section, condition: Condition | None) -> Step | None:
        if self._known.document is None:
            section.item.wrong("no document is declared", "add `result: {document: …}`")
            return None
        return DocumentStep(condition)

    def _message(self, section: Section, condition: Condition | None) -> Step | None:
        text = self._known.texts.read(
            section.need("text", "say it in the languages of the title"),
            characters_max=MESSAGE_CHARACTERS_MAX,
        )
        after = section.get("after")
        word = after.word(("approved", "refused")) if after else None
        return MessageStep(text, word == "refused", condition) if text else None

    def _wait(self, section: Section, condition: Condition | None) -> Step | None:
        item = section.need("working_days", "write `working_days: 3`")
        days = item.integer(1, WORKING_DAYS_MAX) if item else None
        because = self._known.texts.read(
            section.need("because", "say why in the languages of the title"),
            characters_max=BECAUSE_CHARACTERS_MAX,
        )
        return WaitStep(days, because, condition) if days and because else None

    def _pay(self, section: Section, condition: Condition | None) -> Step | None:
        texts = self._known.texts
        entry = section.need("amount", "write `amount: 12.00 EUR`, or the id of a money field")
        amount = self._amount(entry) if entry else None
        purpose = texts.read(
            section.need("purpose", "say what for in the languages of the title"),
            characters_max=PURPOSE_CHARACTERS_MAX,
        )
        law = texts.read_law(
            section.need("law", "name the rule by which it is asked for"),
            characters_max=LAW_CHARACTERS_MAX,
        )
        entry = section.need("due_days", "write `due_days: 14`")
        due_days = entry.integer(1, DUE_DAYS_MAX) if entry else None
        is_right, reason = self._unpaid(section)
        if amount is None or purpose is None or law is None or due_days is None or not is_right:
            return None
        fixed, field = (amount, None) if isinstance(amount, Money) else (None, amount)
        return PayStep(fixed, field, purpose, law, due_days, reason, condition)

    def _sign(self, section: Section, condition: Condition | None) -> Step | None:
        if self._known.document is None:
            section.item.wrong("no document is declared", "add `result: {document: …}`")
            return None
        entry = section.need("by", "write `by: [person, clerk]`, in the order in which they sign")
        words = [one.value for one in Signer]
        found = [word for item in entry.items() if (word := item.word(words))] if entry else []
        if entry and (len(set(found)) != len(found) or not found):
            entry.wrong("somebody signs twice, or nobody does", "name each of them once")
            return None
        if entry and Signer.CLERK.value in found and self._known.review is None:
            entry.wrong("no clerk approves in this service", "add `review:`, or leave clerk out")
            return None
        law = self._known.texts.read_law(
            section.need("law", "name the rule by which it is signed"),
            characters_max=LAW_CHARACTERS_MAX,
        )
        due = section.need("due_days", "write `due_days: 14`")
        due_days = due.integer(1, SIGN_DAYS_MAX) if due else None
        if not found or law is None or due_days is None:
            return None
        return SignStep(tuple(Signer(word) for word in found), law, due_days, condition)

    def _amount(self, item: Item) -> Money | str | None:
        """An amount, or the id of the field that says it."""
        text = item.text(characters_max=AMOUNT_CHARACTERS_MAX)
        if text is None:
            return None
        field = next((one for one in self._known.fields if one.id == text), None)
        if field is None:
            return _fixed_amount(item, text)
        if field.kind is not FieldKind.MONEY or field.currency is None:
            item.wrong(f"{text} is no amount of one currency", "give it kind money and a currency")
        elif text not in self._asked:
            item.wrong(f"{text} is not asked for before this step", "ask for it in a form above")
        else:
            return text
        return None

    def _unpaid(self, section: Section) -> tuple[bool, str | None]:
        """Read what happens without the fee, and the reason of a refusal."""
        item = section.get("unpaid")
        word = item.word(("expire", "refuse")) if item else "expire"
        if word == "refuse":
            code = self._reason(section)
            return code is not None, code
        if word and (reason := section.get("reason")):
            reason.wrong("a case that expires has no reason", "leave it out, or `unpaid: refuse`")
            return False, None
        return word is not None, None


def _fixed_amount(item: Item, text: str) -> Money | None:
    try:
        amount = parse_money(text)
    except MalformedError as e:
        item.wrong(str(e), "write `12.00 EUR`, or the id of a money field")
        return None
    if amount.minor < 1:
        item.wrong("nothing is to be paid", "leave the step out")
        return None
    return amount
