"""HTTP: the sites we serve, and the clients by which we ask others."""

from veche.runtime.web.error_answers import PATH_CHARACTERS_MAX, shown_path
from veche.runtime.web.health import HealthRoutes
from veche.runtime.web.server import (
    ARRIVAL_S_MAX,
    IDLE_S_MAX,
    BoundedRequest,
    BoundedSite,
    header,
    hide_path,
    json_answer,
    json_body,
    new_app,
    new_site,
    observe_answer,
    quiet,
)

__all__ = [
    "ARRIVAL_S_MAX",
    "IDLE_S_MAX",
    "PATH_CHARACTERS_MAX",
    "BoundedRequest",
    "BoundedSite",
    "HealthRoutes",
    "header",
    "hide_path",
    "json_answer",
    "json_body",
    "new_app",
    "new_site",
    "observe_answer",
    "quiet",
    "shown_path",
]
