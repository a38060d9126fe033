"""The second set of names, by an author who had not read the guard, its tables or the first set.

What is done to a name is what impostors on messengers, in app stores and in phishing domains do to
it, as published lists of taken-down accounts show. An acronym that nobody wrote down ("FTS" for the
Federal Tax Service) is no kind here: which acronyms a body has, its operator has to say.

``SET`` is what the guard may be improved with. ``HELD`` has other bodies, other chances and other
honest names: it is for looking at after an improvement, not for making one.
"""

from __future__ import annotations

import random
import unicodedata
from typing import TYPE_CHECKING, Final

from faker import Faker

from tests.support.names.second_letters import (
    DIGITS,
    EMOJI,
    HIDDEN,
    KEYS,
    LATIN,
    LOOKS,
    MARKS,
    PAIRS,
    RAISED,
    SMALL,
    STYLES,
)
from tests.support.names.second_words import (
    AFFIXES,
    CLERKS,
    CLUBS,
    FRAMES,
    HELD_OUT,
    LOCALES,
    NEAR,
    OF_NAME,
    PROTECTED,
    SHORT,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

EACH: Final = 3
"""How many names of a kind for each protected name."""
SLIP_LETTERS_MIN: Final = 8
"""Shorter names have honest neighbours one letter away."""


_TRADES: Final = ("Support", "Bank", "Service", "Office", "Police", "Help")


class _Second:
    tuned = False

    def __init__(self, names: Sequence[str], *, shift: int, persons_seed: int) -> None:
        self._names = names
        self._shift = shift
        self._persons_seed = persons_seed

    def protected(self) -> Sequence[str]:
        return self._names

    def imitations(self, chance: random.Random) -> Iterator[tuple[str, str, str]]:
        chance = random.Random(chance.random() + self._shift)  # noqa: S311 -- the same names each time
        for name in self._names:
            for kind, make in KINDS.items():
                made = {make(name, chance) for _ in range(EACH)} - {name, ""}
                yield from ((kind, name, shown) for shown in sorted(made))

    def honest(self, chance: random.Random, count: int) -> Iterator[str]:
        chance = random.Random(chance.random() + self._shift)  # noqa: S311 -- the same names each time
        fakers = [Faker(locale) for locale in LOCALES]
        for number, faker in enumerate(fakers):
            faker.seed_instance(self._persons_seed + number)
        yield from NEAR[:count]
        for number in range(count - len(NEAR)):
            yield _honest(fakers[number % len(fakers)], chance)


def _honest(faker: Faker, chance: random.Random) -> str:
    form = chance.randrange(10)
    if form < 4:
        return str(faker.name())
    if form < 6:
        return str(faker.company())
    if form == 6:
        return str(faker.street_name())
    if form == 7:
        return chance.choice(CLUBS).format(faker.city())
    if form == 8:
        return f"{faker.first_name()} | {faker.company()}"
    return chance.choice(
        (
            f"{faker.first_name()}{chance.randint(1, 2010)}",
            f"✨ {faker.first_name()} ✨",
            f"{faker.first_name()} ({faker.city()})",
            f"{faker.last_name()} {chance.choice(_TRADES)}",
            f"Dr. {faker.last_name()}",
        )
    )


def _replace(name: str, chance: random.Random, table: Mapping[str, str], share: float) -> str:
    places = [at for at, letter in enumerate(name) if letter in table or letter.lower() in table]
    if not places:
        return ""
    chosen = set(chance.sample(places, max(1, round(len(places) * share))))
    out = ""
    for at, letter in enumerate(name):
        key = letter if letter in table else letter.lower()
        out += chance.choice(table[key]) if at in chosen else letter
    return out


def _one_look(name: str, chance: random.Random) -> str:
    return _replace(name, chance, LOOKS, 0)


def _many_looks(name: str, chance: random.Random) -> str:
    return _replace(name, chance, LOOKS, chance.uniform(0.4, 1))


def _digits(name: str, chance: random.Random) -> str:
    return _replace(name, chance, DIGITS, chance.uniform(0.1, 1))


def _pairs(name: str, chance: random.Random) -> str:
    possible = [pair for pair in PAIRS if pair[0] in name]
    if not possible:
        return ""
    before, after = chance.choice(possible)
    return name.replace(before, after, 1)


def _place(name: str, chance: random.Random) -> int:
    """Return where to slip: at an inner letter before another; -1 if the name is too short."""
    letters = [
        at for at in range(1, len(name) - 1) if name[at].isalpha() and name[at + 1].isalpha()
    ]
    if len(letters) < SLIP_LETTERS_MIN - 2:
        return -1
    return chance.choice(letters)


def _doubled(name: str, chance: random.Random) -> str:
    at = _place(name, chance)
    return "" if at < 0 else name[:at] + name[at] + name[at:]


def _dropped(name: str, chance: random.Random) -> str:
    at = _place(name, chance)
    return "" if at < 0 else name[:at] + name[at + 1 :]


def _swapped(name: str, chance: random.Random) -> str:
    at = _place(name, chance)
    return "" if at < 0 else name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def _near_key(name: str, chance: random.Random) -> str:
    at = _place(name, chance)
    row = next((row for row in KEYS if name[at] in row), "")
    if at < 0 or not row:
        return ""
    column = row.index(name[at])
    return name[:at] + row[column - 1 if column else 1] + name[at + 1 :]


def _spelled(name: str, chance: random.Random) -> str:
    between = chance.choice((" ", ".", "-", "_", "·", "\u2009", "*", "|"))
    return between.join(name.replace(" ", "" if between != " " else "  "))


def _joined(name: str, chance: random.Random) -> str:
    if " " not in name:
        middle = len(name) // 2
        return name[:middle] + chance.choice(" -._") + name[middle:]
    return name.replace(" ", chance.choice(("", "_", "-", ".", "/", "  ", "\u3000", "—", "+")))


def _emoji(name: str, chance: random.Random) -> str:
    mark = chance.choice(EMOJI)
    forms = (
        f"{mark} {name}",
        f"{name} {mark}",
        f"{name}{mark}{mark}",
        name.replace(" ", f" {mark} "),
        f"{mark}{name}{mark}",
    )
    return chance.choice(forms)


def _hidden(name: str, chance: random.Random) -> str:
    out = name
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(out))
        out = out[:at] + chance.choice(HIDDEN) + out[at:]
    return out


