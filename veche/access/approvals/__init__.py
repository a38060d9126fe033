"""Keys of persons' devices, and what they approve with them."""

from veche.access.approvals.approvals import (
    ASKED_KEPT_MS,
    ENROLMENTS_KEPT_MS,
    SHOWN_KEPT_MS,
    Approvals,
    AskedView,
    rules_of,
    said,
)
from veche.access.approvals.by_page import SIGNATURE_ASKED_MS
from veche.access.approvals.core import (
    DECLINE,
    ENROLMENT_MS,
    KEYS_MAX,
    LABEL_CHARACTERS_MAX,
    AskedState,
    CodeLimit,
    Enrolment,
    EnrolmentState,
    Event,
    Key,
    KeyKind,
    Rules,
    Verdict,
    fingerprint,
    to_sign,
    words_of,
)
from veche.access.approvals.enrolling import IgnoredJob, revocation_kind
from veche.access.approvals.errors import ApprovalError, NotApprovedError
from veche.access.approvals.identities import IdentityState, Offer
from veche.access.approvals.limits import LimitView
from veche.access.approvals.parts import Parts
from veche.access.approvals.sites import base64url
from veche.access.approvals.store import LOG_PAGE, Evidence, Logged, keys_of, logged, revoked_among
from veche.access.approvals.taking import NOTHING_ASKED, Outcome, Taken, decline
from veche.access.approvals.texts import log_line

__all__ = [
    "ASKED_KEPT_MS",
    "DECLINE",
    "ENROLMENTS_KEPT_MS",
    "ENROLMENT_MS",
    "KEYS_MAX",
    "LABEL_CHARACTERS_MAX",
    "LOG_PAGE",
    "NOTHING_ASKED",
    "SHOWN_KEPT_MS",
    "SIGNATURE_ASKED_MS",
    "ApprovalError",
    "Approvals",
    "AskedState",
    "AskedView",
    "CodeLimit",
    "Enrolment",
    "EnrolmentState",
    "Event",
    "Evidence",
    "IdentityState",
    "IgnoredJob",
    "Key",
    "KeyKind",
    "LimitView",
    "Logged",
    "NotApprovedError",
    "Offer",
    "Outcome",
    "Parts",
    "Rules",
    "Taken",
    "Verdict",
    "base64url",
    "decline",
    "fingerprint",
    "keys_of",
    "log_line",
    "logged",
    "revocation_kind",
    "revoked_among",
    "rules_of",
    "said",
    "to_sign",
    "words_of",
]
