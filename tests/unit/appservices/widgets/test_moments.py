"""Moments on pages, in the zone of whoever reads them, which is named."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Final

import pytest

from tests.support.node import WIDGETS, node, why_no_node
from tests.support.tables import each_row

I18N: Final = WIDGETS / "static" / "kit" / "i18n.js"
MOMENT_MS: Final = 1_780_000_000_000
"""28 May 2026, 20:26:40 UTC."""

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())


def shown(language: str, zone: str) -> str:
    """What a page shows of the moment, asked of Node."""
    code = f"""
        globalThis.window = globalThis;
        globalThis.parent = globalThis;
        globalThis.addEventListener = () => {{}};
        globalThis.location = {{ search: "", href: "https://pages.test/" }};
        globalThis.document = {{ documentElement: {{}} }};
        const i18n = await import({json.dumps(I18N.as_uri())});
        await i18n.useLanguage({json.dumps(language)});
        process.stdout.write(i18n.showDateTime({MOMENT_MS}));
    """
    done = subprocess.run(
        [str(node()), "--input-type=module", "--eval", code],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


@each_row(
    ("language", "zone", "ends"),
    [
        ("en", "UTC", "at 20:26 UTC"),
        ("en", "Europe/Berlin", "at 22:26 CEST"),
        ("de", "Europe/Berlin", "um 22:26 MESZ"),
        ("ru", "Europe/Moscow", "в 23:26 GMT+3"),
        ("uk", "Europe/Kyiv", "о 23:26 GMT+3"),
    ],
)
def test_a_moment_is_shown_with_the_zone_of_its_reader(language: str, zone: str, ends: str) -> None:
    moment = shown(language, zone)

    assert moment.startswith(("28 ", "28. "))
    assert moment.endswith(ends)
