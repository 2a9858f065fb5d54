"""The loop's figures as text: one Markdown page, and the same with the picture as HTML that needs nothing else."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from orchestration.demo.loop.accounts import LINES
from validation.verdict import markdown as table

Cells = Sequence[tuple[str, ...]]
DIAGNOSED = "What the diagnosis of that day says, without a hint (`flywheel diagnose`):"
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em}
img{max-width:100%}pre{overflow-x:auto}table{border-collapse:collapse;display:block;overflow-x:auto}
td,th{border-bottom:1px solid #8884;padding:.25em .6em;text-align:left;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#16181c;color:#e4e6ea}}"""


def sections(figures: Mapping[str, Any]) -> list[tuple[str, str, tuple[str, ...], Cells]]:
    """Heading, text, head and rows of each part."""
    parts: list[tuple[str, str, tuple[str, ...], Cells]] = [
        (
            "True worth of a page",
            f"{figures['pages']:,} pages answered by the live service: {_counts(figures['served_by'])}. "
            f"{_size(figures['size'])} The run took {figures['seconds'] / 60:.0f} minutes.",
            ("days", "what they are about", *LINES, "pages"),
            [
                (p["days"], p["phase"], *(f"{p[line]:.3f}" for line in LINES), f"{p['pages']:,}")
                for p in figures["phases"]
            ],
        ),
        ("Every decision", "", ("day", "what", "release", "who", "why", "evidence"), _decisions(figures["decisions"])),
    ]
    if bad := figures["bad"]:
        parts.append(("The bad release", _bad(bad), (), ()))
    if won := figures["won"]:
        parts.append(("The retrained release against the frozen one", _won(won), (), ()))
    region = figures["region"]
    head = ("region", "clicks for each video shown, before", "after", "true worth of a page, before", "after")
    sides = ("clicks_before", "clicks_after", "worth_before", "worth_after")
    rows = [(r["region"], *(_figure(r.get(side)) for side in sides)) for r in region["by_region"]]
    offline = f"Offline: {region['offline']}. {_fall(region)}"
    parts.append(("Clicks of one region", offline, head, rows))
    return parts


def _fall(region: Mapping[str, Any]) -> str:
    fall, where = region["fall"], region["planted"]["region"]
    if fall["value"] is None:
        return f"Clicks of {where} cannot be compared."
    says = "they surely fell there" if fall["high"] < 0 else "that they fell there is not sure"
    return (
        f"In {where} clicks for each video shown changed by {fall['value']:+.4f} more than elsewhere "
        f"[{fall['low']:+.4f}, {fall['high']:+.4f}]: {says}."
    )


def diagnosis(figures: Mapping[str, Any]) -> str:
    """What the serving log says by itself of the last day, line by line."""
    return "\n".join(figures["region"].get("says", ["The day was not diagnosed."]))


def markdown(figures: Mapping[str, Any]) -> str:
    """The page without its title."""
    lines = []
    for heading, text, head, rows in sections(figures):
        lines += [f"## {heading}", "", *([text, ""] if text else []), *([table(head, rows), ""] if head else [])]
    return "\n".join([*lines, DIAGNOSED, "", "```", diagnosis(figures), "```", ""])


def html(figures: Mapping[str, Any], picture: bytes) -> str:
    """The page with its picture."""
    image = base64.b64encode(picture).decode()
    body = [
        "<h1>Seven days, closed</h1>",
        f'<img alt="True worth of a page by hour" src="data:image/png;base64,{image}">',
    ]
    for heading, text, head, rows in sections(figures):
        body += [f"<h2>{escape(heading)}</h2>", f"<p>{escape(text)}</p>" if text else ""]
        if head:
            body.append(f"<table><tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>")
            body += [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
            body.append("</table>")
    body.append(f"<p>{DIAGNOSED}</p><pre>{escape(diagnosis(figures))}</pre>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Seven days, closed</title><style>{STYLE}</style><body>{''.join(body)}</body></html>"
    )


def _decisions(decisions: Sequence[Mapping[str, Any]]) -> Cells:
    return [
        (
            f"{d['day']:.2f}", d["what"], d["release"] or "–", d["who"], d["why"],
            ", ".join(f"{name} {value}" for name, value in d["evidence"].items()) or "–",
        )
        for d in decisions
    ]  # fmt: skip


def _bad(bad: Mapping[str, Any]) -> str:
    if not bad["pages"]:
        return f"Release {bad['release']} answered no page."
    share = f"{bad['pages']:,} of the {bad['of_pages_of_those_days']:,} pages of those days ({bad['share']:.2%})"
    return (
        f"Release {bad['release']} passed every gate and explores half of the places. It answered {share} within "
        f"{bad['hours']} hours. They were worth {bad['worth']:.3f}, where those of the first release would have been "
        f"worth {bad['frozen_worth']:.3f}."
    )


def _won(won: Mapping[str, Any]) -> str:
    gain = f"{won['gain']:+.3f} [{won['low']:+.3f}, {won['high']:+.3f}]"
    return (
        f"{won['pages']:,} pages of release {', '.join(won['releases'])} were worth {won['worth']:.3f}. On the same "
        f"visits the first release would have been worth {won['frozen_worth']:.3f}: a gain of {gain} (95 %)."
    )


def _size(size: Mapping[str, Any]) -> str:
    return (
        f"{size['pages_a_day']:,} pages a day, {size['users']:,} users, {size['videos']:,} videos by then, "
        f"{size['history_days']} days of history, seed {size['seed']}."
    )


def _counts(served_by: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in served_by.items())


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
