"""The home of a demo: small, and emptied before it; one that holds other data stays as it is."""

import shutil
from typing import Any

from infra.errors import DefinitionError
from infra.pseudonyms import FILE
from infra.settings import Settings
from infra.systems import FILE as SYSTEMS_FILE
from orchestration.forgetting import forget

MARK = "written_by_the_demo"
# the mark, in case the removal is interrupted; figures of `make bench…`; the key of ids; which systems there are
STAYS = (MARK, "bench", FILE, SYSTEMS_FILE)

# All of it has to fit into 3 GiB, and the decision log is handed over soon because the demo waits for it.
SMALL: dict[str, Any] = {"hand_over_s": 2.0, "spark_memory": "512m", "service_workers": 1}


def emptied(settings: Settings) -> None:
    """Empty a home that an earlier demo filled, but for figures; another one with data stays as it is.

    Where the home holds other systems, too, only the settings' own one is forgotten.
    """
    home = settings.home
    contents = [path for path in home.iterdir() if path.name not in STAYS] if home.exists() else []
    if contents and not (home / MARK).exists():
        raise DefinitionError(
            f"{home} holds data that no demo wrote. Name another home (FLYWHEEL_HOME=…) or remove it (`make clean`)."
        )
    if any(path != settings.part for path in settings.part.parent.glob("*")):
        forget(settings)
        return
    for path in contents:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()
