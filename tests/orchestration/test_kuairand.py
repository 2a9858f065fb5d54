"""KuaiRand's files become rows of the feed's own tables: what was known when, in whose time, and what is not there."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from feature_repo.systems.home_feed import FEATURES
from infra.errors import DefinitionError
from infra.lake import Lake
from monitoring.systems.home_feed import HOME_FEED_WATCH
from orchestration.sources import kuairand, landing
from training.systems.home_feed import TASK
from validation.systems.home_feed import TABLES

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("KUAIRAND_FOLDER", ROOT.parent / "shared" / "data" / "kuairand"))

LOG = (
    "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,"
    "play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab"
)
CUT = (
    "user_id\tvideo_id\tdate\thourmin\ttime_ms\tis_click\tis_follow\tis_comment\tis_forward\tlong_view\t"
    "play_time_ms\tduration_ms\tcomment_stay_time\tis_profile_enter\tlabel\ttimestamp"
)
USERS = "user_id,user_active_degree,follow_user_num,fans_user_num,register_days\n7,full_active,120,45,10\n"
VIDEOS = (
    "video_id,author_id,video_type,upload_dt,visible_status,video_duration,tag\n"
    '11,900,NORMAL,2022-04-08,3.0,61000.0,"39,2"\n'
    "12,900,NORMAL,2022-04-10,0.0,,\n"
)
MIDNIGHT = datetime(2022, 4, 8, 16, tzinfo=UTC)  # 9 April begins in Shanghai


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def shown(
    video: int, at: datetime, watched_ms: int = 20_000, length_ms: int = 0, user: int = 7, **flags: int
) -> dict[str, int]:
    """A row of a log; `said` are its flags. The day and hour that the row itself names are wrong on purpose."""
    return {"user_id": user, "video_id": video, "date": 20210101, "hourmin": 2300, "time_ms": ms(at),
            "play_time_ms": watched_ms, "duration_ms": length_ms, **flags}  # fmt: skip


def write(path: Path, header: str, rows: list[dict[str, int]]) -> None:
    mark = "\t" if "\t" in header else ","
    lines = [mark.join(str(row.get(name, 0)) for name in header.split(mark)) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The two tables that every form of KuaiRand comes with."""
    at = tmp_path / "kuairand"
    at.mkdir()
    (at / "user_features_pure.csv").write_text(USERS)
    (at / "video_features_basic_pure.csv").write_text(VIDEOS)
    return at


def published(folder: Path, *rows: dict[str, int], name: str = "log_standard_4_08_to_4_21_pure.csv") -> Path:
    write(folder / name, LOG, list(rows))
    return folder


def cut(folder: Path, *rows: dict[str, int]) -> Path:
    write(folder / "processed_standard_kcore_15.csv", CUT, list(rows))
    return folder


