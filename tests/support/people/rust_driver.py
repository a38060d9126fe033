"""A person with the Rust SDK of Element X, strict: it believes cross-signed devices only.

A fork server starts this program (``fork_server.py``). Its store is in memory: a device ends with
its process.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matrix_sdk_python as sdk
from matrix_sdk_python._generated import matrix_sdk_crypto as sdk_crypto

from tests.support.calls import request
from tests.support.people.lines import Driver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SYNC_MS: Final = 3_000
_CHUNK: Final = 100
_HISTORY: Final = 100
_WAIT_S: Final = 120


class _SyncListener(sdk.SyncListenerV2):  # type: ignore[misc]  # no types
    def __init__(self, loop: asyncio.AbstractEventLoop, on_sync: Callable[[], None]) -> None:
        self._loop, self._on_sync = loop, on_sync

    def on_update(self, response: object) -> None:  # noqa: ARG002 -- the SDK passes it
        self._loop.call_soon_threadsafe(self._on_sync)


class _TimelineListener(sdk.TimelineListener):  # type: ignore[misc]  # no types
    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_item: Callable[[str, Any], None], room: str
    ) -> None:
        self._loop, self._on_item, self._room = loop, on_item, room

    def on_update(self, diff: list[Any]) -> None:
        for one in diff:
            items = getattr(one, "values", None) or [getattr(one, "value", None)]
            for item in items:
                event = item and item.as_event()
                if event:
                    self._loop.call_soon_threadsafe(self._on_item, self._room, event)


class _RecoveryListener(sdk.EnableRecoveryProgressListener):  # type: ignore[misc]  # no types
    def on_update(self, status: object) -> None:
        pass


class _Verifying(sdk.SessionVerificationControllerDelegate):  # type: ignore[misc]  # no types
    """What the SDK says of the one verification that goes on; its threads call it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Callable[[str, Any], None]) -> None:
        self._loop, self._tell_in_loop = loop, tell

    def _tell(self, what: str, said: Any = True) -> None:
        self._loop.call_soon_threadsafe(self._tell_in_loop, what, said)

    def did_receive_verification_request(self, details: Any) -> None:
        self._tell("asked", (details.sender_profile.user_id, details.flow_id))

    def did_accept_verification_request(self) -> None:
        self._tell("accepted")

    def did_start_sas_verification(self) -> None:
        self._tell("started")

    def did_receive_verification_data(self, data: Any) -> None:
        self._tell("emoji", [one.symbol() for one in data.emojis])

    def did_finish(self) -> None:
        self._tell("done")

    def did_cancel(self) -> None:
        self._tell("cancelled")

    def did_fail(self) -> None:
        self._tell("cancelled")


