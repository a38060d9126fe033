"""Directories as they are now, and the writing of ours."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.acts import store
from appservices.acts.core import SEED, directory_origin
from veche.acts import signed_tree
from veche.contracts.directory.bundle import ENTRIES_MAX, Bundle, BundleEntry
from veche.contracts.directory.entries import NamesEntry, OrgEntry, entry_text
from veche.contracts.directory.rules import Directory, EntryRefusedError, Fault
from veche.contracts.directory.snapshot import Root
from veche.contracts.directory.trusted import Trusted
from veche.protocol.errors import ConfigError, NotFoundError
from veche.transparency.act_proof import act_origin
from veche.transparency.notes import NoteSigner, log_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from appservices.acts.config import ActsSection, OrganisationSection
    from veche.acts import LastSigned
    from veche.acts.witnesses.asking import Witnesses
    from veche.contracts.directory.entries import AnyEntry
    from veche.contracts.directory.snapshot import Organisation
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

ACTS_SEED: Final = "acts"
"""Purpose of the seed of all logs of acts of this server."""
BUNDLE_BYTES_MAX: Final = 512 * 1024
"""Entries of one bundle, as the answer writes them, in ASCII; one entry always has room."""


@attrs.frozen
class Own:
    """The directory of this server.

    Attributes:
        signer: Of its heads, in the present history.
        entry_signer: Of its entries: the same key, in the name of the first history.
        root: How others trust it.
        tree: Of its log.
        seed_of: Makes the seeds of keys that this server keeps.
        last_signed: Keeps what was signed last outside the database.
        server_name: Of the homeserver; begins the names of all logs.
    """

    signer: NoteSigner
    entry_signer: NoteSigner
    root: Root
    tree: store.DirectoryTree
    seed_of: Callable[[str], bytes]
    last_signed: LastSigned
    server_name: str

    def log_of(self, organisation: str) -> str:
        """The key of the log of acts that this server keeps for an organisation."""
        origin = act_origin(self.server_name, organisation)
        return NoteSigner(origin, self.seed_of(ACTS_SEED)).verifier.to_text()

    def key_of(self, organisation: str) -> NoteSigner:
        """The key of an organisation that this server keeps."""
        return key_of(self.seed_of, organisation)


def key_of(seed_of: Callable[[str], bytes], organisation: str) -> NoteSigner:
    """The key of an organisation, of the seeds of the server that keeps it."""
    return NoteSigner(organisation, seed_of(f"{SEED} {organisation}"))


def own_of(
    section: ActsSection,
    server_name: str,
    seed_of: Callable[[str], bytes],
    last_signed: LastSigned,
    history: int,
) -> Own | None:
    """The directory that the configuration names; None: it names none."""
    if section.directory is None:
        return None
    origin = directory_origin(server_name, section.directory.id, history)
    signer, entries = (NoteSigner(name, seed_of(SEED)) for name in (origin, log_of(origin)))
    root = Root.of([entries.verifier])
    tree = store.DirectoryTree(root.log)
    return Own(signer, entries, root, tree, seed_of, last_signed, server_name)


class Directories:
    """The directories that are trusted here; ours is the first.

    Attributes:
        own: Ours, if there is one.
        roots: Of all.
    """

    def __init__(self, section: ActsSection, own: Own | None) -> None:
        """Nothing is read yet."""
        self.own = own
        self.roots: Sequence[Root] = [
            *([own.root] if own is not None else []),
            *(one.root for one in section.trusted),
        ]
        # Transactions run in threads.
        self._lock = threading.Lock()
        self._states = {root.log: Directory(root) for root in self.roots}

    def trusted(self, txn: Cursor, now_ms: int) -> Trusted:
        """Return the trusted directories' state now; each entry is verified once in a process."""
        with self._lock:
            for log in self._states:
                self._read(txn, log)
            return Trusted([state.snapshot(now_ms) for state in self._states.values()])

    @property
    def unknown(self) -> Sequence[str]:
        """Names of directories of others of which nothing was known at the last look."""
        own = self.own.root.log if self.own is not None else None
        return [log for log, state in self._states.items() if log != own and not state.size]

    @property
    def refused(self) -> Mapping[int, EntryRefusedError]:
        """Entries of ours that changed nothing, as of the last look, by place."""
        return self._states[self.own.root.log].refused if self.own is not None else {}

    def state(self, txn: Cursor) -> Directory:
        """All of our directory, with what it refused.

        Raises:
            ConfigError: There is none.
        """
        with self._lock:
            return self._read(txn, self._own.root.log)

    def write(
        self, txn: Cursor, made: Callable[[Directory, int], Iterable[str]], now_ms: int
    ) -> Directory:
        """Add entries to our directory and sign its head; return what it says then.

        Args:
            txn: A transaction, which writes entries once.
            made: Makes the texts, from the state and the moment of the first; the state has each
                before the next is made.
            now_ms: UTC.

        Raises:
            ConfigError: There is none, or the head cannot be kept outside the database.
            EntryRefusedError: One would change nothing; nothing is added.
        """
        own = self._own
        own.tree.lock(txn)
        # A state of its own: the entries are not committed yet.
        state = Directory(own.root)
        for _, text in store.entries(txn, own.root.log, 0):
            state.add(text)
        first, texts = state.size, list[str]()
        for text in made(state, max(now_ms, state.at_ms)):
            if (error := state.add(text)) is not None:
                raise error
            texts.append(text)
        if texts:
            store.add(txn, own.root.log, first, texts)
            while signed_tree.publish(txn, own.tree, own.signer, now_ms, own.last_signed):
                pass
        return state

    @property
    def _own(self) -> Own:
        if self.own is None:
            raise ConfigError("acts.directory is missing: this server has no directory of its own")
        return self.own

    def _read(self, txn: Cursor, log: str) -> Directory:
        state = self._states[log]
        for place, text in store.entries(txn, log, state.size):
            error = state.add(text)
            if error is not None and error.fault is not Fault.UNKNOWN_KIND:
                logger.warning("entry %d of %s changes nothing: %s", place, log, error)
        return state


