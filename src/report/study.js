/* The page on a study.
 *
 * The table: cells have their colours as strengths in --percent and --spreads; data.cells[data-cell] is {title, lines} of what is
 * shown of a cell that is pointed at.
 * {kind: "front", column, label, unit}: data.points, {policy, color, setting, gain, [column]}, and what nothing beats joined.
 * {kind: "picture_lines" | "picture_field" | "picture_scatter" | "picture_confusion", metric, truth, predicted}: pictures as
 * src/study/picture.h has them, predicted[policy] = {values, score, color}; the chosen policy is drawn beside FP32. */

/* ---- the table ---- */

function addHeatSwitch(map) {
    const table = map.querySelector("table"), bar = document.createElement("div");
    bar.className = "bar";
    map.prepend(bar);
    const scale = element(bar, "span", "keys heat-keys");
    const modes = [["per cent", "percent", ["0.1", "30 %"]], ["spreads of seeds", "spreads", ["1", "30 spreads"]]];
    const choose = ([, mode, [least, most]]) => {
        table.classList.toggle("by-spreads", mode === "spreads");
        for (const cell of table.querySelectorAll("[data-percent]")) {
            const without = mode === "spreads" && cell.dataset.spreads === "";
            cell.textContent = without ? `${cell.dataset.percent}${cell.dataset.percent === "×" ? "" : " %"}` : cell.dataset[mode];
            cell.classList.toggle("muted", without);
        }
        [...choice.children].forEach((button, i) => button.setAttribute("aria-checked", String(modes[i][1] === mode)));
        scale.textContent = "";
        scale.append("worse ");
        for (const part of ["worse", "better"]) {
            element(scale, "i", `scale ${part}`);
        }
        scale.append(` better · colour from ${least} to ${most}`);
    };
    const choice = document.createElement("div");
    choice.className = "choice";
    choice.setAttribute("role", "radiogroup");
    if (map.dataset.spreads === "yes") {
        bar.prepend(choice);
        for (const mode of modes) {
            const made = element(choice, "button", "", mode[0]);
            made.type = "button";
            made.setAttribute("role", "radio");
            made.addEventListener("click", () => choose(mode));
        }
    }
    choose(modes[0]);
}

function followCells(map) {
    const canvas = map.querySelector(".canvas");
    const point = cell => {
        const found = data.cells[cell.dataset.cell], box = cell.getBoundingClientRect(), host = canvas.getBoundingClientRect();
        showTip(canvas, box.right - host.left - 10, box.top - host.top + box.height / 2, found.title, found.lines);
    };
    for (const cell of map.querySelectorAll("[data-cell]")) {
        cell.addEventListener("pointerenter", () => point(cell));
        cell.addEventListener("click", () => point(cell));
        cell.addEventListener("focus", () => point(cell));
        cell.addEventListener("pointerleave", () => hideTip(canvas));
        cell.addEventListener("blur", () => hideTip(canvas));
    }
    map.querySelector(".scroll").addEventListener("scroll", () => hideTip(canvas));
}

for (const map of document.querySelectorAll(".heatmap")) {
    addHeatSwitch(map);
    followCells(map);
}

/* ---- fronts ---- */

const settingShapes = {
    trained: r => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
    cast: r => `M0,${-1.2 * r}L${1.15 * r},${0.85 * r}H${-1.15 * r}Z`,
    finetuned: r => `M0,${-1.3 * r}L${1.3 * r},0L0,${1.3 * r}L${-1.3 * r},0Z`,
};

/* 3.1 µJ, 120 kB */
function withPrefix(value, unit) {
    const prefixes = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];
    const [size, prefix] = prefixes.find(([least]) => value >= 0.9995 * least) || [1e-12, "p"];
    return `${Number((value / size).toPrecision(3))} ${prefix}${unit}`;
}

/* What no other beats in both, from cheap to dear. */
function frontOf(points) {
    let best = -Infinity;
    return points.slice().sort((a, b) => a.x - b.x || b.y - a.y).filter(point => point.y > best && ((best = point.y), true));
}

