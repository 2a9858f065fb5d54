"""People taken out of the online store: their records, what they were shown, and the notes of both."""

from collections.abc import Collection, Mapping

from redis import Redis

from feature_repo.records.layout import Layout
from feature_repo.records.redis_client import errors_as_unavailable
from feature_repo.records.redis_records import delete_entity, entities_holding, views_of


def remove_people_online(
    redis: Redis, layouts: Mapping[str, Layout], person: str, people: Collection[str], *, dry_run: bool = False
) -> int:
    """Remove every record whose keys include one of these people, by the join key `person`; returns how many.

    The change streams of these views go, too, for they name who changed; who follows one reads all records again.
    """
    with errors_as_unavailable(redis):
        views = views_of(redis, layouts, [person])
        if dry_run:
            return sum(1 for each in people for view in views for _ in _stored(redis, view, person, each))
        removed = sum(delete_entity(redis, layouts, {person: each}) for each in people)
        for view in views:
            redis.unlink(view.changes)
    return removed


def _stored(redis: Redis, view: Layout, person: str, who: str) -> list[object]:
    """The records of a person in a view that are really there."""
    entities = entities_holding(redis, view, {person: who})
    if view.hashed:
        return list(entities)
    return [key for key in entities if redis.exists(view.redis_key(key))]
