"""Metrics of encryption."""

from __future__ import annotations

from veche.runtime.metrics import counter, gauge

opened = counter("veche_crypto_opened_total", "Room events decrypted", ["trust"])
refused = counter("veche_crypto_refused_total", "Events dropped, by check", ["where", "reason"])
waiting = gauge("veche_crypto_waiting", "Events that wait for a room key", ["bot"])
withheld = counter("veche_crypto_withheld_received_total", "Keys refused to us", ["code"])
one_time_keys = gauge("veche_crypto_one_time_keys", "Keys the server still hands out", ["bot"])
answered_at = gauge(
    "veche_crypto_answered_timestamp_seconds", "When the crypto channel last answered", ["bot"]
)
rotations = counter("veche_crypto_rotations_total", "New outbound room sessions", ["reason"])
locks_lost = counter("veche_crypto_locks_lost_total", "Writers that lost lock or epoch", ["why"])
writers = gauge("veche_crypto_writers", "Bots whose writer is in this process")
alarms = counter("veche_crypto_alarms_total", "Faults that an operator must look at", ["what"])
unwedged = counter("veche_crypto_unwedged_total", "m.dummy sent to open a new Olm session")
