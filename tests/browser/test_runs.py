"""The table of runs: any number of rows, filters with their errors, changes of many runs, saved views."""

import http.client
import json
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest
from pages import go, heads, names, rows, screenshot, until
from selenium.webdriver.common.by import By

N_RUNS = 20_000


def fill(server, experiment, numbers):
    """Runs `r00000`, `r00001` ... with a metric and a param, over one connection."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server).netloc, timeout=60)

    def post(path, body):
        connection.request("POST", f"/api/v1{path}", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status in (201, 204), text
        return json.loads(text) if text else None

    for number in numbers:
        run = {"experiment_id": experiment, "run_name": f"r{number:05}", "start_time_ms": 1_700_000_000_000 + number}
        run_id = post("/runs", run)["run_id"]
        metric = {"key": "score", "value": number / N_RUNS, "timestamp_ms": 1, "step": 0}
        param = {"key": "seed", "value": str(number % 7)}
        post(f"/runs/{run_id}/log", {"metrics": [metric], "params": [param]})


@pytest.fixture(scope="module")
def many(server, api):
    experiment = api.post("/experiments", {"name": "many"})["experiment_id"]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda start: fill(server, experiment, range(start, N_RUNS, 16)), range(16)))
    return experiment


@pytest.fixture
def few(api):
    experiment = api.post("/experiments", {"name": f"few-{len(api.get('/experiments'))}"})["experiment_id"]
    for number in range(4):
        api.run(experiment, f"f{number}", [("score", number)], {"comma,dot.": f"v{number}"}, start_time_ms=number + 1)
    return experiment


def shown_index(page):
    """The places of the rows that are in the page."""
    return page.execute_script("return [...document.querySelectorAll('#runs tr[data-run]')].map(r => Number(r.getAttribute('aria-rowindex')) - 2)")


def scroll_to(page, where):
    page.execute_script(f"const rows = document.getElementById('rows'); rows.scrollTop = {where}")


def problem(page):
    return page.find_element(By.ID, "problem").text


def search(page, text):
    field = page.find_element(By.ID, "filter")
    field.clear()
    field.send_keys(text)


def test_twenty_thousand_runs_scroll(open_page, many):
    page = open_page(f"/experiments/{many}")
    until(page, lambda: names(page)[:2] == ["r19999", "r19998"], "the newest come first")
    for _ in range(200):
        count = page.find_element(By.ID, "count").text
        if count == f"{N_RUNS:,} runs":
            break
        scroll_to(page, "rows.scrollHeight")
        until(page, lambda: page.find_element(By.ID, "count").text != count, "more rows come")
    assert page.find_element(By.ID, "count").text == f"{N_RUNS:,} runs"
    scroll_to(page, "rows.scrollHeight")
    until(page, lambda: names(page)[-1] == "r00000", "the last row is reached")
    assert len(shown_index(page)) < 100, "only what is seen is in the page"

    # Anywhere in between the rows stand where they belong.
    scroll_to(page, "12345 * 36")
    until(page, lambda: 12345 in shown_index(page), "a row in the middle is shown")
    for at, name in zip(shown_index(page), names(page)):
        assert name == f"r{N_RUNS - 1 - at:05}"
    screenshot(page, "table")


def test_filters_of_many_runs(open_page, many):
    page = open_page(f"/experiments/{many}")
    page.find_element(By.LINK_TEXT, "score").click()
    sorted_head = lambda: page.find_elements(By.CSS_SELECTOR, "#runs th[aria-sort=descending]")
    until(page, lambda: [head.text.split()[0] for head in sorted_head()] == ["score"], "the greatest first")
    page.find_element(By.LINK_TEXT, "score").click()
    until(page, lambda: names(page)[:3] == ["r00000", "r00001", "r00002"], "the smallest first")
    search(page, "metrics.score >= 0.5 AND params.seed = '3'")
    until(page, lambda: names(page)[:2] == ["r10006", "r10013"], "the first that matches")
    assert problem(page) == ""
    search(page, "metrics.score >= 0.5 AND")
    until(page, lambda: problem(page) != "", "the error is shown")
    field = page.find_element(By.ID, "filter")
    assert field.get_attribute("aria-invalid") == "true" and field.get_attribute("value").endswith("AND")
    search(page, "metrics.score > 2")
    until(page, lambda: page.find_element(By.ID, "no-runs").is_displayed(), "nothing matches")
    search(page, "")
    field.send_keys(" ")
    until(page, lambda: names(page)[:1] == ["r00000"], "all again, in the same order")
    complaints = page.get_log("browser")
    assert len(complaints) >= 1 and all("400" in entry["message"] for entry in complaints), complaints


def test_archiving_restoring_and_tagging(open_page, api, few):
    page = open_page(f"/experiments/{few}")
    until(page, lambda: names(page) == ["f3", "f2", "f1", "f0"], "all are there")
    for row in rows(page, "runs")[:2]:
        row[0].find_element(By.TAG_NAME, "input").click()
    assert page.find_element(By.ID, "count").text == "4 runs, 2 chosen"
    page.find_element(By.ID, "delete-chosen").click()
    until(page, lambda: names(page) == ["f1", "f0"], "two are archived")
    page.find_element(By.NAME, "lifecycle").click()
    until(page, lambda: names(page) == ["f3", "f2"], "they are among the archived")
    rows(page, "runs")[0][0].find_element(By.TAG_NAME, "input").click()
    page.find_element(By.ID, "restore-chosen").click()
    until(page, lambda: names(page) == ["f2"], "one is restored")
    page.find_element(By.NAME, "lifecycle").click()
    until(page, lambda: names(page) == ["f3", "f1", "f0"], "and back")

    page.find_element(By.ID, "choose-all").click()
    page.find_element(By.CSS_SELECTOR, "#more-actions summary").click()
    page.find_element(By.ID, "tag-key").send_keys("team")
    page.find_element(By.ID, "tag-value").send_keys("risk <i>")
    page.find_element(By.CSS_SELECTOR, "#tag-chosen button").click()
    until(page, lambda: page.find_element(By.ID, "count").text == "3 runs", "nothing is chosen any more")
    found = api.get(f"/runs?experiment_ids={few}&filter=tags.team%20%3D%20%27risk%20%3Ci%3E%27")["items"]
    assert sorted(run["run_name"] for run in found) == ["f0", "f1", "f3"]


def test_a_saved_view_has_an_address(open_page, api, few):
    page = open_page(f"/experiments/{few}?filter=metrics.score+%3E+0&sort=metrics.score&direction=asc&columns=chosen&column=params.comma%2Cdot.")
    until(page, lambda: names(page) == ["f1", "f2", "f3"], "the view of the address")
    assert [row[4].text for row in rows(page, "runs")] == ["v1", "v2", "v3"]
    page.find_element(By.CSS_SELECTOR, "#views summary").click()
    name = page.find_element(By.CSS_SELECTOR, "#save-view input")
    name.send_keys("above 0/é")
    go(page, name.submit)
    assert urllib.parse.unquote(page.current_url).endswith(f"/experiments/{few}/views/above 0/é")
    assert names(page) == ["f1", "f2", "f3"] and "comma,dot." in heads(page, "runs")
    assert page.find_element(By.CSS_SELECTOR, ".chip.current").text.startswith("above 0/é")
    # A change of it has the long address, and the saved view stays as it was.
    page.find_element(By.LINK_TEXT, "comma,dot.").click()
    until(page, lambda: names(page) == ["f3", "f2", "f1"], "sorted by a param with a comma")
    assert "/views/" not in page.current_url and "column=params.comma%2Cdot." in page.current_url
    page.find_element(By.LINK_TEXT, "above 0/é").click()
    until(page, lambda: names(page) == ["f1", "f2", "f3"], "the saved view")
    go(page, page.find_element(By.CSS_SELECTOR, ".chip button").click)
    assert not [tag for tag in api.get(f"/experiments/{few}")["tags"] if tag["key"].startswith("metria.view.")]
