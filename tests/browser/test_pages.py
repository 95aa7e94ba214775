"""The pages show the numbers that the API gives, draw their charts, and complain about nothing."""

import os
import pathlib
import subprocess
import sys

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

SCREENSHOTS = os.environ.get("METRIA_SCREENSHOTS")


@pytest.fixture
def open_page(browser, server):
    """Opens a page, and at the end of the test fails on anything that the browser complained about."""
    browser.get_log("browser")

    def open_page(path):
        browser.get(server + path)
        return browser

    yield open_page
    complaints = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert complaints == []


@pytest.fixture(scope="session")
def experiment(api):
    found = api.get("/experiments?name=german-credit")
    assert len(found) == 1
    return found[0]["experiment_id"]


@pytest.fixture(scope="session")
def runs(api, experiment):
    runs = api.get(f"/runs?experiment_ids={experiment}")["items"]
    assert len(runs) == 2
    return runs


def metrics(run):
    return {metric["key"]: metric["value"] for metric in run["metrics"]}


def rows(page, table):
    found = page.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr")
    return [[cell for cell in row.find_elements(By.CSS_SELECTOR, "td, th")] for row in found]


def heads(page, table):
    return [cell.text for cell in page.find_elements(By.CSS_SELECTOR, f"#{table} thead th")]


def wait_for_charts(page, number):
    def drawn(page):
        charts = page.find_elements(By.CSS_SELECTOR, "[data-chart]")
        return len(charts) >= number and all(chart.get_attribute("data-drawn") for chart in charts)

    WebDriverWait(page, 30).until(drawn, "every chart is drawn")


def go(page, step):
    """Takes a step that leads to another page, and waits until that is there."""
    body = page.find_element(By.TAG_NAME, "body")
    step()
    WebDriverWait(page, 30).until(staleness_of(body))
    WebDriverWait(page, 30).until(lambda page: page.execute_script("return document.readyState") == "complete")


def screenshot(page, name):
    if SCREENSHOTS:
        page.execute_script("window.scrollTo(0, 0)")
        pathlib.Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        page.save_screenshot(f"{SCREENSHOTS}/{name}.png")


def test_experiments(open_page, experiment):
    page = open_page("/")
    assert page.current_url.endswith("/experiments")
    link = page.find_element(By.LINK_TEXT, "german-credit")
    assert link.get_attribute("href").endswith(f"/experiments/{experiment}")


def test_runs_show_the_metrics_of_the_api(open_page, experiment, runs):
    page = open_page(f"/experiments/{experiment}")
    screenshot(page, "runs")
    columns = heads(page, "runs")
    assert {"accuracy", "f1_score", "roc_auc"} <= set(columns)
    shown = {row[1].text: row for row in rows(page, "runs")}
    assert set(shown) == {run["run_name"] for run in runs}
    for run in runs:
        cells = dict(zip(columns, shown[run["run_name"]]))
        assert cells["Status"].text == "FINISHED"
        for key in ["accuracy", "f1_score", "roc_auc"]:
            assert float(cells[key].get_attribute("title")) == metrics(run)[key]
            assert float(cells[key].text) == pytest.approx(metrics(run)[key], abs=1e-5)


def test_runs_are_sorted_filtered_and_columns_chosen(open_page, experiment, runs):
    page = open_page(f"/experiments/{experiment}")
    best_first = sorted(runs, key=lambda run: -metrics(run)["accuracy"])
    for order in [best_first, best_first[::-1]]:
        go(page, page.find_element(By.CSS_SELECTOR, "#runs thead").find_element(By.LINK_TEXT, "accuracy").click)
        assert [row[1].text for row in rows(page, "runs")] == [run["run_name"] for run in order]

    threshold = (metrics(runs[0])["accuracy"] + metrics(runs[1])["accuracy"]) / 2
    field = page.find_element(By.ID, "filter")
    field.clear()
    field.send_keys(f"metrics.accuracy > {threshold}")
    go(page, field.submit)
    assert [row[1].text for row in rows(page, "runs")] == [best_first[0]["run_name"]]

    page.find_element(By.CSS_SELECTOR, "details.columns summary").click()
    for box in page.find_elements(By.CSS_SELECTOR, "details.columns input[type=checkbox]"):
        if box.is_selected() != (box.get_attribute("value") == "params.max_depth"):
            box.click()
    go(page, page.find_element(By.CSS_SELECTOR, "form.filter button").click)
    assert heads(page, "runs") == ["Compare", "Run", "Status", "Started", "max_depth", "Took"]
    params = {param["key"]: param["value"] for param in best_first[0]["params"]}
    assert rows(page, "runs")[0][4].text == params["max_depth"]


