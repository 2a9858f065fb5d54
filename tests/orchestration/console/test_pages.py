"""The pages in a real headless Chromium: in light and dark, on a screen and on a phone, by keyboard."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is a dependency for development")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from infra.errors import FlywheelError
from orchestration import client
from orchestration.console.request import logged
from tests.orchestration.console import browser
from tests.orchestration.console.stand import Stand
from tests.waiting import until

PAGES = (
    "",
    "releases",
    "releases/4",
    "releases/5",
    "drift",
    "decisions",
    "feed",
    "feed?user=u1&limit=6",
    "why",
    "why?request=none",
)
LOOKS = [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")]


@pytest.fixture
def person(at: Stand, driver: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """An operator who is signed in, on a wide light screen."""
    browser.sized(driver, 1280)
    browser.coloured(driver, "light")
    driver.delete_all_cookies()
    driver.get(f"{at.address}/console/sign-in?next=/console/home_feed/releases")
    driver.find_element(By.NAME, "token").send_keys(at.token() + Keys.ENTER)
    until(lambda: "Sign out" in text(driver), lambda: text(driver))
    yield driver
    driver.delete_all_cookies()


def text(driver: webdriver.Chrome) -> str:
    """What the page says, on one line."""
    says = driver.execute_script("return document.body ? document.body.innerText : ''")  # in one step: pages change
    return " ".join(str(says).split())


def is_logged(at: Stand, request: str) -> bool:
    """Whether the decision log has an answer already: it is written a moment later."""
    with suppress(FlywheelError):
        return bool(logged(at.installation, request))
    return False


def test_an_operator_signs_in_gives_a_reason_and_promotes(at: Stand, person: webdriver.Chrome) -> None:
    assert "releases" in person.title, "signing in goes on to where one wanted to be"
    cookie: dict[str, Any] = person.get_cookie("flywheel_console") or {}
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/console")
    person.get(f"{at.address}/console/home_feed/releases/5")
    form = person.find_element(By.CSS_SELECTOR, "form[action$='/moves/promote']")
    form.find_element(By.TAG_NAME, "button").click()
    assert "releases/5" in person.current_url, "the browser asks for the reason"
    assert at.installation.registry.live() == "2"
    form.find_element(By.NAME, "why").send_keys("the <b>fix</b> of the region" + Keys.ENTER)
    until(lambda: "release 5 is live for all askers" in text(person), lambda: text(person))
    assert "the <b>fix</b> of the region" in text(person), "the history has the reason, as it was written"
    move = at.installation.registry.history()[-1]
    assert (move.action, move.after, move.who.endswith("(console)")) == ("promote", "5", True)
    person.get(f"{at.address}/console/home_feed/releases")
    assert "release 5 is live for all askers" not in text(person), "it is said once"
    back = person.find_element(By.CSS_SELECTOR, "form[action$='/moves/rollback']")
    back.find_element(By.NAME, "why").send_keys("back")
    back.find_element(By.TAG_NAME, "button").click()
    until(lambda: "release 2 is live again" in text(person), lambda: text(person))
    at.installation.registry.enter("3", "ada", "again, for the next who looks", at.installation.now())
    at.installation.registry.advance("ada", "again", at.installation.now())


def test_no_page_is_wider_than_its_window_and_axe_finds_nothing_serious(at: Stand, person: webdriver.Chrome) -> None:
    wrong = []
    for page in PAGES:
        person.get(f"{at.address}/console/home_feed/{page}")
        assert "Something went wrong" not in person.title, page
        for width, scheme in LOOKS:
            browser.sized(person, width)
            browser.coloured(person, scheme)
            if wider := browser.wider_than_the_window(person):
                wrong.append(f"{page} at {width}, {scheme}: {wider} pixels too wide")
        for width, scheme in LOOKS[:2]:
            browser.sized(person, width)
            browser.coloured(person, scheme)
            wrong += [f"{page} at {width}, {scheme}: {fault}" for fault in browser.faults(person)]
    assert not wrong, "\n".join(wrong)
    browser.sized(person, 390)
    person.get(f"{at.address}/console/home_feed/")
    scrolls = "return [...document.querySelectorAll('.scroll')].some(of => of.scrollWidth > of.clientWidth)"
    assert person.execute_script(scrolls), "a wide table scrolls inside its card"


def test_axe_does_find_what_is_wrong(person: webdriver.Chrome) -> None:
    person.get("data:text/html,<title>x</title><input><img src='x.png'>")
    assert any("image-alt" in fault for fault in browser.faults(person))
    assert any("label" in fault for fault in browser.faults(person))


def test_nothing_that_others_wrote_runs_and_nothing_is_asked_of_other_machines(
    at: Stand, person: webdriver.Chrome
) -> None:
    for page in ("", "releases", "drift", "decisions", "feed?user=%22%20onmouseover%3D%22x"):
        person.get(f"{at.address}/console/home_feed/{page}")
        assert person.title != "owned"
        asked = person.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
        assert all(name.startswith(f"{at.address}/console/static/") for name in asked), asked
        assert not person.find_elements(By.TAG_NAME, "script")


def test_the_explorer_shows_pictures_sources_and_what_moved_each_score(at: Stand, person: webdriver.Chrome) -> None:
    person.get(f"{at.address}/console/home_feed/feed?limit=6")
    person.find_element(By.NAME, "user").send_keys("u1" + Keys.ENTER)
    until(lambda: "Challenger release" in text(person), lambda: text(person))
    tiles = person.find_elements(By.CSS_SELECTOR, ".tile")
    assert len(tiles) >= 6
    assert tiles[0].find_element(By.CSS_SELECTOR, "svg.thumbnail").size["height"] > 40
    assert any(f"from {source}" in text(person) for source in ("trending", "category_affinity", "fresh"))
    for heading, release in (("Champion", "2"), ("Challenger", "3")):
        assert f"{heading} release {release}, ranked by" in text(person), "both pages stand beside each other"
    assert "same place" in text(person)
    assert "region FR" in text(person), "what is known of the person stands beside"
    assert "video_long_view_1d" in text(person)


def test_the_keyboard_comes_to_the_content_and_to_every_button(at: Stand, person: webdriver.Chrome) -> None:
    person.get(f"{at.address}/console/home_feed/releases")
    person.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    first = person.switch_to.active_element
    assert first.text == "Skip to the content"
    first.send_keys(Keys.ENTER)
    reached = []
    for _ in range(40):
        person.switch_to.active_element.send_keys(Keys.TAB)
        here = person.switch_to.active_element
        reached.append(here.text or here.get_attribute("name"))
        outline = here.value_of_css_property("outline-style")
        assert outline != "none" or here.tag_name == "body", f"{here.tag_name} {here.text}: the focus is not seen"
    assert {"Pause", "Abort the trial", "Roll back to release 1"} <= set(reached), reached


def test_an_interval_has_words_and_a_state_has_more_than_its_colour(at: Stand, person: webdriver.Chrome) -> None:
    person.get(f"{at.address}/console/home_feed/")
    chart = person.find_element(By.CSS_SELECTOR, "svg.intervals")
    assert "difference of the challenger to the champion over 40 looks" in (chart.get_attribute("aria-label") or "")
    chips = person.find_elements(By.CSS_SELECTOR, ".chip")
    assert chips
    assert all(chip.text.strip("✓!✕○● \n") for chip in chips), "each state is a word, too"
    assert {"champion", "challenger", "lowest"} <= {
        row.text for row in person.find_elements(By.CSS_SELECTOR, "tbody th")
    }


def test_why_shows_an_answer_of_the_past_with_what_moved_it(at: Stand, person: webdriver.Chrome) -> None:
    answer = client.ask(at.settings, at.installation.system, "u2", 6)
    shown = at.installation.system.page.service.names.item
    until(lambda: is_logged(at, answer["request_id"]))
    person.get(f"{at.address}/console/home_feed/why?request={answer['request_id']}")
    until(lambda: "The answer" in text(person))
    says = text(person)
    assert "the same to the last bit" in says, "the scores follow from the logged features"
    assert all(item[shown] in says for item in answer["items"])
    assert person.find_elements(By.CSS_SELECTOR, ".why svg.push"), "what moved a score is drawn"
    wrong = []
    for width, scheme in LOOKS[:2]:
        browser.sized(person, width)
        browser.coloured(person, scheme)
        wrong += browser.faults(person)
        assert not browser.wider_than_the_window(person)
    assert not wrong, "\n".join(wrong)
