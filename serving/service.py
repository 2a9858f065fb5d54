"""The BentoML service of the home feed: `bentoml serve serving.service:HomeFeed`."""

import os

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")  # read once, when BentoML is first asked

import bentoml

from serving.app import App
from serving.home_feed import SERVED
from serving.online import online
from validation.settings import Settings

SETTINGS = Settings()
SYSTEM = os.environ.get("FLYWHEEL_SYSTEM", SERVED.policy.name)
BUDGET = SERVED.policy.budget
APP = App(SERVED, lambda: online(SERVED, SETTINGS, SYSTEM))


@bentoml.service(
    name="home_feed",
    workers=1,  # one process holds the item states; more capacity is more processes behind a balancer
    traffic={"timeout": BUDGET.request_s, "max_concurrency": BUDGET.max_in_flight},
    http={"host": SETTINGS.service_host, "port": SETTINGS.service_port, "cors": {"enabled": False}},
    metrics={"enabled": False},  # /metrics is ours: without BentoML's middleware and its files shared between services
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(APP.starlette(), path="/")
class HomeFeed:
    """Ranks the home feed, remembers what it showed, and always answers."""

    def __is_ready__(self) -> bool:
        return APP.online is not None and APP.online.ready
