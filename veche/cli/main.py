"""The command `veche`.

A command of the kernel is a module with ``add_arguments(parser)`` and ``run(arguments) -> int``.
A feature adds one by an entry point of the group ``veche.commands``: a function
``add_commands(subparsers)`` that adds the parser with the entry point's name and sets its default
``run``. A command that talks with others has ``async def run(reactor, arguments)`` in its place;
one that serves until it is stopped sets ``make_host``, a function of the same arguments.
Only the command that is asked for is imported, so that the others cost nothing.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.metadata import entry_points
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import VecheError
from veche.runtime.version import build_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.metadata import EntryPoint
    from types import ModuleType

ENTRY_POINTS: Final = "veche.commands"
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells expect it."""

KERNEL: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("veche.cli.up.command", "start everything on this machine, with a demo"),
    "run": ("veche.cli.serve", "run services until they are stopped"),
    "doctor": ("veche.cli.doctor", "find what is wrong here, and how to mend it"),
    "config": ("veche.cli.check", "check a configuration file, or print the reference"),
    "db": ("veche.cli.db", "make and change the tables of the database"),
    "crypto": ("veche.cli.crypto", "renew and keep the devices and keys of bots"),
    "identity": ("veche.cli.identity", "confirm new identities of persons who were seen"),
    "webhooks": (
        "veche.cli.webhooks",
        "see where organisations have their events sent, and send again",
    ),
    "verify": ("veche.cli.verify.command", "verify a receipt of a payment, or a signed file"),
    "bench": ("veche.cli.bench", "measure, beside a baseline"),
}
"""Module and help of each command of the kernel."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit code: 0, 1 after an error, 2 for wrong usage.

    Args:
        argv: Arguments without the program's name; those of the process if None.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        parser = _parser(next((word for word in words if not word.startswith("-")), ""))
        arguments = parser.parse_args(words)
        return _run(arguments)
    except VecheError as e:
        lines = str(e)
        sys.stderr.write(f"{lines}\n" if "\n" in lines else f"veche: {lines}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; Python would complain when it flushes at the end.
        sys.stdout = None
        return 1
    except Exception as e:
        if (told := _told(e)) is None:
            raise
        sys.stderr.write(f"veche: {told}\n")
        return 1


def _run(arguments: argparse.Namespace) -> int:
    """Run the command, in a reactor if it is a coroutine or serves; return its exit code."""
    if hasattr(arguments, "make_host"):
        from veche.cli.serve import serve_host  # noqa: PLC0415 -- the others need no reactor

        return serve_host(lambda reactor: arguments.make_host(reactor, arguments))
    if not iscoroutinefunction(arguments.run):
        return int(arguments.run(arguments))
    from veche.cli.reactor_run import run_to_end  # noqa: PLC0415 -- as above

    run_to_end(lambda reactor: arguments.run(reactor, arguments))
    return 0


def _told(error: Exception) -> str | None:
    """Explain a refusal of a file or the database to a person; None: it is a bug of ours."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    if isinstance(error, EOFError):
        return "nobody is at this terminal to answer; name a file by an option instead, see --help"
    if isinstance(error, ValueError) and str(error) == "embedded null byte":
        return "a path of the configuration has the character NUL in it: write it without"
    # By name: most commands need no database, and to import it takes longer than they do.
    if type(error).__module__.startswith("psycopg2"):
        return f"the database refuses: {str(error).strip().splitlines()[0]}; try `veche doctor`"
    return None


def _parser(wanted: str) -> argparse.ArgumentParser:
    """The parser: with the arguments of the ``wanted`` command, with names alone of the others."""
    parser = argparse.ArgumentParser(
        prog="veche", description="Services of organisations, as rooms of Matrix."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which build this is")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (module, text) in KERNEL.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == wanted:
            _fill(command, import_module(module))
    for name, entry in features().items():
        if name == wanted:
            entry.load()(commands)
        else:
            commands.add_parser(name, help=f"see veche {name} --help")
    return parser


class _Version(argparse.Action):
    """Says the version once it is asked for: to find it takes git a moment."""

    def __call__(self, *_: object) -> None:
        """Say it and end."""
        sys.stdout.write(f"veche {build_version()}\n")
        raise SystemExit(0)


def _fill(command: argparse.ArgumentParser, module: ModuleType) -> None:
    module.add_arguments(command)
    # A command with commands of its own has set what they run.
    if command.get_default("run") is None:
        command.set_defaults(run=getattr(module, "run", None))


def features() -> Mapping[str, EntryPoint]:
    """The commands that features add, by name; none of them can replace one of the kernel."""
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    return {name: found[name] for name in sorted(found) if name not in KERNEL}


if __name__ == "__main__":
    sys.exit(main())
