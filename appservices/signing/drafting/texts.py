"""Texts for a requester who prepares a document to be signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.cards.texts.cards import LISTED_MAX
from appservices.signing.drafting.core.order import OrderProblem
from appservices.signing.places.core.places import Row, Side
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.texts.words import (
    EFFECTS,
    LEVELS,
    ROLES,
    file_facts,
    in_person,
    named,
)
from veche.documents.signatures.words import words_of
from veche.protocol.message import Bullets, Code, Doc, Facts, Heading, Item, Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.authority.core.levels import Level
    from appservices.signing.drafting.core.order import OrderError
    from appservices.signing.papers.core.any_files import AnyFile
    from appservices.signing.places.core.boxes import BoxError
    from appservices.signing.places.core.places import Place
    from appservices.signing.sessions.core.records import Member, Session
    from veche.documents.signatures.report import Report
    from veche.protocol.texts.localizer import Localizer

_PROBLEMS: Final[Mapping[OrderProblem, str]] = {
    OrderProblem.EMPTY: N_("Somebody has to sign. Write who, such as:"),
    OrderProblem.WORD: N_(
        "I cannot read this at “{word}”. Write names with commas between, as in:"
    ),
    OrderProblem.ROLE: N_("I know no role “{word}”. There are: {roles}. For example:"),
    OrderProblem.WITNESS: N_("Whose signature does {word} witness? Write it so:"),
    OrderProblem.TWICE: N_("{word} stands there twice. Each takes part once:"),
    OrderProblem.NEED: N_("{word} are more than there are. Write it so:"),
    OrderProblem.PAGE: N_("“{word}” is no number of a page. Write it so:"),
    OrderProblem.AREA: N_(
        "I cannot read where the box is at “{word}”. Write its distance in points from the left"
        " and from the top edge of the page, 0 to 14400. Add its size if you like: 60 to 400"
        " wide, 30"
        " to 150 high. For example:"
    ),
    OrderProblem.COVERS: N_(
        "The box of {word} covers that of somebody else on the same page. Write it so:"
    ),
    OrderProblem.PLACE: N_(
        "{word} signs on no page: an approver agrees with a key, and a copy is only read. For"
        " example:"
    ),
    OrderProblem.HAND: N_(
        "A signer by hand stands in quotation marks, with one witness who has an account"
    ),
    OrderProblem.GUEST: N_(
        "A name in quotation marks is that of somebody without an account, who signs in person: as"
        " a signer, approver or witness, of one document. For example:"
    ),
    OrderProblem.CERTIFICATE: N_(
        "{word} cannot sign with a certificate of their own: an approver, a copy and a seal sign in"
        " no box, and who signs in person has a phone alone. For example:"
    ),
    OrderProblem.TOO_MANY: N_("That is too much for one document: at most 200 people, 20 steps:"),
}
_EXAMPLES: Final[Mapping[OrderProblem, str]] = {
    OrderProblem.WITNESS: "bob, carol as witness of bob",
    OrderProblem.NEED: "2 of bob, carol, dave",
    OrderProblem.ROLE: "bob then carol as approver",
    OrderProblem.PAGE: "bob on page 3 bottom right",
    OrderProblem.AREA: "bob on page 3 at 100 500 size 200 60",
    OrderProblem.COVERS: "bob on page 3 at 100 500, carol on page 3 at 320 500",
    OrderProblem.GUEST: 'me, "Bob Brown"',
    OrderProblem.HAND: '"Bob Brown" by hand, carol as witness of "Bob Brown"',
    OrderProblem.CERTIFICATE: "bob qualified, carol with own certificate",
    OrderProblem.PLACE: "bob on page 3 bottom right, carol as approver",
}
ORDERS: Final = (
    N_("bob, carol then dave"),
    N_("2 of bob, carol, dave"),
    N_("me, bob, carol as witness of bob; copy to frank"),
)
"""How people write who signs, in words of their language."""
GUEST_ORDER: Final = N_('me, "Bob Brown"')
_PLACED: Final = (N_("bob on page 3 bottom right"), N_("bob on page 3 at 100 500"))
"""How people write where somebody signs."""
_SIDES: Final[Mapping[tuple[Row | None, Side], str]] = {
    (None, Side.LEFT): N_("on page {page}, bottom left"),
    (None, Side.MIDDLE): N_("on page {page}, bottom middle"),
    (None, Side.RIGHT): N_("on page {page}, bottom right"),
    (Row.MIDDLE, Side.LEFT): N_("on page {page}, half way up at the left"),
    (Row.MIDDLE, Side.MIDDLE): N_("on page {page}, in its middle"),
    (Row.MIDDLE, Side.RIGHT): N_("on page {page}, half way up at the right"),
    (Row.TOP, Side.LEFT): N_("on page {page}, top left"),
    (Row.TOP, Side.MIDDLE): N_("on page {page}, top middle"),
    (Row.TOP, Side.RIGHT): N_("on page {page}, top right"),
}


def upload_doc(
    pages: int, changes: Sequence[str], localizer: Localizer, remarks: Sequence[str] = ()
) -> Doc:
    """Describe an uploaded file as it was read.

    Args:
        pages: How many it has.
        changes: What was changed in it, a sentence each.
        localizer: How the person is spoken to.
        remarks: What else they should know of it, a sentence each.
    """
    seen = localizer.plural("I have it: one page.", "I have it: {count} pages.", pages)
    if not changes:
        return (Paragraph(" ".join([seen, *remarks])),)
    words = localizer.text("So that it looks the same everywhere, this was changed in it:")
    known = [Paragraph(" ".join(remarks))] if remarks else []
    return (Paragraph(seen, " ", words), Bullets(list(changes)), *known)


def any_file_doc(file: AnyFile, localizer: Localizer) -> Doc:
    """Describe a file that is no PDF, and how it is signed."""
    return (
        Paragraph(localizer.text("I have it. It is no PDF, so it stays as it is:")),
        Facts(file_facts(file.name, file.kind, len(file.data), localizer)),
        Paragraph(
            localizer.text(
                "Its signatures are put into a container with it (ASiC-E). Nobody here looks into"
                " it, and its page shows only pictures and plain text: who signs opens it with a"
                " program of their own. If everybody is to see the same, save it as PDF, and send"
                " that."
            )
        ),
    )


def signed_doc(report: Report, localizer: Localizer) -> Doc:
    """Describe the signatures of others in an uploaded file."""
    return (
        Paragraph(localizer.text("This PDF is signed already. That is what I found:")),
        Code(words_of(report, localizer.language)),
        Paragraph(
            localizer.text(
                "Signatures can be added to it: nothing in it is changed, nobody gets a frame on a"
                " page, and everyone who signs is told who had signed it before. All of it is worth"
                " no more in the end than what is in it already."
            )
        ),
    )


def title_doc(localizer: Localizer) -> Doc:
    """The question for the title."""
    return (
        Paragraph(localizer.text("What is it called? Write a title, or choose the one below.")),
    )


def who_doc(localizer: Localizer, *, has_pages: bool = True) -> Doc:
    """The question for who signs.

    Args:
        localizer: How the person is spoken to.
        has_pages: Whether somebody can sign on one of them.
    """
    placed = _PLACED if has_pages else ()
    return (
        Paragraph(localizer.text("Who signs it, and in which order? Write names, for example:")),
        Bullets(
            [
                *(Mono(localizer.text(one)) for one in (*ORDERS, *placed)),
                (
                    Mono(localizer.text(GUEST_ORDER)),
                    " ",
                    localizer.text("(who has no account: in person)"),
                ),
            ]
        ),
    )


def problem_doc(error: OrderError, localizer: Localizer) -> Doc:
    """Explain the mistake in the typed names."""
    roles = ", ".join(localizer.text(ROLES[one]) for one in Role if one is not Role.VIEWER)
    word = error.word or "…"
    words = localizer.text(_PROBLEMS[error.problem], word=word, roles=roles)
    example = _EXAMPLES.get(error.problem, "bob, carol then dave")
    return (Paragraph(words, " ", Mono(example)),)


def taken_doc(typed: str, localizer: Localizer) -> Doc:
    """Say that somebody already has another place in the document."""
    words = localizer.text(
        "{name} takes part already, and each takes part once. Write somebody else.", name=typed
    )
    return (Paragraph(words),)


def no_seal_doc(organisation: str, localizer: Localizer) -> Doc:
    """Say that a person may not order this seal."""
    words = localizer.text(
        "You may not order the seal of {name}, or there is none. Write it again without it.",
        name=organisation,
    )
    return (Paragraph(words),)


def no_registrar_doc(name: str, localizer: Localizer) -> Doc:
    """Say that a person without an account cannot sign before the requester."""
    words = localizer.text(
        "{name} has no account and would sign in person, before you. Only those whom the operator"
        " of this service has named may identify somebody, and you are none of them. Write it again"
        " with accounts alone.",
        name=name,
    )
    return (Paragraph(words),)


def no_anchor_doc(level: Level, localizer: Localizer) -> Doc:
    """Say that nobody can sign at this level here."""
    words = localizer.text(
        "Nobody can sign {how} here: the operator of this service has named no authority whose"
        " certificates are taken for that. Write it again without it.",
        how=localizer.text(LEVELS[level]),
    )
    return (Paragraph(words),)


def only_pdf_doc(localizer: Localizer) -> Doc:
    """Say that own certificates cannot sign this type of file."""
    words = localizer.text(
        "Only a PDF can be signed with a certificate of one's own, and this is another file. Write"
        " it again without that."
    )
    return (Paragraph(words),)


def review_doc(session: Session, localizer: Localizer) -> Doc:
    """All of it, before it is sent."""
    facts: list[tuple[str, Item]] = [
        (localizer.text("Title"), session.subject.title),
        (localizer.text("How it is signed"), localizer.text(LEVELS[session.level_min])),
        (localizer.text("Until"), localizer.moment(session.deadline_at_ms)),
        (localizer.text("Effect"), localizer.text(EFFECTS[session.effect])),
        (
            localizer.text("Somebody else may act for a signer"),
            localizer.text("yes") if session.may_delegate else localizer.text("no"),
        ),
    ]
    return (
        Heading(localizer.text("Before it is sent")),
        Facts(facts),
        Paragraph(_who(session, localizer)),
        Bullets(_stages(session, localizer)),
        *_where(session, localizer),
    )


def no_page_doc(session: Session, member: Member, localizer: Localizer) -> Doc:
    """Say that the page of somebody's box does not exist."""
    page = 0 if member.place is None else member.place.page
    if session.has_container:
        words = localizer.text(
            "{name} cannot sign on page {page}: this file has no pages to sign on. Write again who"
            " signs, without pages.",
            name=member.name,
            page=page,
        )
        return (Paragraph(words),)
    words = localizer.plural(
        "{name} cannot sign on page {page}: the document has one page. Write again who signs.",
        "{name} cannot sign on page {page}: the document has {count} pages. Write again who signs.",
        session.subject.pages,
        name=member.name,
        page=page,
    )
    return (Paragraph(words),)


