"""An invitation as a letter: a sheet that an office prints for somebody without an account."""

from __future__ import annotations

import io
from html import escape
from typing import Final

import segno

from veche.protocol.texts.catalogue import Catalogue, show_date_time

CATALOGUE: Final = Catalogue.load("appservices.app")
_SHEET: Final = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 14pt/1.5 sans-serif; max-width: 16cm; margin: 3cm auto; }}
svg {{ width: 7cm; height: 7cm; }}
code {{ font-size: 11pt; overflow-wrap: anywhere; }}
</style>
<h1><bdi>{title}</bdi></h1>
<p>{what}</p>
<p>{how}</p>
{code}
<p><code>{link}</code></p>
<p>{until}</p>
</html>
"""


def letter(office: str, link: str, until_ms: int, language: str) -> str:
    """An invitation as HTML, to be printed.

    Args:
        office: Its name, as people know it.
        link: Of the invitation.
        until_ms: How long it is good, UTC.
        language: Code of a catalogue.
    """
    drawn = io.BytesIO()
    segno.make_qr(link, error="m").save(drawn, kind="svg", xmldecl=False, omitsize=True)
    until = show_date_time(until_ms, language, "UTC")
    return _SHEET.format(
        language=language,
        title=escape(CATALOGUE.text(language, "Invitation from {office}", office=office)),
        what=CATALOGUE.text(
            language,
            "With it you reach us from your phone or computer: you ask for services, send documents"
            " and get answers that nobody else can read.",
        ),
        how=CATALOGUE.text(
            language,
            "Scan this code with the camera of your phone, or type the address below into your"
            " browser.",
        ),
        code=drawn.getvalue().decode(),
        link=escape(link),
        until=CATALOGUE.text(
            language,
            "The invitation is good until {until}, so keep it to yourself until you have made your"
            " account.",
            until=until,
        ),
    )
