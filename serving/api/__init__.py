"""The HTTP interface: connections, routes, messages, the description of the API."""

from serving.api.app import App
from serving.api.application import Application, app_for
from serving.api.case_app import CaseApp
from serving.api.connection import limited
from serving.api.hot_routes import Asgi
from serving.api.messages import messages_of
from serving.api.traces import traced

__all__ = ["App", "Application", "Asgi", "CaseApp", "app_for", "limited", "messages_of", "traced"]
