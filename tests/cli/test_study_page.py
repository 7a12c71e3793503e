"""The page on a study: strict about study.json, whole without a network, and what it does in a browser."""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
import mote  # noqa: E402
from mote._arrays import context  # noqa: E402
from mote._library import lib  # noqa: E402
from test_report import Page  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POLICIES = ["fp32", "mxint8", "mxfp6"]
PICTURES = {
    "lines": {"kind": "lines", "x_label": "time", "y_label": "place", "x": [0, 1, 2], "truth": [1.0, 2.0, 1.0], "predicted": [1.0, None, 1.5]},
    "field": {"kind": "field", "label": "heat", "height": 2, "width": 3, "truth": [1.0, 2, 3, 4, 5, 6], "predicted": [1.0, 2, 3, 4, 5, 7]},
    "scatter": {"kind": "scatter", "label": "mass", "truth": [1.0, 2.0], "predicted": [1.5, 2.5]},
    "confusion": {"kind": "confusion", "classes": ["a", "b"], "counts": [[8, 2], [1, 9]]},
}


def make_result(policy, setting, score, base, seeds):
    spread = 0.02 if seeds > 1 else None
    percent = 100 * (base - score) / base
    return {
        "policy": policy, "setting": setting, "seeds": seeds, "mean": score, "spread": spread, "difference_percent": percent,
        "difference_spreads": (base - score) / spread if spread else None, "bytes": 4000, "seconds": 2.5,
        "modelled_training_joules": 2.0 if policy == "fp32" else 1.0, "modelled_inference_joules": 2.5e-6, "measured_joules": None,
        "gain": 1 - score / 4, "gain_per_training_joule": 0.5, "gain_per_inference_joule": 1e5,
    }


def make_task(name, science, kind, seeds=3, **more):
    scores = {("fp32", "train"): 1.0, ("fp32", "finetune"): 0.99, ("mxint8", "cast"): 1.01, ("mxint8", "finetune"): 1.0, ("mxint8", "train"): 1.5,
              ("mxfp6", "cast"): 2.0, ("mxfp6", "finetune"): 1.05, ("mxfp6", "train"): 0.9}
    return {
        "name": name, "science": science, "title": f"The {name} of <b>things</b>", "kind": "simulated", "model": "m", "metric": "RMSE", "unit": "K",
        "larger_is_better": False, "trivial": {"name": "the mean", "score": 4.0}, "strong": None, "published": {"score": 0.8, "source": "Someone 2020"},
        "training_samples": 10, "test_samples": 5, "parameters": 100, "steps": 10, "batch": 2, "learning_rate": 0.1, "not_run": None,
        "results": [make_result(p, s, v, 1.0, seeds) for (p, s), v in scores.items()],
        "pictures": [{"policy": p, "picture": PICTURES[kind]} for p in POLICIES], **more,
    }


def make_study(tasks, seeds=3, **more):
    return {
        "mote": "1.2.3", "date": "2026-11-29T22:50:00Z", "command": "mote study -o '<runs>'", "machine": {"processor": "A processor", "system": "Linux", "processors": 2},
        "profile": "epyc-9654", "policies": POLICIES, "seeds": seeds, "jobs": 1, "seconds": 100.0,
        "energy": {"kind": "unavailable", "joules": None, "source": "no counters"}, "tasks": tasks, **more,
    }


def report(folder, study):
    (folder / "study.json").write_text(study if isinstance(study, str) else json.dumps(study))
    path = folder / "report.html"
    context().check(lib.mote_study_report(context().pointer, str(folder).encode(), str(path).encode()))
    return path


def full_study(seeds=3):
    tasks = [make_task(f"{kind}_task", science, kind, seeds) for kind, science in zip(PICTURES, ("fluids", "fluids", "chemistry", "medicine"))]
    tasks.append({**make_task("absent", "geology", "lines"), "not_run": "needs rocks & <stones>", "results": [], "pictures": []})
    return make_study(tasks, seeds)


# ---- the file ----


@pytest.mark.parametrize("seeds", [1, 3])
def test_page_is_whole(tmp_path, seeds):
    text = report(tmp_path, full_study(seeds)).read_text()
    page = Page(text)
    assert [load for load in page.loads if load and not load.startswith("data:")] == []
    body = text.split("<main>")[1].split("</main>")[0]
    assert not re.search("https?:", body) and "url(" not in text.split("</style>")[0]
    assert "<b>things" not in body and "&lt;b&gt;things" in body and "needs rocks &amp; &lt;stones&gt;" in body and "&lt;runs&gt;" in body
    data = json.loads(next(content for attributes, content in page.scripts if attributes.get("type") == "application/json"))
    assert {f"picture{i}" for i in range(4)} <= set(data["charts"]) and len(data["cells"]) == 4 * 8
    rows = [[cell.strip() for cell in row] for row in page.rows]
    row = next(r for r in rows if r and r[0].startswith("lines_task"))
    assert row[1:] == ["1", "+1.0", "−1.0", "0.0", "−50", "−100", "−5.0", "+10", "4", "", "0.8"]
    assert "No" not in [r[0] for r in rows] and any(r and r[0] == "absent" for r in rows)


