"""`veche directory`: who stands in the directory of this server, by the word of its operator."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appservices.acts import store
from appservices.acts.config import ActsSection, OrganisationSection
from appservices.acts.service import Directories, org_body, own_of, said, signed_text
from veche.acts import LastSigned
from veche.acts.signed_tree import current
from veche.contracts.directory.rules import EntryRefusedError, Fault
from veche.protocol.errors import ConfigError
from veche.runtime.config import parse_duration
from veche.runtime.config.secret_files import read_secret_bytes
from veche.runtime.config.sections import load
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.database.clock import database_ms
from veche.server.installed import add_config_option
from veche.server.offline import config_of, database_of, transaction
from veche.transparency.envelope import KEY_BYTES
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from appservices.acts.service import Own
    from veche.contracts.directory.rules import Directory
    from veche.contracts.directory.snapshot import Snapshot
    from veche.contracts.directory.trusted import Trusted
    from veche.runtime.database import Cursor

    Make = Callable[[Cursor, Own, Directory, int], Mapping[str, Any]]

_SIGN: Final = "Name an organisation above it with --by, or leave --by out"
_LIST: Final = "`veche directory check` lists all"
_OTHER: Final = "It can be of one organisation alone: give another"
_NEXT: Final[Mapping[Fault, str]] = {
    Fault.UNSIGNED: _SIGN,
    Fault.NOT_ABOVE: _SIGN,
    Fault.SIGNER_NOT_OFFICIAL: _SIGN,
    Fault.NEEDS_DIRECTORY: "Leave --by out",
    Fault.OLD_KEY_MISSING: "Give its old key with --old-key, or --lost if nobody has it",
    Fault.UNKNOWN_ORG: _LIST,
    Fault.UNKNOWN_PARENT: _LIST,
    Fault.ENDED: "Enter it anew with another id",
    Fault.NEEDS_ROTATE: "Run `veche directory rotate` for these",
    Fault.NOTHING: "Give another --key or --account",
    Fault.ACCOUNT_TAKEN: _OTHER,
    Fault.DOMAIN_TAKEN: _OTHER,
    Fault.KEY_TAKEN: _OTHER,
    Fault.NOT_SUSPENDED: "There is nothing to resume",
}
"""What to do about a refusal; with all others: correct it."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche directory` to the commands of `veche`."""
    parser = commands.add_parser("directory", help="say which organisations are official")
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = _command(
        subcommands, "org", "enter an organisation, or change what is said of it", run_org
    )
    one.add_argument("file", type=Path, metavar="FILE", help="YAML, with the section organisation")
    one = _command(subcommands, "rotate", "give an organisation other keys or accounts", run_rotate)
    one.add_argument("organisation", metavar="ORG", help="its id")
    one.add_argument("--key", metavar="KEY", help="its new public key")
    one.add_argument(
        "--account",
        action="append",
        metavar="USER[=MASTER]",
        help="each account that it has from now on; without a master key that of a bot here",
    )
    one.add_argument(
        "--old-key",
        type=Path,
        metavar="FILE",
        help="its old key; left out: that which this server keeps. Without it, see --lost",
    )
    one.add_argument("--lost", action="store_true", help="the old key is lost: it counts in 72 h")
    one = _command(subcommands, "names", "protect names: nobody else may bear them", run_names)
    one.add_argument("organisation", metavar="ORG", help="its id")
    one.add_argument("name", nargs="*", metavar="NAME", help="all of them; none: they are free")
    one.add_argument("--appeal", required=True, metavar="ADDRESS", help="for who is refused")
    for word, text in (
        ("suspend", "make an organisation unofficial for a while"),
        ("resume", "make an organisation official again that was suspended"),
        ("end", "make an organisation unofficial for ever"),
    ):
        one = _command(subcommands, word, text, run_measure)
        one.set_defaults(kind=word)
        one.add_argument("organisation", metavar="ORG", help="its id")
        one.add_argument("--reason", required=True, metavar="TEXT", help="for people")
        if word != "resume":
            one.add_argument("--appeal", required=True, metavar="ADDRESS", help="for its appeal")
        if word == "suspend":
            one.add_argument("--for", dest="lasts", metavar="TIME", help="such as '14 d'")
    one = _command(subcommands, "check", "list who is official, and what was refused", run_check)
    one.add_argument("account", nargs="?", metavar="ACCOUNT", help="only whose account this is")
    one = subcommands.add_parser("key", help="make a key for an organisation")
    one.add_argument("organisation", metavar="ORG", help="its id")
    one.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="never over an old one"
    )
    one.set_defaults(run=run_key)


