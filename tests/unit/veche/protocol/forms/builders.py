"""Fields, forms and persons for the tests of forms."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from veche.protocol.forms import (
    Field,
    FieldContext,
    FieldError,
    FieldKind,
    Form,
    Problem,
    Value,
    parse_value,
)
from veche.protocol.texts.catalogue import Catalogue

CATALOGUE = Catalogue.load("veche.protocol", "veche.protocol.forms")
TODAY = dt.date(2026, 3, 15)
REGIONS = {"en": "GB", "ru": "RU", "de": "DE", "uk": "UA"}
COLOURS = [
    {"id": "red", "label": "Red wine"},
    {"id": "green", "label": "Green tea"},
    {"id": "grey", "label": "Grey, or black"},
]


def person(
    language: str = "en", region: str | None = None, zone: str = "Europe/Berlin"
) -> FieldContext:
    """Who answers, on 15 March 2026."""
    return FieldContext(language, TODAY, zone, region or REGIONS[language])


def field(kind: str, **more: Any) -> Field:
    """A field "answer", labelled "Answer", with all that its kind needs."""
    if kind in {"choice", "choices"}:
        more.setdefault("choices", COLOURS)
    return Field.model_validate({"id": "answer", "kind": kind, "label": "Answer", **more})


def form(*fields: dict[str, Any]) -> Form:
    """A form of fields of which each names at least its id."""
    filled = [{"kind": "text", "label": one["id"].capitalize(), **one} for one in fields]
    return Form.model_validate({"fields": filled})


def read(kind: str, raw: object, who: FieldContext | None = None, **more: Any) -> Value:
    """The value of an answer."""
    return parse_value(field(kind, **more), raw, who or person())


def refusal(kind: str, raw: object, who: FieldContext | None = None, **more: Any) -> Problem:
    """Why an answer is refused."""
    with pytest.raises(FieldError) as caught:
        parse_value(field(kind, **more), raw, who or person())
    return caught.value.problem


def all_fields() -> list[Field]:
    """One field of each kind that a form may have."""
    refused = {FieldKind.SIGNATURE, FieldKind.ATTRIBUTE}
    return [field(kind.value) for kind in FieldKind if kind not in refused]


def file_content(**more: Any) -> dict[str, Any]:
    """Content of an ``m.file`` event, encrypted."""
    return {
        "msgtype": "m.file",
        "body": "passport.pdf",
        "info": {"mimetype": "application/pdf", "size": 1_500_000},
        "file": {
            "v": "v2",
            "url": "mxc://example.org/abcDEF123",
            "key": {
                "kty": "oct",
                "alg": "A256CTR",
                "ext": True,
                "key_ops": ["encrypt", "decrypt"],
                "k": "a" * 43,
            },
            "iv": "b" * 22,
            "hashes": {"sha256": "c" * 43},
        },
        **more,
    }