/* Powers of ten, and 2 and 5 of them where there is room. */
function logTicks(low, high, most) {
    if (high / low < 1.6) {
        return [low * 1.005, Math.sqrt(low * high), high / 1.005];
    }
    for (const steps of [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 5], [1]]) {
        const ticks = [];
        for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
            ticks.push(...steps.map(step => step * 10 ** power).filter(tick => tick >= low && tick <= high));
        }
        if (ticks.length <= most || steps.length === 1) {
            return ticks;
        }
    }
}

/* Names beside points, each at the first of some places where it covers nothing. */
function nameMarks(svg, marks, frame) {
    const taken = marks.map(({x, y}) => [x - 7, y - 7, x + 7, y + 7]);
    const free = box => box[0] >= 0 && box[2] <= frame.width && taken.every(([l, t, r, b]) => box[2] < l || box[0] > r || box[3] < t || box[1] > b);
    for (const {x, y, point} of marks.slice().sort((a, b) => b.front - a.front)) {
        const wide = 7.3 * point.policy.length, places = [[10, -6], [10, 6], [-10 - wide, -6], [-10 - wide, 6], [-wide / 2, -18], [-wide / 2, 18]];
        const found = places.map(([dx, dy]) => [x + dx, y + dy - 7, x + dx + wide, y + dy + 7]).find(free);
        if (found) {
            taken.push(found);
            svg.append("text").attr("class", "halo").attr("data-run", point.policy).attr("x", found[0]).attr("y", found[1] + 11).text(point.policy);
        }
    }
}

function drawFrontAxes(svg, spec, frame) {
    const {x, y, width, height} = frame, grid = svg.append("g").attr("class", "grid");
    for (const tick of y.ticks(6)) {
        grid.append("line").attr("x2", width).attr("y1", y(tick)).attr("y2", y(tick));
        grid.append("text").attr("x", -8).attr("y", y(tick)).attr("dy", "0.32em").attr("text-anchor", "end").text(y.tickFormat(6)(tick));
    }
    svg.append("line").attr("class", "zero").attr("x2", width).attr("y1", height).attr("y2", height);
    for (const tick of logTicks(...x.domain(), width / 75)) {
        svg.append("line").attr("class", "zero").attr("x1", x(tick)).attr("x2", x(tick)).attr("y1", height).attr("y2", height + 4);
        svg.append("text").attr("x", x(tick)).attr("y", height + 18).attr("text-anchor", "middle").text(withPrefix(tick, spec.unit));
    }
    svg.append("text").attr("x", width).attr("y", height + 36).attr("text-anchor", "end").text(spec.label);
    svg.append("text").attr("x", -frame.left).attr("y", -14).text("gain, mean over tasks");
}

