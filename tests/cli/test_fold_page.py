"""The page on predicted structures in a browser: it is drawn, it turns, and what is pointed at is named."""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from conftest import BUILD  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LISTEN = "<script>const problems = []; addEventListener('error', event => problems.push(event.message));</script>"

# Moves the pointer over the page and notes what comes of it.
ACT = """<script>
const found = {}, surface = () => document.querySelector(".view"), turned = () => JSON.stringify(scene.camera.turn);
const tip = id => [...document.querySelectorAll(`[data-chart=${id}] .tip td, [data-chart=${id}] .tip b`)].map(cell => cell.textContent);
const fire = (target, type, x, y, id = 1) => target.dispatchEvent(new PointerEvent(type, {pointerId: id, clientX: x, clientY: y, bubbles: true}));
const over = (id, u, v) => {
    const area = document.querySelector(`[data-chart=${id}] rect[fill=transparent]`), box = area.getBoundingClientRect();
    fire(area, "pointermove", box.left + u * box.width, box.top + v * box.height);
    return tip(id);
};
const inked = () => {
    const pixels = surface().getContext("2d").getImageData(0, 0, surface().width, surface().height).data;
    return pixels.filter((value, i) => i % 4 === 3 && value > 0).length / (surface().width * surface().height);
};
const residueTip = () => {
    const box = surface().getBoundingClientRect();
    for (let y = 4; y < box.height; y += 4) {
        for (let x = 4; x < box.width; x += 4) {
            fire(surface(), "pointermove", box.left + x, box.top + y);
            if (tip("structure").length > 0) {
                return tip("structure");
            }
        }
    }
};
const drag = (from, to) => {
    const box = surface().getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
    surface().setPointerCapture = () => {}; /* these pointers are not real */
    fire(surface(), "pointerdown", x + from[0], y + from[1]);
    fire(surface(), "pointermove", x + to[0], y + to[1]);
    fire(surface(), "pointerup", x + to[0], y + to[1]);
};
const began = turned();
found.inked = inked();
found.tip = residueTip();
drag([0, 0], [60, 20]);
found.turned = turned() !== began;
surface().dispatchEvent(new MouseEvent("dblclick"));
found.back = turned() === began;
surface().dispatchEvent(new WheelEvent("wheel", {deltaY: -200, cancelable: true}));
found.zoom = scene.camera.zoom;
surface().dispatchEvent(new KeyboardEvent("keydown", {key: "0"}));
surface().dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
found.keys = turned() !== began && scene.camera.zoom === 1;
found.lengths = [0, 3, 6].map(i => Math.hypot(...scene.camera.turn.slice(i, i + 3)));
found.kinds = [...secondaryStructure(meshOf(0).points, meshOf(0).points.map((_, i) => chainOf(i).chain))];
found.errors = over("errors", 0.3 + 1e-9, 0.75 + 1e-9);
found.marked = [...scene.marked];
found.coverage = over("coverage", 0.25, 0.001);
found.colors = [...document.querySelectorAll("[role=radio]")].map(chip => {
    chip.click();
    return [chip.textContent, document.querySelector("[data-chart=structure] .keys").textContent];
});
const list = document.querySelector("select");
found.list = [...list.options].map(option => option.textContent);
list.selectedIndex = 1;
list.dispatchEvent(new Event("change"));
found.second = [view.prediction, document.querySelector("[data-chart=errors]").textContent, inked()];
found.figures = [...document.querySelectorAll("[data-chart]")].map(figure => figure.querySelectorAll("svg, canvas").length);
found.problems = problems;
document.body.textContent = `found:${btoa(unescape(encodeURIComponent(JSON.stringify(found))))}:`;
</script></body>"""


def act(folder, *sizes):
    page = folder / "page.html"
    subprocess.run([str(BUILD / "tests" / "fold_page"), page, *map(str, sizes)], check=True)
    page.write_text(page.read_text().replace("<head>", "<head>" + LISTEN).replace("</body>", ACT))
    done = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/browser", "--window-size=1200,900",
                           "--virtual-time-budget=4000", "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=110)
    return json.loads(base64.b64decode(re.search("found:([A-Za-z0-9+/=]+):", done.stdout)[1]))


@pytest.mark.skipif(not BROWSER, reason="no chromium")
def test_page_in_a_browser(tmp_path):
    found = act(tmp_path, 120, 2, 3)
    assert found["problems"] == []
    assert 0.02 < found["inked"] < 0.6 and 0.02 < found["second"][2] < 0.6
    assert re.fullmatch("[A-Z]{3} [0-9]+ of chain [AB]", found["tip"][0]) and found["tip"][1] == "pLDDT" and 30 <= float(found["tip"][2]) <= 98
    assert found["turned"] and found["back"] and found["keys"] and 1.1 < found["zoom"] < 2
    assert all(abs(length - 1) < 1e-9 for length in found["lengths"])
    helices = [sum(kind == 1 for kind in found["kinds"][i:i + 20]) for i in range(0, 120, 20)]
    assert min(helices[0::2]) >= 15 and max(helices[1::2]) <= 2
    # the column is the residue, the row the frame: residue 37 in that of 91, 0.25 + 0.3 * 54 + 0.2 * 6
    assert found["errors"] == ["17.6 Å", "scored", "THR 37 of chain A", "aligned", "LEU 31 of chain B"] and found["marked"] == [36, 90]
    assert found["coverage"] == ["LEU 31 of chain A", "rows that cover it", "300 of 300", "identity of this row", "100 %"]
    assert [name for name, _ in found["colors"]] == ["pLDDT", "chain", "N to C"] and found["colors"][1][1] == "AB"
    assert found["list"] == ["1. model_1_ptm", "2. model_2_ptm", "3. model_3_ptm"]
    assert found["second"][0] == 1 and "does not predict" in found["second"][1]
    assert found["figures"][:2] == [1, 0] and all(count > 0 for count in found["figures"][2:])


@pytest.mark.skipif(not BROWSER, reason="no chromium")
def test_one_residue_in_a_browser(tmp_path):
    found = act(tmp_path, 1, 1, 2)
    assert found["problems"] == [] and found["tip"] == ["ALA 1", "pLDDT", "64.0"] and found["errors"][0] == "0.3 Å"
