"""What people of a world write to the bot: everything that a person can ask for in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.demo_bank.bank import demo_iban
from tests.simulation.whole.people import NUMBERS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tests.simulation.whole.people import Person

HABITS: Final = range(12)
"""Last digits of amounts, by which a bank does something wrong; 11 is none."""
TRUSTED: Final = 3
"""So many of the words on trust begin it."""
OFTEN: Final = 2
"""How much likelier it is that somebody simply pays than any one of the rest."""


class Wishes:
    """Of one person, at one moment."""

    def __init__(self, chance: Random, person: Person, persons: Sequence[Person]) -> None:
        """Think of something.

        Args:
            chance: Of the world.
            person: Who wants something.
            persons: Everybody.
        """
        others = [one for one in persons if one is not person]
        near = [one.user for one in others if one.institution is person.institution]
        self._chance = chance
        self._person = person
        self._anybody = chance.choice(others).user
        self._friend, self._third = chance.sample(near, 2)
        self._amount = f"{chance.randrange(1, 40)}.{chance.randrange(100):02} EUR"
        self._little = f"{chance.randrange(1, 5)}.{chance.randrange(100):02} EUR"

    def words(self) -> str:
        """What they write."""
        pays = self._pays()
        every: list[Callable[[], Sequence[str]]] = [
            self._of_banks,
            self._of_deals,
            self._of_numbers,
            self._of_trust,
            self._of_rules,
            lambda: ["balance", "history", "mandates", "splits", "statement", "topup"],
        ]
        kind = self._chance.choice([*[lambda: pays] * OFTEN, *every])
        return self._chance.choice(kind())

    def trust(self) -> str:
        """What they write who trust somebody."""
        return self._chance.choice(self._of_trust()[:TRUSTED])

    def _pays(self) -> Sequence[str]:
        return [
            f"pay {self._anybody} {self._amount} rent",
            f"pay {self._anybody} {self._amount} rent",
            f"pay {self._third} {self._little} bread from {self._friend}",
        ]

    def _of_banks(self) -> Sequence[str]:
        out = f"{self._chance.randrange(1, 40)}.{self._chance.choice(HABITS):02} EUR"
        good = f"payout {out} to {demo_iban(3)} Person 3"
        return [good, good, f"payout {out} to DE00 Person 3"]

    def _of_deals(self) -> Sequence[str]:
        escrow = f"escrow {self._friend} {self._amount} bicycle"
        return [
            f"split {self._amount} {self._friend} {self._third} dinner",
            escrow,
            f"{escrow}; else release",
            f"{escrow}; arbiter {self._third}; 2 of 3",
        ]

    def _of_numbers(self) -> Sequence[str]:
        """Of what they have a number of; often it is of something else, which is refused."""
        number = self._chance.choice(self._person.numbers[-NUMBERS_MAX:] or ["1"])
        escrow = self._chance.choice(["release", "return", "share 1.00", "stop", ""])
        dispute = self._chance.choice(
            ["it was broken", "1.00 EUR it was broken", "all it is true", "none it is not", "files"]
        )
        return [
            f"refund {number} 0.50",
            f"refund {number}",
            f"receipt {number}",
            f"dispute {number} {dispute}",
            f"dispute {number} {dispute}",
            f"escrow {number} {escrow}".rstrip(),
            f"escrow {number} {escrow}".rstrip(),
        ]

    def _of_trust(self) -> Sequence[str]:
        return [
            f"guardians {self._friend} {self._third} {self._chance.choice('12')} of 2 above 15 EUR",
            f"allow {self._friend} 20 EUR a week at {self._third}",
            f"allow {self._friend} 20 EUR a day",
            "allowances",
            "guardians off",
        ]

    def _of_rules(self) -> Sequence[str]:
        return [
            f"limits day {self._chance.randrange(20, 300)} EUR",
            f"limits first {self._chance.randrange(5, 50)} EUR",
            "ban payouts 1 days",
            "freeze",
            "unfreeze",
            "unfreeze",
            "unfreeze",
        ]
