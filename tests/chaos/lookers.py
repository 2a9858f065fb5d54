"""Many who look at the console at once: it is served here, and its pages are asked for without a pause.

python -m tests.chaos.lookers HOME REDIS_URL SERVICE_PORT COUNT

It says `ready`, begins with the first line that it reads, and says the status of each page that came.
"""

import os
import sys
import threading
from pathlib import Path

import httpx

from infra.settings import Settings
from orchestration.console import console_app, server
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.bench.stand import free_port

PAGES = ("", "releases", "drift", "decisions")


def main(home: Path, redis_url: str, service_port: int, count: int) -> None:
    """Serve it, and look at it until this process is ended."""
    settings = Settings(home=home, redis_url=redis_url, service_port=service_port, console_port=free_port())
    served = server(settings, console_app([Installation(HOME_FEED, settings)]))
    threading.Thread(target=served.run, daemon=True).start()
    while not served.started:
        threading.Event().wait(0.01)
    print("ready", flush=True)
    sys.stdin.readline()
    looking = [threading.Thread(target=look, args=(settings.console_port,), daemon=True) for _ in range(count)]
    for each in looking:
        each.start()
    for each in looking:
        each.join()


def look(port: int) -> None:
    """Page after page."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as caller:
        while True:
            for page in PAGES:
                try:
                    status = caller.get(f"/console/{HOME_FEED.name}/{page}").status_code
                except httpx.HTTPError:
                    status = 0
                os.write(1, b"%d\n" % status)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
