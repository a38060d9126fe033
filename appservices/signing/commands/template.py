"""`veche template`: check templates of documents that are signed, and make PDFs of them."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from appservices.signing.templates.api import BatchRow
from appservices.signing.templates.service.filling import fill
from appservices.signing.templates.service.templates import (
    check_folder,
    make_document,
    read_folder,
    sample,
)
from veche.protocol.errors import ConfigError
from veche.protocol.forms import FieldContext
from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.wire import parse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

ROW_BYTES_MAX: Final = 256 * 1024
"""Of the answers to one template."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche template` to the commands of `veche`."""
    parser = commands.add_parser("template", help="check templates of documents that are signed")
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = subcommands.add_parser("check", help="say everything that is wrong with templates")
    one.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="with template.yaml, template.typ"
    )
    one.set_defaults(run=run_check)
    one = subcommands.add_parser("try", help="make a document with answers that are made up")
    one.add_argument("folder", type=Path, metavar="FOLDER", help="of the template")
    one.add_argument("out", type=Path, metavar="FILE", help="PDF to write")
    one.add_argument("--language", choices=LANGUAGES, help="default: the first of the template")
    one.set_defaults(run=run_try)
    one = subcommands.add_parser(
        "fill", help="make a document with answers here, as for a private document"
    )
    one.add_argument("folder", type=Path, metavar="FOLDER", help="of the template")
    one.add_argument(
        "row", type=Path, metavar="ROW", help="JSON with parties and answers, as in a batch"
    )
    one.add_argument("out", type=Path, metavar="FILE", help="PDF to write")
    one.add_argument("--language", choices=LANGUAGES, help="default: the first of the template")
    one.set_defaults(run=run_fill)


def run_check(arguments: argparse.Namespace) -> int:
    """Run `veche template check`: 0 if every template is right, else 1."""
    return check(arguments.folders, sys.stdout)


def run_try(arguments: argparse.Namespace) -> int:
    """Run `veche template try`: 0, or 1 if the template is wrong."""
    template = read_folder(arguments.folder)
    language = arguments.language or template.template.languages[0]
    made = make_document(template, sample(template.template, language, is_full=True))
    arguments.out.write_bytes(made.pdf)
    fields = ", ".join(sorted(template.template.boxes()))
    sys.stdout.write(f"{arguments.out}: {made.title}, pages: {made.pages}, fields: {fields}\n")
    return 0


def run_fill(arguments: argparse.Namespace) -> int:
    """Run `veche template fill`: 0 once the PDF is written, with no boxes in it yet.

    Raises:
        ConfigError: The row cannot be read.
        FillingError: It is no row of this template; nothing is written.
        TemplateError: The template is wrong; nothing is written.
    """
    folder = read_folder(arguments.folder)
    template = folder.template
    language = arguments.language or template.languages[0]
    if language not in template.languages:
        raise ConfigError(f"--language: the template has {', '.join(template.languages)}")
    row = _read_row(arguments.row)
    today = dt.datetime.fromtimestamp(time.time_ns() // 1_000_000_000, dt.UTC).date()
    told = fill(template, row.parties, row.answers, "", FieldContext(language, today, "UTC", "ZZ"))
    made = make_document(folder, told.filling, has_boxes=False)
    arguments.out.write_bytes(made.pdf)
    sys.stdout.write(f"{arguments.out}: {made.title}, pages: {made.pages}\n")
    for one in template.parties:
        sys.stdout.write(
            f"  {one.role.value} {told.persons[one.id]} {told.names[one.id]}"
            f" ({one.title[language]})\n"
        )
    for clause in template.clauses:
        page = made.clause_pages[clause.id]
        title = clause.title[language]
        sys.stdout.write(f"  clause on page {page}, {clause.kind.value}: {title}\n")
    return 0


def _read_row(path: Path) -> BatchRow:
    try:
        with path.open("rb") as file:
            data = file.read(ROW_BYTES_MAX + 1)
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from e
    if len(data) > ROW_BYTES_MAX:
        raise ConfigError(f"{path}: has more than {ROW_BYTES_MAX} bytes")
    try:
        return parse(BatchRow, json.loads(data), where="row")
    except ValueError as e:
        raise ConfigError(f"{path}: is no JSON") from e


def check(folders: Sequence[Path], out: TextIO) -> int:
    """Say what is wrong with templates: 0 if nothing is, else 1.

    Args:
        folders: With a template each.
        out: Where it is said.
    """
    is_right = True
    for folder in folders:
        problems = check_folder(folder)
        is_right = is_right and not problems
        if problems:
            out.writelines(f"{folder}: {problem}\n" for problem in problems)
        else:
            template = read_folder(folder).template
            languages = ", ".join(template.languages)
            out.write(f"{folder}: {template.template} {template.version} is right ({languages})\n")
    return 0 if is_right else 1
