"""Parser of a day with a time, meant where the person is.

Twice a year a clock's time is no moment, or two: then the person is asked, never guessed.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_name

from veche.protocol.forms.dates import (
    DATE_CHARACTERS_MAX,
    EXAMPLE,
    YEAR_MAX,
    YEAR_MIN,
    check_day,
    read_date,
)
from veche.protocol.forms.models import fold
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import FieldContext, is_time_zone, plain_of

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field

_MS: Final = 1000
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# A day inside the first and the last year, so that no time zone leads out of them.
_AT_MS_MIN: Final = -int((_EPOCH.replace(tzinfo=None) - datetime.datetime(YEAR_MIN, 1, 2)).total_seconds()) * _MS
_AT_MS_MAX: Final = 0

_TYPED: Final = re.compile(
    r"(?P<day>.+?)(?:,? |t)(?:(?:at|um|в|о|об) )?"
    r"(?P<hour>[0-9]{1,2})(?:[:.](?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.0+)?)?)?"
    r" ?(?P<half>[ap]\.?m\b\.?)?(?P<word>(?:uhr|ч|час|часов|часа|год|година|годин|години)\b\.?)?"
    r" ?(?P<zone>[^ ].*)?"
)
_OFFSET: Final = re.compile(r"(?:utc|gmt)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?")
_NOON: Final = 12
