"""The features of an ETA: the base route as the request gives it, and how far off such routes were lately."""

from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal
from feature_repo.request_time import Age, Context, Count, Feature, Hour, Number, Plain, Rate, Weekday

ENTITIES = {
    "driver_id": "a driver, or a vehicle",
    "fleet": "for whom drivers drive",
    "from_zone": "where a way begins",
    "to_zone": "where a way ends",
    "zone_pair": "both ends of a way",
    "pair_hour": "both ends of a way, and the hour of the day",
    "area": "whose weather is measured together",
}
OFF_BY = "took_minutes - route_minutes"

SIGNALS = (
    Signal("started", "trips", "a trip set off"),
    Signal("arrived", "arrivals", "a trip arrived"),
    Signal("planned", "arrivals", "minutes that routes were said to take", weight="route_minutes"),
    Signal("taken", "arrivals", "minutes that trips took", weight="took_minutes"),
    Signal("longer", "arrivals", "minutes that trips took longer than their routes", weight=OFF_BY),
)


def _slowness(name: str, key: str, meaning: str, *labels: str) -> CounterView:
    return CounterView(name, (key,), dict.fromkeys(("arrived", "planned", "taken", "longer"), labels), meaning)


COUNTER_VIEWS = (
    _slowness("pair", "zone_pair", "how far off routes between two zones were", "1h", "1d", "30d"),
    _slowness("hourly", "pair_hour", "the same at this hour of other days", "30d"),
    _slowness("origin", "from_zone", "how slow it is to leave a zone", "10m", "1h", "30d"),
    _slowness("goal", "to_zone", "how slow it is to reach a zone", "10m", "1h", "30d"),
    _slowness("driver", "driver_id", "how slow a driver is", "30d"),
    _slowness("fleets", "fleet", "how slow a fleet's drivers are, and all of them by this hour", "10m", "1h", "30d"),
    CounterView("demand", ("from_zone",), {"started": ("1h", "7d")}, "how many set off from a zone"),
)

PROFILE_VIEWS = (
    ProfileView(
        "sky",
        "weather",
        ("area",),
        {name: ("Float32", name) for name in ("rain_mm", "wind_kmh", "visibility_km")},
        "the weather as it was last measured",
    ),
    ProfileView(
        "place",
        "zones",
        ("to_zone",),
        {name: ("Float32", name) for name in ("north_km", "east_km")},
        "where a way ends: of a new zone nothing else is known",
    ),
    ProfileView(
        "career", "drivers", ("driver_id",), {"since": ("Int64", "unix_seconds(since)")}, "since when somebody drives"
    ),
)


def _slow(view: str, *labels: str) -> tuple[Feature, ...]:
    """How many times the route's minutes trips took, drawn to 1 by an hour's worth of routes."""
    return tuple(Rate(f"{view}_slow_{t}", f"{view}.taken_{t}", f"{view}.planned_{t}", 1.0, 60.0) for t in labels)


def _longer(view: str, *labels: str) -> tuple[Feature, ...]:
    """By how many minutes a trip took longer, drawn to 0 by three trips' worth."""
    return tuple(Rate(f"{view}_longer_{t}", f"{view}.longer_{t}", f"{view}.arrived_{t}", 0.0, 3.0) for t in labels)


FEATURES: tuple[Feature, ...] = (
    Context("route_minutes", neutral=0.0),
    Context("distance_km", neutral=0.0),
    Context("elapsed_minutes", neutral=0.0),
    Context("late_minutes", neutral=0.0),
    *_longer("pair", "1h", "1d", "30d"),
    *_slow("pair", "1h", "1d", "30d"),
    *_longer("hourly", "30d"),
    *_slow("hourly", "30d"),
    *_slow("origin", "10m", "1h", "30d"),
    *_slow("goal", "10m", "1h", "30d"),
    *_slow("driver", "30d"),
    *_slow("fleets", "10m", "1h", "30d"),
    Count("pair_arrived_30d", "pair.arrived_30d"),
    Count("goal_arrived_30d", "goal.arrived_30d"),
    Count("origin_started_1h", "demand.started_1h"),
    Count("origin_started_7d", "demand.started_7d"),
    Plain("goal_north", "place.north_km"),
    Plain("goal_east", "place.east_km"),
    Age("driver_age", "career.since"),
    Number("rain", "sky.rain_mm"),
    Number("wind", "sky.wind_kmh"),
    Number("visibility", "sky.visibility_km"),
    Hour("hour"),
    Weekday("weekday"),
)

ETA_FEATURES = FeatureSet(
    name="eta",
    version=1,
    owner="routing team",
    entities=ENTITIES,
    lookups=(),
    signals=SIGNALS,
    counter_views=COUNTER_VIEWS,
    profile_views=PROFILE_VIEWS,
    features=FEATURES,
)