function drawFront(canvas, spec, sets, view) {
    const points = data.points.filter(point => !view.hidden.has(point.policy) && finite(point.gain) && point[spec.column] > 0)
        .map(point => ({...point, x: point[spec.column], y: point.gain}));
    if (points.length === 0) {
        element(canvas, "p", "empty", "Nothing to draw: no task here has these figures.");
        return false;
    }
    const keys = element(canvas, "div", "keys");
    for (const setting of ["trained", "cast", "finetuned"]) {
        const key = element(keys, "span"), mark = svgElement(key, "svg", {width: 14, height: 12, viewBox: "-7 -6 14 12", class: "mark-key"});
        svgElement(mark, "path", {d: settingShapes[setting](4.5)});
        key.append(` ${setting}`);
    }
    const outer = canvas.clientWidth || 1000, narrow = outer < 640, left = 52, right = 14, top = 30, bottom = 44;
    const width = outer - left - right, height = (narrow ? 300 : 400) - top - bottom;
    const [lowX, highX] = d3.extent(points, point => point.x), [lowY, highY] = d3.extent(points, point => point.y);
    const pad = Math.max(0.1 * (highY - lowY), 0.002), spread = Math.max((highX / lowX) ** 0.07, 1.05);
    const frame = {left, width, height, x: d3.scaleLog([lowX / spread, highX * spread], [0, width]),
                   y: d3.scaleLinear([lowY - pad, highY + pad], [height, 0])};
    const root = d3.select(canvas).append("svg").attr("viewBox", [0, 0, outer, height + top + bottom]).attr("role", "img")
        .attr("aria-label", `gain against ${spec.label}`);
    const svg = root.append("g").attr("transform", `translate(${left},${top})`), front = frontOf(points);
    drawFrontAxes(svg, spec, frame);
    svg.append("path").attr("class", "front").attr("d", d3.line().x(p => frame.x(p.x)).y(p => frame.y(p.y)).curve(d3.curveStepAfter)(front));
    for (const point of points) {
        const group = svg.append("g").attr("class", colorClass(point.color)).attr("data-run", point.policy)
            .attr("transform", `translate(${frame.x(point.x)},${frame.y(point.y)})`);
        group.append("path").attr("class", "point").attr("d", settingShapes[point.setting](5));
        group.append("circle").attr("r", 12).attr("fill", "transparent").on("pointerenter", () => {
            const scale = canvas.querySelector("svg[role=img]").getBoundingClientRect();
            showTip(canvas, left + frame.x(point.x), scale.top - canvas.getBoundingClientRect().top + top + frame.y(point.y), `${point.policy}, ${point.setting}`,
                    [["gain", point.y.toFixed(4)], [spec.column, withPrefix(point.x, spec.unit)]]);
        }).on("pointerleave", () => hideTip(canvas));
    }
    nameMarks(svg, points.map(point => ({x: frame.x(point.x), y: frame.y(point.y), point, front: front.includes(point) ? 1 : 0})), frame);
    return false;
}

kinds.front = drawFront;

/* ---- pictures ---- */

const fieldColors = ["#2d3467", "#35648f", "#3f9196", "#7db58a", "#bfd08a", "#ecd9a0", "#f6ecd2"];
const confusionColors = {light: ["#f5f6f8", "#a9bdf0", "#4260da"], dark: ["#1e2328", "#30438c", "#4a74ea"]};

for (const choice of document.querySelectorAll(".policies select")) {
    choice.addEventListener("change", () => drawAll());
}

/* FP32 and the chosen policy, as far as the picture has them: {name, values, score, color}. */
function shownOf(spec) {
    const choice = document.querySelector(".policies select");
    return ["fp32", choice && choice.value].filter((name, i, all) => name && spec.predicted[name] && all.indexOf(name) === i)
        .map(name => ({name, ...spec.predicted[name]}));
}

function scoreKeys(canvas, spec, shown, truth) {
    const keys = element(canvas, "div", "keys");
    if (truth) {
        const key = element(keys, "span");
        element(key, "i", "swatch truth");
        key.append(truth);
    }
    for (const one of shown) {
        const key = element(keys, "span");
        element(key, "i", `swatch ${colorClass(one.color)}`);
        key.append(`${one.name} `);
        element(key, "b", "", one.score);
    }
}

const extentOf = lists => {
    const values = lists.flat().filter(finite);
    return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
};

/* Linear, from one range to another; one of no width is taken as wide as 1. */
function linear([low, high], [from, to]) {
    const wide = high - low || 1, begin = high > low ? low : low - 0.5;
    return value => from + (value - begin) / wide * (to - from);
}

/* About count round numbers in a range. */
function roundTicks([low, high], count) {
    const power = 10 ** Math.floor(Math.log10(Math.max((high - low) / count, 1e-30)));
    const step = [1, 2, 5, 10].map(size => size * power).find(size => size * (count + 1.5) >= high - low) || power;
    const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
    return high > low ? Array.from({length: Math.min(20, last - first + 1)}, (_, i) => (first + i) * step) : [low];
}

const tickText = (value, digits = 4) => (Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(0) : String(Number(value.toPrecision(digits)))).replace("-", "−");

