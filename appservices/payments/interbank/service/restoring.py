"""After a restored backup: what the room of heads and other institutions know, and this ledger not.

Each institution keeps what the other signed of the payments between them. So one that has forgotten
some is shown its own signatures, which nobody can invent, and books them again.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.banks.store import overview
from appservices.payments.holders import store as holders
from appservices.payments.institutions.api import RECORDS_MAX, Packet, PeerRecord, Question
from appservices.payments.institutions.service.client import NoAnswerFromPeerError
from appservices.payments.interbank.service import delivery as peers_jobs
from appservices.payments.interbank.service import taking as peers_taking
from appservices.payments.interbank.store import records as peer_records
from appservices.payments.ledger.store import ledger
from appservices.payments.paying.service import paying
from appservices.payments.peers import store
from appservices.payments.peers.core import In, Out
from appservices.payments.peers.service import peers
from appservices.payments.postings.service import holding, moving
from appservices.payments.proofs.core.heads import read_copy
from appservices.payments.proofs.core.receipts import ReceiptError, verify_receipt
from appservices.payments.proofs.service import heads
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import authority, files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.store import payments as payment_store
from appservices.payments.transfers.texts.views import Party
from appservices.payments.witnesses.service.heads_room import address
from veche.acts import histories
from veche.acts.histories import Finding
from veche.acts.signed_tree import number_of
from veche.protocol.errors import BadSignatureError, MalformedError, UnavailableError
from veche.protocol.ids import UserId, hex_of_ulid
from veche.protocol.texts.catalogue import show_money
from veche.protocol.wire import parse
from veche.runtime.matrix.client import MatrixError, path
from veche.transparency.notes import open_checkpoint, signer_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.config import PeerSection
    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.holders.store import Holder
    from veche.contracts.payments.receipt import Receipt
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

MARGIN_MS: Final = 24 * 3_600_000
"""How long before the newest block others are asked for payments: what they keep comes later."""
_OUT_THERE: Final = frozenset({Out.AGREED, Out.COMMITTING, Out.DONE})
_IN_THERE: Final = frozenset({In.POSTING, In.DONE, In.STUCK})
"""States of payments that are made, or that the writer is about to make."""
_LANGUAGE: Final = "en"
_NOT_FOUND: Final = 404


# What others are told, and tell.


def newest_of(scene: Conversation, server: str) -> dict[str, Any] | None:
    """The receipt of the newest payment from another institution to here, as that one signed it."""
    sealed = peer_records.newest_paid_in(scene.txn, peers.institution(scene, server).id)
    commit = scene.vault.open(sealed).get("commit") if sealed is not None else None
    return commit.get("receipt") if commit is not None else None


def check_proof(scene: Conversation, server: str, value: Mapping[str, Any]) -> None:
    """Another institution shows a receipt of ours: if we know nothing of it, everything stops."""
    receipt = _ours(scene, value)
    if receipt is None:
        logger.error("%s shows a receipt as ours that is none: keep it: %s", server, value)
    elif not _has(scene, receipt) and receipt.at_ms > histories.begun_at_ms(scene.txn):
        why = f"{server} has our receipt of payment {receipt.payment}, which we do not have"
        histories.stop(scene.txn, why, scene.now_ms)


def records(scene: Conversation, peer: PeerSection, since_ms: int) -> list[PeerRecord]:
    """The oldest payments with another institution since a moment, as who paid signed them."""
    found = []
    holder = peers.institution(scene, peer.server)
    for id_, is_out, at_ms in peer_records.records(scene.txn, holder.id, since_ms, RECORDS_MAX):
        file, out = payment_store.payment(scene.txn, id_), store.out(scene.txn, id_)
        if is_out and file is not None and out is not None and scene.parts.peers is not None:
            more = peers_jobs.commit_of(scene, files.matter_of(scene, file), out)
            kept = {"commit": scene.parts.peers.question(peer.server, "commit", more)}
        else:
            into = store.into(scene.txn, id_)
            kept = scene.vault.open(into.sealed or b"") if into is not None else {}
        proof = {name: kept[name] for name in ("commit", "prepare") if name in kept}
        found.append(parse(PeerRecord, {"at_ms": at_ms, **proof}, where="record"))
    return found


# What the operator is shown.


async def in_room(parts: Parts) -> list[Finding]:
    """Heads in the public room that this ledger has signed, and does not have."""
    alias, user = address(parts.section, parts.host.server_name), parts.bot.user_id
    if alias is None:
        return []
    client = parts.host.client
    try:
        told = await client.call("GET", path("directory", "room", alias), user=user)
        where = path("rooms", str(told.get("room_id")), "messages")
        copy = await client.call("GET", where, user=user, query={"dir": "b", "limit": "50"})
    except (MatrixError, UnavailableError) as e:
        if not isinstance(e, MatrixError) or e.status != _NOT_FOUND:
            logger.warning("the room %s cannot be read: %s", alias, e)
        return []
    posts = read_copy(json.dumps(copy).encode()) or []
    notes = [one if isinstance(one, str) else one.checkpoint for one in posts]
    found: list[Finding] = await parts.host.database.run(
        "payments.restored", _strange, parts, notes, f"the room {alias}"
    )
    return found[:1]


def _strange(txn: Cursor, parts: Parts, notes: Sequence[str], whose: str) -> list[Finding]:
    """The heads that are ours, of this history or a later one, and that the ledger never had."""
    found = []
    signer, ours = parts.receipts.signer.verifier, parts.receipts
    for note in notes:
        origin = note.partition("\n")[0]
        key = ours.verifier_of(origin)
        if key is None or number_of(origin) < number_of(signer.name):
            continue
        try:
            head = open_checkpoint(note, [key])
        except (MalformedError, BadSignatureError):
            continue
        if origin != signer.name or not heads.had(txn, head):
            words = f"{whose} has a head of {head.size} blocks that we signed and do not have"
            found.append(Finding(words, history=number_of(origin)))
    return found


async def at_peers(parts: Parts) -> list[Finding]:
    """List payments with us that other institutions know and this ledger lacks."""
    found: list[Finding] = []
    records: list[tuple[PeerSection, PeerRecord]] = []
    run = parts.host.database.run
    since_ms = await run("payments.restored", _since)
    for peer in parts.section.peers:
        try:
            known, notes = await _asked(parts, peer, since_ms)
        except NoAnswerFromPeerError as e:
            words = f"{peer.server} was not compared: {e}"
            found.append(Finding(words, is_lost=False, missing=peer.server))
            continue
        found += await run("payments.restored", _strange, parts, notes, peer.server)
        records += [(peer, one) for one in known]
    return found + await run("payments.restored", _unknown, parts, records)


async def _asked(
    parts: Parts, peer: PeerSection, since_ms: int
) -> tuple[Sequence[PeerRecord], Sequence[str]]:
    """Ask another institution what it has kept, and for the last head of ours that it has seen."""
    client = parts.peers
    assert client is not None, "a service has one"  # noqa: S101 -- our bug
    kept: dict[str, PeerRecord] = {}
    is_more = True
    while is_more:
        answer, _ = await client.ask(peer.server, "records", since_ms=since_ms)
        new = [one for one in answer.records or [] if str(one.commit.get("id")) not in kept]
        kept |= {str(one.commit.get("id")): one for one in new}
        is_more = bool(new) and len(answer.records or []) == RECORDS_MAX
        since_ms = max((one.at_ms for one in new), default=since_ms)
    currency = next(iter(peer.they_owe_max))
    answer, _ = await client.ask(peer.server, "statement", currency=currency)
    return list(kept.values()), [answer.seen] if answer.seen is not None else []


def _since(txn: Cursor) -> int:
    return max(0, overview.last_block(txn, heads.SHARD).at_ms - MARGIN_MS)


def _unknown(
    txn: Cursor, parts: Parts, known: Sequence[tuple[PeerSection, PeerRecord]]
) -> list[Finding]:
    """The payments that other institutions prove, and this one does not have.

    They are in the order in which they were made: what came may have gone on since.
    """
    scene = parts.conversation(txn, "restored", parts.host.now_ms())
    found = []
    for peer, one in known:
        is_ours = one.commit.get("asker") == peers.own_server(scene)
        proved = _proved(scene, peer, one, is_ours=is_ours)
        if proved is None:
            logger.error("%s does not prove a payment that it shows: %s", peer.server, one.commit)
            continue
        at_ms, packet = proved
        if is_ours:
            out = store.out(txn, packet.id)
            is_there = out is not None and out.state in _OUT_THERE
        else:
            into = store.into(txn, packet.id)
            is_there = into is not None and into.state in _IN_THERE
        if not is_there:
            money = show_money(packet.amount, _LANGUAGE)
            words = (
                f"payment {packet.id}: {packet.payer.address} paid {packet.payee.address} {money};"
                f" {peer.server} proves it, and this ledger does not have it. It is booked again"
            )
            finding = Finding(words, settle=partial(_book, parts, peer, one, packet))
            found.append((at_ms, is_ours, finding))
    return [finding for _, _, finding in sorted(found, key=itemgetter(0, 1))]


def _proved(
    scene: Conversation, peer: PeerSection, one: PeerRecord, *, is_ours: bool
) -> tuple[int, Packet] | None:
    """When and what was paid, if who paid it has signed that, with its receipt; else None."""
    keys = scene.parts.receipts.keys if is_ours else peer.verifiers()
    try:
        for message in (one.commit, one.prepare or one.commit):
            signer_of(message, keys)
        commit, asked = parse(Question, one.commit), parse(Question, one.prepare or one.commit)
        receipt = verify_receipt(commit.receipt or {}, keys).receipt
    except (MalformedError, BadSignatureError, ReceiptError):
        return None
    own = peers.own_server(scene)
    between = (own, peer.server) if is_ours else (peer.server, own)
    is_of_us = all((said.asker, said.asked) == between for said in (commit, asked))
    packet = asked.packet
    if packet is None or not is_of_us or {packet.id, receipt.payment} != {commit.id}:
        return None
    return (receipt.at_ms, packet) if receipt.amount == packet.amount else None


# What follows.


def _book(parts: Parts, peer: PeerSection, one: PeerRecord, packet: Packet, txn: Cursor) -> None:
    """Have a payment that another institution proves booked; the writer does it once it runs."""
    scene = parts.conversation(txn, f"restored {packet.id}", parts.host.now_ms())
    if one.commit.get("asker") == peer.server:
        question = parse(Question, one.commit)
        peers_taking.commit(scene, peer, question, one.commit, is_forgetful=True)
        return
    matter = files.lock(scene, packet.id) or _again(scene, packet)
    if matter is None:
        return
    if matter.payment.state in {State.HOLDING, State.HELD}:
        holding.void(scene, matter.payment)  # it needs the money that it has set aside itself
    for held in payment_store.waiting_of(txn, matter.payment.payer):
        if held.payment.id != packet.id and held.payment.state is State.HELD:
            # Its money may have gone back since. If it was paid after all, that is booked next.
            paying.cancel(scene, files.matter_of(scene, held))
    payment = attrs.evolve(
        matter.payment, state=State.PAYING, due_at_ms=None, why=None, instruction=authority.RESTORED
    )
    payment_store.save_payment(txn, payment, scene.now_ms)
    holder, now_ms = peers.institution(scene, peer.server), scene.now_ms
    sealed = scene.vault.seal({"restored": one.model_dump(mode="json")})
    amount = (payment.ledger, payment.amount_minor)
    file = store.OutFile(payment.id, holder.id, Out.AGREED, *amount, now_ms, sealed, now_ms, now_ms)
    if not store.add_out(txn, file):
        store.save_out(txn, payment.id, Out.AGREED, sealed, now_ms)
    moving.attempt(scene, payment)


def _again(scene: Conversation, packet: Packet) -> files.OpenPayment | None:
    """A payment of ours that is not known any more, as we signed it."""
    payer = packet.payer.address
    is_person = payer.startswith("@")
    name = payer.partition(":")[0]
    who = scene.holder(UserId(payer)) if is_person else peers.issuer(scene, name)
    payee = peers.person(scene, UserId(packet.payee.address))
    refund_of = _refunded(scene, packet, payee)
    payment = Payment(
        id=packet.id,
        kind=Kind.PAY if refund_of is None else Kind.REFUND,
        state=State.ASKED,
        payer=who.id,
        payee=payee.id,
        ledger=holders.currencies(scene.txn)[packet.amount.currency],
        amount_minor=packet.amount.minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        instruction=authority.RESTORED,
        refund_of=refund_of,
    )
    private = Private(
        payer=Party(payer, packet.payer.name),
        payee=Party(packet.payee.address, packet.payee.name),
        currency=packet.amount.currency,
        reference=packet.reference,
    )
    return files.add(scene, payment, private)


def _refunded(scene: Conversation, packet: Packet, payee: Holder) -> str | None:
    """The payment of the payee that a packet of ours gives back; None: it is none, or not known."""
    first = payment_store.payment(scene.txn, packet.refund_of or "")
    if first is None or first.payment.payer != payee.id:
        return None
    left_minor = payments.left_minor(scene.txn, first.payment.id)
    return first.payment.id if packet.amount.minor <= left_minor else None


def _ours(scene: Conversation, value: Mapping[str, Any]) -> Receipt | None:
    """A receipt that this institution has signed, in whichever history; None: it has not."""
    try:
        return verify_receipt(value, scene.parts.receipts.keys).receipt
    except ReceiptError:
        return None


def _has(scene: Conversation, receipt: Receipt) -> bool:
    return ledger.row(scene.txn, heads.SHARD, hex_of_ulid(receipt.id)) is not None
