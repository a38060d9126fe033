"""Official accounts that read policy lists each second, for a real Synapse: a test waits for it."""

from __future__ import annotations

from homeserver_modules.official_accounts import gate
from homeserver_modules.official_accounts.module import OfficialAccounts

__all__ = ["OfficialAccounts"]

EVERY_MS = 1_000
gate.LISTS_EVERY_MS = EVERY_MS  # type: ignore[misc]  # in that Synapse alone
