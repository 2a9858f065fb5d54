"""The API's description: an OpenAPI document made from the message types, and a page that shows it offline."""

from collections.abc import Mapping
from typing import Any

import msgspec

from serving.access import Role
from serving.api.messages import EventsAccepted, Messages, Problem
from serving.definition import Served

RoleList = tuple[Role, ...]
# Swagger UI comes from BentoML's own static folder, which the service serves.
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Ranking service</title>
<link rel="stylesheet" href="static_content/swagger-ui.css"></head>
<body><div id="page"></div>
<script src="static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null})</script>
</body></html>
"""
ABOUT = """Always answers a well-formed request: `served_by` says from which rung of the ladder.

Callers show a bearer token of a role; `flywheel token --role rank` prints one. Where an operation names several roles,
any of them will do.

Feedback on an answer carries the answer's `token`. It proves which items were shown to whom, and fills in user and
request. One action on one item of an answer counts once, however often it is sent."""
REFUSALS = {
    "400": "the body is not JSON in UTF-8",
    "401": "no bearer token, or one that is unknown",
    "403": "the bearer token holds another role",
    "413": "the body is too large",
    "415": "the body is not sent as application/json; pickles are never read",
    "422": "a field is missing, unknown or has a value it may not have; the message names it",
    "429": "more requests are in flight than the service takes",
}
EVENTS = {
    "422": "a field, or an event that is not accepted; the message names its place and the rule",
    "429": "one user acts faster than people do; nothing was taken",
    "503": "the events could not be put on disk; send them again, each counts once",
}
LATER = {"retry-after": {"description": "seconds", "schema": {"type": "integer"}}}


def spec(served: Served, messages: Messages) -> dict[str, Any]:
    """The OpenAPI document of one system's service."""
    types = (messages.feed, messages.rank, messages.events, messages.answer, EventsAccepted, Problem)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    feed, rank, events, answer, accepted, problem = schemas
    names = served.policy.service.names
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{served.policy.service.name}: ranking service",
            "version": str(served.features.version),
            "description": ABOUT,
        },
        "paths": {
            "/v1/feed": post("Rank for a user, from our own candidates", ("rank",), feed, "200", answer, problem),
            "/v1/rank": post(f"Rank the caller's own `{names.items}`", ("rank",), rank, "200", answer, problem),
            "/v1/events": post(
                "Take feedback; answered once it is on disk. Events without a `token` need the role `ingest`",
                ("events", "ingest"), events, "202", accepted, problem, EVENTS,
            ),
            "/healthz": get("The process lives"),
            "/readyz": get("The process has loaded what there is and answers"),
            "/metrics": get("Prometheus metrics; on this machine no token is needed", ("observe",)),
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"role": {"type": "http", "scheme": "bearer", "description": "a token of the keyring"}},
        },
    }  # fmt: skip


def post(
    summary: str,
    roles: RoleList,
    message: Any,
    status: str,
    answer: Any,
    problem: Any,
    more: Mapping[str, str] = REFUSALS,
) -> dict[str, Any]:
    """The description of a route that takes JSON."""
    refused = {
        code: {
            "description": why,
            "content": json_of(problem),
            **({"headers": LATER} if code in {"429", "503"} else {}),
        }
        for code, why in {**REFUSALS, **more}.items()
    }
    return {
        "post": {
            "summary": summary,
            "security": [{"role": [role]} for role in roles],
            "requestBody": {"required": True, "content": json_of(message)},
            "responses": {status: {"description": "the answer", "content": json_of(answer)}, **refused},
        }
    }


def json_of(schema: Any) -> dict[str, Any]:
    """A body of JSON."""
    return {"application/json": {"schema": schema}}


def get(summary: str, roles: RoleList = ()) -> dict[str, Any]:
    """The description of a page."""
    refused = {code: {"description": REFUSALS[code]} for code in ("401", "403") if roles}
    security = [{}, *({"role": [role]} for role in roles)]
    return {"get": {"summary": summary, "security": security, "responses": {"200": {"description": "yes"}, **refused}}}
