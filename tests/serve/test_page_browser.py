"""The page of the server in a browser: what people do with it, and what it says where something fails."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pages import HOSTILE, Page
from served import Served
from sites import IS_READY, LINK, LOADED, NAMES, STATES, WORST, Site, site_of
from voices import JFK, spoken

from emotone.audio.utterances import UtteranceRules
from emotone.cli.main import main
from emotone.predict.predictor import Predictor

TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
FOLDER = Path(__file__).parents[2] / "src" / "emotone" / "serve" / "page"
FITS = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that is soon full."""
    options = ["--workers", "2", "--model", "small", "--model", "default", "--max-waiting", "4"]
    served = Served(tmp_path_factory.mktemp("spool") / "uploads", options)
    yield served
    served.stop()


@pytest.fixture(scope="module")
def site(own_server: Served) -> Iterator[Site]:
    with site_of(own_server) as site:
        yield site


@pytest.fixture
def opened(site: Site) -> Iterator[Site]:
    """The page in a tab of its own, which in the end has complained of nothing and asked no other host."""
    site.open_tab()
    yield site
    site.network()
    assert site.said() == []
    own = (site.server.url, "blob:", "data:")
    assert [address for address in site.asked() if not address.startswith(own)] == []


@pytest.fixture
def troubled(site: Site) -> Iterator[Site]:
    """The same where requests fail or are broken off on purpose, of which browsers themselves complain."""
    site.open_tab()
    yield site
    site.network()
    told = ("Failed to load resource", "'beforeunload' confirmation")
    assert [line for line in site.said() if not any(words in line for words in told)] == []


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of speech, 1.9 MB."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, spoken(60.0), 16_000)
    return path


@pytest.fixture(scope="module")
def starts() -> list[Any]:
    """Of the utterances of the example."""
    predictor = Predictor.load("small")
    rows = predictor.predict(str(JFK), parts=UtteranceRules()).rows(predictor.columns, "utterances")
    return [pytest.approx(row["start_s"], abs=1e-3) for row in rows]


# ---- what people do -------------------------------------------------------------------------------------------------


def test_the_page_is_small_and_has_nothing_from_elsewhere_in_it() -> None:
    files = list(FOLDER.iterdir())
    assert sum(file.stat().st_size for file in files) < 100_000
    page = Page((FOLDER / "index.html").read_text())
    assert all(script["src"] for script in page.of("script")) and "style" not in page.tags
    names = {name for _, attributes in page.elements for name in attributes}
    assert not any(name.startswith("on") or name == "style" for name in names)
    assert [file.name for file in files if re.search(r"https?://", file.read_text())] == []


def test_files_are_sent_and_their_page_is_shown(opened: Site, tmp_path: Path, starts: list[Any]) -> None:
    other = tmp_path / f"{HOSTILE.replace('/', '_')}.wav"
    soundfile.write(other, spoken(3.0, 4), 16_000)
    opened.send(JFK, other)
    opened.wait(f"{STATES}.length === 2 && {IS_READY}", 20)
    assert sorted(opened.run(f"return {NAMES}")) == sorted([JFK.name, other.name])
    said = opened.run("return [...document.querySelectorAll('#said p')].map((line) => line.textContent)")
    assert {f"{name}: ready" for name in (JFK.name, other.name)} <= set(said)
    opened.press_on("Show", opened.run(f"return {NAMES}.indexOf('jfk.wav')"))
    opened.wait("document.querySelector('iframe').title === 'Emotion in jfk.wav'")
    rows = "return [...document.querySelectorAll('tr[data-s]')].map((row) => +row.dataset.s)"
    assert opened.in_frame(lambda: opened.run(rows)) == starts


