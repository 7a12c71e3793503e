"use strict";
/* What the figures of a page have in common. data.charts[id] describes one: {kind, ...}. kinds[kind] draws it; the scripts that
 * follow add theirs, and say what they read. Text goes into the page as text, never as HTML. */

const kinds = {};
const formats = {}; /* of numbers: {units: [[size, name] ...], show?} */

const colorClass = color => `c${color > 0 ? (color - 1) % 8 + 1 : 0}`;
const partClass = index => `part${index % 8}`;
/* A point, or a colour, between two. */
const mix = (a, b, t) => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
const finite = value => typeof value === "number" && Number.isFinite(value);

function element(parent, tag, name, text) {
    const made = document.createElement(tag);
    made.className = name || "";
    if (text !== undefined) {
        made.textContent = text;
    }
    parent.append(made);
    return made;
}

/* A table of cells, each text or {swatch, text}, in a box beside the pointer. */
function showTip(canvas, x, y, title, rows) {
    hideTip(canvas);
    const tip = element(canvas, "div", "tip");
    element(tip, "b", "", title);
    const table = element(tip, "table");
    for (const cells of rows) {
        const row = element(table, "tr");
        for (const cell of cells) {
            const place = element(row, cells.head ? "th" : "td");
            if (cell.swatch) {
                element(place, "i", `swatch ${cell.swatch}`);
            }
            place.append(cell.text === undefined ? cell : cell.text);
        }
    }
    const left = x + tip.offsetWidth + 24 > canvas.clientWidth ? x - tip.offsetWidth - 14 : x + 14;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${Math.max(0, y - tip.offsetHeight / 2)}px`;
}

function hideTip(canvas) {
    canvas.querySelectorAll(".tip").forEach(tip => tip.remove());
}

/* Parts of an axis, {name, length}: places count from 1 in each, and the first place of all is at 1. Where each lies. */
function partBorders(parts) {
    let from = 0;
    return parts.map(part => {
        const border = {from, to: from + part.length, text: parts.length > 1 ? part.name : ""};
        from += part.length;
        return border;
    });
}

/* Round places of all parts, about most of them: {at, text}. */
function partTicks(parts, most) {
    const borders = partBorders(parts), all = borders[borders.length - 1].to;
    const power = 10 ** Math.floor(Math.log10(Math.max(1, all / most)));
    const step = [1, 2, 5, 10].map(size => size * power).find(size => size * most >= all);
    return borders.flatMap(({from, to}) => {
        const count = Math.floor((to - from) / step);
        return Array.from({length: count}, (_, i) => ({at: from + (i + 1) * step, text: ((i + 1) * step).toLocaleString("en")}));
    });
}

/* Points at places of an axis with parts, counted from 0, to whichever figure shows them as well. */
function mark(places) {
    document.dispatchEvent(new CustomEvent("mark", {detail: places}));
}

/* Draws a figure anew. view: {hidden: names of series that are switched off, whole: no cut-off above}. Returns whether there is
 * more above than is shown. */
function drawChart(figure, spec, sets, view) {
    const canvas = figure.querySelector(".canvas");
    canvas.textContent = "";
    return kinds[spec.kind](canvas, spec, sets, view);
}

