"""Writes page traces, of a sample of the pages, after their answers were sent."""

import logging

import msgspec

from infra.clock import Clock
from infra.settings import Settings
from serving.asker import RequestAsker
from serving.definition import ProcessValues
from serving.feedback.decision_log import DecisionLog
from serving.feedback.page_trace import traced
from serving.items import ItemStates
from serving.page import Page

TRACES = "traces"  # below the part of the home that the service keeps
HASHES = float(1 << 32)
log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class PageTraces:
    """The traces of one system: of a `traced_share` of its pages, and of those whose caller asked to explain them."""

    def __init__(self, settings: Settings, clock: Clock, process: ProcessValues, states: ItemStates) -> None:
        self._log = DecisionLog(settings.serving / TRACES, clock.now, process.landing, settings.hand_over_s)
        self._share, self._states = process.traced_share, states

    def start(self) -> None:
        """Begin to write."""
        self._log.start()

    def stop(self) -> None:
        """Write what is waiting, and hand the file over."""
        self._log.stop()

    def offer(self, page: Page, who: RequestAsker, *, explained: bool) -> None:
        """Write the trace of a page if it is one of the sample, which its id says, or was explained."""
        # Another part of the id than the one by which the shadow draws: both samples are independent.
        if not explained and int(page.request_id[8:16], 16) >= self._share * HASHES:
            return
        try:
            trace = traced(page, who, self._states)
        except Exception:  # a page without a trace is better than an error after its answer
            log.exception("traces: page %s could not be traced", page.request_id)
            return
        if trace is not None:
            self._log.put([_encode(trace)])
