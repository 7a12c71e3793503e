"""mote report as a user runs it, and the page as a reader of HTML sees it."""

import json
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from conftest import BUILD, mote_program  # noqa: E402,F401

POLICIES = {"fp32": (1.86, 8000), "mxfp6": (1.87, 12000), "mxfp4": (1.9, 16000)}


def make_run(folder, policy, name=None, **more):
    bits, speed = POLICIES[policy]
    folder.mkdir()
    run = {
        "name": name or f"genome-{policy}", "status": "done", "policy": {"name": policy}, "model": {"parameters": 1000},
        "recipe": {"steps": 100}, "data": {"description": "a genome", "unit": "base", "limit": {"bits": 1.8, "error": 0.01}},
        "machine": {"processor": "p", "level": "c", "threads": 1}, "command": f"mote train --policy {policy}",
        "plan": {"peak_bytes": 5000, "categories": [{"name": "gradients", "bytes": 5000}], "timeline": [[0, 1], [1, 5000]]},
        "results": {"bits": bits, "tokens_per_second": speed, "energy": {"status": "unavailable", "joules": None}}, **more,
    }
    (folder / "run.json").write_text(json.dumps(run))
    lines = [{"step": s, "bits": bits + 1 / (s + 1), "seconds": s} for s in range(100)]
    lines += [{"step": s, "validation_bits": bits, "seconds": s} for s in range(100, 101)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


class Page(HTMLParser):
    """Checks that elements close in order, and collects what a browser would load, run and show."""

    VOID = {"meta", "link", "br", "img", "hr", "input"}
    OPTIONAL = {"tr"}

    def __init__(self, text):
        super().__init__()
        self.stack, self.loads, self.scripts, self.rows = [], [], [], []
        self.feed(text)
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID | self.OPTIONAL:
            self.stack.append(tag)
        self.loads += [value for key, value in attributes if key in ("src", "href", "data", "action", "srcset")]
        assert not [key for key, _ in attributes if key.startswith("on")]
        if tag == "script":
            self.scripts.append([dict(attributes), ""])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag not in self.OPTIONAL:
            assert self.stack.pop() == tag, self.getpos()

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "script":
            self.scripts[-1][1] += data
        elif "td" in self.stack or "th" in self.stack:
            self.rows[-1][-1] += data

    def data(self):
        return json.loads(next(text for attributes, text in self.scripts if attributes.get("type") == "application/json"))


def test_one_run(mote_program, tmp_path):
    run = make_run(tmp_path / "a", "mxfp6")
    out = mote_program("report", f"{run}/").stdout
    assert out.splitlines()[-1].startswith(f"wrote {run}/report.html (1 run, ")
    text = (run / "report.html").read_text()
    page = Page(text)
    assert set(page.loads) == {"data:,"} and len(text) < 600_000
    assert "<h1>genome-mxfp6</h1>" in text and "mote train --policy mxfp6" in text
    data = page.data()
    assert data["charts"]["steps"]["references"] == [{"name": "limit", "value": 1.8, "error": 0.01, "strong": True}]
    series = data["sets"]["loss"][0]
    assert series["line"]["step"] == list(range(100)) and series["points"]["bits"] == [1.87]
    assert data["charts"]["memory"]["rows"][0]["values"] == [5000]
    assert data["sets"]["timeline"][0]["line"] == {"node": [0, 1], "bytes": [1, 5000]}
    assert "joules" not in data["charts"] and "unavailable on this machine" in text


def test_several_runs(mote_program, tmp_path):
    runs = [make_run(tmp_path / p, p) for p in POLICIES]
    out = subprocess.run([str(BUILD / "mote"), "report", *map(str, runs)], cwd=tmp_path, capture_output=True, text=True)
    lines = out.stdout.splitlines()
    assert out.returncode == 0 and lines[-1].startswith("wrote report.html (3 runs, ")
    table = {line.split()[1]: line.split() for line in lines[1:4]}
    assert table["mxfp4"][4] == "+2.15" and table["mxfp4"][6] == "2.00" and table["fp32"][4] == "+0.00"
    page = Page((tmp_path / "report.html").read_text())
    heading = next(row for row in page.rows if "% of FP32" in row)
    rows = {row[1]: dict(zip(heading, row)) for row in page.rows if len(row) == len(heading) and row[1] in POLICIES}
    assert rows["mxfp4"]["% of FP32"] == "+2.15" and rows["mxfp4"]["\u00d7 FP32"] == "2.00"
    assert rows["fp32"]["% of FP32"] == "\u2013" and rows["mxfp6"]["above limit"] == "+0.0700"
    assert [s["color"] for s in page.data()["sets"]["loss"]] == [0, 1, 2]


def test_names_and_colors(mote_program, tmp_path):
    """Runs of one policy share a colour, and runs of one name are told apart."""
    runs = [make_run(tmp_path / f"{i}", p, name="x") for i, p in enumerate(["mxfp4", "fp32", "mxfp4", "mxfp6"])]
    mote_program("report", *runs, "-o", tmp_path / "o.html")
    series = Page((tmp_path / "o.html").read_text()).data()["sets"]["loss"]
    assert [s["name"] for s in series] == ["x", "x (2)", "x (3)", "x (4)"] and [s["color"] for s in series] == [1, 0, 1, 2]


def test_measured_joules(mote_program, tmp_path):
    energy = {"energy": {"status": "measured", "joules": 50, "source": "m"}, "bits": 1.9}
    run = make_run(tmp_path / "a", "fp32", results=energy)
    lines = [{"step": 1, "bits": 2, "joules": 20}, {"step": 2, "bits": 1.9, "joules": 50}, {"step": 2, "validation_bits": 1.9}]
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    modelled = make_run(tmp_path / "b", "mxfp4", results={**energy, "energy": {"status": "modelled", "joules": 7}})
    shutil.copy(run / "metrics.jsonl", modelled)
    mote_program("report", run, modelled, "-o", tmp_path / "o.html")
    text = (tmp_path / "o.html").read_text()
    assert ("Only the runs whose joules were measured" in text) != ("built without D3" in text)
    first, second = Page(text).data()["sets"]["loss"]
    assert first["line"]["joules"] == [20, 50] and first["points"]["joules"] == [50] and set(second["line"]["joules"]) == {None}
    assert "50.0\u00a0J<small>measured" in text and "7.00\u00a0J<small>modelled" in text and "57.0" not in text


def test_complaints(mote_program, tmp_path):
    error = mote_program("report", tmp_path / "none", status=1).stderr
    assert f"{tmp_path}/none/run.json" in error and "No such file" in error
    run = make_run(tmp_path / "a", "fp32")
    assert "cannot create" in mote_program("report", run, "-o", tmp_path / "no" / "o.html", status=1).stderr
    (run / "metrics.jsonl").write_text('{"step": 1}\n{"step": \n{"step": 3}\n')
    assert "a/metrics.jsonl: line 2" in mote_program("report", run, status=1).stderr
    assert not (run / "report.html").exists()


def test_no_permission(mote_program, tmp_path):
    run = make_run(tmp_path / "a", "fp32")
    os.chmod(run / "run.json", 0)
    if os.access(run / "run.json", os.R_OK):
        pytest.skip("this user may read everything")
    assert "Permission denied" in mote_program("report", run, status=1).stderr


def test_full_disk(tmp_path):
    run = make_run(tmp_path / "a", "fp32")
    (run / "report.html").write_text("old")
    done = subprocess.run(["/bin/sh", "-c", f"trap '' XFSZ; ulimit -f 8; exec '{BUILD}/mote' report '{run}'"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and f"{run}/report.html: cannot write: File too large" in done.stderr
    assert (run / "report.html").read_text() == "old" and len(list(run.iterdir())) == 3


def browser():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(not browser(), reason="no chromium")
def test_charts_in_a_browser(mote_program, tmp_path):
    runs = [make_run(tmp_path / p, p) for p in POLICIES]
    page = tmp_path / "o.html"
    mote_program("report", *runs, "-o", page)
    if "built without D3" in page.read_text():
        pytest.skip("built without D3")
    done = subprocess.run([browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser",
                           "--virtual-time-budget=2000", "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=110)
    drawn = done.stdout
    assert drawn.count("<svg") == 4 and "NaN" not in drawn.split('<script type="application/json"')[0]
    assert drawn.count('class="legend"') == 1 and drawn.count("aria-pressed") >= 3
