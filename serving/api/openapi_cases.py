"""The description of the API of a service of cases."""

from typing import Any

import msgspec

from serving.api.case_messages import CaseMessages
from serving.api.messages import EventsAccepted, Problem
from serving.api.openapi import REFUSALS, get, json_of, post
from serving.case_policy import Decide, ServedCases

ABOUT = """Always answers a well-formed request: `served_by` says from which rung of the ladder.

Callers show a bearer token of a role; `flywheel token --role decide` prints one. The same key sent again gets the same
answer, and is logged once. Rows about a case carry the answer's `token`, or come from a caller of role `ingest`."""
AGAIN = {"409": "the same key was decided with other values"}
LANDED = {
    "422": "a field, or a row that is not accepted; the message names its place and the rule",
    "503": "the rows could not be put on disk; send them again, each counts once",
}


def spec(served: ServedCases, messages: CaseMessages) -> dict[str, Any]:
    """The OpenAPI document of one system's service."""
    kinds = [messages.case, messages.answer, EventsAccepted, Problem]
    more = [kind for kind in (messages.events, messages.verdict, messages.waiting) if kind is not None]
    schemas, components = msgspec.json.schema_components([*kinds, *more], ref_template="#/components/schemas/{name}")
    case, answer, accepted, problem, *others = schemas
    of = dict(zip(map(id, more), others, strict=True))
    what = "Decide a case" if isinstance(served.policy, Decide) else "Say a number of a case"
    paths: dict[str, Any] = {
        "/v1/decide": post(what, ("decide",), case, "200", answer, problem, {**REFUSALS, **AGAIN}),
        "/healthz": get("The process lives"),
        "/readyz": get("The process has loaded what there is and answers"),
        "/metrics": get("Prometheus metrics; on this machine no token is needed", ("observe",)),
    }
    if messages.events is not None:
        summary = "Take rows about cases; answered once they are on disk. Without a `token` they need the role `ingest`"
        rows = of[id(messages.events)]
        paths["/v1/events"] = post(summary, ("events", "ingest"), rows, "202", accepted, problem, LANDED)
    if messages.verdict is not None:
        verdict, waiting = of[id(messages.verdict)], of[id(messages.waiting)]
        paths["/v1/queue"] = {
            **_listed(waiting),
            **post("A verdict on a case that waits", ("review",), verdict, "202", accepted, problem,
                   {**LANDED, "404": "the case does not wait for a verdict"}),
        }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{served.policy.name}: decisions",
            "version": str(served.features.version),
            "description": ABOUT,
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"role": {"type": "http", "scheme": "bearer", "description": "a token of the keyring"}},
        },
    }


def _listed(waiting: Any) -> dict[str, Any]:
    described = get("Open reviews by expected loss, and how old the oldest is; for people at /queue", ("review",))
    described["get"]["responses"]["200"]["content"] = json_of(waiting)
    return described
