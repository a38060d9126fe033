"""That a schema built of classes is ISO's: where both are to be had, they are the same."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import pytest
from lxml import etree

from appservices.payments.banks.core.xml import PREFIX
from appservices.payments.banks.vendor import SCHEMAS
from appservices.payments.banks.vendor_classes import schema_of
from appservices.payments.interbank.core.movements import PACS_008, REASONS
from appservices.payments.interbank.service import (
    invoices as invoices_abroad,
)
from appservices.payments.interbank.service import (
    taking as peers_taking,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"


def source(message: str) -> str:
    """The classes of a message."""
    name = message.replace(".", "_")
    return (files("pyiso20022") / message[:4] / name / f"{name}.py").read_text()


def types_of(data: bytes) -> dict[str, Any]:
    """Each type of a schema: what it has, with all rules, whatever these are called."""
    named = {one.get("name"): one for one in etree.fromstring(data) if one.get("name")}

    def rules(one: Any) -> Any:
        restriction = one.find(f"{_XS}restriction")
        facets = sorted((facet.tag, facet.get("value")) for facet in restriction)
        return restriction.get("base"), facets

    def kind(one: Any) -> Any:
        name = one.get("type")
        if name is None:
            return rules(one.find(f"{_XS}simpleType"))
        if name in named and named[name].tag == f"{_XS}simpleType":
            return rules(named[name])
        return (name, []) if name.startswith("xs:") else name.lower()

    found: dict[str, Any] = {}
    for name, one in named.items():
        if one.tag != f"{_XS}complexType":
            continue
        text = one.find(f"{_XS}simpleContent/{_XS}extension")
        if text is not None:
            attributes = [(at.get("name"), at.get("use"), kind(at)) for at in text]
            found[name.lower()] = (rules(named[text.get("base")]), attributes)
            continue
        found[name.lower()] = one[0].tag, [_part(part, kind) for part in one[0]]
    return found


def _part(part: Any, kind: Any) -> Any:
    bounds: Mapping[str, str] = part.attrib
    is_element = part.tag == f"{_XS}element"
    return (
        bounds.get("name"),
        bounds.get("minOccurs", "1"),
        bounds.get("maxOccurs", "1"),
        kind(part) if is_element else bounds.get("processContents"),
    )


def test_the_schema_of_classes_is_that_of_iso() -> None:
    of_iso = types_of((SCHEMAS / f"{PACS_008}.xsd").read_bytes())
    built = types_of(schema_of(source(PACS_008), PREFIX + PACS_008))

    assert len(of_iso) > 80
    assert built == of_iso


def test_what_is_no_schema_is_not_built() -> None:
    strange = source(PACS_008).replace('"type": "Element"', '"type": "Elements"')
    with pytest.raises(ValueError, match="Elements beside elements"):
        schema_of(strange, PREFIX + PACS_008)


def test_each_no_of_an_institution_that_says_more_than_no_has_a_reason() -> None:
    codes = {
        peers_taking.NO_PAYEE,
        peers_taking.OTHER_CURRENCY,
        peers_taking.CLOSED,
        peers_taking.NO_CREDIT,
        peers_taking.EXPIRED,
        peers_taking.DIFFERENT,
        peers_taking.NOT_YOURS,
        peers_taking.BAD_AMOUNT,
        invoices_abroad.INVOICE_OVER,
        invoices_abroad.INVOICE_PAID,
    }
    assert set(REASONS) == codes
