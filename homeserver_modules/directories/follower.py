"""Follow directories of organisations: fetched by one process, kept in Synapse's database.

The process that runs background tasks asks each directory for news, checks every proof and keeps
the entries. Each process reads them from there, and checks the signatures again: so a restart
needs no directory, and a directory that is gone or wrong leaves what was there before. A module
waits for the first reading before it judges anything. Modules of one process share what it follows.
"""

from __future__ import annotations

import functools
import logging
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Final

import attrs
from prometheus_client import Gauge
from synapse.module_api.errors import ConfigError

from homeserver_modules.directories import store
from homeserver_modules.host import now_ms
from veche.contracts.directory.bundle import ENTRIES_MAX, Bundle, BundleError, Held, followed
from veche.contracts.directory.entries import ENTRY_BYTES_MAX
from veche.contracts.directory.rules import Directory, Fault
from veche.contracts.directory.trusted import Trusted
from veche.protocol.errors import MalformedError, TooLargeError, UnavailableError
from veche.protocol.json_reader import read_json
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from synapse.module_api import ModuleApi

    from homeserver_modules.directories.config import DirectorySection
    from veche.contracts.directory.snapshot import ProtectedName, Snapshot

logger = logging.getLogger(__name__)

PATH: Final = "/_veche/directory/v1/bundle"
ASK_EVERY_MS: Final = 5_000
"""How often directories are asked for news; by how much a revocation is late at most."""
READ_EVERY_MS: Final = 2_000
"""How often each process looks for what is new in the database; so often a directory is asked, too,
of which nothing is known yet: its services may start after Synapse."""
ALARM_MS: Final = 24 * 3_600_000
"""From when on it is an alarm that a directory was not heard of."""
STALE_MS: Final = 7 * 24 * 3_600_000
"""How old what is known of a directory may be until its organisations cannot send."""
RETRY_AFTER_MS: Final = 5_000
BUNDLES_MAX: Final = 200
"""Bundles of one directory in one round; what is more comes in the next."""
BUNDLE_BYTES_MAX: Final = 2 * ENTRIES_MAX * ENTRY_BYTES_MAX
"""An answer has at most so many bytes, with its proofs and in JSON's escapes."""

_AGE: Final = Gauge(
    "veche_homeserver_directory_age_seconds",
    "How long ago a directory was heard of, and was well.",
    ["directory"],
)


class UnknownDirectoryError(UnavailableError):
    """A directory's content is not known, or too old: its organisations wait."""


@attrs.define
class Followed:
    """One directory, in one process.

    Attributes:
        section: Whom it trusts.
        state: What it has read.
        seen_ms: When the directory was heard of last, UTC; 0: never.
        held: Where it asks: what is kept, and the ``seen_ms`` there; None: to be read.
        asked_ms: Where it asks: when it did last, UTC.
        is_alarmed: Whether the log has told of a long silence.
    """

    section: DirectorySection
    state: Directory
    seen_ms: int = 0
    held: tuple[Held, int] | None = None
    asked_ms: int = 0
    is_alarmed: bool = False


