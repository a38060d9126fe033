"""A signing session: what may happen in which state, and what follows.

The outcome of a signature, a refusal or a lapse is computed first, from parties and stages
(``Plan.progress``); it is part of the input, so the table has one line for each.

Source: design of Veche, signing §5.2.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.sessions.core.parties import Progress
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(enum.Enum):
    """Where a session has got to."""

    DRAFT = "draft"
    OPEN = "open"
    SEALING = "sealing"
    """Everyone has signed; the file is being closed."""
    COMPLETED = "completed"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({State.COMPLETED, State.DECLINED, State.EXPIRED, State.CANCELLED})
"""Nothing is signed any more."""
BROKEN_OFF: Final = frozenset({State.DECLINED, State.EXPIRED, State.CANCELLED})
"""Ended before everyone had signed; closed all the same if somebody had."""


class Input(enum.Enum):
    """An input to the state machine of a session."""

    CHANGE = "change"
    SEND = "send"
    CANCEL = "cancel"
    VIEW = "view"
    SIGN_GOES_ON = "sign_goes_on"
    SIGN_STAGE_DONE = "sign_stage_done"
    SIGN_ALL_DONE = "sign_all_done"
    DECLINE_GOES_ON = "decline_goes_on"
    DECLINE_IMPOSSIBLE = "decline_impossible"
    DELEGATE = "delegate"
    EXTEND = "extend"
    REMIND = "remind"
    LAPSE_GOES_ON = "lapse_goes_on"
    LAPSE_IMPOSSIBLE = "lapse_impossible"
    DEADLINE = "deadline"
    SEALED = "sealed"
    SEAL_FAILED = "seal_failed"


SIGN: Final[Mapping[Progress, Input]] = {
    Progress.GOES_ON: Input.SIGN_GOES_ON,
    Progress.STAGE_DONE: Input.SIGN_STAGE_DONE,
    Progress.ALL_DONE: Input.SIGN_ALL_DONE,
}
"""A signature, by what follows from it; it never makes a stage impossible."""
DECLINE: Final[Mapping[Progress, Input]] = {
    Progress.GOES_ON: Input.DECLINE_GOES_ON,
    Progress.IMPOSSIBLE: Input.DECLINE_IMPOSSIBLE,
}
"""A refusal, by what follows from it; it never satisfies a stage."""
LAPSE: Final[Mapping[Progress, Input]] = {
    Progress.GOES_ON: Input.LAPSE_GOES_ON,
    Progress.IMPOSSIBLE: Input.LAPSE_IMPOSSIBLE,
}
"""A party's deadline, by what follows from it."""


class Effect(enum.Enum):
    """An effect to carry out in the transaction in which the state changes."""

    STORE = "store"
    FREEZE = "freeze"
    """Digest, fields and parties cannot change any more."""
    INVITE = "invite"
    """All whose turn has come."""
    INVITE_DELEGATE = "invite_delegate"
    EXCUSE = "excuse"
    """Those of the stage who are not needed any more."""
    RECORD_VIEW = "record_view"
    UPDATE_CARDS = "update_cards"
    TELL_EVERYONE = "tell_everyone"
    """Those who signed by name of what they signed."""
    REMIND = "remind"
    START_CLOCKS = "start_clocks"
    STOP_CLOCKS = "stop_clocks"
    SEAL = "seal"
    """Close the file; nothing if nobody has signed."""
    SEAL_LATER = "seal_later"
    DELIVER = "deliver"
    """Judge the file strictly, make the evidence, send both."""
    PLAN_RENEWAL = "plan_renewal"


_NOTHING: Final[tuple[Effect, ...]] = ()
_BREAK_OFF: Final = (Effect.TELL_EVERYONE, Effect.STOP_CLOCKS, Effect.SEAL)

