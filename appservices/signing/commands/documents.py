"""`veche documents`: what is kept of documents that were signed, and what is deleted when."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Final

from appservices.signing.config import SigningSection
from appservices.signing.sessions.service.keeping import deletion_of, kept_ms
from appservices.signing.sessions.store import kept as store
from veche.protocol.errors import ConfigError
from veche.server.installed import add_config_option
from veche.server.offline import config_of, database_of, transaction

if TYPE_CHECKING:
    import argparse

    from appservices.signing.config import SessionsSection
    from appservices.signing.sessions.store.kept import KeptRow

DAYS: Final = 30
DAYS_MAX: Final = 36_500
_DAY_MS: Final = 86_400_000


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche documents` to the commands of `veche`."""
    parser = commands.add_parser(
        "documents",
        help="what is kept of documents that were signed, and which are deleted soon",
        description="Says how much is kept of documents that were signed, and lists those that are"
        " deleted within some days, with their numbers; nothing is changed.",
    )
    parser.add_argument(
        "--days",
        type=int,
        default=DAYS,
        metavar="N",
        help=f"list what is deleted within N days (default: {DAYS})",
    )
    add_config_option(parser)
    parser.set_defaults(run=run_documents)


def run_documents(arguments: argparse.Namespace) -> int:
    """Run `veche documents`."""
    if not 0 <= arguments.days <= DAYS_MAX:
        raise ConfigError(f"--days: {arguments.days} should be 0 to {DAYS_MAX}")
    config = config_of(arguments)
    section = config.sections().get("signing")
    if not isinstance(section, SigningSection) or section.sessions is None:
        raise ConfigError(f"{config.path}: signing.sessions: nobody signs documents here")
    with database_of(config) as dsn:
        found = transaction(dsn, store.all_kept)
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 -- the clock of a command
    for line in report(found, section.sessions, int(now.timestamp() * 1000), arguments.days):
        sys.stdout.write(f"{line}\n")
    return 0


def report(found: list[KeptRow], section: SessionsSection, now_ms: int, days: int) -> list[str]:
    """List the stored documents, in lines.

    Args:
        found: All of which something is kept.
        section: Says for how long.
        now_ms: UTC.
        days: Those that are deleted within so many are listed.
    """
    closed = [one for one in found if one.closed_at_ms is not None]
    size = sum(one.size for one in found)
    are = "document is" if len(found) == 1 else "documents are"
    head = (
        f"{len(found)} {are} kept, {size:,} bytes: {len(closed)} closed,"
        f" {len(found) - len(closed)} not."
    )
    due = sorted(
        (at_ms, one)
        for one in closed
        if (at_ms := _deletion(one, section, now_ms)) <= now_ms + days * _DAY_MS
    )
    if not due:
        return [head, f"None of them is deleted within {days} days."]
    lines = [_line(one, at_ms) for at_ms, one in due]
    return [
        head,
        f"{len(due)} of them {'is' if len(due) == 1 else 'are'} deleted within {days} days:",
        *lines,
    ]


def _deletion(one: KeptRow, section: SessionsSection, now_ms: int) -> int:
    assert one.closed_at_ms is not None, "only closed ones are deleted"  # noqa: S101 -- our bug
    lasts_ms = 0 if one.is_asked else kept_ms(section, is_blind=one.is_blind)
    return deletion_of(one.closed_at_ms, lasts_ms, one.warned_at_ms, now_ms)


def _line(one: KeptRow, at_ms: int) -> str:
    day = dt.datetime.fromtimestamp(at_ms / 1000, tz=dt.UTC)
    mode = "private" if one.is_blind else "read here"
    told = "its people are told" if one.warned_at_ms is not None else "nobody is told yet"
    why = ", as whoever asked for it wants" if one.is_asked else ""
    return f"{one.id}  {day:%Y-%m-%d}  {mode}, {one.state}, {one.size} bytes; {told}{why}"
