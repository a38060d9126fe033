"""Reading the form of a service file: fields of the kinds that ``veche.protocol.forms`` knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pydantic

from appservices.agency.language.core.condition_item import FACTS
from appservices.agency.language.core.conditions import KEYWORDS
from appservices.agency.language.core.definition import (
    RELEASE_FIELDS_MAX,
    ChoiceDefinition,
    FieldDefinition,
    Texts,
)
from appservices.agency.language.core.sections import read_id, refuse_doubles
from veche.protocol.forms import FieldKind
from veche.protocol.forms.models import (
    CHOICE_LABEL_CHARACTERS_MAX,
    CHOICES_MAX,
    FIELDS_MAX,
    FILE_BYTES_MAX,
    HELP_CHARACTERS_MAX,
    LABEL_CHARACTERS_MAX,
    LONG_TEXT_CHARACTERS_MAX,
    MIMETYPES_MAX,
)
from veche.protocol.wire import reason

if TYPE_CHECKING:
    from appservices.agency.language.core.texts_section import TextReader
    from appservices.agency.language.core.tree import Item

_KEYS: Final = (
    "id",
    "kind",
    "label",
    "help",
    "required",
    "choices",
    "min",
    "max",
    "max_length",
    "currency",
    "mimetypes",
    "bytes_max",
    "purpose",
)
_LATER_KINDS: Final = {FieldKind.SIGNATURE: "signing", FieldKind.ATTRIBUTE: "identity"}
_FIELD_PATTERN: Final = r"[a-z][a-z0-9_]{0,63}"
_CHOICE_PATTERN: Final = r"[a-z0-9_.-]{1,64}"
_BOUND_CHARACTERS_MAX: Final = 40


def read_form(item: Item | None, texts: TextReader) -> tuple[tuple[FieldDefinition, ...], bool]:
    """The fields, without those that have a problem; and whether a key approves what is sent.

    A form is a list of fields, or a mapping with ``fields`` and ``approve``.
    """
    if item is None or not item.is_kind("map"):
        return _fields(item, texts), False
    section = item.section(("approve", "fields"))
    approve = section.get("approve")
    fields = _fields(section.need("fields", "list the fields, as `fields: [{id: …}]`"), texts)
    needs_key = bool(approve and approve.truth())
    if approve and needs_key and len(fields) > RELEASE_FIELDS_MAX:
        approve.wrong(
            f"the form has {len(fields)} fields",
            f"ask at most {RELEASE_FIELDS_MAX}, so that all of them can be read and approved",
        )
    return fields, needs_key


def _fields(item: Item | None, texts: TextReader) -> tuple[FieldDefinition, ...]:
    if item is None:
        return ()
    found = [
        field
        for entry in item.items(items_max=FIELDS_MAX)
        if (field := _field(entry, texts)) is not None
    ]
    refuse_doubles(item, [field.id for field in found])
    return tuple(found)


def _field(item: Item, texts: TextReader) -> FieldDefinition | None:
    known_problems = len(item.problems)
    section = item.section(_KEYS)
    id_ = _field_id(section.need("id", "write `id: child_name`"))
    kind = _kind(section.need("kind", "write `kind: text`"))
    label = texts.read(
        section.need("label", "ask the question in the languages of the title"),
        characters_max=LABEL_CHARACTERS_MAX,
    )
    help_ = texts.read(section.get("help"), characters_max=HELP_CHARACTERS_MAX)
    required = section.get("required")
    choices = _choices(section.get("choices"), texts)
    currency = section.get("currency")
    values: dict[str, Any] = {
        "required": bool(required.truth()) if required else False,
        "min": _bound(section.get("min")),
        "max": _bound(section.get("max")),
        "max_length": _whole(section.get("max_length"), LONG_TEXT_CHARACTERS_MAX),
        "currency": currency.text(characters_max=3, pattern="[A-Z]{3}") if currency else None,
        "mimetypes": _mimetypes(section.get("mimetypes")),
        "bytes_max": _whole(section.get("bytes_max"), FILE_BYTES_MAX),
        "purpose": read_id(section.get("purpose")),
    }
    if id_ is None or kind is None or label is None:
        return None
    field = FieldDefinition(id_, kind, label, help_, choices=choices, **values)
    if len(item.problems) == known_problems:
        # Else a value that is wrong by itself would be told as missing too.
        _check_bounds(item, field, texts)
    return field


def _check_bounds(item: Item, field: FieldDefinition, texts: TextReader) -> None:
    """Let the form's own rules judge the field in each language."""
    for language in texts.languages:
        try:
            field.field(language)
        except pydantic.ValidationError as e:
            error = e.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, error["loc"]))
            message = reason(error)
            item.wrong(f"{where}: {message}" if where else message, "correct the field")
            return


def _field_id(item: Item | None) -> str | None:
    id_ = item.text(characters_max=64, pattern=_FIELD_PATTERN) if item else None
    if item and id_ and (id_ in FACTS or id_ in KEYWORDS):
        item.wrong(f"{id_} has a meaning in conditions", "use another name")
    return id_


def _kind(item: Item | None) -> FieldKind | None:
    word = item.word([kind.value for kind in FieldKind]) if item else None
    if item is None or word is None:
        return None
    kind = FieldKind(word)
    if kind in _LATER_KINDS:
        item.wrong(
            f"needs the {_LATER_KINDS[kind]} service, which service files cannot use yet",
            "use another kind",
        )
        return None
    return kind


def _choices(item: Item | None, texts: TextReader) -> tuple[ChoiceDefinition, ...] | None:
    if item is None:
        return None
    found = []
    for entry in item.items(items_max=CHOICES_MAX):
        if entry.is_kind("str"):
            entry.wrong("the choice has no label", "write `{id: school, label: {en: School}}`")
            continue
        section = entry.section(("id", "label"))
        id_item = section.need("id", "write `id: school`")
        id_ = id_item.text(characters_max=64, pattern=_CHOICE_PATTERN) if id_item else None
        label: Texts | None = texts.read(
            section.need("label", "name the choice in the languages of the title"),
            characters_max=CHOICE_LABEL_CHARACTERS_MAX,
        )
        if id_ and label:
            found.append(ChoiceDefinition(id_, label))
    refuse_doubles(item, [choice.id for choice in found])
    return tuple(found) or None


def _bound(item: Item | None) -> str | int | None:
    if item is None:
        return None
    # An unquoted date or number is what its writer means, although YAML has types for them.
    if item.is_kind("int", "float", "timestamp"):
        value = str(item.node.value)
        return int(value) if item.is_kind("int") and value.lstrip("-").isdecimal() else value
    return item.text(characters_max=_BOUND_CHARACTERS_MAX)


def _whole(item: Item | None, high: int) -> int | None:
    return item.integer(1, high) if item else None


def _mimetypes(item: Item | None) -> tuple[str, ...] | None:
    if item is None:
        return None
    found = [entry.text(characters_max=100) for entry in item.items(items_max=MIMETYPES_MAX)]
    return tuple(text for text in found if text) or None
