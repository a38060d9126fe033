"""Checking a signed file that a person sends: the verdict in words, nothing is kept."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from appservices.signing.drafting.service import reading
from appservices.signing.papers.core.judged import judged_file
from appservices.signing.papers.core.uploads import UploadTooLargeError, refusal_text
from appservices.signing.sessions.core.topics import Topic
from appservices.signing.sessions.service.conversation import CATALOGUE, Parts
from veche.bots import ChatJob
from veche.documents.signatures.report import Reason
from veche.documents.signatures.words import words_of
from veche.documents.signed_file import is_signed_file
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import MalformedError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.message import Code, Paragraph
from veche.protocol.prompts import Choice
from veche.protocol.texts.catalogue import N_
from veche.runtime.files.sandbox import SandboxError, in_sandbox
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.documents.signatures.report import Report
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

CHECK: Final = "signing.check"
"""Job: fetches a file and judges it."""
_LASTS_MS: Final = 3_600_000


def ask(scene: Conversation, inbound: Inbound, argument: str) -> None:  # noqa: ARG001 -- of all commands
    """Ask for the file that is to be checked."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    prompt = scene.prompt(
        person, [Choice(id="no", label=localizer.text("Check nothing"))], _LASTS_MS
    )
    intro = (Paragraph(localizer.text("Send me the file now; I only look at it.")),)
    scene.ask(room_id, person, prompt, intro, about=about(person), purpose={"topic": Topic.VERIFY})


def order(scene: Conversation, inbound: Inbound) -> None:
    """Have a file checked that a person has sent."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    scene.close(about(person), person, localizer.text("I look at it."))
    file = reading.file_of(inbound)
    if file is None:
        words = localizer.text(
            "The file is not encrypted. Send it from a client that encrypts files."
        )
        scene.tell(room_id, person, (Paragraph(words),))
        return
    sealed = reading.seal_file(scene, file)
    payload = {"person": person, "room": room_id, "sealed": sealed}
    id_ = effect_id(CHECK, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, CHECK, payload, scene.now_ms))


def answered(scene: Conversation, answer: Answered) -> None:
    """Act on the answer that nothing shall be checked."""
    scene.settle(answer, scene.localizer(answer.inbound.sender).text("Nothing is checked."))


def about(person: UserId) -> str:
    """The matter of the question for a file to be checked."""
    return f"verify {person}"


class Check(ChatJob[Parts]):
    """Fetches a file and judges it, in the sandbox."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Fetch and judge it."""
        host = self._parts.host
        try:
            pdf = await reading.fetch(self._parts, job)
        except UploadTooLargeError as e:
            return {"problem": e}
        except (reading.FileGoneError, MalformedError):
            return {}
        roots = self._parts.authorities.trusted
        try:
            report = await in_thread(
                host.reactor, in_sandbox, judged_file, pdf, roots, host.now_ms()
            )
        except SandboxError:
            return {}
        digest = hashlib.sha256(pdf).digest()
        return {"report": report, "sha256": digest, "why": _why_unreadable(pdf, report)}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say what was found."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(job.payload["room"])
        localizer = scene.localizer(person)
        if "problem" in result:
            words = refusal_text(CATALOGUE, localizer.language, result["problem"])
            scene.tell(room_id, person, (Paragraph(words),))
        elif "report" in result and result["why"]:
            scene.tell(room_id, person, (Paragraph(localizer.text(result["why"])),))
        elif "report" in result:
            named = self._parts.authorities.named
            text = words_of(result["report"], localizer.language, named, result["sha256"])
            scene.tell(room_id, person, (Code(text),))
        else:
            words = localizer.text("Nobody can tell: this file cannot be read.")
            scene.tell(room_id, person, (Paragraph(words),))


def _why_unreadable(data: bytes, report: Report) -> str:
    """Message id of what a file is, of which the report says no more than its form; or empty."""
    if {one.reason for one in report.findings} != {Reason.UNREADABLE}:
        return ""
    if not data:
        return N_("This file is empty.")
    if is_signed_file(data):
        return ""
    return N_(
        "This is neither a PDF nor a container with signatures (.asice): I can check only"
        " those. Was the signature in a file of its own, or is it another file?"
    )