def _command(
    subcommands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    one = subcommands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    if name != "check":
        one.add_argument(
            "--by",
            metavar="ORG",
            help="sign with the key of an organisation above that this server keeps, not with the"
            " directory's",
        )
    add_config_option(one)
    one.set_defaults(run=run)
    return one


def run_key(arguments: argparse.Namespace) -> int:
    """Run `veche directory key`."""
    seed = secrets.token_bytes(KEY_BYTES)
    try:
        signer = NoteSigner(arguments.organisation, seed)
        file = os.open(arguments.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except ValueError as e:
        words = "is no id of an organisation: it should be like tax.example"
        raise ConfigError(f"{arguments.organisation!r} {words}") from e
    except OSError as e:
        words = f"cannot be written: {e.strerror}. Name a new file in a folder that is there."
        raise ConfigError(f"{arguments.out} {words}") from e
    with os.fdopen(file, "wb") as out:
        out.write(seed)
        out.flush()
        os.fsync(out.fileno())
    sys.stdout.write(f"{signer.verifier.to_text()}\n")
    return 0


def run_org(arguments: argparse.Namespace) -> int:
    """Run `veche directory org`."""
    section = load(arguments.file, {"organisation": OrganisationSection})["organisation"]
    assert isinstance(section, OrganisationSection)  # noqa: S101 -- for the types
    if section.protects:
        words = "organisation.protects: leave it out, and run `veche directory names`"
        raise ConfigError(f"{arguments.file}: {words}")

    def make(txn: Cursor, own: Own, state: Directory, at_ms: int) -> Mapping[str, Any]:
        known = state.snapshot(at_ms).organisations.get(section.id)
        given = dict(section.accounts) | dict.fromkeys(section.bots, "")
        key = section.key or own.key_of(section.id).verifier.to_text()
        start = said(state, "org", section.id, at_ms)
        return org_body(section, own, key, _masters(txn, given), start, known)

    return _write(arguments, make)


def run_rotate(arguments: argparse.Namespace) -> int:
    """Run `veche directory rotate`."""
    organisation = arguments.organisation

    def make(txn: Cursor, own: Own, state: Directory, at_ms: int) -> Mapping[str, Any]:
        body = said(state, "rotate", organisation, at_ms)
        if arguments.key:
            body["key"] = arguments.key
        if arguments.account:
            given = dict(one.partition("=")[::2] for one in arguments.account)
            masters = _masters(txn, given)
            body["accounts"] = [{"user": user, "master": masters[user]} for user in sorted(masters)]
        if arguments.lost:
            return body
        old = arguments.old_key
        seeded = own.key_of(organisation)
        if old is None:
            return seeded.sign_object(body)
        try:
            return NoteSigner(organisation, read_secret_bytes(old)).sign_object(body)
        except ValueError as e:
            raise ConfigError(f"{old}: {e}: it should be as `veche directory key` wrote it") from e

    return _write(arguments, make)


def run_names(arguments: argparse.Namespace) -> int:
    """Run `veche directory names`."""

    def make(_txn: Cursor, _own: Own, state: Directory, at_ms: int) -> Mapping[str, Any]:
        more = {"names": arguments.name, "appeal": arguments.appeal}
        return said(state, "names", arguments.organisation, at_ms) | more

    return _write(arguments, make)


def run_measure(arguments: argparse.Namespace) -> int:
    """Run `veche directory suspend`, `resume` and `end`."""
    try:
        lasts = getattr(arguments, "lasts", None)
        lasts_ms = None if lasts is None else parse_duration(lasts)
    except ValueError as e:
        raise ConfigError(f"--for: {e}. Write it like '14 d'.") from e

    def make(_txn: Cursor, _own: Own, state: Directory, at_ms: int) -> Mapping[str, Any]:
        body = said(state, arguments.kind, arguments.organisation, at_ms)
        body["reason"] = arguments.reason
        if arguments.kind != "resume":
            body["appeal"] = arguments.appeal
        if lasts_ms is not None:
            body["until_ms"] = at_ms + lasts_ms
        return body

    return _write(arguments, make)


def run_check(arguments: argparse.Namespace) -> int:
    """Run `veche directory check`: 1 if something is wrong, or the account is not official."""
    section, dsn_config = _opened(arguments)

    def work(txn: Cursor) -> tuple[Directories, Trusted, Directory]:
        directories = _directories(txn, section, dsn_config)
        return directories, directories.trusted(txn, database_ms(txn)), directories.state(txn)

    with database_of(dsn_config) as dsn:
        directories, trusted, state = transaction(dsn, work)
    snapshot = trusted.snapshots[0]
    if arguments.account:
        owner = snapshot.owner_of(arguments.account)
        if owner is None:
            sys.stdout.write(f"{arguments.account}: nobody vouches for it\n")
            return 1
        sys.stdout.write(f"{arguments.account}: {_line(snapshot, owner.id)}\n")
        return 0 if snapshot.is_official(arguments.account) else 1
    keys = [key.to_text() for root in directories.roots[:1] for key in root.keys]
    sys.stdout.writelines(f"key {key}\n" for key in keys)
    sys.stdout.writelines(f"{_line(snapshot, id_)}\n" for id_ in sorted(snapshot.organisations))
    sys.stdout.writelines(
        f"entry {place} changes nothing ({error.fault}): {error}\n"
        for place, error in state.refused.items()
    )
    sys.stdout.writelines(
        f"{one.what} {one.value} is in two directories: {' and '.join(one.directories)}\n"
        for one in trusted.conflicts
    )
    return 1 if state.refused or trusted.conflicts else 0


def _line(snapshot: Snapshot, organisation: str) -> str:
    chain = " > ".join(one.id for one in snapshot.chain(organisation))
    one = snapshot.organisations[organisation]
    day = dt.datetime.fromtimestamp(one.since_ms / 1000, tz=dt.UTC).date()
    by = one.vouched_by or "the directory"
    return f"{snapshot.standing(organisation)}: {chain}, since {day}, verified by {by}"


def _masters(txn: Cursor, given: Mapping[str, str]) -> dict[str, str]:
    """Accounts with their master keys; those of bots here where none is given."""
    ours = store.master_keys(txn, [user for user, key in given.items() if not key])
    missing = [user for user, key in given.items() if not key and user not in ours]
    if missing:
        raise ConfigError(
            f"{missing[0]} is no bot of this server that has its keys: start it first, or write its"
            " master key beside it"
        )
    return {user: key or ours[user] for user, key in given.items()}


def _opened(arguments: argparse.Namespace) -> tuple[ActsSection, Any]:
    config = config_of(arguments)
    section = config.services.get("acts")
    if not isinstance(section, ActsSection) or section.directory is None:
        raise ConfigError(f"{config.path}: acts.directory is missing. Run this where it is.")
    return section, config


def _directories(txn: Cursor, section: ActsSection, config: Any) -> Directories:
    seed_of = read_operator_key(config.crypto.key_path).seed
    last_signed = LastSigned(config.heads_folder)
    own = own_of(section, config.homeserver.server_name, seed_of, last_signed, current(txn))
    return Directories(section, own)


def _write(arguments: argparse.Namespace, make: Make) -> int:
    section, config = _opened(arguments)

    def work(txn: Cursor) -> int:
        directories = _directories(txn, section, config)
        own = directories.own
        assert own is not None  # noqa: S101 -- for the types: there is a directory
        by = own.key_of(arguments.by) if arguments.by else own.entry_signer

        def made(state: Directory, at_ms: int) -> Sequence[str]:
            return [signed_text(make(txn, own, state, at_ms), [by])]

        return directories.write(txn, made, database_ms(txn))

    try:
        with database_of(config) as dsn:
            size = transaction(dsn, work)
    except EntryRefusedError as e:
        words = _NEXT.get(e.fault, "Correct it, and run the command again")
        raise ConfigError(f"{e}. Nothing is entered. {words}.") from e
    sys.stdout.write(f"The directory has {size} entries.\n")
    return 0