def test_key_figures(tmp_path):
    def figures(study):
        return dict(re.findall(r'<dt>([^<]*)</dt><dd class="value">([^<]*)</dd>', report(tmp_path, study).read_text()))

    several = figures(full_study())
    assert several["Tasks"] == "4" and several["Experiments"] == "96"
    # cast 1 per cent worse is half a spread; finetuned 5 per cent worse is more than two; trained is better
    assert (several["MXINT8, cast"], several["MXFP6, finetuned"], several["MXFP6, trained"]) == ("100\u00a0%", "0\u00a0%", "100\u00a0%")
    single = figures(full_study(1))
    assert (single["MXINT8, cast"], single["MXFP6, trained"]) == ("0\u00a0%", "100\u00a0%") and "Joules of the study" not in single
    measured = figures({**full_study(), "energy": {"kind": "measured", "joules": 2500.0, "source": "RAPL"}})
    assert measured["Joules of the study"] == "2.50\u00a0kJ"


def test_intelligence_per_joule(tmp_path):
    page = Page(report(tmp_path, full_study()).read_text())
    rows = {(r[0], r[1]): r[2:] for r in page.rows if len(r) == 11}
    # gain 0.75 for 2 J, 0.775 for 1 J
    assert rows["fp32", "trained"][:6] == ["4", "0.750", "4.00\u00a0kB", "2.00\u00a0J", "0.375", "1\u00a0×"]
    assert rows["mxfp6", "trained"][1:6] == ["0.775", "4.00\u00a0kB", "1.00\u00a0J", "0.775", "2.07\u00a0×"]
    assert rows["mxfp6", "trained"][6:] == ["2.5\u00a0µJ", "310\u00a0thousand", "1.03\u00a0×"]


def test_worse_than_trivial_and_diverged_count_as_nothing(tmp_path):
    study = full_study()
    for task, gain in zip(study["tasks"], (None, -3.0, 0.5, 0.5)):
        result = next(r for r in task["results"] if (r["policy"], r["setting"]) == ("mxfp6", "train"))
        result["gain"] = gain
        if gain is None:
            result.update(mean=None, spread=None, difference_percent=None, difference_spreads=None)
    page = Page(report(tmp_path, study).read_text())
    assert next(r[3] for r in page.rows if len(r) == 11 and r[:2] == ["mxfp6", "trained"]) == "0.250"
    assert next(r[8] for r in page.rows if r and r[0].strip().startswith("lines_task")) == "×"


def damage(change):
    study = full_study()
    change(study)
    return study


@pytest.mark.parametrize("study, words", [
    ("{", "line 1: expected a JSON object"),
    ("[]", "expected a JSON object"),
    ('{"mote": "1", "mote": "2"}', "duplicate"),
    (damage(lambda s: s.pop("date")), "study.json: date: expected a text"),
    (damage(lambda s: s["machine"].update(processors=-1)), "machine.processors: expected a count"),
    (damage(lambda s: s.update(policies=["mxfp6", "fp32"])), "policies: expected different names, fp32 first"),
    (damage(lambda s: s.update(policies=["fp32"] + [f"p{i}" for i in range(16)])), "policies: expected an array of 1 to 16 names"),
    (damage(lambda s: s.update(tasks=[])), "tasks: expected an array of at least one task"),
    (damage(lambda s: s["tasks"].__setitem__(1, 5)), "tasks[1]: expected an object"),
    (damage(lambda s: s["tasks"][1].update(larger_is_better=1)), "tasks[1].larger_is_better: expected true or false"),
    (damage(lambda s: s["tasks"][1]["trivial"].pop("name")), "tasks[1].trivial.name: expected a text"),
    (damage(lambda s: s["tasks"][2]["results"][3].update(mean="1")), "tasks[2].results[3].mean: expected a number or null"),
    (damage(lambda s: s["tasks"][2]["results"][3].update(policy="mxfp4")), "tasks[2].results[3].policy: expected one of the study's policies"),
    (damage(lambda s: s["tasks"][2]["results"][3].update(setting="tune")), "tasks[2].results[3].setting: expected train, cast or finetune"),
    (damage(lambda s: s["tasks"][2]["results"].append(s["tasks"][2]["results"][0])), "tasks[2].results[8]: expected each policy and setting once"),
    (damage(lambda s: s["tasks"][0]["pictures"][1].update(picture={"kind": "pie"})), "tasks[0].pictures[1].picture.kind: expected lines, field, scatter or confusion"),
    (damage(lambda s: s["tasks"][0]["pictures"][1].update(picture={**PICTURES["lines"], "truth": [1]})), "pictures[1].picture.truth"),
    (damage(lambda s: s["tasks"][1]["pictures"][0].update(picture={**PICTURES["field"], "width": 1 << 40})), "pictures[0].picture.height"),
    (damage(lambda s: s["tasks"][3]["pictures"][0].update(picture={**PICTURES["confusion"], "counts": [[1, 2], [3]]})), "pictures[0].picture.counts"),
])
def test_refused(tmp_path, study, words):
    with pytest.raises(mote.MoteValueError, match=re.escape(words)):
        report(tmp_path, study)
    assert not (tmp_path / "report.html").exists()


