"""What persons and registrars read when somebody with an account is identified in person.

What a key approves stands in a question that is kept in clear, so it names accounts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.core.identification import LASTS_MS
from appservices.signing.core.texts.meeting import PAPERS, SEEN
from veche.protocol.message import Bold, Bullets, Doc, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.core.guests import Papers
    from appservices.signing.core.identification import Identification
    from veche.protocol.texts.localizer import Speech

_MINUTE_MS: Final = 60_000


def how_doc(speech: Speech) -> Doc:
    """How a registrar begins."""
    words = speech.text(
        "Who is with you? Write their account: the certificates of what they sign with their key"
        " then say that you have identified them."
    )
    return (Paragraph(words, " ", Mono("identify bob")),)


def not_registrar_doc(speech: Speech) -> Doc:
    """That they may identify nobody."""
    words = speech.text(
        "Only those whom the operator of this service has named may identify somebody in person."
    )
    return (Paragraph(words),)


def cannot_doc(name: str, speech: Speech, *, has_chat: bool) -> Doc:
    """That a person cannot be identified yet: they have no chat, or no key."""
    if has_chat:
        words = speech.text(
            "{name} has no key here yet. Let them add one on the page of their keys (they write:"
            " keys), then begin again.",
            name=name,
        )
    else:
        words = speech.text(
            "{name} has no encrypted chat with me yet. Let them write to me first, then begin"
            " again.",
            name=name,
        )
    return (Paragraph(words),)


def waiting_doc(name: str, speech: Speech) -> Doc:
    """That the person is asked now."""
    words = speech.text(
        "{name} is asked now, in their own chat with me, whether they are with you. Their device"
        " then shows four digits.",
        name=name,
    )
    return (Paragraph(words),)


def present_text(one: Identification, speech: Speech) -> str:
    """What a person says with their key: that they stand before somebody."""
    return speech.text(
        "I am with {registrar} now and show my identity document.", registrar=one.registrar
    )


def present_doc(one: Identification, name: str, organisation: str, speech: Speech) -> Doc:
    """The question to the person."""
    words = speech.text(
        "{name} ({organisation}) wants to identify you in person, now. Say yes only if you stand"
        " before them: what you sign with this key then says who you are.",
        name=f"{name} ({one.registrar})",
        organisation=organisation,
    )
    digits = speech.text("Show them these digits, on this device:")
    late = speech.plural(
        "It ends in {count} minute.", "It ends in {count} minutes.", LASTS_MS // _MINUTE_MS
    )
    return (Paragraph(words), Paragraph(digits, " ", Bold(one.code)), Paragraph(late))


def digits_doc(name: str, speech: Speech) -> Doc:
    """The question for the digits."""
    words = speech.text(
        "{name} has said with their key that they are with you. Which four digits does their device"
        " show? Look at it yourself, and write them.",
        name=name,
    )
    return (Paragraph(words),)


def wrong_digits_doc(left: int, speech: Speech) -> Doc:
    """That the digits are others."""
    words = speech.plural(
        "These are not the digits. You can try once more.",
        "These are not the digits. You can try {count} times more.",
        left,
    )
    return (Paragraph(words),)


def papers_doc(name: str, speech: Speech) -> Doc:
    """The question for the identity document."""
    words = speech.text(
        "It is the device of {name}. Look at their identity document: is it them? Which one do they"
        " show? Its number is kept nowhere.",
        name=name,
    )
    return (Paragraph(words),)


def word_text(one: Identification, papers: Papers, speech: Speech) -> str:
    """What the registrar says with their key; it stands in the evidence."""
    seen = speech.text(SEEN[papers], name=one.person)
    here = speech.text(
        "They are with me, and their device showed {code}.",
        code=one.code,
    )
    return f"{seen} {here}"


def word_doc(one: Identification, papers: Papers, name: str, speech: Speech) -> Doc:
    """The same, with the name."""
    called = speech.text("The name in it is {name}.", name=name)
    return (Paragraph(word_text(one, papers, speech)), Paragraph(called))


def done_doc(one: Identification, speech: Speech, *, is_person: bool) -> Doc:
    """That somebody is identified, for the one who reads this."""
    seen, until_ms = one.seen, one.expires_at_ms
    assert seen is not None, "they are"  # noqa: S101 -- our bug
    assert until_ms is not None, "they are"  # noqa: S101 -- our bug
    values = {
        "name": one.name,
        "registrar": f"{seen.by.name} ({seen.by.organisation})",
        "papers": speech.text(PAPERS[seen.papers]),
        "moment": speech.moment(until_ms),
    }
    if is_person:
        words = speech.text(
            "{registrar} has identified you as {name} ({papers}). Until {moment}, the certificates"
            " of what you sign under this name with this key say so. You can take that back:",
            **values,
        )
    else:
        words = speech.text(
            "You have identified {name} ({papers}). Until {moment}, the certificates of what they"
            " sign under this name with this key say so. If it was a mistake:",
            **values,
        )
    return (Paragraph(words),)


def over_doc(speech: Speech) -> Doc:
    """That nobody was identified."""
    return (Paragraph(speech.text("Nobody was identified.")),)


def revoked_doc(name: str, speech: Speech) -> Doc:
    """That it counts no more."""
    words = speech.text(
        "That {name} was identified in person counts no more, from now on.", name=name
    )
    return (Paragraph(words),)


def known_doc(known: Sequence[Identification], speech: Speech) -> Doc:
    """By whom the keys of somebody are known."""
    lines = [
        (
            speech.text(
                "{name}: identified by {registrar} ({papers}), until {moment}",
                name=one.name,
                registrar=one.seen.by.line,
                papers=speech.text(PAPERS[one.seen.papers]),
                moment=speech.moment(one.expires_at_ms),
            ),
        )
        for one in known
        if one.seen is not None and one.expires_at_ms is not None
    ]
    if not lines:
        return (Paragraph(speech.text("Nobody has identified you in person.")),)
    return (Bullets(lines),)