class Directories:
    """The directories that one module trusts, as they are known now.

    Attributes:
        followed: Each of them.
        are_known: Whether each of them has been heard of once.
        trusted: What they say; of the moment of the last look.
    """

    def __init__(
        self,
        sections: Sequence[DirectorySection],
        follower: Follower,
        protect: Callable[[Sequence[ProtectedName]], None] | None = None,
    ) -> None:
        """Follow them from now on.

        Args:
            sections: In the order of trust.
            follower: Of this process.
            protect: Takes the names of all of them whenever they change; runs in a thread.

        Raises:
            ConfigError: Another module trusts one of them by other keys or at another address.
        """
        self._follower = follower
        self.followed = [follower.add(one) for one in sections]
        self._protect = protect
        self._names: Sequence[ProtectedName] = []
        self._accounts: frozenset[str] = frozenset()
        self.are_known = False
        self.trusted = Trusted(())
        if sections:
            follower.views.append(self)

    async def ready(self) -> None:
        """Have what the database keeps of them read, before anything is judged by it."""
        if self.followed:
            await self._follower.ready()

    @property
    def are_there(self) -> bool:
        """Return whether the configuration names any."""
        return bool(self.followed)

    def now_ms(self) -> int:
        """The moment, UTC."""
        return self._follower.now_ms()

    def is_listed(self, account: str) -> bool:
        """Return whether an account is of an organisation, official or not."""
        return account in self._accounts

    def check_fresh(self, account: str) -> None:
        """Make sure that what is known of an account's organisation is not too old.

        Raises:
            UnknownDirectoryError: It is, or the clock has jumped by as much.
        """
        owner = self.trusted.owner_of(account)
        for one in self.followed:
            is_of_it = owner is not None and owner[0].directory == one.section.root.log
            if is_of_it and abs(self.now_ms() - one.seen_ms) > STALE_MS:
                words = "What the homeserver knows of the directory is older than seven days"
                raise UnknownDirectoryError(words, retry_after_ms=RETRY_AFTER_MS)

    def look(self, snapshots: Mapping[str, Snapshot]) -> None:
        """Take what counts now."""
        self.trusted = Trusted([snapshots[one.section.root.log] for one in self.followed])
        organisations = [o for one in self.trusted.snapshots for o in one.organisations.values()]
        self._accounts = frozenset(account for org in organisations for account in org.accounts)
        self.are_known = all(one.seen_ms for one in self.followed)

    async def protect(self, api: ModuleApi) -> None:
        """Hand the names on, if they have changed."""
        names = self.trusted.protected_names
        if self._protect is not None and names != self._names:
            await api.defer_to_thread(self._protect, names)
            self._names = names
            logger.info("directories protect %d names", len(names))


