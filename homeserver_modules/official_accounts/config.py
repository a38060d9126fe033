"""Settings of the official accounts: trusted directories, and the operator's list of names."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from homeserver_modules.directories.config import Sections
from homeserver_modules.official_accounts.core.guard import LETTERS_MIN
from homeserver_modules.official_accounts.core.letters import NAME_CHARS_MAX
from homeserver_modules.official_accounts.core.visitors import VisitorsSection


def _has_letters(name: str) -> str:
    if sum(map(str.isalnum, name)) < LETTERS_MIN:
        raise ValueError(f"must have at least {LETTERS_MIN} letters or digits")
    return name


_Account = Annotated[str, Field(pattern=r"^@[^:\s]{1,200}:[^\s]{1,230}$")]
_Name = Annotated[str, Field(max_length=NAME_CHARS_MAX), AfterValidator(_has_letters)]
_MODEL = ConfigDict(frozen=True, strict=True, extra="forbid")


class NameEntry(BaseModel):
    """A name that only an organisation's accounts may use.

    Attributes:
        name: As the organisation writes it; an entry for each language and abbreviation.
        accounts: Matrix user ids that may be called so, of this server or others.
        appeal: Where people appeal who are refused: an address or a short sentence.
    """

    model_config = _MODEL

    name: _Name
    accounts: Annotated[list[_Account], Field(max_length=100)]
    appeal: Annotated[str, Field(min_length=1, max_length=200)]


class AllowedEntry(BaseModel):
    """An appeal that somebody won.

    Attributes:
        account: Matrix user id of the person.
        name: What they, and rooms that they name, may be called.
    """

    model_config = _MODEL

    account: _Account
    name: _Name


class OfficialAccountsConfig(BaseModel):
    """The module's ``config`` in homeserver.yaml; unknown keys are refused.

    Attributes:
        directories: Whose protected names count, in the order of trust.
        names: More protected names.
        allowed: Appeals that were won.
        visitors: Who may invite whom.
        appservice: Id of our application service's registration: its bot tells people, and nobody
            else may ask what.
    """

    model_config = _MODEL

    directories: Sections = []
    names: Annotated[list[NameEntry], Field(max_length=2_000)] = []
    allowed: Annotated[list[AllowedEntry], Field(max_length=10_000)] = []
    visitors: VisitorsSection = VisitorsSection()
    appservice: Annotated[str, Field(min_length=1, max_length=255)] = "veche"