def test_no_study(tmp_path):
    with pytest.raises(mote.MoteOSError, match="study.json"):
        context().check(lib.mote_study_report(context().pointer, str(tmp_path).encode(), str(tmp_path / "r.html").encode()))


# ---- a browser ----

LISTEN = """<script>const problems = []; addEventListener('error', event => problems.push(event.message));
addEventListener('securitypolicyviolation', event => problems.push(event.blockedURI));</script>"""
ACT = """<script>
const found = {}, tips = place => [...document.querySelectorAll(`${place} .tip td, ${place} .tip b`)].map(cell => cell.textContent);
const row = name => [...document.querySelectorAll(".heat tbody tr")].find(line => line.cells[0].textContent.startsWith(name));
const cells = () => [...row("field_task").cells].slice(1).map(cell => cell.textContent);
found.percent = cells();
row("field_task").cells[5].dispatchEvent(new PointerEvent("pointerenter"));
found.tip = tips(".heatmap");
row("field_task").cells[5].dispatchEvent(new PointerEvent("pointerleave"));
found.gone = tips(".heatmap");
found.switch = [...document.querySelectorAll(".heatmap [role=radio]")].map(button => button.textContent);
const second = document.querySelectorAll(".heatmap [role=radio]")[1];
if (second) {
    second.click();
    found.spreads = cells();
    found.strength = getComputedStyle(row("field_task").cells[5]).getPropertyValue("--strength").trim();
}
found.fronts = [...document.querySelectorAll("[data-chart^=front]")].map(figure => figure.querySelectorAll("svg[role=img] .point").length);
const pictures = () => [...document.querySelectorAll(".pictures figure")].map(figure => figure.querySelector(".canvas").textContent);
found.pictures = pictures();
const list = document.querySelector(".policies select");
found.chosen = list.value;
list.value = "mxint8";
list.dispatchEvent(new Event("change"));
found.other = pictures();
found.wide = document.documentElement.scrollWidth <= innerWidth;
found.problems = problems;
document.body.textContent = `found:${btoa(unescape(encodeURIComponent(JSON.stringify(found))))}:`;
</script></body>"""


def act(folder, study, width=1200):
    page = report(folder, study)
    page.write_text(page.read_text().replace("<head>", "<head>" + LISTEN, 1).replace("</body>", ACT))
    done = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/browser", f"--window-size={width},900",
                           "--virtual-time-budget=4000", "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=110)
    return json.loads(base64.b64decode(re.search("found:([A-Za-z0-9+/=]+):", done.stdout)[1]))


@pytest.mark.skipif(not BROWSER, reason="no chromium")
@pytest.mark.parametrize("width", [1200, 500])
def test_page_in_a_browser(tmp_path, width):
    found = act(tmp_path, full_study(), width)
    assert found["problems"] == [] and found["wide"]
    assert found["percent"][:8] == ["1", "+1.0", "−1.0", "0.0", "−50", "−100", "−5.0", "+10"]
    assert found["tip"][:5] == ["field_task · mxint8, trained", "score", "1.5 ± 0.02, 3 seeds", "from FP32", "−50.00 %"] and "−25.00 spreads" in found["tip"]
    assert found["gone"] == [] and found["switch"] == ["per cent", "spreads of seeds"]
    assert found["spreads"][:8] == ["1", "+0.5", "−0.5", "0.0", "−25", "−50", "−2.5", "+5.0"] and float(found["strength"]) == 0.95
    assert found["chosen"] == "mxfp6" and len(found["pictures"]) == 4
    assert all("mxfp6 0.9" in text and "fp32 1" in text for text in found["pictures"]) and all("mxint8 1.5" in text for text in found["other"])
    assert found["fronts"] in ([8, 8, 8], [])  # none in a build without D3


@pytest.mark.skipif(not BROWSER, reason="no chromium")
def test_one_seed_in_a_browser(tmp_path):
    found = act(tmp_path, full_study(1))
    assert found["problems"] == [] and found["switch"] == [] and found["tip"][:3] == ["field_task · mxint8, trained", "score", "1.5"]
