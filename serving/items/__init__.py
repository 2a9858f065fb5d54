"""States of all items: shared by the workers of a machine, kept up to date from Redis."""

from serving.items.distinct_rows import Places, among, distinct
from serving.items.grouped_rows import EMPTY, NONE, Newest, Shelf, best, most
from serving.items.item_block import ItemBlock
from serving.items.item_states import NUMBERS, ItemStates
from serving.items.mark_index import Codes
from serving.items.state_follower import StateFeed

__all__ = [
    "EMPTY",
    "NONE",
    "NUMBERS",
    "Codes",
    "ItemBlock",
    "ItemStates",
    "Newest",
    "Places",
    "Shelf",
    "StateFeed",
    "among",
    "best",
    "distinct",
    "most",
]
