"""Playing a service in the terminal: the real rules and documents, a fake person and fake clerks.

What would be messages in rooms is printed; what would be a clock moves on at a command. Answers
are read as in a client that shows nothing but text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.core import replies
from appservices.agency.cases.core.commands import (
    FORM_COMMANDS,
    ROOM_COMMANDS,
    as_command,
    command_input,
    is_form_word,
    without_marks,
)
from appservices.agency.cases.core.effects import (
    AskDesk,
    AskFee,
    AskPerson,
    AskSignatures,
    CloseQuestions,
    Effect,
    Escalate,
    FetchSigned,
    GiveUpFee,
    InviteClerk,
    MakeDocument,
    MakeRoom,
    Party,
    PostToDesk,
    Question,
    Refused,
    RemoveClerk,
    SendDocument,
    SendExport,
    TellDesk,
    TellPerson,
    Topic,
    UpdateCard,
    UpdateDeskCard,
)
from appservices.agency.cases.core.inputs import (
    AddFile,
    AllSigned,
    DocumentFailed,
    DocumentMade,
    FeeAsked,
    FeePaid,
    FeeRefunded,
    Input,
    RoomMade,
    SignaturesAsked,
    TimerFired,
)
from appservices.agency.cases.core.states import State
from appservices.agency.catalogue.texts.menu import help_doc, intro_question
from appservices.agency.documents.pdf import make_document
from appservices.agency.offices.core.context import Context
from appservices.agency.offices.core.office import Office, Role, Staff
from appservices.agency.workflow.core.machine import open_case, step
from veche.protocol.answers import (
    Chosen,
    NoAnswer,
    OpenPrompt,
    PromptState,
    read_answer,
    refusal_text,
)
from veche.protocol.answers import Refused as NotCounted
from veche.protocol.canonical import canonical
from veche.protocol.commands import parse_command
from veche.protocol.errors import VecheError
from veche.protocol.ids import EventId, RoomId, UserId, derived_ulid
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.protocol.message import body
from veche.protocol.prompts import prompt_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.agency.cases.core.case import Case
    from appservices.agency.cases.core.turn import Outcome
    from appservices.agency.language.core.definition import ServiceDefinition
    from veche.protocol.texts.catalogue import Catalogue

PERSON: Final = UserId("@person:example.org")
STAFF: Final = {
    "clerk": Staff("clerk", Role.CLERK),
    "second": Staff("second", Role.CLERK),
    "head": Staff("head", Role.DECISION_MAKER),
    "auditor": Staff("auditor", Role.AUDITOR),
}
"""Who can be spoken for, as ``clerk: 1``."""
HELP: Final = """\
Write as the person. Or:
  clerk: TEXT      as a clerk; also second:, head: (may take over), auditor: (may only look)
  /file NAME       send a file as the person
  /pay             pay the fee that is asked for
  /sign            let everyone sign who is asked to
  /wait            let time pass until the next clock rings
  /quit            stop"""

_BOT: Final = UserId("@veche_org_example_office:example.org")
_ROOM: Final = RoomId("!case:example.org")
_REFERENCE: Final = "RF18539007547034"
_SESSION: Final = "01KAV3Z8K4Q6V5W7X9Y0A1B2C3"
_FILE_BYTES: Final = 1_000


@attrs.frozen
class World:
    """Where a service is played.

    Attributes:
        office: Whose case it is.
        catalogue: All texts.
        language: The person's.
        template: Of the document; None if the service has none.
        write: Takes each piece of the play, as text with a line break at its end.
        keep: Takes a file that the person gets: its name and its bytes.
    """

    office: Office
    catalogue: Catalogue
    language: str
    template: bytes | None
    write: Callable[[str], object]
    keep: Callable[[str, bytes], object]


@attrs.frozen
class _Asked:
    """A question that is open, and of whom it was asked."""

    question: Question
    prompt: OpenPrompt
    is_staff: bool


class Trial:
    """One case, played from its beginning.

    Attributes:
        case: As it stands; None before the person has started.
        now_ms: The time in the play, UTC.
    """

    def __init__(self, definition: ServiceDefinition, world: World, now_ms: int) -> None:
        self.case: Case | None = None
        self.now_ms = now_ms
        self._definition = definition
        self._world = world
        self._asked: list[_Asked] = []
        self._paid: set[int] = set()
        self._to_sign: Any = None
        self._count = 0

    @property
    def is_over(self) -> bool:
        """Return whether nothing more can happen."""
        return self.case is not None and self.case.state is State.CLOSED

    def begin(self) -> None:
        """Show the service to the person."""
        self._world.write(f"{HELP}\n\n")
        self._ask(intro_question(self._definition, self._context), is_staff=False)

    def hear(self, line: str) -> bool:
        """Take one line of input; False if it ends the play."""
        words = line.strip()
        if words == "/quit":
            return False
        speaker, colon, said = words.partition(":")
        if words == "/wait":
            self._wait()
        elif words == "/pay":
            self._pay()
        elif words == "/sign":
            self._sign()
        elif words.startswith("/file"):
            self._send_file(words.removeprefix("/file").strip() or "file.pdf")
        elif colon and speaker in STAFF:
            self._hear_staff(STAFF[speaker], said.strip())
        elif words:
            self._hear_person(words)
        return not self.is_over

    @property
    def _context(self) -> Context:
        world = self._world
        return Context(self.now_ms, world.language, world.office, world.catalogue)

    def _hear_person(self, text: str) -> None:
        is_form = self.case is not None and self.case.state is State.DRAFT
        parsed = None
        language = self._world.language
        if not is_form or text.startswith(("!", "/")) or is_form_word(text, language):
            known = FORM_COMMANDS if is_form else ROOM_COMMANDS
            parsed = as_command(parse_command(text, known, language))
        if parsed is not None:
            heard = command_input(parsed.command, parsed.argument)
            if heard is None or self.case is None:
                self._say("to you", body(help_doc(self._context)))
            else:
                self._step(heard)
            return
        found, asked = self._read(PERSON, text, is_staff=False)
        if isinstance(found, Chosen) and asked is not None:
            self._choose(asked, found)
        elif isinstance(found, NotCounted):
            self._say_not_counted("to you", found, asked, self._world.language)
        elif self.case is not None:
            text = without_marks(text, language)
            heard = replies.person_text(self.case, text, Trust.VERIFIED)
            if heard is None:
                self._say("to you", body(help_doc(self._context)))
            else:
                self._step(heard)

    def _choose(self, asked: _Asked, found: Chosen) -> None:
        if asked.question.topic is Topic.START:
            if found.choice == "start":
                self._start()
            return
        topic = asked.question.topic
        # Nobody has a key here: whoever chooses to approve has approved.
        trust = Trust.SIGNED if topic is Topic.APPROVE else Trust.VERIFIED
        heard = replies.person_choice(topic, found.choice, found.data, trust)
        if heard is None:
            self._close((topic,))
        else:
            self._step(heard, asked)

    def _start(self) -> None:
        self._close((Topic.START,))
        case_id = derived_ulid(self.now_ms, "trial", self._definition.id)
        outcome = open_case(
            self._definition, case_id=case_id, subject="person", context=self._context
        )
        self._carry_out(outcome)

    def _hear_staff(self, by: Staff, text: str) -> None:
        user = UserId(f"@{by.id}:example.org")
        found, asked = self._read(user, text, is_staff=True)
        heard: Input | None = None
        if isinstance(found, NotCounted):
            language = self._world.office.language
            self._say_not_counted(f"to {by.id}", found, asked, language)
            return
        if isinstance(found, Chosen) and asked is not None:
            heard = replies.staff_choice(asked.question.topic, by, found.choice, found.data)
        elif isinstance(found, NoAnswer):
            for one in self._open(is_staff=True):
                heard = replies.staff_text(one.question.topic, by, text)
                if heard is not None:
                    break
        if heard is None or self.case is None:
            self._say(f"to {by.id}", "(this answers no question)")
        else:
            self._step(heard, asked)

    def _send_file(self, name: str) -> None:
        if self.case is None:
            return
        content: dict[str, Any] = {
            "msgtype": "m.image" if name.endswith((".jpg", ".jpeg", ".png")) else "m.file",
            "body": name,
            "url": "mxc://example.org/file",
            "info": {"mimetype": _mimetype(name), "size": _FILE_BYTES},
        }
        heard = replies.person_file(self._definition, self.case, content, Trust.VERIFIED)
        self._step(heard if not isinstance(heard, AddFile) else attrs.evolve(heard, file=content))

    def _wait(self) -> None:
        if self.case is None or not self.case.timers:
            self._say("clock", "(no clock is set)")
            return
        timer = min(self.case.timers, key=lambda one: one.at_ms)
        self.now_ms = max(self.now_ms, timer.at_ms)
        moment = self._context.person.moment(self.now_ms)
        self._say("clock", f"{timer.kind.value}, {moment}")
        self._step(TimerFired(timer.kind, timer.serial))

    def _pay(self) -> None:
        fee = self.case.fee if self.case is not None else None
        if fee is None:
            self._say("payments", "(nothing is to be paid)")
        else:
            self._paid.add(fee.number)
            self._step(FeePaid(fee.number))

    def _step(self, heard: Input, asked: _Asked | None = None) -> None:
        """Let something happen, and end the question that it answers, if it answers one."""
        if self.case is None:
            return
        # Two things never happen in the same moment.
        self.now_ms += 1
        outcome = step(self._definition, self.case, heard, self._context)
        if asked is not None and asked.question.is_single_use and outcome.refusal is None:
            self._asked = [one for one in self._asked if one is not asked]
        self._carry_out(outcome)

    def _carry_out(self, outcome: Outcome) -> None:
        self.case = outcome.case
        reports: list[Input] = []
        for effect in outcome.effects:
            self._show(effect)
            report = self._work(effect)
            if report is not None:
                reports.append(report)
        for report in reports:
            self._step(report)

    def _show(self, effect: Effect) -> None:
        match effect:
            case TellPerson(doc=doc) | Refused(party=Party.PERSON, doc=doc):
                self._say("to you", body(doc))
            case UpdateCard(doc=doc):
                self._say("card", body(doc))
            case UpdateDeskCard(doc=doc):
                self._say("card at the desk", body(doc))
            case TellDesk(doc=doc) | Refused(party=Party.STAFF, doc=doc):
                self._say("to the staff", body(doc))
            case InviteClerk(staff=staff):
                self._say("room", f"{staff} is invited")
            case RemoveClerk(staff=staff):
                self._say("room", f"{staff} has left")
            case CloseQuestions(topics=topics):
                self._close(topics)
            case _:
                self._show_question(effect)

    def _show_question(self, effect: Effect) -> None:
        match effect:
            case AskPerson(question=question):
                self._ask(question, is_staff=False)
            case AskDesk(question=question):
                self._ask(question, is_staff=True)
            case PostToDesk(desk=desk, doc=doc, question=question):
                self._say(f"new at the desk {desk}", body(doc))
                self._ask(question, is_staff=True)
            case Escalate(to=to, doc=doc, question=question):
                self._say(f"handed up to {to}", body(doc))
                if question is not None:
                    self._ask(question, is_staff=True)

    def _work(self, effect: Effect) -> Input | None:
        """Do what takes a machine; what it reports."""
        match effect:
            case MakeRoom(name=name):
                self._say("room", f"“{name}” is made")
                return RoomMade()
            case MakeDocument(data=data):
                return self._make_document(data)
            case AskFee(fee=fee):
                return FeeAsked(fee.number, _REFERENCE, None)
            case GiveUpFee(number=number) if number in self._paid:
                return FeeRefunded(number)
            case AskSignatures() | FetchSigned():
                return self._have_signed(effect)
            case SendDocument(filename=filename, caption=caption, issued=issued):
                self._say("file to you", f"{filename}\n{caption}\nSHA-256 {issued.sha256}")
            case SendExport(filename=filename, data=data):
                self._world.keep(filename, canonical(data))
                self._say("file to you", filename)
        return None

    def _have_signed(self, effect: AskSignatures | FetchSigned) -> Input:
        """The service of signing: what is signed is the document as it was made."""
        if isinstance(effect, FetchSigned):
            return self._make_document(self._to_sign)
        self._to_sign = effect.data
        self._say("signing", "(everyone is asked to sign: /sign signs for all)")
        return SignaturesAsked(effect.number, _SESSION)

    def _sign(self) -> None:
        asked = self.case.signatures if self.case is not None else None
        if asked is None or asked.is_signed:
            self._say("signing", "(nothing is to be signed)")
        else:
            self._step(AllSigned(asked.number, _SESSION))

    def _make_document(self, data: Any) -> Input:
        facts = data["facts"]
        try:
            if self._world.template is None:
                return DocumentFailed("The template is missing.")
            document = make_document(self._world.template, data, issued_at_ms=facts["issued_at_ms"])
        except VecheError as e:
            return DocumentFailed(str(e))
        self._world.keep(f"{facts['service']}-{facts['case'][-8:]}.pdf", document.data)
        return DocumentMade(document.sha256, len(document.data))

    def _ask(self, question: Question, *, is_staff: bool) -> None:
        self._count += 1
        self._close((question.topic,))
        event_id = EventId(f"$question{self._count}")
        prompt = question.prompt(derived_ulid(self.now_ms, "question", self._count), ())
        self._asked.insert(0, _Asked(question, OpenPrompt(prompt, event_id), is_staff))
        language = self._world.office.language if is_staff else self._world.language
        content = prompt_content(prompt, question.intro, self._world.catalogue, language)
        self._say("question to the staff" if is_staff else "question to you", content["body"])

    def _close(self, topics: tuple[Topic, ...]) -> None:
        self._asked = [one for one in self._asked if one.question.topic not in topics]

    def _open(self, *, is_staff: bool) -> list[_Asked]:
        return [
            one
            for one in self._asked
            if one.is_staff == is_staff and one.prompt.state is PromptState.OPEN
        ]

    def _read(self, sender: UserId, text: str, *, is_staff: bool) -> tuple[object, _Asked | None]:
        """The text as an answer to an open question, and to which."""
        self._count += 1
        inbound = Inbound(
            bot=_BOT,
            room_id=_ROOM,
            event_id=EventId(f"$said{self._count}"),
            sender=sender,
            event_type="m.room.message",
            content={"msgtype": "m.text", "body": text},
            trust=Trust.VERIFIED,
            standing=DeviceStanding.VERIFIED,
            at_ms=self.now_ms,
        )
        candidates = self._open(is_staff=is_staff)
        found = read_answer(inbound, [one.prompt for one in candidates], self.now_ms)
        prompt_id = getattr(found, "prompt_id", None)
        asked = next((one for one in candidates if one.prompt.prompt.id == prompt_id), None)
        return found, asked

    def _say_not_counted(
        self, to: str, found: NotCounted, asked: _Asked | None, language: str
    ) -> None:
        prompt = asked.prompt.prompt if asked is not None else None
        self._say(to, body(refusal_text(found.reason, self._world.catalogue, language, prompt)))

    def _say(self, to: str, words: str) -> None:
        indented = "\n".join(f"  {line}".rstrip() for line in words.split("\n"))
        self._world.write(f"[{to}]\n{indented}\n\n")


def _mimetype(name: str) -> str:
    ending = name.rpartition(".")[2].lower()
    kinds = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png"}
    return kinds.get(ending, "application/pdf")
