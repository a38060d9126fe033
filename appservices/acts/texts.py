"""Texts and commands of the bot, in the language of the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.contracts.directory.snapshot import Standing
from veche.protocol.commands import HELP, LANGUAGE, Argument, Command
from veche.protocol.message import Bold, Bullets, Facts, Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_, Catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.contracts.directory.snapshot import Organisation, Snapshot
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer

CATALOGUE: Final = Catalogue.load("veche.protocol", "appservices.acts")
CHECK: Final = Command(
    "check",
    N_("who an account or a room is of, and whether it is official"),
    {"ru": ("проверь", "проверить"), "de": ("prüfe", "pruefe"), "uk": ("перевір", "перевірити")},
    Argument("account", N_("an account, a room, or a name")),
    is_sentence=True,
)
COMMANDS: Final = (CHECK, HELP, LANGUAGE)


def welcome_doc(localizer: Localizer, example: str) -> Doc:
    """Explain what the bot is for, and what to write."""
    word = CHECK.word(localizer.language)
    return (
        Paragraph(
            localizer.text(
                "I tell you who is official here: offices, banks, and who vouches for them."
            )
        ),
        Paragraph(
            localizer.text("Send me the account that wrote to you, for example:"),
            " ",
            Mono(f"{word} {example}"),
        ),
        Paragraph(
            localizer.text("A room works too, such as {room}; or a name.", room="#room:example.org")
        ),
    )


def private_doc(localizer: Localizer) -> Doc:
    """Others read along."""
    said = localizer.text("Others can read here. Please begin an encrypted chat with me alone.")
    return (Paragraph(said),)


def unreadable_doc(localizer: Localizer) -> Doc:
    """Explain that the message is nothing that can be looked up."""
    said = localizer.text(
        "I cannot look that up. Write an account such as {account}, a room such as {room}, or a"
        " name.",
        account="@office:example.org",
        room="#room:example.org",
    )
    return (Paragraph(said),)


def near_doc(
    localizer: Localizer, name: str, found: Sequence[tuple[Snapshot, Organisation]]
) -> Doc:
    """List the organisations that a name may mean."""
    if not found:
        return (
            Paragraph(
                localizer.text(
                    "No directory that I trust calls anybody {name} official now.", name=name
                )
            ),
            Paragraph(localizer.text("Nobody vouches for those who write to you under that name.")),
        )
    return (
        Paragraph(
            localizer.text("Do you mean one of these? They write to you from these accounts alone:")
        ),
        Bullets(_listed(localizer, found)),
    )


def official_doc(
    localizer: Localizer, snapshot: Snapshot, one: Organisation, account: str, *, is_key_seen: bool
) -> Doc:
    """An account is official: who it is of, who vouches for that, and what it may ask for."""
    name = one.name(localizer.language)
    told = localizer.text("{account} is official: {name}.", account=account, name=name)
    doc: Doc = (Paragraph(Bold(told)), *chain_doc(localizer, snapshot, one))
    if not is_key_seen:
        said = localizer.text("I could not look at its keys now. Ask me again later to be sure.")
        doc = (*doc, Paragraph(said))
    return doc


def chain_doc(localizer: Localizer, snapshot: Snapshot, one: Organisation) -> Doc:
    """Describe those above an organisation, who vouches for it, and what it may ask for."""
    language = localizer.language
    chain = " → ".join(each.name(language) for each in snapshot.chain(one.id))
    facts = (
        (localizer.text("It belongs to"), chain),
        (localizer.text("In the directory since"), localizer.date(one.since_ms)),
        (localizer.text("Verified by"), vouched_by(localizer, snapshot, one)),
        (localizer.text("Domain"), domain_text(localizer, one)),
        (localizer.text("Complaints"), one.said.complaints),
    )
    if not one.said.purposes:
        asks: Doc = (
            Paragraph(localizer.text("The directory lists nothing that it may ask you for.")),
        )
    else:
        titles = [
            f"{purpose.title.get(language) or next(iter(purpose.title.values()))} ({purpose.basis})"
            for purpose in one.said.purposes
        ]
        asks = (Paragraph(localizer.text("It may ask you for what these need:")), Bullets(titles))
    return (Facts(facts), *asks)


def domain_text(localizer: Localizer, one: Organisation) -> str:
    """The domain of an organisation, and whether it has proved that it is its own."""
    domain, seen_ms = one.said.domain, one.domain_seen_ms
    if seen_ms is None:
        return localizer.text("{domain} (not proven)", domain=domain)
    day = localizer.date(seen_ms)
    return localizer.text("{domain}, as it proved on {day}", domain=domain, day=day)


def vouched_by(localizer: Localizer, snapshot: Snapshot, one: Organisation) -> str:
    """Name the directory that entered an organisation."""
    above = snapshot.organisations.get(one.vouched_by)
    if above is not None:
        return above.name(localizer.language)
    return localizer.text("the directory {name}", name=snapshot.directory.rpartition("/")[2])


def introduced_doc(
    localizer: Localizer, snapshot: Snapshot, one: Organisation, url: str, account: str, me: str
) -> Doc:
    """Introduce an official bot to clients that show no badge: its first message.

    Args:
        localizer: Of the person.
        snapshot: Who is official now.
        one: Whose bot it is.
        url: Of the page about it; empty: there is none.
        account: Of the bot.
        me: The account of the bot that says who is official, which may be the same.
    """
    name, by = one.name(localizer.language), vouched_by(localizer, snapshot, one)
    if account == me:
        who = localizer.text("I work for {name}, verified by {by}.", name=name, by=by)
        how = localizer.text(
            "Do not take my word for it: compare my account, {account}, with the one that {name}"
            " publishes.",
            account=account,
            name=name,
        )
    else:
        who = localizer.text("This is {name}, verified by {by}.", name=name, by=by)
        how = localizer.text(
            "Do you want to be sure? Ask {checker}: it says who is official.", checker=me
        )
    return (
        Paragraph(Bold(who)),
        Paragraph(how, *((" ", Link(localizer.text("Who this is"), url)) if url else ())),
    )


def other_key_doc(localizer: Localizer, one: Organisation, account: str) -> Doc:
    """The keys of an account are not those of the directory."""
    said = localizer.text(
        "Careful: {account} has other keys than the directory says. Somebody else may write in its"
        " name.",
        account=account,
    )
    more = localizer.text(
        "Do nothing that it asks for until this is clear, and tell {name}: {complaints}",
        name=one.name(localizer.language),
        complaints=one.said.complaints,
    )
    return (Paragraph(Bold(said)), Paragraph(more))


def standing_doc(localizer: Localizer, snapshot: Snapshot, one: Organisation, account: str) -> Doc:
    """An account of the directory is not official now: since when, why, and what to do."""
    language = localizer.language
    standing, name = snapshot.standing(one.id), one.name(language)
    head = localizer.text(
        "{account} is of {name}, and is not official now.", account=account, name=name
    )
    care = localizer.text(
        "Do nothing that it asks for meanwhile. If you have questions: {complaints}",
        complaints=one.said.complaints,
    )
    return (Paragraph(Bold(head)), *_why(localizer, snapshot, one, standing), Paragraph(care))


def reset_doc(localizer: Localizer, name: str, rule: str, appeal: str) -> Doc:
    """A person's display name was set back: by which rule, what to do, where to appeal."""
    how = localizer.text(_LIKE.get(rule, _LIKE["near"]), name=name)
    said = localizer.text("Choose a name that cannot be taken for an office or a bank.")
    told = localizer.text("Is it your own name? Then appeal: {appeal}", appeal=appeal)
    head = localizer.text("Your display name was set back.")
    return (Paragraph(Bold(head), " ", how), Paragraph(said), Paragraph(told))


