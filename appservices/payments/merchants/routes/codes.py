"""Payment codes of invoices, and of organisations that are paid by their name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.institutions.routes import API
from appservices.payments.merchants.api.codes import (
    CodeQuery,
    CodeView,
    NamedCodeQuery,
    NamedCodeView,
)
from appservices.payments.merchants.service.codes import code_of, named_code
from appservices.payments.organisations.routes.calls import CallerRoutes
from veche.api import Download
from veche.runtime.files.qr_codes import draw_png, draw_svg

if TYPE_CHECKING:
    from appservices.payments.merchants.service.codes import Code
    from veche.api import Call
    from veche.runtime.database import Cursor


PRINTED_SCALE: Final = 16
"""Pixels a module of what is printed: at 300 dots an inch, some 6 cm."""


class CodeRoutes(CallerRoutes):
    """Codes of organisations and their invoices."""

    @API.by_key("read").transaction(
        "payments.code",
        "GET",
        "/invoices/<invoice_id>/code",
        query=CodeQuery,
        answer=CodeView,
        summary="The code by which an invoice is paid: what it says, and as SVG",
    )
    def code(self, txn: Cursor, call: Call) -> CodeView:
        """Return the text and the picture of a code."""
        code = self._code(txn, call)
        svg = draw_svg(code.payload, version_max=code.version_max).decode()
        return CodeView(format=call.query.format, payload=code.payload, svg=svg)

    @API.by_key("read").transaction(
        "payments.code",
        "GET",
        "/invoices/<invoice_id>/code.png",
        query=CodeQuery,
        answer=Download,
        summary="The same as a picture, PNG",
    )
    def png(self, txn: Cursor, call: Call) -> Download:
        """As PNG."""
        code = self._code(txn, call)
        picture = draw_png(code.payload, version_max=code.version_max)
        return Download(picture, "image/png", f"{call.path_args['invoice_id']}.png")

    @API.by_key("read").transaction(
        "payments.code",
        "GET",
        "/invoices/<invoice_id>/code.svg",
        query=CodeQuery,
        answer=Download,
        summary="The same as a picture, SVG",
    )
    def svg(self, txn: Cursor, call: Call) -> Download:
        """As SVG."""
        code = self._code(txn, call)
        picture = draw_svg(code.payload, version_max=code.version_max)
        return Download(picture, "image/svg+xml", f"{call.path_args['invoice_id']}.svg")

    @API.by_key("read").transaction(
        "payments.code",
        "GET",
        "/code",
        query=NamedCodeQuery,
        answer=NamedCodeView,
        summary="The code by which the organisation is paid by its name: what it says, and as SVG",
    )
    def named(self, txn: Cursor, call: Call) -> NamedCodeView:
        """Return the text and the picture of a code."""
        code = self._named(txn, call)
        return NamedCodeView(payload=code.payload, svg=draw_svg(code.payload).decode())

    @API.by_key("read").transaction(
        "payments.code",
        "GET",
        "/code.png",
        query=NamedCodeQuery,
        answer=Download,
        summary="The same as a picture to print, PNG",
    )
    def named_png(self, txn: Cursor, call: Call) -> Download:
        """As PNG."""
        picture = draw_png(self._named(txn, call).payload, scale=PRINTED_SCALE)
        return Download(picture, "image/png", "code.png")

    @API.by_key("read").transaction(
        "payments.code",
        "GET",
        "/code.svg",
        query=NamedCodeQuery,
        answer=Download,
        summary="The same as a picture to print, SVG",
    )
    def named_svg(self, txn: Cursor, call: Call) -> Download:
        """As SVG."""
        picture = draw_svg(self._named(txn, call).payload)
        return Download(picture, "image/svg+xml", "code.svg")

    def _named(self, txn: Cursor, call: Call) -> Code:
        caller = call.caller
        return named_code(self._conversation(txn, "code", call), caller, call.query)

    def _code(self, txn: Cursor, call: Call) -> Code:
        caller = call.caller
        scene = self._conversation(txn, "code", call)
        return code_of(scene, caller, call.path_args["invoice_id"], call.query.format)
