"""Two devices that send, receive, crash and restart in random order, with a model of the database.

What a transaction commits is pickles; a crash drops the objects; nothing leaves that was not
committed, and the network repeats and reorders. Then no index seals two texts, and no message that
was acknowledged is lost.
"""

from __future__ import annotations

import random
from typing import Final

import attrs
import pytest
import vodozemac as vz

from tests.support.crypto_peers import ANNA, BOT, ROOM, Side
from tests.support.long import many
from tests.support.tables import each_row
from veche.runtime.crypto.core import megolm, olm
from veche.runtime.crypto.core.values import BadEventError, Json

_PICKLE_KEY: Final = bytes(32)
_STEPS: Final = 60
_IN_FLIGHT_MAX: Final = 20
"""Within what Olm can skip, or a message would be lost by its own rules."""


@attrs.define
class Stored:
    """A device with what is committed of it."""

    side: Side
    account: str = ""
    sessions: dict[str, list[str]] = attrs.Factory(dict)
    group: str = ""
    heard: list[int] = attrs.Factory(list)

    def commit(self) -> None:
        self.account = self.side.account.pickle(_PICKLE_KEY)
        self.group = self.side.group.pickle(_PICKLE_KEY)
        self.sessions = {
            peer: [one.pickle(_PICKLE_KEY) for one in some]
            for peer, some in self.side.sessions.items()
        }

    def crash(self) -> None:
        """Forget what was not committed."""
        self.side.account = vz.Account.from_pickle(self.account, _PICKLE_KEY)
        self.side.group = vz.GroupSession.from_pickle(self.group, _PICKLE_KEY)
        self.side.sessions = {
            peer: [vz.Session.from_pickle(one, _PICKLE_KEY) for one in some]
            for peer, some in self.sessions.items()
        }


@attrs.define
class World:
    """Two devices and the network between them."""

    chance: random.Random
    devices: tuple[Stored, Stored]
    wires: tuple[list[Json], list[Json]] = attrs.Factory(lambda: ([], []))
    sent: tuple[list[int], list[int]] = attrs.Factory(lambda: ([], []))
    sealed: dict[tuple[str, str], str] = attrs.Factory(dict)
    number: int = 0

    def send(self, at: int) -> None:
        if len(self.wires[1 - at]) >= _IN_FLIGHT_MAX:
            return
        me, other = self.devices[at], self.devices[1 - at]
        self.number += 1
        event = me.side.tell(other.side, "m.dummy", {"n": self.number})
        if self.chance.random() < 0.2:  # the transaction is rolled back
            me.crash()
            return
        me.commit()
        self.sent[at].append(self.number)
        self.wires[1 - at].append(event)

    def receive(self, at: int) -> None:
        if not self.wires[at]:
            return
        me = self.devices[at]
        place = self.chance.randrange(len(self.wires[at]))
        event = self.wires[at][place]
        try:
            heard = me.side.hear(event).content["n"]
        except BadEventError:
            heard = None  # it came before: the network repeats
        if self.chance.random() < 0.2:
            me.crash()
            return
        me.commit()
        if heard is not None:
            me.heard.append(heard)
        if self.chance.random() < 0.8:
            del self.wires[at][place]

    def seal(self, at: int) -> None:
        me = self.devices[at]
        self.number += 1
        session_id, index = me.side.group.session_id, me.side.group.message_index
        event = me.side.write(f"${self.number}", str(self.number))
        if self.chance.random() < 0.3:
            me.crash()
            return
        me.commit()
        place = (session_id, str(index))
        assert place not in self.sealed, "an index sealed two texts"
        self.sealed[place] = event["content"]["ciphertext"]


def world(seed: int) -> World:
    anna, bot = Side(ANNA, "ANNA1"), Side(BOT, "BOT1")
    anna.meet(bot)
    bot.hear(anna.tell(bot, "m.dummy", {"n": 0}))
    devices = (Stored(anna), Stored(bot))
    for one in devices:
        one.commit()
    return World(random.Random(seed), devices)  # noqa: S311 -- of a test, to be repeated


@each_row("batch", range(many(ordinary=4, long=20)))
def test_no_index_is_used_twice_and_nothing_acknowledged_is_lost(batch: int) -> None:
    for seed in range(batch * 50, batch * 50 + 50):
        here = world(seed)
        for _ in range(_STEPS):
            step = here.chance.choice([here.send, here.receive, here.receive, here.seal])
            step(here.chance.randrange(2))
            if here.chance.random() < 0.1:
                here.devices[here.chance.randrange(2)].crash()
        for at in (0, 1):
            while here.wires[at]:
                here.receive(at)

        for at in (0, 1):
            heard = here.devices[1 - at].heard
            assert sorted(heard) == here.sent[at], f"seed {seed}"


def test_messages_sealed_before_and_after_crashes_are_all_read() -> None:
    here = world(1)
    anna = here.devices[0]
    session = anna.side.inbound()
    for _ in range(200):
        here.seal(0)

    for (_, index), ciphertext in here.sealed.items():
        message = vz.MegolmMessage.from_base64(ciphertext)
        event = megolm.MegolmEvent(session.session_id, message, None)
        assert megolm.decrypt(session, event, ROOM).message_index == int(index)


def test_a_wedged_pair_is_whole_again_after_a_new_session() -> None:
    here = world(2)
    anna, bot = (stored.side for stored in here.devices)
    bot.sessions.clear()
    with pytest.raises(BadEventError):
        bot.hear(anna.tell(bot, "m.dummy", {"n": 1}))
    bot.meet(anna)

    anna.hear(bot.tell(anna, "m.dummy", {}))

    assert bot.hear(anna.tell(bot, "m.dummy", {"n": 2})).content == {"n": 2}
    assert isinstance(bot.sessions[anna.own.curve25519][0], vz.Session)
    assert olm.IGNORED
