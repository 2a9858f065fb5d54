"""The API in words: an OpenAPI document made from the message types, and a page that needs nobody else to show it."""

from typing import Any

import msgspec

from serving.definition import Served
from serving.messages import Accepted, Messages, Problem

# Swagger UI comes from BentoML's own static folder, which the service serves.
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Ranking service</title>
<link rel="stylesheet" href="static_content/swagger-ui.css"></head>
<body><div id="page"></div>
<script src="static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null})</script>
</body></html>
"""
REFUSALS = {
    "400": "the body is not JSON",
    "413": "the body is too large",
    "415": "the body is not sent as application/json; pickles are never read",
    "422": "a field is missing, unknown or has a value it may not have; the message names it",
    "429": "more requests are in flight than the service takes",
}


def spec(served: Served, messages: Messages) -> dict[str, Any]:
    """The OpenAPI document of one system's service."""
    types = (messages.feed, messages.rank, messages.events, messages.answer, Accepted, Problem)
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    feed, rank, events, answer, accepted, problem = found
    names = served.policy.names
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{served.policy.name}: ranking service",
            "version": str(served.features.version),
            "description": "Always answers a well-formed request: `served_by` says from which rung of the ladder.",
        },
        "paths": {
            "/v1/feed": _post("Rank for a user, from our own candidates", feed, "200", answer, problem),
            "/v1/rank": _post(f"Rank the caller's own `{names.items}`", rank, "200", answer, problem),
            "/v1/events": _post(
                "Take feedback; answered once it is on disk", events, "202", accepted, problem, events=True
            ),
            "/healthz": _get("The process lives"),
            "/readyz": _get("The process has loaded what there is and answers"),
            "/metrics": _get("Prometheus metrics"),
        },
        "components": {"schemas": components},
    }


def _post(summary: str, asked: Any, status: str, answer: Any, problem: Any, *, events: bool = False) -> dict[str, Any]:
    refusals = {**REFUSALS, **({"503": "the events could not be put on disk; send them again"} if events else {})}
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
            "responses": {
                status: {"description": "the answer", "content": {"application/json": {"schema": answer}}},
                **{
                    code: {"description": why, "content": {"application/json": {"schema": problem}}}
                    for code, why in refusals.items()
                },
            },
        }
    }


def _get(summary: str) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {"200": {"description": "yes"}}}}
