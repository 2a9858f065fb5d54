"""Other people's files become deliveries: in their shapes, with what is absent told, and wrong lines named."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from infra.errors import DefinitionError
from infra.lake import Lake
from orchestration.commands.cli import app
from orchestration.sources.mapping import MappingResult, draft, read, write
from orchestration.sources.mapping.conditions import parsed
from validation.batches.intake import delivered_from_parquet, ingest
from validation.systems.home_feed import ENGAGEMENTS, IMPRESSIONS, TABLES, USERS, VIDEOS

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RATINGS = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t377\t5\t881250960\n244\t51\t4\t880606923\n"
FLAGS = "|".join(["0"] * 5 + ["1"] + ["0"] * 13)
ITEMS = f"242|Kolya (1996)|24-Jan-1997||http://x/?K|{FLAGS}\n302|Les Misérables|14-Feb-1922||http://x|{FLAGS}\n"
PEOPLE = "196|49|M|writer|55105\n186|39|F|executive|00000\n"
SHOWN = "1\tU80\t11/15/2019 9:55:12 AM\tN1 N2\tN5-1 N7-0 N9-0\n2\tU81\t11/15/2019 1:05:00 PM\t\tN7-1 N5-0\n"
NEWS = 'N5\tsports\tgolf\tThe "best\tA, b\thttps://x\t[]\t[]\nN7\tnews\tworld\tTwo\t\thttps://y\t[]\t[]\n'
CLICKS = (
    ",when,item_id,position,click,user\n0,2026-05-01 00:00:34.5+00:00,14,3,1,a\n1,2026-05-01 00:00:53+00:00,7,1,0,a\n"
)
MAPPING = """
[sources.log]
files = "log.csv"
[impressions]
from = "log"
user_id = "user"
video_id = "item_id"
event_time = "when"
request_id = {{ join = ["user"], every = "1h" }}
{more}
[[engagements]]
from = "log"
where = "click == 1"
action = {{ value = "click" }}
success = true
"""


def films(folder: Path) -> Path:
    (folder / "u.data").write_text(RATINGS)
    (folder / "u.item").write_bytes(ITEMS.encode("latin-1"))
    (folder / "u.user").write_text(PEOPLE)
    return folder


def news(folder: Path) -> Path:
    (folder / "behaviors.tsv").write_text(SHOWN)
    (folder / "news.tsv").write_text(NEWS)
    return folder


def clicks(folder: Path, text: str = CLICKS, name: str = "log.csv") -> Path:
    (folder / name).write_text(text)
    return folder


def mapped(folder: Path, text: str | None = None) -> MappingResult:
    """The deliveries of a mapping, by default of the one that is drafted from the folder."""
    path = folder / "mapping.toml"
    path.write_text(draft(folder, path, NOW) if text is None else text, encoding="utf-8")
    return write(read(path, TABLES), TABLES, folder / "mapped", lambda _: None)


def rows(result: MappingResult, table: str) -> pd.DataFrame:
    return pd.concat([pq.read_table(path).to_pandas() for path in sorted((result.folder / table).glob("*.parquet"))])


def test_ratings_of_old_years_become_rows_shown_and_liked_that_end_yesterday(tmp_path: Path) -> None:
    result = mapped(films(tmp_path))
    shown, done = rows(result, "impressions"), rows(result, "engagements")
    assert set(shown["user_id"]) == {"196", "186", "244"}
    assert len(shown) == 4, "a rating of 3 was shown, and is no success"
    assert sorted(done["action"]) == ["like", "like", "watch", "watch"]
    assert done.loc[done["action"] == "watch", "long_view"].tolist() == [True, True]
    assert shown["event_time"].max().date() == datetime(2026, 11, 29).date()
    assert (done["received_at"] == done["event_time"]).all()
    of_one_user = shown[shown["user_id"] == "196"]
    assert of_one_user["request_id"].nunique() == 1, "what one user rated within ten minutes is one page"


def test_a_catalogue_without_header_in_latin_1_describes_films_and_what_it_lacks_is_told(tmp_path: Path) -> None:
    result = mapped(films(tmp_path))
    videos = rows(result, "videos").set_index("video_id")
    assert set(videos.index) == {"242", "302", "377", "51"}, "films nobody described are described as seen"
    assert videos.loc["242", "category"] == "Comedy"
    assert videos.loc["377", "category"] == "unknown"
    assert videos["creator_id"].nunique() == 4, "unknown creators do not become one giant"
    assert result.entities["videos"]["made before 2000"] == 1
    assert {name for _, name, _ in result.lost} >= {"creator_id", "duration_s", "age_rating", "device"}
    assert "category" not in {name for table, name, _ in result.lost if table == "videos"}


def test_a_line_of_shown_news_becomes_a_row_for_each(tmp_path: Path) -> None:
    result = mapped(news(tmp_path))
    shown, done = rows(result, "impressions"), rows(result, "engagements")
    assert sorted(zip(shown["request_id"], shown["video_id"], strict=True)) == [
        ("1", "N5"), ("1", "N7"), ("1", "N9"), ("2", "N5"), ("2", "N7"),
    ]  # fmt: skip
    assert shown["event_time"].dt.strftime("%H:%M:%S").unique().tolist() == ["09:55:12", "13:05:00"]
    assert set(done["video_id"]) == {"N5", "N7"}
    assert rows(result, "videos").set_index("video_id").loc["N5", "category"] == "sports"


@pytest.mark.parametrize("folder", [films, news, clicks])
def test_what_is_drafted_is_taken_in_without_a_row_refused(folder, tmp_path: Path) -> None:
    result, lake = mapped(folder(tmp_path)), Lake(tmp_path / "lake")
    for table in (VIDEOS, USERS, IMPRESSIONS, ENGAGEMENTS):
        for path in sorted((result.folder / table.name).glob("*.parquet")):
            line = ingest(lake, table, delivered_from_parquet(table, path.read_bytes()), NOW, path.name)
            assert (line.refused, line.quarantined, line.duplicate) == (False, 0, 0), line.table_md()
            assert not any(share for share in line.unknown.values()), "users and videos are described before events"


def test_a_shift_of_days_units_and_a_zone_say_when_things_happened(tmp_path: Path) -> None:
    clicks(tmp_path, "when,item_id,click,user\n2026-05-01 02:30:00,7,1,a\n2026-05-01 14:30:00,8,0,a\n")
    result = mapped(tmp_path, '[time]\nzone = "Europe/Berlin"\nshift_days = 2\n' + MAPPING.format(more=""))
    assert rows(result, "impressions")["event_time"].dt.strftime("%dT%H:%M").tolist() == ["03T00:30", "03T12:30"]
    clicks(tmp_path, "when,item_id,click,user\n1777602600000,7,1,a\n1777602600001,8,0,a\n")
    text = MAPPING.format(more="").replace('"when"', '{ column = "when", unit = "ms" }')
    assert rows(mapped(tmp_path, text), "impressions")["event_time"].dt.strftime("%dT%H:%M").unique() == ["01T02:30"]


@pytest.mark.parametrize("shape", ["gz", "jsonl", "parquet"])
def test_the_same_rows_are_read_from_packed_text_json_lines_and_parquet(shape: str, tmp_path: Path) -> None:
    clicks(tmp_path)
    plain = rows(mapped(tmp_path, MAPPING.format(more="")), "impressions")
    frame = pd.read_csv(tmp_path / "log.csv", dtype={"item_id": "int64"}).drop(columns="Unnamed: 0")
    name = {"gz": "log.csv.gz", "jsonl": "log.jsonl", "parquet": "log.parquet"}[shape]
    match shape:
        case "gz":
            (tmp_path / name).write_bytes(gzip.compress(CLICKS.encode()))
        case "jsonl":
            (tmp_path / name).write_text("\n".join(json.dumps(row) for row in frame.to_dict("records")))
        case "parquet":
            typed = frame.assign(when=pd.to_datetime(frame["when"], format="ISO8601", utc=True))
            pq.write_table(pa.Table.from_pandas(typed, preserve_index=False), tmp_path / name)
    other = rows(mapped(tmp_path, MAPPING.format(more="").replace("log.csv", name)), "impressions")
    pd.testing.assert_frame_equal(plain, other)


def test_of_a_folder_of_copies_the_events_are_taken_once_and_the_rest_is_named(tmp_path: Path) -> None:
    films(tmp_path)
    (tmp_path / "u1.base").write_text(RATINGS)
    (tmp_path / "README").write_text("SUMMARY\n")
    result = mapped(tmp_path)
    assert len(rows(result, "impressions")) == 4
    assert "# Not used: u1.base (user_id, item_id, rating, timestamp)" in (tmp_path / "mapping.toml").read_text()


def test_ratings_with_headers_find_the_file_that_tells_most_of_films(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,10,4.5,964982703\n1,11,2.0,964982704\n")
    (tmp_path / "links.csv").write_text("movieId,imdbId\n10,0114709\n11,0113497\n")
    (tmp_path / "movies.csv").write_text('movieId,title,genres\n10,"Heat, The (1995)",Action|Crime\n11,B,Drama\n')
    videos = rows(mapped(tmp_path), "videos").set_index("video_id")
    assert videos["category"].to_dict() == {"10": "Action", "11": "Drama"}


def test_shown_news_under_another_name_are_known_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(SHOWN + SHOWN.replace("1\tU80", "3\tU80").replace("2\tU81", "4\tU81"))
    shown = rows(mapped(tmp_path), "impressions")
    assert (set(shown["user_id"]), set(shown["request_id"])) == ({"U80", "U81"}, {"1", "2", "3", "4"})


def test_words_that_are_not_listed_are_left_out_and_counted(tmp_path: Path) -> None:
    clicks(tmp_path, "when,item_id,what,user\n2026-05-01T00:00:00Z,7,view,a\n2026-05-01T00:00:01Z,7,buy,a\n")
    result = mapped(tmp_path, MAPPING.format(more="").replace('where = "click == 1"\n', "").replace(
        '{ value = "click" }', '{ column = "what", values = { buy = "like" } }'))  # fmt: skip
    assert rows(result, "engagements")["action"].tolist() == ["like", "watch"]
    assert [count for count, _ in result.left_out.values()] == [1]


@pytest.mark.parametrize("text", ["third", "2.5", "99999999999", "inf"])
def test_texts_that_cannot_be_read_count_as_unknown_and_are_told(text: str, tmp_path: Path) -> None:
    clicks(tmp_path, CLICKS.replace(",3,1,a", f",{text},1,a"))
    result = mapped(tmp_path, MAPPING.format(more='position = "position"'))
    assert list(result.unread.values()) == [(1, text)]


WRONG = {
    "no TOML": ("[sources", "is no TOML"),
    "a section nobody knows": (MAPPING.format(more="") + "[vidoes]\n", "Did you mean `videos`"),
    "a source nobody named": (MAPPING.format(more="").replace('from = "log"', 'from = "lag"', 1), "Did you mean `log`"),
    "a file that is not there": (MAPPING.format(more="").replace("log.csv", "lag.csv"), "no such file below"),
    "a column of ours nobody knows": (MAPPING.format(more='positon = "position"'), "Did you mean `position`"),
    "a column of theirs nobody knows": (MAPPING.format(more='position = "positoin"'), "Did you mean `position`"),
    "a condition on no column": (MAPPING.format(more="").replace("click == 1", "clack == 1"), "Did you mean `click`"),
    "no condition": (MAPPING.format(more="").replace("click == 1", "click"), "is no condition"),
    "a word of ours nobody knows": (
        MAPPING.format(more="").replace('"click" }', '"clack" }'),
        "none of its words: click",
    ),
    "a word of a field nobody knows": (MAPPING.format(more='device = { vlaue = "tv" }'), "Its words are: column"),
    "two makers of one column": (MAPPING.format(more='device = { value = "tv", column = "user" }'), "exactly one of"),
    "a unit nobody knows": (MAPPING.format(more='position = { column = "position", unit = "km" }'), "unit"),
    "no zone": ('[time]\nzone = "Mars"\n' + MAPPING.format(more=""), "no time zone"),
    "no length of time": (MAPPING.format(more="").replace('"1h"', '"often"'), "no length of time"),
    "a column that has to be said": (
        MAPPING.format(more="").replace('video_id = "item_id"\n', ""),
        "not say `video_id`",
    ),
    "moments in no notation": (MAPPING.format(more="").replace('"when"', '"position"'), "needs unit ="),
    "nothing shown": ('[sources.log]\nfiles = "log.csv"\n', "a ranker learns from what was shown"),
    "a strange encoding": (MAPPING.format(more="").replace('"log.csv"', '"log.csv"\nencoding = "klingon"'), "klingon"),
    "columns of another number": (
        MAPPING.format(more="").replace('"log.csv"', '"log.csv"\ncolumns = ["when", "user"]'),
        "a line has 6 fields",
    ),
    "a pattern without a name": (
        MAPPING.format(more="").replace('"log.csv"', '"log.csv"\nexplode = { column = "user", pattern = ".+" }'),
        "names no group",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_line_of_a_mapping_is_named_with_its_value_and_what_to_write(case: str, tmp_path: Path) -> None:
    text, words = WRONG[case]
    with pytest.raises(DefinitionError) as refused:
        mapped(clicks(tmp_path), text)
    assert words in str(refused.value)
    assert "mapping.toml" in str(refused.value)


def test_a_folder_without_events_gets_a_sentence_and_no_draft(tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_text("year,month,day,carrier\n2013,1,1,UA\n2013,1,1,AA\n")
    with pytest.raises(DefinitionError, match=r"no file seems to hold events.*carrier"):
        draft(tmp_path, tmp_path / "mapping.toml", NOW)


@given(
    number=st.integers(-5, 5),
    limit=st.integers(-5, 5),
    sign=st.sampled_from([">=", "<=", "==", "=", "!=", ">", "<"]),
)
def test_a_condition_says_what_python_says(number: int, limit: int, sign: str) -> None:
    frame = pd.DataFrame({"a b": [str(number), None, "x"]}, dtype=object)
    (condition,) = parsed("", f"a b {sign} {limit}")
    python = eval(f"{number} {'==' if sign == '=' else sign} {limit}")
    assert condition.holds(frame).tolist() == [python, False, False], "what is no number meets nothing"


def test_the_two_commands_lead_to_the_next_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYWHEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLYWHEEL_REPLAY_FROM", NOW.isoformat())
    films(tmp_path)
    mapping = str(tmp_path / "mapping.toml")
    first = CliRunner().invoke(app, ["map", mapping, "--from", str(tmp_path)])
    assert first.exit_code == 0, first.output
    assert "Look at every line" in first.output
    again = CliRunner().invoke(app, ["map", mapping, "--from", str(tmp_path)])
    assert "exists already" in str(again.exception), "a mapping that somebody mended is not written over"
    second = CliRunner().invoke(app, ["map", mapping])
    assert second.exit_code == 0, second.output
    output = " ".join(second.output.split())
    assert f"flywheel ingest {tmp_path / 'home' / 'mapped'}" in output
    assert "FLYWHEEL_HISTORY_DAYS=129 flywheel run daily --day 2026-07-24 --until 2026-11-29" in output
    assert "flywheel rank 186" in output
    assert "each video is its own creator" in output


def test_no_mapping_is_guessed_for_a_system_of_other_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYWHEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLYWHEEL_SYSTEM", "fraud")
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, ["map", "--from", str(tmp_path)])
    assert "for the tables of home_feed only" in str(refused.exception)
    assert not (tmp_path / "mapping.toml").exists(), "its next command would refuse it"