def test_a_filter_that_cannot_be_read_stays_and_is_explained(open_page, experiment):
    page = open_page(f"/experiments/{experiment}?filter=metrics.accuracy+%3E%3E+1")
    assert "metrics.accuracy" in page.find_element(By.CSS_SELECTOR, ".problem").text
    assert page.find_element(By.ID, "filter").get_attribute("value") == "metrics.accuracy >> 1"


def test_a_run(open_page, api, runs):
    run = runs[0]
    page = open_page(f"/runs/{run['run_id']}")
    wait_for_charts(page, 3)
    screenshot(page, "run")
    shown = {row[0].text: float(row[1].get_attribute("title")) for row in rows(page, "metrics")}
    assert shown == metrics(run)
    assert {row[0].text: row[1].text for row in rows(page, "params")} == {p["key"]: p["value"] for p in run["params"]}

    area = page.find_element(By.CSS_SELECTOR, "[data-chart=roc] .annotation-text").text
    assert area == f"AUC {metrics(run)['roc_auc']:.4f}"
    matrix = api.get(f"/runs/{run['run_id']}/artifacts/evaluation/confusion_matrix.json")["matrix"]
    drawn = page.execute_script("return document.querySelector('[data-chart=confusion]').data[0].z")
    assert drawn == matrix
    history = api.get(f"/runs/{run['run_id']}/metrics/fold_accuracy")
    assert [point["step"] for point in history] == [0, 1, 2, 3, 4]
    line = "return document.querySelector('[data-chart=history][data-title=fold_accuracy]').data[0].y"
    assert page.execute_script(line) == [point["value"] for point in history]

    files = [row[0].text for row in rows(page, "files")]
    assert "model/MLmodel" in files and "evaluation/roc_curve.svg" in files


def test_compared_runs(open_page, experiment, runs):
    page = open_page(f"/experiments/{experiment}")
    for box in page.find_elements(By.CSS_SELECTOR, "#runs input[name=run]"):
        box.click()
    go(page, page.find_element(By.CSS_SELECTOR, "#runs th.pick button").click)
    wait_for_charts(page, 1)
    screenshot(page, "compare")
    names = heads(page, "compare")[1:]
    order = [next(run for run in runs if name.startswith(run["run_name"])) for name in names]
    for row in page.find_elements(By.CSS_SELECTOR, "#compare tr[data-key^='metrics.']"):
        key = row.get_attribute("data-key").removeprefix("metrics.")
        cells = row.find_elements(By.TAG_NAME, "td")
        assert [float(cell.get_attribute("title")) for cell in cells] == [metrics(run)[key] for run in order]
    same = page.find_element(By.CSS_SELECTOR, "tr[data-key='params.target']")
    assert same.is_displayed()
    page.find_element(By.ID, "differences").click()
    assert not same.is_displayed()
    assert page.find_element(By.CSS_SELECTOR, "tr[data-key='params.max_depth']").is_displayed()


def test_models(open_page, api):
    details = api.get("/models/german-credit")
    production = [version["version"] for version in details["versions"] if version["stage"] == "Production"]
    page = open_page("/models")
    assert [cell.text for cell in rows(page, "models")[0]][:3] == ["german-credit", "2", str(production[0])]
    go(page, page.find_element(By.LINK_TEXT, "german-credit").click)
    screenshot(page, "model")
    shown = [(row[0].text, row[1].text) for row in rows(page, "versions")]
    assert shown == [(str(version["version"]), version["stage"]) for version in details["versions"]]
    for article, decision in zip(page.find_elements(By.CSS_SELECTOR, "article.decision"), details["decisions"]):
        assert decision["reason"] in article.text
        assert ("passed" if decision["passed"] else "refused") in article.text
        values = article.find_elements(By.CSS_SELECTOR, "tbody tr td:nth-child(2)")
        assert [float(cell.get_attribute("title")) for cell in values] == [c["value"] for c in decision["checks"]]
    assert len(rows(page, "transitions")) == len(details["transitions"])


def test_what_is_not_there_is_a_page_that_says_so(browser, server):
    browser.get(f"{server}/runs/{'0' * 32}")
    assert "no run" in browser.find_element(By.CSS_SELECTOR, ".problem").text
    browser.get_log("browser")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_in_either_scheme(open_page, browser, runs, scheme):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page = open_page(f"/runs/{runs[0]['run_id']}")
        wait_for_charts(page, 3)
        screenshot(page, f"phone-{scheme}")
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        ground = page.execute_script("return getComputedStyle(document.body).backgroundColor")
        red = int(ground.removeprefix("rgb(").split(",")[0])
        assert (red > 200) == (scheme == "light")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_example_of_predictions(server):
    example = pathlib.Path(__file__).parents[2] / "examples" / "predict.py"
    command = [sys.executable, example, server, "german-credit"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert len(done.splitlines()) == 3 and "probability" in done and "answered by version" in done
