"""A keyed hash in place of an id: the same for the same person, of the id's own type, and known again as what it is."""

import stat
from pathlib import Path

import pytest

from infra.errors import Unsafe
from infra.pseudonyms import FILE, Pseudonyms, choose_mode, pseudonyms, stored_id
from infra.settings import Settings

IDS, OTHERS = Pseudonyms(b"k" * 32), Pseudonyms(b"o" * 32)


@pytest.fixture
def new(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", pseudonyms=None)


@pytest.mark.parametrize("raw", ["u1", "ü-größe", "p-", "p-" + "0" * 32, 0, 7, 2**62])
def test_an_id_becomes_another_of_its_type_which_stays_as_it_is(raw: str | int) -> None:
    kept = IDS(raw)
    assert type(kept) is type(raw)
    assert kept != raw
    assert kept == IDS(raw) == IDS(kept), "taken twice, it is the same"
    assert OTHERS(raw) != kept, "without the key nobody can tell"
    assert isinstance(kept, str) or -(2**63) <= kept < 0


def test_many_ids_stay_apart_and_an_empty_one_is_nobodys() -> None:
    assert len({IDS(f"u{i}") for i in range(20_000)} | {IDS(i) for i in range(20_000)}) == 40_000
    assert IDS("") == ""
    assert OTHERS(IDS("u1")) != IDS("u1"), "another home's pseudonym is an id like any other"


def test_a_new_home_has_pseudonyms_and_one_with_rows_keeps_ids_as_they_are(new: Settings, tmp_path: Path) -> None:
    assert pseudonyms(new) is None, "before a home is made nothing is hashed"
    choose_mode(new)
    assert stat.S_IMODE((new.home / FILE).stat().st_mode) == 0o600
    kept = stored_id(new, "u1")
    assert kept.startswith("p-")
    choose_mode(new)
    assert stored_id(new, "u1") == kept, "the key is made once"
    old = Settings(home=tmp_path / "old", pseudonyms=None)
    (old.lake / "ledger").mkdir(parents=True)
    choose_mode(old)
    assert stored_id(old, "u1") == "u1"
    off = Settings(home=tmp_path / "off", pseudonyms=False)
    choose_mode(off)
    assert stored_id(off, "u1") == "u1"


def test_a_home_stays_as_it_was_made(new: Settings, tmp_path: Path) -> None:
    choose_mode(new)
    with pytest.raises(Unsafe, match="was made with pseudonyms on, and FLYWHEEL_PSEUDONYMS says otherwise"):
        pseudonyms(new.model_copy(update={"pseudonyms": False}))
    with pytest.raises(Unsafe, match="was made with pseudonyms off"):
        pseudonyms(Settings(home=tmp_path / "other", pseudonyms=True))


def test_a_lost_key_or_one_that_others_may_read_stops_everything(new: Settings) -> None:
    choose_mode(new)
    new.lake.mkdir(parents=True)
    choose_mode(new)
    path = new.home / FILE
    path.chmod(0o640)
    with pytest.raises(Unsafe, match=r"others on this machine may read the key.*chmod 600"):
        pseudonyms(new)
    path.chmod(0o600)
    path.write_text("{")
    with pytest.raises(Unsafe, match="cannot be read"):
        pseudonyms(new)
    path.unlink()
    with pytest.raises(Unsafe, match="is gone, and this home has pseudonyms"):
        pseudonyms(new)
    with pytest.raises(Unsafe, match="Put it back"):
        choose_mode(new)
    assert not path.exists(), "a second key would make everybody new"