def test_files_are_dropped_anywhere(opened: Site) -> None:
    opened.choose("rows", "whole")  # in noise nobody speaks
    opened.run(
        """
        import(new URL("assets/microphone.js", document.baseURI)).then(({ Recording }) => {
          const dropped = new DataTransfer(), recording = new Recording();
          recording.add(Int16Array.from({ length: 32000 }, (_, place) => 9000 * Math.sin(place ** 1.3)));
          for (const name of ["a.wav", "b.wav"]) dropped.items.add(new File([recording.file()], name));
          const drop = new DragEvent("drop", { bubbles: true, dataTransfer: dropped });
          document.getElementById("view").dispatchEvent(drop);
        });
        """
    )
    opened.wait(f"{STATES}.length === 2 && {IS_READY}", 20)
    assert sorted(opened.run(f"return {NAMES}")) == ["a.wav", "b.wav"]


def test_a_click_into_the_picture_seeks(opened: Site) -> None:
    opened.send(JFK)
    opened.wait(IS_READY, 20)

    def seek() -> float:
        opened.click("#stage", x=0.55)
        return float(opened.run("return document.getElementById('stage').getAttribute('aria-valuenow')"))

    assert 5.6 < opened.in_frame(seek) < 6.5


def test_windows_and_whole_recordings_of_the_chosen_bundle(opened: Site) -> None:
    opened.choose("model", "default")
    assert "Whisper" in opened.run("return document.getElementById('description').textContent")
    assert "weak" in opened.run("return document.getElementById('reliability').textContent")
    opened.choose("rows", "whole")
    opened.send(JFK)
    opened.wait(IS_READY, 20)
    [row] = opened.rows()
    assert row["arousal"] == pytest.approx(Predictor.load("default").predict(str(JFK)).scores["arousal"], rel=1e-5)
    opened.choose("rows", "windows")
    opened.choose("window", "2")
    opened.send(JFK)
    opened.wait(f"{STATES}.length === 2 && {IS_READY}", 20)
    assert [row["end_s"] - row["start_s"] for row in opened.rows()][:3] == [2, 2, 2]
    opened.choose("window", "0")
    opened.send(JFK)
    assert opened.run(f"return {STATES}.length") == 2  # the browser says what is wrong with 0


def test_every_format_is_saved_as_the_command_line_writes_it(opened: Site, tmp_path: Path) -> None:
    opened.send(JFK)
    opened.wait(IS_READY, 20)
    opened.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    opened.press_on("Export")
    links = opened.driver.find_elements("css selector", "#list .menu a")
    assert len(links) == 13
    for place, link in enumerate(links, start=1):
        link.click()
        time.sleep(0.11)  # Chromium drops what is more than ten downloads in a second
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and len([*tmp_path.glob("jfk*.*")]) < place:
            time.sleep(0.02)
    suffixes = {"csv", "json", "jsonl", "parquet", "xlsx", "srt", "vtt", "TextGrid", "eaf", "txt", "html"}
    expected = {f"jfk.{suffix}" for suffix in suffixes} | {"jfk-label-studio.json", "jfk-audformat.csv"}
    assert {path.name for path in tmp_path.iterdir()} == expected
    for suffix in ("srt", "jsonl", "TextGrid"):
        arguments = ["predict", str(JFK), "--utterances", "--model", "small", "--quiet"]
        assert main([*arguments, "--output", str(tmp_path / f"own.{suffix}")]) == 0
        own, saved = ((tmp_path / f"{stem}.{suffix}").read_text() for stem in ("own", "jfk"))
        assert saved == own.replace(str(JFK), JFK.name).replace('"own"', '"jfk"')
    assert "Emotion in jfk.wav" in (tmp_path / "jfk.html").read_text()


