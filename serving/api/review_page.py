"""The page for reviewers: open cases from the largest expected loss, and a button for each verdict. No script."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from serving.case_policy import ServedCases
from serving.deciding import Review

HEADERS = (
    (b"content-security-policy",
     b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)  # fmt: skip
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; --line: #8884; --soft: #8881; }}
* {{ box-sizing: border-box; }}
body {{ font: 16px/1.45 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.3rem; margin: 0 0 .5rem; }}
article {{ border: 1px solid var(--line); border-radius: .6rem; padding: .8rem; margin: .8rem 0; }}
h2 {{ font-size: 1rem; margin: 0; overflow-wrap: anywhere; }}
.facts, .head {{ display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }}
.head {{ justify-content: space-between; align-items: baseline; }}
dl {{ display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .1rem .8rem; margin: .6rem 0; }}
dt {{ opacity: .7; }} dd {{ margin: 0; overflow-wrap: anywhere; }}
.why span {{ display: inline-block; margin: .1rem; padding: .05rem .5rem; }}
.why span {{ background: var(--soft); border-radius: .4rem; }}
form {{ display: flex; flex-wrap: wrap; gap: .5rem; margin-top: .6rem; }}
button, input {{ font: inherit; min-height: 44px; padding: .6rem 1rem; }}
button, input {{ border-radius: .5rem; border: 1px solid var(--line); }}
button {{ cursor: pointer; flex: 1 1 8rem; }} input {{ flex: 1 1 100%; }}
</style></head><body>
{body}
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """The queue as it is `now`: how many are open, how old the oldest is, how many of a day's places are taken."""

    now: float
    open: int
    oldest_s: float | None
    today: int
    a_day: int
    reviews: Sequence[Review]


def page(served: ServedCases, facts: Facts, verdicts: Sequence[str], proof: str) -> str:
    """The page. Whether a case came by lot is not shown: it is none of a verdict's business."""
    name = escape(served.policy.name)
    oldest = "none waits" if facts.oldest_s is None else f"the oldest waits {_age(facts.oldest_s)}"
    head = (
        f"<h1>{name}: cases to review</h1><p class='facts'><span><b>{facts.open}</b> open</span>"
        f"<span>{oldest}</span><span>{facts.today} of {facts.a_day} places taken today</span></p>"
    )
    cases = "\n".join(_case(served.key, review, facts.now, verdicts, proof) for review in facts.reviews)
    return PAGE.format(title=f"{name}: reviews", body=head + (cases or "<p>Nothing waits for a verdict.</p>"))


def refusal(name: str, why: str, *, asks: bool) -> str:
    """A page that says why, with a place for the token where one is asked for."""
    form = (
        "<form method='post' action='/queue/login'><input name='token' type='password' autocomplete='current-password' "
        "placeholder='token of role review' aria-label='token'><button>Open the queue</button></form>"
        if asks
        else "<p><a href='/queue'>Back to the queue</a></p>"
    )
    return PAGE.format(title=f"{escape(name)}: reviews", body=f"<h1>Not now</h1><p>{escape(why)}</p>{form}")


def _case(key: str, review: Review, now: float, verdicts: Sequence[str], proof: str) -> str:
    given = {name: value for name, value in review.given.items() if value is not None and name != key}
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(_said(value))}</dd>" for name, value in given.items())
    why = "".join(f"<span>{escape(reason)}</span>" for reason in review.reasons) or "–"
    score = "–" if review.score is None else f"{review.score:.3f}"
    buttons = "".join(f"<button name='verdict' value='{escape(word)}'>{escape(word)}</button>" for word in verdicts)
    return (
        f"<article><div class='head'><h2>{escape(review.key)}</h2><span>waits {_age(now - review.at)}</span></div>"
        f"<div class='facts'><span>expected loss <b>{review.loss:,.2f}</b></span><span>score {score}</span></div>"
        f"<dl>{rows}</dl><div class='why'>{why}</div>"
        f"<form method='post' action='/queue'><input type='hidden' name='proof' value='{proof}'>"
        f"<input type='hidden' name='case' value='{escape(review.key)}'>{buttons}</form></article>"
    )


def _said(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def _age(seconds: float) -> str:
    minutes = max(0.0, seconds) / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 2880 else f"{minutes / 1440:.0f} days"
