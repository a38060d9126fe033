"""Parser of places: latitude and longitude, typed, or of a location that a client sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import FieldContext, plain_of

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field

LATITUDE_MICRODEGREES_MAX: Final = 90_000_000
LONGITUDE_MICRODEGREES_MAX: Final = 180_000_000
GEO_CHARACTERS_MAX: Final = 100

_EXAMPLE: Final = "52.517036, 13.388860"
_LATITUDE: Final = "latitude_microdegrees"
_LONGITUDE: Final = "longitude_microdegrees"
_MICRO: Final = 1_000_000
# RFC 5870, without its rarer systems of coordinates: an altitude and parameters may follow.
_GEO_URI: Final = re.compile(
    r"geo:(-?[0-9]{1,3}(?:\.[0-9]{1,15})?),(-?[0-9]{1,3}(?:\.[0-9]{1,15})?)(?:,[-0-9.]+)?(?:;.*)?",
    re.IGNORECASE,
)
_POINTS: Final = re.compile(
    r"([-+\u2212]?[0-9]{1,3}(?:\.[0-9]{1,15})?)°?[ ,;]+([-+\u2212]?[0-9]{1,3}(?:\.[0-9]{1,15})?)°?"
)
_COMMAS: Final = re.compile(
    r"([-+\u2212]?[0-9]{1,3},[0-9]{1,15})°?(?:[ ;]+|, )([-+\u2212]?[0-9]{1,3},[0-9]{1,15})°?"
)


def parse_geo(field: Field, raw: object, _: FieldContext) -> dict[str, int]:
    """A place in WGS 84, in millionths of a degree (a tenth of a metre), north and east positive.

    From "52.517036, 13.388860", a ``geo:`` URI, an ``m.location`` event's content, or a value of
    this kind.
    """
    if isinstance(raw, Mapping) and "geo_uri" not in raw:
        place = raw.get(_LATITUDE), raw.get(_LONGITUDE)
    else:
        place = _read(plain_of(field, raw["geo_uri"] if isinstance(raw, Mapping) else raw))
    latitude = _within(place[0], LATITUDE_MICRODEGREES_MAX)
    longitude = _within(place[1], LONGITUDE_MICRODEGREES_MAX)
    if latitude is None or longitude is None:
        raise FieldError.of(field, Problem.NOT_A_PLACE, example=_EXAMPLE)
    return {_LATITUDE: latitude, _LONGITUDE: longitude}


def show_geo(value: Mapping[str, Any]) -> str:
    """A place as it can be typed, and pasted into any map."""
    return f"{_degrees(value[_LATITUDE])}, {_degrees(value[_LONGITUDE])}"


def _read(text: str) -> tuple[int | None, int | None]:
    if len(text) > GEO_CHARACTERS_MAX:
        return None, None
    found = _GEO_URI.fullmatch(text) or _POINTS.fullmatch(text) or _COMMAS.fullmatch(text)
    return (_microdegrees(found[1]), _microdegrees(found[2])) if found else (None, None)


def _microdegrees(degrees: str) -> int:
    number = Decimal(degrees.replace("\u2212", "-").replace(",", "."))
    return round(number * _MICRO)


def _degrees(microdegrees: int) -> str:
    return format(Decimal(microdegrees).scaleb(-6), "f")


def _within(degrees: object, size_max: int) -> int | None:
    if not isinstance(degrees, int) or isinstance(degrees, bool):
        return None
    return degrees if abs(degrees) <= size_max else None
