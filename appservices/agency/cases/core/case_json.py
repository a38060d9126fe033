"""A case as JSON, for the store; read back only from there."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases.core.case import (
    AddedFile,
    Case,
    DeskForm,
    Fee,
    FeeState,
    HistoryEntry,
    Issued,
    OpenQuestion,
    PendingDocument,
    QuestionKind,
    Refusal,
    Signatures,
    Timer,
)
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.language.core.definition import Decision
from appservices.agency.offices.core.office import Role
from veche.protocol.canonical import plain
from veche.protocol.errors import MalformedError
from veche.protocol.forms.state import FormState

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = 1
"""Of the form of the JSON; a later one reads earlier ones."""
_LATER: Final = frozenset({"is_approved", "decided_by", "signatures", "fees", "wiped_at_ms"})
"""What cases that were kept by earlier releases do not have."""


def to_json(case: Case) -> dict[str, Any]:
    """The case as JSON without floats; ``from_json`` reads it again."""
    names = [attribute.name for attribute in attrs.fields(Case)]
    written: dict[str, Any] = plain(
        {"v": VERSION, **{name: _written(getattr(case, name)) for name in names}}
    )
    return written


def from_json(kept: Mapping[str, Any]) -> Case:
    """The case that was kept.

    Raises:
        MalformedError: ``to_json`` did not write it.
    """
    if kept.get("v") != VERSION:
        raise MalformedError("case.v", "the case was kept by another version")
    try:
        return _read(kept)
    except (KeyError, TypeError, ValueError) as e:
        raise MalformedError("case", "the case was not kept by this program") from e


def _written(value: Any) -> Any:
    match value:
        case FormState():
            return value.to_json()
        case enum.Enum():
            return value.value
        case tuple():
            return [_written(item) for item in value]
        case _ if attrs.has(type(value)):
            names = [attribute.name for attribute in attrs.fields(type(value))]
            return {name: _written(getattr(value, name)) for name in names}
        case _:
            return value


def _read(kept: Mapping[str, Any]) -> Case:
    names = [attribute.name for attribute in attrs.fields(Case)]
    values = {name: kept[name] for name in names if name not in _LATER or name in kept}
    values["state"] = State(kept["state"])
    values["form"] = None if kept["form"] is None else FormState.from_json(kept["form"])
    values["timers"] = tuple(_timer(timer) for timer in kept["timers"])
    values["flags"] = tuple(kept["flags"])
    values["desk_form"] = _desk_form(kept["desk_form"])
    values["question"] = _question(kept["question"])
    values["refusal"] = None if kept["refusal"] is None else Refusal(**kept["refusal"])
    values["files"] = tuple(AddedFile(**added) for added in kept["files"])
    values["documents"] = tuple(Issued(**issued) for issued in kept["documents"])
    values["pending"] = None if kept["pending"] is None else PendingDocument(**kept["pending"])
    values["fees"] = tuple(_fee(fee) for fee in kept.get("fees", ()))
    signatures = kept.get("signatures")
    values["signatures"] = None if signatures is None else Signatures(**signatures)
    values["history"] = tuple(_entry(entry) for entry in kept["history"])
    return Case(**values)


def _timer(kept: Mapping[str, Any]) -> Timer:
    return Timer(TimerKind(kept["kind"]), kept["at_ms"], kept["serial"])


def _fee(kept: Mapping[str, Any]) -> Fee:
    states = {"goes_on": State(kept["goes_on"]), "state": FeeState(kept["state"])}
    return Fee(**{**kept, **states})


def _desk_form(kept: Mapping[str, Any] | None) -> DeskForm | None:
    if kept is None:
        return None
    return DeskForm(Decision(kept["decision"]), kept["by"], FormState.from_json(kept["form"]))


def _question(kept: Mapping[str, Any] | None) -> OpenQuestion | None:
    if kept is None:
        return None
    kind = QuestionKind(kept["kind"])
    return OpenQuestion(kind, kept["text"], kept["due_at_ms"], kept["escalations"])


def _entry(kept: Mapping[str, Any]) -> HistoryEntry:
    return HistoryEntry(
        kept["at_ms"],
        Role(kept["role"]),
        State(kept["state"]),
        Happened(kept["happened"]),
        kept["text"],
    )
