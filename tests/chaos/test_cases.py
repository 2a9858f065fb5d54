"""A service of cases takes the worst faults without an error, and reviews no more than a day has room for."""

from collections.abc import Iterator

import httpx
import pytest

from serving.access.keyring import bearer
from tests.chaos.cases import CASE_FAULTS, RUNGS, CaseStage, decided
from tests.chaos.trial import Course, tried

SHORT = Course(before_s=0.5, during_s=1.5, after_s=1.0, rate=20.0)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaseStage]:
    with CaseStage(tmp_path_factory.mktemp("chaos")) as built:
        yield built


def test_every_fault_is_one_of_the_feeds() -> None:
    assert {fault.name for fault in CASE_FAULTS} == set(RUNGS)


@pytest.mark.parametrize("name", ["Redis takes requests and never answers", "a worker is killed"])
def test_callers_see_no_error(stage: CaseStage, name: str) -> None:
    (fault,) = [fault for fault in CASE_FAULTS if fault.name == name]
    trial = tried(stage, fault, SHORT, decided)
    assert (trial.errors, trial.invalid) == (0, 0)
    assert fault.rungs & trial.rungs.keys()
    headers = bearer(stage.settings, "review")
    queue = httpx.get(f"http://127.0.0.1:{stage.settings.service_port}/v1/queue", headers=headers).json()
    assert queue["today"] <= queue["a_day"] == 100
