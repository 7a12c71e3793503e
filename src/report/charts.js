/* Charts of lines and bars, with D3.
 *
 * {kind: "lines", set, x, y, references?, smooth?, area?} or {kind: "stack", parts, rows, format, mark?}.
 *   x, y        {column, label, format}; format: count, bits, score, bytes, seconds, joules, or one that another script adds.
 *               y.range [low, high] is fixed, y.bands {name, from, to, class} lie behind; x.parts is as in partTicks(), and
 *               then a column called "" counts from 1
 *   set         data.sets[set] is a list of {name, label, color, line: {column: [...]}, points?: {column: [...]}}
 *   references  levels of y: {name, value, error, strong}
 *   smooth      a smoothed line in front of what was measured; the range of y is what matters late in the run
 *   area        a quantity that is filled down to zero; what counts at its end is its highest value
 *   rows        {name, label, color, values: a value a part, mark} */

Object.assign(formats, {
    count: {units: [[1, ""]], show: d3.format(",.6~g")},
    bits: {units: [[1, ""]], show: d3.format(".4f")},
    score: {units: [[1, ""]], show: d3.format(".1f")},
    bytes: {units: [[1, "B"], [1e3, "kB"], [1e6, "MB"], [1e9, "GB"], [1e12, "TB"]]},
    seconds: {units: [[1, "s"], [60, "min"], [3600, "h"], [86400, "days"]]},
    joules: {units: [[1, "J"], [1e3, "kJ"], [1e6, "MJ"], [1e9, "GJ"]]},
});

/* The largest unit that leaves a value of at least two (of one for bytes and joules: steps of a thousand). */
function unitFor(format, value) {
    const least = format === "seconds" ? 2 : 1;
    const fitting = formats[format].units.filter(([size]) => Math.abs(value) >= least * size);
    return fitting.length ? fitting[fitting.length - 1] : formats[format].units[0];
}

function show(format, value) {
    if (formats[format].show) {
        return formats[format].show(value);
    }
    const [size, unit] = unitFor(format, value);
    return `${d3.format(",.3~r")(value / size)} ${unit}`;
}

/* A straight line fitted around each point, near neighbours counting more: it neither lags nor is pulled at the ends. At the
 * beginning, where losses fall steeply, neighbourhoods are small. */
function smoothed(points) {
    const most = Math.max(1, points.length * 0.04);
    return points.map((point, i) => {
        const reach = Math.min(most, Math.max(0.5, 0.12 * i)), side = Math.ceil(3 * reach);
        let w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
        for (let k = Math.max(0, i - side); k <= Math.min(points.length - 1, i + side); k++) {
            const weight = Math.exp(-(((k - i) / reach) ** 2) / 2), x = k - i, y = points[k].y;
            w += weight;
            wx += weight * x;
            wy += weight * y;
            wxx += weight * x * x;
            wxy += weight * x * y;
        }
        const spread = w * wxx - wx * wx;
        return {x: point.x, y: spread > 1e-9 ? (wxx * wy - wx * wxy) / spread : wy / w};
    });
}

function columns(source, x, y) {
    const ys = source && source[y] || [], xs = x === "" ? ys.map((_, i) => i + 1) : source && source[x] || [];
    return xs.map((value, i) => ({x: value, y: ys[i]})).filter(point => finite(point.x) && finite(point.y));
}

function readSeries(spec, sets) {
    return (sets[spec.set] || []).map(one => {
        const raw = columns(one.line, spec.x.column, spec.y.column);
        return {...one, raw, line: spec.smooth ? smoothed(raw) : raw,
                points: columns(one.points, spec.x.column, spec.y.column)};
    }).filter(one => one.line.length + one.points.length > 0);
}

