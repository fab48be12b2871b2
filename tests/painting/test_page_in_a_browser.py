"""What the page paints and saves, in a real browser; compared with painting pixel by pixel."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from typing import Any

import numpy as np
import pytest

from vostool.media.masks import read_mask

pytestmark = pytest.mark.xdist_group("browser")  # one browser, where --dist loadgroup allows it

SIZE = (60, 90)
MIDDLE = (45.5, 30.5)
"""Where the keyboard's cursor begins: x, y of the middle pixel's centre."""
SECONDS = 10


def disc(at: tuple[float, float], size: float) -> np.ndarray:
    """Pixels whose centre is within half a size of a point."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    return (x - at[0]) ** 2 + (y - at[1]) ** 2 <= (size / 2) ** 2


def polygon(corners: Sequence[tuple[float, float]]) -> np.ndarray:
    """Pixels whose centre lies inside, which a ray to the right leaves an odd number of times."""
    found = np.zeros(SIZE, bool)
    for y, x in np.ndindex(*SIZE):
        for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if (ay <= y + 0.5) != (by <= y + 0.5):
                cross = ax + (y + 0.5 - ay) / (by - ay) * (bx - ax)
                found[y, x] ^= cross > x + 0.5
    return found


class Page:
    """The page as a person sees it."""

    def __init__(self, browser: Any, url: str):
        from selenium.webdriver import ActionChains, Keys

        self.browser, self.keys = browser, Keys
        self.actions = lambda: ActionChains(browser, duration=10)
        browser.get_log("browser")
        browser.get(url)
        self.wait(lambda: "of 4" in self.text("frame-told") and "object" in self.text("state"))
        self.canvas = browser.find_element("id", "canvas")

    def wait(self, done: Callable[[], Any]) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.browser, SECONDS, 0.02).until(lambda _: done())

    def text(self, name: str) -> str:
        return self.browser.find_element("id", name).text

    def click(self, css: str) -> None:
        self.browser.find_element("css selector", css).click()

    def press(self, *keys: str) -> None:
        self.canvas.send_keys(*keys)

    def chord(self, *keys: str) -> None:
        """Keys that are held together."""
        chain = self.actions()
        for key in keys[:-1]:
            chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in keys[:-1]:
            chain.key_up(key)
        chain.perform()

    def drag(self, start: tuple[int, int], by: tuple[int, int]) -> None:
        """With the mouse, from a point given from the canvas's middle."""
        chain = self.actions().move_to_element_with_offset(self.canvas, *start)
        chain.click_and_hold().move_by_offset(*by).release().perform()

    def go(self, name: str, key: str) -> None:
        self.press(key)
        self.wait(lambda: self.text("frame-told").startswith(name))
        self.browser.execute_async_script("requestAnimationFrame(arguments[0])")

    def save(self) -> str:
        self.click("#save")
        self.wait(lambda: "aved" in self.text("message"))
        assert not self.browser.get_log("browser")
        return self.text("message")


@pytest.fixture
def page(served, chromium) -> Any:
    yield Page(chromium, served.server.url)
    chromium.get("about:blank")
    chromium.get_log("browser")


def test_by_keyboard_alone(page, served) -> None:
    """Brush, eraser, polygon, objects, undo and redo, to the pixel."""
    right, down, space = page.keys.ARROW_RIGHT, page.keys.ARROW_DOWN, " "
    page.press(space)  # a disc of 20 pixels of object 1 in the middle
    page.press("n", *[right] * 8, space)  # one of object 2 beside it, over it
    page.press("e", *[down] * 9, space)  # rubbed out, partly
    page.press("n", "p", space)  # a polygon of object 3
    page.press(*[right] * 12, space, *[down] * 8, space, page.keys.ENTER)
    expected = np.zeros(SIZE, np.uint8)
    (x, y) = MIDDLE
    expected[disc((x, y), 20)] = 1
    expected[disc((x + 8, y), 20)] = 2
    expected[disc((x + 8, y + 9), 20)] = 0
    corners = [(x + 8, y + 9), (x + 20, y + 9), (x + 20, y + 17)]
    expected[polygon(corners)] = 3
    assert "polygon, object 3, x 65, y 47" in page.text("state")
    counts = re.findall(r"object \d\s+(\d+) px", page.text("objects"))
    assert counts == [str((expected == number).sum()) for number in (1, 2, 3)]
    for _ in range(3):
        page.chord(page.keys.CONTROL, "z")
    assert "none here" in page.text("objects")
    for _ in range(3):
        page.chord(page.keys.CONTROL, page.keys.SHIFT, "z")
    assert "first.png (frame 00000: objects 1, 2, 3)" in page.save()
    assert np.array_equal(read_mask(served.folder / "first.png"), expected)
    served.thread.join(5)
    assert not served.thread.is_alive()


