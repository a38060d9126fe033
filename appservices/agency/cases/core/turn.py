"""One step of a case while it is being worked out: what changes, and what must be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from appservices.agency.cases.core.case import HISTORY_MAX, TEXT_CHARACTERS_MAX, HistoryEntry, Timer
from appservices.agency.cases.core.effects import (
    CloseQuestions,
    Effect,
    Party,
    RecordHistory,
    RefusalReason,
    Refused,
    RemoveClerk,
)
from appservices.agency.cases.texts.refusals import refusal_words
from appservices.agency.language.core.conditions import judge
from veche.protocol.approval import showable
from veche.protocol.message import Doc, Paragraph

if TYPE_CHECKING:
    from appservices.agency.cases.core.case import Case
    from appservices.agency.cases.core.effects import Topic
    from appservices.agency.cases.core.states import Happened, TimerKind
    from appservices.agency.language.core.conditions import Condition
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context
    from appservices.agency.offices.core.office import Role


@attrs.frozen
class Outcome:
    """The outcome of an input.

    Attributes:
        case: The case afterwards; the same as before if the input was refused.
        effects: What the shell must do, in this order.
    """

    case: Case
    effects: tuple[Effect, ...]

    @property
    def refusal(self) -> Refused | None:
        """The refusal, if the input changed nothing."""
        first = self.effects[0] if self.effects else None
        return first if isinstance(first, Refused) else None


class InputRefusedError(Exception):
    """An input makes no sense here; ends the step, and never leaves the core."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason.value)
        self.refused = refused


class Turn:
    """A step in the making. It belongs to one call of the machine, which gives out its result.

    Attributes:
        definition: The service.
        case: As it stands now.
        context: The world around the step.
        before: The case as it was before the step.
        effects: What is to be done, in this order.
    """

    def __init__(self, definition: ServiceDefinition, case: Case, context: Context) -> None:
        self.definition = definition
        self.case = case
        self.context = context
        self.before = case
        self.effects: list[Effect] = []

    def change(self, **values: Any) -> None:
        """Change fields of the case."""
        self.case = attrs.evolve(self.case, **values)

    def emit(self, *effects: Effect) -> None:
        """Do these, after what was emitted before."""
        self.effects += effects

    def record(self, role: Role, happened: Happened, text: str | None = None) -> None:
        """Write into the history, with the state as it is now."""
        entry = HistoryEntry(self.context.now_ms, role, self.case.state, happened, text)
        self.change(history=(*self.case.history, entry))
        self.emit(RecordHistory(entry))

    def set_clock(self, kind: TimerKind, at_ms: int) -> None:
        """Set the clock of a kind, instead of the one that may be set."""
        others = tuple(timer for timer in self.case.timers if timer.kind is not kind)
        self.change(timers=(*others, Timer(kind, at_ms, self.case.serial)))

    def drop_clocks(self, *kinds: TimerKind) -> None:
        """Forget the clocks of these kinds; without any kind, all."""
        kept = tuple(t for t in self.case.timers if kinds and t.kind not in kinds)
        self.change(timers=kept)

    def let_clerk_go(self) -> None:
        """The clerk who has the case has it no longer, and leaves its room."""
        if self.case.clerk is not None:
            self.emit(RemoveClerk(self.case.clerk))
            self.change(clerk=None, desk_form=None)

    def close(self, *topics: Topic) -> None:
        """End the open questions of these topics."""
        self.emit(CloseQuestions(topics))

    def holds(self, condition: Condition | None) -> bool:
        """Return whether a condition of the service holds for the case now; None always does."""
        if condition is None:
            return True
        facts = {
            **self.case.answers,
            "today": self.context.today.isoformat(),
            "flags": self.case.flags,
            "asked_count": self.case.asked_count,
            "files_count": len(self.case.files),
        }
        return judge(condition, facts)

    def refuse(self, party: Party, reason: RefusalReason, **values: object) -> InputRefusedError:
        """The error that ends the step with nothing changed; raise it."""
        localizer = self.context.person if party is Party.PERSON else self.context.staff
        doc: Doc = (Paragraph(refusal_words(reason, localizer, **values)),)
        return InputRefusedError(Refused(party, reason, doc))

    def need_room_in_history(self, party: Party) -> None:
        """Refuse what only makes the case longer, once it is very long."""
        if len(self.case.history) >= HISTORY_MAX:
            raise self.refuse(party, RefusalReason.TOO_MANY)

    def checked_text(self, party: Party, text: str) -> str:
        """A text that somebody wrote, trimmed, without what cannot be shown or kept.

        It is refused if it is empty or too long.
        """
        trimmed = showable(text).strip()
        if not trimmed:
            raise self.refuse(party, RefusalReason.EMPTY)
        if len(trimmed) > TEXT_CHARACTERS_MAX:
            raise self.refuse(party, RefusalReason.TOO_LONG, max=TEXT_CHARACTERS_MAX)
        return trimmed


def stale() -> InputRefusedError:
    """The error for what came too late; nobody is told."""
    return InputRefusedError(Refused(Party.NOBODY, RefusalReason.STALE, ()))
