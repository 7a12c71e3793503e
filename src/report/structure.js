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
    const reach = 3 + farthest(points), high = 3 + known.reduce((most, point) => Math.max(most, Math.abs(dot(point, y))), 0);
    return {turn: [...x, ...y, ...cross(x, y)], reach, high, zoom: 1, x: 0, y: 0};
}

/* ---- the figure ---- */

/* Everything that outlives a redrawing. */
const scene = {camera: null, first: null, coloring: "pLDDT", raster: null, meshes: [], marked: new Set(), spots: [], mark: () => {}, scrolled: -1e9};

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

/* What moves the camera. x, y: pixels from the middle of the drawing. */
const moves = {
    turn(x, y, z) {
        scene.camera.turn = straighten(multiply(turnBy(x, y, z), scene.camera.turn));
    },
    shift(x, y) {
        scene.camera.x += x;
        scene.camera.y += y;
    },
    zoom(factor, x, y) { /* what is at x, y stays there */
        const camera = scene.camera, to = Math.min(30, Math.max(0.3, camera.zoom * factor)), by = to / camera.zoom;
        Object.assign(camera, {x: x + (camera.x - x) * by, y: y + (camera.y - y) * by, zoom: to});
    },
    reset() {
        Object.assign(scene.camera, scene.first);
    },
};

/* From the middle of the drawing to where a pointer is. */
function fromMiddle(surface, event) {
    const box = surface.getBoundingClientRect();
    return [event.clientX - (box.left + box.right) / 2, event.clientY - (box.top + box.bottom) / 2];
}

/* One finger or the pointer turns; two fingers zoom, turn in the plane and shift. Returns whether any is down. */
function addPointers(surface, moved) {
    const pointers = new Map(); /* id: where it was */
    surface.addEventListener("pointerdown", event => {
        pointers.set(event.pointerId, fromMiddle(surface, event));
        surface.setPointerCapture(event.pointerId);
    });
    surface.addEventListener("pointermove", event => {
        const before = pointers.get(event.pointerId), now = fromMiddle(surface, event);
        if (!before) {
            return;
        }
        const [, other] = [...pointers].find(([id]) => id !== event.pointerId) || [];
        if (other) {
            const from = [before[0] - other[0], before[1] - other[1]], to = [now[0] - other[0], now[1] - other[1]];
            moves.zoom(Math.hypot(...to) / Math.max(1, Math.hypot(...from)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
            moves.turn(0, 0, Math.atan2(from[1], from[0]) - Math.atan2(to[1], to[0]));
            moves.shift((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
        } else {
            const speed = 4.5 / Math.min(surface.clientWidth, surface.clientHeight);
            moves.turn((now[1] - before[1]) * speed, (now[0] - before[0]) * speed, 0);
        }
        pointers.set(event.pointerId, now);
        moved();
    });
    for (const end of ["pointerup", "pointercancel"]) {
        surface.addEventListener(end, event => pointers.delete(event.pointerId));
    }
    return () => pointers.size > 0;
}

function addWheelAndKeys(surface, moved) {
    const angle = 0.13, zoom = 1.15, keys = {
        ArrowLeft: () => moves.turn(0, -angle, 0), ArrowRight: () => moves.turn(0, angle, 0),
        ArrowUp: () => moves.turn(-angle, 0, 0), ArrowDown: () => moves.turn(angle, 0, 0),
        "+": () => moves.zoom(zoom, 0, 0), "=": () => moves.zoom(zoom, 0, 0), "-": () => moves.zoom(1 / zoom, 0, 0),
        Home: moves.reset, "0": moves.reset,
    };
    surface.addEventListener("wheel", event => {
        if (performance.now() - scene.scrolled < 250) { /* the reader is on the way to somewhere else */
            return;
        }
        event.preventDefault();
        const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
        moves.zoom(Math.exp(-pixels * 0.0015), ...fromMiddle(surface, event));
        moved();
    }, {passive: false});
    surface.addEventListener("dblclick", () => {
        moves.reset();
        moved();
    });
    surface.addEventListener("keydown", event => {
        if (keys[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            keys[event.key]();
            moved();
        }
    });
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
    const look = event => {
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
    };
    surface.addEventListener("pointermove", look);
    surface.addEventListener("click", look); /* a tap */
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

/* Rings around points that another figure points at, in front of everything. */
function drawSpots(stage, points, camera, width, height) {
    stage.querySelectorAll(".spot").forEach(spot => spot.remove());
    for (const point of points.filter(point => point)) {
        const [x, y] = placeOf(point, camera), spot = element(stage, "i", "spot");
        [spot.style.left, spot.style.top] = [`${100 * x / width}%`, `${100 * y / height}%`];
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
    const stage = element(canvas, "div", "stage"), surface = element(stage, "canvas", "view"), context = surface.getContext("2d");
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
        drawSpots(stage, scene.spots.map(i => mesh.points[i]), shown.camera, width, height);
    };
    const moved = makePacer(paint);
    addWheelAndKeys(surface, moved);
    followResidue(canvas, surface, addPointers(surface, moved), repaint);
    scene.mark = places => {
        scene.marked = new Set(places);
        scene.spots = places;
        repaint();
        drawSpots(stage, places.map(i => mesh.points[i]), shown.camera, surface.width, surface.height);
    };
    drawKeys(canvas);
    paint(stillDensity());
    return false;
}

document.addEventListener("mark", event => scene.mark(event.detail));
document.addEventListener("scroll", () => scene.scrolled = performance.now(), {passive: true});

kinds.structure = drawStructure;

