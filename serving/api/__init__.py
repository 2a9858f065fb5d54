"""The HTTP interface: connections, routes, messages, the description of the API."""