# Entries.


def said(state: Directory, kind: str, organisation: str, at_ms: int) -> dict[str, Any]:
    """Build the fields with which an entry of any kind begins."""
    prev = state.last_of(organisation)
    return {"v": 1, "kind": kind, "org": organisation, "at_ms": at_ms, "prev": prev}


def signed_text(body: Mapping[str, Any], by: NoteSigner) -> str:
    """The text of an entry that somebody signs."""
    return entry_text(by.sign_object(body))


def org_body(
    section: OrganisationSection,
    own: Own,
    key: str,
    accounts: Mapping[str, str],
    start: Mapping[str, Any],
    now: Organisation | None,
) -> dict[str, Any]:
    """Build the body of an entry that describes an organisation.

    Args:
        section: As it was written down.
        own: The directory.
        key: Of it.
        accounts: With their master keys.
        start: See ``said``.
        now: As the directory has it; None: not yet.
    """
    return {
        **start,
        "names": dict(section.name),
        "domain": section.domain,
        "parent": section.parent,
        "key": key,
        "accounts": [{"user": user, "master": accounts[user]} for user in sorted(accounts)],
        "logs": [*section.logs] or ([] if section.key else [own.log_of(section.id)]),
        "purposes": [one.model_dump(mode="json") for one in section.purposes],
        "complaints": section.complaints,
        "valid_from_ms": start["at_ms"] if now is None else now.said.valid_from_ms,
    }


def says(now: Organisation, entry: AnyEntry, by: str) -> bool:
    """Return whether a directory says the same of an organisation already, in the same name.

    Args:
        now: As the directory has it.
        entry: Who it is, or its names; others always say something new.
        by: Organisation that signs it; empty: the directory does.
    """
    if isinstance(entry, NamesEntry):
        return (tuple(entry.names), entry.appeal) == (now.names, now.appeal)
    if not isinstance(entry, OrgEntry) or by != now.vouched_by:
        return False
    is_new = entry.domain_seen_ms is not None and now.said.domain_seen_ms is None
    kept = ("at_ms", "prev", *(() if is_new else ("domain_seen_ms",)))
    return entry.model_copy(update={name: getattr(now.said, name) for name in kept}) == now.said


def entered(
    own: Own, organisations: Sequence[OrganisationSection], masters: Mapping[str, str]
) -> Callable[[Directory, int], Iterator[str]]:
    """Entries of organisations of the configuration that are not in the directory yet.

    Each is signed by the organisation of which it is a part, or by the directory. One whose bots
    have no published identity yet is left out, and so are those below it.
    """

    def make(state: Directory, at_ms: int) -> Iterator[str]:
        for one in organisations:
            is_orphan = one.parent is not None and state.last_of(one.parent) is None
            is_there = state.last_of(one.id) is not None
            if is_there or is_orphan or not masters.keys() >= {*one.bots}:
                continue
            accounts = {user: masters[user] for user in one.bots}
            key = own.key_of(one.id).verifier.to_text()
            body = org_body(one, own, key, accounts, said(state, "org", one.id, at_ms), None)
            by = own.entry_signer if one.parent is None else own.key_of(one.parent)
            yield signed_text(body, by)
            if one.protects:
                names = {"names": list(one.protects), "appeal": one.complaints}
                yield signed_text(said(state, "names", one.id, at_ms) | names, own.entry_signer)

    return make


def enter(
    txn: Cursor,
    directories: Directories,
    organisations: Sequence[OrganisationSection],
    now_ms: int,
) -> bool:
    """Enter organisations of the configuration; whether all of them are there now."""

    def are_there(state: Directory) -> bool:
        return all(state.last_of(one.id) is not None for one in organisations)

    own = directories.own
    if own is None or are_there(directories.state(txn)):
        return True
    bots = [user for one in organisations for user in one.bots]
    made = entered(own, organisations, store.master_keys(txn, bots))
    try:
        return are_there(directories.write(txn, made, now_ms))
    except EntryRefusedError as e:
        raise ConfigError(f"acts.directory.organisations: {e}") from e


def bundle(txn: Cursor, directories: Directories, witnesses: Witnesses, since: int) -> Bundle:
    """The entries of our directory from a place on, with proofs and the newest head.

    Raises:
        NotFoundError: There is no directory here, or it has not so many entries.
        UnavailableError: It has no entry yet.
    """
    own = directories.own
    if own is None:
        raise NotFoundError("There is no directory here")
    head, consistency = signed_tree.extended(txn, own.tree, since)
    found: list[BundleEntry] = []
    room = BUNDLE_BYTES_MAX
    for index, text in store.entries(txn, own.root.log, since, ENTRIES_MAX):
        room -= len(json.dumps(text))
        if (room < 0 and found) or index >= head.size:
            break
        path = signed_tree.inclusion(txn, own.tree, index, head.size)
        found.append(BundleEntry(index=index, entry=text, path=path))
    origin = own.signer.verifier.name
    return Bundle(
        v=1,
        checkpoint=head.note,
        consistency=list(consistency),
        entries=found,
        witnessed=witnesses.beside(txn, origin, own.tree, head.size),
    )
