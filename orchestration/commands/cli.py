"""The `flywheel` command: everything an installation does, from one place. Heavy parts load inside the commands."""

import os
import sys
import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from infra import private_files
from infra.ending import end_in_order
from infra.unmigrated import must_be_migrated
from orchestration.commands import (
    access,
    asking,
    demo,
    explaining,
    looking,
    measured,
    measuring,
    new,
    own_events,
    people,
    releasing,
    reproducing,
    retaining,
    rollout,
    systems,
    transactions,
    watching,
)
from orchestration.commands.console import grid, open_installation, out, say, settings
from orchestration.commands.error_messages import DEBUG, errors_as_exit_status
from orchestration.commands.of_system import SystemCommands

EXAMPLES = """
Examples:

- `flywheel demo`: the whole loop on simulated events\n
- `flywheel demo --source kuairand --path DIR`: the same on real events\n
- `flywheel up`: everything running, until Ctrl-C\n
- `flywheel systems`: the systems that are known here\n
- `flywheel releases --system fraud`: any command, of another system\n
- `flywheel map --from DIR`: a first mapping of your own files\n
- `flywheel new returns --from sales/`: a system of your own, from your files\n
- `flywheel ingest events/`: your own files into the lake\n
- `flywheel run features --day 2026-05-03`: one stage for one day\n
- `flywheel run train --day 2026-05-03`: a new ranker, judged\n
- `flywheel run daily --as-of 2022-05-09`: a day's work on events of 2022, in their own time\n
- `flywheel stream`: events count as they land\n
- `flywheel rank u42`: the feed of one user, from the running service\n
- `flywheel decide --system fraud '{…}'`: what is done about one case\n
- `flywheel releases`: what was live when and for which share, who moved it, why\n
- `flywheel advance --why "no guardrail was hurt"`: the release on trial, one stage on\n
- `flywheel rollback --why "long views fell"`: back to the previous release\n
- `flywheel erase u42 --why "request 1093"`: a person, from every store, for good\n
- `flywheel why 1f0c5a3e9d7b42c88e6f0a1b2c3d4e5f v17`: why that item came to that place\n
- `flywheel replay 1f0c5a3e9d7b42c88e6f0a1b2c3d4e5f`: an answer's scores again, from the log\n
- `flywheel rebuild 7`: a release's model again, to the same bytes\n
- `flywheel study seeds`: how far figures move with the seed alone\n
- `flywheel retain --dry-run`: what is older than its limit, and would go\n
- `flywheel diagnose`: why the live release does worse, and where\n
- `flywheel funnel`: what each part of the funnel does, on simulated users\n
"""

app = typer.Typer(
    cls=SystemCommands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    epilog=EXAMPLES,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Events become features, features a model, the model a feed.",
)
app.add_typer(demo.app)
app.add_typer(own_events.app)
app.add_typer(new.app)
app.add_typer(access.app)
app.add_typer(asking.app)
app.add_typer(retaining.app)
app.add_typer(looking.app)
app.add_typer(measuring.app)
app.add_typer(measured.app)
app.add_typer(people.app)
app.add_typer(releasing.app)
app.add_typer(rollout.app)
app.add_typer(reproducing.app)
app.add_typer(explaining.app)
app.add_typer(transactions.app)
app.add_typer(systems.app)
app.add_typer(watching.app)


@app.callback()
def every_command(
    ctx: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", envvar=DEBUG, help="show the traceback of an unexpected error")
    ] = False,
) -> None:
    """Events become features, features a model, the model a feed."""
    if debug:
        os.environ[DEBUG] = "1"
    if ctx.invoked_subcommand not in ANY_HOME and "--help" not in sys.argv:
        must_be_migrated(Path(os.environ.get("FLYWHEEL_HOME", ".flywheel")))


ANY_HOME = {"migrate"}
Day = Annotated[str | None, typer.Option("--day", help="YYYY-MM-DD; the last day with data when absent")]


@app.command()
def up(
    systems: Annotated[
        str | None, typer.Option(help="names with commas between them; each gets its own service, all one Dagster")
    ] = None,
    schedules: Annotated[
        bool, typer.Option("--schedules", help="with all schedules and sensors on; else as FLYWHEEL_SCHEDULES says")
    ] = False,
) -> None:
    """Start Redis, MLflow, Dagster, the service and the stream on loopback; Ctrl-C stops them all.

    Examples: FLYWHEEL_DAGSTER_PORT=4000 flywheel up · flywheel up --systems home_feed,fraud,eta ·
    flywheel up --schedules
    """
    from orchestration.replay import replaying
    from orchestration.switched_on import says, switches_of
    from orchestration.up import everything, until_interrupted, with_ports

    if systems is not None:
        os.environ["FLYWHEEL_ENABLED"] = systems
    if schedules:
        os.environ["FLYWHEEL_SCHEDULES"] = "true"
    every = with_ports(settings(), settings().enabled_systems)
    installations = [replaying(open_installation(each), out.print) for each in every]
    with out.status("Starting …"):
        running = everything(installations)
        lines = running.__enter__()
    try:
        for line in lines:
            out.print(f"  {line}")
        say(says(switches_of(installations)))
        out.print("Everything runs. Ctrl-C stops it.")
        until_interrupted()
    finally:
        out.print("Stopping …")
        running.__exit__(None, None, None)


