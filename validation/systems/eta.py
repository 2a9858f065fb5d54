"""The six tables of an ETA: where, who drives, each trip, each time shown for it, when it arrived, the weather."""

from dataclasses import replace
from datetime import timedelta

from validation.contract import Column, Rule, Table
from validation.definition import BatchLimits, Cap, GateLimits
from validation.derived import HourOf, Joined

NAME, TRIP, DRIVER, ZONE_PAIR = "eta", "trip_id", "driver_id", "zone_pair"
DESCRIBED = BatchLimits(max_null=1.0, fresh_within=timedelta(days=3650))
LONGEST_TRIP = timedelta(hours=4)
"""A trip that takes longer is given up: its updates never get an outcome."""

TIMES = (
    Column("event_time", "timestamp", "when it happened, or became true"),
    Column("received_at", "timestamp", "when we received it"),
)
RECEIVED_AFTER_EVENT = Rule(
    "received_after_event", "received_at >= event_time", "nothing is known before it happens: a clock is wrong"
)
WAY = (
    Column("from_zone", "string", "where the way begins"),
    Column("to_zone", "string", "where it ends", refers_to="zones"),
)
MADE = (
    Column("zone_pair", "string", "both ends of the way", derived=Joined(("from_zone", "to_zone"))),
    Column("hour_utc", "int32", "hour of the day", "h", 0, 23, derived=HourOf("event_time")),
    Column("pair_hour", "string", "both ends, and the hour", derived=Joined(("zone_pair", "hour_utc"), by="@")),
)
DRIVER_ID = Column("driver_id", "string", "pseudonym of the driver, or the vehicle")
FLEET = Column("fleet", "string", "for whom it is driven")
VEHICLE = (replace(DRIVER_ID, refers_to="drivers"), FLEET)


def _table(
    name: str,
    row: str,
    key: tuple[str, ...],
    columns: tuple[Column, ...],
    rules: tuple[Rule, ...] = (),
    *,
    person: str | None = None,
    versioned: bool = False,
) -> Table:
    times, rules = ("event_time", "received_at"), (RECEIVED_AFTER_EVENT, *rules)
    columns = (*columns, *TIMES, *(MADE if set(WAY) <= set(columns) else ()))
    return Table(name, row, "routing team", key, *times, columns, rules, DESCRIBED, versioned, person=person)


ZONES = _table(
    "zones",
    "one zone as described at event_time",
    ("to_zone",),
    (
        Column("to_zone", "string", "id of the zone, under the name of the column by which ways end in it"),
        Column("area", "string", "the area whose weather it has"),
        Column("north_km", "float32", "how far north of the map's middle", "km", -20_000, 20_000, nullable=True),
        Column("east_km", "float32", "how far east of it", "km", -20_000, 20_000, nullable=True),
    ),
    versioned=True,
)
DRIVERS = _table(
    "drivers",
    "one driver as described at event_time",
    ("driver_id",),
    (DRIVER_ID, FLEET, Column("since", "timestamp", "since when this driver, or vehicle, drives", nullable=True)),
    person=DRIVER,
    versioned=True,
)
TRIPS = _table(
    "trips",
    "one trip that set off",
    ("trip_id",),
    (
        Column("trip_id", "string", "id of the trip"),
        *VEHICLE,
        *WAY,
        Column("distance_km", "float32", "length of the route", "km", 0, 20_000),
        Column("route_minutes", "float32", "what the router, or the plan, says it takes", "min", 0, 1_440),
    ),
    person=DRIVER,
)
UPDATES = _table(
    "updates",
    "one time shown for a trip under way: the minutes that are left, from where the vehicle is",
    ("update_id",),
    (
        Column("update_id", "string", "id of the update"),
        Column("trip_id", "string", "the trip", refers_to="trips"),
        *VEHICLE,
        *WAY,
        Column("area", "string", "the area whose weather is read"),
        Column("distance_km", "float32", "what is left of the route", "km", 0, 20_000, logged=True),
        Column("route_minutes", "float32", "what the router says is left: the base", "min", 0, 1_440, logged=True),
        Column("elapsed_minutes", "float32", "since the trip set off", "min", 0, 1_440, logged=True),
        Column("late_minutes", "float32", "how late it set off; null: no plan", "min", nullable=True, logged=True),
        Column("minutes", "float32", "what was shown; null: not logged", "min", 0, 2_880, nullable=True),
        Column("promise", "float32", "until then it is there nine times of ten", "min", 0, 2_880, nullable=True),
        Column("release", "string", "version of the release that said so; null when none did", nullable=True),
        Column("served_by", "string", "rung of the ladder that the answer came from", nullable=True),
        Column("variant", "string", "the variant that the order was drawn for", nullable=True),
        Column("score", "float32", "minutes before the last ETA was looked at; null: not logged", nullable=True),
        Column("served_features", "floats", "features as served, in the order of the release", nullable=True),
    ),
    person=DRIVER,
)
ARRIVALS = _table(
    "arrivals",
    "one trip that arrived",
    ("trip_id",),
    (
        Column("trip_id", "string", "the trip", refers_to="trips"),
        *VEHICLE,
        *WAY,
        Column("route_minutes", "float32", "what the route was said to take as it set off", "min", 0, 1_440),
        Column("took_minutes", "float32", "from setting off to arriving", "min", 0, 2_880),
    ),
    (Rule("not_faster_than_light", "took_minutes * 20 >= route_minutes", "twenty times as fast: a clock is wrong"),),
    person=DRIVER,
)
WEATHER = _table(
    "weather",
    "what was measured in an area",
    ("area",),
    (
        Column("area", "string", "where"),
        Column("rain_mm", "float32", "rain in the last hour", "mm", 0, 500, nullable=True),
        Column("wind_kmh", "float32", "mean wind", "km/h", 0, 500, nullable=True),
        Column("visibility_km", "float32", "how far one sees", "km", 0, 500, nullable=True),
    ),
    versioned=True,
)
TABLES = (ZONES, DRIVERS, TRIPS, UPDATES, ARRIVALS, WEATHER)

ETA_LIMITS = GateLimits(  # differences of merit are minutes
    baselines=("base",),
    min_rows=500,
    min_slice_units=50,
    champion_margin=0.05,
    max_undecided=0.5,
    slice_margin=0.25,
    max_share_of_perfect=0.9,  # rush hours are no secret: most of what a route without traffic is off by can be known
    caps=(
        Cap("coverage_p90", at_least=0.85, mend="the promise is kept too seldom: learn from newer days"),
        Cap("jumps_over_2", at_most=0.25, mend="the number jumps: drop what changes by the minute"),
    ),
)
