"""What every door asks of an event. The service, the stream, ingestion and labels take these numbers from here.

An event that a door has acknowledged is used: nothing behind the door asks for more than the door did.
"""

from datetime import timedelta

CLOCK_ERROR = timedelta(seconds=60)
"""How far the clock that dates an event may be ahead of ours, or behind the answer that the event names.

An event that names its answer by id and is dated at most so long before it happened at the showing.
"""
OLDEST = timedelta(days=30)
"""How old an event may be when it comes: so long a phone may be offline. Older ones come from a clock never set."""
LONGEST_WORD = 256
"""The most characters of an id, and of any text whose column does not say another number."""
