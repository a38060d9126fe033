"""The banks of the configuration, each behind its rail.

The rail ``demo`` comes with Veche. A package outside this repository adds one by an entry point of
the group ``veche.rails``, whose object is a ``RailMaker``.
"""

from __future__ import annotations

import base64
import binascii
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, Protocol

from nacl.signing import SigningKey

from appservices.payments.banks.core.port import Party
from appservices.payments.banks.service.banking import Banking
from appservices.payments.banks.service.banks import Bank, Desk
from appservices.payments.banks.service.demo import DemoRail
from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import read_secret
from veche.runtime.web.http_client import Connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.payments.banks.core.port import Rail
    from appservices.payments.banks.service.banks import BankNews
    from appservices.payments.config import BankSection, PaymentsSection
    from veche.runtime.database import Cursor, Database
    from veche.runtime.vault import Vault

ENTRY_POINTS: Final = "veche.rails"
"""Group of entry points by which rails of others are found."""
DEMO: Final = "demo"
CONNECTIONS_MAX: Final = 4
"""Open connections to one bank."""


class RailMaker(Protocol):
    """Makes the rail to a bank."""

    def __call__(self, section: BankSection, key: SigningKey, reactor: Any) -> Rail:
        """Make it.

        Args:
            section: The bank in the configuration; ``options`` is the rail's own.
            key: What we sign with.
            reactor: Clock and network.

        Raises:
            ConfigError: The section is not one for this rail.
        """


def banking_of(
    database: Database,
    reactor: Any,
    section: PaymentsSection,
    vault: Vault,
    tell: Callable[[Cursor, BankNews], None],
) -> Banking:
    """The banks of an institution.

    Args:
        database: For transactions.
        reactor: Clock and network.
        section: The institution.
        vault: Seals what is known of others.
        tell: Told of news, in the transaction in which it becomes true; it may run again.

    Raises:
        ConfigError: A rail is not installed, or a key cannot be read.
    """
    name = section.name_in(section.language)
    banks = {
        one.name: Bank(one.name, Party(name, one.account), one.currency, _rail(one, reactor))
        for one in section.banks
    }
    return Banking(Desk(database, vault, banks, tell))


def bank_key(section: BankSection) -> SigningKey:
    """Return the key with which we sign what a bank gets.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return SigningKey(base64.b64decode(read_secret(section.key_path), validate=True))
    except (binascii.Error, ValueError) as e:
        raise ConfigError(f"{section.key_path}: should be 32 random bytes in base64") from e


def _rail(section: BankSection, reactor: Any) -> Rail:
    return _maker(section.rail)(section, bank_key(section), reactor)


def _maker(rail: str) -> RailMaker:
    if rail == DEMO:
        return _demo
    for found in entry_points(group=ENTRY_POINTS, name=rail):
        maker: RailMaker = found.load()
        return maker
    raise ConfigError(f"banks: the rail {rail} is not installed")


def _demo(section: BankSection, key: SigningKey, reactor: Any) -> Rail:
    try:
        connections = Connections(reactor, section.url, connections_max=CONNECTIONS_MAX)
    except ValueError as e:
        raise ConfigError(f"banks: {section.url} should be http://HOST:PORT") from e
    return DemoRail(connections, key)
