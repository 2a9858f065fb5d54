"""Folders of files, as people have them: sales in one CSV, tickets as nested JSON lines, tables beside each other."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

START = datetime(2026, 5, 1)
PRIORITIES = ("low", "high")


def sales(folder: Path, rows: int = 600, minutes: float = 15) -> Path:
    """One CSV file; what a few shops sell is often returned."""
    draw = random.Random(5)
    shops = [f"s{i}" for i in range(10)]
    columns: dict[str, list[object]] = {
        name: [] for name in ("sale_id", "shop_id", "buyer_id", "amount", "sold_at", "returned")
    }
    for number in range(rows):
        shop = draw.choice(shops)
        at = START + timedelta(minutes=number * minutes)
        values = (
            f"x{number}",
            shop,
            f"b{draw.randrange(60)}",
            round(draw.lognormvariate(3, 1), 2),
            f"{at.isoformat()}Z",
        )
        for name, value in zip(columns, (*values, int(draw.random() < (0.7 if shop < "s3" else 0.05))), strict=True):
            columns[name].append(value)
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.csv.write_csv(pa.table(columns), folder / "sales.csv")
    return folder


def tickets(folder: Path, rows: int = 400) -> Path:
    """JSON lines with objects in objects; a moment at the end, a number to predict, lists, and a column of nulls."""
    draw, lines = random.Random(7), []
    for number in range(rows):
        at, minutes = START + timedelta(minutes=30 * number), draw.randrange(10, 200)
        lines.append({
            "ticket": {"id": f"T-{number}", "openedAt": f"{at.isoformat()}+02:00", "priority": draw.choice(PRIORITIES)},
            "customer": {"id": draw.randrange(1000, 1040), "address": {"country": draw.choice(["DE", "NA"])}},
            "tags": ["a", "b"],
            "nothing": None,
            "closed_at": None if number % 50 == 0 else f"{(at + timedelta(minutes=minutes)).isoformat()}+02:00",
            "minutes": None if number % 50 == 0 else minutes,
        })  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "2026-05.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def loans(folder: Path, rows: int = 300) -> Path:
    """A folder of Parquet files, a CSV that describes, a log of something else, and a file that is no table."""
    draw = random.Random(9)
    at = [START + timedelta(hours=number) for number in range(rows)]
    table = pa.table({
        "customerId": [f"c{draw.randrange(40)}" for _ in range(rows)],
        "asked": [float(draw.randrange(100, 9000)) for _ in range(rows)],
        "asked_at": pa.array(at, pa.timestamp("us")),
        "ingested_at": pa.array([moment + timedelta(minutes=2) for moment in at], pa.timestamp("us")),
        "defaulted": [draw.random() < 0.2 for _ in range(rows)],
    })  # fmt: skip
    for name in ("loans", "logins"):
        (folder / name).mkdir(parents=True)
    pq.write_table(table[:200], folder / "loans" / "2026-05-01.parquet")
    pq.write_table(table[200:], folder / "loans" / "2026-05-09.parquet")
    described = ["customerId;segment;income;since"]
    described += [f"c{i};{'young' if i % 3 else 'old'};{1000 + i};2020-01-{1 + i % 28:02d}" for i in range(40)]
    (folder / "customers.csv").write_text("\n".join(described))
    logins = [{"customerId": f"c{i % 40}", "at": f"{moment.isoformat()}Z", "device": i} for i, moment in enumerate(at)]
    (folder / "logins" / "all.jsonl").write_text("\n".join(map(json.dumps, logins)))
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    return folder


def spreadsheet(folder: Path, rows: int = 300) -> Path:
    """A CSV as a German spreadsheet writes it: odd names, cut at semicolons, decimal commas, row numbers first."""
    lines = [";Verkauf Nr;Geschäft/Straße;Preis (€);Stück;Verkauft am;zurück?"]
    for number in range(rows):
        price, at = f"{number % 90},{number % 100:02d}", START + timedelta(minutes=30 * number)
        lines.append(f"{number};v{number};g{number % 9};{price};1,500;{at.isoformat()}Z;{int(number % 7 == 0)}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Verkäufe.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder
