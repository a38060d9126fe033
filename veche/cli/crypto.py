"""`veche crypto`: the devices and keys of bots, after a loss and against one.

Everything is done in one transaction, and may be done again. Only ``rekey`` minds processes that
run: they would go on with the old operator key.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mnemonic import Mnemonic

from veche.protocol.errors import ConfigError, RefusedError
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.config.secret_files import write_private
from veche.runtime.config.sections import nearest
from veche.runtime.crypto import maintenance
from veche.runtime.crypto.keys import CARRYING_BYTES, WrongOperatorKeyError, read_operator_key
from veche.runtime.crypto.maintenance import BotKeys, NoSuchBotError, Rekeyed
from veche.runtime.database.clock import database_ms
from veche.server.installed import add_config_option
from veche.server.offline import config_of, database_of, transaction

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from veche.runtime.crypto.keys import OperatorKey
    from veche.runtime.database import Cursor

_WORDS_A_LINE: Final = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `veche crypto`."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text, run in (
        ("new-device", "give bots new devices, as after a restored backup", new_device),
        ("resync", "have bots ask for all keys anew, as after a restore of Synapse", resync),
    ):
        command = commands.add_parser(name, help=text)
        group = command.add_mutually_exclusive_group(required=True)
        group.add_argument("bots", nargs="*", default=[], metavar="BOT", help="user ids of bots")
        group.add_argument("--all", action="store_true", help="every bot of the database")
        _end(command, run)
    command = commands.add_parser("export-master", help="show a bot's master seed, and remove it")
    command.add_argument("bot", metavar="BOT", help="user id of the bot")
    _end(command, export_master)
    command = commands.add_parser("rekey", help="have bots sealed under a new operator key")
    command.add_argument(
        "--new-key",
        type=Path,
        metavar="FILE",
        required=True,
        help="the new key: 32 random bytes; it is rewritten",
    )
    command.add_argument(
        "--while-running",
        action="store_true",
        help="though `veche run` runs: its bots are silent until it has the new key",
    )
    _end(command, rekey)
    command = commands.add_parser("fingerprints", help="list bots with device and fingerprint")
    _end(command, fingerprints)


def _end(command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    add_config_option(command)
    command.set_defaults(run=run)


def new_device(arguments: argparse.Namespace) -> int:
    """Run `veche crypto new-device`."""
    config = config_of(arguments)
    key = read_operator_key(config.crypto.key_path)

    def work(txn: Cursor) -> list[tuple[str, str]]:
        now_ms = database_ms(txn)
        bots = _chosen(txn, arguments)
        return [(bot, maintenance.new_device(txn, key, bot, now_ms)) for bot in bots]

    with database_of(config) as dsn:
        made = transaction(dsn, work)
    sys.stdout.writelines(f"{bot}: new device {device_id}\n" for bot, device_id in made)
    sys.stdout.write(
        "A running `veche run` goes on with it within a minute, another when it starts.\n"
    )
    return 0


def resync(arguments: argparse.Namespace) -> int:
    """Run `veche crypto resync`."""

    def work(txn: Cursor) -> Sequence[str]:
        bots = _chosen(txn, arguments)
        for bot in bots:
            maintenance.resync(txn, bot)
        return bots

    with database_of(config_of(arguments)) as dsn:
        bots = transaction(dsn, work)
    sys.stdout.writelines(f"{bot}: asks for all keys anew\n" for bot in bots)
    return 0


def export_master(arguments: argparse.Namespace) -> int:
    """Run `veche crypto export-master`."""
    config = config_of(arguments)
    key = read_operator_key(config.crypto.key_path)
    bot: str = arguments.bot
    with database_of(config) as dsn:
        found = transaction(dsn, lambda txn: _known(txn, bot))
        _confirm(bot)

        def work(txn: Cursor) -> None:
            seed = maintenance.export_master(txn, key, bot)
            # Before the commit: what could not be shown is not removed.
            sys.stdout.write(_seed_page(found, seed))
            sys.stdout.flush()

        transaction(dsn, work)
    sys.stderr.write(
        "\nThe seed is no longer in the database. This was the only time that it is shown.\n"
    )
    return 0


def rekey(arguments: argparse.Namespace) -> int:
    """Run `veche crypto rekey`."""
    config = config_of(arguments)
    old = read_operator_key(config.crypto.key_path)
    fresh = read_operator_key(arguments.new_key, "--new-key")
    if old.secret == fresh.secret:
        raise ConfigError(
            f"--new-key: {arguments.new_key} holds the key of crypto.key_path,"
            f" {config.crypto.key_path}: that must stay the old one until this is done"
        )

    try:
        new = fresh.following(old)
    except ConfigError as e:
        raise ConfigError(f"--new-key: {arguments.new_key}: {e}") from e

    def work(txn: Cursor) -> Rekeyed:
        _check_names(maintenance.key_names(txn), old, new)
        if not arguments.while_running:
            _refuse_running(maintenance.bots_spoken_for(txn))
        done = maintenance.rekey(txn, old, new)
        # Before the commit: whatever the database is sealed under then, a file has.
        _keep(arguments.new_key, new)
        return done

    with database_of(config) as dsn:
        done = transaction(dsn, work)
    sys.stdout.write(
        f"sealed under key {new.name}: {done.identity_count} identities, {done.device_count}"
        f" devices\n{arguments.new_key} has {CARRYING_BYTES} bytes now: the new key, and what the"
        " seeds of services are made of, which stay as they are.\n"
        f"Put {arguments.new_key} in the place of {config.crypto.key_path}, then start"
        " `veche run` again.\nKeep the old key as long as backups of before.\n"
    )
    return 0


def fingerprints(arguments: argparse.Namespace) -> int:
    """Run `veche crypto fingerprints`."""
    with database_of(config_of(arguments)) as dsn:
        found = transaction(dsn, maintenance.bot_keys)
    if not found:
        raise NoSuchBotError("no bot has keys in this database yet: start `veche run` once")
    sys.stdout.writelines(
        f"{one.user_id}  {one.device_id or '-'}  {one.fingerprint}"
        f"{'' if one.is_public else '  (not public yet)'}\n"
        for one in found
    )
    return 0


def _chosen(txn: Cursor, arguments: argparse.Namespace) -> Sequence[str]:
    """The bots that the arguments name, each once."""
    if not arguments.all:
        return [_known(txn, name).user_id for name in dict.fromkeys(arguments.bots)]
    bots = [one.user_id for one in maintenance.bot_keys(txn) if one.device_id]
    if not bots:
        raise NoSuchBotError("no bot has a device in this database")
    return bots


def _known(txn: Cursor, name: str) -> BotKeys:
    known = {one.user_id: one for one in maintenance.bot_keys(txn)}
    if name not in known:
        mend = nearest(name, known) if known else "it has none at all"
        raise NoSuchBotError(f"there is no bot {name} in this database; {mend}")
    return known[name]


def _confirm(bot: str) -> None:
    sys.stderr.write(
        f"The master seed of {bot} will be shown here once, and removed from the database.\n"
        "Have pen and paper at hand, and nobody behind you. Who reads it can pass for the bot;\n"
        "without it, an identity that the homeserver lost cannot be published again.\n"
        f"To go on, type {bot}: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != bot:
        raise RefusedError("not confirmed: nothing was shown or changed")


def _seed_page(found: BotKeys, seed: str) -> str:
    # BIP-39, so that other software reads them too; the last word holds a checksum.
    words_of_seed = Mnemonic("english").to_mnemonic(decode_base64(seed)).split()
    words = [f"{number:2} {word:<9}" for number, word in enumerate(words_of_seed, 1)]
    rows = (words[at : at + _WORDS_A_LINE] for at in range(0, len(words), _WORDS_A_LINE))
    return "\n".join(
        [
            f"\nMaster seed of {found.user_id}",
            f"fingerprint {found.fingerprint}",
            "\nAs words (BIP-39):",
            *("  ".join(row).rstrip() for row in rows),
            f"\nAs base64: {seed}\n",
        ]
    )


def _keep(path: Path, key: OperatorKey) -> None:
    """Write a key whole into the file that had only its own bytes.

    Raises:
        ConfigError: It cannot be written; it is as it was.
    """
    try:
        if path.read_bytes() != key.to_bytes():
            before = path.stat()
            write_private(path.resolve(), key.to_bytes())
            # Services may run as another user than this command does.
            os.chown(path, before.st_uid, before.st_gid)
            path.chmod(stat.S_IMODE(before.st_mode))
    except OSError as e:
        raise ConfigError(
            f"--new-key: {path}: {e.strerror}: this command has to be able to write it"
        ) from e


def _check_names(names: set[str], old: OperatorKey, new: OperatorKey) -> None:
    if strange := sorted(names - {old.name, new.name}):
        raise WrongOperatorKeyError(
            f"the database was sealed under operator key {', '.join(strange)}, but crypto.key_path"
            f" holds {old.name}, and --new-key {new.name}: crypto.key_path must name the key of"
            " the database; nothing was changed"
        )


def _refuse_running(bots: Sequence[str]) -> None:
    if bots:
        raise RefusedError(
            f"a running process speaks for {', '.join(bots)}: stop every `veche run` first. With"
            " --while-running it is done now, and they are silent until it starts with the new key"
        )
