"""The dashboards, in the order in which somebody looks who was woken."""

from infra.dashboards.business import BUSINESS
from infra.dashboards.data_health import DATA_HEALTH
from infra.dashboards.freshness import FRESHNESS
from infra.dashboards.request import REQUEST
from infra.dashboards.rollout import ROLLOUT

DASHBOARDS = (REQUEST, FRESHNESS, ROLLOUT, DATA_HEALTH, BUSINESS)
