"""Official accounts that ask directories every second, for a real Synapse."""

from __future__ import annotations

from homeserver_modules.official_accounts import directories
from homeserver_modules.official_accounts.module import OfficialAccounts

directories.ASK_EVERY_MS = 1_000  # type: ignore[misc] # a test does not wait for half a minute


class QuickOfficialAccounts(OfficialAccounts):
    """They ask often."""
