"""What is left of an error once it is answered."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from veche.protocol.errors import RefusedError
from veche.runtime.web.error_answers import forget


def refuse(error: Exception, _file: bytes) -> None:
    raise error


def test_an_answered_error_has_no_frames_and_no_causes() -> None:
    error = RefusedError("no")
    try:
        try:
            refuse(ValueError("detail"), b"file")
        except ValueError as e:
            raise error from e
    except RefusedError:
        pass

    forget(error)

    assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)


def test_who_else_met_the_same_error_goes_on() -> None:
    error, later = RefusedError("no"), Deferred[None]()

    async def wait() -> str:
        try:
            refuse(error, b"file")
        except RefusedError:
            await later
        return "done"

    waiting = Deferred.fromCoroutine(wait())

    forget(error)
    later.callback(None)

    assert waiting.result == "done"
