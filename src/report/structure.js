/* The structure, to be turned: {kind: "structure"}, and what all figures of a protein know of it.
 *
 * data.protein is {letters: a letter a residue, chains: [{name, length}], unit: angstrom, predictions: [{name, positions, error?}]}.
 *   positions   of alpha carbons: x, y, z as 16-bit numbers in units, the smallest where there is none; base64, little-endian
 * data.sets.lddt has pLDDT, a series a prediction. view.prediction says which is shown. */

const threeLetters = {A: "ALA", R: "ARG", N: "ASN", D: "ASP", C: "CYS", Q: "GLN", E: "GLU", G: "GLY", H: "HIS", I: "ILE", L: "LEU",
                      K: "LYS", M: "MET", F: "PHE", P: "PRO", S: "SER", T: "THR", W: "TRP", Y: "TYR", V: "VAL"};

/* The AlphaFold database's bands of confidence: name, from which pLDDT, colour. */
const lddtBands = [["very high, above 90", 90, [0, 83, 214]], ["confident, 70 to 90", 70, [101, 203, 243]],
                   ["low, 50 to 70", 50, [255, 219, 19]], ["very low, below 50", -Infinity, [255, 125, 69]]];
const chainColors = [[66, 120, 218], [238, 127, 49], [75, 166, 121], [176, 92, 175], [214, 175, 48], [58, 176, 200], [205, 84, 92],
                     [139, 128, 200]];
const unknown = [150, 156, 164];

formats.residue = {units: [[1, ""]], show: number => residueName(number - 1)};

/* The chain of residue i, and its place there from 0. */
function chainOf(i) {
    const chain = partBorders(data.protein.chains).findIndex(border => i < border.to);
    return {chain, place: i - partBorders(data.protein.chains)[chain].from};
}

function residueName(i) {
    const {chains, letters} = data.protein, {chain, place} = chainOf(i);
    return `${threeLetters[letters[i]] || "UNK"} ${place + 1}${chains.length > 1 ? ` of chain ${chains[chain].name}` : ""}`;
}

const decodeBytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

/* [x, y, z] a residue, or null. */
function decodePoints(prediction) {
    const view = new DataView(decodeBytes(prediction.positions).buffer), none = -32768;
    return Array.from(data.protein.letters, (_, i) => {
        const point = [0, 2, 4].map(at => view.getInt16(6 * i + at, true));
        return point[0] === none ? null : point.map(number => number * data.protein.unit);
    });
}

const cssColor = color => `rgb(${color.join(" ")})`;

