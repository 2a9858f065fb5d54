"""Two writers of one table: the second waits and says for whom, or gives up with a sentence."""

import logging
import threading

import pytest

from infra.errors import Unavailable
from infra.lake import Lake


def test_who_comes_second_is_told_whose_turn_it_is_and_what_to_do(tmp_path):
    with (
        Lake(tmp_path).locked("parcels"),
        pytest.raises(Unavailable, match=r"parcels: process \d+ \(`.*`\) has been writing it for \d+ s; waited 0 s"),
        Lake(tmp_path, wait_s=0).locked("parcels"),
    ):
        pass


def test_who_waits_says_so_once_and_then_has_it(tmp_path, caplog):
    asked, order = threading.Event(), []

    class Asked(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            asked.set()

    def second() -> None:
        with Lake(tmp_path).locked("parcels"):
            order.append("second")

    log = logging.getLogger("infra.writer_lock")
    log.addHandler(handler := Asked())
    try:
        with Lake(tmp_path).locked("parcels"):
            waiting = threading.Thread(target=second)
            waiting.start()
            assert asked.wait(30)
            order.append("first")
        waiting.join(30)
    finally:
        log.removeHandler(handler)
    assert order == ["first", "second"]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["parcels"]


def test_other_tables_are_not_held(tmp_path):
    with Lake(tmp_path).locked("parcels"), Lake(tmp_path, wait_s=0).locked("doors"):
        assert True