/* The range of y. Losses begin far above where they end; then the range is that of the later four fifths, unless whole. */
function rangeOf(spec, series, references, whole) {
    if (spec.y.range) {
        return {low: spec.y.range[0], high: spec.y.range[1], clipped: false};
    }
    const values = series.flatMap(one => one.line.concat(one.points).map(point => point.y));
    const levels = references.map(level => level.value);
    if (spec.area) {
        return {low: 0, high: 1.08 * d3.max(values), clipped: false};
    }
    const low = d3.min(values.concat(references.filter(level => level.strong).map(level => level.value - (level.error || 0))));
    const top = d3.max(values.concat(levels));
    const late = d3.max(series, one => d3.quantile((one.line.length ? one.line : one.points).map(p => p.y).sort(d3.ascending), 0.8));
    let high = low + 1.3 * (late - low);
    for (const level of levels.filter(value => value < low + 2.5 * (late - low))) {
        high = Math.max(high, level + 0.06 * (level - low));
    }
    const clipped = spec.smooth && high > low && top > low + 1.5 * (high - low);
    high = whole || !clipped ? top + 0.04 * (top - low) : high;
    const pad = 0.05 * (high - low) || Math.abs(low) * 0.05 || 1;
    return {low: low - pad, high: high > low ? high : high + pad, clipped};
}

/* Moves positions apart to a least distance while keeping their order and staying above most. */
function apart(items, distance, most) {
    items.sort((a, b) => a.at - b.at);
    items.forEach((item, i) => {
        item.placed = i ? Math.max(item.at, items[i - 1].placed + distance) : item.at;
    });
    for (let i = items.length - 1; i >= 0; i--) {
        items[i].placed = Math.min(items[i].placed, i < items.length - 1 ? items[i + 1].placed - distance : most);
    }
    return items;
}

function drawAxes(svg, spec, frame) {
    const {x, y, width, height, xUnit, yUnit} = frame;
    for (const band of spec.y.bands || []) {
        svg.append("rect").attr("class", `band ${band.class}`).attr("width", width).attr("y", y(band.to)).attr("height", y(band.from) - y(band.to));
        if (!frame.narrow) {
            svg.append("text").attr("x", width + 10).attr("y", y((band.from + band.to) / 2)).attr("dy", "0.32em").text(band.name);
        }
    }
    const grid = svg.append("g").attr("class", "grid");
    for (const tick of y.ticks(frame.narrow ? 5 : 7)) {
        grid.append("line").attr("x2", width).attr("y1", y(tick)).attr("y2", y(tick));
        grid.append("text").attr("x", -8).attr("y", y(tick)).attr("dy", "0.32em").attr("text-anchor", "end")
            .text(y.tickFormat(7)(tick));
    }
    svg.append("line").attr("class", "zero").attr("x2", width).attr("y1", height).attr("y2", height);
    const most = Math.max(3, Math.min(10, width / 80)), parts = spec.x.parts;
    for (const tick of parts ? partTicks(parts, most) : x.ticks(most).map(at => ({at, text: x.tickFormat(10, ",f")(at)}))) {
        const at = svg.append("g").attr("transform", `translate(${x(tick.at)},${height})`);
        at.append("line").attr("class", "zero").attr("y2", 4);
        at.append("text").attr("y", 18).attr("text-anchor", "middle").text(tick.text);
    }
    for (const part of parts ? partBorders(parts) : []) {
        const from = x(part.from + 0.5), to = x(part.to + 0.5);
        svg.append("line").attr("class", "border").attr("x1", from).attr("x2", from).attr("y2", height).style("display", part.from ? null : "none");
        svg.append("text").attr("x", (from + to) / 2).attr("y", -4).attr("text-anchor", "middle").text(to - from > 8 * part.text.length ? part.text : "");
    }
    const named = (axis, unit) => unit ? `${axis.label}, ${unit}` : axis.label;
    svg.append("text").attr("x", width).attr("y", height + 36).attr("text-anchor", "end").text(named(spec.x, xUnit[1]));
    svg.append("text").attr("x", -frame.left).attr("y", -14).text(named(spec.y, yUnit[1]));
}