def near_miss_doc(localizer: Localizer, name: str, account: str) -> Doc:
    """Warn of an inviter who is almost called like an office, or whose room is."""
    head = localizer.text("{account} is not {name}.", account=account, name=name)
    said = localizer.text(
        "This account invited you, or tried to, under a name that is much like that one, and nobody"
        " vouches for it. Give it no codes or documents, and pay it nothing."
    )
    more = localizer.text("To see who is behind an account, send me:")
    word = CHECK.word(localizer.language)
    return (Paragraph(Bold(head)), Paragraph(said), Paragraph(more, " ", Mono(f"{word} {account}")))


_LIKE: Final = {
    "same": N_("It looks the same as “{name}”, which only official accounts may be called."),
    "contains": N_("It contains “{name}”, which only official accounts may be called."),
    "near": N_("It is almost “{name}”, which only official accounts may be called."),
}
"""How a name is like a protected one, by rule."""


def _why(
    localizer: Localizer, snapshot: Snapshot, one: Organisation, standing: Standing
) -> Sequence[Paragraph]:
    if standing is Standing.ABOVE:
        for each in snapshot.chain(one.id)[:-1]:
            own = each.own_standing(snapshot.at_ms)
            if own is not Standing.OFFICIAL:
                return _why(localizer, snapshot, each, own)
    measure = one.ended if standing is Standing.ENDED else one.suspended
    values = {"name": one.name(localizer.language)}
    if measure is not None and standing in (Standing.ENDED, Standing.SUSPENDED):
        values |= {"since": localizer.date(measure.since_ms), "reason": measure.reason}
        if standing is Standing.ENDED:
            said = N_("{name} has ended, since {since}: {reason}")
        elif measure.until_ms is None:
            said = N_("{name} is suspended since {since}: {reason}")
        else:
            said = N_("{name} is suspended since {since}, until {until}: {reason}")
            values["until"] = localizer.date(measure.until_ms)
    elif standing is Standing.NOT_YET:
        said = N_("{name} is official from {start} on.")
        values["start"] = localizer.date(max(one.said.valid_from_ms, one.since_ms))
    else:
        said = N_("{name} was official until {end}.")
        values["end"] = localizer.date(one.said.valid_until_ms or snapshot.at_ms)
    return (Paragraph(localizer.text(said, **values)),)


