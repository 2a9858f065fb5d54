"""What is compared, read from files that stay where they are: lake, release, verdict, pages and their log."""

import gzip
import hashlib
import json
import math
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost

Figures = dict[str, Any]
ROOT = Path(__file__).parents[2]
LIBRARIES = ("numpy", "pyarrow", "pandas", "pyspark", "faiss-cpu", "scikit-learn")
INPUT = "input:"  # how a training set names the model's inputs among its columns
OF_THE_RUN = {"received_at", "created_at", "line"}  # of quarantine and ledger: when this run took something in
SKIPPED = {"online", "complete", "joined"}  # notes on when something was done; copies of what training sets hold
ABOUT_A_RUN = {"run_id", "report"}


def made_on() -> Figures:
    """The commit and what else the figures depend on."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "commit": found.stdout.strip() or "unknown",
        "python": ".".join(platform.python_version_tuple()[:2]),
        "processor": _processor(),
        **{name: version(name) for name in LIBRARIES},
        "xgboost": xgboost.__version__,  # its distribution has another name on each system
    }


def _processor() -> str:
    """Libraries choose their loops by it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{platform.machine()} {named[0] if named else platform.processor()}"


def tables(lake: Path) -> Figures:
    """Every table of the lake by its folder: rows, a digest that does not know their order, the sum of all floats."""
    folders = sorted({path.parent.parent for path in lake.rglob("day=*/*.parquet")})
    return {
        folder.relative_to(lake).as_posix(): content(read(folder), _of_the_run(folder.relative_to(lake)))
        for folder in folders
        if not SKIPPED & set(folder.relative_to(lake).parts)
    }


def read(folder: Path) -> pa.Table:
    """A table as it stands: of a day whose files are listed in `.live.json` those, of another one all."""
    live = folder / ".live.json"
    listed = json.loads(live.read_text()) if live.exists() else {}
    files = [
        path
        for path in sorted(folder.glob("day=*/*.parquet"))
        if path.parent.name not in listed or path.name in listed[path.parent.name]
    ]
    return pa.concat_tables([pq.ParquetFile(path).read() for path in files], promote_options="permissive")


def content(table: pa.Table, without: Iterable[str] = ()) -> Figures:
    """Figures of a table's content."""
    frame = table.drop_columns([name for name in table.column_names if name in set(without)]).to_pandas()
    frame = frame[sorted(frame.columns)]
    for name in [field.name for field in table.schema if pa.types.is_nested(field.type) and field.name in frame]:
        frame[name] = frame[name].map(lambda v: v if v is None else json.dumps(list(v), default=str))
    hashes = np.sort(pd.util.hash_pandas_object(frame, index=False).to_numpy())
    floats = frame.select_dtypes("floating").to_numpy(dtype=np.float64).ravel()
    return {
        "rows": len(frame),
        "columns": digest(json.dumps([[name, str(frame[name].dtype)] for name in frame]).encode()),
        "digest": digest(hashes.tobytes()),
        "sum": math.fsum(floats[np.isfinite(floats)]),
    }


def release(registry: Path, training_set: pa.Schema) -> Figures:
    """What the live release is made of: the files' digests, the features with the types they were trained in."""
    folder = registry / json.loads((registry / "live.json").read_text())["champion"]["path"]
    manifest = json.loads((folder / "manifest.json").read_text())
    return {
        "recipe digest": manifest["features_digest"],
        "training rows digest": manifest["dataset_digest"],
        "kind": manifest["kind"],
        "ranker": manifest["ranker"],
        "features": {name: str(training_set.field(INPUT + name).type) for name in manifest["features"]},
        "files": {name: digest((folder / name).read_bytes()) for name in manifest["files"]},
        "policy": flat(json.loads((folder / "policy.json").read_text())),
    }


def verdict(candidate: Path) -> Figures:
    """What each gate found, and the contenders' figures."""
    found = json.loads((candidate / "verdict.json").read_text())
    figures = json.loads((candidate / "figures.json").read_text())
    return {
        "gates": {one["gate"]: {k: v for k, v in one.items() if k != "gate"} for one in found["findings"]},
        "contenders": {name: value for name, value in figures.items() if name not in ABOUT_A_RUN},
    }


def logged(landing: Path) -> list[dict[str, Any]]:
    """The rows of a landing folder."""
    rows = []
    for path in sorted(path for path in landing.rglob("*.jsonl*") if path.is_file()):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines if line.strip()]
    return rows


