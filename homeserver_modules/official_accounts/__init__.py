"""Keep people and rooms from being called like an official account.

In homeserver.yaml::

    modules:
      - module: homeserver_modules.official_accounts.OfficialAccounts
        config:
          names:
            - name: Vital Records Office
              accounts: ["@veche_org_town_records:example.org"]
              appeal: https://town.example/names
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeserver_modules.official_accounts.module import OfficialAccounts

__all__ = ["OfficialAccounts"]


def __getattr__(name: str) -> object:
    # Only Synapse has Synapse: the rules of this package can be imported without it.
    if name != "OfficialAccounts":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from homeserver_modules.official_accounts.module import OfficialAccounts  # noqa: PLC0415

    return OfficialAccounts
