"""`veche service`: check the files of services, and play one in the terminal."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from appservices.agency.documents.pdf import TEMPLATE_BYTES_MAX, make_document
from appservices.agency.documents.sample import sample_data
from appservices.agency.language.core.language import read_service
from appservices.agency.language.core.problems import ServiceFileError
from appservices.agency.language.core.tree import SERVICE_FILE_CHARACTERS_MAX
from appservices.agency.offices.core.context import Context
from appservices.agency.offices.core.office import Office
from appservices.agency.trial import Trial, World
from appservices.agency.working_days.core import Calendar
from veche.protocol.errors import ConfigError, VecheError
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue

if TYPE_CHECKING:
    import argparse

    from appservices.agency.language.core.definition import ServiceDefinition

LINES_MAX: Final = 10_000
"""Lines of input after which a play ends."""
_FILE_BYTES_MAX: Final = 4 * SERVICE_FILE_CHARACTERS_MAX
_CATALOGUES: Final = ("veche.protocol", "veche.protocol.forms", "appservices.agency")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche service` to the commands of `veche`."""
    service = commands.add_parser("service", help="check a service's file, or play it")
    subcommands = service.add_subparsers(metavar="COMMAND", required=True)
    check_parser = subcommands.add_parser("check", help="say everything that is wrong with files")
    check_parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a service's YAML file"
    )
    check_parser.set_defaults(run=run_check)
    try_parser = subcommands.add_parser("try", help="play a service in the terminal")
    try_parser.add_argument("file", type=Path, metavar="FILE", help="a service's YAML file")
    try_parser.add_argument("--language", choices=LANGUAGES, default="en", help="the person's")
    try_parser.add_argument(
        "--staff-language", choices=LANGUAGES, default="en", help="the office's"
    )
    try_parser.add_argument(
        "--time-zone", default="UTC", help="time zone of the office, such as Europe/Berlin"
    )
    try_parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="keep the files that the person gets there"
    )
    try_parser.set_defaults(run=run_try)


def run_check(arguments: argparse.Namespace) -> int:
    """Run `veche service check`: 0 if every file is right, else 1."""
    return check(arguments.files, sys.stdout, sys.stderr)


def run_try(arguments: argparse.Namespace) -> int:
    """Run `veche service try`: 0 at its end, 1 if the file is wrong."""
    return play(arguments, sys.stdin, sys.stdout, now_ms=time.time_ns() // 1_000_000)


def check(files: list[Path], out: TextIO, err: TextIO) -> int:
    """Say everything that is wrong with the files; 0 if nothing is, else 1.

    Each line is ``FILE:LINE:COLUMN: what is wrong; what would be right``, as editors read it.
    """
    wrong = 0
    for path in files:
        try:
            definition, template = read(path)
            if template is not None:
                _try_template(definition, template, path)
        except ServiceFileError as e:
            wrong += 1
            for problem in e.problems:
                where = f"{path}:{problem.place.line}:{problem.place.column}"
                what = f"{problem.path or 'the file'}: {problem.wrong}; {problem.right}"
                err.write(f"{where}: {what}\n")
        except VecheError as e:
            wrong += 1
            err.write(f"{e}\n")
        else:
            steps = len(definition.steps)
            languages = ", ".join(definition.languages)
            out.write(f"{path}: right ({steps} steps; {languages})\n")
    return 1 if wrong else 0


def read(path: Path) -> tuple[ServiceDefinition, bytes | None]:
    """A service and the template of its document, which stands beside it.

    Raises:
        ServiceFileError: The service is wrong.
        ConfigError: A file cannot be read.
    """
    try:
        text = _bytes(path, _FILE_BYTES_MAX).decode()
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path}: byte {e.start} is no UTF-8; save it as UTF-8") from e
    definition = read_service(text)
    if definition.document is None:
        return definition, None
    return definition, _bytes(path.parent / definition.document.template, TEMPLATE_BYTES_MAX)


def _bytes(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read: {e.strerror}") from e
    if len(data) > bytes_max:
        raise ConfigError(f"{path}: is over {bytes_max} bytes; make it smaller")
    return data


def _try_template(definition: ServiceDefinition, template: bytes, path: Path) -> None:
    """Make the document once in each language, from data that nobody gave.

    Raises:
        ConfigError: It cannot be made.
    """
    name = definition.document.template if definition.document else ""
    for language in definition.languages:
        context = Context(0, language, _office("UTC", language), _catalogue())
        try:
            make_document(template, sample_data(definition, context), issued_at_ms=0)
        except VecheError as e:
            raise ConfigError(f"{path.parent / name}: in {language}: {e}") from e


def play(arguments: argparse.Namespace, lines: TextIO, out: TextIO, *, now_ms: int) -> int:
    """Play a service, line by line, until the input or the case ends.

    Args:
        arguments: Of `veche service try`.
        lines: What the fake person and clerks say.
        out: Where the play is shown.
        now_ms: When it begins, UTC.

    Raises:
        ConfigError: The service, its template or an argument is wrong.
    """
    definition, template = read(arguments.file)
    folder: Path | None = arguments.save

    def keep(name: str, data: bytes) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    world = World(
        office=_office(arguments.time_zone, arguments.staff_language),
        catalogue=_catalogue(),
        language=arguments.language,
        template=template,
        write=out.write,
        keep=keep,
    )
    trial = Trial(definition, world, now_ms)
    trial.begin()
    for _, line in zip(range(LINES_MAX), lines, strict=False):
        out.write(f"> {line.rstrip()}\n\n")
        if not trial.hear(line):
            break
    return 0


def _catalogue() -> Catalogue:
    return Catalogue.load(*_CATALOGUES)


def _office(time_zone: str, language: str) -> Office:
    names = {"en": "The office", "ru": "Учреждение", "de": "Das Amt", "uk": "Установа"}
    try:
        calendar = Calendar(time_zone)
    except (KeyError, ValueError, OSError) as e:
        raise ConfigError(f"--time-zone: {time_zone} is none; write one as Europe/Berlin") from e
    return Office("office", names, language, calendar, "DE")
