"""The start of a device on PostgreSQL: its order, a crash at each step, and what stops it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.veche.runtime.crypto.desk import START_MS, Broken, Server, SyncDatabase, run
from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY
from tests.support.crypto_peers import BOT, Side, identity
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import UserId
from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core.signing import is_signed
from veche.runtime.crypto.keys import OperatorKey, WrongOperatorKeyError
from veche.runtime.crypto.maintenance import export_master
from veche.runtime.crypto.start import Publication, StoppedError, register, take_over
from veche.runtime.matrix.client import MatrixError

pytestmark = pytest.mark.postgres


class Start:
    """One attempt to start the bot's device."""

    def __init__(self, dsn: str, server: Server, key: OperatorKey = OPERATOR_KEY) -> None:
        self.database = SyncDatabase(dsn)
        self.server = server
        self.key = key

    def take_over(self) -> Any:
        stands_in: Any = self.database
        self.writer, self.row = run(take_over(stands_in, self.key, UserId(BOT), START_MS))
        return self.row

    def publish(self) -> Any:
        stands_in: Any = self.database
        client: Any = self.server
        publication = Publication(self.writer, stands_in, client, self.key)
        return run(publication.publish(START_MS))

    def whole(self) -> Any:
        self.take_over()
        return self.publish()

    def show(self, *, with_identity: bool = True) -> None:
        """Let the homeserver show what was published."""
        stored = self.database.execute(
            "SELECT master_key, seeds_sealed, sealed_under FROM crypto.identity"
        )
        master, sealed, under = stored[0]
        mine = self.key.open(BOT, master, bytes(sealed), under) if with_identity else None
        account: Any = self.writer._account
        side = Side(BOT, self.row.device_id, mine, account)
        self.server.sides[BOT, self.row.device_id] = side


def devices(start: Start) -> list[Any]:
    return start.database.execute(
        "SELECT device_id, retired_at_ms IS NULL FROM crypto.device ORDER BY device_no"
    )


def test_a_device_comes_into_the_world_in_order(dsn: str) -> None:
    start = Start(dsn, Server())

    mine = start.whole()

    kinds = [call.split("/")[0] + "/" + call.split("/")[-1] for call in start.server.calls]
    assert kinds[0].startswith("PUT devices/VECHE")
    assert start.server.calls[1:] == [
        "POST keys/query",
        "POST keys/upload",
        "POST keys/device_signing/upload",
        "POST keys/signatures/upload",
    ]
    [upload] = start.server.uploads
    assert len(upload["one_time_keys"]) == 50
    assert len(upload["fallback_keys"]) == 1
    assert upload["device_keys"] == start.writer.own.device_keys
    assert start.database.execute("SELECT published_at_ms FROM crypto.identity") == [(START_MS,)]
    assert mine.master_key


def test_what_is_made_is_committed_before_anything_is_public(dsn: str) -> None:
    start = Start(dsn, Server())
    start.database.fail_next = 1
    with pytest.raises(Broken):
        start.take_over()

    assert devices(start) == []
    assert start.server.calls == []


@pytest.mark.parametrize(
    "step", ["devices", "keys/query", "keys/upload", "device_signing", "signatures"]
)
def test_a_start_that_broke_off_at_a_step_ends_with_the_same_keys(dsn: str, step: str) -> None:
    server = Server()
    first = Start(dsn, server)
    first.take_over()
    server.failing.add(step)
    with pytest.raises(UnavailableError):
        first.publish()
    server.failing.clear()

    second = Start(dsn, server)
    second.whole()

    assert second.writer.own == first.writer.own
    bodies = [set(upload["one_time_keys"]) for upload in server.uploads]
    assert all(keys in (set(), bodies[0]) for keys in bodies)
    assert len(devices(second)) == 1


def test_a_second_start_publishes_no_identity_again(dsn: str) -> None:
    server = Server()
    first = Start(dsn, server)
    first.whole()
    first.show()
    server.calls.clear()

    Start(dsn, server).whole()

    assert "POST keys/device_signing/upload" not in server.calls
    assert "POST keys/signatures/upload" in server.calls


def test_an_identity_that_is_not_ours_stops_the_start_and_is_never_overwritten(dsn: str) -> None:
    server = Server()
    first = Start(dsn, server)
    first.whole()
    first.show()
    server.sides[BOT, first.row.device_id].identity = identity(BOT, 9)
    server.calls.clear()

    with pytest.raises(StoppedError, match="another identity"):
        Start(dsn, server).whole()

    assert [call for call in server.calls if "upload" in call] == []


def test_an_identity_of_a_wrong_form_stops_the_start(dsn: str) -> None:
    server = Server()
    start = Start(dsn, server)
    start.take_over()
    server.extra = {"master_keys": {BOT: {"usage": "master"}}}

    with pytest.raises(StoppedError, match="another identity"):
        start.publish()


