"""How long a newcomer waits, what the services hold in memory, how soon they catch up.

``up_to_first_answer_s`` is from the start of ``veche up`` with an empty state folder until a real
client (matrix-nio) has read the office's encrypted answer. ``replay_s`` is from the moment at which
the services, started again, say that they are ready until the answer to a message that came while
they were down has arrived; ``replay_from_exec_s`` the same from the start of the process.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.light_client import LightClient, echo_house
from tests.support import echo
from tests.support.processes import ROOT, free_ports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.services import House

UP: Final = (sys.executable, "-m", "veche.cli.main", "up", "--check")
RESTARTS: Final = 3
IMPORTS: Final = 3
_ANSWERED: Final = re.compile(r"Encrypted answer")
_RESIDENT: Final = re.compile(r"services use\s+(\d+) MiB")
_MIB_MB: Final = 1.048576


def run() -> dict[str, float]:
    """Seconds, and megabytes of resident memory."""
    figures = _up()
    with echo_house() as town:
        figures |= _replay(town)
        town.server.stop()
        began_s = time.perf_counter()
        town.server.start()
        figures["synapse_start_baseline_s"] = time.perf_counter() - began_s
    imports = [_import_s("veche.server.host") for _ in range(IMPORTS)]
    figures["services_import_s"] = statistics.median(imports)
    bare = [_import_s("twisted.internet.reactor") for _ in range(IMPORTS)]
    figures["twisted_import_baseline_s"] = statistics.median(bare)
    return figures


def _up() -> dict[str, float]:
    [port] = free_ports(1)
    answered_s = resident_mib = 0.0
    with tempfile.TemporaryDirectory(prefix="veche-bench-") as folder:
        command = [*UP, "--state", str(Path(folder) / "state"), "--port", str(port)]
        began_s = time.perf_counter()
        lines: list[str] = []
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if _ANSWERED.search(line):
                    answered_s = time.perf_counter() - began_s
                elif found := _RESIDENT.search(line):
                    resident_mib = float(found[1])
    if process.returncode or not (answered_s and resident_mib):
        raise RuntimeError(f"veche up --check: {process.returncode}\n{''.join(lines)}")
    return {"up_to_first_answer_s": answered_s, "services_rss_mb": resident_mib * _MIB_MB}


def _replay(town: House) -> dict[str, float]:
    person = LightClient(town, "person")
    bot = echo.bot_of(town.server.plan.server_name)
    room_id = person.create_room(bot, is_encrypted=True)
    _ask(person, room_id, "first")
    taken = [_restart(town, person, room_id, f"while down {n}") for n in range(RESTARTS)]
    return {
        "replay_s": statistics.median(answered_s - ready_s for ready_s, answered_s in taken),
        "replay_from_exec_s": statistics.median(answered_s for _, answered_s in taken),
        "ready_from_exec_s": statistics.median(ready_s for ready_s, _ in taken),
    }


def _restart(town: House, person: LightClient, room_id: str, words: str) -> Sequence[float]:
    """When the services were ready and when the answer was there, in seconds from their exec."""
    town.stop()
    person.send(room_id, words)
    began_s = time.perf_counter()
    town.start()
    ready_s = time.perf_counter() - began_s
    person.wait_for(room_id, echo.answer_to(words))
    return ready_s, time.perf_counter() - began_s


def _ask(person: LightClient, room_id: str, words: str) -> None:
    person.send(room_id, words)
    person.wait_for(room_id, echo.answer_to(words))


def _import_s(module: str) -> float:
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], cwd=ROOT, check=True)
    return time.perf_counter() - began_s
