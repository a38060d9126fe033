"""A world from a seed: processes that may write the ledger, callers, a database, and bad luck.

The writer, its queue and shifts, the book and the store in memory are the product's own. The same
seed makes the same world, to the byte: whatever happens, in order, is its *history*.
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from appservices.payments.ledger.core import TransferFlag
from appservices.payments.ledger.core.replay import ReplayError, replay
from appservices.payments.ledger.core.values import Names
from appservices.payments.ledger.service.writer import Writer
from appservices.payments.ledger.store.memory_ledger import MemoryLedger
from tests.simulation.bank import Desk
from tests.simulation.database import Database, Faults, SimulatedSessions
from tests.simulation.load import ASK_AGAIN_S, Caller, Network, Process, Request, Requests
from tests.simulation.processes import Machine
from tests.simulation.town import Town

if TYPE_CHECKING:
    from collections.abc import Callable


START_S: Final = 1_795_000_000.0
CALLERS: Final = 5
PROCESSES: Final = 3
TROUBLE_S: Final = 30.0
"""How long things go wrong."""
PEACE_S_MAX: Final = 120.0
"""In which everything comes to rest after that."""
AT_ONCE: Final = 0.8
THINKING_S: Final = 3.0
"""Who does not ask at once thinks for so long at most."""
STEPS_MAX: Final = 200_000
BANK_EVERY: Final = 8
"""One world in so many has a bank: its files take most of the time."""
TOWN_EVERY: Final = 2
"""One world in so many has people who use the payments service."""
SKEWS_S: Final = (0.0, 0.0, -3_600.0, 86_400.0, 0.5, -0.5)


class World:
    """One world.

    Attributes:
        problems: What should not have happened; empty if all is well.
        history: What happened.
    """

    def __init__(self, seed: int, ledger: MemoryLedger | None = None) -> None:
        self.problems: list[str] = []
        self.history: list[str] = []
        self._chance = chance = Random(seed)  # noqa: S311 -- repeatable
        self._clock = Clock()
        self._clock.advance(START_S)
        self.database = Database(chance, self._say)
        if ledger is not None:
            self.database.ledger = ledger
        self._network = Network(chance, self._later)
        self._requests = Requests(chance, lambda: int(self._clock.seconds() * 1000))
        self._dead: list[Process] = []
        self._count = 0
        self._is_peace = False
        self._processes = [self._start() for _ in range(chance.randrange(1, PROCESSES + 1))]
        self._callers: list[Caller] = []
        self.desk: Desk | None = None
        if seed % BANK_EVERY == 0:
            now_ms = self._requests.now_ms
            self.desk = Desk(chance, self._network, self._later, now_ms, self._leave)
        self.town: Town | None = None
        if seed % TOWN_EVERY:
            self.town = self._settle_town()

    @property
    def digest(self) -> str:
        """Of the history: worlds with the same one are the same."""
        return hashlib.sha256("\n".join(self.history).encode()).hexdigest()

    def run(self) -> None:
        """Let it happen: quiet, trouble, peace, rest; then look at everything."""
        self._open()
        self._make_trouble()
        end_s = self._clock.seconds() + TROUBLE_S
        self._go_on(lambda: self._clock.seconds() >= end_s)
        self._make_peace()
        end_s = self._clock.seconds() + PEACE_S_MAX
        self._go_on(lambda: self._is_at_rest() or self._clock.seconds() >= end_s)
        if not self._is_at_rest():
            self.problems.append("it does not come to rest")
        else:
            for place in self._places:
                self.problems += place.look(self.database.ledger)
        self._stop()
        self._look()

    def _open(self) -> None:
        first = self._requests.opening()
        self._callers = [Caller(self._requests, self._send, self._pause, first)]
        self._callers[0].is_enough = True
        self._ask_now_and_then(self._callers[0])
        self._go_on(lambda: self._callers[0].asked is None)
        for _ in range(CALLERS):
            first = self._requests.some()
            self._callers.append(caller := Caller(self._requests, self._send, self._pause, first))
            self._ask_now_and_then(caller)
        for place in self._places:
            place.open()

    @property
    def _places(self) -> list[Desk | Town]:
        """Who gives the ledger something to do, beside the callers."""
        return [one for one in (self.desk, self.town) if one is not None]

    def _settle_town(self) -> Town:
        return Town(
            self._chance,
            self._network,
            self._later,
            self._transact,
            self._leave,
            self._requests.now_ms,
            lambda: self.database.ledger,
        )

    def _transact(self, act: Callable[[int], None]) -> None:
        """Have a process do something, at the time of its clock; nothing if it is dead by then."""
        process = self._chance.choice(self._processes)

        def run() -> None:
            if not process.is_cut and self._chance.random() >= self.database.faults.lost_before:
                act(int(process.machine.seconds() * 1000))

        process.machine.callLater(0, run)

    def _ask_now_and_then(self, caller: Caller) -> None:
        caller.ask()
        self._later(ASK_AGAIN_S, lambda: self._ask_now_and_then(caller))

    def _send(self, request: Request, caller: Caller) -> None:
        self._give(request, lambda said: self._network.send(lambda: caller.hear(request, said)))

    def _leave(self, attempt: Request) -> None:
        """Have an attempt tried; what follows is written with it, or it is tried again."""
        self._give(attempt, lambda _: None)

    def _give(self, request: Request, hear: Callable[[Any], None]) -> None:
        process = self._chance.choice(self._processes)

        def reply(asked: Request, said: Any) -> None:
            if not process.is_cut:
                self._say(f"{process.name} says {asked.number} {_word(said)}")
                hear(said)

        def arrive() -> None:
            if not process.is_cut:
                process.machine.callLater(0, process.serve, request, reply)

        self._network.send(arrive)

    # Trouble.

    def _make_trouble(self) -> None:
        chance, network = self._chance, self._network
        network.dropped = chance.choice((0.0, 0.02, 0.1))
        network.doubled = chance.choice((0.0, 0.05, 0.2))
        network.delayed = chance.choice((0.0, 0.02, 0.1))
        self.database.faults = Faults(
            lost_before=chance.choice((0.0, 0.001, 0.01)),
            lost_after=chance.choice((0.0, 0.001, 0.01)),
            slow=chance.choice((0.0, 0.0, 0.002)),
            refused=chance.choice((0.0, 0.2)),
            conflict=chance.choice((0.0, 0.05)),
        )
        self._later(chance.uniform(0.5, 4.0), self._strike)

    def _strike(self) -> None:
        """Something bad happens, and later something else."""
        if not self._is_peace:
            process = self._chance.choice(self._processes)
            strike = self._chance.choice(
                (self._kill, self._stop_for_a_while, self._skew, self._restart, self._lose_lock)
            )
            strike(process)
            self._later(self._chance.uniform(0.5, 6.0), self._strike)

    def _kill(self, process: Process) -> None:
        self._say(f"{process.name} is killed")
        process.is_cut = True
        process.machine.stop()
        self._dead.append(process)
        process.sessions.reads.end()
        process.sessions.writes.end()
        self._processes[self._processes.index(process)] = self._start()

    def _stop_for_a_while(self, process: Process) -> None:
        if process.machine.is_running:
            self._say(f"{process.name} is stopped")
            process.machine.stop()
            self._later(self._chance.uniform(0.1, 15.0), lambda: self._continue(process))

    def _continue(self, process: Process) -> None:
        if not process.is_cut and not process.machine.is_running:
            self._say(f"{process.name} goes on")
            process.machine.go_on()

    def _skew(self, process: Process) -> None:
        process.machine.skew_s = self._chance.choice(SKEWS_S)
        self._say(f"the clock of {process.name} is wrong by {process.machine.skew_s} s")

    def _restart(self, _: Process) -> None:
        self._say("the database is restarted")
        self.database.restart()

    def _lose_lock(self, _: Process) -> None:
        self._say("the lock is lost")
        self.database.lose_lock()

    def _make_peace(self) -> None:
        self._say("peace")
        self._is_peace = True
        network = self._network
        network.dropped = network.doubled = network.delayed = 0.0
        self.database.faults = Faults()
        for process in self._processes:
            process.machine.skew_s = 0.0
            self._continue(process)
        for caller in self._callers:
            caller.is_enough = True

    def _is_at_rest(self) -> bool:
        """Everybody has an answer, and no hold is over that is open."""
        now_ms = int(self._clock.seconds() * 1000)
        if not all(place.is_at_rest() for place in self._places):
            return False
        return all(caller.asked is None for caller in self._callers) and not any(
            hold.expires_at_ms is not None and hold.expires_at_ms < now_ms - 5_000
            for hold in self.database.ledger.holds()
        )

    # How it goes on.

    def _start(self) -> Process:
        self._count += 1
        name = f"process {self._count}"
        machine = Machine(self._clock)
        sessions = SimulatedSessions(name, machine, self.database)
        writer = Writer(sessions, machine, holder=name, expired=_expire)
        writer.start()
        return Process(name, machine, writer, sessions)

    def _stop(self) -> None:
        """Everybody ends well; the dead too, who do nothing any more."""
        self.database.faults = Faults(refused=1.0)
        ended: list[Any] = []
        for process in [*self._dead, *self._processes]:
            process.machine.go_on()
            Deferred.fromCoroutine(process.writer.stop()).addBoth(ended.append)
        count = len(self._dead) + len(self._processes)
        end_s = self._clock.seconds() + PEACE_S_MAX
        # Whatever was found: nobody is left behind.
        while len(ended) < count and self._clock.seconds() < end_s:
            self._step()
        if ended != [None] * count:
            self.problems.append(f"not everybody stops: {ended}")

    def _go_on(self, is_over: Callable[[], bool]) -> None:
        for _ in range(STEPS_MAX):
            found = self.problems or self.database.problems
            if is_over() or found or any(place.problems for place in self._places):
                return
            self._step()
        self.problems.append("it goes on for ever")

    def _step(self) -> None:
        """The next thing that is due."""
        due_s = self._clock.calls[0].getTime()
        self._clock.advance(max(0.0, due_s - self._clock.seconds()))

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        self._clock.callLater(delay_s, act)

    def _pause(self, act: Callable[[], None]) -> None:
        """Between two requests of a caller: nothing, or a while."""
        if self._chance.random() < AT_ONCE:
            act()
        else:
            self._later(self._chance.uniform(0.0, THINKING_S), act)

    def _say(self, what: str) -> None:
        self.history.append(f"{self._clock.seconds() - START_S:.6f} {what}")

    # What must be true at the end.

    def _look(self) -> None:
        database, ledger = self.database, self.database.ledger
        database.check()
        self.problems += database.problems
        for caller in self._callers:
            self.problems += caller.problems
            for number, request in caller.all.items():
                self._look_at(number, request, caller)
        expiries = [
            row.pending_id
            for block in database.blocks
            for row in block.content.rows
            if row.flags & TransferFlag.EXPIRE
        ]
        if sorted(map(str, expiries)) != sorted(database.expired):
            self.problems.append("not every expiry was told, once")
        memory = MemoryLedger()
        try:
            replay(database.blocks, memory)
        except ReplayError as e:
            self.problems.append(str(e))
            return
        numbers = sorted(ledger.accounts)
        if memory.look_up(Names(accounts=numbers)) != ledger.look_up(Names(accounts=numbers)):
            self.problems.append("a replay comes out otherwise")

    def _look_at(self, number: str, request: Request, caller: Caller) -> None:
        kept = [one.id in self.database.ledger.transfers for one in request.chain]
        is_done = caller.answers.get(number)
        first = kept[0]
        if is_done is not None and is_done is not first:
            self.problems.append(f"{number} was answered {is_done}, and is kept: {first}")
        if self.database.notes.get(number, first) is not first:
            self.problems.append(f"the note of {number} is not true")
        if (request.is_broken or request.is_refused) and any(kept):
            self.problems.append(f"{number} is kept, which was refused")
        if number in caller.settled and number not in self.database.notes:
            self.problems.append(f"{number} was settled without a note")


def _expire(txn: Any, rows: Any, _at_ms: int, _apart: Any) -> None:
    txn.expire(rows)


def _word(said: Any) -> str:
    if isinstance(said, Exception):
        return type(said).__name__
    return ",".join(result.word for result in said.results)
