"""States of all items: shared by the workers of a machine, kept up to date from Redis."""

from serving.items.distinct_rows import distinct, places_among
from serving.items.grouped_rows import EMPTY, NONE, GroupedRows, Newest, best_of_each_group, places_of_largest
from serving.items.item_block import ItemBlock
from serving.items.item_states import NUMBERS, ItemStates
from serving.items.mark_index import Codes
from serving.items.state_follower import StateFeed

__all__ = [
    "EMPTY",
    "NONE",
    "NUMBERS",
    "Codes",
    "GroupedRows",
    "ItemBlock",
    "ItemStates",
    "Newest",
    "StateFeed",
    "best_of_each_group",
    "distinct",
    "places_among",
    "places_of_largest",
]
