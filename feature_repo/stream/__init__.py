"""The stream: events counted within minutes, by the same fold."""

from feature_repo.stream.memory import online_notes, stream_folder
from feature_repo.stream.spark_stream import Streaming, streaming

__all__ = ["Streaming", "online_notes", "stream_folder", "streaming"]
