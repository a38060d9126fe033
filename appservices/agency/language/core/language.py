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

import functools
import hashlib
from typing import Final

from appservices.agency.language.core.definition import ServiceDefinition
from appservices.agency.language.core.form_section import read_form
from appservices.agency.language.core.problems import Problems, ServiceFileError
from appservices.agency.language.core.sections import (
    ABOUT_CHARACTERS_MAX,
    KEYWORDS_CHARACTERS_MAX,
    read_deadline,
    read_id,
    read_notify,
    read_refusal,
    read_result,
    read_review,
    read_who,
)
from appservices.agency.language.core.steps_section import (
    LATER,
    Known,
    PlacedStep,
    read_steps,
    usual_steps,
)
from appservices.agency.language.core.texts_section import read_title
from appservices.agency.language.core.tree import Section, read_tree
from appservices.agency.language.core.whole import check_whole

__all__ = ["ServiceFileError", "read_service"]

KEYS: Final = (
    "service",
    "version",
    "title",
    "about",
    "keywords",
    "who",
    "deadline",
    "form",
    "review",
    "refusal",
    "result",
    "notify",
    "steps",
)
VERSION_MAX: Final = 1_000_000


@functools.lru_cache(maxsize=64)
def read_service(text: str) -> ServiceDefinition:
    """Read a service from its file; the same text is read once.

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
    definition = _read(root.section(KEYS, LATER), text)
    problems.raise_if_any()
    if definition is None:
        raise AssertionError("a definition that is missing is a problem")
    return definition


def _read(root: Section, text: str) -> ServiceDefinition | None:
    id_ = read_id(root.need("service", "write `service: birth-certificate-copy`"))
    version_item = root.get("version")
    version = version_item.integer(1, VERSION_MAX) if version_item else 1
    title, texts = read_title(root)
    about = texts.read(root.get("about"), characters_max=ABOUT_CHARACTERS_MAX)
    keywords = texts.read(root.get("keywords"), characters_max=KEYWORDS_CHARACTERS_MAX)
    min_trust = read_who(root.get("who"))
    deadline = read_deadline(root, texts)
    fields, needs_key = read_form(root.get("form"), texts)
    review = read_review(root.get("review"), texts, fields)
    known = Known(
        texts=texts,
        fields=fields,
        review=review,
        refusal=read_refusal(root.get("refusal"), texts),
        document=read_result(root.get("result"), texts),
    )
    notify = read_notify(root.get("notify"))
    placed = _placed_steps(root, known)
    if id_ is None or version is None or title is None or deadline is None or not placed:
        return None
    definition = ServiceDefinition(
        id=id_,
        version=version,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        languages=texts.languages,
        title=title,
        about=about,
        keywords=keywords,
        needs_key=needs_key,
        min_trust=min_trust,
        deadline=deadline,
        fields=known.fields,
        review=known.review,
        refusal=known.refusal,
        document=known.document,
        notify=notify,
        steps=tuple(step.step for step in placed),
    )
    if not root.item.problems:
        check_whole(root, definition, placed)
    return definition


def _placed_steps(root: Section, known: Known) -> tuple[PlacedStep, ...]:
    item = root.get("steps")
    if item is not None:
        return read_steps(item, known)
    if not any(root.get(key) for key in ("form", "review", "result")):
        root.item.wrong("nothing happens in it", "add form, review, result or steps")
    return usual_steps(root, known)