def misplaced_doc(session: Session, error: BoxError, localizer: Localizer) -> Doc:
    """Say that somebody's box cannot be where it is."""
    member = next((one for one in session.members if one.field == error.field), None)
    place = None if member is None else member.place
    if member is None or place is None:
        words = localizer.text("These cannot sign together: {why}.", why=str(error))
        return (Paragraph(words),)
    wide, high = error.shown
    words = localizer.text(
        "The box of {name} has no room there: page {page} is {width} points wide and {height}"
        " high. Write again who signs.",
        name=member.name,
        page=place.page,
        width=wide,
        height=high,
    )
    return (Paragraph(words),)


def _where(session: Session, localizer: Localizer) -> Doc:
    """Explain what a signature on a page of the document means."""
    places = [one.place for one in session.members if one.place is not None]
    told: list[str] = []
    if any(not one.is_free for one in places):
        told.append(
            localizer.text(
                "Signatures on a page stand at its foot; for them the page is drawn a little"
                " smaller. If it has no room there, they sign on the page of signatures at the end,"
                " as all others."
            )
        )
    if any(one.is_free for one in places):
        told.append(
            localizer.text(
                "A box in another place of a page is laid over what is printed there, and the page"
                " stays as it is. Points are counted from the left and the top edge of the page:"
                " 72 are an inch, and an A4 page is 595 wide and 842 high."
            )
        )
    return tuple(Paragraph(one) for one in told)


