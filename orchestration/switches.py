"""What schedules and sensors are from the start: on or off by one setting; each is switched alone in Dagster."""

import dagster as dg

from orchestration.system import Installation


def schedule_status(installation: Installation) -> dg.DefaultScheduleStatus:
    """What a schedule is as long as nobody has switched it by hand."""
    return dg.DefaultScheduleStatus.RUNNING if installation.settings.schedules else dg.DefaultScheduleStatus.STOPPED


def sensor_status(installation: Installation) -> dg.DefaultSensorStatus:
    """What a sensor is as long as nobody has switched it by hand."""
    return dg.DefaultSensorStatus.RUNNING if installation.settings.schedules else dg.DefaultSensorStatus.STOPPED
