"""The map over threads: order, bounds, errors at their place, an early end."""

from __future__ import annotations

import threading
import time

import pytest

from vostool.core.threads import MadeInOrder, ordered_map


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_their_items(threads):
    def slow_when_even(number):
        time.sleep(0.002 * (number % 2 == 0))
        return number**2

    found = ordered_map(slow_when_even, iter(range(20)), threads=threads)
    assert list(found) == [number**2 for number in range(20)]


def test_no_more_than_a_few_wait():
    begun, most = [], 0
    for taken, _ in enumerate(ordered_map(begun.append, range(30), threads=2, ahead=3), 1):
        time.sleep(0.001)
        most = max(most, len(begun) - taken)
    assert len(begun) == 30
    assert 1 <= most <= 3


def test_an_error_is_raised_where_its_item_comes_and_nothing_more_is_begun():
    begun = []

    def fail_at_three(number):
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    found = ordered_map(fail_at_three, range(1000), threads=1, ahead=2)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(found)
    assert max(begun) < 10


def test_stopping_early_leaves_no_thread():
    found = ordered_map(lambda number: number, range(100), threads=2, name="early-end")
    assert next(found) == 0
    assert any(thread.name.startswith("early-end") for thread in threading.enumerate())
    found.close()
    assert not any(thread.name.startswith("early-end") for thread in threading.enumerate())


def test_threads_work_side_by_side():
    together = threading.Barrier(3, timeout=10)
    assert sorted(ordered_map(lambda _: together.wait(), range(3), threads=3)) == [0, 1, 2]


def test_the_first_ones_are_begun_at_once():
    begun = threading.Event()
    with MadeInOrder(lambda number: begun.set() or number, range(4), threads=1, ahead=2) as made:
        assert begun.wait(10), "nobody has asked for one yet"
        assert list(made) == [0, 1, 2, 3]
