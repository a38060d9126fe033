"""Official accounts with a fault, for a real Synapse."""

from __future__ import annotations

from homeserver_modules.official_accounts.module import OfficialAccounts


class FaultyNameGuard(OfficialAccounts):
    """It can judge no name."""

    def _look_at(self, name: str, account: str, where: str, room_id: str = "") -> None:
        del name, account, where, room_id
        raise RuntimeError("a bug")
