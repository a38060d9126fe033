"""Texts of bots about sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from veche.access.sessions.core import MINUTE_MS, OFFER_MS
from veche.protocol.commands import SIGN_OUT
from veche.protocol.message import Link, Mono, Paragraph
from veche.protocol.texts.catalogue import Catalogue

if TYPE_CHECKING:
    from veche.access.sessions.core import Agent
    from veche.protocol.message import Doc

CATALOGUE: Final = Catalogue.load("veche.access")
_MINUTES: Final = OFFER_MS // MINUTE_MS


def link_doc(url: str, language: str) -> Doc:
    """A link that signs its reader in."""
    return (
        Paragraph(Link(CATALOGUE.text(language, "Open your page in the browser"), url)),
        Paragraph(
            CATALOGUE.text(
                language,
                "The link is for you alone. It signs you in once, within {minutes} minutes. Do not"
                " pass it on.",
                minutes=_MINUTES,
            )
        ),
    )


def code_doc(code: str, url: str, agent: Agent, language: str) -> Doc:
    """A code for the page that somebody opened, and the link that does the same."""
    return (
        Paragraph(
            CATALOGUE.text(
                language,
                "Somebody opens your page ({agent}) and gave your Matrix id. If that is you, type"
                " this code there:",
                agent=agent_words(agent, language),
            ),
            "\n",
            Mono(code),
        ),
        Paragraph(Link(CATALOGUE.text(language, "Or open your page with this link"), url)),
        Paragraph(
            CATALOGUE.text(
                language,
                "Type the code only at {host}, and give it to nobody: we never ask for it. Code and"
                " link work once, within {minutes} minutes.",
                host=urlsplit(url).netloc,
                minutes=_MINUTES,
            )
        ),
        Paragraph(
            CATALOGUE.text(language, "Not you? Then do nothing: nobody gets in without the code.")
        ),
    )


def signed_in_doc(agent: Agent, language: str) -> Doc:
    """Somebody signed in with what was sent here."""
    words = CATALOGUE.text(
        language,
        "You are signed in on our pages ({agent}). If that was not you, reply `{command}`",
        agent=agent_words(agent, language),
        command=SIGN_OUT.word(language),
    )
    before, _, rest = words.partition("`")
    command, _, after = rest.partition("`")
    spans = (before, Mono(command), after) if after else (before, Mono(command))
    return (Paragraph(*spans),)


def signed_out_doc(count: int, language: str) -> Doc:
    """All sessions ended."""
    if count == 0:
        words = CATALOGUE.text(language, "You were signed in nowhere.")
    else:
        words = CATALOGUE.plural(
            language,
            "You are signed out: {count} browser.",
            "You are signed out: {count} browsers.",
            count,
        )
    return (Paragraph(words),)


def not_private_doc(language: str) -> Doc:
    """Why no link is sent here, and what to do."""
    return (
        Paragraph(
            CATALOGUE.text(
                language,
                "I send no link here: others could use it, since this chat is not encrypted or not"
                " between the two of us alone. Please start a new direct chat with me, with"
                " encryption on, and ask there again.",
            )
        ),
    )


def doubted_doc(language: str) -> Doc:
    """Why no link is sent now, and what to do."""
    return (
        Paragraph(
            CATALOGUE.text(
                language,
                "I send no link now: your account has an identity that you have not confirmed here."
                " Please confirm it first; I wrote how.",
            )
        ),
    )


def no_pages_doc(language: str) -> Doc:
    """There are no pages on this server."""
    return (Paragraph(CATALOGUE.text(language, "There are no pages here; all works in the chat.")),)


def too_many_doc(language: str) -> Doc:
    """Enough links for now."""
    return (
        Paragraph(
            CATALOGUE.text(
                language, "You had many links within this hour. Please use one, or come back later."
            )
        ),
    )


def agent_words(agent: Agent, language: str) -> str:
    """A browser in words; all of them are ours."""
    if agent.browser and agent.system:
        return CATALOGUE.text(
            language, "{browser} on {system}", browser=agent.browser, system=agent.system
        )
    known = agent.browser or agent.system
    return known or CATALOGUE.text(language, "an unknown browser")
