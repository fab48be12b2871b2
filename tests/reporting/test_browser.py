"""Reports in a real browser: Debian's chromium, without a window and without a network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask, write_mask
from vostool.reporting.crops import FIRST_ONLY, SECOND_ONLY
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data
from vostool.stages.score.report import ReportOptions, report

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

pytestmark = pytest.mark.xdist_group("browser")  # one, where --dist loadgroup allows it
FRAMES, SIZE, PATIENCE_SECONDS = 6, (64, 96), 20
HOSTILE = "<img src=x onerror=alert(1)>&amp;\"'#%3C?"
"""The name of one of the videos."""


def rename_video(split: Path, name: str, other: str) -> None:
    """Call a video of the YouTube-VOS layout something else."""
    for kind in ("JPEGImages", "Annotations"):
        (split / kind / name).rename(split / kind / other)
    meta = json.loads((split / "meta.json").read_text())
    meta["videos"][other] = meta["videos"].pop(name)
    (split / "meta.json").write_text(json.dumps(meta))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in a folder and in one file; `wide` is the truth moved by 6 pixels, `near` by 2."""
    base = tmp_path_factory.mktemp("report")
    options = DemoDataOptions(
        train_videos=1, valid_videos=2, frames=FRAMES, height=SIZE[0], width=SIZE[1]
    )
    root = make_demo_data(base / "data", options=options)
    rename_video(root / "valid", "valid001", HOSTILE)
    truth = root / "valid" / "Annotations"
    for path in truth.rglob("*.png"):
        place = path.relative_to(truth)
        for name, shift in (("wide", 6), ("near", 2)):
            write_mask(base / name / "Annotations" / place, np.roll(read_mask(path), shift, 1))
    folders = [f"<i>wide</i>={base / 'wide'}", base / "near"]
    data = Selection("youtubevos2019", root, "valid")
    report(folders, data, Output(base / "out"))
    report(folders, data, Output(base / "one.html"), options=ReportOptions(single_file=True))
    return base


