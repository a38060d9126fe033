"""A message's schema out of the classes that others generated from it.

Of some messages no package carries ISO's schema, but one carries classes made of it, with all of
its rules: names, order, how often, lengths, patterns, codes. They are read as text and never run.
That a type is a choice is only in its name, as ISO names all of these. A test builds a schema anew
that is to be had as a file too, and compares.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BUILTIN: Final[Mapping[str, str]] = {
    "str": "xs:string",
    "Decimal": "xs:decimal",
    "bool": "xs:boolean",
    "XmlDate": "xs:date",
    "XmlDateTime": "xs:dateTime",
    "XmlPeriod": "xs:gYear",
    "XmlTime": "xs:time",
}
_FACETS: Final = {
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
    "min_inclusive": "minInclusive",
    "total_digits": "totalDigits",
    "fraction_digits": "fractionDigits",
}
_BASE64: Final = "xs:base64Binary"
_CHOICE: Final = "Choice"
_ROOT: Final = "Document"


@dataclass(frozen=True)
class _Field:
    """An element, an attribute or the text of a type.

    Attributes:
        kind: ``Element``, ``Attribute``, ``Wildcard``; empty: the text.
        name: In XML.
        type: Name of a class, or of a type of XML Schema.
        rules: Of the field, as the class has them.
        is_list: It may come more than once.
    """

    kind: str
    name: str
    type: str
    rules: Mapping[str, Any]
    is_list: bool


def schema_of(source: str, namespace: str) -> bytes:
    """The schema of a message.

    Args:
        source: Python; one class a type, as xsdata writes them.
        namespace: Of the message.

    Raises:
        ValueError: It has something that is not known here.
    """
    classes = {one.name: one for one in ast.parse(source).body if isinstance(one, ast.ClassDef)}
    start = (
        f'<xs:schema xmlns="{namespace}" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        f' elementFormDefault="qualified" targetNamespace="{namespace}">'
    )
    root = f'<xs:element name="{_ROOT}" type="{_ROOT}"/>'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', start, root]
    waiting, seen = [_ROOT], {_ROOT}
    while waiting:
        name = waiting.pop(0)
        body = classes[name]
        if any(isinstance(base, ast.Name) and base.id == "Enum" for base in body.bases):
            lines += _codes(body)
            continue
        fields = list(_fields(body))
        lines += _type(name, fields)
        new = [one.type for one in fields if one.type in classes and one.type not in seen]
        waiting += dict.fromkeys(new)
        seen.update(new)
    return "\n".join([*lines, "</xs:schema>", ""]).encode()


def _codes(body: ast.ClassDef) -> Iterator[str]:
    yield f'<xs:simpleType name="{body.name}"><xs:restriction base="xs:string">'
    for one in body.body:
        if isinstance(one, ast.Assign):
            yield f'<xs:enumeration value="{ast.literal_eval(one.value)}"/>'
    yield "</xs:restriction></xs:simpleType>"


def _fields(body: ast.ClassDef) -> Iterator[_Field]:
    for one in body.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.value, ast.Call):
            [rules] = [_literal(k.value) for k in one.value.keywords if k.arg == "metadata"]
            words = {node.id for node in ast.walk(one.annotation) if isinstance(node, ast.Name)}
            [type_] = words - {"None", "list"}
            type_ = _BASE64 if rules.get("format") == "base64" else _BUILTIN.get(type_, type_)
            kind, name = rules.get("type", ""), rules.get("name", "")
            yield _Field(kind, name, type_, rules, "list" in words)


def _literal(node: ast.expr) -> Any:
    """A value; a decimal as its digits."""
    if isinstance(node, ast.Dict):
        return {
            _literal(key): _literal(value)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, ast.Call):
        [digits] = node.args
        return ast.literal_eval(digits)
    return ast.literal_eval(node)


def _type(name: str, fields: list[_Field]) -> Iterator[str]:
    if not fields[0].kind:
        yield from _text(name, fields)
        return
    yield f'<xs:complexType name="{name}">'
    if fields[0].kind == "Wildcard":
        yield '<xs:sequence><xs:any namespace="##any" processContents="lax"/></xs:sequence>'
    else:
        group = "choice" if name.rstrip("0123456789_").endswith(_CHOICE) else "sequence"
        yield f"<xs:{group}>"
        for one in fields:
            yield from _element(one, is_of_choice=group == "choice")
        yield f"</xs:{group}>"
    yield "</xs:complexType>"


def _text(name: str, fields: list[_Field]) -> Iterator[str]:
    """A type that is a text with attributes."""
    text, *attributes = fields
    yield from _simple(text, f' name="{name}_SimpleType"')
    yield f'<xs:complexType name="{name}"><xs:simpleContent>'
    yield f'<xs:extension base="{name}_SimpleType">'
    for one in attributes:
        use = "required" if one.rules.get("required") else "optional"
        yield f'<xs:attribute name="{one.name}" use="{use}">'
        yield from _simple(one)
        yield "</xs:attribute>"
    yield "</xs:extension></xs:simpleContent></xs:complexType>"


def _element(one: _Field, *, is_of_choice: bool) -> Iterator[str]:
    if one.kind != "Element":
        raise ValueError(f"{one.name}: {one.kind} beside elements")
    least = one.rules.get("min_occurs", int(bool(one.rules.get("required")) or is_of_choice))
    most = one.rules.get("max_occurs", "unbounded") if one.is_list else 1
    bounds = f'minOccurs="{least}" maxOccurs="{most}"'
    if not any(facet in one.rules for facet in _FACETS):
        yield f'<xs:element name="{one.name}" type="{one.type}" {bounds}/>'
        return
    yield f'<xs:element name="{one.name}" {bounds}>'
    yield from _simple(one)
    yield "</xs:element>"


def _simple(one: _Field, named: str = "") -> Iterator[str]:
    yield f'<xs:simpleType{named}><xs:restriction base="{one.type}">'
    for rule, facet in _FACETS.items():
        if rule in one.rules:
            value = str(one.rules[rule]).replace("&", "&amp;").replace('"', "&quot;")
            yield f'<xs:{facet} value="{value}"/>'
    yield "</xs:restriction></xs:simpleType>"
