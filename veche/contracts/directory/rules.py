"""The rules of a directory: its entries put together, one after the other.

An entry that breaks a rule changes nothing, and is kept with the reason. The state knows no clock,
so that everybody who has the same entries has the same state; a ``Snapshot`` says what counts at a
moment. Source: design of Veche, identity §9.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.contracts.directory.entries import (
    EndEntry,
    NamesEntry,
    OrgEntry,
    ResumeEntry,
    RotateEntry,
    SuspendEntry,
    UnknownKindError,
    key_of,
    read_entry,
    signers,
    signing_names,
)
from veche.contracts.directory.snapshot import (
    DEPTH_MAX,
    Measure,
    Organisation,
    Pending,
    Snapshot,
    Standing,
    chain_of,
)
from veche.protocol.errors import BadSignatureError, MalformedError, TooLargeError, VecheError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from veche.contracts.directory.entries import AccountKey, AnyEntry
    from veche.contracts.directory.snapshot import Root
    from veche.transparency.notes import VerifierKey

WAIT_MS: Final = 72 * 3_600_000
"""How long everybody can see a change of keys that the old key did not sign, until it counts."""


class Fault(enum.StrEnum):
    """Why an entry changes nothing."""

    MALFORMED = "malformed"
    UNKNOWN_KIND = "unknown_kind"
    """Of a newer version: this one passes over it."""
    WRONG_SIGNATURE = "wrong_signature"
    UNSIGNED = "unsigned"
    """Neither the directory nor an organisation that it knows has signed it."""
    NOT_ABOVE = "not_above"
    """An organisation has signed it that stands not above the one that it is about."""
    SIGNER_NOT_OFFICIAL = "signer_not_official"
    NEEDS_DIRECTORY = "needs_directory"
    """An organisation may not do this, even to those below it."""
    OLD_KEY_MISSING = "old_key_missing"
    """The old key has not signed, and too few keys of the directory have."""
    PREV = "prev"
    """It does not follow the last entry about the organisation."""
    TIME = "time"
    """It is older than an entry before it."""
    UNKNOWN_ORG = "unknown_org"
    UNKNOWN_PARENT = "unknown_parent"
    LOOP = "loop"
    """The organisation would be above itself."""
    TOO_DEEP = "too_deep"
    ENDED = "ended"
    NEEDS_ROTATE = "needs_rotate"
    """Keys and accounts are changed by ``rotate`` alone."""
    NOTHING = "nothing"
    """It changes nothing."""
    ACCOUNT_TAKEN = "account_taken"
    DOMAIN_TAKEN = "domain_taken"
    KEY_TAKEN = "key_taken"
    VALIDITY = "validity"
    """It ends before it begins."""
    NOT_SUSPENDED = "not_suspended"


class EntryRefusedError(VecheError):
    """An entry changes nothing.

    Attributes:
        fault: Which rule it breaks.
    """

    errcode = "ORG.VECHE.DIRECTORY_REFUSED"

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class Directory:
    """The state of a directory, to which entries are added in the order of its log.

    Attributes:
        root: Who it is.
        size: How many entries it has seen.
        at_ms: When the last of them that counts was made.
        refused: Those that changed nothing, by place.
    """

    def __init__(self, root: Root) -> None:
        """Begin without an entry."""
        self.root = root
        self.size = 0
        self.refused: dict[int, EntryRefusedError] = {}
        self._organisations: dict[str, Organisation] = {}
        self.at_ms = 0

    def snapshot(self, at_ms: int) -> Snapshot:
        """Return the directory's state at a moment."""
        known = {id_: one.at(at_ms) for id_, one in self._organisations.items()}
        return Snapshot(self.root.log, at_ms, known)

    def last_of(self, organisation: str) -> int | None:
        """Place of the last entry about an organisation, which the next one names as ``prev``."""
        known = self._organisations.get(organisation)
        return None if known is None else known.last

    def add(self, text: str) -> EntryRefusedError | None:
        """Add the next entry; the error that it is refused with, if it changes nothing."""
        error = None
        try:
            changed, self.at_ms = self._judged(text)
            self._organisations[changed.id] = changed
        except EntryRefusedError as e:
            self.refused[self.size] = error = e
        self.size += 1
        return error

    def _judged(self, text: str) -> tuple[Organisation, int]:
        """The organisation as an entry makes it, and the moment of the entry."""
        entry, value = _read(text)
        if entry.at_ms < self.at_ms:
            raise EntryRefusedError(Fault.TIME, "it is older than the entry before it")
        known = self._organisations.get(entry.org)
        if known is None and not isinstance(entry, OrgEntry):
            raise EntryRefusedError(Fault.UNKNOWN_ORG, f"there is no organisation {entry.org}")
        if entry.prev != (None if known is None else known.last):
            last = None if known is None else known.last
            raise EntryRefusedError(Fault.PREV, f"the last entry about {entry.org} is {last}")
        if known is not None and known.ended is not None:
            raise EntryRefusedError(Fault.ENDED, f"{entry.org} has ended")
        now = None if known is None else known.at(entry.at_ms)
        by = self._authority(entry, value, now)
        if isinstance(entry, OrgEntry):
            return self._entered(entry, now, by), entry.at_ms
        assert now is not None  # noqa: S101 -- for the types: said above
        changed = self._changed(entry, value, now, by)
        return attrs.evolve(changed, last=self.size), entry.at_ms

    # Who may.

    def _authority(
        self, entry: AnyEntry, value: Mapping[str, Any], now: Organisation | None
    ) -> str:
        """The organisation above in whose name an entry counts; empty: that of the directory.

        Raises:
            EntryRefusedError: It counts in nobody's name.
        """
        if _signed(value, self.root.keys):
            return ""
        # A change of the place below somebody is the directory's: see ``_entered``.
        parent = entry.parent if isinstance(entry, OrgEntry) and now is None else None
        parent = now.said.parent if now is not None else parent
        above = {one.id: one for one in chain_of(self._organisations, parent)}
        names = signing_names(value) & self._organisations.keys()
        fault, words = Fault.UNSIGNED, "neither the directory nor an organisation above signed it"
        for name in sorted(names - {entry.org}):
            signer = self._organisations[name].at(entry.at_ms)
            if not _signed(value, (signer.key,)):
                continue
            if name not in above:
                fault, words = Fault.NOT_ABOVE, f"{name} does not stand above {entry.org}"
                continue
            standing = self.snapshot(entry.at_ms).standing(name)
            if standing is Standing.OFFICIAL:
                return name
            fault = Fault.SIGNER_NOT_OFFICIAL
            words = f"{name} signed it, and is not official: {standing}"
        raise EntryRefusedError(fault, words)

    # What entries change.

    def _entered(self, entry: OrgEntry, now: Organisation | None, by: str) -> Organisation:
        self._check_place(entry)
        key, accounts = key_of(entry.org, entry.key), _accounts(entry.accounts)
        if entry.valid_until_ms is not None and entry.valid_until_ms <= entry.valid_from_ms:
            raise EntryRefusedError(Fault.VALIDITY, "it ends before it begins")
        self._check_free(entry.org, key, accounts, entry.domain)
        place = self.size
        if now is None:
            first = (entry.org, entry, key, accounts, entry.at_ms, by)
            return Organisation(*first, entry=place, last=place)
        if by and entry.parent != now.said.parent:
            words = f"only the directory puts {entry.org} elsewhere"
            raise EntryRefusedError(Fault.NEEDS_DIRECTORY, words)
        if (key, accounts) != (now.key, now.accounts):
            words = f"keys and accounts of {entry.org} are changed by rotate"
            raise EntryRefusedError(Fault.NEEDS_ROTATE, words)
        kept = self._organisations[entry.org]
        return attrs.evolve(kept, said=entry, entry=place, last=place, vouched_by=by)

    def _check_place(self, entry: OrgEntry) -> None:
        if entry.parent is None:
            return
        if entry.parent not in self._organisations:
            words = f"there is no organisation {entry.parent}"
            raise EntryRefusedError(Fault.UNKNOWN_PARENT, words)
        above = chain_of(self._organisations, entry.parent)
        if entry.org in {one.id for one in above}:
            raise EntryRefusedError(Fault.LOOP, f"{entry.org} would stand above itself")
        if len(above) + self._depth_below(entry.org) > DEPTH_MAX:
            words = f"at most {DEPTH_MAX} organisations stand one below the other"
            raise EntryRefusedError(Fault.TOO_DEEP, words)

    def _depth_below(self, organisation: str) -> int:
        """How many levels an organisation is with all that stand below it; itself is one."""
        chains = ([o.id for o in chain_of(self._organisations, id_)] for id_ in self._organisations)
        return max((len(c) - c.index(organisation) for c in chains if organisation in c), default=1)

    def _check_free(
        self,
        organisation: str,
        key: VerifierKey | None,
        accounts: Mapping[str, str],
        domain: str | None = None,
    ) -> None:
        """Make sure that nobody else has one of these, now or later."""
        for one in self._organisations.values():
            if one.id == organisation or one.ended is not None:
                continue
            held = [one, one.at(one.pending.from_ms)] if one.pending is not None else [one]
            if domain == one.said.domain:
                raise EntryRefusedError(Fault.DOMAIN_TAKEN, f"{domain} is of {one.id}")
            for state in held:
                if key is not None and key.key == state.key.key:
                    raise EntryRefusedError(Fault.KEY_TAKEN, f"the key is of {one.id}")
                if both := sorted(accounts.keys() & state.accounts.keys()):
                    raise EntryRefusedError(Fault.ACCOUNT_TAKEN, f"{both[0]} is of {one.id}")

    def _changed(
        self, entry: AnyEntry, value: Mapping[str, Any], now: Organisation, by: str
    ) -> Organisation:
        if isinstance(entry, RotateEntry):
            return self._rotated(entry, value, now)
        if by and isinstance(entry, NamesEntry):
            words = "only the directory protects names"
            raise EntryRefusedError(Fault.NEEDS_DIRECTORY, words)
        kept = self._organisations[now.id]
        if isinstance(entry, NamesEntry):
            return attrs.evolve(kept, names=tuple(entry.names), appeal=entry.appeal)
        if isinstance(entry, EndEntry):
            ended = Measure(entry.reason, entry.at_ms, None, entry.appeal, by)
            return attrs.evolve(kept, ended=ended)
        # Whoever is above may lift what stands below it did, never what the directory did.
        stop = now.suspended if now.own_standing(entry.at_ms) is Standing.SUSPENDED else None
        if stop is not None and by and not self._reaches(by, stop.by):
            words = f"{stop.by or 'the directory'} suspended {now.id}, and stands above {by}"
            raise EntryRefusedError(Fault.NEEDS_DIRECTORY, words)
        if isinstance(entry, SuspendEntry):
            if entry.until_ms is not None and entry.until_ms <= entry.at_ms:
                raise EntryRefusedError(Fault.VALIDITY, "it ends before it begins")
            made = Measure(entry.reason, entry.at_ms, entry.until_ms, entry.appeal, by)
            return attrs.evolve(kept, suspended=made)
        assert isinstance(entry, ResumeEntry)  # noqa: S101 -- for the types: the last kind
        if stop is None:
            raise EntryRefusedError(Fault.NOT_SUSPENDED, f"{now.id} is not suspended")
        return attrs.evolve(kept, suspended=None)

    def _reaches(self, organisation: str, by: str) -> bool:
        """Return whether an organisation may undo another one's act."""
        return bool(by) and organisation in {one.id for one in chain_of(self._organisations, by)}

    def _rotated(
        self, entry: RotateEntry, value: Mapping[str, Any], now: Organisation
    ) -> Organisation:
        key = now.key if entry.key is None else key_of(entry.org, entry.key)
        accounts = now.accounts if entry.accounts is None else _accounts(entry.accounts)
        if (key, accounts) == (now.key, now.accounts) and now.pending is None:
            raise EntryRefusedError(Fault.NOTHING, "keys and accounts are the same as before")
        self._check_free(entry.org, key, accounts)
        if _signed(value, (now.key,)):
            return attrs.evolve(now, key=key, accounts=accounts, pending=None)
        if len(_signed(value, self.root.keys)) < self.root.quorum:
            words = (
                f"the old key of {now.id} has not signed, nor {self.root.quorum} of the directory"
            )
            raise EntryRefusedError(Fault.OLD_KEY_MISSING, words)
        return attrs.evolve(now, pending=Pending(entry.at_ms + WAIT_MS, key, accounts))


def _read(text: str) -> tuple[AnyEntry, Mapping[str, Any]]:
    try:
        return read_entry(text)
    except UnknownKindError as e:
        raise EntryRefusedError(Fault.UNKNOWN_KIND, str(e)) from e
    except (MalformedError, TooLargeError) as e:
        raise EntryRefusedError(Fault.MALFORMED, str(e)) from e


def _signed(value: Mapping[str, Any], keys: Iterable[VerifierKey]) -> frozenset[VerifierKey]:
    try:
        return signers(value, keys)
    except BadSignatureError as e:
        raise EntryRefusedError(Fault.WRONG_SIGNATURE, str(e)) from e


def _accounts(accounts: Iterable[AccountKey]) -> dict[str, str]:
    return {one.user: one.master for one in accounts}