def unknown_doc(
    localizer: Localizer,
    account: str,
    shown: str,
    found: Sequence[tuple[Snapshot, Organisation]],
) -> Doc:
    """Nobody vouches for an account; whom it may want to be taken for."""
    head = localizer.text(
        "Nobody vouches for {account}: no directory that I trust has it.", account=account
    )
    care = localizer.text(
        "It may be anybody. Give it no codes or documents, and pay it nothing because it says that"
        " it is an office or a bank."
    )
    doc: Doc = (Paragraph(Bold(head)), Paragraph(care))
    if not found:
        return doc
    name = found[0][1].name(localizer.language)
    told = localizer.text(
        "It calls itself {shown}. It is not {name}, which writes to you from:",
        shown=shown,
        name=name,
    )
    return (*doc, Paragraph(told), Bullets(_listed(localizer, found[:1])))


def room_doc(localizer: Localizer, room: str, creator: str) -> Doc:
    """Describe who made a room."""
    said = localizer.text("{room} was made by {account}.", room=room, account=creator)
    return (Paragraph(said),)


def own_room_doc(localizer: Localizer, room: str, account: str, *, has_others: bool) -> Doc:
    """Tell the creator of a room with whom they talk there."""
    said = localizer.text(
        "You made {room} yourself. There you talk with {account}.", room=room, account=account
    )
    if not has_others:
        return (Paragraph(said),)
    more = localizer.text("Others are there too: check each account that writes to you.")
    return (Paragraph(said), Paragraph(more))


def alone_doc(localizer: Localizer, room: str) -> Doc:
    """Tell the creator of a room that they are alone there."""
    said = localizer.text("You made {room} yourself, and nobody else is there.", room=room)
    return (Paragraph(said),)


def no_room_doc(localizer: Localizer, room: str) -> Doc:
    """There is no such room."""
    return (Paragraph(localizer.text("I cannot find the room {room}.", room=room)),)


def hidden_room_doc(localizer: Localizer, room: str) -> Doc:
    """Nobody of ours is in a room."""
    said = localizer.text(
        "I cannot look into {room}: none of our bots is there, so nobody vouches for it. Send me"
        " the account that wrote to you instead.",
        room=room,
    )
    return (Paragraph(said),)


def _listed(localizer: Localizer, found: Sequence[tuple[Snapshot, Organisation]]) -> Sequence[str]:
    return [
        f"{one.name(localizer.language)}: {account}"
        for _, one in found
        for account in sorted(one.accounts)
    ]
