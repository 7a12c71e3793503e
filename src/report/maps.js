/* Maps over residues, as pixels under axes: {kind: "errors"} and {kind: "coverage", rows, identity, cover, depth}.
 *
 * Aligned errors: data.protein.predictions[].error is edge by edge bytes of eighths of an angstrom, 255 where there is no value; base64.
 * data.protein.edge; a cell is the mean over its residues.
 * Coverage: identity is a part of 1 a drawn row, from the lowest row up; cover a bit a residue of each of these rows, base64; depth
 * how many of all rows have a residue at each place. */

const errorColors = ["#00441b", "#006d2c", "#238b45", "#41ab5d", "#74c476", "#a1d99b", "#c7e9c0", "#e5f5e0", "#f7fcf5"];
const identityColors = ["#b37a6b", "#d9a77e", "#ecd9a0", "#bfd08a", "#7db58a", "#3f9196", "#35648f", "#3d4685"];

/* The colour at part of a scale, 0 to 1, as three bytes. */
function colorAt(scale, part) {
    const at = Math.max(0, Math.min(1, part)) * (scale.length - 1), low = Math.min(scale.length - 2, Math.floor(at));
    const bytes = text => [1, 3, 5].map(i => parseInt(text.slice(i, i + 2), 16));
    return mix(bytes(scale[low]), bytes(scale[low + 1]), at - low).map(Math.round);
}

function svgElement(parent, tag, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    if (text !== undefined) {
        made.textContent = text;
    }
    parent.append(made);
    return made;
}

/* A frame of width by height with room around for axes; pixels, columns by rows, lie in it. paint(x, y) is a colour, or null. */
function drawMap(canvas, frame, columns, rows, paint) {
    const {left, top, width, height, outer, all} = frame, place = element(canvas, "div", "map");
    const surface = element(place, "canvas"), context = surface.getContext("2d");
    [surface.width, surface.height] = [columns, rows];
    const image = context.createImageData(columns, rows), pixels = new Uint32Array(image.data.buffer);
    for (let y = 0, at = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++, at++) {
            const color = paint(x, y);
            pixels[at] = color ? 255 << 24 | color[2] << 16 | color[1] << 8 | color[0] : 0;
        }
    }
    context.putImageData(image, 0, 0);
    const percent = (part, whole) => `${100 * part / whole}%`;
    Object.assign(surface.style, {left: percent(left, outer), top: percent(top, all), width: percent(width, outer), height: percent(height, all),
                                  imageRendering: columns < width && rows < height ? "pixelated" : "auto"});
    const svg = svgElement(place, "svg", {viewBox: `0 0 ${outer} ${all}`, role: "img", "aria-label": frame.label});
    return svgElement(svg, "g", {transform: `translate(${left},${top})`});
}

/* Residues from left to right, chains apart. */
function drawResidueAxis(svg, frame, parts) {
    const {width, height} = frame, all = data.protein.letters.length, x = place => (place - 0.5) / all * width;
    for (const tick of partTicks(parts, Math.max(3, Math.min(12, width / 32)))) {
        svgElement(svg, "line", {class: "zero", x1: x(tick.at), x2: x(tick.at), y1: height, y2: height + 4});
        svgElement(svg, "text", {x: x(tick.at), y: height + 18, "text-anchor": "middle"}, tick.text);
    }
    for (const part of partBorders(parts)) {
        const from = x(part.from + 0.5), to = x(part.to + 0.5);
        if (part.from > 0) {
            svgElement(svg, "line", {class: "border", x1: from, x2: from, y2: height});
        }
        if (to - from > 8 * part.text.length) {
            svgElement(svg, "text", {x: (from + to) / 2, y: -5, "text-anchor": "middle"}, part.text);
        }
    }
}

/* A scale of colours with what its ends mean. */
function drawScale(canvas, scale, low, high, name) {
    const key = element(element(canvas, "div", "keys"), "span");
    element(key, "i", "scale").style.background = `linear-gradient(to right, ${scale.join(", ")})`;
    key.firstChild.before(`${low} `);
    key.append(` ${high} \u00b7 ${name}`);
}

/* Calls moved(x, y, event) with places from 0 to 1 in the frame, and left(). */
function followMap(canvas, svg, frame, moved, left) {
    const area = svgElement(svg, "rect", {width: frame.width, height: frame.height, fill: "transparent"});
    area.addEventListener("pointermove", event => {
        const box = area.getBoundingClientRect(), host = canvas.getBoundingClientRect(), within = part => Math.max(0, Math.min(1 - 1e-9, part));
        moved(within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height),
              event.clientX - host.left, event.clientY - host.top);
    });
    area.addEventListener("pointerleave", () => {
        hideTip(canvas);
        mark([]);
        left();
    });
}

/* ---- aligned errors ---- */

const ERROR_MOST = 31.75, ERROR_NONE = 255; /* angstrom, the middle of the network's last bin; no value */

