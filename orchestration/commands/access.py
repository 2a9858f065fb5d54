"""The commands about the service's secrets: tokens of callers, and the keys that sign impressions."""

from typing import Annotated

import typer

from orchestration.commands.console import open_installation, out, settings
from serving.access import Role

app = typer.Typer()


@app.command()
def token(role: Annotated[Role, typer.Option(help="what its holder may do")] = "rank") -> None:
    """The bearer token that a caller of the service shows; made, with all other secrets, at first use.

    Example: curl -H "authorization: Bearer $(flywheel token --role observe)" localhost:3700/metrics
    """
    from infra.pseudonyms import choose_mode
    from serving.access import bearer

    token_of_role = bearer(settings(), role)["authorization"].removeprefix("Bearer ")
    if settings().keyring is None:  # the home's own: a service that starts next only reads how the home keeps ids
        choose_mode(settings())
    print(token_of_role)


@app.command()
def rotate() -> None:
    """Sign impressions with a new key; the old ones verify until the last token they signed has expired.

    Example: flywheel rotate
    """
    import time

    from serving.access import NEW_KEY_AHEAD_S, keyring_path, rotate_keyring
    from serving.case_policy import feedback_of

    policy = open_installation().system.policy
    assert policy is not None
    key = rotate_keyring(keyring_path(settings()), time.time(), feedback_of(policy).lives_s)
    out.print(f"key {key} signs in {NEW_KEY_AHEAD_S:.0f} s: running services take it up by themselves")
