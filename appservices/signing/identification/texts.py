"""Texts for people and registrars when an account's holder is identified in person.

What a key approves stands in a question that is kept in clear, so it names accounts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.cards.texts.guests import PAPERS, SEEN
from appservices.signing.identification.core import LASTS_MS
from veche.protocol.message import Bold, Bullets, Doc, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.identification.core import Identification
    from appservices.signing.sessions.core.guests import Papers
    from veche.protocol.texts.localizer import Localizer

_MINUTE_MS: Final = 60_000


def how_doc(localizer: Localizer) -> Doc:
    """How a registrar begins."""
    words = localizer.text(
        "Who is with you? Write their account: the certificates of what they sign with their key"
        " then say that you have identified them."
    )
    return (Paragraph(words, " ", Mono("identify bob")),)


def not_registrar_doc(localizer: Localizer) -> Doc:
    """Say that the reader may identify nobody."""
    words = localizer.text(
        "Only those whom the operator of this service has named may identify somebody in person."
    )
    return (Paragraph(words),)


def cannot_doc(name: str, localizer: Localizer, *, has_chat: bool, is_doubted: bool = False) -> Doc:
    """Say that a person cannot be identified yet: no chat, no key, or a doubtful identity."""
    if is_doubted:
        words = localizer.text(
            "{name} has a new identity that is not confirmed yet. Let them confirm it in their chat"
            " with me, then begin again.",
            name=name,
        )
    elif has_chat:
        words = localizer.text(
            "{name} has no key here yet. Let them add one on the page of their keys (they write:"
            " keys), then begin again.",
            name=name,
        )
    else:
        words = localizer.text(
            "{name} has no encrypted chat with me yet. Let them write to me first, then begin"
            " again.",
            name=name,
        )
    return (Paragraph(words),)


def waiting_doc(name: str, localizer: Localizer) -> Doc:
    """Say that the person is asked now."""
    words = localizer.text(
        "{name} is asked now, in their own chat with me, whether they are with you. Their device"
        " then shows four digits.",
        name=name,
    )
    return (Paragraph(words),)


def present_text(one: Identification, localizer: Localizer) -> str:
    """Write the text that a person signs: that they stand before the registrar."""
    return localizer.text(
        "I am with {registrar} now and show my identity document.", registrar=one.registrar
    )


def present_doc(one: Identification, name: str, organisation: str, localizer: Localizer) -> Doc:
    """The question to the person."""
    words = localizer.text(
        "{name} ({organisation}) wants to identify you in person, now. Say yes only if you stand"
        " before them: what you sign with this key then says who you are.",
        name=f"{name} ({one.registrar})",
        organisation=organisation,
    )
    late = localizer.plural(
        "It ends in {count} minute.", "It ends in {count} minutes.", LASTS_MS // _MINUTE_MS
    )
    return (Paragraph(words), Paragraph(late))


def show_doc(one: Identification, localizer: Localizer) -> Doc:
    """Write the digits that the person shows, for them alone."""
    digits = localizer.text("Show them these digits, on this device:")
    return (Paragraph(digits, " ", Bold(one.code)),)


def digits_doc(name: str, localizer: Localizer) -> Doc:
    """The question for the digits."""
    words = localizer.text(
        "{name} has said with their key that they are with you. Which four digits does their device"
        " show? Look at it yourself, and write them.",
        name=name,
    )
    return (Paragraph(words),)


def wrong_digits_doc(left: int, localizer: Localizer) -> Doc:
    """Say that the digits are wrong."""
    words = localizer.plural(
        "These are not the digits. You can try once more.",
        "These are not the digits. You can try {count} times more.",
        left,
    )
    return (Paragraph(words),)


def papers_doc(name: str, localizer: Localizer) -> Doc:
    """The question for the identity document."""
    words = localizer.text(
        "It is the device of {name}. Look at their identity document: is it them? Which one do they"
        " show? Its number is kept nowhere.",
        name=name,
    )
    return (Paragraph(words),)


def word_text(one: Identification, papers: Papers, localizer: Localizer) -> str:
    """Write the text that the registrar signs; it becomes part of the evidence."""
    seen = localizer.text(SEEN[papers], name=one.person)
    here = localizer.text(
        "They are with me, and their device showed {code}.",
        code=one.code,
    )
    return f"{seen} {here}"


def word_doc(one: Identification, papers: Papers, name: str, localizer: Localizer) -> Doc:
    """The same, with the name."""
    called = localizer.text("The name in it is {name}.", name=name)
    return (Paragraph(word_text(one, papers, localizer)), Paragraph(called))


def done_doc(one: Identification, localizer: Localizer, *, is_person: bool) -> Doc:
    """Tell the reader that somebody is identified."""
    seen, until_ms = one.seen, one.expires_at_ms
    assert seen is not None, "they are"  # noqa: S101 -- our bug
    assert until_ms is not None, "they are"  # noqa: S101 -- our bug
    values = {
        "name": one.name,
        "registrar": f"{seen.by.name} ({seen.by.organisation})",
        "papers": localizer.text(PAPERS[seen.papers]),
        "moment": localizer.moment(until_ms),
    }
    if is_person:
        words = localizer.text(
            "{registrar} has identified you as {name} ({papers}). Until {moment}, the certificates"
            " of what you sign under this name with this key say so. You can take that back:",
            **values,
        )
    else:
        words = localizer.text(
            "You have identified {name} ({papers}). Until {moment}, the certificates of what they"
            " sign under this name with this key say so. If it was a mistake:",
            **values,
        )
    return (Paragraph(words),)


def over_doc(localizer: Localizer) -> Doc:
    """Say that nobody was identified."""
    return (Paragraph(localizer.text("Nobody was identified.")),)


def revoked_doc(name: str, localizer: Localizer) -> Doc:
    """Say that an identification no longer counts."""
    words = localizer.text(
        "That {name} was identified in person counts no more, from now on.", name=name
    )
    return (Paragraph(words),)


def known_doc(known: Sequence[Identification], localizer: Localizer) -> Doc:
    """By whom the keys of somebody are known."""
    lines = [
        (
            localizer.text(
                "{name}: identified by {registrar} ({papers}), until {moment}",
                name=one.name,
                registrar=one.seen.by.line,
                papers=localizer.text(PAPERS[one.seen.papers]),
                moment=localizer.moment(one.expires_at_ms),
            ),
        )
        for one in known
        if one.seen is not None and one.expires_at_ms is not None
    ]
    if not lines:
        return (Paragraph(localizer.text("Nobody has identified you in person.")),)
    return (Bullets(lines),)
