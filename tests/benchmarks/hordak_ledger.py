"""django-hordak as a baseline: some processes that transfer money for a while.

Run as ``python -m tests.benchmarks.hordak_ledger DSN SECONDS``; prints transfers a second.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from typing import Any, Final

import django
from django.conf import settings
from psycopg2.extensions import parse_dsn

PROCESSES: Final = 8
ACCOUNTS: Final = 1_000


def configure(dsn: str) -> None:
    """Make Django speak with a database."""
    parts = parse_dsn(dsn)
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts["dbname"],
                "USER": parts["user"],
                "HOST": parts["host"],
            }
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DEFAULT_CURRENCY="EUR",
        CURRENCIES=["EUR"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        SECRET_KEY="none",
    )
    django.setup()


def prepare(dsn: str) -> None:
    """Make the tables and the accounts."""
    configure(dsn)
    from django.core.management import call_command  # noqa: PLC0415 -- once it is configured
    from hordak.models import Account  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    for number in range(ACCOUNTS):
        Account.objects.create(name=f"a{number}", type="LI", code=str(number), currencies=["EUR"])


def pay(dsn: str, run_s: float, counts: Any) -> None:
    """Transfer between accounts chosen evenly until the time is over."""
    configure(dsn)
    from django.db import transaction  # noqa: PLC0415 -- once it is configured
    from hordak.models import Account  # noqa: PLC0415
    from moneyed import Money  # noqa: PLC0415

    accounts = list(Account.objects.all())
    count, end_s = 0, time.monotonic() + run_s
    while time.monotonic() < end_s:
        payer, payee = random.sample(accounts, 2)
        with transaction.atomic():
            payer.transfer_to(payee, Money(random.randrange(1, 100), "EUR"))  # noqa: S311 -- load
        count += 1
    counts.put(count)


def main(dsn: str, run_s: float) -> float:
    """Transfers a second of all processes together."""
    spawning = multiprocessing.get_context("spawn")
    counts = spawning.Queue()
    first = spawning.Process(target=prepare, args=(dsn,))
    first.start()
    first.join()
    workers = [spawning.Process(target=pay, args=(dsn, run_s, counts)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    total: int = sum(counts.get() for _ in workers)
    for worker in workers:
        worker.join()
    return total / run_s


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1], float(sys.argv[2]))}\n")
