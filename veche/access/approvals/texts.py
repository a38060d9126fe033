"""Texts of bots about keys and approvals, and the lines of a person's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from veche.access.approvals.core import ENROLMENT_MS, MINUTE_MS, Event, Verdict, words_of
from veche.access.approvals.errors import TIME_ZONE
from veche.protocol.commands import SIGN_OUT
from veche.protocol.message import Link, Mono, Paragraph
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import N_, Catalogue, show_date_time, show_money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.access.approvals.core import CodeLimit, Key, Rules
    from veche.access.approvals.store import Logged
    from veche.protocol.message import Doc

CATALOGUE: Final = Catalogue.load("veche.access")
_MINUTES: Final = ENROLMENT_MS // MINUTE_MS

KIND_WORDS: Final[Mapping[str, str]] = {
    "payment": N_("a payment"),
    "signature": N_("a signature"),
    "release": N_("a release of data"),
    "mandate": N_("a permission that lasts"),
}
_LARGE: Final = N_("a payment above a small amount")
_EVENTS: Final[Mapping[Event, str]] = {
    Event.ENROLLED: N_("The key “{label}” was added."),
    Event.REVOKED: N_("The key “{label}” was revoked."),
    Event.USED: N_("Approved with the key “{label}”: {kind}."),
    Event.DECLINED: N_("Declined: {kind}."),
    Event.HOLD_ENDED: N_("The key “{label}” may approve everything now."),
    Event.LIMIT_CHANGED: N_("Payments by code: up to {limit} a day."),
    Event.REFUSED: N_("Refused: {kind}. {why}"),
    Event.ENROLMENT_REFUSED: N_("The key “{label}” was not added. {why}"),
    Event.IDENTITY_CONFIRMED: N_("The new identity of your Matrix account was confirmed."),
}
_BY_CODE: Final = N_("Approved by a code in the chat: {kind}.")
_LIMIT_LATER: Final = N_("Payments by code: up to {limit} a day, from {when} on.")
_WHY: Final[Mapping[str, str]] = {
    Verdict.DIFFERS.value: N_("The signed text is not that of the question."),
    Verdict.KEY_UNKNOWN.value: N_("The key is none of yours."),
    Verdict.KEY_REVOKED.value: N_("The key was revoked before."),
    Verdict.CLOCK.value: N_("The clock of the device is wrong."),
    Verdict.KEY_HELD.value: N_("The key is still too new for this."),
    Verdict.BAD_SIGNATURE.value: N_("The signature is wrong."),
    Verdict.KEY_COUNTER.value: N_("There may be a copy of the passkey."),
    "codes": N_("Wrong codes were typed."),
    "room": N_("A device that you have not confirmed could read the code."),
}


_CONFIRMED_BY: Final[Mapping[str, str]] = {
    "key": N_("You confirmed the new identity of your Matrix account with your key."),
    "device": N_(
        "You confirmed it by your reply, from a device that you used here before: what is new of"
        " your Matrix account counts now."
    ),
    "operator": N_(
        "The operator of this service confirmed the new identity of your Matrix account, after"
        " you showed who you are."
    ),
}


def code_doc(code: str, label: str, key_id: str, url: str, language: str) -> Doc:
    """The code by which a key is added."""
    return (
        Paragraph(
            CATALOGUE.text(
                language,
                "Somebody adds the key “{label}” ({words}) to your account. If that is you, type"
                " this code on the page:",
                label=label,
                words=words_of(key_id),
            ),
            "\n",
            Mono(code),
        ),
        Paragraph(
            CATALOGUE.text(
                language,
                "With a key you approve payments, signatures and releases of your data. Type the"
                " code only at {host}, and give it to nobody: we never ask for it. It works once,"
                " within {minutes} minutes.",
                host=urlsplit(url).netloc,
                minutes=_MINUTES,
            )
        ),
        _not_you(
            CATALOGUE.text(
                language,
                "Not you? Then somebody is signed in as you: reply `{command}`, and type nothing.",
                command=SIGN_OUT.word(language),
            )
        ),
    )


def enrolled_doc(key: Key, now_ms: int, rules: Rules, url: str | None, language: str) -> Doc:
    """A key was added; what it may not approve yet by the operator's rules is named."""
    words = CATALOGUE.text(
        language,
        "The key “{label}” ({words}) is yours from now on.",
        label=key.label,
        words=words_of(key.id),
    )
    if key.held_until_ms > now_ms:
        hold = CATALOGUE.text(
            language,
            "So that nobody can do harm with a key that you did not add, it may not approve until"
            " {when}: {kinds}.",
            when=_when(key.held_until_ms, language),
            kinds=_held_words(rules, language),
        )
        words = f"{words} {hold}"
    return (Paragraph(words), _not_mine(url, language))


def revoked_doc(key: Key, language: str) -> Doc:
    """A key was revoked."""
    words = CATALOGUE.text(
        language,
        "The key “{label}” ({words}) is revoked: it approves nothing any more. Not you? Then"
        " somebody is signed in as you: reply `{command}`",
        label=key.label,
        words=words_of(key.id),
        command=SIGN_OUT.word(language),
    )
    return (_not_you(words),)


def hold_ended_doc(key: Key, url: str | None, language: str) -> Doc:
    """A new key may approve everything from now on."""
    words = CATALOGUE.text(
        language,
        "The key “{label}” ({words}) may approve everything from now on.",
        label=key.label,
        words=words_of(key.id),
    )
    return (Paragraph(words), _not_mine(url, language))


