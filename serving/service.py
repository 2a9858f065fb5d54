"""The BentoML service of the system that FLYWHEEL_SYSTEM names: `bentoml serve serving.service:HomeFeed`."""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from infra.settings import Settings
from infra.systems import named_system
from infra.unmigrated import migrated
from serving.running import shared_metrics_environment

# Each is read only once: by BentoML at its first call, by the Prometheus client and numpy at their import, by malloc
# when a worker begins.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for the workers: threads make products so small up to 25 × dearer
os.environ.setdefault("MALLOC_ARENA_MAX", "1")  # for the workers: threads share what is free, 25 MiB less of it
os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")  # for the workers: huge pages, 3 % less CPU
os.environ |= shared_metrics_environment(migrated(Settings()).serving / "metrics")

import bentoml

from serving.access import must_name_keyring

if TYPE_CHECKING:
    from serving.api import Application, Asgi

SETTINGS = Settings()
must_name_keyring(SETTINGS)  # here, so that the error comes once and not from each worker
SYSTEM = named_system(SETTINGS)


@cache
def app() -> "Application":
    """What answers. The process that watches the workers never imports it: they begin 0.15 to 0.3 s sooner."""
    from serving.api import app_for

    return app_for(SYSTEM.load_served(), SETTINGS, SYSTEM.name)


class HotRouteService(bentoml.Service[Any]):  # type: ignore[misc]  # BentoML names it lazily, as Any
    """A service whose hot routes are answered before BentoML's middlewares.

    Those keep a task and a timer of a minute for every request, and look at its address. Budgets and admission are ours
    (serving/limits/budget.py, serving/limits/shedding.py).
    """

    def to_asgi(self, is_main: bool = True) -> "Asgi":
        """The whole app, as a worker serves it."""
        from serving.api import limited, traced

        limited(SETTINGS)
        self.mount_asgi_app(app().starlette(), path="/")
        return traced(app().with_hot_routes(super().to_asgi(is_main)), SETTINGS)


@bentoml.service(
    name=SYSTEM.name,
    service_class=HotRouteService,
    workers=SETTINGS.service_workers,
    http={"host": SETTINGS.service_host, "port": SETTINGS.service_port, "cors": {"enabled": False}},
    metrics={"enabled": False},  # /metrics is ours
    logging={"access": {"enabled": False}},
)
class HomeFeed:
    """Answers for one system, remembers what it answered, and always answers."""

    def __is_ready__(self) -> bool:
        parts = app().online
        return parts is not None and parts.ready
