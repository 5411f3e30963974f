"""The page of `emotone serve` in a browser that hears a recording as its microphone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser import Browser, chromium
from served import Served
from voices import JFK

LOADED = "!document.getElementById('start-live').disabled"
NAMES = "[...document.querySelectorAll('#list > li b')].map((name) => name.textContent)"
STATES = "[...document.querySelectorAll('#list > li .state')].map((line) => line.textContent)"
IS_READY = f"{STATES}.length && {STATES}.every((words) => words === 'ready')"
BUTTONS = "[...document.querySelectorAll('#list button')].filter((one) => one.textContent === arguments[0])"
LINK = "document.getElementById('link').textContent"


class Site(Browser):
    """The page of a server in the newest tab of a browser."""

    def __init__(self, driver: Any, server: Served) -> None:
        super().__init__(driver)
        self.server = server

    def open_tab(self) -> None:
        self.driver.switch_to.new_window("tab")
        self.open(self.server.address)
        self.wait(LOADED)

    def send(self, *files: Path) -> None:
        self.driver.find_element("id", "files").send_keys("\n".join(str(file.resolve()) for file in files))

    def send_again(self, file: Path) -> None:
        """Choose a file where the page asks for it again, in the window of the system, which no test sees."""
        self.driver.find_element("id", "again").send_keys(str(file.resolve()))

    def choose(self, option: str, value: str) -> None:
        self.run(
            "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('input', { bubbles: true }))",
            option,
            value,
        )

    def press_on(self, words: str, place: int = 0) -> None:
        """Press a button of the list by its words."""
        self.run(f"return {BUTTONS}", words)[place].click()

    def focus_on(self, words: str) -> None:
        self.run(f"{BUTTONS}[0].focus()", words)

    def in_frame(self, use: Callable[[], Any]) -> Any:
        """What `use` gives inside the page of a recording."""
        self.wait("document.querySelector('iframe')?.contentDocument?.getElementById('pieces') && true")
        self.driver.switch_to.frame(self.driver.find_element("css selector", "iframe"))
        try:
            return use()
        finally:
            self.driver.switch_to.default_content()

    def text_in_frame(self) -> str:
        return str(self.in_frame(lambda: self.run("return document.body.innerText")))

    def network(self, **conditions: Any) -> None:
        """`offline`, or `uploadThroughput` in bytes per second; without any, as usual."""
        settings = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1} | conditions
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", settings)

    def fetch(self, address: str) -> Any:
        """JSON, as the page is answered."""
        script = "const [address, done] = arguments; fetch(address).then((answer) => answer.json()).then(done)"
        return self.driver.execute_async_script(script, address)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the first recording of the list."""
        return self.fetch(self.run("return document.querySelector('#list a[href$=\"as=json\"]').href"))


@contextmanager
def site_of(server: Served) -> Iterator[Site]:
    """The microphone hears the recording of the examples, over and over."""
    arguments = ("use-fake-ui-for-media-stream", "use-fake-device-for-media-stream")
    with chromium(*arguments, f"use-file-for-fake-audio-capture={JFK}") as browser:
        yield Site(browser.driver, server)


WORST = """
const light = (colour) => {
  const [red, green, blue] = colour.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const read = (text) => {
  const [red, green, blue, cover = 1] = text.match(/[\\d.]+/g).map(Number);
  return [red, green, blue, cover];
};
const over = (colour, below) => below.map((part, place) => colour[place] * colour[3] + part * (1 - colour[3]));
const behind = (element) => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) layers.push(read(getComputedStyle(one).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
let worst = [21, ""];
for (const element of (document.querySelector("dialog[open]") ?? document.body).querySelectorAll("*")) {
  const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (!hasText || !element.getClientRects().length || element.disabled || element.closest("option, .unseen")) continue;
  const back = behind(element), ink = over(read(getComputedStyle(element).color), back);
  const [high, low] = [light(back), light(ink)].sort((a, b) => b - a), ratio = (high + 0.05) / (low + 0.05);
  if (ratio < worst[0]) worst = [ratio, element.textContent.trim().slice(0, 60)];
}
return worst;
"""
"""A script that gives [ratio, text] of the text that is read worst, by WCAG 2; of the dialog where one is open."""
