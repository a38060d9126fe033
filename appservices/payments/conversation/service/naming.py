"""Look-up of payees by what somebody typed, and their display names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.order import TO
from veche.chat.people.names import chosen_name
from veche.protocol.forms import QUOTES
from veche.protocol.forms.models import fold
from veche.protocol.texts.person_names import name_of, named, person_named
from veche.runtime.matrix.registration import is_of_namespace

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from appservices.payments.config import OrganisationSection, PaymentsSection
    from veche.protocol.ids import UserId
    from veche.runtime.matrix.client import MatrixClient

_NAME_WORDS_MAX: Final = 12
_BEFORE_NAME_MAX: Final = 5
"""Words before the name of an organisation: an amount, and "to"."""


def user_named(typed: str, bot: UserId) -> UserId | None:
    """The person of this server whom somebody typed: "bob", "@bob", "@bob:example.org", a link."""
    server = bot.partition(":")[2]
    user_id = person_named(typed, server)
    is_here = user_id is not None and user_id.partition(":")[2] == server
    return user_id if user_id and is_here and not is_of_namespace(user_id, server) else None


def organisation_named(section: PaymentsSection, typed: str) -> OrganisationSection | None:
    """The organisation whom somebody typed: "shop", "@shop", or the name that is shown of it.

    It goes before a person of that name, so that nobody takes its money by calling themselves so;
    with their server the person is meant: "@shop:example.org".
    """
    by_id = section.organisation(typed.casefold().removeprefix("@"))
    if by_id is not None:
        return by_id
    wanted = _plain(typed)
    named_so = [
        one
        for one in section.organisations
        if wanted in {_plain(name) for name in one.name.values()}
    ]
    return named_so[0] if len(named_so) == 1 else None


def with_organisation_first(section: PaymentsSection, typed: str) -> str:
    """Put the id of an organisation first in an order that names it as it is shown.

    "Lindenau Bakery 10 EUR bread" and "10 EUR to Lindenau Bakery" become "bakery 10 EUR bread" and
    "bakery 10 EUR"; any other order stays as it is.
    """
    words = typed.split()
    for start in range(min(_BEFORE_NAME_MAX, len(words)) + 1):
        before = words[: max(start - 1, 0)]
        if start and (words[start - 1].casefold() not in TO or not _is_amount(before)):
            continue
        for end in range(min(len(words), start + _NAME_WORDS_MAX), start, -1):
            merchant = organisation_named(section, " ".join(words[start:end]))
            if merchant is not None:
                return " ".join([merchant.id, *before, *words[end:]])
    return typed


def _is_amount(words: Sequence[str]) -> bool:
    """Return whether words are empty or may be an amount; the order decides."""
    return not words or words[0][:1].isdigit()


def _plain(name: str) -> str:
    """A name as it is compared: without its case, accents and quotation marks."""
    return " ".join(fold("".join(sign for sign in name if sign not in QUOTES)).split())


def payee_named(typed: str, bot: UserId, servers: Collection[str]) -> UserId | None:
    """The same, or somebody of one of the other ``servers``: "@bob:other.example"."""
    if named(typed)[1] in servers:
        return person_named(typed, bot.partition(":")[2])
    return user_named(typed, bot)


def server_named(typed: str, bot: UserId) -> str | None:
    """The other server that stands in what somebody typed; None if there is none."""
    server = named(typed)[1]
    return server if server and server != bot.partition(":")[2] else None


async def known_name(client: MatrixClient, bot: UserId, user_id: UserId) -> str | None:
    """Return the display name of somebody of this server; None if there is nobody.

    Args:
        client: Of the process.
        bot: Who asks.
        user_id: Whose name.
    """
    chosen = await chosen_name(client, bot, user_id)
    return None if chosen is None else name_of(user_id, chosen)
