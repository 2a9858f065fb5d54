"""`flywheel transactions`: a plain table of other people's transactions, judged as fraud's own events are."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from infra.atomic import atomic_write
from infra.errors import DefinitionError
from orchestration.commands.console import grid, out, say, settings

if TYPE_CHECKING:
    from orchestration.sources.transactions import Delivered, Transactions
    from orchestration.system import Installation

app = typer.Typer()
DAY = timedelta(days=1)


@app.command()
def transactions(
    path: Annotated[Path, typer.Argument(help="a CSV or Parquet file, or a folder of them")],
    time_column: Annotated[str, typer.Option("--time", help="when each was made, UTC")] = "TX_DATETIME",
    customer: Annotated[str, typer.Option(help="the column of who paid")] = "CUSTOMER_ID",
    terminal: Annotated[str, typer.Option(help="the column of where")] = "TERMINAL_ID",
    amount: Annotated[str, typer.Option(help="the column of how much")] = "TX_AMOUNT",
    fraud: Annotated[str, typer.Option(help="the column that says whether it was fraud, 0 or 1")] = "TX_FRAUD",
    scenario: Annotated[str | None, typer.Option(help="the column of the way in which it was; for the report")] = None,
    delay_days: Annotated[float, typer.Option(help="how many days after a payment its label arrives")] = 7.0,
    judge_days: Annotated[int, typer.Option(help="how many of the last days are judged")] = 7,
    since: Annotated[str | None, typer.Option(help="the first day to take, YYYY-MM-DD")] = None,
    until: Annotated[str | None, typer.Option(help="the last day to take, YYYY-MM-DD")] = None,
    only_files: Annotated[bool, typer.Option("--only-files", help="write the landing files, and end")] = False,
) -> None:
    """Map a table of transactions to fraud's tables, ingest it, and train and judge on it; nothing goes live.

    The names are by default those of the simulated set of the handbook *Reproducible Machine Learning for Credit Card
    Fraud Detection*. Each fraud is disputed after the delay, and nothing knows of it before.

    Examples: flywheel transactions simulated/ --scenario TX_FRAUD_SCENARIO --since 2018-06-20 --until 2018-08-14 ·
    flywheel transactions mine.csv --time at --customer card --terminal shop --amount euro --fraud stolen
    """
    from orchestration.sources import transactions as source
    from orchestration.system import Installation
    from orchestration.systems.fraud import FRAUD

    columns = source.Columns(time_column, customer, terminal, amount, fraud, scenario)
    rows = source.read(path, columns, _start(since), _start(until, DAY))
    delay = timedelta(days=delay_days)
    system = source.system_for(FRAUD, rows.first, rows.last, delay, judge_days)
    given = settings().of(FRAUD.name)
    _must_be_empty(Installation(system, given))
    delivered = source.deliver(rows, given.landing, delay)
    counts = [(name, f"{each.received:,}", f"{each.files:,}") for name, each in delivered.rows.items()]
    grid(f"Written to {given.landing}", ("table", "rows", "files"), counts)
    if not only_files:
        after = datetime.combine(delivered.known_at.date() + DAY, time.min, UTC) + system.task.grace
        _judge(Installation(system, given.model_copy(update={"replay_from": after})), rows, delivered)


def _judge(installation: "Installation", rows: "Transactions", delivered: "Delivered") -> None:
    """Ingest, features and training, and what came of it."""
    from orchestration.demo import contenders, judged_cases, run_metadata
    from orchestration.runs import execute, redis_for
    from orchestration.sources.transactions import read_patterns

    first, last = rows.first.date(), delivered.known_at.date()
    today = installation.now().date()
    for job, begin, until in (("ingest", today, today), ("features", first, last)):
        out.print(f"{job}, {begin} to {until} …")
        with redis_for(installation, job):
            if not execute(installation, job, begin, until, say).success:
                raise typer.Exit(1)
    out.print(f"train: what was known on {today} …")
    result = execute(installation, "train", today, today, say)
    metrics = run_metadata(result, "ranker").get("metrics")
    if metrics is None:
        raise typer.Exit(1)
    objective: Any = installation.system.task.objective
    names = ("auc", "average_precision", f"precision_at_{objective.queue}_a_day", "recall_at_0.01", "net_benefit")
    split = installation.system.task.split
    grid(f"Judged from {split.judge_from:%Y-%m-%d %H:%M} on (95 % intervals)", *contenders(metrics, names))
    with atomic_write(installation.settings.reports / "transactions.json") as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode({"metrics": metrics}, enc_hook=str)))
    patterns = read_patterns(installation.settings.landing)
    if patterns:
        judged = judged_cases(installation)
        named = judged.frame[installation.system.task.unit].map(patterns)
        acted = judged.frame.assign(acted=judged.acted).groupby(named)["acted"].agg(["size", "mean"])
        table = [(str(name), f"{int(row['size']):,}", f"{row['mean']:.1%}") for name, row in acted.iterrows()]
        grid("At the operating point", ("scenario", "payments", "acted on"), table)


def _must_be_empty(installation: "Installation") -> None:
    """Raise DefinitionError where other payments are there already: two sources in one lake would be judged as one."""
    if installation.lake.days("tables/payments"):
        raise DefinitionError(
            f"{installation.settings.home} holds payments already. Name another home (FLYWHEEL_HOME=…)."
        )


def _start(day: str | None, later: timedelta = timedelta(0)) -> datetime | None:
    if day is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(day), time.min, UTC) + later
    except ValueError as wrong:
        raise typer.BadParameter(f"`{day}` is not a day such as 2026-05-03") from wrong