function drawFrame(svg, {x, y, width, height, rangeX, rangeY}, labelX, labelY) {
    for (const tick of roundTicks(rangeY, 4)) {
        svgElement(svg, "line", {class: "level grid-line", x2: width, y1: y(tick), y2: y(tick)});
        svgElement(svg, "text", {x: -6, y: y(tick), dy: "0.32em", "text-anchor": "end"}, tickText(tick));
    }
    for (const tick of roundTicks(rangeX, Math.max(3, width / 70))) {
        svgElement(svg, "line", {class: "zero", x1: x(tick), x2: x(tick), y1: height, y2: height + 4});
        svgElement(svg, "text", {x: x(tick), y: height + 17, "text-anchor": "middle"}, tickText(tick));
    }
    svgElement(svg, "line", {class: "zero", x2: width, y1: height, y2: height});
    svgElement(svg, "text", {x: width, y: height + 33, "text-anchor": "end"}, labelX);
    svgElement(svg, "text", {x: -44, y: -9}, labelY);
}

function pictureSvg(parent, outer, all, left, top, label) {
    const svg = svgElement(parent, "svg", {viewBox: `0 0 ${outer} ${all}`, role: "img", "aria-label": label});
    return svgElement(svg, "g", {transform: `translate(${left},${top})`});
}

function drawPictureLines(canvas, spec) {
    const shown = shownOf(spec), outer = canvas.clientWidth || 480, left = 46, top = 24, width = outer - left - 10, height = 180;
    scoreKeys(canvas, spec, shown, "truth");
    const rangeX = extentOf([spec.x]), rangeY = extentOf([spec.truth, ...shown.map(one => one.values)]);
    const x = linear(rangeX, [0, width]), y = linear(rangeY, [height, 0]);
    const svg = pictureSvg(canvas, outer, height + top + 40, left, top, `${spec.y_label} against ${spec.x_label}`);
    drawFrame(svg, {x, y, width, height, rangeX, rangeY}, spec.x_label, spec.y_label);
    const curve = (values, name) => {
        let pen = "M";
        const path = values.map((value, i) => {
            const part = finite(value) && finite(spec.x[i]) ? `${pen}${x(spec.x[i]).toFixed(1)},${y(value).toFixed(1)}` : "";
            pen = part ? "L" : "M";
            return part;
        }).join("");
        svgElement(svg, "path", {class: name, d: path});
    };
    curve(spec.truth, "truth-line");
    shown.forEach(one => curve(one.values, `line ${colorClass(one.color)}`));
    return false;
}

/* Places for several square panels in a row, as many as fit. */
function panelsOf(canvas, count) {
    const row = element(canvas, "div", "panels");
    row.style.gridTemplateColumns = `repeat(${count}, minmax(0, 1fr))`;
    return Array.from({length: count}, () => element(row, "div", "canvas"));
}

function panelTitle(panel, one) {
    const title = element(panel, "p", "panel-title");
    if (one.color !== undefined) {
        element(title, "i", `swatch ${colorClass(one.color)}`);
    }
    title.append(one.name);
    element(title, "b", "", one.score ? ` ${one.score}` : "");
}

function drawPictureField(canvas, spec) {
    const all = [{name: "truth", values: spec.truth}, ...shownOf(spec)], range = extentOf([spec.truth]);
    const part = linear(range, [0, 1]), panels = panelsOf(canvas, all.length);
    all.forEach((one, i) => {
        panelTitle(panels[i], one);
        const outer = panels[i].clientWidth || 200, height = Math.min(1.4, Math.max(0.35, spec.height / spec.width)) * outer;
        drawMap(panels[i], {left: 0, top: 0, width: outer, height, outer, all: height, label: `${spec.label}: ${one.name}`}, spec.width, spec.height, (x, y) => {
            const value = one.values[y * spec.width + x];
            return finite(value) ? colorAt(fieldColors, part(value)) : null;
        });
    });
    drawScale(canvas, fieldColors, tickText(range[0], 2), tickText(range[1], 2), spec.label);
    return false;
}

