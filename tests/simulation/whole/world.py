"""A whole world from a seed: institutions, their people and shops, and everything that goes wrong.

First there is trouble, then peace; in peace everything that was begun has to come to an end. What
happens is the *history*: the same seed makes the same one, though PostgreSQL is a real one.
"""

from __future__ import annotations

import hashlib
import random
import secrets
from contextlib import ExitStack, contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from appservices.payments import demo as payments_demo
from tests.simulation.whole.checks import look, look_across
from tests.simulation.whole.computer import Computer
from tests.simulation.whole.institution import (
    SITE_PORT,
    Institution,
    begun,
    ledger_key,
    server_name,
)
from tests.simulation.whole.matrix import Luck
from tests.simulation.whole.moments import Moments
from tests.simulation.whole.pages import Page
from tests.simulation.whole.people import Person, Shop, shop_section
from tests.simulation.whole.postgres import Faults
from tests.simulation.whole.wires import Weather, Wires
from tests.simulation.whole.wishes import Wishes
from tests.support.postgres import database
from veche.access.approvals import store as keys
from veche.access.approvals.core import Key, KeyKind
from veche.protocol.ids import UserId
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.simulation.whole.institution import WorldHost

SETS: Final = (
    *KERNEL_SETS,
    MigrationSet("payments", "appservices.payments"),
    MigrationSet("widgets", "appservices.widgets"),
)
START_S: Final = 1_795_000_000.0
NAMES: Final = ("alice", "bob", "carol", "dave")
SHOPS: Final = ("bakery", "oven")
QUIET_S: Final = 12.0
TROUBLE_S: Final = 60.0
PEACE_S_MAX: Final = 300.0
"""In which everything comes to rest: longer than the longest time after which something is tried
again."""
LOOK_S: Final = 5.0
NIGHT_S: Final = 13 * 86_400.0
"""What ends by time ends in the long nights after: all stand still, and wake up too late."""
NIGHTS_MAX: Final = 8
FIRST_WAIT_MS: Final = 20_000
WISHES: Final = 30
TRUSTING: Final = 0.4
"""How likely it is that somebody has guardians or an allowance from the beginning."""
BY_PAGE: Final = 0.2
"""How likely it is that somebody uses the page of their wallet."""
STEPS_MAX: Final = 400_000
SKEWS_S: Final = (0.0, 0.0, 0.7, -0.7, 45.0, -45.0)
OPERATOR_S: Final = 7.0
"""How often an operator looks for what only a person ends."""
PAIR_EVERY: Final = 2
"""One world in so many has two institutions."""