def events(rows: Sequence[Mapping[str, Any]]) -> Figures:
    """Landed events as a line each, without what is null."""
    told = {row["event_id"]: {k: v for k, v in row.items() if k != "event_id" and v is not None} for row in rows}
    return {f"event {name}": _words(f"{k}={told[name][k]}" for k in sorted(told[name])) for name in sorted(told)}


def pages(
    asked: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]], log: Sequence[Mapping[str, Any]]
) -> Figures:
    """Each answer by its request's name, with what the decision log has of it."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in log:
        rows.setdefault(row["request_id"], []).append(row)
    return {name: page(one, answers[name], rows.get(one["request_id"], [])) for name, one in asked.items()}


def page(asked: Mapping[str, Any], answer: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Figures:
    """One answer, with what the decision log has of it."""
    body = dict(answer["body"])
    items, left_out = body.pop("items", []), body.pop("left_out", None)
    told = {"status": answer["status"], "token": body.pop("token", None) is not None} | body
    if told.get("request_id") == asked["request_id"]:
        told["request_id"] = "as given"
    if [item["position"] for item in items] != list(range(1, len(items) + 1)):
        told["positions"] = _words(item["position"] for item in items)
    why = [item["why"] for item in items if "why" in item]
    if why:
        told |= {"why the first": flat(why[0]), "why all": digest(json.dumps(why).encode())}
    if left_out is not None:
        told["left out"] = _words(left_out)
    videos = _words(item["video_id"] for item in items)
    log = _log(
        sorted(rows, key=lambda row: row["position"]), {**asked["body"], **asked["body"].get("context", {}), **body}
    )
    if log.get("logged") == videos:
        log["logged"] = "as answered"
    wanted = digest(json.dumps([asked["route"], asked["body"]], sort_keys=True).encode())
    return {"asked": wanted, "videos": videos, **{k: v for k, v in told.items() if v is not None}, **log}


def _log(rows: Sequence[Mapping[str, Any]], known: Mapping[str, Any]) -> Figures:
    """A page's rows; of what all rows share only what neither the request nor the answer says."""
    if not rows:
        return {}
    own = {"video_id", "position", "source", "propensity", "score", "served_features"}
    shared = [{k: v for k, v in row.items() if k not in own and known.get(k, row) != v} for row in rows]
    return {
        "logged": _words(row["video_id"] for row in rows),
        "sources": _runs(row["source"] for row in rows),
        "propensities": _runs(row["propensity"] for row in rows),
        "scores": digest(json.dumps([row["score"] for row in rows]).encode()),
        "features": digest(json.dumps([row["served_features"] for row in rows]).encode()),
        "log of the page": shared[0] if all(one == shared[0] for one in shared) else shared,
    }


def served_features(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figures:
    """Each feature as it was served, over all pages: how often it was unknown, its sum, and a digest of its values."""
    held = [row["served_features"] for row in rows if row["served_features"] is not None]
    columns = zip(*sorted(held, key=str), strict=True)
    return {
        name: {
            "rows": len(values),
            "unknown": sum(value is None for value in values),
            "sum": math.fsum(value for value in values if value is not None),
            "digest": digest(json.dumps(values).encode()),
        }
        for name, values in zip(names, columns, strict=True)
    }


def flat(value: Any, at: str = "") -> Figures:
    """A JSON value as one line for each leaf, so that a difference is small."""
    if isinstance(value, Mapping) and value:
        return {k: v for name, inner in value.items() for k, v in flat(inner, f"{at}.{name}" if at else name).items()}
    if isinstance(value, list) and any(isinstance(inner, (dict, list)) for inner in value):
        return {k: v for place, inner in enumerate(value) for k, v in flat(inner, f"{at}[{place}]").items()}
    return {at: value}


def digest(content: bytes) -> str:
    """The sha256 of some bytes, in hexadecimal, as much of it as tells two apart."""
    return hashlib.sha256(content).hexdigest()[:16]


def _of_the_run(folder: Path) -> set[str]:
    return OF_THE_RUN if folder.parts[0] in {"ledger", "quarantine"} else set()


def _words(values: Iterable[Any]) -> str:
    return " ".join("–" if value is None else f"{value:.9g}" if isinstance(value, float) else str(value)
                    for value in values)  # fmt: skip


def _runs(values: Iterable[Any]) -> str:
    """The same, with how often a word comes in a row."""
    found = ((word, len(list(same))) for word, same in groupby(_words(values).split(" ")))
    return " ".join(word if count == 1 else f"{word}×{count}" for word, count in found)
