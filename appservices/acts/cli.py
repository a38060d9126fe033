"""`veche directory`: who stands in the directory of this server, by the word of its operator."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appservices.acts import store
from appservices.acts.config import ActsSection, OrganisationSection
from appservices.acts.domains import doubt
from appservices.acts.service import (
    Directories,
    key_of,
    org_body,
    own_of,
    said,
    says,
    signed_text,
)
from veche.acts import LastSigned
from veche.acts.signed_tree import current
from veche.contracts.directory.entries import parsed
from veche.contracts.directory.rules import EntryRefusedError, Fault
from veche.protocol.errors import ConfigError, MalformedError
from veche.runtime.config import parse_duration
from veche.runtime.config.secret_files import read_secret_bytes
from veche.runtime.config.sections import load
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.database.clock import database_ms
from veche.runtime.web.outbound import Outbound
from veche.server.installed import add_config_option
from veche.server.offline import config_of, database_of, transaction
from veche.transparency.envelope import KEY_BYTES
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from appservices.acts.service import Own
    from veche.contracts.directory.rules import Directory
    from veche.contracts.directory.snapshot import Organisation, Snapshot
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
    one.add_argument(
        "--unproven", action="store_true", help="do not ask its domain for confirmation"
    )
    one = _command(subcommands, "rotate", "give an organisation other keys or accounts", run_rotate)
    one.add_argument("organisation", metavar="ORG", help="its id")
    one.add_argument("--key", metavar="KEY", help="its new public key")
    one.add_argument(
        "--account",
        action="append",
        metavar="USER[=MASTER]",
        help="an account that it has from now on; without a master key, that of a bot here",
    )
    one.add_argument(
        "--old-key",
        type=Path,
        metavar="FILE",
        help="its old key; left out: that which this server keeps. Without it, see --lost",
    )
    one.add_argument(
        "--lost", action="store_true", help="the old key is lost: the new one counts after 72 h"
    )
    one = _command(subcommands, "names", "protect names: nobody else may bear them", run_said)
    one.set_defaults(kind="names")
    one.add_argument("organisation", metavar="ORG", help="its id")
    one.add_argument("names", nargs="*", metavar="NAME", help="all of them; none: they are free")
    one.add_argument(
        "--appeal", required=True, metavar="ADDRESS", help="address for appeals against refusals"
    )
    for word, text in (
        ("suspend", "make an organisation unofficial for a while"),
        ("resume", "make an organisation official again that was suspended"),
        ("end", "make an organisation unofficial for ever"),
    ):
        one = _command(subcommands, word, text, run_said)
        one.set_defaults(kind=word)
        one.add_argument("organisation", metavar="ORG", help="its id")
        one.add_argument(
            "--reason", required=True, metavar="TEXT", help="reason for people to read"
        )
        if word != "resume":
            one.add_argument(
                "--appeal", required=True, metavar="ADDRESS", help="address for appeals"
            )
        if word == "suspend":
            one.add_argument("--for", dest="lasts", metavar="TIME", help="duration, such as '14 d'")
    one = _command(subcommands, "check", "list who is official, and what was refused", run_check)
    one.add_argument("account", nargs="?", metavar="ACCOUNT", help="only the owner of this account")
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
    run: Callable[..., Any],
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


async def run_org(reactor: Any, arguments: argparse.Namespace) -> None:
    """Run `veche directory org`."""
    section = load(arguments.file, {"organisation": OrganisationSection})["organisation"]
    assert isinstance(section, OrganisationSection)  # noqa: S101 -- for the types
    if section.protects:
        words = "organisation.protects: leave it out, and run `veche directory names`"
        raise ConfigError(f"{arguments.file}: {words}")
    acts, config = _opened(arguments)
    seed_of = read_operator_key(config.crypto.key_path).seed
    key = section.key or key_of(seed_of, section.id).verifier.to_text()
    why = None
    if not arguments.unproven:
        outbound = Outbound(reactor, allowed=[ip_network(one) for one in acts.networks])
        why = await doubt(outbound, section.domain, key)

    def make(txn: Cursor, own: Own, state: Directory, at_ms: int) -> Mapping[str, Any]:
        known = state.snapshot(at_ms).organisations.get(section.id)
        given = dict(section.accounts) | dict.fromkeys(section.bots, "")
        start = said(state, "org", section.id, at_ms)
        body = org_body(section, own, key, _masters(txn, given), start, known)
        seen_ms = at_ms if why == "" else None
        if seen_ms is None and known is not None and known.said.domain == section.domain:
            seen_ms = known.domain_seen_ms
        return body if seen_ms is None else body | {"domain_seen_ms": seen_ms}

    unless = f"{why}, or give --unproven" if why else ""
    _write(arguments, make, unless)


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


def run_said(arguments: argparse.Namespace) -> int:
    """Run `veche directory names`, `suspend`, `resume` and `end`."""
    given = vars(arguments)
    fields = {name: given[name] for name in ("names", "reason", "appeal") if name in given}
    try:
        lasts_ms = parse_duration(given["lasts"]) if given.get("lasts") is not None else None
    except ValueError as e:
        raise ConfigError(f"--for: {e}. Write it like '14 d'.") from e

    def make(_txn: Cursor, _own: Own, state: Directory, at_ms: int) -> Mapping[str, Any]:
        until = {} if lasts_ms is None else {"until_ms": at_ms + lasts_ms}
        return said(state, arguments.kind, arguments.organisation, at_ms) | fields | until

    return _write(arguments, make)


def run_check(arguments: argparse.Namespace) -> int:
    """Run `veche directory check`: 1 if something is wrong, or the account is not official."""
    section, config = _opened(arguments)

    def work(txn: Cursor) -> tuple[Directories, Trusted]:
        directories = _directories(txn, section, config)
        return directories, directories.trusted(txn, database_ms(txn))

    with database_of(config) as dsn:
        directories, trusted = transaction(dsn, work)
    account = arguments.account
    if account:
        found = trusted.owner_of(account)
        line = "nobody vouches for it" if found is None else _line(*found)
        sys.stdout.write(f"{account}: {line}\n")
        return 0 if found is not None and found[0].is_official(account) else 1
    refused = directories.refused
    sys.stdout.writelines(
        f"{line}\n"
        for line in (
            *_lines(directories, trusted),
            *(f"entry {place} changes nothing ({e.fault}): {e}" for place, e in refused.items()),
            *(
                f"{one.what} {one.value} is in two directories: {' and '.join(one.directories)}"
                for one in trusted.conflicts
            ),
        )
    )
    return 1 if refused or trusted.conflicts else 0


def _lines(directories: Directories, trusted: Trusted) -> Iterator[str]:
    """All directories: the keys of each, and its organisations."""
    for root, snapshot in zip(directories.roots, trusted.snapshots, strict=True):
        yield from (f"key {key.to_text()}" for key in root.keys)
        known = snapshot.organisations
        yield from (_line(snapshot, known[id_]) for id_ in sorted(known))


def _line(snapshot: Snapshot, one: Organisation) -> str:
    chain = " > ".join(each.id for each in snapshot.chain(one.id))
    by = one.vouched_by or f"the directory {snapshot.directory}"
    proof = "is not proven"
    if one.domain_seen_ms is not None:
        proof = f"is its domain, as it proved on {_day(one.domain_seen_ms)}"
    start = f"{snapshot.standing(one.id)}: {chain}, since {_day(one.since_ms)}, verified by {by}"
    return f"{start}; {one.said.domain} {proof}"


def _day(at_ms: int) -> dt.date:
    return dt.datetime.fromtimestamp(at_ms / 1000, tz=dt.UTC).date()


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
    if not isinstance(section, ActsSection):
        raise ConfigError(f"{config.path}: the section acts is missing. Run this where it is.")
    return section, config


def _directories(txn: Cursor, section: ActsSection, config: Any) -> Directories:
    seed_of = read_operator_key(config.crypto.key_path).seed
    last_signed = LastSigned(config.heads_folder)
    own = own_of(section, config.homeserver.server_name, seed_of, last_signed, current(txn))
    return Directories(section, own)


def _write(arguments: argparse.Namespace, make: Make, unless: str = "") -> int:
    """Enter what is made, if it says something new.

    Args:
        arguments: Of the command.
        make: Makes it.
        unless: Why nothing is entered, though no rule keeps it out; empty: nothing does.
    """
    section, config = _opened(arguments)
    by = arguments.by or ""

    def work(txn: Cursor) -> tuple[int, bool]:
        directories = _directories(txn, section, config)
        before = directories.state(txn).size  # or there is none of one's own
        own = directories.own
        assert own is not None  # noqa: S101 -- for the types: said above

        def made(state: Directory, at_ms: int) -> Iterator[str]:
            body = make(txn, own, state, at_ms)
            known = state.snapshot(at_ms).organisations.get(body["org"])
            if known is None or known.ended or not _says(known, body, by):
                yield signed_text(body, own.key_of(by) if by else own.entry_signer)
            if unless:
                raise ConfigError(f"{unless}. Nothing is entered.")

        size = directories.write(txn, made, database_ms(txn)).size
        return size, size == before

    try:
        with database_of(config) as dsn:
            size, is_same = transaction(dsn, work)
    except EntryRefusedError as e:
        words = _NEXT.get(e.fault, "Correct it, and run the command again")
        raise ConfigError(f"{e}. Nothing is entered. {words}.") from e
    before = "Nothing has changed. " if is_same else ""
    sys.stdout.write(f"{before}The directory has {size} entries.\n")
    return 0


def _says(known: Organisation, body: Mapping[str, Any], by: str) -> bool:
    try:
        return says(known, parsed(body), by)
    except MalformedError:
        return False  # the rules say what is wrong
