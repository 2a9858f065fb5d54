"""The BentoML service of the home feed: `bentoml serve serving.service:HomeFeed`."""

import os
from functools import cache
from typing import TYPE_CHECKING

from serving import parent, worker_metrics  # noqa: F401  `parent` notes who started this process
from validation.settings import Settings

# Each is read once: by BentoML when it is first asked, by the Prometheus client and numpy when they are first imported,
# by malloc when a worker begins.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for the workers: threads make products so small up to 25 × dearer
os.environ.setdefault("MALLOC_ARENA_MAX", "1")  # for the workers: threads share what is free, 25 MiB less of it
os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")  # for the workers: huge pages, 3 % less CPU
os.environ |= worker_metrics.shared(Settings().home / "serving" / "metrics")

import bentoml

from serving import keyring

if TYPE_CHECKING:
    from serving.app import App

SETTINGS = Settings()
keyring.must_be_named(SETTINGS)  # said once here, not by each worker that cannot start


@cache
def app() -> "App":
    """What answers. The process that watches the workers never imports it: they begin 0.15 to 0.3 s sooner."""
    from serving.app import App
    from serving.home_feed import SERVED
    from serving.online import online

    return App(SERVED, lambda: online(SERVED, SETTINGS, os.environ.get("FLYWHEEL_SYSTEM", SERVED.policy.name)))


@bentoml.service(
    name="home_feed",
    workers=SETTINGS.service_workers,
    traffic={"timeout": 30},  # BentoML's last resort; budgets and admission are ours (serving/budget.py, shedding.py)
    http={"host": SETTINGS.service_host, "port": SETTINGS.service_port, "cors": {"enabled": False}},
    metrics={"enabled": False},  # /metrics is ours
    tracing={"excluded_urls": "/v1/"},  # spans that nobody collects cost a quarter of a millisecond a request
    logging={"access": {"enabled": False}},
)
class HomeFeed:
    """Ranks the home feed, remembers what it showed, and always answers."""

    def __is_ready__(self) -> bool:
        parts = app().online
        return parts is not None and parts.ready


if bentoml.server_context.worker_index is not None:
    HomeFeed.mount_asgi_app(app().starlette(), path="/")  # type: ignore[attr-defined]  # the decorator has made it a bentoml.Service
    HomeFeed.add_asgi_middleware(app().front)  # type: ignore[attr-defined]
