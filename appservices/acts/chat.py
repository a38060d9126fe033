"""Messages of a person in their chat with the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.acts import core, store, texts
from appservices.acts.conversation import CHECK
from veche.access.sessions import answer_command
from veche.bots import choose_language, doubt, page_commands
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.commands import HELP, LANGUAGE, read_command

if TYPE_CHECKING:
    from appservices.acts.conversation import ActsConversation, Parts
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound


def greet(scene: ActsConversation, room_id: RoomId, person: UserId) -> None:
    """Welcome a person who began a chat."""
    localizer = scene.localizer(person)
    if not scene.is_private(room_id, person):
        scene.tell(room_id, person, texts.private_doc(localizer))
        return
    store.CHATS.set_greeted(scene.txn, room_id)
    scene.tell(room_id, person, texts.welcome_doc(localizer, scene.sender.bot.user_id))


def hear(scene: ActsConversation, inbound: Inbound, parts: Parts, *, is_greeted: bool) -> None:
    """Act on what a person says in their chat."""
    room_id, person, language = inbound.room_id, inbound.sender, scene.language_of(inbound.sender)
    if (why := doubt(scene, inbound, texts.private_doc)) is not None:
        scene.tell(room_id, person, why)
        return
    if not is_greeted:
        store.CHATS.set_greeted(scene.txn, room_id)
    parsed = read_command(inbound.content, (*texts.COMMANDS, *page_commands(scene)), language)
    body = inbound.content.get("body")
    if parsed is None and isinstance(body, str) and core.is_of_an_id(body):
        look_up(scene, room_id, person, body, parts)  # as people paste it, and ask
    elif parsed is None or parsed.command is HELP:
        greet(scene, room_id, person)
    elif parsed.command is texts.CHECK:
        look_up(scene, room_id, person, parsed.argument, parts)
    elif parsed.command is LANGUAGE:
        choose_language(scene, room_id, person, parsed.argument)
    else:
        where = (scene.txn, scene.sender, room_id, person)
        answer_command(*where, parsed, links=scene.links, language=language)


def look_up(
    scene: ActsConversation, room_id: RoomId, person: UserId, typed: str, parts: Parts
) -> None:
    """Have an account or a room looked up, or say whom a name may mean."""
    localizer = scene.localizer(person)
    if not typed.strip():
        greet(scene, room_id, person)
        return
    asked = core.read_asked(typed)
    if asked is None:
        scene.tell(room_id, person, texts.unreadable_doc(localizer))
    elif asked.kind == "name":
        trusted = parts.directories.trusted(scene.txn, scene.now_ms)
        found = core.near(trusted, asked.value)
        scene.tell(room_id, person, texts.near_doc(localizer, asked.value, found))
    else:
        payload = {"room": room_id, "person": person, "kind": asked.kind, "value": asked.value}
        job_id = scene.sender.fresh_id("check")
        jobs.schedule(scene.txn, Job(job_id, CHECK, payload, scene.now_ms))
