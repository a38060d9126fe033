"""A person in a test: sends and reads with a real client of somebody else."""

from __future__ import annotations

import atexit
import base64
import collections
import enum
import importlib.util
import json
import platform
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.calls import request
from tests.support.fork_server import Client, fork_client
from tests.support.people.message import Message, Wanted, condition
from tests.support.processes import STOP_S_MAX, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PASSWORD: Final = "correct horse"  # noqa: S105 -- of tests
"""Of every person of a test."""

CALL_S_MAX: Final = 180
WAIT_S: Final = 120
TRANSCRIPT_MESSAGES_MAX: Final = 60
SHOWN_CHARACTERS_MAX: Final = 200
LOG_CHARACTERS_MAX: Final = 4_000


class Kind(enum.Enum):
    """Which client the person uses; the value is the module that drives it."""

    NIO = "nio_driver"
    """matrix-nio."""
    RUST = "rust_driver"
    """The Rust SDK of Element X in its strict mode: believes cross-signed devices only."""


def why_not_rust() -> str | None:
    """Why there can be no person with the Rust SDK here, None if there can."""
    if importlib.util.find_spec("matrix_sdk_python"):
        return None
    machine = f"CPython {platform.python_version()}, {' '.join(platform.libc_ver())}"
    return f"matrix-sdk-python has wheels for CPython 3.11 and glibc 2.38, and this is {machine}"


class ClientError(AssertionError):
    """The client refused, ended, or did not answer; with the transcript of the person."""


