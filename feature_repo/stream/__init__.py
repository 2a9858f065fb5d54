"""The stream: events counted within seconds, by the same fold as the nightly batch."""

from feature_repo.stream.memory import online_notes, stream_folder
from feature_repo.stream.spark_stream import Streaming, streaming

__all__ = ["Streaming", "online_notes", "stream_folder", "streaming"]