function drawErrors(canvas) {
    const {letters, edge, chains, predictions} = data.protein, prediction = predictions[view.prediction || 0];
    if (!prediction.error) {
        element(canvas, "p", "empty", "This model does not predict aligned errors.");
        return false;
    }
    const error = decodeBytes(prediction.error);
    const outer = canvas.clientWidth || 420, left = 52, right = 12, top = 20, bottom = 44, size = Math.min(outer - left - right, 460);
    const frame = {left, top, width: size, height: size, outer, all: size + top + bottom, label: "aligned errors between residues"};
    const colors = Array.from({length: 255}, (_, value) => colorAt(errorColors, value / 8 / ERROR_MOST));
    const svg = drawMap(canvas, frame, edge, edge, (x, y) => error[y * edge + x] === ERROR_NONE ? null : colors[error[y * edge + x]]);
    drawResidueAxis(svg, frame, chains);
    const y = place => (place - 0.5) / letters.length * size;
    for (const tick of partTicks(chains, Math.max(3, Math.min(12, size / 32)))) {
        svgElement(svg, "line", {class: "zero", x1: -4, x2: 0, y1: y(tick.at), y2: y(tick.at)});
        svgElement(svg, "text", {x: -8, y: y(tick.at), dy: "0.32em", "text-anchor": "end"}, tick.text);
    }
    for (const part of partBorders(chains).filter(border => border.from > 0)) {
        svgElement(svg, "line", {class: "border", x2: size, y1: y(part.from + 0.5), y2: y(part.from + 0.5)});
    }
    svgElement(svg, "rect", {class: "frame", width: size, height: size});
    svgElement(svg, "text", {x: size, y: size + 36, "text-anchor": "end"}, "scored residue");
    svgElement(svg, "text", {x: -left, y: -7}, "aligned");
    followMap(canvas, svg, frame, (u, v, px, py) => {
        const column = Math.floor(u * edge), row = Math.floor(v * edge), value = error[row * edge + column];
        const scored = Math.floor(u * letters.length), aligned = Math.floor(v * letters.length);
        showTip(canvas, px, py, value === ERROR_NONE ? "no value" : `${(value / 8).toFixed(1)} \u00c5`,
                [["scored", residueName(scored)], ["aligned", residueName(aligned)]]);
        mark([scored, aligned]);
    }, () => {});
    drawScale(canvas, errorColors, "0", `${ERROR_MOST} \u00c5`, "expected error of position");
    return false;
}

/* ---- the alignment ---- */

function drawCoverage(canvas, spec) {
    const {letters, chains} = data.protein, residues = letters.length, cover = decodeBytes(spec.cover), drawn = spec.identity.length;
    const outer = canvas.clientWidth || 1000, narrow = outer < 640, left = 52, right = 14, top = 30, bottom = 44, height = narrow ? 200 : 260;
    const frame = {left, top, width: outer - left - right, height, outer, all: height + top + bottom, label: "rows of the alignment over residues"};
    const colors = spec.identity.map(identity => colorAt(identityColors, identity));
    const stride = Math.ceil(residues / 8);
    const svg = drawMap(canvas, frame, residues, drawn, (x, y) => {
        const row = drawn - 1 - y;
        return cover[row * stride + (x >> 3)] >> (x & 7) & 1 ? colors[row] : null;
    });
    drawResidueAxis(svg, frame, chains);
    const y = count => height * (1 - count / spec.rows), x = place => place / residues * frame.width;
    for (const tick of partTicks([{name: "", length: spec.rows}], 5)) {
        svgElement(svg, "line", {class: "zero", x1: -4, x2: 0, y1: y(tick.at), y2: y(tick.at)});
        svgElement(svg, "text", {x: -8, y: y(tick.at), dy: "0.32em", "text-anchor": "end"}, tick.text);
    }
    const line = spec.depth.map((count, i) => `${i ? "L" : "M"}${x(i).toFixed(1)},${y(count).toFixed(1)}H${x(i + 1).toFixed(1)}`).join("");
    svgElement(svg, "path", {class: "under", d: line});
    svgElement(svg, "path", {class: "depth", d: line});
    svgElement(svg, "rect", {class: "frame", width: frame.width, height});
    svgElement(svg, "text", {x: frame.width, y: height + 36, "text-anchor": "end"}, "residue");
    svgElement(svg, "text", {x: -left, y: -14}, "rows");
    const cursor = svgElement(svg, "line", {class: "cursor", y2: height, visibility: "hidden"});
    followMap(canvas, svg, frame, (u, v, px, py) => {
        const place = Math.floor(u * residues), count = spec.depth[place], row = Math.floor((1 - v) * drawn);
        showTip(canvas, px, py, residueName(place), [["rows that cover it", `${count.toLocaleString("en")} of ${spec.rows.toLocaleString("en")}`],
                                                      ["identity of this row", `${Math.round(100 * spec.identity[Math.min(row, drawn - 1)])} %`]]);
        Object.entries({x1: x(place + 0.5), x2: x(place + 0.5), visibility: "visible"}).forEach(([name, value]) => cursor.setAttribute(name, value));
        mark([place]);
    }, () => cursor.setAttribute("visibility", "hidden"));
    drawScale(canvas, identityColors, "0 %", "100 %", "identity to the query. Line: how many rows cover a residue");
    return false;
}

kinds.errors = drawErrors;
kinds.coverage = drawCoverage;