/* Where curves that begin above the range come in, and from how high. */
function drawBeginning(svg, spec, series, frame) {
    const most = d3.max(series, one => d3.max(one.line.concat(one.points), point => point.y));
    const inside = d3.max(series, one => {
        const first = one.line.find(point => point.y / frame.yUnit[0] < frame.y.domain()[1]);
        return first ? frame.x(first.x / frame.xUnit[0]) : 0;
    });
    svg.append("text").attr("class", "halo").attr("x", inside + 8).attr("y", -2).text(`↑ from ${show(spec.y.format, most)}`);
}

/* Levels right across, each with its name at the right; names too close to the one above step to the left. */
function drawReferences(svg, references, frame) {
    const {y, width, height, yUnit} = frame;
    const rounded = d3.format(".4~f");
    let last = null, used = 0;
    for (const level of references.slice().sort((a, b) => b.value - a.value)) {
        const at = y(level.value / yUnit[0]);
        if (at < 0 || at > height) {
            continue;
        }
        if (level.error) {
            svg.append("rect").attr("class", "error").attr("width", width).attr("y", y((level.value + level.error) / yUnit[0]))
                .attr("height", y((level.value - level.error) / yUnit[0]) - y((level.value + level.error) / yUnit[0]));
        }
        svg.append("line").attr("class", level.strong ? "level strong" : "level").attr("x2", width).attr("y1", at).attr("y2", at);
        used = last !== null && at - last < 15 ? used : 0;
        const text = `${level.name} ${rounded(level.value)}${level.error ? ` ± ${rounded(level.error)}` : ""}`;
        const label = svg.append("text").attr("class", level.strong ? "halo strong-text" : "halo").attr("x", width - 4 - used)
            .attr("y", level.strong ? at + 15 : at - 5).attr("text-anchor", "end").text(text);
        used += label.node().getComputedTextLength() + 14;
        last = at;
    }
}

function drawSeries(svg, spec, series, frame) {
    const at = point => [frame.x(point.x / frame.xUnit[0]), frame.y(point.y / frame.yUnit[0])];
    const path = d3.line().x(point => at(point)[0]).y(point => at(point)[1]);
    const area = d3.area().x(point => at(point)[0]).y0(frame.height).y1(point => at(point)[1]);
    if (spec.area) {
        path.curve(d3.curveStepAfter);
        area.curve(d3.curveStepAfter);
    }
    for (const one of series.slice().reverse()) { /* the first in front */
        const group = svg.append("g").attr("class", colorClass(one.color)).attr("data-run", one.name);
        if (spec.area) {
            group.append("path").attr("class", "area").attr("d", area(one.line));
        }
        if (spec.smooth && one.raw.length > 8) {
            group.append("path").attr("class", "raw").attr("d", path(one.raw));
        }
        group.append("path").attr("class", "line").attr("d", path(one.line));
    }
    for (const one of series) {
        svg.append("g").attr("class", colorClass(one.color)).attr("data-run", one.name).selectAll("circle").data(one.points)
            .join("circle").attr("class", "point").attr("r", one.points.length > 60 ? 2.5 : 4)
            .attr("cx", point => at(point)[0]).attr("cy", point => at(point)[1]);
    }
}

/* What a curve ends at, beside the chart: its policy and the last validation, or the highest value of an area. */
function drawEnds(svg, spec, series, frame) {
    const items = series.map(one => {
        const list = one.points.length ? one.points : one.line;
        const end = spec.area ? list[d3.scan(list, (a, b) => b.y - a.y)] : list[list.length - 1];
        return {one, end, at: Math.max(0, frame.y(end.y / frame.yUnit[0]))};
    });
    for (const item of apart(items, 15, frame.height)) {
        const x = frame.x(item.end.x / frame.xUnit[0]);
        const group = svg.append("g").attr("class", colorClass(item.one.color)).attr("data-run", item.one.name);
        group.append("path").attr("class", "leader").attr("d", `M${x + 5},${item.at}L${frame.width + 4},${item.at}L${frame.width + 14},${item.placed}`);
        const text = group.append("text").attr("class", "end").attr("x", frame.width + 18).attr("y", item.placed).attr("dy", "0.32em");
        text.append("tspan").attr("font-weight", 600).text(show(spec.y.format, item.end.y));
        text.append("tspan").attr("dx", 6).text(item.one.label.slice(0, 16));
    }
}

