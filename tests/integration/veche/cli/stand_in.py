"""Stands in for the command `veche` behind `veche up`: its tests need no real services.

Run as ``python stand_in.py db migrate -c FILE`` or ``… run all -c FILE``. It takes the place of
the tables and the services: it answers every request with 200 until it is told to stop.
What it does wrong, on demand: a file ``fail_tables`` or ``fail_services`` beside the
configuration makes that command print the file and end with code 3.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_GET
    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
        return


def main() -> int:
    command, config = sys.argv[1], Path(sys.argv[-1])
    fault = config.with_name("fail_tables" if command == "db" else "fail_services")
    if fault.exists():
        sys.stdout.write(fault.read_text())
        return 3
    if command == "run":
        port = yaml.safe_load(config.read_text())["listen"]["port"]
        ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