def delivered(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table as they land, in the order of days."""
    target = folder.parent / "landing"
    kuairand.deliver(folder, target)
    return [row for path in sorted((target / table).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_a_row_is_an_impression_known_when_the_watch_had_ended(folder: Path) -> None:
    (row,) = delivered(published(folder, shown(11, MIDNIGHT, watched_ms=20_250)), "impressions")
    assert row["event_time"] == MIDNIGHT
    assert row["received_at"] == MIDNIGHT + timedelta(milliseconds=20_250)
    assert (row["user_id"], row["video_id"], row["variant"], row["device"]) == ("7", "11", "standard", "phone")
    assert [row[name] for name in ("position", "release", "served_by", "propensity", "served_features")] == [None] * 5


@pytest.mark.parametrize(
    ("flags", "actions"),
    [
        ({}, {"watch"}),
        ({"is_click": 1, "long_view": 1}, {"watch", "click"}),
        ({"is_like": 1, "is_comment": 1}, {"watch", "like", "comment"}),
        ({"is_forward": 1, "is_follow": 1}, {"watch", "share", "follow"}),
        ({"is_hate": 1}, {"watch", "hide"}),
    ],
    ids=["passed by", "opened", "praised", "passed on", "hated"],
)  # fmt: skip
def test_what_a_row_says_happened_becomes_engagements(folder: Path, flags: dict[str, int], actions: set[str]) -> None:
    rows = delivered(published(folder, shown(11, MIDNIGHT, **flags)), "engagements")
    assert {row["action"] for row in rows} == actions
    assert {row["received_at"] for row in rows} == {MIDNIGHT + timedelta(seconds=20)}
    assert {row["event_time"] for row in rows} == {MIDNIGHT}
    (watch,) = [row for row in rows if row["action"] == "watch"]
    assert (watch["watch_seconds"], watch["long_view"]) == (20.0, flags.get("long_view", 0) == 1)
    assert all(row["watch_seconds"] is None for row in rows if row is not watch)


def test_an_engagement_names_its_impression(folder: Path) -> None:
    published(folder, shown(11, MIDNIGHT, is_click=1), shown(12, MIDNIGHT), shown(11, MIDNIGHT + timedelta(seconds=9)))
    page = {(row["request_id"], row["video_id"]) for row in delivered(folder, "impressions")}
    acted_on = {(row["request_id"], row["video_id"]) for row in delivered(folder, "engagements")}
    assert page == acted_on
    assert len({request for request, _ in page}) == 2, "rows of one user and one millisecond are one feed answer"


@pytest.mark.parametrize(("label", "action"), [(1, "like"), (0, "hide")])
def test_the_label_of_the_cut_is_a_like_or_a_hide(folder: Path, label: int, action: str) -> None:
    rows = delivered(cut(folder, shown(11, MIDNIGHT, label=label)), "engagements")
    assert {row["action"] for row in rows} == {"watch", action}


def test_rows_chosen_at_random_say_so(folder: Path) -> None:
    published(folder, shown(11, MIDNIGHT))
    published(folder, shown(12, MIDNIGHT), name="log_random_4_22_to_5_08_pure.csv")
    variants = {row["video_id"]: row["variant"] for row in delivered(folder, "impressions")}
    assert variants == {"11": "standard", "12": "random"}


def test_a_day_of_the_landing_is_the_day_of_receipt_in_utc(folder: Path) -> None:
    late = datetime(2022, 4, 9, 23, 59, 50, tzinfo=UTC)
    published(folder, shown(11, late - timedelta(hours=1)), shown(12, late))
    handed = kuairand.deliver(folder, folder.parent / "landing")
    assert kuairand.days(folder) == (date(2022, 4, 9), date(2022, 4, 10))
    assert (handed["impressions"].received, handed["impressions"].last) == (2, date(2022, 4, 10))
    names = sorted(path.name for path in (folder.parent / "landing" / "impressions").iterdir())
    assert names == ["2022-04-09.parquet", "2022-04-10.parquet"]


def test_a_video_is_described_when_first_shown_and_by_nothing_that_came_later(folder: Path) -> None:
    later = MIDNIGHT + timedelta(days=3)
    published(folder, shown(12, later, length_ms=9_000), shown(11, later), shown(12, MIDNIGHT, length_ms=9_000))
    first, second = sorted(delivered(folder, "videos"), key=lambda row: row["event_time"])
    assert (first["video_id"], first["received_at"], first["duration_s"]) == ("12", MIDNIGHT, 9.0)
    assert (second["video_id"], second["received_at"], second["duration_s"]) == ("11", later, 61.0)
    assert (second["creator_id"], second["category"]) == ("900", "39")
    assert second["uploaded_at"] == datetime(2022, 4, 7, 16, tzinfo=UTC), "8 April begins in Shanghai"
    assert first["uploaded_at"] == MIDNIGHT, "shown before its day of upload: the log is believed"
    assert first["category"] == "unknown"
    assert {row["status"] for row in (first, second)} == {"live"}, "the table's status is of a later day"


def test_videos_without_a_table_row_keep_creators_of_their_own(folder: Path) -> None:
    published(folder, shown(5001, MIDNIGHT), shown(5002, MIDNIGHT))
    rows = delivered(folder, "videos")
    assert {row["creator_id"] for row in rows} == {"unknown-5001", "unknown-5002"}
    assert [row["duration_s"] for row in rows] == [None, None], "a length of 0 is an unknown length"


def test_users_are_described_before_anything_is_shown(folder: Path) -> None:
    published(folder, shown(11, MIDNIGHT), shown(11, MIDNIGHT + timedelta(days=2), user=8))
    in_table, only_in_log = sorted(delivered(folder, "users"), key=lambda row: row["user_id"])
    start = datetime(2022, 4, 8, tzinfo=UTC)
    assert (in_table["received_at"], in_table["signup_at"]) == (start, start - timedelta(days=10))
    assert only_in_log["received_at"] == only_in_log["signup_at"] == MIDNIGHT + timedelta(days=2)


def test_rows_held_twice_are_counted_once_and_broken_ones_kept_apart(folder: Path, tmp_path: Path) -> None:
    twice = shown(11, MIDNIGHT, is_click=1)
    several = [shown(12, MIDNIGHT + timedelta(minutes=minute)) for minute in range(40)]
    backwards = shown(11, MIDNIGHT + timedelta(seconds=1), watched_ms=-5)
    kuairand.deliver(published(folder, twice, twice, backwards, *several), tmp_path / "landing")
    waiting = landing.deliveries(tmp_path / "landing", TABLES)
    lines = {
        line.table: line for line in landing.take_in(Lake(tmp_path / "lake"), waiting, MIDNIGHT + timedelta(days=1))
    }
    shows, acts = lines["impressions"], lines["engagements"]
    assert (shows.received, shows.accepted, shows.duplicate, shows.quarantined) == (43, 42, 1, 0)
    assert (acts.received, acts.accepted, acts.duplicate, acts.quarantined) == (45, 42, 2, 1)
    assert not any(line.refused for line in lines.values())


def test_delivering_again_changes_nothing(folder: Path) -> None:
    published(folder, shown(11, MIDNIGHT), shown(12, MIDNIGHT + timedelta(days=1)))
    target = folder.parent / "landing"
    contents = []
    for _ in range(2):
        kuairand.deliver(folder, target)
        contents.append({str(path): path.read_bytes() for path in target.rglob("*.*")})
    assert contents[0] == contents[1]


def test_a_folder_that_lacks_files_is_told_which(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DefinitionError, match=r"lacks log_standard_.* user_features_.* video_features.*notes\.txt"):
        kuairand.detect(tmp_path)
    with pytest.raises(DefinitionError, match="does not exist"):
        kuairand.detect(tmp_path / "nowhere")


def test_a_file_that_lacks_columns_is_told_which(folder: Path) -> None:
    write(folder / "log_standard_4_08_to_4_21_pure.csv", LOG.replace("play_time_ms", "watch_ms"), [shown(11, MIDNIGHT)])
    with pytest.raises(DefinitionError, match=r"4_21_pure\.csv lacks the columns play_time_ms"):
        kuairand.detect(folder)


def test_a_file_that_is_cut_off_is_named(folder: Path) -> None:
    with (published(folder, shown(11, MIDNIGHT)) / "log_standard_4_08_to_4_21_pure.csv").open("a") as file:
        file.write("7,11,2022")
    with pytest.raises(DefinitionError, match=r"4_21_pure\.csv has no time_ms in row 1"):
        kuairand.deliver(folder, folder.parent / "landing")
    assert not list((folder.parent / "landing").rglob("*.parquet")), "what is not whole does not land"


def test_the_cut_and_the_log_it_was_cut_from_are_not_taken_together(folder: Path) -> None:
    cut(published(folder, shown(11, MIDNIGHT)), shown(11, MIDNIGHT, label=1))
    with pytest.raises(DefinitionError, match="overlap"):
        kuairand.detect(folder)
    assert kuairand.detect(folder / "processed_standard_kcore_15.csv").cut


def test_the_published_archive_keeps_its_files_in_data(folder: Path) -> None:
    inner = folder / "data"
    inner.mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(inner / path.name)
    published(inner, shown(11, MIDNIGHT))
    assert len(kuairand.detect(folder).logs) == 1


def test_liked_rows_alone_are_learned_from_and_judged_by_days_in_shanghai() -> None:
    task = kuairand.task(TASK)
    assert task.fit_where == task.judge_where == "like > 0"
    assert task.split.judge_from is not None
    assert task.split.judge_from.astimezone(UTC) == datetime(2022, 4, 17, 16, tzinfo=UTC)
    assert {outcome.name for outcome in task.outcomes if outcome.gain} == {task.target}
    assert task.targets == ("long_view", "is_click")
    assert (task.unit, task.split.keep_together) == (TASK.cluster, TASK.unit)
    assert [contender.name for contender in task.contenders] == [contender.name for contender in TASK.contenders]


def test_every_feature_that_counts_what_a_user_did_is_judged_as_of_the_users_first_row() -> None:
    frozen = {name for part in kuairand.task(TASK).frozen for name in part.features}
    assert frozen == {name for name in (f.name for f in FEATURES) if name.startswith("user_")}
    assert {part.keys for part in kuairand.task(TASK).frozen if "user_length_shown_30d" in part.features} == {
        ("user_id", "length_class")
    }


def test_of_whole_logs_every_row_takes_part(folder: Path) -> None:
    task = kuairand.task(TASK, published(folder, shown(11, MIDNIGHT)))
    assert (task.fit_where, task.judge_where) == (TASK.fit_where, TASK.judge_where)
    assert (task.unit, task.split.keep_together) == (TASK.cluster, TASK.unit)
    assert task.outcomes == TASK.outcomes


@pytest.mark.skipif(not REAL.is_dir(), reason="the real cut is not on this machine (KUAIRAND_FOLDER names its folder)")
def test_the_real_cut_is_taken_in_without_a_refused_batch(tmp_path: Path) -> None:
    handed = kuairand.deliver(REAL, tmp_path / "landing")
    assert {name: facts.received for name, facts in handed.items()} == {
        "users": 664, "videos": 9_359, "impressions": 41_828, "engagements": 113_028,
    }  # fmt: skip
    assert kuairand.days(REAL) == (date(2022, 4, 7), date(2022, 4, 21))
    waiting = landing.deliveries(tmp_path / "landing", TABLES)
    lines = landing.take_in(Lake(tmp_path / "lake"), waiting, datetime(2022, 4, 22, tzinfo=UTC))
    assert not [line for line in lines if line.refused]
    shows = [line for line in lines if line.table == "impressions"]
    assert sum(line.accepted for line in shows) == 41_704
    assert sum(line.duplicate for line in shows) == 124


def test_what_is_the_same_for_all_videos_is_not_watched() -> None:
    watched = kuairand.watch(HOME_FEED_WATCH).critical
    assert "user_long_view_rate_1d" in watched
    assert "category_long_view_rate_1d" in HOME_FEED_WATCH.critical
    assert "category_long_view_rate_1d" not in watched
