"""Packed records: one per entity and view in Redis, as bytes that serving reads without Feast."""

from feature_repo.records.bloom import BLOOM_BITS, BLOOM_BYTES, bloom_add, bloom_holds
from feature_repo.records.ever_done import DONE, noted_bits, pairs_done
from feature_repo.records.from_arrow import records_of
from feature_repo.records.layout import (
    SEPARATOR,
    Key,
    Layout,
    Packed,
    Presence,
    counted,
    counter_fields,
    decode,
    encode,
    joined,
    layouts,
    make_layout,
    plain,
    split,
)
from feature_repo.records.people import remove_people_online
from feature_repo.records.redis_client import connect, errors_as_unavailable
from feature_repo.records.redis_records import (
    WriteCounts,
    change_positions,
    delete_view,
    read_all_records,
    read_records,
    read_records_in_parts,
    record_changes,
    write_records,
)
from feature_repo.records.seen_pages import seen_prefix
from feature_repo.records.user_vectors import keep_only_vectors, publish_vectors, vector_layout, vectors_published

__all__ = [
    "BLOOM_BITS",
    "BLOOM_BYTES",
    "DONE",
    "SEPARATOR",
    "Key",
    "Layout",
    "Packed",
    "Presence",
    "WriteCounts",
    "bloom_add",
    "bloom_holds",
    "change_positions",
    "connect",
    "counted",
    "counter_fields",
    "decode",
    "delete_view",
    "encode",
    "errors_as_unavailable",
    "joined",
    "keep_only_vectors",
    "layouts",
    "make_layout",
    "noted_bits",
    "pairs_done",
    "plain",
    "publish_vectors",
    "read_all_records",
    "read_records",
    "read_records_in_parts",
    "record_changes",
    "records_of",
    "remove_people_online",
    "seen_prefix",
    "split",
    "vector_layout",
    "vectors_published",
    "write_records",
]
