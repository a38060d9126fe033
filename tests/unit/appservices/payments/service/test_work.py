"""What waits for the ledger's writer: bounds, order, and finding the one that breaks a block."""

from __future__ import annotations

import math

import pytest

from appservices.payments.ledger.core import Result
from appservices.payments.ledger.core.values import ROWS_MAX
from appservices.payments.ledger.service.work import (
    BISECT_MAX,
    QUEUE_MAX,
    BusyError,
    Entry,
    Outcome,
    Queue,
    Work,
)
from tests.support.ledger import transfer
from tests.support.tables import each_row

ONE = transfer()


def work(size: int = 1) -> Work:
    return Work([ONE] * size)


def test_a_full_queue_refuses_what_is_beyond_it() -> None:
    queue = Queue()
    for size in [ROWS_MAX] * (QUEUE_MAX // ROWS_MAX) + [QUEUE_MAX % ROWS_MAX]:
        queue.add(work(size))

    assert queue.size == QUEUE_MAX
    with pytest.raises(BusyError) as caught:
        queue.add(work())
    assert caught.value.retry_after_ms > 0


@pytest.mark.parametrize("size", [0, ROWS_MAX + 1])
def test_a_work_that_fits_no_block_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="a work has 1 to 8000"):
        Queue().add(work(size))


def test_a_block_takes_whole_works_in_order() -> None:
    queue = Queue()
    entries = [queue.add(work(size)) for size in (3_000, 5_000, 1)]

    assert queue.take() == entries[:2]
    assert queue.take() == entries[2:]
    assert queue.take() == []
    assert queue.size == 0


@each_row(("most", "count"), [(0, 1), (3, 1), (4, 1), (5, 1), (6, 2), (99, 3)])
def test_a_block_takes_no_more_than_it_is_asked_to_but_one_work(most: int, count: int) -> None:
    queue = Queue()
    entries = [queue.add(work(size)) for size in (4, 2, 1)]

    assert queue.take(most) == entries[:count]
    assert queue.size == sum(entry.size for entry in entries[count:])


def test_what_is_put_back_stands_where_it_stood() -> None:
    queue = Queue()
    entries = [queue.add(work()) for _ in range(5)]
    taken = queue.take()

    queue.add(work())
    queue.put_back(taken[3:])
    queue.put_back(taken[:3])
    assert queue.take()[:5] == entries
    assert queue.size == 0


@each_row("place", [0, 1, 4_095, 7_999])
def test_the_work_that_breaks_a_block_is_found_in_few_tries(place: int) -> None:
    queue = Queue()
    entries = [queue.add(work()) for _ in range(ROWS_MAX)]
    bad, tries, kept = entries[place], 0, 0

    found: Entry | None = None
    while found is None:
        taken = queue.take()
        if bad in taken:
            tries += 1
            found = queue.bisect(taken)
        else:
            kept += len(taken)

    assert found is bad
    assert tries <= BISECT_MAX
    assert math.ceil(math.log2(ROWS_MAX)) <= BISECT_MAX
    assert kept == place
    assert len(queue.take()) == ROWS_MAX - place - 1


def test_blocks_grow_again_after_the_trouble() -> None:
    queue = Queue()
    for _ in range(64):
        queue.add(work())
    assert queue.bisect(queue.take()) is None

    sizes = []
    while taken := queue.take():
        sizes.append(len(taken))
        queue.grow()
    assert sizes == [32, 32]


def test_a_repeated_chain_is_done_though_its_followers_say_otherwise() -> None:
    assert Outcome([Result.EXISTS, Result.LINKED_EVENT_FAILED], 1, (), None).is_done
    assert not Outcome([Result.LINKED_EVENT_FAILED, Result.EXCEEDS_CREDITS], 1, (), None).is_done
