"""A real headless Chromium, driven by Selenium with the machine's own driver: nothing is downloaded."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = "no Chromium with its driver is here: `apt-get install chromium chromium-driver` brings both"
AXE = files("axe_core_python").joinpath("axe.min.js").read_text()
SERIOUS = {"serious", "critical"}


@contextmanager
def chromium(folder: Path, *, slow_s: float = 30.0) -> Iterator[webdriver.Chrome]:
    """A browser with a profile of its own, ended on leaving."""
    options = Options()
    options.binary_location = CHROMIUM or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--force-device-scale-factor=1",
        f"--user-data-dir={folder}",
    ):
        options.add_argument(argument)
    environment = {**os.environ, "SE_OFFLINE": "true", "SE_AVOID_STATS": "true"}
    driver = webdriver.Chrome(options=options, service=Service(DRIVER, env=environment))
    driver.set_page_load_timeout(slow_s)
    try:
        yield driver
    finally:
        driver.quit()


def sized(driver: webdriver.Chrome, width: int, height: int = 900) -> None:
    """Lay pages out for this width; a window itself is never narrower than 500."""
    of_page = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", of_page)


def coloured(driver: webdriver.Chrome, scheme: str) -> None:
    """Prefer `light` or `dark`."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def wider_than_the_window(driver: webdriver.Chrome) -> int:
    """By how many pixels the page is wider than the window."""
    return int(
        driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


def faults(driver: webdriver.Chrome) -> list[str]:
    """What keeps people out of this page, as axe finds it: its serious and critical findings."""
    driver.execute_cdp_cmd(
        "Runtime.evaluate", {"expression": AXE}
    )  # beside the page's own policy, which forbids scripts
    ran = driver.execute_cdp_cmd(
        "Runtime.evaluate",
        {"expression": "axe.run(document).then(r => JSON.stringify(r.violations))", "awaitPromise": True},
    )
    violations: list[dict[str, Any]] = json.loads(ran["result"]["value"])
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {node['html'][:160]}"
        for each in violations
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def picture(driver: webdriver.Chrome, path: Path, width: int, most_height: int = 4_000) -> None:
    """The whole page at a width, as PNG."""
    sized(driver, width)
    height = min(most_height, int(driver.execute_script("return document.documentElement.scrollHeight")))
    sized(driver, width, height)
    driver.save_screenshot(str(path))
