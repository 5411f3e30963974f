"""A headless Chromium that tests drive, and what it has asked for and complained of."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class Browser:
    """Pages opened in a window of a given size and in light or dark; `run` runs a script in the page."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path | str, width: int = 1200, height: int = 800, dark: bool = False) -> None:
        """Open a file or an address."""
        self.resize(width, height, dark)
        self.said()  # what earlier pages have left
        self.asked()
        self.driver.get(page if isinstance(page, str) else page.as_uri())

    def resize(self, width: int = 1200, height: int = 800, dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: str, seconds: float = 8.0) -> None:
        """Wait until an expression is true in the page."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, seconds, 0.05).until(lambda _: self.run(f"return {condition}"), condition)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def click(self, selector: str, x: float | None = None, y: float = 0.3) -> None:
        """Click an element, in its middle or at the shares `x`, `y` of its size."""
        from selenium.webdriver.common.action_chains import ActionChains

        element = self.driver.find_element("css selector", selector)
        if x is None:
            element.click()
            return
        size = element.size
        offset = (round((x - 0.5) * size["width"]), round((y - 0.5) * size["height"]))
        ActionChains(self.driver, duration=0).move_to_element_with_offset(element, *offset).click().perform()

    def said(self) -> list[str]:
        """Errors and warnings since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked(self) -> list[str]:
        """Addresses that were asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [message for message in messages if message["method"] == "Network.requestWillBeSent"]
        return [message["params"]["request"]["url"] for message in sent]


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Debian's chromium by selenium, with more arguments; without it the test is skipped, and fails in CI."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        message = f"{' and '.join(missing)} not found: apt-get install chromium chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "mute-audio", *more):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser that tests share."""
    with chromium() as browser:
        yield browser
