"""Metrics of the ledger's writer, and of files for banks."""

from __future__ import annotations

import functools
from typing import Final

from veche.runtime import metrics

waiting: Final = metrics.gauge(
    "veche_ledger_waiting", "Transfers and accounts to open that wait for the ledger's writer."
)
decide_s: Final = metrics.histogram(
    "veche_ledger_decide_seconds", "Time to look up, decide and seal a block."
)
commit_s: Final = metrics.histogram(
    "veche_ledger_commit_seconds", "Time to commit a block, its riders included."
)
blocks: Final = metrics.counter("veche_ledger_blocks_total", "Blocks committed.")
_results: Final = metrics.counter(
    "veche_ledger_results_total", "Answers to transfers, committed.", ["result"]
)
take_overs: Final = metrics.counter(
    "veche_ledger_take_overs_total", "How often this process became the ledger's writer."
)
stalled: Final = metrics.counter(
    "veche_ledger_stalled_total", "Writers that were ended since they did nothing any more."
)
broken: Final = metrics.counter(
    "veche_ledger_broken_total",
    "Works that the database refused though the ledger had decided them: bugs of ours.",
)
dead_letters: Final = metrics.gauge(
    "veche_ledger_dead_letters",
    "Attempts that rest until an operator has them tried again: bugs of ours.",
)
epoch: Final = metrics.gauge(
    "veche_ledger_epoch", "The epoch in which this process writes the ledger; 0 if it does not."
)
files_waiting: Final = metrics.gauge(
    "veche_bank_files_waiting",
    "Files that a bank has not said for ten minutes that it has.",
    ["bank"],
)
holds: Final = metrics.gauge("veche_ledger_holds_open", "Holds that are open.")
ahead_ms: Final = metrics.gauge(
    "veche_ledger_ahead_ms", "How far the ledger's time is ahead of the clock, milliseconds."
)

# Looking a label up costs more than counting.
result: Final = functools.cache(_results.labels)