def test_the_strongest_moments(opened: Site) -> None:
    opened.send(JFK)
    opened.wait(IS_READY, 20)
    opened.press_on("Moments")
    opened.choose("attribute", "valence")
    opened.choose("way", "lowest")
    opened.click("#find")
    opened.wait(f"{NAMES}.length === 2 && {IS_READY}", 20)
    assert opened.run(f"return {NAMES}[0]") == "jfk.wav: lowest valence, 5"
    opened.press_on("Show")
    opened.wait("document.querySelector('iframe').title.includes('lowest')")
    assert "Lowest valence" in opened.text_in_frame()
    opened.driver.refresh()
    opened.wait(f"{LOADED} && {NAMES}.length === 2")
    opened.press_on("Moments", 1)
    assert opened.run("return document.getElementById('find').textContent") == "Choose the file again…"
    opened.click("#find")
    opened.send_again(JFK)
    opened.wait(f"{NAMES}.length === 3 && {IS_READY}", 20)


def test_a_recording_is_sent_like_a_file(opened: Site, starts: list[Any]) -> None:
    opened.click("#record")
    opened.wait("document.getElementById('recorded').textContent === '0:03'")
    assert opened.run("return document.getElementById('level').value") > 0
    opened.click("#record")
    opened.wait(IS_READY, 20)
    assert re.fullmatch(r"recording \d\d:\d\d:\d\d\.wav", opened.run(f"return {NAMES}[0]"))
    first, *_ = opened.rows()
    assert first["start_s"] == pytest.approx(starts[0].expected, abs=0.3) and first["emotion"]
    opened.click("#record")
    opened.wait("document.getElementById('recorded').textContent === '0:01'")
    opened.click("#discard")
    opened.wait("document.getElementById('recording').hidden")
    assert opened.run(f"return {NAMES}.length") == 1


