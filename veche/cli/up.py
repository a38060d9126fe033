"""`veche up`: PostgreSQL, Synapse, the services and a demo world on this machine."""

from __future__ import annotations

import errno
import json
import secrets
import signal
import sys
import time
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

import veche
from veche.cli import demo
from veche.cli.homeserver import (
    EVENT_GUARD,
    Homeserver,
    HomeserverPlan,
    fetch,
    is_healthy,
    person_exists,
    postgres_database,
    register_person,
    write_configuration,
    write_private,
)
from veche.cli.state import StateFolder, check_port, free_port
from veche.cli.steps import Step, Steps
from veche.cli.supervise import Child, ChildEndedError, Guard, StoppedError, Supervisor, how, tail
from veche.protocol.errors import ConfigError, UnavailableError, VecheError
from veche.runtime.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
