"""How much the connectors carry a second, beside the rate of the other side alone.

``xmpp_per_s`` counts messages of one person's program (slixmpp) that were acknowledged and answered
by core and connector, with nothing behind them: no database, no homeserver. A round trip is four
stanzas: message, receipt, answer, receipt; and the barrier by which the connector knows that the
answer is sent. ``xmpp_server_baseline_per_s`` is the same program that sends messages to itself
through the same Prosody, with the same receipts: no component is in it.
``xmpp_cpu_ms`` is the connector's process for a round trip.

``sms_per_s`` counts messages of one part that the SMS connector sent and the message centre (npm's
``smpp``) answered, in a window of ten, while their receipts come in; ``sms_baseline_per_s`` is the
same package as a client of the same centre. ``sms_receipts`` says how many of 1,000 messages got
their receipt, kept in PostgreSQL as the host does, where the centre ends the connection meanwhile.

The programs, servers and the connector share the machine's cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psutil

from tests.benchmarks.null_bridge import ADDRESS
from tests.integration.bridges.town import BRIDGES
from tests.support.node import WIDGETS, node
from tests.support.postgres import database, execute
from tests.support.processes import ROOT, wait_until
from tests.support.smsc import PASSWORD, MessageCentre
from tests.support.xmpp_people import XmppPerson
from tests.support.xmpp_server import SECRET, XmppServer
from veche.runtime.database.migrate import KERNEL_SETS

MESSAGES: Final = 2_000
AT_ONCE: Final = 400
SMS: Final = 3_000
RECEIPTS: Final = 1_000
WAIT_S: Final = 60


def run() -> dict[str, float]:
    """Rates a second; CPU in ms a round trip."""
    return {**_run_sms(), **_run_xmpp()}


def _run_sms() -> dict[str, float]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="veche-bench-")))
        centre = MessageCentre(folder)
        stack.callback(centre.stop)
        centre.start()
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o600)
        module = [sys.executable, "-m", "tests.benchmarks.null_sms"]
        command = [*module, str(centre.port), str(password)]
        rate = SMS / json.loads(_output([*command, str(SMS)]))["sent_s"]
        client = str(Path(__file__).with_name("smsc_client.cjs"))
        bare = SMS / float(_output([str(node()), client, str(centre.port), str(SMS)]))
        centre.tell("forget")
        dsn = stack.enter_context(database(*KERNEL_SETS, BRIDGES))
        sending = stack.enter_context(
            subprocess.Popen(
                [*command, str(RECEIPTS), dsn], cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
        )
        wait_until(lambda: len(centre.submits()) > RECEIPTS // 2, WAIT_S, "nothing is sent")
        centre.tell("drop")
        sending.communicate(timeout=WAIT_S)
        delivered = "SELECT count(*) FROM bridges.sent_part WHERE grade = 'delivered'"
        [(count,)] = execute(dsn, delivered)
    return {"sms_per_s": rate, "sms_baseline_per_s": bare, "sms_receipts": float(str(count))}


def _output(command: list[str]) -> str:
    environment = {**os.environ, "NODE_PATH": str(WIDGETS / "node_modules")}
    return subprocess.check_output(command, cwd=ROOT, env=environment, text=True, timeout=WAIT_S)


def _run_xmpp() -> dict[str, float]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="veche-bench-")))
        server = XmppServer(folder / "prosody", ["ann"])
        stack.callback(server.stop)
        server.start()
        ann = XmppPerson("ann", server.port)
        ann.connect()
        stack.callback(ann.stop)
        secret = folder / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        port = str(server.component_port)
        command = [sys.executable, "-m", "tests.benchmarks.null_bridge", port, str(secret)]
        bridge = stack.enter_context(psutil.Popen(command, cwd=ROOT))
        stack.callback(bridge.terminate)
        wait_until(lambda: _is_answered(ann), WAIT_S, "the connector does not answer")
        _rate(ann, ADDRESS, "answer", AT_ONCE)  # warm
        before = bridge.cpu_times()
        rate = _rate(ann, ADDRESS, "answer", MESSAGES)
        after = bridge.cpu_times()
        own = _rate(ann, f"{ann.address}/{ann.device}", "", MESSAGES)
    cpu_s = after.user + after.system - before.user - before.system
    return {
        "xmpp_per_s": rate,
        "xmpp_server_baseline_per_s": own,
        "xmpp_cpu_ms": cpu_s * 1_000 / MESSAGES,
    }


def _is_answered(ann: XmppPerson) -> bool:
    ann.send("first", ADDRESS)
    time.sleep(0.2)
    return any(one.words == "answer first" for one in ann.received)


def _rate(ann: XmppPerson, to: str, prefix: str, count: int) -> float:
    """Messages a second that were acknowledged and came back with the same words."""
    began_s = time.perf_counter()
    for first in range(0, count, AT_ONCE):
        ann.received.clear()
        ann.receipts.clear()
        some = [str(n) for n in range(first, min(count, first + AT_ONCE))]
        ann.send_many(some, to)
        expected = {f"{prefix} {one}".strip() for one in some}

        def is_done(many: int = len(some)) -> bool:
            return len(ann.receipts) >= many and len(ann.received) >= many

        wait_until(is_done, WAIT_S, "answers are missing")
        found = [one.words for one in ann.received if not one.error]
        if set(found) != expected or len(found) != len(some):
            raise RuntimeError("answers are lost, doubled or errors")
    return count / (time.perf_counter() - began_s)
