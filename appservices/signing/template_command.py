"""`veche template`: check templates of documents that are signed, and see one as a PDF."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from appservices.signing.service.templates import (
    check_folder,
    make_document,
    read_folder,
    sample,
)
from veche.protocol.catalogue import LANGUAGES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


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
    one.add_argument("out", type=Path, metavar="FILE", help="the PDF that is written")
    one.add_argument("--language", choices=LANGUAGES, help="default: the first of the template")
    one.set_defaults(run=run_try)


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