def _named(member: Member, session: Session, localizer: Localizer) -> str:
    """A party with their role, and with the page where they sign."""
    name, place = named(member, session, localizer), member.place
    told = [in_person(member, localizer)] if member.is_guest else []
    if place is not None:
        told.append(_place(place, localizer))
    return f"{name} ({', '.join(told)})" if told else name


def _place(place: Place, localizer: Localizer) -> str:
    area = place.area
    if area is not None:
        return localizer.text(
            "on page {page}, {x} from the left, {y} from the top, {width} by {height} points",
            page=place.page,
            x=area.x,
            y=area.y,
            width=area.width,
            height=area.height,
        )
    if place.side is None:
        return localizer.text("on page {page}", page=place.page)
    return localizer.text(_SIDES[place.row, place.side], page=place.page)


def _who(session: Session, localizer: Localizer) -> str:
    if not session.subject.is_each:
        return localizer.text("Who signs:")
    return localizer.plural(
        "Signers, each with a document of their own:",
        "Who signs, each of {count} in a document of their own:",
        len(session.stages[0].parties),
    )


def many_doc(count: int, localizer: Localizer) -> Doc:
    """Say that many documents are on their way."""
    words = localizer.plural(
        "One document is on its way.",
        "{count} documents are on their way, one for each. “sessions” shows how they stand.",
        count,
    )
    return (Paragraph(words),)


