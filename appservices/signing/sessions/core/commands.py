"""The words that the signing bot answers, in the person's language."""

from __future__ import annotations

from typing import Final

from veche.protocol.commands import HELP, LANGUAGE, MENU, MORE, Argument, Command
from veche.protocol.texts.catalogue import N_

SIGN: Final = Command(
    "sign",
    N_("what waits for you to sign; or how to have a document signed"),
    {
        "ru": ("подписать", "подпись"),
        "de": ("unterschreiben", "unterzeichnen"),
        "uk": ("підписати", "підпис"),
    },
    Argument("all", N_("all: many documents at once, on one page")),
)
ALL_WORDS: Final = frozenset({"all", "alle", "alles", "все", "всё", "усе", "усі", "всі"})
"""What follows ``sign`` when many documents are to be signed at once, in any language."""
PRIVATE: Final = Command(
    "private",
    N_("have a document signed that I never see: your browser prepares it"),
    {
        "ru": ("скрытно", "приватно"),
        "de": ("privat", "vertraulich"),
        "uk": ("приховано", "приватно"),
    },
)
SESSIONS: Final = Command(
    "sessions",
    N_("your documents, and how they stand: sessions NUMBER"),
    {
        "en": ("sessions", "status"),
        "ru": ("документы", "статус"),
        "de": ("dokumente", "stand"),
        "uk": ("документи", "стан"),
    },
    Argument("session", N_("the number of one of them")),
)
CANCEL: Final = Command(
    "cancel",
    N_("take back a document that you have sent, or stop preparing one: cancel NUMBER"),
    {"ru": ("отменить", "отмена"), "de": ("abbrechen",), "uk": ("скасувати",)},
    Argument("session", N_("the number of the document")),
)
DELETE: Final = Command(
    "delete",
    N_("have me delete what I keep of a document that is over: delete NUMBER"),
    {"ru": ("удалить",), "de": ("löschen", "loeschen"), "uk": ("видалити",)},
    Argument("session", N_("the number of the document"), is_required=True),
)
EXTEND: Final = Command(
    "extend",
    N_("give signers more time: extend NUMBER 24 December 2026"),
    {"ru": ("продлить",), "de": ("verlängern", "verlaengern"), "uk": ("продовжити",)},
    Argument("session", N_("the number of the document, and until when"), is_required=True),
    is_sentence=True,
)
REMIND: Final = Command(
    "remind",
    N_("remind whoever has not signed: remind NUMBER"),
    {"ru": ("напомнить",), "de": ("erinnern",), "uk": ("нагадати",)},
    Argument("session", N_("the number of the document"), is_required=True),
)
MEET: Final = Command(
    "meet",
    N_("somebody without an account is here to sign: a code for their phone"),
    {
        "en": ("meet", "inperson", "in-person"),
        "ru": ("встреча", "лично"),
        "de": ("treffen", "persönlich", "persoenlich"),
        "uk": ("зустріч", "особисто"),
    },
    Argument("session", N_("the number of the document, and who of it: meet NUMBER p2")),
    is_sentence=True,
)
IDENTIFY: Final = Command(
    "identify",
    N_("who has identified you in person; as a registrar: identify somebody who is with you"),
    {
        "ru": ("личность", "опознать"),
        "de": ("identifizieren", "identität", "identitaet"),
        "uk": ("особа", "встановити"),
    },
    Argument("account", N_("whom you identify: identify bob")),
)
GUARDIANS: Final = Command(
    "guardians",
    N_("persons whom you trust and who have to agree before you can sign"),
    {
        "ru": ("доверенные",),
        "de": ("vertrauenspersonen",),
        "uk": ("довірені",),
    },
    Argument("rule", N_("who, and how many of them: guardians @bob @carol 2 of 2")),
    is_sentence=True,
)
SIGNATURES: Final = Command(
    "signatures",
    N_("all that was signed, certified or declined in your name"),
    {"ru": ("подписи",), "de": ("unterschriften",), "uk": ("підписи",)},
)
EXPORT: Final = Command(
    "export",
    N_("the same as a file"),
    {"ru": ("экспорт",), "de": ("export",), "uk": ("експорт",)},
)
VERIFY: Final = Command(
    "verify",
    N_("check a signed file: send it with this word, or after it"),
    {"ru": ("проверить",), "de": ("prüfen", "pruefen"), "uk": ("перевірити",)},
)
TEMPLATES: Final = Command(
    "templates",
    N_("documents that are made with you, question by question"),
    {"ru": ("шаблоны",), "de": ("vorlagen",), "uk": ("шаблони",)},
)
TEMPLATE: Final = Command(
    "template",
    N_("make one of them: template NAME"),
    {"ru": ("шаблон",), "de": ("vorlage",), "uk": ("шаблон",)},
    Argument("name", N_("which of them"), is_required=True),
)
COMMANDS: Final = (
    SIGN,
    PRIVATE,
    TEMPLATES,
    TEMPLATE,
    SESSIONS,
    CANCEL,
    DELETE,
    EXTEND,
    REMIND,
    MEET,
    IDENTIFY,
    GUARDIANS,
    SIGNATURES,
    EXPORT,
    VERIFY,
    HELP,
    MORE,
    MENU,
    LANGUAGE,
)
"""In the order in which help shows them."""
EVERYDAY: Final = (SIGN, SESSIONS, SIGNATURES, VERIFY, CANCEL)
"""What help shows before anybody asks for more."""
