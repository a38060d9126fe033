"""Forms: what a bot asks for, and the one way to read the answers, whatever client they come by.

The dialogue that asks field by field is in ``dialogue``, its words to persons in ``rendering``.
"""

from __future__ import annotations

from veche.protocol.forms.display import show_value
from veche.protocol.forms.files import parse_file
from veche.protocol.forms.models import Field, FieldChoice, FieldKind, Form
from veche.protocol.forms.parsing import parse_some, parse_value, parse_values
from veche.protocol.forms.problems import FieldError, FormErrors, Problem
from veche.protocol.forms.values import FieldContext, Value
from veche.protocol.forms.words import QUOTES

__all__ = [
    "QUOTES",
    "Field",
    "FieldChoice",
    "FieldContext",
    "FieldError",
    "FieldKind",
    "Form",
    "FormErrors",
    "Problem",
    "Value",
    "parse_file",
    "parse_some",
    "parse_value",
    "parse_values",
    "show_value",
]
