"""The side of a client process: calls come as JSON lines on stdin, answers and events go out.

In: ``{"id": 1, "call": "send", "arguments": {…}}``. Out: ``{"id": 1, "result": …}`` or
``{"id": 1, "error": "…"}``, and at any time ``{"message": {…}}``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE_BYTES_MAX: Final = 64 << 20
"""Longest line: a file in base64."""


class Driver:
    """Base of the clients; a call ``x`` is the coroutine ``do_x``."""

    def __init__(self) -> None:
        # What the libraries print must not get between the answers.
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)

    async def end(self) -> None:
        """Leave in order; the process ends afterwards."""

    def emit(self, line: Mapping[str, Any]) -> None:
        """Tell the tests something."""
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()

    async def serve(self) -> None:
        """Answer calls, one after another, until stdin ends."""
        reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            call = json.loads(line)
            try:
                result = await getattr(self, "do_" + call["call"])(**call["arguments"])
            except Exception as e:  # noqa: BLE001 -- the test is told
                traceback.print_exc()
                self.emit({"id": call["id"], "error": f"{type(e).__name__}: {e}"})
            else:
                self.emit({"id": call["id"], "result": result})
        await self.end()
