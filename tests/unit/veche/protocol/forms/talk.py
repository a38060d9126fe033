"""The form of the dialogue's tests, and a person who fills it in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.unit.veche.protocol.forms.builders import COLOURS, file_content, form, person
from veche.protocol.forms.dialogue import start, step
from veche.protocol.forms.state import (
    FormState,
    Input,
    Mode,
    Output,
    Said,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.forms import Form
    from veche.protocol.forms.values import Value

FORM = form(
    {"id": "name", "kind": "person_name", "label": "Your name", "required": True},
    {"id": "born_on", "kind": "date", "label": "Born on", "required": True},
    {"id": "colours", "kind": "choices", "label": "Colours", "choices": COLOURS},
    {"id": "note", "label": "Note for the office"},
    {"id": "paper", "kind": "file", "label": "Paper", "required": True},
    {"id": "agreed", "kind": "yes_no", "label": "Do you agree?", "required": True},
)
FILE = file_content()
NAMES = [field.id for field in FORM.fields]


class Talk:
    """A person and the dialogue; the state goes through JSON at every step, as in life."""

    def __init__(
        self, asked: Form = FORM, values: Mapping[str, Value] | None = None, language: str = "en"
    ) -> None:
        self.form, self.who = asked, person(language)
        self.state, self.said = start(asked, values, started_at_ms=7)

    def hears(self, *heard: Input | str) -> tuple[Output, ...]:
        for one in heard:
            kept = FormState.from_json(json.loads(json.dumps(self.state.to_json())))
            given = Said(one) if isinstance(one, str) else one
            self.state, self.said = step(self.form, kept, given, self.who)
        return self.said

    @property
    def asked(self) -> str:
        """Id of what is asked, "review", or "" after the end."""
        if self.state.mode in {Mode.FILLING, Mode.EDITING}:
            return self.form.fields[self.state.position].id
        return "review" if self.state.mode is Mode.REVIEW else ""


ALL: dict[str, object] = {
    "name": "Anna",
    "born_on": "1990-12-24",
    "paper": FILE,
    "agreed": False,
}