class Person:
    """One device of a person; see ``start``."""

    def __init__(self, kind: Kind, url: str, user: str, password: str, home: Path) -> None:
        self.kind = kind
        self.url = url
        self.user_id = user
        self.device_id = ""
        self.access_token = ""
        self._password = password
        self._home = home
        self._folder = home / secrets.token_hex(4)
        self._lock = threading.Condition()
        self._answers: dict[int, Mapping[str, Any]] = {}
        self._messages: dict[str, dict[str, Message]] = collections.defaultdict(dict)
        self._read: dict[str, set[str]] = collections.defaultdict(set)
        self._calls = 0
        self._ended = ""
        self._process: Client | None = None

    @classmethod
    def start(
        cls,
        kind: Kind | str,
        homeserver_url: str,
        user: str,
        password: str = PASSWORD,
        *,
        is_verified: bool = False,
        home: Path | None = None,
    ) -> Person:
        """Log in a new device of an account that exists.

        Args:
            kind: ``nio`` or ``rust``.
            homeserver_url: For example ``http://127.0.0.1:8008``.
            user: Full user id.
            password: Of the account.
            is_verified: Whether the person's cross-signing identity signs the device. The Rust
                client always does so on the first device.
            home: Folder for the client's files, which stays; the device that is there goes on
                (matrix-nio only). A new folder, until the tests end, if None.

        A test that asks for the Rust client is skipped where there is none.
        """
        chosen = kind if isinstance(kind, Kind) else Kind[kind.upper()]
        reason = why_not_rust() if chosen is Kind.RUST else None
        if reason:
            pytest.skip(reason)
        if home is None:
            home = Path(tempfile.mkdtemp(prefix="veche-person-"))
            atexit.register(shutil.rmtree, home, ignore_errors=True)
        person = cls(chosen, homeserver_url, user, password, home)
        if known := list(home.glob("*/session.json")):
            person._folder = known[0].parent
        person._log_in(is_verified=is_verified)
        return person

    def new_device(self, *, is_verified: bool = False) -> Person:
        """One more device of the same person; the first one stays."""
        if is_verified:
            self._call("prepare_new_device")
        other = Person(self.kind, self.url, self.user_id, self._password, self._home)
        other._log_in(is_verified=is_verified)
        return other

    def restart(self) -> None:
        """End the client and start it again with what it stored (matrix-nio only)."""
        self.stop()
        self._log_in(is_verified=False)

    # Rooms

    def create_dm(
        self, other: str, *, is_encrypted: bool = True, is_join_awaited: bool = True
    ) -> str:
        """A direct chat with ``other``; returns when the other has joined."""
        room = self.create_room([other], is_encrypted=is_encrypted, is_direct=True)
        if is_join_awaited:
            self.wait_for_member(room, other)
        return room

    def create_room(
        self,
        invite: Sequence[str] = (),
        *,
        is_encrypted: bool = True,
        is_direct: bool = False,
        name: str | None = None,
    ) -> str:
        """A new private room; its id."""
        arguments = {"is_encrypted": is_encrypted, "is_direct": is_direct, "name": name}
        return str(self._call("create_room", invite=list(invite), **arguments))

    def invites(self) -> list[str]:
        """Rooms to which the person is invited now."""
        return list(self._call("invites"))

    def accept_invites(self, *, timeout_s: float = WAIT_S) -> list[str]:
        """Join every room to which the person is invited; waits for at least one invitation."""
        try:
            wait_until(lambda: bool(self.invites()), timeout_s, "no invitation came")
        except TimeoutError as e:
            raise self._error(str(e)) from None
        rooms = self.invites()
        for room in rooms:
            self._join_invited(room, timeout_s)
        return rooms

    def _join_invited(self, room: str, timeout_s: float) -> None:
        """Join; a server that asks another to invite stores the invitation after its answer."""

        def is_in() -> bool:
            try:
                self.join(room)
            except ClientError as e:
                if "missing authorising user" not in str(e):
                    raise
                return False
            return True

        wait_until(is_in, timeout_s, f"{room} does not know of its invitation")

    def join(self, room: str) -> None:
        """Join a room; returns when the client has it."""
        self._call("join", room=room)

    def leave(self, room: str) -> None:
        """Leave a room, or refuse its invitation."""
        self._call("leave", room=room)

    def invite(self, room: str, user: str) -> None:
        """Invite somebody."""
        self._call("invite", room=room, user=user)

    def members(self, room: str) -> list[str]:
        """Who has joined, as the client knows it."""
        return list(self._call("members", room=room))

    def wait_for_member(self, room: str, user: str, *, timeout_s: float = WAIT_S) -> None:
        """Return once the client knows that ``user`` has joined."""
        try:
            wait_until(lambda: user in self.members(room), timeout_s, f"{user} did not join")
        except TimeoutError as e:
            raise self._error(str(e)) from None

    def wait_for_device(self, user: str, device: str) -> None:
        """Return once the client knows a device, and encrypts for it (matrix-nio only)."""
        self._call("wait_for_device", user=user, device=device)

    # Sending; each returns the event id

    def send(self, room: str, body: str) -> str:
        """Write a text."""
        return self.send_content(room, {"msgtype": "m.text", "body": body})

    def send_content(
        self, room: str, content: Mapping[str, Any], event_type: str = "m.room.message"
    ) -> str:
        """Send an event, encrypted if the room is."""
        return str(self._call("send", room=room, event_type=event_type, content=dict(content)))

    def react(self, room: str, event_id: str, key: str) -> str:
        """Put a reaction on an event."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        return self.send_content(room, {"m.relates_to": relation}, "m.reaction")

    def reply(self, room: str, event_id: str, body: str) -> str:
        """Answer an event (rich reply)."""
        relation = {"m.in_reply_to": {"event_id": event_id}}
        content = {"msgtype": "m.text", "body": body, "m.relates_to": relation}
        return self.send_content(room, content)

    def reply_in_thread(self, room: str, event_id: str, body: str) -> str:
        """Answer in the thread of ``event_id``."""
        relation = {
            "rel_type": "m.thread",
            "event_id": event_id,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": event_id},
        }
        content = {"msgtype": "m.text", "body": body, "m.relates_to": relation}
        return self.send_content(room, content)

    def edit(self, room: str, event_id: str, body: str) -> str:
        """Replace the text of an own event."""
        content = {"msgtype": "m.text", "body": body}
        relation = {"rel_type": "m.replace", "event_id": event_id}
        whole = {**content, "body": f"* {body}", "m.new_content": content}
        return self.send_content(room, {**whole, "m.relates_to": relation})

    def send_file(
        self,
        room: str,
        name: str,
        data: bytes,
        mimetype: str = "application/octet-stream",
        *,
        content: Mapping[str, Any] | None = None,
    ) -> str:
        """Send an encrypted file; ``content`` adds keys or replaces them."""
        encoded = base64.b64encode(data).decode()
        more = {"mimetype": mimetype, "data": encoded, "content": dict(content or {})}
        return str(self._call("send_file", room=room, name=name, **more))

    def redact(self, room: str, event_id: str) -> str:
        """Take an event back."""
        return str(self._call("redact", room=room, event_id=event_id))

    # Reading

    def messages(self, room: str) -> list[Message]:
        """All that the client has of the room, oldest first, in the order it came.

        Raises:
            ClientError: It has stopped reading: what it has may not be all.
        """
        self._check_reading(room)
        with self._lock:
            return list(self._messages[room].values())

    def wait_for(
        self,
        room: str,
        wanted: Wanted | Callable[[Message], bool],
        *,
        timeout_s: float = WAIT_S,
        is_again: bool = False,
    ) -> Message:
        """The first message of somebody else that fits and that no earlier wait has returned.

        Args:
            room: Where it should come.
            wanted: A regular expression for its body (searched), or a condition.
            timeout_s: How long to wait.
            is_again: Look at messages too that an earlier wait has returned.

        Raises:
            ClientError: It did not come, or the client reads no more; with all that came.
        """
        fits = condition(wanted)
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while True:
                for message in self._messages[room].values():
                    seen = message.event_id in self._read[room] and not is_again
                    if message.sender != self.user_id and not seen and fits(message):
                        self._read[room].add(message.event_id)
                        return message
                self._check_reading(room)
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not self._is_running():
                    raise self._error(f"{wanted!r} did not come within {timeout_s} s", room)
                self._lock.wait(min(left_s, 1))

    def raw(self, room: str, event_id: str) -> dict[str, Any]:
        """The event as it is on the server, with what stands beside the ciphertext."""
        path = f"/_matrix/client/v3/rooms/{room}/event/{event_id}"
        answer = request("GET", self.url + path, token=self.access_token)
        assert answer.status == 200, answer
        event: dict[str, Any] = answer.body
        return event

    def download(self, content: Mapping[str, Any]) -> bytes:
        """The file of a message's content, decrypted by the client."""
        return base64.b64decode(self._call("download", content=dict(content)))

    def rotate(self, room: str) -> None:
        """Take a new room key for what is sent from now on (matrix-nio only)."""
        self._call("rotate", room=room)

    # Verifying by emoji. With matrix-nio another device of the person alone, which asks

    def ask_verification(self, user: str) -> None:
        """Ask somebody, in the room of the two (Rust only)."""
        self._call("ask_verification", user=user)

    def answer_verification(self, user: str, *, is_faulty: bool = False) -> None:
        """Accept what somebody asks; waits until they do.

        Args:
            user: Who asks.
            is_faulty: Break the promise that the comparison begins with, so that the other side
                has to refuse (matrix-nio only).
        """
        self._call("answer_verification", user=user, is_faulty=is_faulty)

    def emoji(self, *, is_starting: bool = False) -> list[str]:
        """What the client shows; it begins the comparison itself if ``is_starting``."""
        return list(self._call("emoji", is_starting=is_starting))

    def confirm_emoji(self) -> None:
        """Say that the emoji are the same; returns once the verification is done."""
        self._call("confirm_emoji")

    def wait_for_verified(self, user: str) -> None:
        """Return once the client takes the person for verified (matrix-nio: a device of theirs)."""
        self._call("wait_for_verified", user=user)

    # Devices, and the end

    def logout_device(self) -> None:
        """Log the device out and end the client."""
        self._call("logout")
        self.stop()

    def reset_identity(self) -> None:
        """Take a new cross-signing identity."""
        self._call("reset_identity")

    def stop(self) -> None:
        """End the client in order."""
        process, self._process = self._process, None
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S_MAX)

    def kill(self) -> None:
        """End the client as a power cut would."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def transcript(self, room: str | None = None) -> str:
        """What the client has seen last, for a test's failure message."""
        with self._lock:
            found = [m for r, some in self._messages.items() for m in some.values()]
        chosen = [m for m in found if room in (None, m.room)][-TRANSCRIPT_MESSAGES_MAX:]
        lines = [f"  {m.sender} {m.type} {_clipped(m.body or dict(m.content))}" for m in chosen]
        log = self._log().read_text(errors="replace")[-LOG_CHARACTERS_MAX:]
        return "\n".join([f"{self.user_id} ({self.kind.name}) has:", *lines, "log:", log])

    def _log_in(self, *, is_verified: bool) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ended = ""
        with self._log().open("ab") as log:
            self._process = fork_client(f"tests.support.people.{self.kind.value}", log)
        reader = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        reader.start()
        result = self._call(
            "start",
            url=self.url,
            user=self.user_id,
            password=self._password,
            folder=str(self._folder),
            is_verified=is_verified,
        )
        self.user_id = result["user_id"]
        self.device_id = result["device_id"]
        self.access_token = result["access_token"]

    def _call(self, name: str, /, **arguments: Any) -> Any:
        with self._lock:
            self._calls += 1
            number = self._calls
            if self._process is None:
                raise self._error(f"{name}: the client is not running")
            line = json.dumps({"id": number, "call": name, "arguments": arguments})
            try:
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                raise self._error(f"{name}: the client ended") from None
            done = self._lock.wait_for(
                lambda: number in self._answers or not self._is_running(), CALL_S_MAX
            )
            answer = self._answers.pop(number, None)
        if answer is None:
            what = "the client ended" if done else f"no answer within {CALL_S_MAX} s"
            raise self._error(f"{name}: {what}")
        if "error" in answer:
            raise self._error(f"{name}: {answer['error']}")
        return answer["result"]

    def _listen(self, process: Client) -> None:
        with process.stdout as lines:
            for line in lines:
                self._take(json.loads(line))
        process.wait()
        with self._lock:
            self._lock.notify_all()

    def _take(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            if "id" in line:
                self._answers[line["id"]] = line
            elif "ended" in line:
                self._ended = str(line["ended"])
            else:
                message = Message(**line["message"])
                known = self._messages[message.room]
                old = known.get(message.event_id)
                if old is None or message.is_readable:
                    known[message.event_id] = message
            self._lock.notify_all()

    def _check_reading(self, room: str) -> None:
        if self._ended:
            raise self._error(f"the client reads no more: {self._ended}", room)

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _error(self, what: str, room: str | None = None) -> ClientError:
        return ClientError(f"{what}\n{self.transcript(room)}")

    def _log(self) -> Path:
        return self._folder / "client.log"


def _clipped(shown: object) -> str:
    text = repr(shown)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"
