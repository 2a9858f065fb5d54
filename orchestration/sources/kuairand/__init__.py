"""KuaiRand: real impressions of a short-video feed, brought into the feed's own tables.

`detect` says what a folder holds, `days` which days it spans, `deliver` writes it into the landing, `task` is
how rankers are judged on it, `watch` what is watched.
"""

from orchestration.sources.kuairand.delivery import DeliveredRows, days, deliver
from orchestration.sources.kuairand.files import Published, detect
from orchestration.sources.kuairand.task import task, watch

__all__ = ["DeliveredRows", "Published", "days", "deliver", "detect", "task", "watch"]
