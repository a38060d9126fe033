from __future__ import annotations

from tests.support.catalogues import catalogue_problems


def test_every_text_of_the_kernel_is_translated() -> None:
    assert catalogue_problems("veche.protocol") == []