function drawPictureScatter(canvas, spec) {
    const shown = shownOf(spec), panels = panelsOf(canvas, shown.length), range = extentOf([spec.truth]);
    const pad = 0.03 * (range[1] - range[0]), wide = [range[0] - pad, range[1] + pad];
    shown.forEach((one, i) => {
        panelTitle(panels[i], one);
        const outer = panels[i].clientWidth || 220, left = 46, top = 20, size = outer - left - 8;
        const x = linear(wide, [0, size]), y = linear(wide, [size, 0]), inside = value => Math.max(wide[0], Math.min(wide[1], value));
        const svg = pictureSvg(panels[i], outer, size + top + 40, left, top, `${spec.label}: predicted against true, ${one.name}`);
        drawFrame(svg, {x, y, width: size, height: size, rangeX: wide, rangeY: wide}, "true", "predicted");
        svgElement(svg, "line", {class: "level", x1: 0, y1: size, x2: size, y2: 0});
        const group = svgElement(svg, "g", {class: `dots ${colorClass(one.color)}`});
        one.values.forEach((value, k) => finite(value) && finite(spec.truth[k]) &&
            svgElement(group, "circle", {cx: x(spec.truth[k]).toFixed(1), cy: y(inside(value)).toFixed(1), r: 2.5}));
    });
    element(canvas, "div", "keys").append(spec.label);
    return false;
}

function drawPictureConfusion(canvas, spec) {
    const shown = shownOf(spec), panels = panelsOf(canvas, shown.length), count = spec.classes.length;
    const colors = matchMedia("(prefers-color-scheme: dark)").matches ? confusionColors.dark : confusionColors.light;
    const clip = (text, most) => text.length > most ? `${text.slice(0, most - 1)}…` : text;
    shown.forEach((one, i) => {
        panelTitle(panels[i], one);
        const outer = panels[i].clientWidth || 220, letters = Math.min(12, Math.max(...spec.classes.map(name => name.length)));
        const left = 8 + 6.6 * letters, top = 6, size = outer - left - 2, cell = size / count, named = cell >= 13;
        const frame = {left, top, width: size, height: size, outer, all: size + top + 36, label: `which class is taken for which, ${one.name}`};
        const sums = one.values.map(row => row.reduce((a, b) => a + b, 0) || 1);
        const svg = drawMap(panels[i], frame, count, count, (x, y) => colorAt(colors, one.values[y][x] / sums[y]));
        for (let k = 0; k < count && named; k++) {
            svgElement(svg, "text", {x: -5, y: (k + 0.5) * cell, dy: "0.32em", "text-anchor": "end"}, clip(spec.classes[k], 12));
            const most = Math.floor(cell / 6.6);
            svgElement(svg, "text", {x: (k + 0.5) * cell, y: size + 14, "text-anchor": "middle"}, most > 2 || spec.classes[k].length <= most ? clip(spec.classes[k], Math.max(2, most)) : "");
        }
        for (let y = 0; y < count && cell >= 34; y++) {
            for (let x = 0; x < count; x++) {
                svgElement(svg, "text", {class: one.values[y][x] > 0.6 * sums[y] ? "on-dark" : "on-light", x: (x + 0.5) * cell, y: (y + 0.5) * cell, dy: "0.35em", "text-anchor": "middle"},
                           one.values[y][x].toLocaleString("en"));
            }
        }
        svgElement(svg, "text", {x: size, y: size + 30, "text-anchor": "end"}, "predicted; rows: true");
        followMap(panels[i], svg, frame, (u, v, px, py) => {
            const x = Math.floor(u * count), y = Math.floor(v * count);
            showTip(panels[i], px, py, `${one.values[y][x].toLocaleString("en")} of ${sums[y].toLocaleString("en")}`,
                    [["true", spec.classes[y]], ["predicted", spec.classes[x]]]);
        }, () => {});
    });
    return false;
}

Object.assign(kinds, {picture_lines: drawPictureLines, picture_field: drawPictureField, picture_scatter: drawPictureScatter,
                      picture_confusion: drawPictureConfusion});
