"""Files of a run are shown as what they are, and none of them can act in our name."""

import base64

import pytest
from pages import go, screenshot, until
from selenium.webdriver.common.by import By

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EVIL = b"""<!doctype html><h1 id="head">Report</h1><p id="said">no script ran</p>
<script>
const said = document.getElementById("said");
said.textContent = `origin ${window.origin}`;
try { parent.document.title = "stolen"; } catch { said.textContent += ", no parent"; }
try { localStorage.x = 1; } catch { said.textContent += ", no storage"; }
fetch("/api/v1/experiments", {method: "POST", headers: {"content-type": "application/json"}, body: '{"name": "by a script"}'})
  .then(() => { said.textContent += ", called"; }, () => { said.textContent += ", no call"; });
</script>"""


@pytest.fixture(scope="module")
def run_id(api):
    run_id = api.run("0", "with files")
    rows = "".join(f"{row},\"a, {row}\"\n" for row in range(3_000))
    for path, content in {
        "notes/readme.md": b"# Title\n\n*good* <script>document.title = 'bad'</script> [x](javascript:alert(1))",
        "notes/long.txt": b"first line\n" + b"x" * 99 + b"\n" * 400_000,
        "tables/rows.csv": f"number,text\n{rows}".encode(),
        "tables/split.json": b'{"columns": ["q"], "data": [["<b>"], [2]]}',
        "plain.json": b'{"b":1,"a":[2]}',
        "pixel.png": PIXEL,
        "model.bin": bytes(range(256)) * 4,
        "report.html": EVIL,
    }.items():
        api.upload(run_id, path, content)
    return run_id


@pytest.fixture
def look(open_page, run_id):
    def look(path):
        page = open_page(f"/runs/{run_id}/files/{path}")
        return page, page.find_element(By.ID, "preview")

    return look


def test_the_tree_opens(open_page, run_id):
    page = open_page(f"/runs/{run_id}/files")
    tree = lambda: [link.text for link in page.find_elements(By.CSS_SELECTOR, ".tree a")]
    assert tree() == ["▸ notes", "▸ tables", "model.bin", "pixel.png", "plain.json", "report.html"]
    go(page, page.find_element(By.LINK_TEXT, "▸ tables").click)
    assert tree()[:4] == ["▸ notes", "▾ tables", "rows.csv", "split.json"]
    go(page, page.find_element(By.LINK_TEXT, "rows.csv").click)
    assert page.find_element(By.CSS_SELECTOR, ".tree [aria-current]").text == "rows.csv"
    screenshot(page, "files")


def test_kinds_of_files(look):
    page, table = look("tables/rows.csv")
    assert [cell.text for cell in table.find_elements(By.TAG_NAME, "th")] == ["number", "text"]
    assert len(table.find_elements(By.CSS_SELECTOR, "tbody tr")) == 500
    assert [cell.text for cell in table.find_elements(By.CSS_SELECTOR, "tbody tr:nth-child(7) td")] == ["6", "a, 6"]
    assert page.find_element(By.CLASS_NAME, "cut").text == "Only the first rows and columns are shown."
    _, table = look("tables/split.json")
    assert [cell.text for cell in table.find_elements(By.CSS_SELECTOR, "th, td")] == ["q", "<b>", "2"]
    _, text = look("plain.json")
    assert text.text == '{\n  "b": 1,\n  "a": [\n    2\n  ]\n}'
    page, text = look("notes/long.txt")
    assert text.text.startswith("first line") and len(text.get_attribute("textContent")) == 256 * 1024
    assert "beginning" in page.find_element(By.CLASS_NAME, "cut").text
    page, picture = look("pixel.png")
    until(page, lambda: page.execute_script("return arguments[0].naturalWidth", picture) == 1, "the picture is shown")
    _, said = look("model.bin")
    assert "none that can be shown" in said.text
    page, note = look("notes/readme.md")
    assert note.find_element(By.TAG_NAME, "em").text == "good" and "<script>" in note.text
    assert not note.find_elements(By.CSS_SELECTOR, "script, a") and page.title != "bad"


def test_an_html_file_cannot_act_in_our_name(open_page, api, server, run_id):
    page = open_page(f"/runs/{run_id}/files/report.html")
    title = page.title
    said = lambda: page.find_element(By.ID, "said").text
    page.switch_to.frame("preview")
    assert page.find_element(By.ID, "head").text == "Report" and said() == "no script ran"
    page.switch_to.default_content()
    page.find_element(By.ID, "run-scripts").click()
    page.switch_to.frame("preview")
    until(page, lambda: said().endswith("call"), "the scripts ran")
    assert said() == "origin null, no parent, no storage, no call"
    page.switch_to.default_content()
    assert page.title == title

    # Nor when it is opened by itself, with scripts or without, or as a download.
    for path in [f"runs/{run_id}/page/report.html?scripts=true", f"runs/{run_id}/page/report.html"]:
        page.get(f"{server}/{path}")
        until(page, lambda: said().endswith("call") or "scripts" not in path, "the scripts ran")
        assert said() == ("origin null, no storage, no call" if "scripts" in path else "no script ran")
    page.get(f"{server}/api/v1/runs/{run_id}/artifacts/report.html")
    assert "<script>" in page.find_element(By.TAG_NAME, "body").text
    assert not [found for found in api.get("/experiments") if found["name"] == "by a script"]
    for entry in page.get_log("browser"):
        text = entry["message"]
        assert any(word in text for word in ["sandbox", "Content Security Policy", "Refused to connect"]), text