class World:
    """One world; ``with World.made(seed, folder) as world: world.run()``.

    Attributes:
        problems: What should not have happened; empty if all is well.
        history: What happened, in order.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.problems: list[str] = []
        self.history: list[str] = []
        self.chance = Random(seed)  # noqa: S311 -- repeatable
        self.clock = Moments(START_S)
        self.wires = Wires(self.chance)
        self.institutions: list[Institution] = []
        self.persons: list[Person] = []
        self.shops: list[Shop] = []
        self._is_peace = False
        self._is_over = False
        self._wishes = 0
        self._count = 2 if seed % PAIR_EVERY else 1

    @classmethod
    @contextmanager
    def made(cls, seed: int, folder: Path) -> Iterator[World]:
        """A world of a seed, before it happens; its databases are gone after."""
        with ExitStack() as stack:
            world = cls(seed)
            stack.enter_context(made_up_chance(seed))
            dsns = [stack.enter_context(database(*SETS)) for _ in range(world._count)]
            world._settle(dsns, folder)
            try:
                yield world
            finally:
                world._leave()

    @property
    def digest(self) -> str:
        """Of the history: worlds with the same one are the same."""
        return hashlib.sha256("\n".join(self.history).encode()).hexdigest()

    def run(self) -> None:
        """Let it happen: quiet, trouble, peace, rest; then look at everything."""
        for one in self.institutions:
            self._start(one)
        self._go_on(QUIET_S)
        for person in self.persons:
            person.begin_chat()
        for shop in self.shops:
            shop.open()
        self._operate()
        self._go_on(QUIET_S)
        self._trust()
        self._go_on(QUIET_S)
        self._make_trouble()
        self._go_on(TROUBLE_S)
        self._make_peace()
        self._rest()
        for shop in self.shops:
            shop.ask_again()
        self._rest()
        for person in self.persons:
            person.begin(Page(person).check())
        self._rest()
        for _ in range(NIGHTS_MAX):
            if self.problems or not self._is_open():
                break
            self.say("a long night")
            self.clock.leap(NIGHT_S)
            self._rest()
        self._look()
        for asker in (*self.persons, *self.shops):
            self.problems += asker.problems

    def _rest(self) -> None:
        """Go on until nothing is left to be done."""
        end_s = self.clock.seconds() + PEACE_S_MAX
        left = ["nobody has looked"]
        while left and not self.problems and self.clock.seconds() < end_s:
            self._go_on(LOOK_S)
            left = self._left()
        self.problems += [f"it does not come to rest: {one}" for one in left]

    def _is_open(self) -> bool:
        """Whether something waits for a time that is still to come."""
        rows = [one.database.rows(OPEN) for one in self.institutions]
        return any(count for [(count,)] in rows)

    def _look(self) -> None:
        for one in self.institutions:
            self.problems += look(one, self.persons, self.shops)
        if self._count > 1:
            self.problems += look_across(*self.institutions)

    # How it is furnished.

    def _settle(self, dsns: list[str], folder: Path) -> None:
        for number, dsn in enumerate(dsns, start=1):
            others = [n for n in range(1, self._count + 1) if n != number]
            section = self._section(number, others, folder)
            made = Institution(number, self.clock, self.wires, dsn, folder, self.say, section)
            self.institutions.append(made)
            self._people(made)

    def _section(self, number: int, others: list[int], folder: Path) -> dict[str, Any]:
        name = server_name(number)
        peers = [
            {
                "server": server_name(n),
                "url": f"http://10.1.{n}.1:{SITE_PORT}",
                "keys": [ledger_key(n, folder)],
                "they_owe_max": {"EUR": "5000"},
            }
            for n in others
        ]
        (own := folder / f"shops{number}").mkdir()
        people = {f"@{one}:{name}": "300 EUR" for one in NAMES[:-1]}
        return {
            **payments_demo.payments_section(),
            "organisations": [shop_section(shop, own) for shop in SHOPS],
            "dispute_desk": [f"@dave:{name}"],
            "dispute_appeal_desk": [f"@carol:{name}"],
            "grants": {**people, **dict.fromkeys(SHOPS, "500 EUR")},
            "first_payee_limits": {"EUR": self.chance.choice(("1000000", "25"))},
            "first_payee_wait_ms": FIRST_WAIT_MS,
            "webhook_networks": ["10.0.0.0/8"],
            "peers": peers,
        }

    def _people(self, of: Institution) -> None:
        with connect(of.database.dsn) as connection, connection.cursor() as txn:
            for name in NAMES:
                number = len(self.persons) + 1
                computer = self._computer(f"10.4.{number}.1", f"{name} {of.number}")
                person = Person(of, computer, self.chance, user=f"@{name}:{of.name}", number=number)
                self.persons.append(person)
                key = Key(
                    id=person.key.id,
                    person=UserId(person.user),
                    kind=KeyKind.P256,
                    public_key=person.key.public,
                    credential_id=None,
                    transports=(),
                    sign_count=0,
                    label="Phone",
                    created_at_ms=1,
                    held_until_ms=1,
                )
                assert keys.add_key(txn, key)
                Page(person).sign_in(txn, int(START_S * 1_000))
            connection.commit()
        for number, name in enumerate(SHOPS, start=1):
            address = f"10.5.{of.number}.{number}"
            computer = self._computer(address, f"{name} {of.number}")
            shop = Shop(of, computer, self.chance, id=name, address=address)
            shop.clients = [one for one in self.persons if one.institution is of]
            self.shops.append(shop)

    def _computer(self, address: str, name: str) -> Computer:
        return Computer(self.clock, self.wires, address, name)

    # What happens.

    def _start(self, one: Institution) -> None:
        if self._is_over:
            return
        count = len(one.processes)
        begun(one.start()).addErrback(lambda why: self._started_not(one, count, why))

    def _started_not(self, one: Institution, count: int, why: Any) -> None:
        """A process that cannot start ends, and is started again, as by systemd."""
        self.say(f"{one.number} does not start: {why.type.__name__}")
        for host in one.processes[count:]:
            one.kill(host)
            self.later(2.0, lambda: self._start(one))

    def _trust(self) -> None:
        """Some have guardians and allowances before there is trouble, some shops mandates."""
        for person in self.persons:
            if self.chance.random() < TRUSTING:
                words = Wishes(self.chance, person, self.persons).trust()
                self.say(f"{person.user} {words}")
                person.say(words)
        for shop in self.shops:
            if self.chance.random() < TRUSTING:
                shop.begin(shop.propose_mandate())

    def _make_trouble(self) -> None:
        chance = self.chance
        self.wires.weather = Weather(
            refused=chance.choice((0.0, 0.03)),
            lost_before=chance.choice((0.0, 0.01, 0.04)),
            lost_after=chance.choice((0.0, 0.01, 0.04)),
            slow=chance.choice((0.0, 0.02, 0.06)),
        )
        for one in self.institutions:
            one.homeserver.luck = Luck(
                dropped=chance.choice((0.0, 0.05)),
                doubled=chance.choice((0.0, 0.2)),
                late=chance.choice((0.0, 0.2)),
                failing=chance.choice((0.0, 0.02)),
            )
            one.database.faults = Faults(
                lost_before=chance.choice((0.0, 0.002, 0.01)),
                lost_after=chance.choice((0.0, 0.002, 0.01)),
                killed_before=chance.choice((0.0, 0.0005, 0.003)),
                killed_after=chance.choice((0.0, 0.0005, 0.003)),
                slow=chance.choice((0.0, 0.01)),
            )
            if chance.random() < 0.5:
                self._start(one)
        for _ in range(WISHES * self._count):
            self.later(chance.uniform(0.0, 0.8 * TROUBLE_S), self._wish)
        self.later(chance.uniform(0.5, 4.0), self._strike)
        self._revive()

    def _revive(self) -> None:
        """Who was killed is started again."""
        for one in self.institutions:
            if not one.processes:
                self._start(one)
        self.later(1.5, self._revive)

    def _operate(self) -> None:
        """Operators ask banks for orders of which nothing is heard, and say what they say."""
        for one in self.institutions:
            one.ask_bank()
        self.later(OPERATOR_S, self._operate)

    def _strike(self) -> None:
        if self._is_peace:
            return
        hosts = [host for one in self.institutions for host in one.processes]
        if hosts:
            self.chance.choice((self._kill, self._halt, self._skew))(self.chance.choice(hosts))
        self.later(self.chance.uniform(1.0, 9.0), self._strike)

    def _kill(self, host: WorldHost) -> None:
        next(one for one in self.institutions if host in one.processes).kill(host)

    def _halt(self, host: WorldHost) -> None:
        if host.computer.is_running:
            self.say(f"{host.computer.name} is stopped")
            host.computer.stop()
            self.later(self.chance.uniform(0.1, 12.0), lambda: self._continue(host))

    def _continue(self, host: WorldHost) -> None:
        if not host.computer.is_cut and not host.computer.is_running:
            self.say(f"{host.computer.name} goes on")
            host.computer.go_on()

    def _skew(self, host: WorldHost) -> None:
        host.computer.skew_s = self.chance.choice(SKEWS_S)
        self.say(f"the clock of {host.computer.name} is wrong by {host.computer.skew_s} s")

    def _make_peace(self) -> None:
        self.say("peace")
        self._is_peace = True
        self.wires.weather = Weather()
        for one in self.institutions:
            one.homeserver.luck = Luck()
            one.database.faults = Faults()
            for host in one.processes:
                host.computer.skew_s = 0.0
                self._continue(host)
        for person in self.persons:
            person.is_willing = True

    def _wish(self) -> None:
        """Somebody wants something."""
        self._wishes += 1
        if self.chance.random() < 0.4:
            self.chance.choice(self.shops).act()
            return
        person = self.chance.choice(self.persons)
        if self.chance.random() < BY_PAGE:
            others = [one.user for one in self.persons if one is not person]
            self.say(f"{person.user} is on their page")
            Page(person, self._wishes).act(others)
            return
        words = Wishes(self.chance, person, self.persons).words()
        self.say(f"{person.user} {words}")
        person.say(words)

    # How it goes on.

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Something happens after a while."""
        self.clock.callLater(delay_s, act)

    def say(self, what: str) -> None:
        """Note it."""
        self.history.append(f"{self.clock.seconds() - START_S:.6f} {what}")

    def _go_on(self, for_s: float) -> None:
        end_s = self.clock.seconds() + for_s
        for _ in range(STEPS_MAX):
            if not self.clock.go_on(end_s):
                return
        self.problems.append("it goes on for ever")

    def _left(self) -> list[str]:
        """What is still to be done."""
        left = [f"{type(one).__name__} waits" for one in (*self.persons, *self.shops) if one.busy]
        now_ms = int(self.clock.seconds() * 1000)
        for one in self.institutions:
            if not one.homeserver.is_quiet:
                left.append("something is to be pushed")
            for what, statement in PENDING.items():
                [(count,)] = one.database.rows(statement, *[now_ms] * statement.count("%s"))
                if count:
                    left.append(f"{count} {what} of {one.number}")
        return left

    def _leave(self) -> None:
        """Whoever is left ends well; the dead too, who do nothing any more."""
        self._is_over = True
        ended: list[Any] = []
        hosts = [host for one in self.institutions for host in (*one.dead, *one.processes)]
        for one in self.institutions:
            one.database.give_up()
        for host in hosts:
            host.computer.go_on()
            begun(host.stop()).addBoth(ended.append)
        end_s = self.clock.seconds() + PEACE_S_MAX
        while len(ended) < len(hosts) and self.clock.seconds() < end_s:
            self._go_on(1.0)
        for one in self.institutions:
            one.bank.book.close()
            one.database.leave()
        assert ended == [None] * len(ended), ended
        # Of the dead some wait for ever for what was on its way; Python must not end them by force.
        _kept.extend(hosts)


