"""The service language: one YAML file a service, read into a ``ServiceDefinition``.

Why a language of our own. BPMN and DMN (Camunda, Flowable) are XML for drawing tools and need an
engine of their own; CMMN never found users; XForms, JSON Forms and SurveyJS know forms but neither
desk nor deadline nor refusal; Docassemble and OpenFisca run Python from the file, so that a service
of a stranger is a program of a stranger. What an office needs is narrow: ask, look, decide, hand
over, and all of it within a time. A language that can say only this can be checked whole: every
path ends, every step can be reached, every refusal names its law and its appeal; and a clerk can
read it aloud. YAML carries it because people who are no programmers can edit it, with comments.

A file is read to its end and everything that is wrong is told at once, with line and column.
"""

from __future__ import annotations

import hashlib
from typing import Final

from appservices.agency.core.definition import (
    DecideStep,
    Decision,
    DocumentStep,
    FormStep,
    MessageStep,
    ReviewStep,
    ServiceDefinition,
    Silence,
    Step,
)
from appservices.agency.core.form_section import read_fields
from appservices.agency.core.paths import check_paths
from appservices.agency.core.problems import Problems
from appservices.agency.core.sections import (
    ABOUT_CHARACTERS_MAX,
    ID_PATTERN,
    read_deadline,
    read_notify,
    read_refusal,
    read_result,
    read_review,
    read_who,
)
from appservices.agency.core.steps_section import read_steps
from appservices.agency.core.texts_section import TITLE_CHARACTERS_MAX, TextReader, read_title
from appservices.agency.core.tree import Section, read_tree

KEYS: Final = (
    "service",
    "version",
    "title",
    "about",
    "who",
    "deadline",
    "form",
    "review",
    "refusal",
    "result",
    "notify",
    "steps",
)
LATER_KEYS: Final = {
    "attributes": "identity",
    "fee": "payments",
    "appointment": "appointments",
    "sign": "signing",
    "payout": "payments",
    "webhook": "webhooks",
}
"""Keys of later versions, and the service that each needs."""
VERSION_MAX: Final = 1_000_000


def read_service(text: str) -> ServiceDefinition:
    """A service, from its file.

    Args:
        text: The whole file, at most ``SERVICE_FILE_CHARACTERS_MAX`` characters.

    Raises:
        ServiceFileError: Everything that is wrong with it, each with line and column.
    """
    problems = Problems()
    root = read_tree(text, problems)
    problems.raise_if_any()
    if root is None:
        raise AssertionError("a tree that is missing is a problem")
    definition = _read(root.section(KEYS, LATER_KEYS), text)
    problems.raise_if_any()
    if definition is None:
        raise AssertionError("a definition that is missing is a problem")
    return definition


def _read(root: Section, text: str) -> ServiceDefinition | None:
    id_item = root.need("service", "write `service: birth-certificate-copy`")
    version_item = root.get("version")
    title, texts = read_title(root)
    min_trust = read_who(root.get("who"))
    deadline = read_deadline(root, texts)
    fields = read_fields(root.get("form"), texts)
    refusal = read_refusal(root.get("refusal"), texts)
    review = read_review(root.get("review"), texts, fields)
    document = read_result(root.get("result"), texts)
    notify = read_notify(root.get("notify"))
    about_item = root.get("about")
    about = texts.read(about_item, characters_max=ABOUT_CHARACTERS_MAX)
    id_ = id_item.text(characters_max=64, pattern=ID_PATTERN) if id_item else None
    version = version_item.integer(1, VERSION_MAX) if version_item else 1
    steps_item = root.get("steps")
    if steps_item is None:
        steps = _usual_steps(root)
        if not steps:
            root.item.wrong("nothing happens in it", "add form, review, result or steps")
    else:
        steps = read_steps(steps_item, texts, fields=fields, review=review, refusal=refusal)
    if None in (id_, version, title, deadline) or not steps:
        return None
    definition = ServiceDefinition(
        id=str(id_),
        version=version or 1,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        languages=texts.languages,
        title=title,
        about=about,
        min_trust=min_trust,
        deadline=deadline,
        fields=fields,
        review=review,
        refusal=refusal,
        document=document,
        notify=notify,
        steps=steps,
    )