class Follower:
    """Keeps what one process knows of directories up to date.

    Attributes:
        views: What modules made of them.
        now_ms: The clock, UTC.
    """

    def __init__(self, api: ModuleApi, clock: Callable[[], int] = now_ms) -> None:
        """Nothing is read or asked before a directory is added.

        Args:
            api: Synapse's.
            clock: The clock, UTC.
        """
        self._api = api
        self.now_ms = clock
        self._started_ms = clock()
        self._all: dict[str, Followed] = {}
        self._faults: dict[str, str] = {}
        self._is_read = False
        self._failed_ms = 0
        self._lock = threading.Lock()
        self.views: list[Directories] = []

    def add(self, section: DirectorySection) -> Followed:
        """Follow a directory until the process ends; once for all modules.

        Raises:
            ConfigError: It is followed by other keys or at another address.
        """
        if not self._all:
            self._start()
        log = section.root.log
        one = self._all.setdefault(log, Followed(section, Directory(section.root)))
        if one.section != section:
            words = f"{log} stands in two modules, with different settings"
            raise ConfigError(words, ["directories"])
        return one

    def _start(self) -> None:
        api = self._api
        if api.should_run_background_tasks():
            api.looping_background_call(self.ask, READ_EVERY_MS, desc="veche_ask_directories")
        api.looping_background_call(
            self.read, READ_EVERY_MS, desc="veche_read_directories", run_on_all_instances=True
        )

    async def ask(self) -> None:
        """Take what is new; a directory that fails leaves what is known of it, and the others."""
        for log, one in self._all.items():
            at_ms = self.now_ms()
            # A clock that is set back does not silence it.
            if 0 <= at_ms - one.asked_ms < ASK_EVERY_MS:
                continue
            try:
                await self._follow(log, one)
            except Exception as e:  # noqa: BLE001 -- whatever it is, it ends no other
                self._tell(log, f"{log} is not followed", e)
                if not one.seen_ms:
                    continue
            else:
                self._faults.pop(log, None)
            one.asked_ms = at_ms

    def _tell(self, what: str, words: str, error: Exception) -> None:
        """Log a fault, each reason once."""
        why = repr(error)
        if self._faults.get(what) != why:
            self._faults[what] = why
            level = logging.ERROR if isinstance(error, BundleError) else logging.WARNING
            logger.log(level, "%s, what was known counts: %s", words, why)

    async def _follow(self, log: str, one: Followed) -> None:
        api = self._api
        if one.held is None:
            one.held = await api.run_db_interaction("veche_directory_held", store.held, log)
        held, seen_ms = one.held
        for _ in range(BUNDLES_MAX):
            bundle = await self._bundle(one.section, len(held.entries))
            # Proofs of a large directory take a while.
            new: Held = await api.defer_to_thread(followed, held, bundle, one.section.root)
            # Until it is whole it is as old as before.
            seen_ms = self.now_ms() if new.is_whole else seen_ms
            # Read again if it is not kept: somebody else may have kept more.
            one.held = None
            await api.run_db_interaction(
                "veche_directory_keep", store.keep, log, held, new, seen_ms
            )
            held = new
            one.held = held, seen_ms
            if held.is_whole:
                return

    async def _bundle(self, section: DirectorySection, since: int) -> Bundle:
        body = BytesIO()
        url = f"{section.url}{PATH}?since={since}"
        await self._api.http_client.get_file(url, body, BUNDLE_BYTES_MAX)
        try:
            return parse(Bundle, read_json(body.getvalue(), where="bundle"), where="bundle")
        except (MalformedError, TooLargeError) as e:
            raise BundleError(str(e)) from e

    async def ready(self) -> None:
        """Read what the database has if nothing was read yet; what cannot be read is not known."""
        if not self._is_read and not 0 <= self.now_ms() - self._failed_ms < READ_EVERY_MS:
            await self.read()

    async def read(self) -> None:
        """Bring what is known up to date with the database and the clock."""
        api = self._api
        places = {log: one.state.size for log, one in self._all.items()}
        try:
            news = await api.run_db_interaction("veche_directory_read", store.news, places)
            snapshots = await api.defer_to_thread(self._take, news, places)
            for view in self.views:
                view.look(snapshots)
            for view in self.views:
                await view.protect(api)
        except Exception as e:  # noqa: BLE001 -- no table yet, or no database
            self._tell("", "directories cannot be read", e)
            self._failed_ms = self.now_ms()
        else:
            self._faults.pop("", None)
            self._is_read = True
        for log, one in self._all.items():
            self._tell_age(log, one)

    def _take(
        self, news: Mapping[str, tuple[tuple[str, ...], int]], places: Mapping[str, int]
    ) -> dict[str, Snapshot]:
        """Add entries; in a thread, since signatures take a while."""
        found = {}
        # Several that wait for the first reading read at once.
        with self._lock:
            for log, (texts, seen_ms) in news.items():
                one = self._all[log]
                new = texts[one.state.size - places[log] :]
                for place, text in enumerate(new, one.state.size):
                    error = one.state.add(text)
                    if error is not None and error.fault is not Fault.UNKNOWN_KIND:
                        logger.warning("entry %d of %s changes nothing: %s", place, log, error)
                one.seen_ms = seen_ms  # may go back: a clock was wrong
                found[log] = one.state.snapshot(self.now_ms())
        return found

    def _tell_age(self, log: str, one: Followed) -> None:
        age_ms = abs(self.now_ms() - (one.seen_ms or self._started_ms))
        _AGE.labels(log).set(age_ms / 1000)
        if age_ms > ALARM_MS and not one.is_alarmed:
            hours = age_ms // 3_600_000
            logger.error("nothing was heard of %s for %d h: what it said then counts", log, hours)
        one.is_alarmed = age_ms > ALARM_MS


@functools.cache
def follower_of(api: ModuleApi) -> Follower:
    """The follower of a process, which all its modules share."""
    return Follower(api)
