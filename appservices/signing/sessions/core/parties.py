"""Parties of a signing session: their order, and the effects of their acts.

Stages open one after the other; in a stage everyone acts at once. A stage is satisfied when enough
of its parties have signed, and impossible when not enough of them still can. A witness belongs to
the party whose signature they saw: that signature counts once its witnesses have signed too.

Source: design of Veche, signing §5.1.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTIES_MAX: Final = 200
STAGES_MAX: Final = 20


class Role(enum.Enum):
    """As what somebody takes part."""

    SIGNER = "signer"
    """Signs in a field of the document."""
    CLERK = "clerk"
    """Signs for an office, which the certificate names."""
    SEAL = "seal"
    """An organisation, which seals by its policy; never a person."""
    APPROVER = "approver"
    """Agrees with a key; has no field."""
    WITNESS = "witness"
    """Signs that they saw somebody sign."""
    VIEWER = "viewer"
    """Gets a copy, and nothing waits for them."""


class PartyState(enum.Enum):
    """The state of a party."""

    WAITING = "waiting"
    """Their stage is not open, or whom they witness has not signed."""
    INVITED = "invited"
    VIEWED = "viewed"
    WRITTEN = "written"
    """They have written by hand, and whoever saw it has not signed yet: until then it counts for
    nothing."""
    SIGNED = "signed"
    DECLINED = "declined"
    DELEGATED = "delegated"
    """Somebody else acts in their place."""
    LAPSED = "lapsed"
    """Their own deadline is over."""
    EXCUSED = "excused"
    """Not needed any more."""


CAN_ACT: Final = frozenset({PartyState.INVITED, PartyState.VIEWED})
"""States in which a party may sign, decline or delegate."""
STILL_ABLE: Final = frozenset({PartyState.WAITING, *CAN_ACT, PartyState.WRITTEN, PartyState.SIGNED})
"""States in which a signature is there or can still come."""


@attrs.frozen
class Party:
    """Somebody who takes part.

    Attributes:
        id: Unique in the session.
        role: As what.
        state: State of the party.
        of: Id of the party whose signature a witness sees; empty of others.
    """

    id: str
    role: Role
    state: PartyState = PartyState.WAITING
    of: str = ""


@attrs.frozen
class Stage:
    """Parties who act at once.

    Attributes:
        parties: Their ids; witnesses stand in the stage of whom they witness.
        need: How many signatures are enough, without those of witnesses; None: all.
    """

    parties: tuple[str, ...]
    need: int | None = None


class Progress(enum.Enum):
    """The progress that follows from the parties' states."""

    GOES_ON = "goes_on"
    STAGE_DONE = "stage_done"
    """The open stage is satisfied, and another follows."""
    ALL_DONE = "all_done"
    IMPOSSIBLE = "impossible"
    """The open stage cannot be satisfied any more."""


class PlanProblem(enum.Enum):
    """Why parties and stages make no session."""

    NOBODY_SIGNS = "nobody_signs"
    TOO_MANY = "too_many"
    NOT_IN_ONE_STAGE = "not_in_one_stage"
    """Somebody who signs stands in no stage, or in two; or a viewer stands in one."""
    NEED = "need"
    """A stage needs nobody, or more than it has."""
    WITNESS = "witness"
    """A witness of nobody, of a witness, or of somebody in another stage."""


class PlanError(ValueError):
    """Parties and stages make no session.

    Attributes:
        problem: Why.
        party: Id of the party it is about; empty if of none.
    """

    def __init__(self, problem: PlanProblem, party: str = "") -> None:
        super().__init__(f"{problem.value} {party}".strip())
        self.problem = problem
        self.party = party