def _wide(name: str, chance: random.Random) -> str:
    out = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in name)
    return out.replace(" ", chance.choice((" ", "\u3000"))) if out != name else ""


def _small(name: str, chance: random.Random) -> str:
    table = chance.choice((SMALL, RAISED))
    keep = chance.random() < 0.5
    return "".join(
        letter if keep and letter.isupper() else table.get(letter.lower(), letter)
        for letter in name
    )


def _styled(name: str, chance: random.Random) -> str:
    base = chance.choice(STYLES)
    circled = chance.choice((0x24D0, 0x1F130, 0x1F170, 0x1F1E6, base, base, base))
    out = ""
    for letter in name:
        place = ord(letter.lower()[0]) - ord("a")
        if not 0 <= place < 26:
            out += letter
        elif circled != base:
            out += chr(circled + place)
        else:
            made = chr(base + place + (26 if letter.islower() else 0))
            out += made if unicodedata.category(made)[0] == "L" else letter
    return out


def _affix_words(name: str, chance: random.Random, *, foreign: bool) -> str:
    own = ["en"]
    script = unicodedata.name(name[0], "").split(" ")[0]
    languages = {
        "GREEK": ["el"],
        "ARABIC": ["ar"],
        "HEBREW": ["he"],
        "DEVANAGARI": ["hi"],
        "CJK": ["zh", "ja"],
        "HANGUL": ["ko"],
    }
    own = languages.get(script, own)
    if script == "CYRILLIC":
        own = next(
            (list(found) for letters, found in OF_NAME if name[0].lower() in letters), ["ru"]
        )
    if script == "LATIN" and not foreign:
        own = ["en"]
    chosen = [language for language in AFFIXES if (language in own) != foreign]
    return chance.choice(AFFIXES[chance.choice(chosen)])


def _attached(name: str, word: str, chance: random.Random) -> str:
    forms = (
        "{0} {1}",
        "{1} {0}",
        "{0} - {1}",
        "{0} ({1})",
        "{1}: {0}",
        "{0}_{1}",
        "[{1}] {0}",
        "{0}{1}",
        "{0} | {1}",
    )
    return chance.choice(forms).format(name, word)


def _affixed(name: str, chance: random.Random) -> str:
    return _attached(name, _affix_words(name, chance, foreign=False), chance)


