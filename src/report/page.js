"use strict";
/* What makes a page of static HTML convenient: tabs, a legend, charts that fit, tables that sort. */

const data = JSON.parse(document.getElementById("data").textContent);
const view = {hidden: new Set(), whole: false};
const figures = [...document.querySelectorAll("figure[data-chart]")].filter(figure => {
    const chart = data.charts[figure.dataset.chart];
    return chart && kinds[chart.kind];
});

function button(parent, text, press) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", () => press(made));
    parent.append(made);
    return made;
}

function drawAll() {
    let clipped = false;
    for (const figure of figures) {
        const off = figure.classList.contains("off");
        figure.classList.remove("off"); /* what is not shown has no width */
        clipped = drawChart(figure, data.charts[figure.dataset.chart], data.sets, view) || clipped;
        figure.classList.toggle("off", off);
    }
    document.querySelectorAll(".range").forEach(range => {
        range.hidden = !clipped && !view.whole;
        range.textContent = view.whole ? "from where it matters" : "whole range";
    });
}

/* A switch for each run, and faint others while the pointer rests on one. */
function addLegend(bar) {
    const runs = Object.values(data.sets)[0] || [];
    const legend = document.createElement("div");
    legend.className = "legend";
    bar.append(legend);
    for (const run of runs.length > 1 ? runs : []) {
        const chip = button(legend, "", () => {
            view.hidden.has(run.name) ? view.hidden.delete(run.name) : view.hidden.add(run.name);
            chip.setAttribute("aria-pressed", String(!view.hidden.has(run.name)));
            drawAll();
        });
        const swatch = document.createElement("i");
        swatch.className = `swatch ${colorClass(run.color)}`;
        chip.append(swatch, run.name);
        chip.setAttribute("aria-pressed", "true");
        const fade = amount => document.querySelectorAll("[data-run]").forEach(part => {
            part.style.opacity = part.dataset.run === run.name ? "" : amount;
        });
        chip.addEventListener("pointerenter", () => fade("0.12"));
        chip.addEventListener("pointerleave", () => fade(""));
    }
}

function addTabs(place) {
    const tabs = [...place.querySelectorAll("figure")];
    const bar = document.createElement("div"), choice = document.createElement("div"), space = document.createElement("span");
    bar.className = "bar";
    choice.className = "choice";
    choice.setAttribute("role", "tablist");
    space.className = "space";
    place.prepend(bar);
    bar.append(choice);
    const choose = chosen => tabs.forEach((tab, i) => {
        tab.classList.toggle("off", i !== chosen);
        choice.children[i].setAttribute("aria-selected", String(i === chosen));
    });
    choice.hidden = tabs.length < 2;
    tabs.forEach((tab, i) => button(choice, tab.dataset.tab, () => choose(i)).setAttribute("role", "tab"));
    addLegend(bar);
    bar.append(space);
    button(bar, "", () => {
        view.whole = !view.whole;
        drawAll();
    }).className = "range";
    choose(0);
}

/* By number where cells have a key, else by text; what is missing comes last either way. */
function sortBy(heading, column) {
    const body = heading.closest("table").tBodies[0];
    const falling = heading.getAttribute("aria-sort") === "ascending";
    const key = row => {
        const cell = row.cells[column];
        return cell.dataset.key === undefined ? cell.textContent : cell.dataset.key === "" ? null : Number(cell.dataset.key);
    };
    const order = (a, b) => a === null || b === null ? (a === null) - (b === null)
        : (a < b ? -1 : a > b ? 1 : 0) * (falling ? -1 : 1);
    heading.parentNode.querySelectorAll("[aria-sort]").forEach(other => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    body.append(...[...body.rows].sort((a, b) => order(key(a), key(b))));
}

document.querySelectorAll("table:not(.heat) thead tr:last-child").forEach(row => [...row.cells].forEach((heading, column) => {
    heading.classList.add("sortable");
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sortBy(heading, column));
    heading.addEventListener("keydown", event => event.key === "Enter" && sortBy(heading, column));
}));

if (Object.keys(kinds).length > 0) {
    document.querySelectorAll(".tabs").forEach(addTabs);
    document.querySelectorAll("main details").forEach(details => details.open = false);
    drawAll();
    let waiting = 0, width = window.innerWidth;
    window.addEventListener("resize", () => {
        if (window.innerWidth !== width) { /* telephones resize when their bars come and go */
            width = window.innerWidth;
            clearTimeout(waiting);
            waiting = setTimeout(drawAll, 120);
        }
    });
}
