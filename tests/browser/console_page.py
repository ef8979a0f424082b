"""The console as a test sees it: what it shows, and what the service says beside it."""

import requests
from browser_chromium import until
from selenium.webdriver.common.by import By


def asked(service, path):
    """The service's own answer."""
    return requests.get(service.url + path, timeout=10).json()


def report_of(service, worker):
    """What the service says of a worker's stream."""
    return asked(service, f"/console/streams/{worker.ready.session_id}")


def show(browser, service, worker=None):
    """Open the console, with a worker's stream open where one is named, and wait until it shows something."""
    browser.get(f"{service.url}/" + (f"#session={worker.ready.session_id}" if worker else ""))
    until(browser, lambda: one(browser, "#version").text)
    if worker:
        until(browser, lambda: one(browser, "#chosen-title").text == worker.ready.stream_id)


def one(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def every(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def row(browser, worker):
    return one(browser, f'#streams-rows tr[data-session="{worker.ready.session_id}"]')


def listed(browser):
    """The names of the streams, in the order of the list."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#streams-rows .stream-name')].map(name => name.textContent)"
    )


def next_beat(browser):
    """Wait until the page has asked once more and shown the answer."""
    browser.execute_async_script(
        """
        const done = arguments[0];
        const observer = new PerformanceObserver(() => { observer.disconnect(); done(); });
        observer.observe({ type: "measure" });
        """
    )
