"""Write the picture of the page that dubs in docs/pictures/: `just pictures`. It is the real thing."""

import io
import tempfile
from pathlib import Path

from browser_chromium import chromium, resized, until
from browser_service import serving
from PIL import Image
from try_page import every, figures, one, show, start, state

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
DUBBED_S, HEARD_S = 12, 8.6
COLOURS = 160
PATIENCE_S = 240


def main():
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium(folder, "--hide-scrollbars") as browser,
        serving("embedded") as served,
    ):
        resized(browser, 1200, 860, scheme="light")
        show(browser, served.url)
        start(browser)
        until(browser, lambda: some_dubbed(browser), PATIENCE_S)
        every(browser, ".word")[2].click()
        until(browser, lambda: float(one(browser, "#seek").get_property("value")) >= HEARD_S)
        browser.execute_script("document.activeElement.blur()")
        shot = browser.get_screenshot_as_png()
    path = FOLDER / "try.png"
    few = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path}  {path.stat().st_size // 1024} KB")  # noqa: T201 - it is a script


def some_dubbed(browser):
    trouble = one(browser, "#trouble").text
    assert not trouble, trouble
    return figures(browser)[1] >= DUBBED_S or state(browser) == "Done"


if __name__ == "__main__":
    main()
