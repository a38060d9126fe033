"""A real mail server on the loopback address: Debian's exim, with a configuration of its own.

It knows the people of ``mta.test``, whose mail it keeps in files, and passes what is for
``mail.veche.test`` on to the bridge, as an operator's would.
"""

from __future__ import annotations

import mailbox
import shutil
import smtplib
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Final

import attrs

from tests.support.processes import Child, free_ports
from tests.support.programs import program

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

USER: Final = "Debian-exim"
PEOPLE: Final = "mta.test"
VECHE: Final = "mail.veche.test"
_CONFIGURATION: Final = """\
primary_hostname = mta.test
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/spool/exim.pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
domainlist local_domains = mta.test
keep_environment =
tls_advertise_hosts =
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
dsn_advertise_hosts = *
host_lookup =
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin routers
veche:
  driver = manualroute
  domains = mail.veche.test
  route_list = * 127.0.0.1::{bridge}
  self = send
  transport = to_veche
  no_more
people:
  driver = accept
  domains = +local_domains
  local_parts = ann : bob : eve
  transport = maildir
begin transports
to_veche:
  driver = smtp
  allow_localhost
  hosts_try_dane =
  hosts_avoid_tls = *
maildir:
  driver = appendfile
  directory = {folder}/maildir/$local_part_data
  create_directory
  maildir_format
  user = Debian-exim
begin retry
* * F,1h,1s
"""


@attrs.define
class MailServer:
    """Exim; start it once, and stop it.

    Attributes:
        folder: For its files; readable for its user.
        bridge: Port on which the bridge takes mail.
    """

    folder: Path
    bridge: int
    port: int = attrs.field(init=False)
    child: Child = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        [self.port] = free_ports(1)
        for name in ("spool", "maildir"):
            (self.folder / name).mkdir(parents=True)
            shutil.chown(self.folder / name, USER, USER)
        path = self.folder / "exim.conf"
        path.write_text(
            _CONFIGURATION.format(folder=self.folder, port=self.port, bridge=self.bridge)
        )
        command = (program("exim4"), "-C", str(path), "-bdf", "-q1s")
        self.child = Child(command, self.folder, self.folder / "output.log", {})

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.child.start()
        self.child.wait_for(self._answers, 30, "exim does not answer")

    def stop(self) -> None:
        """End it."""
        self.child.stop()

    def send(self, raw: bytes, to: str, sender: str = f"ann@{PEOPLE}") -> None:
        """Hand it one mail, as somebody's client does."""
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            client.sendmail(sender, [to], raw)

    def received(self, name: str = "ann") -> list[EmailMessage]:
        """What somebody has got, the oldest first."""
        folder = self.folder / "maildir" / name
        if not (folder / "new").exists():
            return []
        box = mailbox.Maildir(folder, factory=None)
        keys = sorted(box.keys(), key=lambda key: (folder / "new" / key).stat().st_mtime_ns)
        return [message_from_bytes(box.get_bytes(key), policy=policy.default) for key in keys]

    def _answers(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=2) as client:
                return client.noop()[0] == 250
        except OSError:
            return False
