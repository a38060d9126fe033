"""What the payments bot does outside transactions: chats, names of payees, clocks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.core.commands import COMMANDS
from appservices.payments.core.texts.paying import unknown_payee_doc
from appservices.payments.core.texts.peers import PEER_REFUSALS, peer_doc, peer_words
from appservices.payments.core.texts.views import Party
from appservices.payments.service import (
    abroad,
    acting,
    allowances,
    api_mandates,
    billing,
    charges,
    files,
    invoices,
    invoicing,
    mandates,
    paying,
    setting_aside,
    trusting,
)
from appservices.payments.service.bill_ends import BILL_DUE
from appservices.payments.service.bill_errands import BillDue, LookUpSharers
from appservices.payments.service.billing import LOOK_UP_SHARERS
from appservices.payments.service.bulk import BACK_AGAIN, PAY_LINES
from appservices.payments.service.bulk_lines import GiveBack, PayLines
from appservices.payments.service.chats import LOOK_UP, greet
from appservices.payments.service.clocks import CLOCK, DUE
from appservices.payments.service.files import Private
from appservices.payments.service.heads_room import OPEN_ROOM, OpenRoom
from appservices.payments.service.held import HOLD_ENDED, HoldEnded
from appservices.payments.service.naming import known_name
from appservices.payments.service.payout_orders import CHECK_NAME, CheckName
from appservices.payments.service.peers_checking import CHECK as CHECK_PEER
from appservices.payments.service.peers_checking import CheckPeer
from appservices.payments.service.peers_errands import Send
from appservices.payments.service.peers_sending import SEND as SEND_PEER
from appservices.payments.service.peers_settling import SETTLE as SETTLE_PEER
from appservices.payments.service.peers_settling import SettlePeer
from appservices.payments.service.receipt_files import SEND_RECEIPT, SendReceipt
from appservices.payments.service.scene import CATALOGUE, ground
from appservices.payments.service.settling import OPEN_CHAT
from appservices.payments.service.statement_files import SEND_STATEMENT, SendStatement
from appservices.payments.service.topups import SEND_CODE, SendCode
from appservices.payments.store import chats
from veche.protocol.commands import COMMAND_DESCRIPTION, command_description
from veche.protocol.errors import ActRequiredError, RefusedError
from veche.protocol.ids import RoomId, UserId
from veche.protocol.invoice import INVOICE_ERRAND, WITHDRAW_ERRAND, InvoiceOrder
from veche.protocol.mandate import CHARGE_ERRAND, MANDATE_ERRAND, ChargeOrder, MandateOrder
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.rooms import RoomPlan, join
from veche.runtime.matrix.store import expect_member
from veche.runtime.widget import widget_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.service.scene import Parts, Scene
    from veche.runtime.database import Cursor
    from veche.runtime.errands import Errand, ErrandHandler

logger = logging.getLogger(__name__)

JOIN: Final = "payments.join"
_GONE: Final = frozenset({403, 404})


def handlers(parts: Parts) -> dict[str, ErrandHandler]:
    """The handler of each kind of errand."""
    return {
        JOIN: _Join(parts),
        OPEN_CHAT: _OpenChat(parts),
        LOOK_UP: _LookUp(parts),
        CLOCK: _Clock(parts),
        DUE: _Due(parts),
        LOOK_UP_SHARERS: LookUpSharers(parts),
        BILL_DUE: BillDue(parts),
        HOLD_ENDED: HoldEnded(parts),
        OPEN_ROOM: OpenRoom(parts),
        SEND_PEER: Send(parts),
        CHECK_PEER: CheckPeer(parts),
        SETTLE_PEER: SettlePeer(parts),
        PAY_LINES: PayLines(parts),
        BACK_AGAIN: GiveBack(parts),
        **setting_aside.handlers(parts),
        **trusting.handlers(parts),
        SEND_RECEIPT: SendReceipt(parts),
        SEND_CODE: SendCode(parts),
        SEND_STATEMENT: SendStatement(parts),
        CHECK_NAME: CheckName(parts),
        INVOICE_ERRAND: _Issue(parts),
        WITHDRAW_ERRAND: _Withdraw(parts),
        MANDATE_ERRAND: _Propose(parts),
        CHARGE_ERRAND: _Charge(parts),
    }


class _Handler:
    """Base: nothing to do outside transactions, nothing special when it is refused."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._host = parts.host
        self._bot = parts.bot.user_id

    async def perform(self, errand: Errand) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        return {}

    def refused(self, txn: Cursor, errand: Errand, error: RefusedError, now_ms: int) -> None:
        """The errand can never be done; it was logged."""

    def _scene(self, txn: Cursor, errand: Errand, now_ms: int) -> Scene:
        return self._parts.scene(txn, errand.id, now_ms)

    def _widget(self, language: str) -> Sequence[Mapping[str, Any]]:
        """State that shows the wallet in a chat; none where there are no pages."""
        links = self._host.links
        url = links.wallet_widget() if links is not None else None
        return widget_state(url, self._bot, self._parts.section.name_in(language))


