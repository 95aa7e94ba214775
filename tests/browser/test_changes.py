"""What people write and change on pages: notes, names, tags, lifecycles, and models on their way to Production."""

import pytest
from pages import go, rows, screenshot, until
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

NOTE = "# Why\n\nA **bold** try <script>window.stolen = 1</script> <img src=x onerror='window.stolen = 1'>\n\n" \
    "[good](https://example.org) [bad](javascript:window.stolen=1)"


def open_popover(page, words):
    summary = next(found for found in page.find_elements(By.TAG_NAME, "summary") if found.text == words)
    summary.click()
    return summary.find_element(By.XPATH, "..")


def save(page, popover):
    go(page, popover.find_element(By.TAG_NAME, "button").click)


def write(field, text):
    field.clear()
    field.send_keys(text)


@pytest.fixture
def run_id(api):
    experiment = api.post("/experiments", {"name": f"changes-{len(api.get('/experiments'))}"})["experiment_id"]
    return api.run(experiment, "first", [("loss", 1)], {"a": "b"}, {"team": "risk"})


def check_note(page):
    note = page.find_element(By.CSS_SELECTOR, ".note .markdown")
    assert note.find_element(By.TAG_NAME, "strong").text == "bold"
    assert "<script>window.stolen = 1</script>" in note.text and "<img src=x" in note.text
    assert [link.get_attribute("href") for link in note.find_elements(By.TAG_NAME, "a")] == ["https://example.org/"]
    assert not note.find_elements(By.CSS_SELECTOR, "script, img")
    assert page.execute_script("return window.stolen ?? 'nothing'") == "nothing"


def test_notes_are_markdown_without_html(open_page, api, run_id):
    experiment = api.get(f"/runs/{run_id}")["experiment_id"]
    for address in [f"/runs/{run_id}", f"/experiments/{experiment}"]:
        page = open_page(address)
        popover = open_popover(page, "Add a note")
        page.execute_script("arguments[0].value = arguments[1]", popover.find_element(By.TAG_NAME, "textarea"), NOTE)
        save(page, popover)
        check_note(page)
        tags = api.get(address.replace("/runs", "/runs"))["tags"]
        assert {tag["key"]: tag["value"] for tag in tags}["mlflow.note.content"] == NOTE
        popover = open_popover(page, "Edit the note")
        assert popover.find_element(By.TAG_NAME, "textarea").get_attribute("value") == NOTE


def test_a_run_is_renamed_tagged_archived_and_restored(open_page, api, run_id):
    page = open_page(f"/runs/{run_id}")
    popover = open_popover(page, "Rename")
    write(popover.find_element(By.NAME, "run_name"), "second <b>")
    save(page, popover)
    assert page.find_element(By.ID, "run-name").text == "second <b>"
    popover = open_popover(page, "Set a tag")
    popover.find_element(By.NAME, "key").send_keys("odd/key é")
    popover.find_element(By.NAME, "value").send_keys("1")
    save(page, popover)
    assert [[cell.text.strip(" ×") for cell in row] for row in rows(page, "tags")] == [["odd/key é", "1"], ["team", "risk"]]
    go(page, page.find_elements(By.CSS_SELECTOR, "#tags button")[0].click)
    assert api.get(f"/runs/{run_id}")["tags"] == [{"key": "team", "value": "risk"}]
    go(page, page.find_element(By.XPATH, "//button[text()='Archive']").click)
    assert api.get(f"/runs/{run_id}")["lifecycle"] == "deleted"
    go(page, page.find_element(By.XPATH, "//button[text()='Restore']").click)
    assert api.get(f"/runs/{run_id}")["lifecycle"] == "active"


def test_an_experiment_from_its_creation_to_the_archive(open_page, api):
    page = open_page("/experiments")
    popover = open_popover(page, "New experiment")
    popover.find_element(By.NAME, "name").send_keys("Default")
    popover.find_element(By.TAG_NAME, "button").click()
    until(page, lambda: "exists already" in popover.text, "a taken name is refused in place")
    page.get_log("browser")
    write(popover.find_element(By.NAME, "name"), "by hand")
    save(page, popover)
    experiment = api.get("/experiments?name=by%20hand")[0]["experiment_id"]
    assert page.current_url.endswith(f"/experiments/{experiment}")
    popover = open_popover(page, "Rename")
    write(popover.find_element(By.NAME, "name"), "by another hand")
    save(page, popover)
    assert page.find_element(By.TAG_NAME, "h1").text == "by another hand"
    go(page, page.find_element(By.XPATH, "//button[text()='Archive']").click)
    assert "by another hand" not in page.find_element(By.ID, "experiments").text
    page = open_page("/experiments?lifecycle=deleted")
    go(page, page.find_element(By.XPATH, "//tr[contains(., 'by another hand')]//button").click)
    assert api.get(f"/experiments/{experiment}")["lifecycle"] == "active"


