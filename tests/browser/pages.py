"""What tests do with pages."""

import os
import pathlib

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SCREENSHOTS = os.environ.get("METRIA_SCREENSHOTS")


def until(page, condition, what):
    """Waits until something is so on a page that changes meanwhile."""
    WebDriverWait(page, 30, ignored_exceptions=[StaleElementReferenceException]).until(lambda _: condition(), what)


def rows(page, table):
    found = page.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr:not(.spacer)")
    return [[cell for cell in row.find_elements(By.CSS_SELECTOR, "td, th")] for row in found]


def names(page):
    """The names of the runs in the table."""
    return [row[1].text for row in rows(page, "runs")]


def heads(page, table):
    return [cell.text for cell in page.find_elements(By.CSS_SELECTOR, f"#{table} thead th")]


def wait_for_charts(page, number):
    """Scrolls to each chart, since they are drawn when they come into sight, and waits until it is drawn."""
    until(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "[data-chart]")) >= number, "the charts are there")
    for chart in page.find_elements(By.CSS_SELECTOR, "[data-chart]"):
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
        until(page, lambda: chart.get_attribute("data-drawn"), "the chart is drawn")


def go(page, step):
    """Takes a step that leads to another page, and waits until that is there."""
    page.execute_script("window.isLeft = true")
    step()
    there = "return !window.isLeft && document.readyState == 'complete'"
    wait = WebDriverWait(page, 30, ignored_exceptions=[WebDriverException])
    wait.until(lambda _: page.execute_script(there), "another page is there")


def screenshot(page, name):
    if SCREENSHOTS:
        page.execute_script("window.scrollTo(0, 0)")
        pathlib.Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        page.save_screenshot(f"{SCREENSHOTS}/{name}.png")