@app.command()
def ingest(
    path: Annotated[Path | None, typer.Argument(help="a file, or a folder with a folder for each table")] = None,
    table: Annotated[str | None, typer.Option(help="the table, where the path does not name it")] = None,
    replay: Annotated[str | None, typer.Option(help="day (YYYY-MM-DD) whose quarantined rows are tried again")] = None,
    discard: Annotated[str | None, typer.Option(help="day (YYYY-MM-DD) whose quarantined rows are given up")] = None,
    why: Annotated[str, typer.Option(help="with --discard: the reason, kept in the ledger")] = "",
    history: Annotated[
        bool, typer.Option("--history", help="records of the past: what rows say of their receipt is believed")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(help="with --replay: only write the rows to a file, to be mended")
    ] = None,
) -> None:
    """Validate files and put them into the lake; print the ledger. Nothing is dropped in silence.

    Examples: flywheel ingest events/ · flywheel ingest today.jsonl --table engagements ·
    flywheel ingest last-year/ --history ·
    flywheel ingest --replay 2026-05-03 --export mend.jsonl · flywheel ingest mend.jsonl --replay 2026-05-03 ·
    flywheel ingest --discard 2026-05-03 --why "test events of the app team"
    """
    from orchestration.ingestion import Ingested, ingest_path, sentences
    from orchestration.mending import discard_day, export_day, replay_day
    from validation.batches import HEAD

    installation = open_installation()
    if replay is not None and export is not None:
        rows = export_day(installation, _day(replay), table, export)
        out.print(
            f"{rows:,} rows are in {export}. Write what a row should be under `mended`, then replay with the file."
        )
        return
    if discard is not None:
        if not why:
            raise typer.BadParameter("say --why: the reason is kept in the ledger")
        ingested = Ingested(tuple(discard_day(installation, _day(discard), table, why)))
    elif replay is not None:
        ingested = Ingested(tuple(replay_day(installation, _day(replay), path, table, say)))
    elif path is not None:
        ingested = ingest_path(installation, path, table, say, history=history)
    else:
        raise typer.BadParameter("name a file or folder, or a day with --replay or --discard")
    grid("Ledger", HEAD, [entry.row() for entry in ingested.lines])
    for line in sentences(installation, ingested):
        say(line)
    if not ingested.complete:
        raise typer.Exit(1)


@app.command()
def run(
    job: Annotated[
        str,
        typer.Argument(
            help="ingest, features, train, release, monitor, perturb, study, search, retain, erase, retrain or daily"
        ),
    ],
    day: Day = None,
    until: Annotated[str | None, typer.Option(help="last day of a range that starts at --day")] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            help="run as if it were this moment (2022-05-09, 2022-05-09T06:00 or now); when absent, old events run as "
            "if the day after the newest of them began",
        ),
    ] = None,
    despite_freeze: Annotated[
        bool, typer.Option("--despite-freeze", help="train although skew froze training, since its cause is mended")
    ] = False,
) -> None:
    """Run one of Dagster's jobs here and now, recorded like any other run.

    Examples: flywheel run features --day 2026-05-01 --until 2026-05-14 ·
    flywheel run daily --day 2022-04-08 --until 2022-05-08 --as-of 2022-05-09
    """
    from orchestration import replay
    from orchestration.runs import checked, execute, last_day, live, redis_for, sound

    job, installation = checked(job), replay.as_of(open_installation(), as_of, out.print)
    newest = last_day(installation)  # where there are no events, no job has anything to do
    first = _day(day) if day else newest
    last = _day(until) if until else first
    out.print(f"{job}, {first} to {last}: this can take minutes; what it found is said at its end.")
    with redis_for(installation, job):
        result = execute(installation, job, first, last, say, steps=say, despite_freeze=despite_freeze)
    if not sound(result):
        raise typer.Exit(1)
    out.print(live(installation, job) or f"{job}: done")


@app.command()
def stream(
    only_waiting: Annotated[bool, typer.Option("--once", help="take what waits, bring it online, and end")] = False,
    every: Annotated[float, typer.Option(help="seconds from one micro-batch to the next")] = 5.0,
) -> None:
    """Count what lands as it lands, and bring it online; Ctrl-C ends it, and it goes on where it was.

    Example: flywheel stream --every 5
    """
    from orchestration.commands import streaming

    if not only_waiting:
        streaming.follow(open_installation(), every, say)
    elif not streaming.catch_up(open_installation(), say):
        raise typer.Exit(1)


@app.command()
def gate(day: Day = None) -> None:
    """Train on a day's training set, ask every gate, register nothing: for CI. Exit status 1 when one refuses.

    Example: flywheel gate --day 2026-05-03
    """
    from orchestration.commands.gating import verdict_of_day
    from orchestration.runs import last_day

    installation = open_installation()
    verdict = verdict_of_day(installation, _day(day) if day else last_day(installation))
    grid("Gates", ("gate", "outcome", "measured", "limit", "reason"), verdict.table())
    if not verdict.passed:
        raise typer.Exit(1)


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as wrong:
        raise typer.BadParameter(f"`{text}` is not a day such as 2026-05-03") from wrong


def main() -> None:
    """Run the command line; what ends it is printed as a sentence, not as a traceback."""
    private_files.from_now_on()
    os.environ.update({"MLFLOW_DISABLE_TELEMETRY": "true", "BENTOML_DO_NOT_TRACK": "true", "FEAST_USAGE": "False"})
    warnings.filterwarnings("ignore", message="The ``noload`` loader strategy")  # of MLflow's own tables
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads would take the core from Spark and Redis
    end_in_order()
    with errors_as_exit_status():
        app()