const nearest = (list, x) => list[d3.scan(list, (a, b) => Math.abs(a.x - x) - Math.abs(b.x - x))];

function followPointer(canvas, svg, spec, series, frame) {
    const cursor = svg.append("line").attr("class", "cursor").attr("y2", frame.height).style("display", "none");
    const node = svg.append("rect").attr("width", frame.width).attr("height", frame.height).attr("fill", "transparent").node();
    const head = ["", spec.smooth ? "training" : ""].concat(spec.smooth ? ["validation"] : []);
    head.head = true;
    node.addEventListener("pointermove", event => {
        const box = node.getBoundingClientRect(), scale = frame.width / box.width;
        const x = frame.x.invert((event.clientX - box.left) * scale) * frame.xUnit[0];
        const reach = 0.03 * (frame.x.domain()[1] - frame.x.domain()[0]) * frame.xUnit[0];
        const close = d3.merge(series.map(one => one.line.length ? [nearest(one.line, x)] : [nearest(one.points, x)]));
        const snapped = nearest(close, x).x;
        const rows = series.map(one => {
            const line = one.line.length ? nearest(one.line, snapped) : null;
            const point = one.points.length ? nearest(one.points, snapped) : null;
            const value = found => found && Math.abs(found.x - snapped) <= reach ? show(spec.y.format, found.y) : "";
            return [{swatch: colorClass(one.color), text: one.name}, value(line)].concat(spec.smooth ? [value(point)] : []);
        });
        if (spec.x.parts) {
            mark([snapped - 1]);
        }
        const at = frame.x(snapped / frame.xUnit[0]);
        cursor.style("display", null).attr("x1", at).attr("x2", at);
        const host = canvas.getBoundingClientRect();
        showTip(canvas, box.left - host.left + at / scale, event.clientY - host.top,
                `${spec.x.label} ${show(spec.x.format, snapped)}`, spec.smooth ? [head, ...rows] : rows);
    });
    node.addEventListener("pointerleave", () => {
        cursor.style("display", "none");
        hideTip(canvas);
        mark([]);
    });
}

function drawLines(canvas, spec, sets, view) {
    const series = readSeries(spec, sets).filter(one => !view.hidden.has(one.name));
    const references = (spec.references || []).filter(level => finite(level.value));
    if (series.length === 0) {
        element(canvas, "p", "empty", "Nothing to draw: no run here has these figures.");
        return false;
    }
    const outer = canvas.clientWidth || 1000, narrow = outer < 640, ends = !narrow && !spec.x.parts && series.length <= 12;
    const left = 52, right = ends ? 150 : spec.y.bands && !narrow ? 90 : 14, top = 30, bottom = 44;
    const width = outer - left - right, height = (narrow ? 280 : spec.area ? 300 : 400) - top - bottom;
    const range = rangeOf(spec, series, references, view.whole);
    const most = d3.max(series, one => d3.max(one.line.concat(one.points), point => point.x));
    const least = Math.min(0, d3.min(series, one => d3.min(one.line.concat(one.points), point => point.x)));
    const xUnit = unitFor(spec.x.format, most), yUnit = unitFor(spec.y.format, range.high);
    const domain = spec.x.parts ? [0.5, most + 0.5] : [least / xUnit[0], (most > least ? most : least + 1) / xUnit[0]];
    const frame = {left, width, height, narrow, xUnit, yUnit,
                   x: d3.scaleLinear(domain, [0, width]),
                   y: d3.scaleLinear([range.low / yUnit[0], range.high / yUnit[0]], [height, 0])};
    const root = d3.select(canvas).append("svg").attr("viewBox", [0, 0, outer, height + top + bottom]).attr("role", "img")
        .attr("aria-label", `${spec.y.label} against ${spec.x.label}`);
    const svg = root.append("g").attr("transform", `translate(${left},${top})`);
    const clip = `clip-${canvas.parentNode.dataset.chart}`;
    svg.append("clipPath").attr("id", clip).append("rect").attr("x", -5).attr("width", width + 10).attr("height", height + 5);
    drawAxes(svg, spec, frame);
    drawSeries(svg.append("g").attr("clip-path", `url(#${clip})`), spec, series, frame);
    drawReferences(svg, references, frame);
    if (range.clipped && !view.whole) {
        drawBeginning(svg, spec, series, frame);
    }
    if (ends) {
        drawEnds(svg, spec, series, frame);
    }
    followPointer(canvas, svg, spec, series, frame);
    return range.clipped;
}

