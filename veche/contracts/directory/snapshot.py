"""The official organisations at a moment, those above them, and the names that they own.

Source: design of Veche, identity §9 and §11.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.transparency.notes import log_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from veche.contracts.directory.entries import OrgEntry
    from veche.transparency.notes import VerifierKey

DEPTH_MAX: Final = 8
"""Longest chain from an organisation to one that is part of no other."""


class Standing(enum.StrEnum):
    """The standing of an organisation at a moment: official, or the reason why not."""

    OFFICIAL = "official"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    ENDED = "ended"
    ABOVE = "above"
    """One of those above it is not official."""


@attrs.frozen
class Root:
    """A directory that somebody trusts.

    Attributes:
        log: Name of its log, in its first history.
        keys: By which it signs.
        quorum: How many of them replace the key of an organisation that has lost its own.
    """

    log: str
    keys: tuple[VerifierKey, ...]
    quorum: int = 1

    @classmethod
    def of(cls, keys: Iterable[VerifierKey], quorum: int = 1) -> Root:
        """The directory of some keys.

        Raises:
            ValueError: There is none, they are of several directories, or fewer than the quorum.
        """
        found = tuple(attrs.evolve(key, name=log_of(key.name)) for key in keys)
        names = {key.name for key in found}
        if len(names) != 1 or not 1 <= quorum <= len(set(found)):
            raise ValueError("a directory has keys of one name, and at least as many as its quorum")
        return cls(names.pop(), found, quorum)

    def keys_of(self, origin: str) -> tuple[VerifierKey, ...]:
        """Its keys in the name of one of its histories; empty if that is another log."""
        if log_of(origin) != self.log:
            return ()
        return tuple(attrs.evolve(key, name=origin) for key in self.keys)


@attrs.frozen
class Pending:
    """Keys that count from a moment on."""

    from_ms: int
    key: VerifierKey
    accounts: Mapping[str, str]


@attrs.frozen
class Measure:
    """Something that was done about an organisation: it is suspended, or has ended.

    Attributes:
        by: Organisation that did it; empty: the directory.
    """

    reason: str
    since_ms: int
    until_ms: int | None
    appeal: str
    by: str


@attrs.frozen
class Organisation:
    """An organisation, as the entries of a directory say.

    Attributes:
        id: Its id.
        said: Who it is.
        key: Its key; at a moment: ``at``.
        accounts: Master keys by account; likewise.
        since_ms: Since when the directory has it.
        vouched_by: Organisation that signed who it is; empty: the directory did.
        entry: Place of the entry that says who it is.
        last: Place of its last entry.
        names: That nobody else may bear.
        appeal: For whoever is refused because of one.
        suspended: That it is, or was until a moment.
        ended: That it has ended.
        pending: Keys that count later.
    """

    id: str
    said: OrgEntry
    key: VerifierKey
    accounts: Mapping[str, str]
    since_ms: int
    vouched_by: str
    entry: int
    last: int
    names: tuple[str, ...] = ()
    appeal: str = ""
    suspended: Measure | None = None
    ended: Measure | None = None
    pending: Pending | None = None

    def at(self, now_ms: int) -> Organisation:
        """It with the keys that count at a moment."""
        new = self.pending
        if new is None or new.from_ms > now_ms:
            return self
        return attrs.evolve(self, key=new.key, accounts=new.accounts, pending=None)

    @property
    def domain_seen_ms(self) -> int | None:
        """When its domain said the key that it has now; None: nobody saw that."""
        return self.said.domain_seen_ms if self.said.key == self.key.to_text() else None

    def own_standing(self, now_ms: int) -> Standing:
        """How it stands, whoever is above it."""
        if self.ended is not None:
            return Standing.ENDED
        stop = self.suspended
        if stop is not None and (stop.until_ms is None or now_ms < stop.until_ms):
            return Standing.SUSPENDED
        if now_ms < max(self.said.valid_from_ms, self.since_ms):
            return Standing.NOT_YET
        until_ms = self.said.valid_until_ms
        return (
            Standing.EXPIRED if until_ms is not None and now_ms >= until_ms else Standing.OFFICIAL
        )

    def name(self, language: str) -> str:
        """Return its name, in the given language if it has one."""
        names = self.said.names
        return names.get(language) or names.get("en") or next(iter(names.values()))


@attrs.frozen
class ProtectedName:
    """A name that only some may bear.

    Attributes:
        name: As it is written.
        organisation: Whose it is.
        accounts: Who may bear it: of the organisation and those below it that are official.
        appeal: Whom somebody writes to who is refused because of it.
    """

    name: str
    organisation: str
    accounts: frozenset[str]
    appeal: str


@attrs.frozen
class Snapshot:
    """The official organisations at a moment, by one directory.

    Attributes:
        directory: Name of its log.
        at_ms: The moment, UTC.
        organisations: By id, with the keys that count then; those that are not official too.
    """

    directory: str
    at_ms: int
    organisations: Mapping[str, Organisation]

    def chain(self, organisation: str) -> Sequence[Organisation]:
        """An organisation after all above it, the topmost first; empty if it is not known."""
        return chain_of(self.organisations, organisation)

    def standing(self, organisation: str) -> Standing:
        """Return the standing of a known organisation: official, or the reason why not."""
        own = self.organisations[organisation].own_standing(self.at_ms)
        if own is not Standing.OFFICIAL:
            return own
        above = self.chain(organisation)[:-1]
        are_well = all(one.own_standing(self.at_ms) is Standing.OFFICIAL for one in above)
        return Standing.OFFICIAL if are_well else Standing.ABOVE

    def owner_of(self, account: str) -> Organisation | None:
        """Return the organisation that owns an account, official or not; None: nobody does."""
        found = (one for one in self.organisations.values() if account in one.accounts)
        return next(found, None)

    def is_official(self, account: str) -> bool:
        """Return whether an account is of an organisation that is official."""
        owner = self.owner_of(account)
        return owner is not None and self.standing(owner.id) is Standing.OFFICIAL

    @property
    def protected_names(self) -> Sequence[ProtectedName]:
        """The names that only some may bear; those of who has ended are free."""
        official = [
            one for one in self.organisations.values() if self.standing(one.id) is Standing.OFFICIAL
        ]
        bearers: dict[str, set[str]] = {}
        for one in official:
            for above in self.chain(one.id):
                bearers.setdefault(above.id, set()).update(one.accounts)
        return [
            ProtectedName(name, one.id, frozenset(bearers.get(one.id, ())), one.appeal)
            for one in self.organisations.values()
            if one.ended is None
            for name in one.names
        ]


def chain_of(organisations: Mapping[str, Organisation], id_: str | None) -> list[Organisation]:
    """An organisation after all above it, the topmost first; empty if it is not known."""
    found: list[Organisation] = []
    while id_ is not None and id_ in organisations and len(found) <= DEPTH_MAX:
        found.append(organisations[id_])
        id_ = organisations[id_].said.parent
    return found[::-1]