@attrs.frozen
class Plan:
    """Parties and stages.

    Attributes:
        parties: By id.
        stages: In the order in which they open.
    """

    parties: Mapping[str, Party]
    stages: tuple[Stage, ...]

    def with_state(self, party: str, state: PartyState) -> Plan:
        """The plan in which a party has done something."""
        changed = attrs.evolve(self.parties[party], state=state)
        return attrs.evolve(self, parties={**self.parties, party: changed})

    def open_stage(self) -> int | None:
        """Place of the first stage that is not satisfied; None if all are."""
        places = (at for at, stage in enumerate(self.stages) if not self._is_satisfied(stage))
        return next(places, None)

    def progress(self, before: int) -> Progress:
        """Return the progress after an act in the stage that was open.

        Args:
            before: Place of that stage.
        """
        if self._is_satisfied(self.stages[before]):
            last = len(self.stages) - 1
            return Progress.ALL_DONE if before == last else Progress.STAGE_DONE
        able = sum(1 for one in self._principals(self.stages[before]) if self._is_able(one))
        return Progress.IMPOSSIBLE if able < self._need(self.stages[before]) else Progress.GOES_ON

    def excused(self, at: int) -> Plan:
        """The plan in which those of a satisfied stage who did not act need not any more."""
        waiting = {PartyState.WAITING, *CAN_ACT, PartyState.WRITTEN}
        left = [one for one in self.stages[at].parties if self.parties[one].state in waiting]
        plan = self
        for party in left:
            plan = plan.with_state(party, PartyState.EXCUSED)
        return plan

    def invited(self) -> tuple[Plan, tuple[str, ...]]:
        """The plan in which all whose turn has come are invited; and who was invited now."""
        at = self.open_stage()
        if at is None:
            return self, ()
        turn = [one for one in self.stages[at].parties if self._is_next(self.parties[one])]
        plan = self
        for party in turn:
            plan = plan.with_state(party, PartyState.INVITED)
        return plan, tuple(turn)

    def _is_next(self, party: Party) -> bool:
        seen = self.parties.get(party.of)
        has_seen = seen is None or seen.state in (PartyState.WRITTEN, PartyState.SIGNED)
        return party.state is PartyState.WAITING and has_seen

    def _principals(self, stage: Stage) -> list[Party]:
        held = (self.parties[one] for one in stage.parties)
        return [
            one
            for one in held
            if one.role is not Role.WITNESS and one.state is not PartyState.DELEGATED
        ]

    def _need(self, stage: Stage) -> int:
        return len(self._principals(stage)) if stage.need is None else stage.need

    def _is_satisfied(self, stage: Stage) -> bool:
        counting = [one for one in self._principals(stage) if self._counts(one)]
        return len(counting) >= self._need(stage)

    def _witnesses(self, party: Party) -> list[Party]:
        held = (one for one in self.parties.values() if one.of == party.id)
        return [one for one in held if one.state is not PartyState.DELEGATED]

    def _counts(self, party: Party) -> bool:
        everyone = [party, *self._witnesses(party)]
        return all(one.state is PartyState.SIGNED for one in everyone)

    def _is_able(self, party: Party) -> bool:
        everyone = [party, *self._witnesses(party)]
        return all(one.state in STILL_ABLE for one in everyone)


def check_plan(plan: Plan) -> None:
    """Make sure that parties and stages make a session.

    Raises:
        PlanError: They do not; the error says why.
    """
    if len(plan.parties) > PARTIES_MAX or len(plan.stages) > STAGES_MAX:
        raise PlanError(PlanProblem.TOO_MANY)
    if not plan.stages:
        raise PlanError(PlanProblem.NOBODY_SIGNS)
    standing = [one for stage in plan.stages for one in stage.parties]
    for party in plan.parties.values():
        if standing.count(party.id) != (0 if party.role is Role.VIEWER else 1):
            raise PlanError(PlanProblem.NOT_IN_ONE_STAGE, party.id)
    if set(standing) - plan.parties.keys():
        raise PlanError(PlanProblem.NOT_IN_ONE_STAGE)
    for stage in plan.stages:
        _check_stage(plan, stage)


def _check_stage(plan: Plan, stage: Stage) -> None:
    held = [plan.parties[one] for one in stage.parties]
    principals = {one.id for one in held if one.role is not Role.WITNESS}
    for one in held:
        if (one.of != "") != (one.role is Role.WITNESS) or (one.of and one.of not in principals):
            raise PlanError(PlanProblem.WITNESS, one.id)
    need = len(principals) if stage.need is None else stage.need
    if not 1 <= need <= len(principals):
        raise PlanError(PlanProblem.NEED)
