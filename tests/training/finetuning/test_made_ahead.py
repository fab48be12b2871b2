"""Clips made ahead: in order, bounded, errors at their place, and an early end."""

from __future__ import annotations

import threading
import time

import pytest

from vostool.training.finetuning.made_ahead import MadeAhead


def test_all_in_order_and_never_too_many_ahead():
    made, taken, most = [], 0, 0

    def make(number):
        nonlocal most
        made.append(number)
        most = max(most, len(made) - taken)
        return number

    with MadeAhead(make, range(10), ahead=3) as ahead:
        for number in ahead:
            assert number == taken
            taken += 1
            time.sleep(0.001)
    assert taken == 10
    assert most <= 4
    assert ahead.waited >= 0


def test_they_are_made_while_the_caller_works():
    ready = threading.Event()

    def make(number):
        if number == 2:
            ready.set()
        return number

    with MadeAhead(make, range(5), ahead=3) as ahead:
        assert ready.wait(10), "nobody has asked for it yet"
        assert list(ahead) == [0, 1, 2, 3, 4]


def test_waiting_is_counted():
    with MadeAhead(lambda number: time.sleep(0.02) or number, range(3), ahead=1) as ahead:
        list(ahead)
    assert 0.03 < ahead.waited < 5


def test_an_error_comes_where_its_clip_would():
    def make(number):
        if number == 2:
            raise ValueError("two")
        return number

    with MadeAhead(make, range(5)) as ahead:
        assert [next(ahead), next(ahead)] == [0, 1]
        with pytest.raises(ValueError, match="two"):
            next(ahead)


def test_leaving_early_stops_the_thread():
    made = []
    with MadeAhead(lambda number: made.append(number), range(10**9), ahead=2) as ahead:
        next(ahead)
    count = len(made)
    time.sleep(0.02)
    assert len(made) == count <= 4