class RustDriver(Driver):
    """One device of one person."""

    client: Any
    folder: Path
    password: str
    _controller: Any

    def __init__(self) -> None:
        super().__init__()
        self._verifying: dict[str, Any] = {}
        self._timelines: dict[str, Any] = {}
        self._kept: list[Any] = []
        self._events: set[str] = set()

    async def do_start(
        self, url: str, user: str, password: str, folder: str, is_verified: bool
    ) -> dict[str, Any]:
        """Log in and begin to sync."""
        self.folder, self.password = Path(folder), password
        sdk.uniffi_set_event_loop(asyncio.get_running_loop())
        self.client = await _builder(url).build()
        await self.client.login(user, password, None, None)
        await self.client.encryption().wait_for_e2ee_initialization_tasks()
        listener = _SyncListener(asyncio.get_running_loop(), self._on_sync)
        settings = sdk.SyncSettingsV2(timeout_ms=_SYNC_MS)
        self._kept.append(self.client.sync_v2(settings, listener))
        recovery = self.folder.parent / "recovery.txt"
        if is_verified and recovery.exists():
            await self.client.encryption().recover(recovery.read_text())
        self._controller = await self.client.get_session_verification_controller()
        delegate = _Verifying(asyncio.get_running_loop(), self._verifying.__setitem__)
        self._controller.set_delegate(delegate)
        session = self.client.session()
        return {
            "user_id": session.user_id,
            "device_id": session.device_id,
            "access_token": session.access_token,
        }

    async def do_prepare_new_device(self) -> None:
        """Store the identity on the server, so that a second device can be signed."""
        recovery = self.folder.parent / "recovery.txt"
        if not recovery.exists():
            encryption = self.client.encryption()
            key = await encryption.enable_recovery(False, None, _RecoveryListener())
            recovery.write_text(key)

    async def do_create_room(
        self, invite: list[str], is_encrypted: bool, is_direct: bool, name: str | None
    ) -> str:
        parameters = sdk.CreateRoomParameters(
            name=name,
            topic=None,
            is_encrypted=is_encrypted,
            is_direct=is_direct,
            visibility=sdk.RoomVisibility.PRIVATE(),
            preset=sdk.RoomPreset.PRIVATE_CHAT,
            invite=invite,
            avatar=None,
            power_level_content_override=None,
            join_rule_override=None,
            history_visibility_override=None,
            canonical_alias=None,
        )
        room: str = await self.client.create_room(parameters)
        await self._until(lambda: room in self._timelines)
        return room

    async def do_send(self, room: str, event_type: str, content: dict[str, Any]) -> str:
        before = await self._own_events(room)
        await self._room(room).send_raw(event_type, json.dumps(content))
        return await self._new_event(room, before)

    async def do_send_file(
        self, room: str, name: str, mimetype: str, data: str, content: dict[str, Any]
    ) -> str:
        if content:
            raise ValueError("the Rust client sends files with its own content only")
        plain = base64.b64decode(data)
        before = await self._own_events(room)
        parameters = sdk.UploadParameters(
            source=sdk.UploadSource.DATA(plain, name),
            caption=None,
            formatted_caption=None,
            mentions=None,
            in_reply_to=None,
        )
        info = sdk.FileInfo(
            mimetype=mimetype, size=len(plain), thumbnail_info=None, thumbnail_source=None
        )
        await self._timelines[room].send_file(parameters, info).join()
        return await self._new_event(room, before)

    async def do_download(self, content: dict[str, Any]) -> str:
        file = content.get("file")
        # The SDK's own form of a media source.
        source = sdk.MediaSource.from_json(json.dumps(_source(file, content.get("url"))))
        return base64.b64encode(await self.client.get_media_content(source)).decode()

    async def do_redact(self, room: str, event_id: str) -> str:
        before = await self._own_events(room)
        await self._room(room).redact(event_id, None)
        return await self._new_event(room, before)

    async def do_invites(self) -> list[str]:
        return self._rooms(sdk.Membership.INVITED)

    async def do_join(self, room: str) -> None:
        await self.client.join_room_by_id(room)
        await self._until(lambda: room in self._timelines)

    async def do_leave(self, room: str) -> None:
        await self._room(room).leave()

    async def do_invite(self, room: str, user: str) -> None:
        await self._room(room).invite_user_by_id(user)

    async def do_members(self, room: str) -> list[str]:
        if room not in self._rooms(sdk.Membership.JOINED):
            return []
        members = await self._room(room).members()
        found: list[str] = []
        while chunk := members.next_chunk(_CHUNK):
            found += [m.user_id for m in chunk if m.membership.is_join()]
        return found

    async def do_logout(self) -> None:
        for handle in self._kept:
            handle.cancel()
        await self.client.logout()

    async def do_reset_identity(self) -> None:
        """Take a new cross-signing identity."""
        handle = await self.client.encryption().reset_identity()
        if handle is not None:
            user = self.client.session().user_id
            details = sdk.AuthDataPasswordDetails(identifier=user, password=self.password)
            await handle.reset(sdk.AuthData.PASSWORD(details))

    async def do_ask_verification(self, user: str) -> None:
        """Ask somebody, who knows this identity, in the room of the two."""
        self._verifying.clear()
        await self.client.encryption().user_identity(user, True)
        await self._controller.request_user_verification(user)

    async def do_answer_verification(self, user: str, is_faulty: bool) -> None:
        """Accept what a person asks; they choose how."""
        if is_faulty:
            raise ValueError("the Rust client makes no faults on purpose")
        await self._until(lambda: self._verifying.get("asked", ("",))[0] == user)
        await self._controller.acknowledge_verification_request(*self._verifying["asked"])
        await self._controller.accept_verification_request()

    async def do_emoji(self, is_starting: bool) -> list[str]:
        """What this side shows; it begins the comparison, or the other side does."""
        if is_starting:
            await self._until_verifying("accepted")
            await self._controller.start_sas_verification()
        found: list[str] = await self._until_verifying("emoji")
        return found

    async def do_confirm_emoji(self) -> None:
        """Say that they are the same; returns once both have."""
        await self._controller.approve_verification()
        await self._until_verifying("done")
        self._verifying.clear()

    async def do_wait_for_verified(self, user: str) -> None:
        """Return once it has heard of its own signature, too."""
        async with asyncio.timeout(_WAIT_S):
            while not await self._is_verified(user):
                await asyncio.sleep(0.05)

    async def _is_verified(self, user: str) -> bool:
        identity = await self.client.encryption().user_identity(user, True)
        return bool(identity and identity.is_verified())

    async def _until_verifying(self, what: str) -> Any:
        await self._until(lambda: not {what, "cancelled"}.isdisjoint(self._verifying))
        if what not in self._verifying:
            raise RuntimeError("the verification was cancelled")
        return self._verifying[what]

    async def end(self) -> None:
        # Its own threads keep the process alive.
        os._exit(0)

    def _room(self, room: str) -> Any:
        found = self.client.get_room(room)
        if found is None:
            raise ValueError(f"the client does not know {room}")
        return found

    def _rooms(self, membership: Any) -> list[str]:
        return [r.id() for r in self.client.rooms() if r.membership() == membership]

    def _on_sync(self) -> None:
        for room in self._rooms(sdk.Membership.JOINED):
            if room not in self._timelines:
                self._timelines[room] = None
                self._kept.append(asyncio.create_task(self._watch(room)))

    async def _watch(self, room: str) -> None:
        timeline = await self._room(room).timeline()
        loop = asyncio.get_running_loop()
        self._kept.append(await timeline.add_listener(_TimelineListener(loop, self._on_item, room)))
        await timeline.paginate_backwards(_HISTORY)
        self._timelines[room] = timeline

    def _on_item(self, room: str, item: Any) -> None:
        debug = item.lazy_provider.debug_info()
        for text in (debug.original_json, debug.latest_edit_json):
            if text is not None:
                self.emit({"message": _message(room, json.loads(text))})
        for message in _reactions(room, item):
            self.emit({"message": message})

    async def _own_events(self, room: str) -> set[str]:
        answer = await asyncio.to_thread(self._recent, room)
        user = self.client.session().user_id
        return {e["event_id"] for e in answer if e["sender"] == user}

    async def _new_event(self, room: str, before: set[str]) -> str:
        async with asyncio.timeout(_WAIT_S):
            while not (new := await self._own_events(room) - before):
                await asyncio.sleep(0.05)
        return new.pop()

    def _recent(self, room: str) -> list[Any]:
        session = self.client.session()
        path = f"/_matrix/client/v3/rooms/{urllib.parse.quote(room)}/messages"
        url = session.homeserver_url.rstrip("/") + path
        answer = request("GET", url, token=session.access_token, query={"dir": "b", "limit": "20"})
        events: list[Any] = answer.body["chunk"]
        return events

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(_WAIT_S):
            while not condition():
                await asyncio.sleep(0.02)