def test_a_device_with_other_keys_stops_the_start(dsn: str) -> None:
    server = Server()
    start = Start(dsn, server)
    start.take_over()
    server.sides[BOT, start.row.device_id] = Side(BOT, start.row.device_id)

    with pytest.raises(StoppedError, match="another account wrote device"):
        start.publish()

    assert server.uploads == []


def test_devices_that_are_not_ours_are_an_alarm_and_stay(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    server.sides[BOT, "FOREIGN"] = Side(BOT, "FOREIGN")

    Start(dsn, server).whole()

    assert "FOREIGN" in caplog.text
    assert not any(call.startswith("DELETE") for call in server.calls)


def test_another_operator_key_stops_the_start_and_makes_no_account(dsn: str) -> None:
    Start(dsn, Server()).whole()
    other = Start(dsn, Server(), OperatorKey(b"o" * 32))

    with pytest.raises(WrongOperatorKeyError, match="rekey"):
        other.take_over()

    assert len(devices(other)) == 1


def test_another_database_cluster_gets_a_new_device_of_the_same_identity(dsn: str) -> None:
    server = Server()
    first = Start(dsn, server)
    mine = first.whole()
    first.show()
    first.database.execute("UPDATE crypto.device SET written_on = 'restored from elsewhere'")

    second = Start(dsn, server)
    same = second.whole()

    old, new = devices(second)
    assert (old[1], new[1]) == (False, True)
    assert old[0] != new[0]
    assert same.master_key == mine.master_key
    assert f"DELETE devices/{old[0]}" in server.calls
    assert "POST keys/device_signing/upload" not in server.calls[-6:]


def test_an_identity_that_vanished_is_not_published_without_its_master(dsn: str) -> None:
    first = Start(dsn, Server())
    first.whole()
    run(first.database.run("t", export_master, OPERATOR_KEY, BOT))

    with pytest.raises(StoppedError, match="exported"):
        Start(dsn, Server()).whole()


def test_a_cold_master_is_not_needed_for_another_start_or_device(dsn: str) -> None:
    server = Server()
    first = Start(dsn, server)
    first.whole()
    first.show()
    run(first.database.run("t", export_master, OPERATOR_KEY, BOT))
    first.database.execute("UPDATE crypto.device SET written_on = 'restored from elsewhere'")

    second = Start(dsn, server)

    assert "master" not in second.whole().seeds
    assert second.row.device_id != first.row.device_id


def test_each_take_over_ends_the_epoch_before(dsn: str) -> None:
    server = Server()

    epochs = [Start(dsn, server).take_over().writer_epoch for _ in range(3)]

    assert epochs == [1, 2, 3]


def test_signatures_that_the_server_refuses_stop_the_start(dsn: str) -> None:
    server = Server()
    call = server.call

    async def refuse(method: str, path: str, **more: Any) -> Any:
        if path.endswith("signatures/upload"):
            return {"failures": {BOT: {"x": {"errcode": "M_INVALID_SIGNATURE"}}}}
        return await call(method, path, **more)

    server.call = refuse  # type: ignore[method-assign]  # a fake
    start = Start(dsn, server)

    with pytest.raises(StoppedError, match="self-signing"):
        start.whole()


def test_the_identity_vouches_for_the_device_and_the_device_for_the_master(dsn: str) -> None:
    server = Server()
    bodies: list[Any] = []
    call = server.call

    async def noting(method: str, path: str, **more: Any) -> Any:
        if path.endswith("signatures/upload"):
            bodies.append(more["body"][BOT])
        return await call(method, path, **more)

    server.call = noting  # type: ignore[method-assign]  # a fake
    start = Start(dsn, server)

    mine = start.whole()

    [body] = bodies
    own = start.writer.own
    [key_id] = body[own.device_id]["signatures"][BOT]
    assert is_signed(body[own.device_id], BOT, key_id, key_id.removeprefix("ed25519:"))
    assert key_id.removeprefix("ed25519:") not in (own.ed25519, mine.master_key)
    assert is_signed(body[mine.master_key], BOT, f"ed25519:{own.device_id}", own.ed25519)
    assert accounts.own_keys(start.writer._account, BOT, own.device_id) == own  # type: ignore[arg-type]  # loaded


@pytest.mark.parametrize(("errcode", "is_fine"), [("M_USER_IN_USE", True), ("M_FORBIDDEN", False)])
def test_an_account_that_is_there_is_fine(errcode: str, is_fine: bool) -> None:
    class Refusing:
        async def call(self, *_: Any, **__: Any) -> Any:
            raise MatrixError(400, {"errcode": errcode})

    client: Any = Refusing()

    if is_fine:
        run(register(client, UserId(BOT)))
    else:
        with pytest.raises(MatrixError):
            run(register(client, UserId(BOT)))