def test_a_microphone_that_is_not_to_be_had_or_goes_away_is_said(opened: Site) -> None:
    problem = "document.getElementById('problem').textContent"
    opened.run(
        "const { mediaDevices } = navigator, ask = mediaDevices.getUserMedia.bind(mediaDevices);"
        "mediaDevices.getUserMedia = async (...all) => {"
        "  if (window.isDenied) throw new DOMException('', 'NotAllowedError');"
        "  return window.stream = await ask(...all); };"
        "window.isDenied = true"
    )
    for button in ("record", "start-live"):
        opened.click(f"#{button}")
        opened.wait(f"{problem}.startsWith('The browser does not let this page hear the microphone')")
        assert opened.run("return document.getElementById('live').hidden")
    opened.run("window.isDenied = false")
    opened.click("#record")
    opened.wait("document.getElementById('recorded').textContent === '0:01'")
    opened.run("stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    opened.wait(f"{problem} === 'The microphone has gone. What it heard until then is sent.'")
    opened.wait(f"{STATES}.length === 1 && !/waits|sending/.test({STATES}[0])")


def test_live_rows_are_those_of_the_recording(opened: Site) -> None:
    opened.click("#start-live")
    opened.wait("document.querySelectorAll('#utterances tr').length === 2", 12)
    opened.wait("document.getElementById('emotion').textContent.length > 2")
    shown = opened.run("return [...document.querySelectorAll('#probabilities em')].map((cell) => +cell.textContent)")
    assert len(shown) == 7 and sum(shown) == pytest.approx(1, abs=0.05)
    opened.click("#stop-live")
    opened.wait("!document.getElementById('send-live').hidden")
    cells = opened.run(
        "return [...document.querySelectorAll('#utterances tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    colours = opened.run(
        "const c = document.getElementById('chart');"
        "return new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    )
    assert colours > 20
    opened.click("#send-live")
    opened.wait(IS_READY, 20)
    rows = opened.rows()
    assert len(rows) == len(cells) >= 2
    for row, (_, _, emotion, *scores) in zip(rows, reversed(cells), strict=True):
        assert emotion == row["emotion"]
        assert [float(score) for score in scores] == [
            pytest.approx(row[name], abs=0.006) for name in ("arousal", "dominance", "valence")
        ]


RESAMPLED = """
const [rate, pitch, done] = arguments;
(async () => {
  const context = new OfflineAudioContext(1, rate, rate), heard = [];
  await context.audioWorklet.addModule("assets/pcm-worklet.js");
  const node = new AudioWorkletNode(context, "pcm"), tone = new OscillatorNode(context, { frequency: pitch });
  node.port.onmessage = ({ data }) => { heard.push(...data.samples); };
  tone.connect(new GainNode(context, { gain: 0.5 })).connect(node).connect(context.destination);
  tone.start();
  await context.startRendering();
  setTimeout(() => done(heard), 100);
})();
"""


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_sound_of_other_rates_is_resampled(opened: Site, rate_hz: int) -> None:
    """A tone of 1 kHz keeps its size, shape and time; of one of 10 kHz, which 16 kHz cannot hold, nothing is left."""

    def hear(pitch_hz: int) -> Any:
        return np.array(opened.driver.execute_async_script(RESAMPLED, rate_hz, pitch_hz))[2000:14_000] / 32768

    angle = 2 * np.pi * 1000 * np.arange(2000, 14_000) / 16_000
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    tone = hear(1000)
    (sine, cosine), *_ = np.linalg.lstsq(waves, tone, rcond=None)
    assert np.hypot(sine, cosine) == pytest.approx(0.5, rel=0.01)
    assert np.abs(waves @ [sine, cosine] - tone).max() < 1e-3
    assert np.abs(hear(10_000)).max() < 0.5 * 10 ** (-50 / 20)


def test_a_wav_file_has_the_samples(opened: Site, tmp_path: Path) -> None:
    script = """
    import(new URL("assets/microphone.js", document.baseURI)).then(async ({ Recording }) => {
      const recording = new Recording();
      recording.add(Int16Array.of(1, -2, 32767)); recording.add(Int16Array.of(-32768));
      arguments[0]([...new Uint8Array(await recording.file().arrayBuffer())]);
    });
    """
    (tmp_path / "a.wav").write_bytes(bytes(opened.driver.execute_async_script(script)))
    samples, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert samples.tolist() == [1, -2, 32767, -32768] and rate_hz == 16_000


# ---- what comes between ---------------------------------------------------------------------------------------------


def test_two_tabs_do_not_mix(opened: Site, tmp_path: Path) -> None:
    """Even where the second opens the printed address anew."""
    soundfile.write(tmp_path / "other.wav", spoken(3.0, 1), 16_000)
    first = opened.driver.current_window_handle
    opened.send(JFK)
    opened.wait(IS_READY, 20)
    opened.open_tab()
    assert opened.run(f"return {NAMES}") == []
    opened.send(tmp_path / "other.wav")
    opened.wait(IS_READY, 20)
    assert opened.run(f"return {NAMES}") == ["other.wav"]
    assert {row["file"] for row in opened.rows()} == {"other.wav"}
    opened.driver.switch_to.window(first)
    assert opened.run(f"return {NAMES}") == ["jfk.wav"] and {row["file"] for row in opened.rows()} == {"jfk.wav"}
    assert "Emotion in jfk.wav" in opened.text_in_frame()


def test_a_reload_during_work_goes_on(opened: Site, long: Path) -> None:
    opened.send(long)
    opened.wait(f"/scored|queue/.test({STATES}[0])")
    opened.driver.refresh()
    assert opened.run(f"return {NAMES}") == ["long.wav"]
    opened.wait(IS_READY, 30)
    assert opened.rows()[-1]["end_s"] > 55
    opened.driver.refresh()
    opened.wait("document.querySelector('iframe')?.title === 'Emotion in long.wav'")  # what was shown is again


def test_sending_shows_how_far_it_is_and_is_cancelled(opened: Site, long: Path) -> None:
    opened.network(uploadThroughput=400_000)
    opened.send(long)
    opened.wait(f"/sending, [1-9]/.test({STATES}[0])", 20)
    assert 0 < opened.run("return document.querySelector('#list progress').value") < 1
    opened.press_on("Cancel")
    opened.network()
    assert opened.run(f"return {STATES}") == ["cancelled"]
    opened.press_on("Send again")
    opened.wait(f"/scored/.test({STATES}[0])", 20)
    opened.press_on("Cancel")
    assert opened.run(f"return {STATES}") == ["cancelled"]
    opened.press_on("Remove")
    assert opened.run(f"return {NAMES}") == []
    under_way = [job["name"] for job in opened.fetch("v1/jobs") if job["state"] not in ("done", "failed")]
    assert under_way == []


def test_what_was_not_sent_before_a_reload_is_asked_for_again(troubled: Site, long: Path) -> None:
    troubled.network(uploadThroughput=100_000)
    troubled.send(long)
    troubled.wait(f"{STATES}[0]?.startsWith('sending')")
    troubled.driver.refresh()
    troubled.network()
    troubled.wait(LOADED)
    assert "loaded anew before the file was sent" in troubled.run(f"return {STATES}[0]")
    troubled.press_on("Choose again…")
    troubled.send_again(JFK)
    troubled.wait(IS_READY, 20)
    assert troubled.run(f"return {NAMES}") == ["jfk.wav"]


def test_a_full_server_is_asked_again_and_two_files_are_sent_at_once(troubled: Site, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.wav" for number in range(6)]
    for number, file in enumerate(files):
        soundfile.write(file, spoken(10.0, number), 16_000)
    troubled.network(uploadThroughput=3_000_000)
    troubled.run(
        "window.most = 0;"
        "setInterval(() => { most = Math.max(most, document.querySelectorAll('#list .sending').length); }, 5)"
    )
    troubled.send(*files)
    troubled.wait(f"{STATES}.some((words) => /The server is full; this is sent in [1-5] s/.test(words))", 20)
    troubled.wait(IS_READY, 40)
    assert troubled.run("return most") == 2 and len(troubled.run(f"return {NAMES}")) == 6


def test_an_expired_token_is_said_and_nothing_is_lost(troubled: Site) -> None:
    tab = troubled.driver.current_window_handle
    troubled.driver.delete_all_cookies()
    troubled.send(JFK)
    troubled.wait(f"/does not know this browser.*Open the address.*nothing is lost/s.test({LINK})")
    assert troubled.run(f"return {STATES}") == ["waits to be sent"]
    troubled.open_tab()
    troubled.driver.switch_to.window(tab)
    troubled.wait(f"{IS_READY} && document.getElementById('link').hidden", 20)


def test_offline_is_said_and_nothing_is_lost(troubled: Site) -> None:
    troubled.network(offline=True)
    troubled.send(JFK)
    troubled.wait(f"/does not answer.*nothing is lost/s.test({LINK})")
    assert troubled.run(f"return {STATES}") == ["waits to be sent"]
    troubled.network()
    troubled.wait(f"{IS_READY} && document.getElementById('link').hidden", 20)


def test_a_stream_that_breaks_keeps_its_sound(troubled: Site) -> None:
    troubled.run(
        "window.WebSocket = class extends WebSocket { constructor(address) { super(address); window.socket = this; } }"
    )
    troubled.click("#start-live")
    troubled.wait("document.getElementById('live-time').textContent === '0:02'")
    troubled.run("socket.close()")
    troubled.wait("!document.getElementById('send-live').hidden")
    state = troubled.run("return document.getElementById('live-state').textContent")
    assert "Your recording up to here is kept" in state
    troubled.click("#send-live")
    troubled.wait(IS_READY, 20)


def test_what_the_server_no_longer_has_is_sent_again(troubled: Site, tmp_path: Path) -> None:
    troubled.send(JFK)
    troubled.wait(IS_READY, 20)
    number = troubled.run("return JSON.parse(sessionStorage.getItem('jobs'))[0].id")
    troubled.run("return fetch(`v1/jobs/${arguments[0]}`, { method: 'DELETE' }).then(() => null)", number)
    troubled.press_on("Show")
    troubled.wait(f"/no longer has it/.test({STATES}[0])")
    troubled.press_on("Send again")
    troubled.wait(IS_READY, 20)
    (tmp_path / "junk.wav").write_bytes(bytes(range(256)) * 40)
    troubled.send(tmp_path / "junk.wav")
    troubled.wait("document.querySelector('#list .failed')", 20)
    assert "is not audio that can be read" in troubled.run(f"return {STATES}[0]")


# ---- who reads it ---------------------------------------------------------------------------------------------------


def test_the_keyboard_reaches_everything(opened: Site) -> None:
    opened.send(JFK)
    opened.wait(IS_READY, 20)
    reached: list[str] = []
    for _ in range(30):
        opened.press(TAB)
        name, style, width = opened.run(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return [e.id || e.textContent || e.tagName, s.outlineStyle, parseFloat(s.outlineWidth)]"
        )
        if "IFRAME" in name or "BODY" in name:
            break
        assert style == "solid" and width >= 2, name
        reached.append(name)
    assert reached == (
        ["choose", "record", "start-live", "model", "rows", "channels", "About this bundle"]
        + ["Show", "Moments", "Export", "Remove"]
    )


def test_the_keyboard_does_everything(opened: Site) -> None:
    focused = "return document.activeElement.id || document.activeElement.textContent"
    opened.send(JFK)
    opened.wait(IS_READY, 20)
    opened.focus_on("Export")
    opened.press(ENTER, TAB, TAB)
    assert opened.run(focused) == "the page"
    opened.press(ESCAPE)
    assert opened.run(focused) == "Export" and opened.run("return document.querySelector('.menu').hidden")
    opened.focus_on("Moments")
    opened.press(ENTER, TAB, TAB, ENTER)  # past highest and arousal: sent from the number
    opened.wait(f"{NAMES}.length === 2 && {IS_READY}", 20)
    opened.focus_on("Show")
    opened.press(ENTER)
    opened.wait("document.querySelector('iframe').title.includes('highest')")
    opened.run("document.getElementById('start-live').focus()")
    opened.press(ENTER)
    opened.wait("document.activeElement.id === 'stop-live'")
    opened.wait("document.getElementById('live-time').textContent === '0:01'")
    opened.press(ENTER)
    opened.wait("document.activeElement.id === 'send-live'")
    opened.press(TAB, ENTER)
    opened.wait("document.getElementById('live').hidden && !document.getElementById('frame').hidden")
    assert opened.run(focused) == "start-live"
    opened.focus_on("Remove")
    opened.press(ENTER)
    assert opened.run(f"return {NAMES}") == ["jfk.wav"] and opened.run(focused) == "Show"


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_narrow_windows_and_can_be_read(opened: Site, dark: bool) -> None:
    """360 pixels wide, light and dark, contrast of all text at least 4.5:1 in every view."""
    opened.resize(360, 740, dark)
    red, *_ = opened.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert (int(red) < 60) is dark
    seen = []

    def look() -> None:
        seen.append(opened.run(WORST))
        assert opened.run(FITS)

    look()
    opened.send(JFK)
    opened.wait(IS_READY, 20)
    opened.run(
        "document.getElementById('about-model').open = true; const line = document.getElementById('problem');"
        "line.hidden = false; line.textContent = 'What is wrong'"
    )
    opened.press_on("Export")
    look()
    opened.press_on("Moments")
    look()
    opened.press(ESCAPE)
    opened.click("#start-live")
    opened.wait("document.querySelectorAll('#utterances tr').length === 1")
    look()
    opened.click("#stop-live")
    opened.wait("!document.getElementById('close-live').hidden")
    opened.resize(1280, 800, dark)
    look()
    opened.click("#close-live")
    assert all(ratio >= 4.5 for ratio, _ in seen), seen


def test_little_moves_for_those_who_want_it_so(opened: Site) -> None:
    feature = {"name": "prefers-reduced-motion", "value": "reduce"}
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    assert opened.run("return getComputedStyle(document.querySelector('.dot')).animationName") == "none"
    privacy = opened.run("return document.getElementById('privacy').textContent")
    assert privacy.startswith("Nothing leaves this machine.")