def _builder(url: str) -> Any:
    strict = sdk_crypto.DecryptionSettings(
        sender_device_trust_requirement=sdk_crypto.TrustRequirement.CROSS_SIGNED
    )
    return (
        sdk.ClientBuilder()
        .homeserver_url(url)
        .in_memory_store()
        .sliding_sync_version_builder(sdk.SlidingSyncVersionBuilder.NONE)
        .auto_enable_cross_signing(True)
        .room_key_recipient_strategy(sdk_crypto.CollectStrategy.IDENTITY_BASED_STRATEGY)
        .decryption_settings(strict)
    )


def _source(file: Any, url: Any) -> dict[str, Any]:
    return {"file": file} if file else {"url": url}


def _reactions(room: str, item: Any) -> Iterator[dict[str, Any]]:
    # The SDK shows reactions as a part of their event, without an id of their own.
    content = getattr(item.content, "content", None)
    for reaction in getattr(content, "reactions", ()):
        for sender in reaction.senders:
            event_id = item.event_or_transaction_id.event_id
            relation = {"rel_type": "m.annotation", "event_id": event_id, "key": reaction.key}
            yield {
                "room": room,
                "event_id": f"{event_id}/{sender.sender_id}/{reaction.key}",
                "sender": sender.sender_id,
                "type": "m.reaction",
                "content": {"m.relates_to": relation},
                "state_key": None,
                "at_ms": sender.timestamp,
                "is_encrypted": False,
                "is_readable": True,
            }


def _message(room: str, source: dict[str, Any]) -> dict[str, Any]:
    kind = source["type"]
    return {
        "room": room,
        "event_id": source["event_id"],
        "sender": source["sender"],
        "type": kind,
        "content": source.get("content", {}),
        "state_key": source.get("state_key"),
        "at_ms": source.get("origin_server_ts", 0),
        "is_encrypted": True,
        "is_readable": kind != "m.room.encrypted",
    }


async def main() -> None:
    """Serve calls until stdin ends."""
    logging.basicConfig(level=logging.WARNING)
    await RustDriver().serve()


if __name__ == "__main__":
    asyncio.run(main())
