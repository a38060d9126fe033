"""Looking up names while name servers are silent, in a reactor of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from tests.support.processes import TIMEOUT_S

SILENT = textwrap.dedent(
    """
    import socket, threading
    from twisted.internet import reactor
    from twisted.internet.defer import gatherResults
    from twisted.internet.threads import deferToThread
    from veche.runtime.web import dns as names

    answered = threading.Event()

    def resolve(host, *_):
        if host == "wrong.example":
            raise UnicodeError("label too long")
        if host != "quick.example":
            answered.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]

    names.look_up_apart(reactor, resolve)

    def found(address):
        print("found", address, flush=True)
        # Wrong names end too, and so does the process, whoever is silent.
        reactor.resolve("wrong.example").addErrback(lambda f: print("none", flush=True))
        reactor.callLater(0.2, reactor.stop)

    def start():
        for number in range(40):
            reactor.resolve(f"{number}.silent.example").addErrback(lambda _: None)
        works = [deferToThread(lambda: 1) for _ in range(20)]
        gatherResults(works).addCallback(lambda done: print("threads", sum(done), flush=True))
        reactor.resolve("quick.example").addCallback(found)

    reactor.callWhenRunning(start)
    reactor.run()
    """
)


def test_silent_name_servers_hold_up_no_thread_of_the_reactor_and_no_other_name() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SILENT],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )

    assert sorted(done.stdout.split("\n")) == ["", "found 192.0.2.1", "none", "threads 20"]