def test_a_version_goes_through_the_gate(open_page, api, experiment, runs):
    source = api.get("/models/german-credit")["versions"][-1]["source"]
    for _ in range(2):
        version = api.post("/models/promoted/versions", {"model_uri": source, "user_id": "ana"})["version"]
    page = open_page("/models/promoted")
    change = lambda: page.find_element(By.CSS_SELECTOR, f"#versions tr[data-version='{version}'] details")

    def move(stage, reason=None):
        change().find_element(By.TAG_NAME, "summary").click()
        form = change().find_element(By.CSS_SELECTOR, "form.move")
        Select(form.find_element(By.NAME, "stage")).select_by_visible_text(stage)
        form.find_element(By.NAME, "description").send_keys("by hand")
        return form

    form = move("Production")
    form.find_element(By.TAG_NAME, "button").click()
    until(page, lambda: "gate was not asked" in form.text, "the gate's refusal is shown")
    screenshot(page, "refused")
    complaints = page.get_log("browser")
    assert len(complaints) == 1 and "409" in complaints[0]["message"]
    override = form.find_element(By.NAME, "override_reason")
    assert override.is_displayed()
    ask = next(found for found in change().find_elements(By.TAG_NAME, "button") if found.text == "Ask the gate")
    go(page, ask.click)
    decision = api.get("/models/promoted")["decisions"][0]
    assert decision["passed"] and decision["reason"] in page.find_element(By.CSS_SELECTOR, "article.decision").text
    go(page, move("Production").find_element(By.TAG_NAME, "button").click)
    stage = lambda n: page.find_element(By.CSS_SELECTOR, f"#versions tr[data-version='{n}'] .stage").text
    assert stage(version) == "Production"
    moved = [cell.text for cell in rows(page, "transitions")[0]][1:]
    assert moved == [str(version), "None", "Production", "web", "by hand"]

    # Another one without the gate, for a reason; then the first again.
    first, version = version, 1
    form = move("Production")
    form.find_element(By.TAG_NAME, "button").click()
    until(page, lambda: form.find_element(By.NAME, "override_reason").is_displayed(), "a reason may be given")
    page.get_log("browser")
    form.find_element(By.NAME, "override_reason").send_keys("a drill")
    go(page, form.find_element(By.TAG_NAME, "button").click)
    assert (stage(1), stage(first)) == ("Production", "Archived")
    assert "gate overridden: a drill" in page.find_element(By.ID, "transitions").text
    go(page, page.find_element(By.XPATH, "//button[text()='Roll back Production']").click)
    assert stage(first) == "Production"

    change().find_element(By.TAG_NAME, "summary").click()
    form = change().find_element(By.XPATH, ".//form[.//input[@name='alias']]")
    form.find_element(By.NAME, "alias").send_keys("champion-é")
    go(page, form.find_element(By.TAG_NAME, "button").click)
    assert api.get("/models/promoted")["model"]["aliases"] == [["champion-é", 1]]
    popover = open_popover(page, "Add a note")
    popover.find_element(By.TAG_NAME, "textarea").send_keys("**Used** by all")
    save(page, popover)
    assert page.find_element(By.CSS_SELECTOR, ".note strong").text == "Used"


def test_versions_are_compared(open_page, api):
    page = open_page("/models/german-credit")
    go(page, page.find_element(By.CSS_SELECTOR, "#compare-versions button").click)
    assert page.current_url.endswith("/compare?version1=1&version2=2")
    compared = api.get("/models/german-credit/compare?version1=1&version2=2")
    for row in page.find_elements(By.CSS_SELECTOR, "#compare tr[data-key^='metrics.']"):
        key = row.get_attribute("data-key").removeprefix("metrics.")
        cells = row.find_elements(By.CSS_SELECTOR, "td.number[title]")
        assert [float(cell.get_attribute("title")) for cell in cells] == [compared[v]["metrics"][key] for v in ("version1", "version2")]
    depth = page.find_element(By.CSS_SELECTOR, "tr[data-key='params.max_depth']")
    assert "differs" in depth.get_attribute("class")
    assert [cell.text for cell in depth.find_elements(By.TAG_NAME, "td")][:2] == [compared[v]["params"]["max_depth"] for v in ("version1", "version2")]