def refused_doc(kind: str, why: str, url: str | None, language: str) -> Doc:
    """Somebody tried to approve something, and it was refused.

    ``why`` is the value of a ``Verdict``.
    """
    words = CATALOGUE.text(
        language,
        "Somebody tried to approve {kind} in your name, and was refused. {why} Nothing has"
        " changed.",
        kind=kind_words(kind, language),
        why=why_words(why, language),
    )
    return (
        Paragraph(words),
        _not_you(CATALOGUE.text(language, "Not you? Look through your keys:"), url),
    )


def not_enrolled_doc(label: str, why: str, url: str | None, language: str) -> Doc:
    """Somebody tried to add a key, and it was refused."""
    words = CATALOGUE.text(
        language,
        "The key “{label}” was not added. {why}",
        label=label,
        why=why_words(why, language),
    )
    return (
        Paragraph(words),
        _not_you(CATALOGUE.text(language, "Not you? Look through your keys:"), url),
    )


def limit_doc(limit: CodeLimit, url: str | None, language: str) -> Doc:
    """The daily limit for codes was changed."""
    if limit.next_minor is None or limit.next_from_ms is None:
        amount = amount_words(limit.minor, limit.currency, language)
        words = CATALOGUE.text(
            language, "From now on you can approve by code up to {limit} a day.", limit=amount
        )
    else:
        words = CATALOGUE.text(
            language,
            "From {when} on you can approve by code up to {limit} a day. Until then nothing"
            " changes.",
            when=_when(limit.next_from_ms, language),
            limit=amount_words(limit.next_minor, limit.currency, language),
        )
    return (
        Paragraph(words),
        _not_you(CATALOGUE.text(language, "Not you? Set it back at once:"), url),
    )


def limit_mandate(minor: int, currency: str, language: str) -> str:
    """Describe what a person approves who raises their limit."""
    return CATALOGUE.text(
        language,
        "Payments of up to {limit} a day may be approved by replying a code in the chat from a"
        " verified device, without a key.",
        limit=amount_words(minor, currency, language),
    )


def identity_mandate(fingerprint: str, language: str) -> str:
    """Describe what a person approves who confirms the new identity of their account."""
    return CATALOGUE.text(
        language,
        "I reset the identity of my Matrix account myself, and this is the new one: {fingerprint}."
        " Devices that it verifies count as mine from now on.",
        fingerprint=fingerprint,
    )


def identity_doc(fingerprint: str, by: str, url: str | None, language: str) -> Doc:
    """A new identity was confirmed.

    Args:
        fingerprint: Of it, as people are shown it.
        by: ``key``, ``device`` or ``operator``.
        url: Page of the keys.
        language: Of the person.
    """
    confirmed = CATALOGUE.text(language, _CONFIRMED_BY[by])
    again = CATALOGUE.text(language, "Your verified devices count again as before.")
    return (
        Paragraph(f"{confirmed} {again}", "\n", Mono(fingerprint)),
        _not_you(CATALOGUE.text(language, "Not you? Ask a human being at once."), url),
    )


def log_line(line: Logged, language: str) -> str:
    """A line of the log in words."""
    detail, message = line.detail, _EVENTS[line.what]
    if line.what is Event.USED and detail.get("means") == "code":
        message = _BY_CODE
    values: dict[str, str] = {"label": line.label or str(detail.get("label", ""))}
    if "kind" in detail:
        values["kind"] = kind_words(str(detail["kind"]), language)
    if "why" in detail:
        values["why"] = why_words(str(detail["why"]), language)
    if "currency" in detail:
        values["limit"] = amount_words(int(detail["minor"]), str(detail["currency"]), language)
    if detail.get("from_ms") is not None:
        message = _LIMIT_LATER
        values["when"] = _when(int(detail["from_ms"]), language)
    return CATALOGUE.text(language, message, **values)


def kind_words(kind: str, language: str) -> str:
    """Name the kind of an approval in words; the code itself if it is unknown."""
    return CATALOGUE.text(language, KIND_WORDS[kind]) if kind in KIND_WORDS else kind


def _held_words(rules: Rules, language: str) -> str:
    """List the kinds that a new key may not approve yet."""
    words = {**KIND_WORDS, "payment": _LARGE} if rules.small_limits else KIND_WORDS
    return ", ".join(CATALOGUE.text(language, words[kind]) for kind in words if kind in rules.held)


def why_words(why: str, language: str) -> str:
    """Why something was refused, in words."""
    return CATALOGUE.text(language, _WHY[why]) if why in _WHY else why


def amount_words(minor: int, currency: str, language: str) -> str:
    """An amount."""
    return show_money(Money(minor=minor, currency=currency), language)


def _when(at_ms: int, language: str) -> str:
    return show_date_time(at_ms, language, TIME_ZONE)


def _not_mine(url: str | None, language: str) -> Paragraph:
    return _not_you(CATALOGUE.text(language, "Not you? Revoke it at once:"), url)


def _not_you(words: str, url: str | None = None) -> Paragraph:
    """A paragraph in which what stands between backticks is typed, and an address follows."""
    before, _, rest = words.partition("`")
    command, _, after = rest.partition("`")
    spans = [span for span in (before, Mono(command) if command else "", after) if span]
    return Paragraph(*spans, "\n", Link(url, url)) if url else Paragraph(*spans)
