"""Histories of the logs: which one this is, and that nothing runs after a restore until it is seen.

A log under one name has one history. A restored backup that lost what was signed would begin
another one: so nothing starts until the operator has run ``veche db restored``. Then the logs go on
under names with the next number.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import attrs

from veche.acts import signed_tree
from veche.acts.last_signed import LastSigned
from veche.acts.signed_tree import HISTORY, ForkedError, MovedError, current, number_of
from veche.protocol.errors import UnavailableError, VecheError
from veche.transparency.notes import log_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from veche.acts.heads import ActHeads
    from veche.acts.signed_tree import SignedTree
    from veche.runtime.database import Cursor, Database
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

CHANNEL: Final = "veche_stopped"
"""Where all processes hear that they have to end."""


class RestoredError(VecheError):
    """The database is older than what was signed: nothing runs until the operator has looked."""

    errcode = "ORG.VECHE.DATABASE_RESTORED"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why}. Nothing is paid, signed or sent until you have run `veche db restored`: it"
            " compares the database with what others have seen, and says what to do"
        )


@attrs.frozen
class Finding:
    """Something that others know, and the database does not.

    Attributes:
        words: For the operator: a sentence without its full stop.
        is_lost: Whether the database has lost something, so that another history has to begin.
        settle: Makes it good, in a transaction.
        history: Of what was found, where it is a head.
        missing: Who was not asked, since there was no answer.
    """

    words: str
    is_lost: bool = True
    settle: Callable[[Cursor], None] | None = None
    history: int = 1
    missing: str | None = None


@runtime_checkable
class Restorable(Protocol):
    """A service that can compare its database with what others know."""

    async def restored(self) -> Sequence[Finding]:
        """Ask all of them."""

    def after_restore(self) -> Sequence[str]:
        """Say what an operator does once another history begins, a line for each step."""

    async def ask_others(self) -> None:
        """Make sure that others know no more than the database, before anything runs.

        Raises:
            RestoredError: They do.
        """


def begun_at_ms(txn: Cursor) -> int:
    """When the operator last compared everything and began the present history, UTC; 0: never."""
    txn.execute("SELECT coalesce(max(at_ms), 0) FROM runtime.history")
    [(at_ms,)] = txn.fetchall()
    return int(at_ms)


def begin(txn: Cursor, number: int, why: str, now_ms: int) -> None:
    """Let the logs go on in another history."""
    txn.execute(
        "INSERT INTO runtime.history (number, at_ms, why) VALUES (%s, %s, %s)",
        (number, now_ms, why),
    )


def stop(txn: Cursor, why: str, now_ms: int) -> None:
    """Have all processes end, and none start, until the operator has run ``veche db restored``."""
    txn.execute(
        "INSERT INTO runtime.stopped (at_ms, why) VALUES (%s, %s) ON CONFLICT (why) DO NOTHING",
        (now_ms, why),
    )
    txn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def why_stopped(txn: Cursor) -> list[str]:
    """Why nothing may run; nothing: it may."""
    txn.execute("SELECT why FROM runtime.stopped ORDER BY at_ms, why")
    return [str(why) for (why,) in txn.fetchall()]


def go_on(txn: Cursor) -> None:
    """The operator has looked: everything may run again."""
    txn.execute("DELETE FROM runtime.stopped")
    txn.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


class Logs:
    """All logs of a process, which never fall behind what they signed.

    Attributes:
        last_signed: What they signed last, outside the database.
        history: The number of the one that they are in.
        acts: The logs of acts.
        is_adopted: Whether there was no file of what one of them signed: others have to be asked.
        when_stopped: Told once nothing may run any more.
    """

    def __init__(self, folder: Path, history: int) -> None:
        self.last_signed = LastSigned(folder)
        self.history = history
        self.acts: ActHeads | None = None
        self.is_adopted = False
        self.when_stopped: Callable[[VecheError], None] = lambda error: logger.error("%s", error)
        self._trees: dict[str, SignedTree] = {}

    def add(self, origin: str, tree: SignedTree) -> None:
        """Have another log looked after; while services are made."""
        self._trees[origin] = tree

    async def start(self, database: Database, services: Collection[object]) -> None:
        """Make sure that the database is the one that was signed, also by what services ask others.

        Raises:
            RestoredError: It is an older one, or has moved.
        """
        await database.run("logs", self.begin)
        for service in services:
            if isinstance(service, Restorable):
                await service.ask_others()

    def begin(self, txn: Cursor) -> None:
        """Make sure that this is the database that was signed; what is not known is taken from it.

        Raises:
            RestoredError: It is an older one, or has moved; or others have found that.
        """
        self.check(txn)
        known = self.last_signed.origins()
        for origin, tree in self.trees(txn).items():
            head = tree.newest(txn)
            if origin not in known and head is not None:
                logger.warning(
                    "there is no file of what %s has signed last (%s): it begins with the %d %s"
                    " that the database has",
                    *(origin, self.last_signed.folder, head.size, tree.entries),
                )
                signed_tree.adopt(txn, tree, origin, head.size, self.last_signed)
                self.is_adopted = True

    def trees(self, txn: Cursor) -> dict[str, SignedTree]:
        """The logs that there are, by their names in the present history."""
        acts = self.acts.trees(txn) if self.acts is not None else {}
        return {**acts, **self._trees}

    def keep(self, txn: Cursor, number: int) -> None:
        """Keep outside the database what is in it, as what the logs of a history have signed."""
        for origin, tree in self.trees(txn).items():
            head = tree.newest(txn)
            if head is not None:
                name = HISTORY.sub(lambda found: f"/v{number}/{found[2]}", origin)
                signed_tree.adopt(txn, tree, name, head.size, self.last_signed)

    def check(self, txn: Cursor) -> None:
        """The same, and nothing is written."""
        found = why_stopped(txn) or [one.words for one in self.differences(txn)]
        if not found and current(txn) != self.history:
            found = [f"the database has begun history {current(txn)} meanwhile"]
        if found:
            raise RestoredError("; ".join(found))

    def look(self, database: Database, tasks: Tasks) -> None:
        """Look whether everything has to stop."""
        tasks.spawn("logs", self._look(database))

    async def _look(self, database: Database) -> None:
        try:
            await database.run("logs", self.check)
        except RestoredError as e:
            self.when_stopped(e)
        except UnavailableError:
            return  # it is looked at again once the database is there

    def differences(self, txn: Cursor) -> list[Finding]:
        """List heads in the files outside the database that the database lacks."""
        found = []
        for origin in self.last_signed.origins():
            tree, signed = self._tree_of(log_of(origin)), self.last_signed.of(origin)
            if tree is None or signed is None or number_of(origin) < self.history:
                continue
            if number_of(origin) > self.history:
                words = (
                    f"{tree.name} has begun history {number_of(origin)}, and the database is still"
                    f" in history {self.history}: it is an older one"
                )
                found.append(Finding(words, history=number_of(origin)))
                continue
            try:
                signed_tree.check(txn, tree, signed)
            except ForkedError as e:
                found.append(Finding(str(e), is_lost=not isinstance(e, MovedError)))
        return found

    def _tree_of(self, log: str) -> SignedTree | None:
        """The log of a name; None: it is none of this process."""
        known = {log_of(origin): tree for origin, tree in self._trees.items()}
        return known.get(log) or (self.acts.tree_of(log) if self.acts is not None else None)
