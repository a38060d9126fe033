"""Tables that people make with spreadsheets: CSV, whatever parts its cells, in UTF-8.

A table of documents has a head. ``reference``, ``title``, ``p1.name`` and ``p1.user`` are columns
of every template, each other one is an answer by its id; a column may also be called as what is
wrong with it is told: ``parties.p1.name``, ``answers.rent``. Where a template asks for a ``title``
of its own, the column is that answer.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

COLUMNS_MAX: Final = 1_000
CELL_CHARACTERS_MAX: Final = 100_000
SEPARATORS: Final = (",", ";", "\t")
REFERENCE: Final = "reference"
TITLE: Final = "title"
_PARTY: Final = re.compile(r"(?:parties\.)?(p[1-9][0-9]{0,2})\.(name|user)")


class TableError(ValueError):
    """The upload is no table; the text says what is wrong, and where."""


def read_table(data: bytes) -> Iterator[list[str]]:
    """The rows of a table that are not empty, each with its cells.

    The first line says what parts cells: whichever of comma, semicolon and tab stands there most.

    Raises:
        TableError: It is no text, or a quotation mark is not closed.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise TableError("is no text in UTF-8: save it as “CSV UTF-8”") from e
    first = text.partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if len(cells) > COLUMNS_MAX or any(len(one) > CELL_CHARACTERS_MAX for one in cells):
                raise TableError(f"line {reader.line_num} has too much in it")
            if any(one.strip() for one in cells):
                yield [one.strip() for one in cells]
    except csv.Error as e:
        raise TableError(f"line {reader.line_num} cannot be read: {e}") from e


def read_head(head: Sequence[str], parties: Sequence[str], answers: Sequence[str]) -> list[str]:
    """The columns of a table of documents: ``reference``, ``title``, ``p1.name``, ``answers.rent``.

    Args:
        head: The first row.
        parties: Ids of the template's parties.
        answers: Ids of its form.

    Raises:
        TableError: There is none; or a column is none of the template's, or is there twice.
    """
    if not head:
        raise TableError("is empty: its first line names its columns")
    whole = [one for one in (REFERENCE, TITLE) if one == REFERENCE or one not in answers]
    own = [*whole, *(f"{one}.{what}" for one in parties for what in ("name", "user"))]
    columns = [_column(one, own) for one in head]
    known = {*own, *(f"answers.{one}" for one in answers)}
    for told, column in zip(head, columns, strict=True):
        if column not in known:
            shown = ", ".join([*own, *answers])
            raise TableError(f"has a column “{told[:50]}”; there are: {shown}")
    [(twice, count)] = Counter(columns).most_common(1)
    if count > 1:
        raise TableError(f"has the column “{twice}” twice")
    return columns


def read_row(columns: Sequence[str], cells: Sequence[str]) -> Mapping[str, Any]:
    """A row as programs send it; empty cells are left out.

    Args:
        columns: Of ``read_head``.
        cells: Of the row.

    Raises:
        TableError: It has more cells than there are columns.
    """
    if any(cells[len(columns) :]):
        raise TableError("has more cells than the table has columns")
    row: dict[str, Any] = {"parties": [], "answers": {}}
    parties: dict[str, dict[str, str]] = {}
    for column, cell in zip(columns, cells, strict=False):
        where, _, what = column.partition(".")
        if not cell:
            continue
        if column in (REFERENCE, TITLE):
            row[column] = cell
        elif where == "answers":
            row["answers"][what] = cell
        else:
            parties.setdefault(where, {"party": where})[what] = cell
    row["parties"] = list(parties.values())
    return row


def _column(told: str, own: Sequence[str]) -> str:
    name = told.strip()
    found = _PARTY.fullmatch(name)
    if found is not None:
        return f"{found[1]}.{found[2]}"
    if name in own:
        return name
    return f"answers.{name.removeprefix('answers.')}"
