"""Follow directories of organisations: fetched by one process, kept in Synapse's database.

The process that runs background tasks asks each directory for news, checks every proof and keeps
the entries. Each process reads them from there, and checks the signatures again: so a restart
needs no directory, and a directory that is gone or wrong leaves what was there before.
"""

from __future__ import annotations

import logging
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Final

from prometheus_client import Gauge

from homeserver_modules.official_accounts import store
from veche.contracts.directory.bundle import ENTRIES_MAX, Bundle, BundleError, Held, followed
from veche.contracts.directory.entries import ENTRY_BYTES_MAX
from veche.contracts.directory.rules import Directory, Fault
from veche.contracts.directory.trusted import Trusted
from veche.protocol.errors import MalformedError, TooLargeError
from veche.protocol.json_reader import read_json
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from synapse.module_api import ModuleApi
    from synapse.storage.database import LoggingTransaction

    from homeserver_modules.official_accounts.config import DirectoryEntry
    from veche.contracts.directory.snapshot import ProtectedName

logger = logging.getLogger(__name__)

PATH: Final = "/_veche/directory/v1/bundle"
ASK_EVERY_MS: Final = 30_000
"""How often directories are asked for news; by how much a revocation is late at most."""
READ_EVERY_MS: Final = 2_000
"""How often each process looks for what is new in the database; so often a directory is asked, too,
of which nothing is known yet: its services may start after Synapse."""
STALE_MS: Final = 24 * 3_600_000
"""From when on it is an alarm that a directory was not heard of."""
BUNDLES_MAX: Final = 200
"""Bundles of one directory in one round; what is more comes in the next."""
BUNDLE_BYTES_MAX: Final = 2 * ENTRIES_MAX * ENTRY_BYTES_MAX
"""An answer has at most so many bytes, with its proofs and in JSON's escapes."""

_AGE: Final = Gauge(
    "veche_official_accounts_directory_age_seconds",
    "How long ago a directory was heard of, and was well.",
    ["directory"],
)


class Directories:
    """Keeps the protected names up to date with the directories."""

    def __init__(
        self,
        directories: Sequence[DirectoryEntry],
        api: ModuleApi,
        protect: Callable[[Sequence[ProtectedName]], None],
        now_ms: Callable[[], int],
    ) -> None:
        """Nothing is read or asked before ``start``.

        Args:
            directories: Whom to follow, in the order of trust.
            api: Synapse's.
            protect: Takes the names of all directories whenever they change; runs in a thread.
            now_ms: The clock, UTC.
        """
        self._directories = directories
        self._api = api
        self._protect = protect
        self._now_ms = now_ms
        self._held: dict[str, Held] = {}
        self._asked_ms: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self._states = {one.root.log: Directory(one.root) for one in directories}
        self._names: Sequence[ProtectedName] = []
        self._started_ms = now_ms()
        self._alarmed: set[str] = set()

    def start(self) -> None:
        """Begin; ends with the process."""
        if not self._directories:
            return
        api = self._api
        if api.should_run_background_tasks():
            api.looping_background_call(self.ask, READ_EVERY_MS, desc="veche_ask_directories")
        api.looping_background_call(
            self.read, READ_EVERY_MS, desc="veche_read_directories", run_on_all_instances=True
        )

    async def ask(self) -> None:
        """Take what is new; a directory that fails leaves what is known of it, and the others."""
        for one in self._directories:
            log, now_ms = one.root.log, self._now_ms()
            # A clock that is set back does not silence it.
            if 0 <= now_ms - self._asked_ms.get(log, 0) < ASK_EVERY_MS:
                continue
            try:
                await self._follow(one)
            except Exception as e:  # noqa: BLE001 -- whatever it is, it ends no other
                self._tell(log, e)
                if not self._states[log].size:
                    continue
            else:
                self._faults.pop(log, None)
            self._asked_ms[log] = now_ms

    def _tell(self, log: str, error: Exception) -> None:
        """Log why a directory is not followed, each reason once."""
        why = repr(error)
        if self._faults.get(log) != why:
            self._faults[log] = why
            level = logging.ERROR if isinstance(error, BundleError) else logging.WARNING
            logger.log(level, "%s is not followed: %s", log, why)

    async def _follow(self, one: DirectoryEntry) -> None:
        log, api = one.root.log, self._api
        held = self._held.pop(log, None)
        if held is None:
            held = await api.run_db_interaction("veche_directory_held", store.held, log)
        for _ in range(BUNDLES_MAX):
            bundle = await self._bundle(one, len(held.entries))
            # Proofs of a large directory take a while.
            new: Held = await api.defer_to_thread(followed, held, bundle, one.root)
            await api.run_db_interaction(
                "veche_directory_keep", store.keep, log, held, new, self._now_ms()
            )
            self._held[log] = held = new
            if held.is_whole:
                return

    async def _bundle(self, one: DirectoryEntry, since: int) -> Bundle:
        body = BytesIO()
        url = f"{one.url.rstrip('/')}{PATH}?since={since}"
        await self._api.http_client.get_file(url, body, BUNDLE_BYTES_MAX)
        try:
            return parse(Bundle, read_json(body.getvalue(), where="bundle"), where="bundle")
        except (MalformedError, TooLargeError) as e:
            raise BundleError(str(e)) from e

    async def read(self) -> None:
        """Bring the names up to date with the database and the clock."""
        try:
            names, seen = await self._api.run_db_interaction(
                "veche_directory_read", partial(self._read, now_ms=self._now_ms())
            )
        except Exception as e:  # noqa: BLE001 -- no table yet, or no database
            logger.warning("directories cannot be read, what was known of them counts: %r", e)
            return
        if names != self._names:
            await self._api.defer_to_thread(self._protect, names)
            self._names = names
            logger.info("directories protect %d names", len(names))
        for log, seen_ms in seen.items():
            self._look_at_age(log, self._now_ms() - (seen_ms or self._started_ms))

    def _read(
        self, txn: LoggingTransaction, now_ms: int
    ) -> tuple[Sequence[ProtectedName], dict[str, int | None]]:
        """The names, and when each directory was heard of; in a thread of the database."""
        seen: dict[str, int | None] = {}
        for log, state in self._states.items():
            seen[log] = store.seen_ms(txn, log)
            for place, text in store.entries(txn, log, state.size):
                error = state.add(text)
                if error is not None and error.fault is not Fault.UNKNOWN_KIND:
                    logger.warning("entry %d of %s changes nothing: %s", place, log, error)
        trusted = Trusted([state.snapshot(now_ms) for state in self._states.values()])
        return trusted.protected_names, seen

    def _look_at_age(self, log: str, age_ms: int) -> None:
        _AGE.labels(log).set(age_ms / 1000)
        if age_ms <= STALE_MS:
            self._alarmed.discard(log)
        elif log not in self._alarmed:
            self._alarmed.add(log)
            hours = age_ms // 3_600_000
            logger.error("nothing was heard of %s for %d h: what it said then counts", log, hours)