/* Hue runs from blue at the first residue to red at the last. */
function rainbow(part) {
    const hue = 225 - 225 * part, channel = n => {
        const k = (n + hue / 30) % 12;
        return Math.round(255 * (0.53 - 0.4 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
    };
    return [channel(0), channel(8), channel(4)];
}

const lddtOf = prediction => data.sets.lddt[prediction].line.lddt;
const bandOf = value => finite(value) ? lddtBands.find(band => value >= band[1])[2] : unknown;

/* How residues may be coloured: a colour each, and what the colours mean. */
const colorings = {
    "pLDDT": {
        color: (i, prediction) => bandOf(lddtOf(prediction)[i]),
        keys: () => lddtBands.map(([name, , color]) => [name, color]),
    },
    "chain": {
        color: i => chainColors[chainOf(i).chain % chainColors.length],
        keys: () => data.protein.chains.slice(0, 16).map((chain, i) => [chain.name, chainColors[i % chainColors.length]]),
    },
    "N to C": {
        color: i => {
            const {chain, place} = chainOf(i);
            return rainbow(place / Math.max(1, data.protein.chains[chain].length - 1));
        },
        keys: () => [0, 0.25, 0.5, 0.75, 1].map(part => [{0: "first residue", 1: "last"}[part] || "", rainbow(part)]),
    },
};

/* ---- the camera ---- */

const multiply = (a, b) => [0, 3, 6].flatMap(r => [0, 1, 2].map(c => a[r] * b[c] + a[r + 1] * b[3 + c] + a[r + 2] * b[6 + c]));

/* A turn about the screen's x, y and z, in radians. */
function turnBy(x, y, z) {
    const [cx, sx, cy, sy, cz, sz] = [x, y, z].flatMap(angle => [Math.cos(angle), Math.sin(angle)]);
    return multiply(multiply([1, 0, 0, 0, cx, -sx, 0, sx, cx], [cy, 0, sy, 0, 1, 0, -sy, 0, cy]), [cz, -sz, 0, sz, cz, 0, 0, 0, 1]);
}

/* Rows at right angles again after many turns. */
function straighten(turn) {
    const x = direction(turn.slice(0, 3)), y = turn.slice(3, 6), z = direction(cross(x, y), x);
    return [...x, ...cross(z, x), ...z];
}

/* The direction in which points reach farthest, at right angles to others. */
function longestAxis(points, others) {
    const flatten = a => others.reduce((left, other) => minus(left, other.map(x => x * dot(left, other))), a);
    let axis = direction(flatten([0.6, 0.5, 0.4]), [1, 0, 0]);
    for (let k = 0; k < 60; k++) {
        const next = [0, 0, 0];
        for (const point of points) {
            const along = dot(point, axis);
            next.forEach((_, d) => next[d] += along * point[d]);
        }
        axis = norm(next) > 1e-9 ? direction(flatten(next), others[0]) : axis;
    }
    return direction(flatten(axis), others[0]);
}

/* Longest from left to right, shortest towards the eye. */
function firstCamera(points) {
    const known = points.filter(point => point);
    const x = longestAxis(known, []), y = longestAxis(known, [x]);
    const reach = 2 + Math.max(1, ...known.map(norm)), high = 2 + Math.max(1, ...known.map(point => Math.abs(dot(point, y))));
    return {turn: [...x, ...y, ...cross(x, y)], reach, high, zoom: 1, x: 0, y: 0};
}

/* ---- the figure ---- */

/* Everything that outlives a redrawing. */
const scene = {camera: null, first: null, coloring: "pLDDT", raster: null, meshes: [], marked: new Set(), mark: () => {}, scrolled: -1e9};

function meshOf(prediction) {
    if (!scene.meshes[prediction]) {
        const points = decodePoints(data.protein.predictions[prediction]);
        scene.meshes[prediction] = {points, ...makeRibbon(points, Array.from(points, (_, i) => chainOf(i).chain))};
    }
    return scene.meshes[prediction];
}

/* What is chosen above the drawing; it stays when the drawing is made anew. */
function addControls(figure, redraw) {
    const bar = document.createElement("div"), choice = document.createElement("div");
    bar.className = "bar";
    choice.className = "choice";
    figure.prepend(bar);
    if (data.protein.predictions.length > 1) {
        const list = element(bar, "select");
        list.setAttribute("aria-label", "prediction");
        data.protein.predictions.forEach(prediction => element(list, "option", "", prediction.name));
        list.addEventListener("change", () => {
            view.prediction = list.selectedIndex;
            drawAll();
        });
    }
    bar.append(choice);
    choice.setAttribute("role", "radiogroup");
    choice.setAttribute("aria-label", "colours");
    const names = Object.keys(colorings).filter(name => name !== "chain" || data.protein.chains.length > 1);
    const chips = names.map(name => button(choice, name, () => {
        scene.coloring = name;
        show(name);
        redraw();
    }));
    const show = name => chips.forEach((chip, i) => chip.setAttribute("aria-checked", String(names[i] === name)));
    chips.forEach(chip => chip.setAttribute("role", "radio"));
    show(scene.coloring);
}

/* How fine the drawing is: a still one has more pixels than the screen, a moving one as many as are quick. */
const stillDensity = () => Math.max(2, 1.5 * window.devicePixelRatio);

function makePacer(paint) {
    let still = 0, waiting = 0, density = 1;
    const frame = () => {
        waiting = 0;
        const begun = performance.now();
        paint(density);
        const took = performance.now() - begun;
        density = Math.min(stillDensity(), Math.max(0.5, took > 26 ? density * 0.8 : took < 12 ? density * 1.1 : density));
        clearTimeout(still);
        still = setTimeout(() => paint(stillDensity()), 130);
    };
    return () => waiting = waiting || requestAnimationFrame(frame);
}

/* Turning by one finger or the pointer, zooming by the wheel or two fingers, both by keys. */
function addMoves(surface, moved) {
    const pointers = new Map(), box = () => surface.getBoundingClientRect();
    const camera = scene.camera;
    const zoomAt = (factor, x, y) => { /* x, y: from the middle of the drawing; what is there stays there */
        const to = Math.min(30, Math.max(0.3, camera.zoom * factor)), by = to / camera.zoom;
        [camera.x, camera.y, camera.zoom] = [x + (camera.x - x) * by, y + (camera.y - y) * by, to];
    };
    const turn = (x, y, z) => camera.turn = straighten(multiply(turnBy(x, y, z), camera.turn));
    const reset = () => {
        Object.assign(camera, scene.first);
        moved();
    };
    surface.addEventListener("pointerdown", event => {
        pointers.set(event.pointerId, event);
        surface.setPointerCapture(event.pointerId);
    });
    surface.addEventListener("pointermove", event => {
        const before = pointers.get(event.pointerId);
        if (!before) {
            return;
        }
        const other = [...pointers.values()].find(pointer => pointer.pointerId !== event.pointerId);
        if (other) {
            const spread = pointer => [pointer.clientX - other.clientX, pointer.clientY - other.clientY], from = spread(before), to = spread(event);
            const middle = box(), x = (event.clientX + other.clientX - middle.left - middle.right) / 2, y = (event.clientY + other.clientY - middle.top - middle.bottom) / 2;
            zoomAt(Math.hypot(...to) / Math.max(1, Math.hypot(...from)), x, y);
            turn(0, 0, Math.atan2(from[1], from[0]) - Math.atan2(to[1], to[0]));
            camera.x += (event.clientX - before.clientX) / 2;
            camera.y += (event.clientY - before.clientY) / 2;
        } else {
            const speed = 4.5 / Math.min(box().width, box().height);
            turn((event.clientY - before.clientY) * speed, (event.clientX - before.clientX) * speed, 0);
        }
        pointers.set(event.pointerId, event);
        moved();
    });
    for (const end of ["pointerup", "pointercancel"]) {
        surface.addEventListener(end, event => pointers.delete(event.pointerId));
    }
    surface.addEventListener("wheel", event => {
        if (performance.now() - scene.scrolled < 250) { /* the reader is on the way to somewhere else */
            return;
        }
        event.preventDefault();
        const middle = box(), lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
        zoomAt(Math.exp(-event.deltaY * lines * 0.0015), event.clientX - (middle.left + middle.right) / 2, event.clientY - (middle.top + middle.bottom) / 2);
        moved();
    }, {passive: false});
    surface.addEventListener("dblclick", reset);
    surface.addEventListener("keydown", event => {
        const angle = 0.13, zoom = 1.15;
        const moves = {ArrowLeft: () => turn(0, -angle, 0), ArrowRight: () => turn(0, angle, 0), ArrowUp: () => turn(-angle, 0, 0),
                       ArrowDown: () => turn(angle, 0, 0), "+": () => zoomAt(zoom, 0, 0), "=": () => zoomAt(zoom, 0, 0),
                       "-": () => zoomAt(1 / zoom, 0, 0), Home: reset, "0": reset};
        if (moves[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            moves[event.key]();
            moved();
        }
    });
    return () => pointers.size > 0;
}

/* Which residue the pointer is on. */
function followResidue(canvas, surface, busy, repaint) {
    const leave = () => {
        hideTip(canvas);
        if (scene.marked.size > 0) {
            scene.marked = new Set();
            repaint();
        }
    };
    surface.addEventListener("pointermove", event => {
        const box = surface.getBoundingClientRect(), density = surface.width / box.width;
        const x = event.clientX - box.left, y = event.clientY - box.top;
        const found = busy() ? -1 : scene.raster.pick(Math.floor(x * density), Math.floor(y * density), Math.ceil(3 * density));
        if (found < 0) {
            leave();
            return;
        }
        if (!scene.marked.has(found)) {
            scene.marked = new Set([found]);
            repaint();
        }
        const lddt = lddtOf(view.prediction)[found];
        showTip(canvas, x, y, residueName(found), finite(lddt) ? [["pLDDT", lddt.toFixed(1)]] : []);
    });
    surface.addEventListener("pointerleave", leave);
}

function drawKeys(canvas) {
    const keys = element(canvas, "div", "keys");
    for (const [name, color] of colorings[scene.coloring].keys()) {
        const key = element(keys, "span");
        element(key, "i", "swatch").style.background = cssColor(color);
        key.append(name);
    }
}

function drawStructure(canvas) {
    view.prediction = view.prediction || 0;
    const mesh = meshOf(view.prediction);
    if (!mesh.points.some(point => point)) {
        element(canvas, "p", "empty", "No positions to draw.");
        return false;
    }
    if (!scene.camera) {
        scene.first = firstCamera(mesh.points);
        scene.camera = {...scene.first};
        scene.raster = makeRaster();
        addControls(canvas.parentNode, drawAll);
    }
    const wide = canvas.clientWidth || 600, high = Math.round(Math.min(wide * 0.8, 540));
    const surface = element(canvas, "canvas", "view"), context = surface.getContext("2d");
    surface.style.aspectRatio = `${wide} / ${high}`;
    surface.tabIndex = 0;
    surface.setAttribute("role", "img");
    surface.setAttribute("aria-label", "The structure. Arrow keys turn it, plus and minus zoom, 0 goes back.");
    const colors = Uint8Array.from(mesh.points.flatMap((_, i) => colorings[scene.coloring].color(i, view.prediction)));
    let shown, image;
    const scale = Math.min(wide / 2 / scene.first.reach, high / 2 / Math.max(scene.first.high, 0.7 * scene.first.reach)) * 0.95;
    const rim = () => Math.max(1, Math.round(shown.density * 0.7));
    const repaint = () => {
        const lift = matchMedia("(prefers-color-scheme: dark)").matches ? 0.16 : 0; /* deep blue on black */
        scene.raster.paint(image, colors, shown.camera, lift, rim(), scene.marked);
        context.putImageData(image, 0, 0);
    };
    const paint = wanted => {
        if (!surface.isConnected) { /* drawn anew since */
            return;
        }
        const density = Math.min(wanted, Math.sqrt(4e6 / (wide * high))), width = Math.round(wide * density), height = Math.round(high * density);
        if (surface.width !== width || surface.height !== height || !image) {
            [surface.width, surface.height] = [width, height];
            image = context.createImageData(width, height);
        }
        const {turn, zoom, x, y, reach} = scene.camera;
        shown = {density, camera: {turn, reach, scale: scale * zoom * density, x: width / 2 + x * density, y: height / 2 + y * density}};
        scene.raster.draw(mesh, shown.camera, width, height);
        repaint();
    };
    const busy = addMoves(surface, makePacer(paint));
    followResidue(canvas, surface, busy, repaint);
    scene.mark = places => {
        scene.marked = new Set(places);
        repaint();
    };
    drawKeys(canvas);
    paint(stillDensity());
    return false;
}

document.addEventListener("mark", event => scene.mark(event.detail));
document.addEventListener("scroll", () => scene.scrolled = performance.now(), {passive: true});

kinds.structure = drawStructure;