_kept: Final[list[Any]] = []

PENDING: Final = {
    "attempts": "SELECT count(*) FROM payments.attempt",
    "errands": "SELECT count(*) FROM runtime.errand WHERE due_at_ms < %s",
    "payments": (
        "SELECT count(*) FROM payments.payment WHERE state IN ('paying', 'holding')"
        " OR state IN ('asked', 'cooling', 'held', 'guarded') AND due_at_ms < %s"
    ),
    "escrows": "SELECT count(*) FROM payments.escrow WHERE due_at_ms < %s",
    "disputes": "SELECT count(*) FROM payments.dispute WHERE due_at_ms < %s",
    "bills": (
        "SELECT count(*) FROM payments.bill WHERE state = 'posting'"
        " OR state = 'open' AND due_at_ms < %s"
    ),
    "rules of guardians": (
        "SELECT count(*) FROM payments.guard_rule WHERE state = 'waiting' AND counts_from_ms < %s"
    ),
    "messages": "SELECT count(*) FROM runtime.outbox WHERE state < 2",
    "heard events": "SELECT count(*) FROM runtime.inbox WHERE state < 2",
    "webhooks": (
        "SELECT count(*) FROM runtime.webhook AS w WHERE cursor <"
        " (SELECT max(n) FROM payments.event AS e WHERE e.holder::text = w.owner)"
    ),
}


OPEN: Final = (
    "SELECT (SELECT count(*) FROM payments.escrow WHERE due_at_ms IS NOT NULL)"
    " + (SELECT count(*) FROM payments.dispute WHERE due_at_ms IS NOT NULL)"
    " + (SELECT count(*) FROM payments.payment WHERE state IN"
    " ('asked', 'cooling', 'held', 'guarded', 'paying', 'holding'))"
)


@contextmanager
def made_up_chance(seed: int) -> Iterator[None]:
    """Let ``secrets`` and ``random`` follow from a seed."""
    chance = Random(seed)  # noqa: S311 -- repeatable
    state = random.getstate()
    random.seed(seed)
    swapped: dict[str, Any] = {
        "token_bytes": lambda n=32: chance.randbytes(n),
        "token_hex": lambda n=32: chance.randbytes(n).hex(),
        "token_urlsafe": lambda n=32: chance.randbytes(n).hex(),
        "randbelow": chance.randrange,
        "randbits": chance.getrandbits,
        "choice": chance.choice,
    }
    try:
        with mock.patch.multiple(secrets, **swapped):
            yield
    finally:
        random.setstate(state)
