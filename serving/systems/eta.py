"""The ETA's policy: the minutes that the release says, held against the last ones shown for the trip; else the base."""

from feature_repo.systems.eta import ETA_FEATURES as FEATURES
from serving.case_policy import Hold, Say, ServedCases
from validation.systems.eta import ARRIVALS, NAME, TRIP, TRIPS, UPDATES

POLICY = Say(
    name=NAME,
    base="route_minutes",
    value="minutes",
    promise="promise",
    # Less than a minute more or less is no news; every 60 s take a minute off by themselves.
    hold=Hold(by=TRIP, within=1.0, each_s=60.0),
)

SERVED = ServedCases(POLICY, FEATURES, UPDATES, events=(TRIPS, ARRIVALS))
