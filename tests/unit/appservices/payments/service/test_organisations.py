"""Whose key it is that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appservices.payments.config import OrganisationSection
from appservices.payments.organisations.service.callers import organisation_keys
from veche.api.bearer import KEY_CHARACTERS_MIN, OrganisationKey
from veche.protocol.errors import ConfigError, ForbiddenError, SignInError

if TYPE_CHECKING:
    from pathlib import Path

ANY = OrganisationKey()
KEY = "k" * KEY_CHARACTERS_MIN


def section(folder: Path, name: str, *keys: str) -> OrganisationSection:
    found = []
    for number, key in enumerate(keys):
        path = folder / f"{name}{number}"
        path.write_text(key + "\n")
        path.chmod(0o600)
        found.append({"path": str(path), "scopes": ["invoice"]})
    whole = {"id": name, "name": {"en": name.title(), "de": "Die Stadt"}, "keys": found}
    return OrganisationSection.model_validate(whole)


def test_each_key_is_of_one_organisation(tmp_path: Path) -> None:
    keys = organisation_keys(
        [section(tmp_path, "a", KEY, f"{KEY}2"), section(tmp_path, "b", "b" * 40)], "de"
    )

    assert [keys.caller(f"Bearer {key}", ANY).id for key in (KEY, f"{KEY}2", "b" * 40)] == [
        "a",
        "a",
        "b",
    ]
    assert keys.caller(f"bearer {KEY}", ANY).name == "Die Stadt"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer \udcff"]
)
def test_whatever_else_is_nobody(tmp_path: Path, header: str) -> None:
    with pytest.raises(SignInError):
        organisation_keys([section(tmp_path, "a", KEY)], "en").caller(header, ANY)


def test_a_key_does_what_its_scopes_say(tmp_path: Path) -> None:
    caller = organisation_keys([section(tmp_path, "a", KEY)], "en").caller(
        f"Bearer {KEY}", OrganisationKey("invoice")
    )
    caller.need("invoice")

    with pytest.raises(ForbiddenError, match="lacks the scope refund"):
        caller.need("refund")


def test_a_key_that_is_short_or_there_twice_is_refused_at_the_start(tmp_path: Path) -> None:
    for keys, wrong in (((KEY[1:],), "32 characters"), ((KEY, KEY), "there twice")):
        with pytest.raises(ConfigError, match=wrong):
            organisation_keys([section(tmp_path, "a", *keys)], "en")