def until_doc(localizer: Localizer) -> Doc:
    """The question for the deadline."""
    words = localizer.text("Until when is there time? Write a date or a number of days, such as:")
    return (Paragraph(words, " ", Mono(localizer.text("3 weeks"))),)


def bad_until_doc(localizer: Localizer) -> Doc:
    """Say that a deadline cannot be read."""
    words = localizer.text(
        "I cannot read this as a day within the next 180 days. Write it so: 24 December 2026, or"
        " 14 days."
    )
    return (Paragraph(words),)


def level_doc(localizer: Localizer) -> Doc:
    """The question for the level."""
    return (
        Paragraph(localizer.text("How shall it be signed?")),
        Bullets(
            [
                localizer.text("S2: each signature stands in the file, with its own certificate."),
                localizer.text("S1: the key of the person's device signs; the report proves it."),
                localizer.text("S0: for small things: a reply with the code is enough."),
            ]
        ),
    )  # fmt: skip


def sent_doc(session: Session, localizer: Localizer) -> Doc:
    """Say that the document is on its way."""
    words = localizer.text(
        "It is sent. Its code is {code}: all who sign see the same. I tell you of each signature.",
        code=session.code,
    )
    return (Paragraph(words),)


def templates_doc(titles: Mapping[str, str], localizer: Localizer) -> Doc:
    """Which templates there are.

    Args:
        titles: By their names.
        localizer: How the person is spoken to.
    """
    if not titles:
        return (Paragraph(localizer.text("There are no templates here: send me a PDF.")),)
    lines = [(Mono(f"template {name}"), f": {title}") for name, title in titles.items()]
    return (Paragraph(localizer.text("Documents that I can make with you:")), Bullets(lines))


def whom_doc(title: str, role: Role, localizer: Localizer) -> Doc:
    """The question who a party of a template is."""
    if role is Role.SEAL:
        words = localizer.text("{title}: whose seal? Write the organisation's name.", title=title)
    else:
        words = localizer.text("{title}: who is that? Write their name.", title=title)
    return (Paragraph(words),)


def made_doc(pages: int, localizer: Localizer) -> Doc:
    """Say that a document was made."""
    words = localizer.plural("It is made: one page.", "It is made: {count} pages.", pages)
    return (Paragraph(words),)


def template_fails_doc(localizer: Localizer) -> Doc:
    """Say that a template makes no document of these answers."""
    words = localizer.text("The template makes no document of these answers. Tell who runs it.")
    return (Paragraph(words),)


def failed_doc(name: str, localizer: Localizer) -> Doc:
    """Say that one of many documents could not be made."""
    words = localizer.text("The document for {name} could not be sent. The others are.", name=name)
    return (Paragraph(words),)


def _stages(session: Session, localizer: Localizer) -> list[Item]:
    lines: list[Item] = []
    for n, stage in enumerate(session.stages, 1):
        held = [one for one in session.members if one.id in stage.parties]
        names = ", ".join(_named(one, session, localizer) for one in held[:LISTED_MAX])
        if len(held) > LISTED_MAX:
            more = localizer.plural("and {count} more", "and {count} more", len(held) - LISTED_MAX)
            names = f"{names} {more}"
        if stage.need is not None:
            of = localizer.text("{need} of: {names}", need=stage.need, names=names)
            lines.append(f"{n}. {of}" if len(session.stages) > 1 else of)
        else:
            lines.append(f"{n}. {names}" if len(session.stages) > 1 else names)
    copies = [one.name for one in session.members if one.party.role is Role.VIEWER]
    if copies:
        lines.append(localizer.text("Get a copy: {names}", names=", ".join(copies)))
    return lines


def own_page_doc(page: str | None, localizer: Localizer) -> Doc:
    """Where whoever has a document signed sees how it stands; nothing where there are no pages."""
    if page is None:
        return ()
    words = localizer.text(
        "Your page of it shows who has signed. There you give more time, remind people, take it"
        " back, and get the file and the report. The link is for you alone:"
    )
    return (Paragraph(Link(words, page)),)
