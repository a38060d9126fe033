"""Problems of an answer, each with a text that says what would be right."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import ProtocolError
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import N_, Catalogue, show_date, show_money, show_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.forms.models import Field


_ENGLISH: Final = Catalogue({})
_ENGLISH_TAG: Final = "en"


class Problem(enum.Enum):
    """Why an answer is refused. The value is the English text, message id of the catalogues."""

    MISSING = N_("An answer is needed here.")
    EMPTY = N_("This answer is empty.")
    NOT_TEXT = N_("Please answer in text.")
    CONTROL_CHARACTERS = N_("There are invisible control characters in it. Please type it again.")
    ONE_LINE = N_("Please write it on one line.")
    TOO_LONG = N_("This has {count} characters. Please use at most {max}.")

    NOT_A_NUMBER = N_("This is not a number. Write it with digits, like {example}.")
    NOT_WHOLE = N_("This is not a whole number. Write it with digits, like {example}.")
    TOO_MANY_DIGITS = N_("This number has too many digits. Please use at most {max}.")
    TOO_SMALL = N_("This is too little. The least is {min}.")
    TOO_BIG = N_("This is too much. The most is {max}.")
    NOT_MONEY = N_("This is not an amount of money. Write it like {example}.")
    AMOUNT_IN_DOUBT = N_(
        "This can be a thousand, or one and a bit. Write all its decimals, like {example}."
    )
    NO_CURRENCY = N_("The currency is missing. Write the amount like {example}.")
    CURRENCY_UNKNOWN = N_("I do not know this currency. Write its code, like {example}.")
    OTHER_CURRENCY = N_("This is another currency. Write the amount in {currency}, like {example}.")
    TOO_MANY_DECIMALS = N_("{currency} has at most {max} digits after the decimal sign.")

    NOT_A_DATE = N_("This is not a date. Write it like {example} or {iso}.")
    NO_SUCH_DAY = N_("There is no such day. Please look at day and month again, like {example}.")
    SHORT_YEAR = N_("Please write the year with four digits, like {example}.")
    TWO_DATES = N_(
        "This can be {first} or {second}. Please write the month as a word, like {first}."
    )
    TOO_EARLY = N_("This is too early. The first possible day is {min}.")
    TOO_LATE = N_("This is too late. The last possible day is {max}.")
    NO_TIME = N_("The time is missing. Write day and time like {example}.")
    NOT_A_MOMENT = N_("This is not a day with a time. Write both, like {example}.")
    SKIPPED_TIME = N_(
        "This time does not exist: the clocks go forward then. Please write a later or earlier one."
    )
    DOUBLE_TIME = N_(
        "This time comes twice, because the clocks go back. Write which one: {first} or {second}."
    )

    NOT_YES_NO = N_("Please answer “{yes}” or “{no}”.")
    NOT_A_CHOICE = N_("This is not one of the answers. They are: {choices}.")
    SEVERAL_CHOICES = N_("This fits more than one answer: {choices}. Please write one in full.")
    TOO_FEW_CHOICES = N_("You chose {count}. Please choose at least {min}.")
    TOO_MANY_CHOICES = N_("You chose {count}. Please choose at most {max}.")
    NOT_A_COUNTRY = N_("I do not know this country. Write its name or its code, like {example}.")
    SEVERAL_COUNTRIES = N_("This fits more than one country: {choices}. Please write one in full.")

    NOT_A_PHONE = N_("This is not a phone number. Write it with its country code, like {example}.")
    NO_SUCH_PHONE = N_(
        "There is no such phone number. Please look at it again, and begin with the country code,"
        " like {example}."
    )
    PHONE_EXTENSION = N_("Please write the number without its extension, like {example}.")
    NOT_AN_EMAIL = N_("This is not an e-mail address. Write it like {example}.")
    NOT_A_NAME = N_("This is not a name of a person. Write it with letters, like {example}.")
    NOT_AN_ADDRESS = N_("This is not an address. Write street, number, postal code and town.")
    TOO_MANY_LINES = N_("This has {count} lines. Please use at most {max}.")
    LONG_LINE = N_("A line of it is too long. Please use at most {max} characters a line.")
    NOT_AN_IBAN = N_("This is not an IBAN. It has letters and digits, like {example}.")
    IBAN_COUNTRY = N_("An IBAN begins with the code of a country that has IBANs, like {example}.")
    IBAN_LENGTH = N_("This has {count} characters; an IBAN that begins with {country} has {max}.")
    IBAN_DIGITS = N_("The check digits do not fit: something is mistyped. Please compare it again.")

    NOT_A_FILE = N_("Please send a file here, as an attachment.")
    NOT_A_PHOTO = N_("Please send a photo here, as an attachment.")
    FILE_BROKEN = N_("The file did not arrive whole. Please send it again.")
    FILE_DAMAGED = N_("The file arrived damaged and can't be opened. Please send it again.")
    FILE_GONE = N_("The file is not on the server any more. Please send it again.")
    FILE_UNFETCHED = N_("Your server did not give me the file. Please send it again later.")
    FILE_KIND = N_("This kind of file can't be used here. Please send one of: {types}.")
    FILE_TOO_BIG = N_("This file is too large. The most is {max} MB.")
    NOT_A_PLACE = N_("This is not a place. Send a location, or latitude and longitude: {example}.")

    UNKNOWN_FIELD = N_("There is no such question in this form: {name}.")
    NOT_FOR_REVIEW = N_(
        "Write “{submit}” to send it, or the number of a line that you want to change."
    )

    @property
    def code(self) -> str:
        """Stable name for programs: ``not_a_date``."""
        return self.name.lower()


class FieldError(ProtocolError):
    """An answer that is refused; nothing is changed.

    The text names the question and says what would be right. It never repeats the answer, so
    that it can be logged.

    Attributes:
        field_id: Whose answer, or what was taken for the id of a field.
        label: The question in the person's language; None if there is no such question.
        problem: What is wrong.
        values: What the text of the problem needs.
    """

    errcode = "ORG.VECHE.FIELD"

    def __init__(
        self, field_id: str, label: str | None, problem: Problem, values: Mapping[str, object]
    ) -> None:
        self.field_id = field_id
        self.label = label
        self.problem = problem
        self.values = values
        super().__init__(self.text(_ENGLISH, _ENGLISH_TAG))

    @classmethod
    def of(cls, field: Field, problem: Problem, **values: object) -> FieldError:
        """The refusal of an answer to ``field``."""
        return cls(field.id, field.label, problem, values)

    def text(self, catalogue: Catalogue, language: str) -> str:
        """The refusal in a language, "Born on: This is not a date. Write it like …"."""
        shown = {name: _shown(value, language) for name, value in self.values.items()}
        message = catalogue.text(language, self.problem.value, **shown)
        label = (self.label or "").rstrip(": ")
        end = "" if label.endswith("?") else ":"
        return message if self.label is None else f"{label}{end} {message}"


class FormErrors(ProtocolError):  # noqa: N818  # it is several errors
    """Everything that is wrong with the answers of one form; none of them is taken.

    Attributes:
        errors: At least one, in the order of the form.
    """

    errcode = "ORG.VECHE.FORM"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)

    def text(self, catalogue: Catalogue, language: str) -> str:
        """All refusals in a language, one a line."""
        return "\n".join(error.text(catalogue, language) for error in self.errors)


def _shown(value: object, language: str) -> str:
    if isinstance(value, dt.date):
        return show_date(value, language)
    if isinstance(value, Decimal):
        return show_number(format(value, "f"), language)
    if isinstance(value, Money):
        return show_money(value, language)
    if isinstance(value, tuple):
        return ", ".join(_shown(part, language) for part in value)
    return str(value)
