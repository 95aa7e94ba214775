"""The pages show the numbers that the API gives, draw their charts, and complain about nothing."""

import pathlib
import subprocess
import sys

import pytest
from pages import go, heads, names, rows, screenshot, until, wait_for_charts
from selenium.webdriver.common.by import By


def metrics(run):
    return {metric["key"]: metric["value"] for metric in run["metrics"]}


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
        page.find_element(By.CSS_SELECTOR, "#runs thead").find_element(By.LINK_TEXT, "accuracy").click()
        until(page, lambda: names(page) == [run["run_name"] for run in order], "the rows are in order")
    assert page.find_element(By.CSS_SELECTOR, "#runs th[aria-sort=ascending]").text.startswith("accuracy")

    threshold = (metrics(runs[0])["accuracy"] + metrics(runs[1])["accuracy"]) / 2
    field = page.find_element(By.ID, "filter")
    field.send_keys(f"metrics.accuracy > {threshold}")
    until(page, lambda: names(page) == [best_first[0]["run_name"]], "the filter is applied as one types")

    page.find_element(By.CSS_SELECTOR, "details.columns summary").click()
    for box in page.find_elements(By.CSS_SELECTOR, "details.columns input[type=checkbox]"):
        if box.is_selected() != (box.get_attribute("value") == "params.max_depth"):
            page.execute_script("arguments[0].click()", box)
    until(page, lambda: heads(page, "runs") == ["", "Run", "Status", "Started", "max_depth", "Took"], "the columns are chosen")
    params = {param["key"]: param["value"] for param in best_first[0]["params"]}
    until(page, lambda: rows(page, "runs")[0][4].text == params["max_depth"], "the column is filled")

    # The address holds it all, and the server answers it with the same table.
    address = page.current_url
    assert "sort=metrics.accuracy" in address and "direction=asc" in address and "column=params.max_depth" in address
    go(page, page.refresh)
    assert heads(page, "runs") == ["", "Run", "Status", "Started", "max_depth", "Took"]
    assert names(page) == [best_first[0]["run_name"]]


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
    go(page, page.find_element(By.CSS_SELECTOR, "#chosen .actions button").click)
    wait_for_charts(page, 1)
    for shape in ["parallel", "scatter"]:
        until(page, lambda: page.find_element(By.ID, shape).get_attribute("data-drawn"), f"{shape} is drawn")
    screenshot(page, "compare")
    shown = heads(page, "compare")[1:]
    order = [next(run for run in runs if name.startswith(run["run_name"])) for name in shown]
    for row in page.find_elements(By.CSS_SELECTOR, "#compare tr[data-key^='metrics.']"):
        key = row.get_attribute("data-key").removeprefix("metrics.")
        cells = row.find_elements(By.TAG_NAME, "td")
        assert [float(cell.get_attribute("title")) for cell in cells] == [metrics(run)[key] for run in order]
    keys = [row.get_attribute("class") for row in page.find_elements(By.CSS_SELECTOR, "#compare tr[data-key^='params.']")]
    assert keys == sorted(keys, reverse=True) and "differs" in keys, "what differs comes first"
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
    shown = [(row[0].text, row[1].text) for row in rows(page, "versions") if len(row) > 2]
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
def test_a_phone_in_either_scheme(open_page, browser, experiment, runs, scheme):
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
        for path in [
            "/experiments",
            f"/experiments/{experiment}",
            f"/runs/compare?run={runs[0]['run_id']}&run={runs[1]['run_id']}",
            f"/runs/{runs[0]['run_id']}/files/evaluation/roc_curve.json",
            "/models/german-credit",
            "/models/german-credit/compare?version1=1&version2=2",
        ]:
            page = open_page(path)
            assert page.execute_script("return document.documentElement.scrollWidth") <= 390, path
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_example_of_predictions(server):
    example = pathlib.Path(__file__).parents[2] / "examples" / "predict.py"
    command = [sys.executable, example, server, "german-credit"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert len(done.splitlines()) == 3 and "probability" in done and "answered by version" in done
