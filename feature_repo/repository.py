"""What `feast plan` and `feast apply` read: the home feed's features as Feast objects."""

from feature_repo.stores import objects, project, quieten, repository_settings
from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from infra import private_files
from infra.unmigrated import migrated

private_files.from_now_on()
quieten()
PROJECT = project(HOME_FEED_FEATURES)
for declared in objects(HOME_FEED_FEATURES, migrated(repository_settings()).of(HOME_FEED_FEATURES.name).lake):
    globals()[f"{type(declared).__name__}_{declared.name}"] = declared  # Feast looks at the module's names
