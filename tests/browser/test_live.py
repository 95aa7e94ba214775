"""A run's page moves while the run logs, and shows long histories by their shape."""

import math

import pytest
from conftest import point
from pages import screenshot, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select


@pytest.fixture
def running(api):
    experiment = api.post("/experiments", {"name": f"live-{len(api.get('/experiments'))}"})["experiment_id"]
    metrics = [("loss", 1 / (step + 1), step) for step in range(5)]
    run_id = api.run(experiment, "walker", metrics, {"depth": "3"})
    yield run_id
    api.patch(f"/runs/{run_id}", {"status": "FINISHED"})


def line(page, key="loss", trace=0):
    """The points of a chart: x and y."""
    script = f"const t = document.querySelector('[data-title={key}]')?.data?.[{trace}]; return t ? [[...t.x], [...t.y]] : [[], []]"
    return page.execute_script(script)


def is_live(page):
    return page.find_element(By.ID, "live").is_displayed()


def log(api, run_id, *metrics):
    api.post(f"/runs/{run_id}/log", {"metrics": [point(*metric) for metric in metrics]})


def test_a_chart_moves_while_a_run_logs(open_page, api, another_server, running):
    page = open_page(f"/runs/{running}")
    until(page, lambda: is_live(page) and len(line(page)[0]) == 5, "the first points are drawn")
    page.execute_script("window.here = 'not loaded again'")
    log(api, running, ("loss", 0.125, 5), ("loss", 0.1, 6))
    until(page, lambda: line(page)[0] == [0, 1, 2, 3, 4, 5, 6], "two points more")
    assert line(page)[1][-2:] == [0.125, 0.1]
    latest = page.find_element(By.CSS_SELECTOR, "#metrics tr[data-key=loss]")
    until(page, lambda: latest.text.split() == ["loss", "0.1", "6"], "the latest is shown")

    log(another_server, running, ("loss", 0.05, 7))
    until(page, lambda: line(page)[0][-1] == 7, "a point that another process wrote")

    log(api, running, ("accuracy", 0.5, 1), ("accuracy", 0.75, 2))
    until(page, lambda: line(page, "accuracy")[1] == [0.5, 0.75], "a metric that was not there")
    api.post(f"/runs/{running}/log", {"tags": [{"key": "stage", "value": "warm <b>up</b>"}]})
    until(page, lambda: "warm <b>up</b>" in page.find_element(By.ID, "tags").text, "a new tag")
    for step in range(8, 40):
        log(api, running, ("loss", 1 / (step + 1) + math.sin(step) / 60, step), ("accuracy", 1 - 1 / step, step))
    until(page, lambda: line(page)[0] == list(range(40)), "every point is there once")
    screenshot(page, "live")

    api.patch(f"/runs/{running}", {"status": "FINISHED", "end_time_ms": 1})
    until(page, lambda: page.find_element(By.ID, "status").text == "FINISHED", "the end is shown")
    until(page, lambda: not is_live(page), "it is not live any more")
    assert page.execute_script("return window.here") == "not loaded again"


def test_smoothing_axes_and_scale(open_page, api, running):
    log(api, running, *[("loss", value, 5 + at) for at, value in enumerate([3.0, 1.0, 2.0])])
    page = open_page(f"/runs/{running}?smoothing=0.6")
    until(page, lambda: len(line(page, trace=1)[0]) == 8, "the smoothed line is drawn")
    raw, smoothed, last = line(page)[1], [], 0.0
    for n, value in enumerate(raw, 1):
        last = last * 0.6 + 0.4 * value
        smoothed.append(last / (1 - 0.6**n))
    assert line(page, trace=1)[1] == pytest.approx(smoothed)
    assert smoothed[0] == pytest.approx(raw[0]), "no bias towards zero"

    look = "return document.querySelector('[data-title=loss]').layout"
    page.find_element(By.NAME, "log").click()
    until(page, lambda: page.execute_script(f"{look}.yaxis.type") == "log", "the scale is logarithmic")
    axis = Select(page.find_element(By.NAME, "axis"))
    axis.select_by_value("relative")
    until(page, lambda: page.execute_script(f"{look}.xaxis.title.text") == "seconds", "seconds since the start")
    assert line(page)[0] == list(range(8))
    axis.select_by_value("time")
    until(page, lambda: page.execute_script(f"{look}.xaxis.type") == "date", "wall time")
    page.find_element(By.NAME, "smoothing").send_keys(Keys.HOME)
    until(page, lambda: page.execute_script("return document.querySelector('[data-title=loss]').data.length") == 1, "raw")
    assert set(page.current_url.split("?")[1].split("&")) == {"axis=time", "log=1"}


def test_a_hundred_thousand_points_keep_their_extremes(open_page, api, running):
    n = 100_000
    values = [math.sin(step / 3000) for step in range(n)]
    values[41_414], values[77_777] = 9.5, -8.5
    for start in range(0, n, 1_000):
        log(api, running, *[("wave", values[step], step) for step in range(start, start + 1_000)])
    page = open_page(f"/runs/{running}")
    until(page, lambda: len(line(page, "wave")[0]) > 0, "the line is drawn")
    steps, drawn = line(page, "wave")
    assert 500 <= len(steps) <= 1_000
    assert (steps[0], steps[-1]) == (0, n - 1)
    points = dict(zip(steps, drawn))
    assert points[41_414] == 9.5 and points[77_777] == -8.5
    assert all(value == values[step] for step, value in points.items())
    log(api, running, ("wave", 1.5, n))
    until(page, lambda: line(page, "wave")[1][-1] == 1.5, "it goes on from there")
