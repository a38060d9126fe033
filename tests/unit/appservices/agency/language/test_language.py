"""The service language: what a file says, and every error with its place and its cure."""

from __future__ import annotations

import datetime as dt

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from appservices.agency.language.core.definition import (
    STEPS_MAX,
    DecideStep,
    Decision,
    DocumentStep,
    FormStep,
    MessageStep,
    ReviewStep,
    ServiceDefinition,
    Silence,
    WaitStep,
)
from appservices.agency.language.core.language import read_service
from appservices.agency.language.core.problems import PROBLEMS_MAX, Problem, ServiceFileError
from appservices.agency.language.core.tree import DEPTH_MAX, ITEMS_MAX, SERVICE_FILE_CHARACTERS_MAX
from appservices.agency.working_days.core import QuietHours
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import example, service, service_data
from veche.protocol.forms import FieldKind
from veche.protocol.inbound import Trust

TEXT = """\
service: parking
version: 3
title: {en: Parking permit, de: Parkausweis}
about: {en: For residents., de: Für Anwohner.}
who: {min_trust: verified}
deadline:
  working_days: 5
  law: Parking Act, section 1
  escalate_to: head-of-office
  escalated_working_days: 3
  answer_working_days: 1
  silence_means: approved
form:
  - {id: plate, kind: text, required: true, max_length: 10, label: {en: Plate, de: Kennzeichen}}
  - id: zone
    kind: choice
    label: {en: Zone, de: Zone}
    help: {en: Where you live., de: Wo Sie wohnen.}
    choices:
      - {id: north, label: {en: North, de: Nord}}
      - {id: south, label: {en: South, de: Süd}}
  - {id: fee, kind: money, currency: EUR, min: 1, max: 20, label: {en: Fee, de: Gebühr}}
  - {id: since, kind: date, min: 2000-01-01, max: today, label: {en: Since, de: Seit}}
  - {id: proof, kind: photo, bytes_max: 1000, mimetypes: [image/png], label: {en: P, de: N}}
review:
  desk: parking
  decisions: [approve, refuse, ask_more]
  flags:
    - {id: odd, title: {en: Odd, de: Seltsam}}
    - {id: late, title: {en: Late, de: Spät}}
  two_persons_if: "'odd' in flags"
  answer_days: 7
refusal:
  reasons:
    - {code: no_right, title: {en: No right, de: Kein Recht}, law: {en: S 2, de: § 2}}
    - {code: full, title: {en: Full, de: Voll}, law: Section 3}
  appeal: {en: To the court., de: Zum Gericht.}
  appeal_days: 30
result:
  document: {template: permit.typ, title: {en: Permit, de: Ausweis}, valid_days: 90, seal: false}
notify: {channels: [room], quiet_hours: "22:00-07:30"}
steps:
  - {step: form, fields: [plate, zone]}
  - {step: message, text: {en: Nearly., de: Fast.}, if: "zone == 'south'"}
  - {step: form}
  - {step: decide, decision: refuse, reason: full, if: "zone == none"}
  - {step: wait, working_days: 2, because: {en: Law., de: Gesetz.}}
  - {step: decide, decision: approve, if: "fee > '10 EUR'"}
  - {step: review}
  - {step: document}
  - {step: message, text: {en: Sorry., de: Schade.}, after: refused}
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ServiceFileError) as caught:
        read_service(text)
    return caught.value.problems


def test_a_file_says_what_it_says() -> None:
    found = read_service(TEXT)

    assert (found.id, found.version, found.languages) == ("parking", 3, ("en", "de"))
    assert found.title.text("de") == "Parkausweis"
    assert found.title.text("uk") == "Parking permit"
    assert found.min_trust is Trust.VERIFIED
    assert found.deadline.working_days == 5
    assert found.deadline.law.text("de") == "Parking Act, section 1"
    assert found.deadline.silence_means is Silence.APPROVED
    assert [field.kind for field in found.fields] == [
        FieldKind.TEXT, FieldKind.CHOICE, FieldKind.MONEY, FieldKind.DATE, FieldKind.PHOTO,
    ]  # fmt: skip
    assert found.review is not None
    assert found.review.decisions == set(Decision)
    assert found.refusal is not None
    assert [reason.code for reason in found.refusal.reasons] == ["no_right", "full"]
    assert found.document is not None
    assert found.document.valid_days == 90
    assert found.notify.quiet == QuietHours(dt.time(22), dt.time(7, 30))
    assert [type(step) for step in found.steps] == [
        FormStep, MessageStep, FormStep, DecideStep, WaitStep, DecideStep, ReviewStep,
        DocumentStep, MessageStep,
    ]  # fmt: skip


def test_a_form_step_without_fields_asks_for_the_rest() -> None:
    steps = read_service(TEXT).steps
    assert isinstance(steps[2], FormStep)
    assert steps[2].fields == ("fee", "since", "proof")


def test_a_service_without_steps_does_what_it_declares() -> None:
    assert [type(step) for step in example().steps] == [FormStep, ReviewStep, DocumentStep]
    assert [type(step) for step in service(form=None).steps] == [ReviewStep]


def test_the_form_is_asked_in_the_language_of_the_person() -> None:
    form = read_service(TEXT).form(("zone", "plate"), "de")

    assert [field.id for field in form.fields] == ["zone", "plate"]
    assert [choice.label for choice in form.fields[0].choices or ()] == ["Nord", "Süd"]


def test_the_digest_is_that_of_the_file() -> None:
    assert read_service(TEXT).digest != read_service(TEXT + "\n").digest
    assert len(read_service(TEXT).digest) == 64


# What is changed in TEXT; in the new text ¤ stands where the problem is. Then what is said.
ERRORS = [
    # service, version, title, about
    ("service: parking\n", "", "service is missing", "write `service:"),
    ("service: parking", "service: ¤Parking Permit", "not have the right form", "must match"),
    ("service: parking", "service: ¤12", "this is a number", "write a text, in quotes"),
    ("service: parking", "service: ¤[a]", "this is a list", "write a text"),
    ("service: parking", f"service: ¤{'a' * 65}", "has 65 characters", "at most 64"),
    ("version: 3", "version: ¤0", "0 is out of bounds", "from 1 to 1000000"),
    ("version: 3", "version: ¤three", "this is a text", "write a whole number"),
    ("version: 3", "version: ¤1.5", "a number with a fraction", "write a whole number"),
    ("version: 3", "version: ¤0x10", "this is a number", "write a whole number"),
    ("title: {en: Parking permit, de: Parkausweis}\n", "", "title is missing", "write `title:"),
    ("en: Parking permit, de", "¤fr: Permis, de", "is not known here", "use en, ru, de or uk"),
    ("{en: Parking permit, de: Parkausweis}", "¤Parking", "this is a text", "write a mapping"),
    ("{en: Parking permit, de: Parkausweis}", "¤{}", "it has no language", "write it in en"),
    ("en: Parking permit", f"en: ¤{'x' * 81}", "has 81 characters", "at most 80"),
    ("about: {en: For residents., de: Für Anwohner.}", "about: ¤{en: Only}", "de is missing",
     "in the languages of the title"),
    ("en: For residents.", "en: ¤no", "this is yes or no", "write a text, in quotes"),
    ("en: For residents.", "en: ¤''", "the text is empty", "at least one word"),
    ("en: For residents.", "¤ru: Для", "is not known here", "use en or de"),
    # top level
    ("version: 3", "¤verion: 3", "is not known here", "did you mean version?"),
    ("version: 3", "version: 3\n¤version: 4", "stands twice", "keep one"),
    ("version: 3", "¤attributes: []", "needs the identity service", "leave it out"),
    ("version: 3", "¤appointment: {}", "needs the appointments service", "leave it out"),
    ("version: 3", "¤payout: {}", "needs the payments service, which service", "leave it out"),
    ("version: 3", "¤webhook: {}", "needs the webhooks service", "leave it out"),
    # who
    ("min_trust: verified", "¤min_assurance: high", "needs the identity service", "leave it out"),
    ("min_trust: verified", "min_trust: ¤signed", "a key is asked for at the form",
     "approve: true"),
    ("min_trust: verified", "min_trust: ¤verifed", "is not known here", "did you mean verified?"),
    ("min_trust: verified", "¤trust: any", "is not known here", "min_trust"),
    ("{min_trust: verified}", "¤verified", "this is a text", "write a mapping"),
    # deadline
    ("working_days: 5", "¤days: 5", "is not known here", "working_days"),
    ("  working_days: 5\n", "", "working_days is missing", "write `working_days: 5`"),
    ("working_days: 5", "working_days: ¤1001", "out of bounds", "from 1 to 1000"),
    ("  law: Parking Act, section 1\n", "", "law is missing", "name the rule"),
    ("law: Parking Act, section 1", "law: ¤{en: Act}", "de is missing", "languages of the title"),
    ("law: Parking Act, section 1", f"law: ¤{'x' * 201}", "201 characters", "at most 200"),
    ("  escalate_to: head-of-office\n", "", "escalate_to is missing", "name a role"),
    ("escalate_to: head-of-office", "escalate_to: ¤Head", "right form", "must match"),
    ("answer_working_days: 1", "answer_working_days: ¤0", "out of bounds", "from 1 to"),
    ("silence_means: approved", "silence_means: ¤aproved", "not known", "did you mean approved?"),
    ("  silence_means: approved\n", "", "silence_means is missing", "write `silence_means:"),
    # form
    ("{id: plate, kind", "¤{kind", "id is missing", "write `id:"),
    ("id: plate", "id: ¤Plate", "right form", "must match"),
    ("id: plate", "id: ¤flags", "has a meaning in conditions", "use another name"),
    ("id: plate", "id: ¤none", "has a meaning in conditions", "use another name"),
    ("kind: text", "kind: ¤txet", "is not known here", "did you mean text?"),
    ("kind: text", "kind: ¤signature", "needs the signing service", "use another kind"),
    ("kind: text", "kind: ¤attribute", "needs the identity service", "use another kind"),
    ("label: {en: Plate, de: Kennzeichen}", "label: ¤{en: Plate}", "de is missing", "languages"),
    (", label: {en: Plate, de: Kennzeichen}}", "}", "label is missing", "ask the question"),
    ("required: true", "required: ¤maybe", "this is a text", "write true or false"),
    ("max_length: 10", "max_length: ¤many", "this is a text", "write a whole number"),
    ("max_length: 10", "¤max_lenght: 10", "is not known here", "did you mean max_length?"),
    ("- {id: north, label: {en: North, de: Nord}}", "- ¤north", "the choice has no label",
     "write `{id: school"),
    ("{id: north, label: {en: North, de: Nord}}", "{id: ¤NORTH, label: {en: North, de: Nord}}",
     "right form", "must match"),
    ("currency: EUR", "currency: ¤eur", "right form", "must match"),
    ("mimetypes: [image/png]", "mimetypes: ¤[]", "the list is empty", "at least one entry"),
    ("bytes_max: 1000", "bytes_max: ¤0", "out of bounds", "from 1"),
    # review
    ("  desk: parking\n", "", "desk is missing", "name a desk"),
    ("decisions: [approve, refuse, ask_more]", "decisions: [approve, ¤deny]", "not known",
     "use approve, refuse or ask_more"),
    ("decisions: [approve, refuse, ask_more]", "decisions: ¤[refuse]", "decides nothing",
     "add approve"),
    ("decisions: [approve, refuse, ask_more]", "decisions: ¤approve", "this is a text",
     "write a list"),
    ("  desk: parking", "  desk: parking\n  ¤webhook: x", "is not known here", "use desk"),
    ("id: odd, title", "id: late, title", "late stands twice", "give each its own"),
    ("en: Odd, de: Seltsam", "en: Late, de: Seltsam", "late stands twice", "give each its own"),
    ("\"'odd' in flags\"", "\"¤'ood' in flags\"", "'ood' is not one of", "did you mean odd?"),
    ("\"'odd' in flags\"", '"¤zone"', "zone is a choice, not yes or no", "compare it"),
    ("\"'odd' in flags\"", "¤true", "this is yes or no", "write a condition in quotes"),
    ("answer_days: 7", "answer_days: ¤0", "out of bounds", "from 1"),
    # refusal
    ("{code: no_right, title", "¤{title", "code is missing", "write `code:"),
    ("code: no_right", "code: full", "full stands twice", "give each its own"),
    ("code: no_right", "code: silence", "the code silence is taken", "refusal by silence"),
    ("en: No right, de", "en: Full, de", "full stands twice", "give each its own"),
    (", law: Section 3}", "}", "law is missing", "name the rule"),
    ("  appeal: {en: To the court., de: Zum Gericht.}\n", "", "appeal is missing", "how one"),
    ("  appeal_days: 30\n", "", "appeal_days is missing", "write `appeal_days: 30`"),
    # result
    ("seal: false", "seal: ¤true", "needs the signing service", "leave it out"),
    ("seal: false", "¤sael: false", "is not known here", "did you mean seal?"),
    ("result:\n", "result:\n  ¤or_sign: {}\n", "needs the signing service", "leave it out"),
    ("template: permit.typ", "template: ¤../permit.typ", "right form", "must match"),
    ("template: permit.typ, ", "", "template is missing", "write `template:"),
    ("valid_days: 90", "valid_days: ¤-1", "out of bounds", "from 1"),
    # notify
    ("channels: [room]", "channels: [room, ¤sms]", "needs the sms bridge", "use room"),
    ("channels: [room]", "channels: [¤rooom]", "is not known here", "did you mean room?"),
    ('"22:00-07:30"', '¤"22-7"', "these are no hours", "22:00-07:00"),
    ('"22:00-07:30"', '¤"25:00-07:00"', "these are no hours", "22:00-07:00"),
    ('"22:00-07:30"', '¤"07:00-07:00"', "these are no hours", "22:00-07:00"),
    # steps
    ("- {step: review}", "- {step: ¤reveiw}", "is not known here", "did you mean review?"),
    ("- {step: review}", "- ¤{if: 'yes'}", "step is missing", "begin it with `step: form`"),
    ("- {step: review}", "- ¤review", "this is a text", "write a mapping"),
    ("- {step: review}", "- {step: ¤payout}", "needs the payments service", "leave it out"),
    ("- {step: review}", "- ¤{step: sign}", "by is missing", "write `by: [person, clerk]`"),
    ("- {step: review}", "- {step: sign, by: ¤[]}", "nobody does", "name each of them once"),
    (
        "- {step: review}",
        "- {step: sign, by: ¤[person, person]}",
        "somebody signs twice",
        "name each of them once",
    ),
    ("- {step: review}", "- {step: sign, by: [¤mayor]}", "is not known here", "use person or"),
    ("- {step: review}", "- {step: sign, by: [person], due_days: ¤0}", "out of bounds", "from 1"),
    ("- {step: review}", "- {step: review, reason: ¤full}", "reason is not for the step review",
     "use step or if"),
    ("fields: [plate, zone]", "fields: [plate, ¤zona]", "is not known here", "did you mean zone?"),
    ("fields: [plate, zone]", "fields: ¤[plate, plate, zone]", "plate is asked for twice", "once"),
    ("- {step: review}", "- {step: review}\n  - ¤{step: form, fields: [plate]}",
     "a form after the person has submitted", "before the other steps"),
    ("if: \"zone == 'south'\"", "if: \"zone == ¤'s'\"",
     "'s' is not one of the choices", "use north or south"),
    ("if: \"zone == 'south'\"", 'if: ¤"fee == none"', "fee is not asked for before", "above"),
    ("decision: refuse, reason: full", "decision: refuse, reason: ¤fulll", "not known here",
     "did you mean full?"),
    ("- {step: decide, decision: refuse, reason: full,",
     "- ¤{step: decide, decision: refuse,", "reason is missing", "name one"),
    ("decision: refuse, reason: full", "decision: ¤ask_more", "is not known here", "approve"),
    ("decision: approve, if", "decision: approve, reason: ¤full, if",
     "an approval has no reason", "leave it out"),
    ("working_days: 2, because", "working_days: ¤0, because", "out of bounds", "from 1"),
    (", because: {en: Law., de: Gesetz.}", "", "because is missing", "say why"),
    ("after: refused", "after: ¤never", "is not known here", "use approved or refused"),
    ("text: {en: Nearly., de: Fast.}, ", "", "text is missing", "say it"),
    # the whole
    ("- {step: review}", "- {step: decide, decision: approve, if: 'yes'}\n  - ¤{step: review}",
     "can never be reached", "remove it"),
    ("zone == none\"", "zone == none and zone == 'north'\"", "can never be reached", "condition"),
    ("  - {step: review}\n", "", "no step uses it", "add the step"),
    ("  - {step: document}\n", "", "no step uses it", "add the step"),
    ("- {step: form}\n", "- {step: form, fields: [fee]}\n", "no step asks for since, proof", "add"),
    ("- {step: wait, ", "- ¤{step: document}\n  - {step: wait, ", "before anybody decided",
     "put it after"),
]  # fmt: skip


@each_row(("old", "new", "wrong", "right"), ERRORS)
def test_each_error_has_line_column_and_cure(old: str, new: str, wrong: str, right: str) -> None:
    assert TEXT.count(old) >= 1
    marked = TEXT.replace(old, new, 1)
    text = marked.replace("¤", "")

    found = [p for p in problems(text) if wrong in p.wrong and right in p.right]

    assert len(found) >= 1, "\n".join(map(str, problems(text)))
    if "¤" in new:
        before = marked[: marked.index("¤")]
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        assert (line, column) in {(p.place.line, p.place.column) for p in found}


def test_all_errors_are_told_at_once_in_their_order() -> None:
    text = TEXT.replace("version: 3", "version: x").replace("kind: text", "kind: txt")
    text = text.replace("working_days: 5", "working_days: 0").replace("{step: review}", "{}")

    found = problems(text)

    assert [p.path for p in found] == [
        "version", "deadline.working_days", "form[0].kind", "steps[0].fields[0]", "steps[6]",
    ]  # fmt: skip
    assert list(found) == sorted(found, key=lambda p: p.place)


def test_an_error_reads_as_a_sentence() -> None:
    (found,) = problems(TEXT.replace("kind: text", "kind: txet").replace("plate, zone", "zone"))[:1]
    assert str(found) == (
        "line 14, column 23: form[0].kind: 'txet' is not known here; did you mean text?"
    )


class TestFiles:
    @each_row(
        ("text", "place", "wrong"),
        [
            ("", (1, 1), "it is empty"),
            ("# only words\n", (1, 1), "it is empty"),
            ("a: [1, 2", (1, 9), "this is not YAML"),
            ("service: x\n  y: z\n", (2, 4), "this is not YAML"),
            ("a: b\n\tc: d\n", (2, 1), "this is not YAML"),
            ("a: &x b\nc: *x\n", (1, 4), "anchors"),
            ("a: b\n---\nc: d\n", (2, 1), "a second document"),
            ("a: \x07\n", (1, 4), "a character that YAML does not allow"),
            ("a:\n  - b: \ud83d\n", (2, 8), "a character that YAML does not allow"),
            ("just words", (1, 1), "this is a text"),
            ("!!python/object:os.system {a: b}", (1, 1), "service is missing"),
        ],
    )
    def test_what_is_no_service_at_all(self, text: str, place: tuple[int, int], wrong: str) -> None:
        first = problems(text)[0]

        assert wrong in first.wrong
        assert (first.place.line, first.place.column) == place

    def test_a_bomb_of_anchors_is_refused_unread(self) -> None:
        lines = ["a0: &a0 [x, x]"]
        lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
        assert "anchors" in problems("\n".join(lines))[0].wrong

    def test_a_file_at_its_longest(self) -> None:
        comment = "#" * (SERVICE_FILE_CHARACTERS_MAX - len(TEXT) - 1)
        assert read_service(f"{TEXT}{comment}\n").id == "parking"

    def test_a_file_that_is_too_long(self) -> None:
        (found,) = problems(TEXT + "#" * SERVICE_FILE_CHARACTERS_MAX)
        assert f"use at most {SERVICE_FILE_CHARACTERS_MAX}" in found.right

    def test_nesting_at_its_deepest_is_read(self) -> None:
        found = problems("a: " + "[" * (DEPTH_MAX - 1) + "]" * (DEPTH_MAX - 1))
        assert not any("nested" in problem.wrong for problem in found)

    def test_nesting_that_is_too_deep(self) -> None:
        (found,) = problems("a: " + "[" * 5000 + "]" * 5000)
        assert f"use at most {DEPTH_MAX} levels" in found.right

    def test_mappings_have_a_bound(self) -> None:
        text = "\n".join(f"k{n}: 1" for n in range(ITEMS_MAX + 1))
        assert any("entries" in p.wrong for p in problems(text))

    def test_steps_have_a_bound(self) -> None:
        text: dict[str, object] = {"step": "message", "text": {"en": "x"}}
        steps = [text] * (STEPS_MAX - 2) + [{"step": "form"}, {"step": "review"}]

        assert len(service(steps=steps).steps) == STEPS_MAX
        with pytest.raises(ServiceFileError, match=f"at most {STEPS_MAX} entries"):
            service(steps=[text, *steps])

    def test_not_more_problems_are_told_than_one_can_read(self) -> None:
        text = "\n".join(f"k{n}: 1" for n in range(PROBLEMS_MAX + 50))
        assert len(problems(text)) == PROBLEMS_MAX


class TestRefusalsAreWhole:
    def test_a_service_that_can_refuse_says_how(self) -> None:
        with pytest.raises(ServiceFileError, match="refusal is missing"):
            service(refusal=None)

    def test_silence_can_refuse_too(self) -> None:
        review = {"desk": "d", "decisions": ["approve"]}
        with pytest.raises(ServiceFileError, match="refusal is missing"):
            service(refusal=None, review=review)

    def test_where_nothing_can_be_refused_nothing_is_said_of_it(self) -> None:
        data = service_data(review={"desk": "d", "decisions": ["approve"]})
        data["deadline"]["silence_means"] = "approved"
        with pytest.raises(ServiceFileError, match="nothing in this service can be refused"):
            read_service(yaml.safe_dump(data))

    def test_a_rule_that_refuses_needs_its_reason(self) -> None:
        steps = [{"step": "form"}, {"step": "decide", "decision": "refuse"}]
        with pytest.raises(ServiceFileError, match="no reason is declared"):
            service(refusal=None, review=None, steps=steps)


@given(st.text(max_size=200))
def test_any_text_is_a_service_or_refused(text: str) -> None:
    found: ServiceDefinition | ServiceFileError
    try:
        found = read_service(text)
    except ServiceFileError as e:
        found = e
    assert isinstance(found, ServiceFileError)
    assert found.problems


LINES = TEXT.split("\n")


@given(st.integers(0, len(LINES) - 1), st.sampled_from(["", "  - x", "a: [", "- {}", "step: 1"]))
def test_a_broken_line_never_breaks_the_reader(index: int, line: str) -> None:
    text = "\n".join([*LINES[:index], line, *LINES[index + 1 :]])
    outcome = "read"
    try:
        read_service(text)
    except ServiceFileError as e:
        outcome = "refused" if e.problems else "silent"
    assert outcome in {"read", "refused"}