def test_by_mouse_on_two_frames(page, served) -> None:
    """A stroke, a polygon that its first corner closes, and a frame from the slider's keys."""
    page.drag((-100, 0), (60, 0))
    place = re.search(r"x (\d+), y (\d+)", page.text("state"))
    assert place is not None
    scale = float(page.text("zoom").removesuffix(" %")) / 100
    end, y = int(place[1]), int(place[2])
    page.go("00001", ".")
    assert page.text("painted") == "painted: 00000"
    page.click("[data-tool=polygon]")
    for at in ((0, 0), (120, 0), (120, 100), (1, 1)):
        page.actions().move_to_element_with_offset(page.canvas, *at).click().perform()
    page.save()
    assert served.written == ["first-00001.png", "first.png"]
    stroke = read_mask(served.folder / "first.png")
    length = 60 / scale
    line = np.zeros(SIZE, bool)
    for step in np.linspace(0, length, 200):
        line |= disc((end + 0.5 - step, y + 0.5), 20)
    assert abs(int(stroke.sum()) - int(line.sum())) < 0.1 * line.sum()
    assert ((stroke > 0) & line).sum() > 0.9 * line.sum()
    triangle = read_mask(served.folder / "first-00001.png")
    assert abs(triangle.sum() - 120 * 100 / 2 / scale**2) < 0.1 * triangle.sum()


def test_zoom_and_moving_change_nothing_but_the_view(page, served) -> None:
    before = page.text("zoom")
    page.press("+", "+", "m")
    page.drag((0, 0), (90, 50))
    page.press("b")
    page.actions().move_to_element_with_offset(page.canvas, 0, 0).click().perform()
    place = re.search(r"x (\d+), y (\d+)", page.text("state"))
    assert place is not None and page.text("zoom") != before
    page.save()
    found = np.argwhere(read_mask(served.folder / "first.png")).mean(0)
    assert np.abs(found - [int(place[2]), int(place[1])]).max() <= 1
    assert abs(int(place[1]) - MIDDLE[0]) > 3  # the picture was moved


def test_nothing_painted_and_a_refusal_are_said(page, served) -> None:
    page.click("#save")
    page.wait(lambda: page.text("message") == "Nothing is painted yet.")
    (served.folder / "first.png").write_text("mine")
    page.press(" ")
    page.click("#save")
    page.wait(lambda: "the mask exists" in page.text("message"))
    assert served.thread.is_alive() and (served.folder / "first.png").read_text() == "mine"


@pytest.mark.parametrize("keep_open", [True])
def test_going_on_after_saving(page, served) -> None:
    page.press(" ")
    page.save()
    page.click("#clear")
    page.press("n", " ")
    page.wait(lambda: not page.text("painted") or "00000" in page.text("painted"))
    page.click("#save")
    page.wait(lambda: "object 2" in page.text("message"))
    assert set(np.unique(read_mask(served.folder / "first.png"))) == {0, 2}
    page.click("#finish")
    served.thread.join(5)
    assert not served.thread.is_alive()


def test_names_focus_dark_mode_and_a_narrow_window(page) -> None:
    controls = page.browser.find_elements("css selector", "button, input, canvas, summary")
    shown = [control for control in controls if control.is_displayed()]
    assert len(shown) > 20
    for control in shown:
        assert control.accessible_name, control.get_attribute("outerHTML")
        page.browser.execute_script("arguments[0].focus()", control)
        focused = page.browser.switch_to.active_element
        assert focused == control or not control.is_enabled()
    background = "return getComputedStyle(document.body).backgroundColor"
    wide = "return document.documentElement.scrollWidth - window.innerWidth"
    light = page.browser.execute_script(background)
    media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert page.browser.execute_script(background) != light
        assert page.browser.execute_script(wide) <= 0
        assert page.canvas.size["height"] >= 150
    finally:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_another_page_cannot_save(served, chromium) -> None:
    """Even one that knows the address and does not need the answer."""
    chromium.get("data:text/html,<title>another</title>")
    chromium.execute_async_script(
        "fetch(arguments[0] + 'done', {method: 'POST', mode: 'no-cors'}).finally(arguments[1])",
        served.server.url,
    )
    chromium.get_log("browser")  # it notes the refusal
    connection = HTTPConnection("127.0.0.1", served.server.server_address[1], timeout=5)
    connection.request("GET", "/")
    assert connection.getresponse().status == 404
    connection.close()
    assert served.thread.is_alive()