/* A bar a row, parts side by side, what they come to at the end, a tick at the mark. */
function drawStack(canvas, spec, sets, view) {
    const rows = spec.rows.filter(row => row.values.some(finite) && !view.hidden.has(row.name));
    const outer = canvas.clientWidth || 1000, narrow = outer < 640;
    const left = narrow ? 0 : 150, right = 78, pitch = narrow ? 54 : 36, bar = 24;
    const total = row => d3.sum(row.values.filter(finite));
    const most = d3.max(rows, row => Math.max(total(row), row.mark || 0)) || 1;
    const x = d3.scaleLinear([0, most], [0, outer - left - right]);
    const keys = element(canvas, "div", "keys");
    spec.parts.forEach((part, i) => {
        const key = element(keys, "span");
        element(key, "i", `swatch ${partClass(i)}`);
        key.append(part);
    });
    if (rows.some(row => finite(row.mark))) {
        const key = element(keys, "span");
        element(key, "i", "tick");
        key.append(spec.mark);
    }
    const svg = d3.select(canvas).append("svg").attr("viewBox", [0, 0, outer, rows.length * pitch + 4]).attr("role", "img")
        .attr("aria-label", spec.parts.join(", "));
    rows.forEach((row, r) => {
        const place = svg.append("g").attr("transform", `translate(${left},${r * pitch + (narrow ? 20 : 4)})`).attr("data-run", row.name);
        place.append("text").attr("class", "row-text").attr("x", narrow ? 0 : -12).attr("y", narrow ? -6 : bar / 2).attr("dy", narrow ? 0 : "0.35em")
            .attr("text-anchor", narrow ? "start" : "end").text(row.name.length > 20 && !narrow ? `${row.name.slice(0, 19)}…` : row.name);
        let sum = 0;
        row.values.forEach((value, i) => {
            const size = finite(value) ? value : 0, wide = x(size) - 1.5;
            if (wide <= 0) {
                return;
            }
            const part = place.append("rect").attr("class", `part ${partClass(i)}`).attr("x", x(sum)).attr("width", wide).attr("height", bar);
            const text = show(spec.format, size);
            if (wide > 9 + 7 * text.length) {
                place.append("text").attr("class", i > 2 ? "part-text dark" : "part-text").attr("x", x(sum) + wide / 2).attr("y", bar / 2)
                    .attr("dy", "0.35em").attr("text-anchor", "middle").attr("pointer-events", "none").text(text);
            }
            part.on("pointermove", () => {
                const [px, py] = [d3.event.clientX - canvas.getBoundingClientRect().left, d3.event.clientY - canvas.getBoundingClientRect().top];
                showTip(canvas, px, py, row.name, [[{swatch: partClass(i), text: spec.parts[i]}, text,
                                                    `${d3.format(".1f")(100 * size / total(row))} %`]]);
            }).on("pointerleave", () => hideTip(canvas));
            sum += size;
        });
        place.append("text").attr("class", "row-text").attr("x", x(Math.max(sum, row.mark || 0)) + 8).attr("y", bar / 2).attr("dy", "0.35em")
            .attr("font-weight", 600).text(show(spec.format, sum));
        if (finite(row.mark)) {
            place.append("line").attr("class", "mark").attr("x1", x(row.mark)).attr("x2", x(row.mark)).attr("y1", -4).attr("y2", bar + 4);
        }
    });
    return false;
}

kinds.lines = drawLines;
kinds.stack = drawStack;
