"""The keyring: made once, for its owner alone, never by default where others can reach the service; rotated in use."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from infra.errors import Unsafe
from infra.settings import Settings
from serving import guard
from serving.access import keyring
from serving.access.roles import ROLES
from serving.guard import Guard
from serving.launch import start
from serving.tokens import Keys
from tests.waiting import PATIENCE_S

OPEN = "import sys; from serving.access import keyring; from infra.settings import Settings; from pathlib import Path;"
OPEN += "print(keyring.open_keyring(Settings(home=Path(sys.argv[1]))).keys[0].secret)"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_the_first_start_makes_secrets_for_the_owner_alone(home: Settings) -> None:
    first = keyring.open_keyring(home)
    assert set(first.tokens) == set(ROLES)
    assert len({token for some in first.tokens.values() for token in some}) == len(ROLES), "each role its own"
    assert keyring.keyring_path(home).stat().st_mode & 0o777 == 0o600
    assert keyring.open_keyring(home) == first, "the second start reads them"
    assert [path.name for path in home.home.iterdir()] == ["keyring.json"]


def test_no_two_installations_share_a_secret(tmp_path: Path) -> None:
    one, other = (keyring.open_keyring(Settings(home=tmp_path / name)) for name in ("one", "other"))
    assert one.keys[0].secret != other.keys[0].secret
    assert one.tokens != other.tokens


def test_workers_that_start_together_share_one_keyring(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "shop.example"])
def test_what_others_can_reach_does_not_start_without_secrets_of_its_own(home: Settings, host: str) -> None:
    keyring.open_keyring(home)
    with pytest.raises(Unsafe, match="FLYWHEEL_KEYRING"):
        keyring.open_keyring(home.model_copy(update={"service_host": host}))
    named = {"service_host": host, "keyring": home.home / "missing.json"}
    with pytest.raises(Unsafe, match="No such file"):
        keyring.open_keyring(home.model_copy(update=named))
    assert not (home.home / "missing.json").exists(), "a named keyring is never made by the way"
    assert keyring.open_keyring(home.model_copy(update={**named, "keyring": keyring.keyring_path(home)})).keys


SPOILT = [
    ("readable by everybody", lambda path: path.chmod(0o644), "chmod 600"),
    ("no JSON", lambda path: path.write_text("{"), "truncated"),
    ("without a key", lambda path: path.write_text('{"keys": [], "tokens": {}}'), "keys"),
    ("a short secret", lambda path: path.write_text('{"keys": [{"id": "00000000", "secret": "abc"}]}'), "secret"),
    ("a guessable token", lambda path: path.write_text('{"tokens": {"rank": ["letmein"]}}'), "rank|tokens"),
    ("an unknown role", lambda path: path.write_text('{"tokens": {"root": []}}'), "root"),
]


@pytest.mark.parametrize(("why", "spoil", "said"), SPOILT, ids=[why for why, *_ in SPOILT])
def test_a_keyring_that_protects_nothing_is_refused(home: Settings, why: str, spoil: object, said: str) -> None:
    keyring.open_keyring(home)
    spoil(keyring.keyring_path(home))  # type: ignore[operator]
    with pytest.raises(Unsafe, match=said):
        keyring.open_keyring(home)


def test_a_rotated_key_signs_a_minute_later_and_the_old_one_is_kept_as_long_as_its_tokens(home: Settings) -> None:
    first = keyring.open_keyring(home)
    new = keyring.rotate_keyring(keyring.keyring_path(home), now=1000.0, lives_s=600.0)
    both = keyring.open_keyring(home)
    assert both.signing(1001.0).signing == first.keys[0].id
    assert both.signing(1060.0).signing == new
    assert set(both.signing(1060.0).secrets) == {first.keys[0].id, new}
    keyring.rotate_keyring(keyring.keyring_path(home), now=1659.0, lives_s=600.0)
    assert len(keyring.open_keyring(home).keys) == 3, "its last token lives one second longer"
    keyring.rotate_keyring(keyring.keyring_path(home), now=1660.0, lives_s=600.0)
    assert first.keys[0].id not in {key.id for key in keyring.open_keyring(home).keys}


def test_a_running_service_follows_its_keyring(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "EVERY_S", 0.01)
    monkeypatch.setattr(keyring, "NEW_KEY_AHEAD_S", -1.0)
    path = keyring.keyring_path(home)

    async def comes_to(followed: Guard, signing: str) -> Keys:
        while followed.keys.signing != signing:
            await asyncio.sleep(0.01)
        return followed.keys

    async def lives() -> None:
        followed = Guard(home)
        await followed.start()
        old = followed.keys.signing
        new = keyring.rotate_keyring(path, now=guard.time.time(), lives_s=600.0)
        both = await asyncio.wait_for(comes_to(followed, new), 10)
        assert set(both.secrets) == {old, new}
        path.write_text("spoilt")
        await asyncio.sleep(0.05)
        assert followed.keys == both, "a spoilt keyring changes nothing"
        await followed.stop()

    asyncio.run(lives())


def test_a_caller_finds_its_token(home: Settings) -> None:
    first = keyring.open_keyring(home)
    assert keyring.bearer(home, "rank") == {"authorization": f"Bearer {first.tokens['rank'][0]}"}
    fewer = msgspec.structs.replace(first, tokens={"rank": first.tokens["rank"]})
    path = keyring.keyring_path(home)
    path.write_bytes(msgspec.json.encode(fewer))
    os.chmod(path, 0o600)
    with pytest.raises(Unsafe, match="no token holds the role `operate`"):
        keyring.bearer(home, "operate")


def test_the_service_says_why_it_does_not_start_open_to_others(home: Settings) -> None:
    env = {**os.environ, "FLYWHEEL_HOME": str(home.home), "FLYWHEEL_SERVICE_HOST": "0.0.0.0"}
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", "serving.service:HomeFeed"],
        env=env, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode != 0
    assert "0.0.0.0 can be reached from elsewhere, and FLYWHEEL_KEYRING names no file" in done.stdout + done.stderr
    assert not keyring.keyring_path(home).exists()
    with pytest.raises(Unsafe, match="FLYWHEEL_KEYRING"):
        start(home.model_copy(update={"service_host": "0.0.0.0"}))
