"""The stream: events counted within seconds, by the same fold as the nightly batch."""

from feature_repo.stream.people import remove_people_from_stream
from feature_repo.stream.spark_stream import Streaming, streaming
from feature_repo.stream.stream_state import online_notes, stream_folder

__all__ = ["Streaming", "online_notes", "remove_people_from_stream", "stream_folder", "streaming"]
