"""The directories that this homeserver trusts: followed, checked, and kept in its database.

One process asks for what is new and keeps what is proven; every process reads what is kept. So a
restart needs nobody, and workers ask nothing twice.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import attrs
from prometheus_client import Gauge

from homeserver_modules.event_guard import store
from veche.contracts.directory.bundle import Bundle, BundleError, Held, followed
from veche.contracts.directory.rules import Directory
from veche.contracts.directory.trusted import Trusted
from veche.protocol.errors import MalformedError, UnavailableError
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synapse.module_api import ModuleApi

    from homeserver_modules.event_guard.config import DirectorySection

logger = logging.getLogger(__name__)

PATH: Final = "/_veche/directory/v1/bundle"
ROUND_MS: Final = 1_000
"""How often a directory is asked, and what is kept is read, until all are known."""
ROUNDS: Final = 5
"""Of that many rounds one is made once all are known."""
BUNDLES_MAX: Final = 200
"""Bundles of one round; what is more comes in the next."""
ALARM_MS: Final = 24 * 3_600_000
"""How old what is known of a directory may be until its operator is called."""
STALE_MS: Final = 7 * 24 * 3_600_000
"""How old it may be until its organisations cannot send."""
RETRY_AFTER_MS: Final = 5_000

_AGE: Final = Gauge(
    "veche_event_guard_directory_age_seconds",
    "How long ago a directory last answered.",
    ["directory"],
)


class UnknownDirectoryError(UnavailableError):
    """What a directory says is not known, or too old: its organisations wait."""


@attrs.define
class _Followed:
    section: DirectorySection
    state: Directory
    seen_ms: int = 0

    @property
    def log(self) -> str:
        return self.state.root.log


class Directories:
    """The directories of the configuration, as they are known now.

    Attributes:
        trusted: What they say; of the moment of the last look.
    """

    def __init__(self, sections: Sequence[DirectorySection], api: ModuleApi) -> None:
        """Follow them from now on."""
        self._api = api
        self._followed = [_Followed(one, Directory(one.root)) for one in sections]
        self._accounts: frozenset[str] = frozenset()
        self._is_made = False
        self._rounds = 0
        self.trusted = Trusted(())
        if self._followed:
            api.delayed_background_call(0, self.refresh, desc="veche_directories_first")
            api.looping_background_call(
                self.refresh, ROUND_MS, desc="veche_directories", run_on_all_instances=True
            )

    @property
    def are_there(self) -> bool:
        """Whether the configuration names any."""
        return bool(self._followed)

    @property
    def are_known(self) -> bool:
        """Whether each of them has been read once."""
        return all(one.seen_ms for one in self._followed)

    @staticmethod
    def now_ms() -> int:
        """The moment, UTC."""
        return _now_ms()

    def is_listed(self, account: str) -> bool:
        """Whether an account is of an organisation, official or not."""
        return account in self._accounts

    def check_fresh(self, account: str) -> None:
        """Make sure that what is known of an account's organisation is not too old.

        Raises:
            UnknownDirectoryError: It is, or the clock has jumped by as much.
        """
        owner = self.trusted.owner_of(account)
        for one in self._followed:
            is_of_it = owner is not None and owner[0].directory == one.log
            if is_of_it and abs(_now_ms() - one.seen_ms) > STALE_MS:
                words = "What the homeserver knows of the directory is older than seven days"
                raise UnknownDirectoryError(words, retry_after_ms=RETRY_AFTER_MS)

    async def refresh(self) -> None:
        """Ask for what is new, in one process; read what is kept, in all."""
        self._rounds += 1
        if self.are_known and self._rounds % ROUNDS:
            return
        for one in self._followed:
            if self._api.should_run_background_tasks():
                try:
                    await self._follow(one)
                except Exception as e:  # noqa: BLE001 -- what is kept still counts
                    logger.warning("%s is not followed: %s", one.log, e)
            try:
                await self._read(one)
            except Exception:
                logger.exception("what is kept of %s cannot be read", one.log)
            self._tell_age(one)
        self.look(_now_ms())

    def look(self, now_ms: int) -> None:
        """Work out what counts at a moment."""
        self.trusted = Trusted([one.state.snapshot(now_ms) for one in self._followed])
        organisations = [
            org for one in self.trusted.snapshots for org in one.organisations.values()
        ]
        self._accounts = frozenset(account for org in organisations for account in org.accounts)

    async def _follow(self, one: _Followed) -> None:
        if not self._is_made:
            await self._api.run_db_interaction("veche_directory_table", store.make_table)
            self._is_made = True
        kept = await self._api.run_db_interaction("veche_directory_kept", store.kept, one.log)
        texts: tuple[str, ...] = ()
        if kept.held:
            texts = await self._api.run_db_interaction("veche_directory", store.entries, one.log)
        held = Held(texts, kept.size)
        for _ in range(BUNDLES_MAX):
            new = followed(held, await self._bundle(one, len(held.entries)), one.state.root)
            is_grown = len(new.entries) > len(held.entries)
            # Until it is whole it is as old as before.
            seen_ms = _now_ms() if new.is_whole else kept.seen_ms
            arguments = (new, seen_ms) if is_grown else (new.size, seen_ms)
            keep: Any = store.keep if is_grown else store.saw
            await self._api.run_db_interaction("veche_directory_keep", keep, one.log, *arguments)
            held = new
            if held.is_whole:
                return

    async def _bundle(self, one: _Followed, since: int) -> Bundle:
        url = f"{one.section.url}{PATH}"
        answer = await self._api.http_client.get_json(url, args={"since": str(since)})
        try:
            return parse(Bundle, answer, where="bundle")
        except MalformedError as e:
            raise BundleError(str(e)) from e

    async def _read(self, one: _Followed) -> None:
        kept = await self._api.run_db_interaction("veche_directory_kept", store.kept, one.log)
        if kept.held > one.state.size:
            texts = await self._api.run_db_interaction("veche_directory", store.entries, one.log)
            for text in texts[one.state.size :]:
                one.state.add(text)
        one.seen_ms = kept.seen_ms

    def _tell_age(self, one: _Followed) -> None:
        age_ms = abs(_now_ms() - one.seen_ms)
        _AGE.labels(one.log).set(age_ms / 1000)
        if not one.seen_ms:
            logger.warning("%s was never reached: its organisations cannot send", one.log)
        elif age_ms > ALARM_MS:
            logger.error("%s has not answered for %d hours", one.log, age_ms // 3_600_000)


def _now_ms() -> int:
    return int(time.time() * 1000)  # noqa: TID251 -- Synapse gives modules no clock
