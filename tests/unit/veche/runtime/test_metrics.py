import pytest

from veche.runtime import metrics


def test_metrics_are_in_the_text() -> None:
    metrics.counter("veche_test_things_total", "Things.", ["kind"]).labels("a").inc(3)
    assert b'veche_test_things_total{kind="a"} 3.0' in metrics.text()
    assert b"process_resident_memory_bytes" in metrics.text()


def test_the_same_name_cannot_be_used_twice() -> None:
    metrics.gauge("veche_test_number", "A number.")
    with pytest.raises(ValueError, match="Duplicated"):
        metrics.gauge("veche_test_number", "A number.")


def test_a_name_of_somebody_else_is_refused() -> None:
    with pytest.raises(ValueError, match="starts with veche_"):
        metrics.histogram("synapse_seconds", "Not ours.")
