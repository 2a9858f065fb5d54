"""The command that shows the figures of the jobs to Prometheus."""

import os
from typing import Annotated

import typer

from orchestration.commands.console import open_installation, out, settings

app = typer.Typer()


@app.command()
def metrics(
    systems: Annotated[str | None, typer.Option(help="names with commas between them; else FLYWHEEL_ENABLED")] = None,
    host: Annotated[
        str, typer.Option(help="the address to listen on; another than loopback inside containers only")
    ] = "127.0.0.1",
    show: Annotated[bool, typer.Option("--show", help="print the figures as they are now, and end")] = False,
) -> None:
    """Serve the figures of jobs, freshness, releases and alerts to Prometheus, at /metrics, until Ctrl-C.

    Examples: flywheel metrics --show · FLYWHEEL_METRICS_PORT=4003 flywheel metrics --systems home_feed,fraud
    """
    from prometheus_client import CollectorRegistry, generate_latest

    from orchestration.exporter import Exporter, exporting
    from orchestration.replay import replaying
    from orchestration.up import environment, until_interrupted

    at = settings()
    if systems is not None:
        at = at.model_copy(update={"enabled": systems})
    opened = [open_installation(at.of(name), to_look=True) for name in at.enabled_systems]
    installations = [replaying(each, out.print if not show else lambda _: None) for each in opened]
    if "DAGSTER_HOME" not in os.environ:  # in a container its own is set
        os.environ.update(environment(at))
    exporter = Exporter(installations)
    if show:
        registry = CollectorRegistry()
        registry.register(exporter)
        out.print(generate_latest(registry).decode(), markup=False)
        return
    with exporting(exporter, host, at.metrics_port) as address:
        out.print(f"The figures of {', '.join(at.enabled_systems)} are at {address}. Ctrl-C ends it.")
        until_interrupted()
