"""JSON APIs for pages: each route is declared once, with the models of what comes and goes."""

from veche.api.headers import KEY_CHARACTERS_MAX, QUERY_BYTES_MAX, accepted_language
from veche.api.json_api import Api, Call, Download, Route

__all__ = [
    "KEY_CHARACTERS_MAX",
    "QUERY_BYTES_MAX",
    "Api",
    "Call",
    "Download",
    "Route",
    "accepted_language",
]
