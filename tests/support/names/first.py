"""The set by which the guard was tuned, by its author."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

PROTECTED: Final = (
    *("Tax Office", "Royal Mail", "Home Office", "City Council", "National Health Service"),
    *("Passport Agency", "Land Registry", "Vital Records Office", "Bank of Lindenau", "HMRC"),
    *(
        "Finanzamt",
        "Einwohnermeldeamt",
        "Sparkasse",
        "Stadt Lindenau",
        "Deutsche Rentenversicherung",
    ),
    *("Bundesagentur für Arbeit", "Standesamt", "Kfz-Zulassungsstelle", "AOK", "Zoll"),
    *("Госуслуги", "Сбербанк", "ВТБ", "Альфа-Банк", "Пенсионный фонд", "Почта России", "ФНС"),
    *("Отдел ЗАГС", "Налоговая служба", "Город Линденау", "Т-Банк", "Росреестр"),
    *("Дія", "ПриватБанк", "Монобанк", "Укрпошта", "Пенсійний фонд України", "Відділ ДРАЦС"),
    *("ZUS", "Urząd Skarbowy", "Poczta Polska", "PKO Bank Polski", "mBank", "Urząd Miasta"),
    *("Impôts", "La Poste", "Crédit Agricole", "Mairie de Lindenau", "Assurance Maladie", "CAF"),
    *("Agencia Tributaria", "Seguridad Social", "Correos", "BBVA", "Banco Santander"),
    *("Agenzia delle Entrate", "INPS", "Poste Italiane", "Intesa Sanpaolo", "Comune di Lindenau"),
    *("Vergi Dairesi", "Ziraat Bankası", "Nüfus Müdürlüğü", "Belastingdienst", "Receita Federal"),
)
_ALIKE: Final = {
    "a": "аɑα", "b": "Ьƅ", "c": "сϲ", "d": "ԁ", "e": "еҽ", "g": "ɡ", "h": "һ", "i": "іı", "j": "ј",
    "k": "κк", "l": "ӏ|", "m": "м", "n": "ո", "o": "оοօ", "p": "рρ", "q": "ԛ", "r": "г", "s": "ѕ",
    "t": "т", "u": "υս", "v": "ν", "w": "ԝ", "x": "х", "y": "уγ", "A": "АΑ", "B": "ВΒ", "C": "СϹ",
    "E": "ЕΕ", "H": "НΗ", "I": "ІΙl", "K": "КΚ", "M": "МΜ", "N": "Ν", "O": "ОΟ", "P": "РΡ", "S": "Ѕ",  # noqa: E501
    "T": "ТΤ", "X": "ХΧ", "Y": "ҮΥ", "Z": "Ζ", "а": "aɑ", "е": "e", "о": "oο", "р": "pρ",
    "с": "cϲ", "у": "yγ", "х": "x", "і": "i", "к": "κk", "т": "τ", "А": "A", "В": "B", "Е": "E", "К": "K",  # noqa: E501
    "М": "M", "Н": "H", "О": "O", "Р": "P", "С": "C", "Т": "T", "Х": "X", "З": "3", "ѕ": "s",
}  # fmt: skip
_DIGITS: Final = {"o": "0", "l": "1", "i": "1", "s": "5", "a": "@", "о": "0", "з": "3", "З": "3"}
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\u00ad\ufeff\u2063"
_BADGES: Final = ("✔", "✅", "☑️", "🏛", "🔒", "®", "™", "⭐", "🛡️", "(✓)")
_WORDS: Final = {
    "latin": "Support Online Help Service Official Info Bot Security Hilfe Kundendienst Assistance"
    " Soporte Assistenza Pomoc Destek Team Customer-Service 24",
    "cyrillic": "Поддержка Онлайн Помощь Сервис Официальный Инфо Бот Безопасность Допомога Чат 24",
}
_SEPARATORS: Final = (" ", ".", "_", "-", " · ")


class _First:
    tuned = True

    def protected(self) -> Sequence[str]:
        return PROTECTED

    def imitations(self, chance: random.Random) -> Iterator[tuple[str, str, str]]:
        for name in PROTECTED:
            for kind, (make, times) in _KINDS.items():
                for _ in range(times):
                    yield kind, name, make(name, chance)

    def honest(self, chance: random.Random, count: int) -> Iterator[str]:
        from faker import Faker  # noqa: PLC0415 -- few tests need it

        makers = [Faker(locale) for locale in _LOCALES]
        for number, maker in enumerate(makers):
            maker.seed_instance(chance.random() + number)
        for number in range(count):
            maker = makers[number % len(makers)]
            yield maker.company() if number % 5 == 0 else maker.name()


_LOCALES: Final = (
    *("en_GB", "en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "ru_RU", "uk_UA", "tr_TR"),
    "nl_NL",
)


def _some(name: str, chance: random.Random, table: dict[str, str], most: int) -> str:
    places = [place for place, char in enumerate(name) if char in table]
    chosen = chance.sample(places, min(len(places), chance.randint(1, most)))
    return "".join(
        chance.choice(table[char]) if place in chosen else char for place, char in enumerate(name)
    )


def _confusable(name: str, chance: random.Random) -> str:
    return _some(name, chance, _ALIKE, 4)


def _digits(name: str, chance: random.Random) -> str:
    return _some(name, chance, _DIGITS, 2)


def _invisible(name: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(name) + 1)
        name = name[:place] + chance.choice(_INVISIBLE) + name[place:]
    return name


def _badge(name: str, chance: random.Random) -> str:
    badge = chance.choice(_BADGES)
    return chance.choice((f"{name} {badge}", f"{badge} {name}", f"{name}{badge}"))


def _case(name: str, chance: random.Random) -> str:
    return "".join(chance.choice((char.lower(), char.upper())) for char in name)


def _spacing(name: str, chance: random.Random) -> str:
    letters = [char for char in name if char.isalnum()]
    return chance.choice(("".join(letters), chance.choice(_SEPARATORS).join(letters)))


def _wide(name: str, _chance: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)


def _styled(name: str, chance: random.Random) -> str:
    capital, small = chance.choice(((0x1D400, 0x1D41A), (0x1D5D4, 0x1D5EE), (0x24B6, 0x24D0)))
    return "".join(
        chr(capital + ord(c) - 65) if "A" <= c <= "Z"
        else chr(small + ord(c) - 97) if "a" <= c <= "z"
        else c
        for c in name
    )  # fmt: skip


def _marks(name: str, chance: random.Random) -> str:
    marks = [chr(code) for code in (0x301, 0x308, 0x323, 0x327, 0x335, 0x20E3)]
    return "".join(c + chance.choice(marks) if chance.random() < 0.4 else c for c in name)


def _word_for(name: str, chance: random.Random) -> str:
    script = "cyrillic" if "CYRILLIC" in unicodedata.name(name[0]) else "latin"
    return chance.choice(_WORDS[script].split())


def _words(name: str, chance: random.Random) -> str:
    word = _word_for(name, chance)
    return chance.choice((f"{name} {word}", f"{word} {name}", f"{name} - {word}"))


def _glued(name: str, chance: random.Random) -> str:
    joined = "".join(c for c in name if c.isalnum())
    word = "".join(c for c in _word_for(name, chance) if c.isalnum())
    made = chance.choice((joined + word, word + joined, f"{joined}_{word}"))
    return chance.choice((made, made.lower(), made.upper()))


def _slip(name: str, chance: random.Random) -> str:
    place = chance.choice([n for n, char in enumerate(name) if char.isalnum()])
    how = chance.randrange(4)
    if how == 0:
        return name[:place] + name[place + 1 :]
    if how == 1:
        return name[:place] + name[place] + name[place:]
    if how == 2:
        return name[:place] + name[place : place + 2][::-1] + name[place + 2 :]
    other = chance.choice("aeinrst" if name[place].isascii() else "аеинрст")
    return name[:place] + other + name[place + 1 :]


def _backwards(name: str, _chance: random.Random) -> str:
    return f"\u202e{name[::-1]}\u202c"


def _combined(name: str, chance: random.Random) -> str:
    first, second = chance.sample([_words, _confusable, _case, _invisible, _badge, _marks], 2)
    return second(first(name, chance), chance)


_KINDS: Final[dict[str, tuple[Callable[[str, random.Random], str], int]]] = {
    "confusable": (_confusable, 20),
    "digits": (_digits, 5),
    "invisible": (_invisible, 10),
    "badge": (_badge, 10),
    "case": (_case, 5),
    "spacing": (_spacing, 5),
    "wide": (_wide, 1),
    "styled": (_styled, 3),
    "marks": (_marks, 10),
    "words": (_words, 20),
    "glued": (_glued, 20),
    "slip": (_slip, 20),
    "backwards": (_backwards, 1),
    "combined": (_combined, 20),
}
SET: Final = _First()
