"""When an office is open, in words."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from veche.protocol.texts.locales import locale_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.agency.offices.core.office import Office

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def hours_lines(office: Office, language: str) -> Sequence[str]:
    """Return the opening hours, days with the same together: "Mon-Fri 08:00-12:00"."""
    names = locale_of(language).days["stand-alone"]["abbreviated"]
    open_days = [(n, tuple(office.hours.get(day, ()))) for n, day in enumerate(WEEKDAYS)]
    lines = []
    for times, days in itertools.groupby(open_days, key=lambda one: one[1]):
        first, *more = [number for number, _ in days]
        last = f"\N{EN DASH}{names[more[-1]]}" if more else ""
        shown = ", ".join(one.replace("-", "\N{EN DASH}") for one in times)
        lines += [f"{names[first]}{last} {shown}"] if times else []
    return lines
