"""Look-up of signers by what somebody typed, and their display names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.sessions.core.records import NAME_CHARACTERS_MAX
from veche.chat.people.names import chosen_name
from veche.protocol.texts import person_names as names
from veche.runtime.matrix.registration import is_of_namespace

if TYPE_CHECKING:
    from veche.protocol.ids import UserId
    from veche.runtime.matrix.client import MatrixClient

ME: Final = frozenset({"me", "я", "ich", "мене", "меня"})


def user_named(typed: str, bot: UserId, me: UserId) -> UserId | None:
    """The person whom somebody typed: "bob", "@bob:example.org", a link, "me"; None: nobody.

    Args:
        typed: One word.
        bot: Names without a server are of its server.
        me: Who typed it.
    """
    if typed.casefold() in ME:
        return me
    home = bot.partition(":")[2]
    user_id = names.person_named(typed, home)
    is_ours = user_id is not None and is_of_namespace(user_id, home)
    return None if is_ours else user_id


async def known_name(client: MatrixClient, bot: UserId, user_id: UserId) -> str | None:
    """Return somebody's display name; None if there is nobody.

    Args:
        client: Of the process.
        bot: Who asks.
        user_id: Whose name.
    """
    chosen = await chosen_name(client, bot, user_id)
    return None if chosen is None else name_of(user_id, chosen)


def name_of(person: UserId, chosen: str) -> str:
    """The name of a person as it is shown where they sign; see ``texts.person_names``."""
    return names.name_of(person, chosen, NAME_CHARACTERS_MAX)
