"""Show texts, amounts and moments to a person in their language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.protocol.money import Money
from veche.protocol.texts.catalogue import show_date, show_date_time, show_money

if TYPE_CHECKING:
    from veche.protocol.texts.catalogue import Catalogue


@attrs.frozen
class Localizer:
    """One language, at one place.

    Attributes:
        language: One of ``LANGUAGES``.
        time_zone: IANA name.
        catalogue: Has the texts of whoever speaks and of ``veche.protocol``.
    """

    language: str
    time_zone: str
    catalogue: Catalogue

    def text(self, message: str, /, **values: object) -> str:
        """``message`` in the language; it must stand in the code as a plain string."""
        return self.catalogue.text(self.language, message, **values)

    def plural(self, one: str, many: str, count: int, /, **values: object) -> str:
        """The form of a message for a number; both must stand in the code as plain strings."""
        return self.catalogue.plural(self.language, one, many, count, **values)

    def money(self, minor: int, currency: str) -> str:
        """An amount with the code of its currency."""
        return self.amount(Money(minor=minor, currency=currency))

    def amount(self, money: Money) -> str:
        """The same of an amount that is one value."""
        return show_money(money, self.language)

    def date(self, at_ms: int) -> str:
        """The day of a moment."""
        return show_date(at_ms, self.language, self.time_zone)

    def moment(self, at_ms: int) -> str:
        """A moment to the minute."""
        return show_date_time(at_ms, self.language, self.time_zone)