def _translated_affix(name: str, chance: random.Random) -> str:
    return _attached(name, _affix_words(name, chance, foreign=True), chance)


def _framed(name: str, chance: random.Random) -> str:
    return chance.choice(FRAMES).format(name)


def _clerk(name: str, chance: random.Random) -> str:
    return chance.choice(("{1} | {0}", "{1}, {0}", "{0} – {1}", "{1} ({0})", "{1} @ {0}")).format(
        name, chance.choice(CLERKS)
    )


def _shortened(name: str, chance: random.Random) -> str:
    possible = [pair for pair in SHORT if pair[0] in name]
    return name.replace(*chance.choice(possible)) if possible else ""


def _plural(name: str, chance: random.Random) -> str:
    if not name[-1].isascii():
        return ""
    words = name.split(" ")
    at = chance.randrange(len(words))
    words[at] = (
        words[at][:-1] if words[at].endswith("s") else words[at] + chance.choice(("s", "'s"))
    )
    return " ".join(words)


def _accents(name: str, chance: random.Random) -> str:
    if chance.random() < 0.3:
        return "".join(
            letter
            for letter in unicodedata.normalize("NFD", name)
            if unicodedata.category(letter) != "Mn" or ord(letter) > 0x370
        )
    out = ""
    for letter in name:
        out += letter + (chance.choice(MARKS) if letter.isalpha() and chance.random() < 0.4 else "")
    return out


def _directed(name: str, chance: random.Random) -> str:
    forms = ("\u202e{1}\u202c", "\u200f{0}", "\u2067{0}\u2069", "\u061c{0}\u200e", "\u202e{1}")
    return chance.choice(forms).format(name, name[::-1])


def _cased(name: str, chance: random.Random) -> str:
    forms = (
        name.upper(),
        name.lower(),
        name.swapcase(),
        "".join(chance.choice((letter.upper(), letter.lower())) for letter in name),
    )
    return chance.choice(forms)


def _bracketed(name: str, chance: random.Random) -> str:
    return chance.choice(
        (
            "«{}»",
            '"{}"',
            "[{}]",
            "★ {} ★",
            "~{}~",
            "{}.",
            "{}™",
            "- {} -",
            "『{}』",
            "{}!",
            "#{}",
            "{}®",
        )
    ).format(name)


def _address(name: str, chance: random.Random) -> str:
    joined = name.lower().replace(" ", chance.choice(("", "-", "_", ".")))
    return chance.choice(
        (
            "{}.com",
            "@{}",
            "{}_bot",
            "{}.org",
            "www.{}.info",
            "{}-online.net",
            "{}@gmail.com",
            "{}_official",
        )
    ).format(joined)


def _in_latin(name: str, _chance: random.Random) -> str:
    if not unicodedata.name(name[0], "").startswith("CYRILLIC"):
        return ""
    out = "".join(LATIN.get(letter.lower(), letter) for letter in name)
    return out.title()


def _combined(name: str, chance: random.Random) -> str:
    inner, outer = (
        (_one_look, _digits, _hidden, _cased, _doubled),
        (_emoji, _affixed, _bracketed, _framed, _joined),
    )
    changed = chance.choice(inner)(name, chance)
    return chance.choice(outer)(changed, chance) if changed else ""


KINDS: Final[Mapping[str, Callable[[str, random.Random], str]]] = {
    "one look-alike": _one_look,
    "many look-alikes": _many_looks,
    "digits": _digits,
    "letter pairs": _pairs,
    "doubled letter": _doubled,
    "dropped letter": _dropped,
    "swapped neighbours": _swapped,
    "near key": _near_key,
    "spelled out": _spelled,
    "joined or parted": _joined,
    "emoji": _emoji,
    "invisible": _hidden,
    "full width": _wide,
    "small or raised": _small,
    "styled": _styled,
    "affix": _affixed,
    "foreign affix": _translated_affix,
    "frame": _framed,
    "clerk": _clerk,
    "shortened word": _shortened,
    "plural": _plural,
    "accents": _accents,
    "direction": _directed,
    "case": _cased,
    "brackets": _bracketed,
    "address": _address,
    "in Latin letters": _in_latin,
    "combined": _combined,
}

SET: Final = _Second(PROTECTED, shift=0, persons_seed=2000)
HELD: Final = _Second(HELD_OUT, shift=7, persons_seed=9000)