class Browser:
    """What the tests do with a page."""

    def __init__(self, driver: Any):
        self.driver = driver

    def open(self, page: Path, where: str = "", width: int = 1280, dark: bool = False) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get("about:blank")
        self.driver.get(page.as_uri() + where)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def until(self, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            assert time.monotonic() < end, f"waited {PATIENCE_SECONDS} s in vain"
            time.sleep(0.02)

    def frame(self) -> int:
        """Number of the frame that is shown, from 0; its mask is drawn, too."""
        shown = self.run(
            "const s = document.querySelector('.viewer:not([hidden]) .stage');"
            "return s && s.dataset.frame !== undefined ? s.dataset.frame : null"
        )
        return -1 if shown is None else int(shown) // 5

    def until_frame(self, number: int) -> None:
        self.until(lambda: self.frame() == number)

    def canvas(self, number: int = 0) -> np.ndarray:
        """Pixels uint8 `[H, W, 4]` that are drawn over the frame."""
        values = self.run(
            "const c = document.querySelectorAll('.viewer:not([hidden]) canvas')[arguments[0]];"
            "const copy = Object.assign(document.createElement('canvas'), "
            "{ width: c.width, height: c.height });"
            "const context = copy.getContext('2d', { willReadFrequently: true });"
            "context.drawImage(c, 0, 0);"
            "return Array.from(context.getImageData(0, 0, c.width, c.height).data)",
            number,
        )
        return np.array(values, np.uint8).reshape(*SIZE, 4)

    def choose(self, view: str) -> None:
        self.find(f"[data-view={view}]").click()
        self.until(lambda: self.find(".stage").get_attribute("data-drawn") == view)


@pytest.fixture
def browser(chromium: Any) -> Iterator[Browser]:
    """The browser; whatever a test did, there was no error on the console."""
    yield Browser(chromium)
    assert chromium.get_log("browser") == []


@pytest.fixture
def video(browser: Browser, folder: Path) -> str:
    """The page of the first video is open; its name."""
    (page,) = (folder / "out").glob("01-*.html")
    browser.open(page)
    browser.until_frame(0)
    return str(browser.find("h1").text)


def test_names_are_text(browser, folder):
    (page,) = (folder / "out").glob("*-img-src*.html")
    browser.open(page)
    browser.until_frame(0)
    assert (browser.find("h1").text, browser.driver.title[: len(HOSTILE)]) == (HOSTILE, HOSTILE)
    assert browser.find("[data-side=a] option").text == "<i>wide</i>"
    assert browser.find(".reading").text.startswith("<i>wide</i>")
    assert not browser.all("img[src=x], i:not(.swatch i)")


def test_keys_and_the_slider_move_the_frame(browser, video):
    first = browser.find(".stage img").get_attribute("src")
    for keys, reached in (
        ([Keys.ARROW_RIGHT], 1),
        ([Keys.ARROW_RIGHT, Keys.ARROW_RIGHT], 3),
        ([Keys.ARROW_LEFT], 2),
        ([Keys.END], FRAMES - 1),
        ([Keys.ARROW_RIGHT], FRAMES - 1),
        ([Keys.HOME], 0),
        ([Keys.ARROW_LEFT], 0),
    ):
        browser.press(*keys)
        browser.until_frame(reached)
    browser.find("input[type=range]").send_keys(Keys.ARROW_RIGHT)
    browser.until_frame(1)
    image = browser.find(".stage img")
    assert image.get_attribute("src") != first
    assert image.get_attribute("alt") == f"{video}, frame 00005"
    assert browser.find("output").text == f"00005 (2 of {FRAMES})"
    assert browser.run("return arguments[0].naturalWidth", image) == SIZE[1]


PAUSE_AT_2 = """
const stage = document.querySelector(".stage");
new MutationObserver((_, observer) => {
  if (stage.dataset.frame !== "00010") return;
  observer.disconnect();
  window.label = document.querySelector("[data-play]").textContent;
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: " ", bubbles: true }));
}).observe(stage, { attributes: true });
"""
"""Presses the space bar at once when a frame comes, which no other process could do in time."""


def test_the_space_bar_plays_and_pauses(browser, video):
    browser.run(PAUSE_AT_2)
    browser.press(" ")
    browser.until(lambda: browser.run("return window.label") == "Pause")
    assert (browser.find("[data-play]").text, browser.frame()) == ("Play", 2)
    time.sleep(0.4)
    assert browser.frame() == 2
    browser.find("[data-play]").click()
    browser.until_frame(FRAMES - 1)
    browser.until(lambda: browser.find("[data-play]").text == "Play")


def test_every_view_is_another_picture(browser, video):
    browser.press(Keys.END)
    browser.until_frame(FRAMES - 1)
    views = [item.get_attribute("data-view") for item in browser.all("[data-view]")]
    assert views == ["frame", "truth", "a", "b", "errors-a", "errors-b", "changes"]
    seen = []
    for number, view in enumerate(views, 1):
        browser.press(str(number))
        pressed = browser.find("[aria-pressed=true]").get_attribute("data-view")
        assert (pressed, browser.find(".stage").get_attribute("data-drawn")) == (view, view)
        seen.append(browser.canvas().tobytes())
    assert len(set(seen)) == len(views)
    assert not any(seen[0])


def test_errors_are_where_masks_differ(browser, video, folder):
    place = Path(video) / "00025.png"
    truth = read_mask(folder / "data" / "valid" / "Annotations" / place)
    wide, near = (read_mask(folder / x / "Annotations" / place) for x in ("wide", "near"))
    browser.press(Keys.END)
    browser.until_frame(FRAMES - 1)
    for view, first, second in (
        ("errors-a", wide, truth),
        ("errors-b", near, truth),
        ("changes", wide, near),
    ):
        browser.choose(view)
        drawn = browser.canvas()[..., :3]
        for colour, wanted in (
            (FIRST_ONLY, (first > 0) & (second == 0)),
            (SECOND_ONLY, (first == 0) & (second > 0)),
        ):
            assert wanted.any()
            found = np.abs(drawn.astype(int) - colour).max(axis=2) < 4
            np.testing.assert_array_equal(found, wanted)


def test_objects_and_predictions_are_chosen(browser, video, folder):
    browser.choose("a")
    browser.run("document.querySelector('[data-side=a]').value = 1")
    browser.run("document.querySelector('[data-side=a]').dispatchEvent(new Event('change'))")
    near = read_mask(folder / "near" / "Annotations" / video / "00000.png")
    np.testing.assert_array_equal(browser.canvas()[..., 3] > 0, near > 0)
    assert "near" in browser.find(".stage figcaption").text
    browser.find("[data-object]").send_keys("1")
    np.testing.assert_array_equal(browser.canvas()[..., 3] > 0, near == 1)


def test_two_views_lie_beside_each_other(browser, video):
    browser.choose("a")
    assert browser.find(".stage img").size["width"] == browser.find(".look").size["width"]
    browser.find("[data-beside]").send_keys("near")
    left, right = browser.all(".stage")
    assert right.is_displayed()
    assert right.location["x"] >= left.location["x"] + left.size["width"]
    assert right.location["y"] == left.location["y"]
    assert (browser.canvas(0) != browser.canvas(1)).any()


def test_a_click_on_a_curve_jumps(browser, video):
    assert [item.get_attribute("data-title") for item in browser.all(".curves")] == [
        "J",
        "F",
        "differs",
    ]
    for curve in browser.all(".curves .scale > svg"):
        for number in (4, 1):
            width = curve.size["width"]
            offset = width * number / (FRAMES - 1) - width / 2
            webdriver.ActionChains(browser.driver).move_to_element_with_offset(
                curve, round(offset), 0
            ).click().perform()
            browser.until_frame(number)
    jump = browser.find(".jumps button")
    jump.click()
    browser.until_frame(int(jump.text.partition(":")[0]) // 5)


def test_tables_sort(browser, folder):
    browser.open(folder / "out" / "index.html")
    table = next(item for item in browser.all("table.sortable") if "picture" in item.text)
    heads = [head.text.split()[0] for head in table.find_elements(By.TAG_NAME, "th")]
    column = heads.index("near") + 1

    def values() -> list[float]:
        cells = table.find_elements(By.CSS_SELECTOR, f"tbody td:nth-child({column})")
        return [float(cell.text) for cell in cells]

    worst_first = values()
    assert worst_first == sorted(worst_first) and len(set(worst_first)) > 2
    head = table.find_element(By.CSS_SELECTOR, f"th:nth-child({column})")
    assert head.get_attribute("aria-sort") == "ascending"
    button = head.find_element(By.TAG_NAME, "button")
    button.send_keys(Keys.ENTER)
    assert values() == worst_first[::-1]
    assert head.get_attribute("aria-sort") == "descending"
    table.find_element(By.CSS_SELECTOR, "th:nth-child(2) button").click()
    names = table.find_elements(By.CSS_SELECTOR, "tbody td:nth-child(2)")
    assert [name.text for name in names] == sorted(name.text for name in names)


def test_links_lead_to_the_frame_and_object(browser, folder):
    browser.open(folder / "out" / "index.html")
    link = browser.find("td a img")
    words = link.get_attribute("alt")
    link.click()
    browser.until(lambda: browser.frame() >= 0 and browser.find(".stage img").is_displayed())
    name, _, rest = words.partition(", object ")
    number, _, frame = rest.partition(" in frame ")
    browser.until(
        lambda: browser.find(".stage img").get_attribute("alt") == f"{name}, frame {frame}"
    )
    assert browser.find("[data-object]").get_attribute("value") == number


def test_a_single_file_is_a_whole_report(browser, folder):
    browser.open(folder / "one.html")
    assert browser.find(".overview").is_displayed()
    assert not any(item.is_displayed() for item in browser.all(".viewer"))
    link = browser.find("td a img")
    browser.run("arguments[0].scrollIntoView({ block: 'center' })", link)
    scrolled = browser.run("return scrollY")
    link.click()
    browser.until(lambda: browser.frame() >= 0)
    assert not browser.find(".overview").is_displayed()
    assert sum(item.is_displayed() for item in browser.all(".viewer")) == 1
    assert browser.canvas()[..., 3].any()
    browser.driver.find_element(By.LINK_TEXT, "Overview").click()
    browser.until(lambda: browser.find(".overview").is_displayed())
    assert browser.run("return scrollY") == scrolled > 0


def test_a_browser_without_decompression_shows_frames_and_says_so(browser, folder, chromium):
    script = {"source": "delete window.DecompressionStream"}
    added = chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    try:
        (page,) = (folder / "out").glob("01-*.html")
        browser.open(page)
        browser.until_frame(0)
        browser.press(Keys.ARROW_RIGHT)
        browser.until_frame(1)
        assert browser.find(".old").is_displayed()
        assert not browser.canvas().any()
    finally:
        chromium.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.mark.parametrize("name", ["index.html", "01-*.html"])
def test_a_phone_needs_no_scrolling_sideways(browser, folder, name):
    (page,) = (folder / "out").glob(name)
    browser.open(page, width=390)
    if name != "index.html":
        browser.until_frame(0)
        browser.run("document.querySelector('[data-beside]').selectedIndex = 5")
        browser.run("document.querySelector('[data-beside]').dispatchEvent(new Event('change'))")
    assert browser.run("return [innerWidth, document.documentElement.scrollWidth]") == [390, 390]
    for button in browser.all("button"):
        assert not button.is_displayed() or button.size["height"] >= 24


def test_dark_and_light(browser, folder):
    def luminance(name: str) -> float:
        colour = browser.run(f"return getComputedStyle(document.body).{name}")
        return sum(map(int, colour[4:-1].split(","))) / 3

    for dark in (False, True):
        browser.open(folder / "out" / "index.html", dark=dark)
        ink, back = luminance("color"), luminance("backgroundColor")
        assert (ink > 200 and back < 50) if dark else (ink < 50 and back > 200)


@pytest.mark.parametrize("name", ["index.html", "01-*.html"])
def test_the_focus_is_seen_and_nothing_moves_while_a_page_loads(browser, folder, name):
    (page,) = (folder / "out").glob(name)
    browser.open(page)
    if name != "index.html":
        browser.until_frame(0)
    shift = browser.driver.execute_async_script(
        "const done = arguments[0]; let sum = 0;"
        "new PerformanceObserver((list) => list.getEntries().forEach((e) => (sum += e.value)))"
        ".observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done(sum), 100);"
    )
    assert shift < 0.05
    for _ in range(4):
        browser.press(Keys.TAB)
        style = browser.run(
            "const e = document.activeElement; const s = getComputedStyle(e);"
            "return e === document.body ? 'none' : s.outlineStyle"
        )
        assert style == "solid"
    loaded = browser.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert all(name.startswith(("file:", "data:")) for name in loaded)