class _Join(_Handler):
    """Goes into a chat that a person began."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        room_id = RoomId(errand.payload["room"])
        await join(self._host.client, self._bot, self._host.device_id(self._bot), room_id)
        # What is said there is sealed for its members, so they must be known first.
        await self._host.rooms.look(self._bot, room_id)
        await self._show_wallet(room_id)
        return {}

    async def _show_wallet(self, room_id: RoomId) -> None:
        """Show the wallet as a widget, where whoever made the room lets the bot."""
        for one in self._widget(self._parts.section.language):
            where = path("rooms", room_id, "state", one["type"], one["state_key"])
            try:
                await self._host.client.call("PUT", where, user=self._bot, body=one["content"])
            except MatrixError as e:
                if e.status not in _GONE:
                    raise
                return

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        chat = chats.chat(txn, RoomId(errand.payload["room"]))
        if chat is not None and not chat.is_greeted:
            greet(self._scene(txn, errand, now_ms), chat.room_id, chat.person)


class _OpenChat(_Handler):
    """Makes a chat with somebody who was paid and has none, and tells them there."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        language, room_id = await self._host.database.run("payments.chat", self._read, errand)
        if room_id is not None:
            return {"room": room_id}
        name = self._parts.section.name_in(language)
        state = [{"type": "m.room.name", "state_key": "", "content": {"name": name}}]
        for command in COMMANDS:
            key, content = command_description(command, self._bot, CATALOGUE, language)
            state.append({"type": COMMAND_DESCRIPTION, "state_key": key, "content": content})
        state.extend(map(dict, self._widget(language)))
        device = self._host.device_id(self._bot)
        plan = RoomPlan(initial_state=state)
        return {"room": await self._host.rooms.create(self._bot, device, plan, errand.id)}

    def _read(self, txn: Cursor, errand: Errand) -> tuple[str, RoomId | None]:
        """The language of the person, and the chat that they have got meanwhile."""
        scene = self._scene(txn, errand, self._host.now_ms())
        person = UserId(errand.payload["person"])
        known = [one.room_id for one in chats.chats_of(txn, person)]
        private = next((one for one in known if scene.is_alone(one, person)), None)
        return scene.language_of(person), private

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._scene(txn, errand, now_ms)
        person, room_id = UserId(errand.payload["person"]), RoomId(result["room"])
        if chats.chat(txn, room_id) is None:
            chats.keep_chat(txn, room_id, person, now_ms)
            scene.voice.set_membership(room_id, person, "invite", ground(person))
            # The invitation is on its way, so what follows it may be said.
            expect_member(txn, room_id, person, "invite")
        greet(scene, room_id, person)
        if "invoice" in errand.payload:
            invoicing.ask(scene, errand.payload["invoice"], errand.payload["version"])
        if "mandate" in errand.payload:
            mandates.ask(scene, errand.payload["mandate"])
        setting_aside.show_to(scene, errand.payload, person)
        trusting.show_to(scene, errand.payload, person)
        if "share" in errand.payload:
            billing.ask(scene, errand.payload["share"])


class _LookUp(_Handler):
    """Finds out whether somebody can be paid and what they are called; then asks the payer."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        payer, payee = errand.payload["person"], errand.payload["payee"]
        known = await known_name(self._host.client, self._bot, UserId(payer))
        currency = errand.payload["currency"]
        name, why = await abroad.payee_name(self._parts, UserId(payee), currency)
        return {"payer": known, "payee": name, "why": why}

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._scene(txn, errand, now_ms)
        wanted = errand.payload
        person, payee = UserId(wanted["person"]), UserId(wanted["payee"])
        room_id = RoomId(wanted["room"])
        if result["payee"] is None or result["payer"] is None:
            why, speech = str(result.get("why")), scene.speech(person)
            is_peers = why in PEER_REFUSALS
            doc = peer_doc(peer_words(why, speech)) if is_peers else unknown_payee_doc(speech)
            scene.tell(room_id, person, doc)
            return
        private = Private(
            payer=Party(person, result["payer"]),
            payee=Party(payee, result["payee"]),
            currency=wanted["currency"],
            reference=wanted["reference"],
            room_id=room_id,
        )
        if wanted.get("giver") is not None:
            allowances.pay(scene, private, wanted["minor"], UserId(wanted["giver"]))
        else:
            paying.begin(scene, paying.new(scene, private, wanted["minor"]))


class _Issue(_Handler):
    """A service of an organisation has an invoice paid."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene, order = self._scene(txn, errand, now_ms), InvoiceOrder.model_validate(errand.payload)
        try:
            acting.spend_of_order(scene, order)
        except ActRequiredError as e:
            logger.warning("invoice %s of %s: %s", order.card.id, order.card.issuer, e)
            invoices.tell_issuer(scene, order, invoicing.ISSUED_TWICE, None)
            return
        invoicing.issue(scene, order)


class _Withdraw(_Handler):
    """A service of an organisation takes an invoice back."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._scene(txn, errand, now_ms)
        wanted = errand.payload
        invoicing.withdraw(scene, wanted["invoice"], wanted["issuer"], wanted.get("reason"))


class _Propose(_Handler):
    """A service of an organisation proposes a mandate."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._scene(txn, errand, now_ms)
        api_mandates.offer(scene, MandateOrder.model_validate(errand.payload))


class _Charge(_Handler):
    """A service of an organisation debits by a mandate."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        order = ChargeOrder.model_validate(errand.payload)
        charges.announce(self._scene(txn, errand, now_ms), order)


class _Clock(_Handler):
    """The time of a payment's state is over."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._scene(txn, errand, now_ms)
        matter = files.lock(scene, errand.payload["payment"])
        if matter is not None:
            paying.rang(scene, matter)


class _Due(_Handler):
    """The time to pay an invoice is over."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._scene(txn, errand, now_ms)
        invoices.expire(scene, errand.payload["invoice"], errand.payload["version"])
