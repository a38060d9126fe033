"""Other judges of our tax invoices: the schemas of UBL, and rules of EN 16931 and Peppol."""

from __future__ import annotations

import io

import einvoice
import einvoice.parser
import einvoice.rules_peppol
import peppol.rules
import peppol.xsd
from lxml import etree

from appservices.payments.tax.core.ubl import PEPPOL


def said_against(data: bytes) -> list[str]:
    """What schemas and rules say against an invoice; those of Peppol if it says it is one."""
    return [*against_schema(data), *against_rules(data)]


def against_schema(data: bytes) -> list[str]:
    """What the schemas of UBL 2.1 say against an invoice."""
    _, said = peppol.xsd.validate_xsd(data)
    return list(said)


def against_rules(data: bytes) -> list[str]:
    """What the rules say against an invoice."""
    root = einvoice.parser.parse_file(io.BytesIO(data))
    found = [str(one) for one in einvoice.validate_root(root).violations]
    if texts(data, "CustomizationID") == [PEPPOL]:
        # This judge knows no rounding of the whole (BT-114): einvoice judges that rule with it.
        is_rounded = bool(texts(data, "PayableRoundingAmount"))
        fatal = [
            one
            for one in peppol.rules.check_rules(data)
            if one.severity == "fatal" and not (is_rounded and one.rule_id == "BR-CO-16")
        ]
        found += [str(one) for one in fatal]
        found += [str(one) for one in einvoice.rules_peppol.evaluate_ubl(root)]
    return found


def texts(data: bytes, name: str) -> list[str]:
    """The texts of the elements of a name, in their order."""
    return [one.text for one in etree.fromstring(data).iter("{*}" + name)]
