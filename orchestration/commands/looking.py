"""The command that serves the console."""

import typer

from orchestration.commands.console import open_installation, out, settings

app = typer.Typer()


@app.command()
def console() -> None:
    """Serve the console on loopback: what is live and why, and the buttons that move releases. Ctrl-C ends it.

    Example: FLYWHEEL_ENABLED=home_feed,fraud flywheel console
    """
    from infra.processes import must_be_free
    from orchestration.console import serve

    own = settings()
    must_be_free("the console", "127.0.0.1", own.console_port, "FLYWHEEL_CONSOLE_PORT")
    installations = [open_installation(own.of(name)) for name in own.enabled_systems]
    out.print(f"  Console      http://127.0.0.1:{own.console_port}/console/")
    serve(own, installations)