TABLE: Final[Mapping[tuple[State, Input], tuple[State, tuple[Effect, ...]]]] = {
    (State.DRAFT, Input.CHANGE): (State.DRAFT, (Effect.STORE,)),
    (State.DRAFT, Input.SEND): (
        State.OPEN,
        (Effect.FREEZE, Effect.INVITE, Effect.START_CLOCKS),
    ),
    (State.DRAFT, Input.CANCEL): (State.CANCELLED, _NOTHING),
    (State.OPEN, Input.VIEW): (State.OPEN, (Effect.RECORD_VIEW,)),
    (State.OPEN, Input.SIGN_GOES_ON): (
        State.OPEN,
        (Effect.STORE, Effect.INVITE, Effect.UPDATE_CARDS),
    ),
    (State.OPEN, Input.SIGN_STAGE_DONE): (
        State.OPEN,
        (Effect.STORE, Effect.EXCUSE, Effect.INVITE, Effect.UPDATE_CARDS),
    ),
    (State.OPEN, Input.SIGN_ALL_DONE): (
        State.SEALING,
        (Effect.STORE, Effect.EXCUSE, Effect.UPDATE_CARDS, Effect.SEAL),
    ),
    (State.OPEN, Input.DECLINE_GOES_ON): (
        State.OPEN,
        (Effect.STORE, Effect.TELL_EVERYONE, Effect.UPDATE_CARDS),
    ),
    (State.OPEN, Input.DECLINE_IMPOSSIBLE): (State.DECLINED, (Effect.STORE, *_BREAK_OFF)),
    (State.OPEN, Input.DELEGATE): (
        State.OPEN,
        (Effect.STORE, Effect.INVITE_DELEGATE, Effect.TELL_EVERYONE, Effect.START_CLOCKS),
    ),
    (State.OPEN, Input.EXTEND): (State.OPEN, (Effect.TELL_EVERYONE, Effect.START_CLOCKS)),
    (State.OPEN, Input.REMIND): (State.OPEN, (Effect.REMIND,)),
    (State.OPEN, Input.LAPSE_GOES_ON): (
        State.OPEN,
        (Effect.STORE, Effect.TELL_EVERYONE, Effect.UPDATE_CARDS),
    ),
    (State.OPEN, Input.LAPSE_IMPOSSIBLE): (State.EXPIRED, (Effect.STORE, *_BREAK_OFF)),
    (State.OPEN, Input.DEADLINE): (State.EXPIRED, _BREAK_OFF),
    (State.OPEN, Input.CANCEL): (State.CANCELLED, _BREAK_OFF),
    (State.SEALING, Input.SEALED): (
        State.COMPLETED,
        (Effect.DELIVER, Effect.STOP_CLOCKS, Effect.PLAN_RENEWAL),
    ),
    (State.SEALING, Input.SEAL_FAILED): (State.SEALING, (Effect.SEAL_LATER,)),
    **{(state, Input.SEALED): (state, (Effect.DELIVER,)) for state in BROKEN_OFF},
    **{(state, Input.SEAL_FAILED): (state, (Effect.SEAL_LATER,)) for state in BROKEN_OFF},
    **{
        (state, Input.VIEW): (state, (Effect.RECORD_VIEW,))
        for state in (State.SEALING, State.COMPLETED, *sorted(BROKEN_OFF, key=str))
    },
    # Clocks that fire late.
    **{
        (state, late): (state, _NOTHING)
        for state in (State.SEALING, State.COMPLETED, *sorted(BROKEN_OFF, key=str))
        for late in (Input.REMIND, Input.DEADLINE)
    },
}
"""Whatever is not in it is refused and changes nothing."""


class NotNowError(RefusedError):
    """The session is in a state in which this cannot be done; nothing has changed (HTTP 409).

    Attributes:
        state: Where the session is.
    """

    errcode = "ORG.VECHE.SESSION_NOT_OPEN"

    def __init__(self, state: State) -> None:
        super().__init__(f"this cannot be done any more, or not yet: the session is {state.value}")
        self.state = state

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"state": self.state.value}


@attrs.frozen
class Stepped:
    """The result of an input.

    Attributes:
        state: Where the session is now.
        effects: What has to be done, in this order.
    """

    state: State
    effects: tuple[Effect, ...]


def step(state: State, happened: Input) -> Stepped:
    """Apply an input to a session's state.

    Raises:
        NotNowError: It cannot happen in this state.
    """
    found = TABLE.get((state, happened))
    if found is None:
        raise NotNowError(state)
    return Stepped(*found)


def mermaid() -> str:
    """The table as a diagram: changes of the state, without what leaves it."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.DRAFT.value}"]
    lines += [
        f"    {state.value} --> {after.value}: {happened.value}"
        for (state, happened), (after, _) in TABLE.items()
        if state is not after
    ]
    lines += [f"    {state.value} --> [*]" for state in State if state in ENDED]
    return "\n".join(lines)
