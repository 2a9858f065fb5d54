"""The report's off-policy values: of pages in random order only, and only where these are enough."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from shop import SIZE, TASK

from infra.lake import Lake
from training.fitting.train import Trained
from training.release.value import RandomPages, random_pages, value_section
from training.rows.dataset import Dataset
from validation.contract import Column, Table

LOGGING = replace(TASK, place="place", propensity="chance")


def pages(shop: Dataset, trained: Trained, by_lot: float) -> RandomPages:
    """The shop's judge rows, each list in the order in which its wares were drawn; so it is logged of a share."""
    judge = trained.rows["judge"]
    place, lists = shop.column("place")[judge] + 1, shop.frame[TASK.unit].iloc[judge]
    random = pd.factorize(lists)[0] % 100 < 100 * by_lot
    logged = pd.DataFrame({"place": place, "chance": np.where(random, 0.01, np.nan)})
    return RandomPages(shop, LOGGING, judge, logged, trained.fitted["xgboost"])


def test_the_better_ranker_has_the_higher_value_and_a_model_makes_it_surer(shop: Dataset, trained: Trained) -> None:
    random = pages(shop, trained, 1.0)
    scores, drawn = trained.scores["xgboost"], trained.judged.columns["gain"].mean()
    best_first, worst_first = random.value(scores), random.value(-scores)
    assert best_first.doubly_robust.low > drawn > worst_first.doubly_robust.high
    widths = [value.high - value.low for value in (best_first.doubly_robust, best_first.ips)]
    assert widths[0] < widths[1]
    section = value_section(random, trained)
    assert f"the {len(trained.judged.columns['gain']) // SIZE:,} judged pages whose order was drawn by lot" in section
    assert re.search(r"\| xgboost \| 0\.\d{4} \[0\.\d{4}, 0\.\d{4}\] \|", section)


def test_too_few_pages_in_random_order_are_told_instead_of_a_value(shop: Dataset, trained: Trained) -> None:
    assert re.search(r"Not estimated: too few effective rows: \d+ of \d+ decisions, 100 are needed", value_section(
        pages(shop, trained, 0.05), trained))  # fmt: skip
    assert "too few effective rows: 0 of 0 decisions" in value_section(pages(shop, trained, 0.0), trained)


def test_places_and_propensities_are_read_from_the_log_of_shown_rows(
    shop: Dataset, trained: Trained, tmp_path: Path
) -> None:
    judge, lake = trained.rows["judge"], Lake(tmp_path)
    table = Table("shown", "a ware shown", "tests", ("list", "ware"), "at", "received", (
        Column("list", "string", "the list"), Column("ware", "string", "the ware"),
        Column("at", "timestamp", "when it was shown"), Column("received", "timestamp", "when that was known"),
        Column("place", "int32", "the place"), Column("chance", "float32", "its propensity", nullable=True),
    ))  # fmt: skip
    shown = shop.frame.assign(place=shop.column("place").astype(np.int32) + 1, chance=np.float32(0.01)).iloc[judge]
    rows = shown.assign(at=shown["event_timestamp"], received=shown["event_timestamp"] + timedelta(seconds=1))
    rows = rows[[column.name for column in table.columns]].sample(frac=1, random_state=1)
    lake.append("tables/shown", rows["at"].max().date(), pa.Table.from_pandas(rows, schema=table.schema))
    read = random_pages(lake, {"shown": table}, shop, LOGGING, judge, trained.fitted["xgboost"])
    assert read is not None
    scores = trained.scores["xgboost"]
    expected = pages(shop, trained, 1.0).value(scores)
    assert read.value(scores).rows == expected.rows
    assert read.value(scores).doubly_robust.mean == pytest.approx(expected.doubly_robust.mean, rel=0.02)  # twice a ware
    assert random_pages(lake, {"shown": table}, shop, TASK, judge, None) is None, "it names no such columns"
    assert value_section(None, trained) == ""
