"""The HTTP interface: connections, routes, messages, the description of the API."""

from serving.api.app import App
from serving.api.connection import limited
from serving.api.hot_routes import Asgi
from serving.api.messages import messages_of

__all__ = ["App", "Asgi", "limited", "messages_of"]
