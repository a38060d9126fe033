from __future__ import annotations

from pathlib import Path

import veche
from tests.support.catalogues import catalogue_problems

PACKAGE = Path(veche.__file__).parent


def test_every_text_of_the_kernel_is_in_every_language() -> None:
    found = sorted(PACKAGE.glob("**/locale"))
    packages = [".".join(("veche", *one.parent.relative_to(PACKAGE).parts)) for one in found]

    assert packages == [
        "veche.access",
        "veche.bots",
        "veche.chat",
        "veche.documents",
        "veche.protocol.forms",
        "veche.protocol",
    ]
    assert [problem for one in packages for problem in catalogue_problems(one)] == []
