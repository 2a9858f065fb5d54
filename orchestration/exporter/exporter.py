"""All figures of some installations, as Prometheus' client asks for them."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from orchestration.exporter import jobs, notices, releases, reports, tables, watched
from orchestration.exporter.families import FAMILIES, READ, READ_SECONDS
from orchestration.exporter.family import Sample
from orchestration.system import Installation

KEPT_S = 5.0  # figures so old are good enough: looks in a row, however many, cost one reading
Read = Callable[[Installation], Iterable[Sample]]
READERS: Mapping[str, Read] = {
    "jobs": jobs.samples,
    "tables": tables.samples,
    "releases": releases.samples,
    "notices": notices.samples,
    "watched": watched.samples,
    "reports": reports.samples,
}
Series = dict[tuple[str, ...], float]
log = logging.getLogger(__name__)


class Exporter(Collector):
    """The figures of each installation. A part that cannot be read is left out and said to be; the others stay."""

    def __init__(
        self,
        installations: Sequence[Installation],
        readers: Mapping[str, Read] = READERS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._installations, self._readers, self._clock = installations, readers, clock
        self._lock, self._kept, self._kept_at = threading.Lock(), list[GaugeMetricFamily](), -KEPT_S

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures as they are now, or were some seconds ago."""
        with self._lock:
            if self._clock() - self._kept_at >= KEPT_S:
                self._kept, self._kept_at = list(self._read()), self._clock()
            yield from self._kept

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The families without a value: the client asks for them at the start, when nothing need be readable yet."""
        for family in FAMILIES:
            yield GaugeMetricFamily(family.name, family.says)

    def _read(self) -> Iterator[GaugeMetricFamily]:
        series: dict[str, Series] = {family.name: {} for family in FAMILIES}
        for installation in self._installations:
            for sample in self._samples(installation):
                _add(series[sample.family.name], installation, sample)
        for family in FAMILIES:
            names = ["system", *(label.name for label in family.labels)]
            metric = GaugeMetricFamily(family.name, family.says, labels=names)
            for labels, value in sorted(series[family.name].items()):
                metric.add_metric(labels, value)
            if series[family.name]:
                yield metric

    def _samples(self, installation: Installation) -> Iterator[Sample]:
        for part, read in self._readers.items():
            began = self._clock()
            try:
                samples = list(read(installation))
            except Exception:  # a broken file, a locked database: the other parts are still to be seen
                log.exception("%s: the figures of %s could not be read", installation.system.name, part)
                yield Sample(READ, 0.0, (part,))
                continue
            yield from samples
            yield Sample(READ, 1.0, (part,))
            yield Sample(READ_SECONDS, self._clock() - began, (part,))


def _add(series: Series, installation: Installation, sample: Sample) -> None:
    """Add a sample to its series; values of labels that are not among those allowed are counted together."""
    labels = tuple(
        label.bounded(installation, value) for label, value in zip(sample.family.labels, sample.labels, strict=True)
    )
    key = (installation.system.name, *labels)
    series[key] = series.get(key, 0.0) + sample.value
