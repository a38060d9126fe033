"""Cases: beginning one, and one step of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.cases import store
from appservices.agency.cases.service.locked_case import LockedCase
from appservices.agency.language.core.language import read_service
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from appservices.agency.cases.core.inputs import Input
    from appservices.agency.cases.core.turn import Outcome
    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.language.core.definition import ServiceDefinition
    from veche.chat.prompts import Answered
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor


def take_step(
    scene: Conversation, case_id: str, heard: Input, answered: Answered | None = None
) -> Outcome | None:
    """Let something happen to a case.

    Args:
        scene: The transaction. Nothing was said in it yet: who speaks holds the lock of the
            organisation's log, and whoever holds a case may be waiting for that.
        case_id: Of the case; it is locked.
        heard: What happened.
        answered: The question that it answers; it is settled unless the input is refused.

    Returns:
        None if there is no such case.
    """
    file = store.lock_case(scene.txn, case_id)
    if file is None:
        return None
    return step_file(scene, file, heard, answered)


def step_file(
    scene: Conversation, file: CaseFile, heard: Input, answered: Answered | None = None
) -> Outcome:
    """Let something happen to a case that is locked; as ``take_step``."""
    return scene.parts.step_file(scene, file, heard, answered)


def case_of(txn: Cursor, job: Job) -> CaseFile:
    """The case of a job, locked.

    Raises:
        RefusedError: There is none.
    """
    file = store.lock_case(txn, job.payload["case"])
    if file is None:
        raise RefusedError("there is no such case")
    return file


def locked_case(scene: Conversation, file: CaseFile, actor: str = "bot") -> LockedCase:
    """A case that is locked, to be spoken of without a step; see ``LockedCase``."""
    return LockedCase(scene, definition_of(scene, file), file, actor)


def definition_of(scene: Conversation, file: CaseFile) -> ServiceDefinition:
    """The service of a case, in the version with which it began."""
    current = scene.workplace.services.get(file.case.service)
    if current is not None and current.definition.digest == file.case.digest:
        return current.definition
    kept = store.definition(scene.txn, file.case.digest)
    assert kept is not None, "agency.case_file refers to it"  # noqa: S101 -- a foreign key
    return read_service(kept.source)
