"""The code location of all enabled systems: what `dagster dev`, `dg` and the daemon load."""

from infra import private_files
from infra.pseudonyms import choose_mode
from infra.settings import Settings
from infra.unmigrated import migrated
from orchestration.pipeline import pipelines
from orchestration.system import Installation, load_system

private_files.from_now_on()
settings = migrated(Settings())
choose_mode(settings)
enabled = [settings.of(name) for name in settings.enabled_systems]
defs = pipelines([Installation(load_system(each), each) for each in enabled])
