"""Whom somebody means who is to be paid, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.chat.people.names import chosen_name
from veche.protocol.texts.person_names import name_of, named, person_named
from veche.runtime.matrix.registration import is_of_namespace

if TYPE_CHECKING:
    from collections.abc import Collection

    from appservices.payments.config import OrganisationSection, PaymentsSection
    from veche.protocol.ids import UserId
    from veche.runtime.matrix.client import MatrixClient


def user_named(typed: str, bot: UserId) -> UserId | None:
    """The person of this server whom somebody typed: "bob", "@bob", "@bob:example.org", a link."""
    server = bot.partition(":")[2]
    user_id = person_named(typed, server)
    is_here = user_id is not None and user_id.partition(":")[2] == server
    return user_id if user_id and is_here and not is_of_namespace(user_id, server) else None


def organisation_named(section: PaymentsSection, typed: str) -> OrganisationSection | None:
    """The organisation whom somebody typed: "shop" or "@shop".

    It goes before a person of that name, so that nobody takes its money by calling themselves so;
    with their server the person is meant: "@shop:example.org".
    """
    return section.organisation(typed.casefold().removeprefix("@"))


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
    """What somebody of this server is called, as it is shown; None if there is nobody.

    Args:
        client: Of the process.
        bot: Who asks.
        user_id: Whose name.
    """
    chosen = await chosen_name(client, bot, user_id)
    return None if chosen is None else name_of(user_id, chosen)
