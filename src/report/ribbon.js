/* From alpha carbons to a ribbon: helices and strands wide and flat, the rest a thin tube, as a mesh of triangles.
 *
 * Helices and strands are told by distances of alpha carbons (Zhang and Skolnick, Nucleic Acids Res. 33 (2005), TM-align); a strand
 * also needs another beside it. The ribbon lies in the plane of its curve's binormal: along the axis of a helix, within a
 * sheet (Carson and Bugg, J. Mol. Graph. 4 (1986)). */

const COIL = 0, HELIX = 1, STRAND = 2;
const halfWidth = [0.32, 1.3, 1.05], halfThickness = [0.32, 0.24, 0.24], arrowWidth = 1.8; /* angstrom */

const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const norm = a => Math.hypot(a[0], a[1], a[2]);

/* The direction of a, or any direction that is none of b where a has none. */
function direction(a, b = [0, 0, 1]) {
    const size = norm(a);
    if (size > 1e-6) {
        return a.map(x => x / size);
    }
    return Math.abs(b[0]) < 0.9 * norm(b) ? direction(cross(b, [1, 0, 0]), [1, 0, 0]) : direction(cross(b, [0, 1, 0]), [0, 1, 0]);
}

/* How far points reach from the middle. */
const farthest = points => points.reduce((most, point) => point ? Math.max(most, norm(point)) : most, 0);

/* Stretches [first, end] of residues of one chain, each near the one before, but not in its place. points: [x, y, z] a residue, or
 * null. */
function traces(points, chains) {
    const near = (a, b) => {
        const distance = norm(minus(a, b));
        return distance > 0.5 && distance < 10;
    }, found = [];
    points.forEach((point, i) => {
        if (point && i > 0 && points[i - 1] && chains[i] === chains[i - 1] && near(point, points[i - 1])) {
            found[found.length - 1][1] = i + 1;
        } else if (point) {
            found.push([i, i + 1]);
        }
    });
    return found;
}

/* Of five residues around i, all distances are within slack of those of the shape: two, three and four residues apart. */
function hasShape(points, i, shape, slack) {
    for (let a = i - 2; a <= i; a++) {
        for (let b = a + 2; b <= i + 2; b++) {
            if (Math.abs(norm(minus(points[a], points[b])) - shape[b - a - 2]) > slack) {
                return false;
            }
        }
    }
    return true;
}

/* Clears runs of a kind that are shorter than least. */
function clearShort(kinds, kind, least) {
    for (let i = 0, end; i < kinds.length; i = end) {
        for (end = i + 1; end < kinds.length && kinds[end] === kinds[i]; end++) {
        }
        if (kinds[i] === kind && end - i < least) {
            kinds.fill(COIL, i, end);
        }
    }
}

function secondaryStructure(points, chains) {
    const kinds = new Uint8Array(points.length), beside = 5.8;
    for (const [first, end] of traces(points, chains)) {
        for (let i = first + 2; i < end - 2; i++) {
            kinds[i] = hasShape(points, i, [5.45, 5.18, 6.37], 1.4) ? HELIX : hasShape(points, i, [6.1, 10.4, 13], 1.6) ? STRAND : COIL;
        }
    }
    const middles = kinds.slice(); /* a helix begins before, and ends behind, the middle of five of its residues */
    middles.forEach((kind, i) => kinds[i] = kind === COIL && [middles[i - 1], middles[i + 1]].includes(HELIX) ? HELIX : kind);
    const strands = [...kinds.keys()].filter(i => kinds[i] === STRAND);
    const paired = new Set(strands.filter(i => strands.some(k =>
        (chains[i] !== chains[k] || Math.abs(i - k) > 3) && norm(minus(points[i], points[k])) < beside)));
    strands.filter(i => ![i - 1, i, i + 1].some(k => paired.has(k))).forEach(i => kinds[i] = COIL);
    clearShort(kinds, HELIX, 4);
    clearShort(kinds, STRAND, 3);
    return kinds;
}

/* The curve's points: pleats of strands are smoothed. */
function smoothPoints(points, kinds, first, end) {
    const curve = [];
    for (let i = first; i < end; i++) {
        const inside = kinds[i] === STRAND && i > first && i + 1 < end;
        curve.push(inside ? mix(points[i], mix(points[i - 1], points[i + 1], 0.5), 0.5) : points[i]);
    }
    return curve;
}

/* The direction of the ribbon's width at each point. */
function sidesOf(points, first, end) {
    const sides = [];
    for (let i = first; i < end; i++) {
        const middle = Math.min(Math.max(i, first + 1), end - 2), before = sides[sides.length - 1];
        const along = end - first > 1 ? minus(points[Math.min(i + 1, end - 1)], points[Math.min(i, end - 2)]) : [1, 0, 0];
        const normal = end - first > 2
            ? cross(minus(points[middle], points[middle - 1]), minus(points[middle + 1], points[middle])) : [0, 0, 0];
        const side = direction(normal, along);
        sides.push(before && dot(side, before) < 0 ? side.map(x => -x) : side);
    }
    return sides.map((side, i) => direction(mix(side, mix(sides[Math.max(0, i - 1)], sides[Math.min(sides.length - 1, i + 1)], 0.5), 0.4), side));
}

/* Cardinal spline through b and c: the place at t and the tangent there. */
function spline(a, b, c, d, t) {
    const t2 = t * t, t3 = t2 * t;
    const place = [0, 1, 2].map(k => 0.5 * (2 * b[k] + (c[k] - a[k]) * t + (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k]) * t2
                                            + (3 * b[k] - a[k] - 3 * c[k] + d[k]) * t3));
    const tangent = [0, 1, 2].map(k => 0.5 * (c[k] - a[k] + 2 * (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k]) * t
                                              + 3 * (3 * b[k] - a[k] - 3 * c[k] + d[k]) * t2));
    return {place, tangent: direction(tangent, minus(c, b))};
}

/* Half width and thickness at residue i; the last residue of a strand is the point of its arrow. */
function profile(kinds, i, end) {
    const kind = kinds[i] === STRAND && (i + 1 >= end || kinds[i + 1] !== STRAND) ? COIL : kinds[i];
    return [halfWidth[kind], halfThickness[kind]];
}

/* Rings {place, side, up, width, thickness, residue} along one stretch; a ring whose residue is null begins a new tube. */
function ringsOf(points, kinds, first, end, steps) {
    const rings = [], curve = smoothPoints(points, kinds, first, end), sides = sidesOf(points, first, end);
    const at = i => curve[Math.min(Math.max(i, 0), curve.length - 1)];
    const ring = (place, tangent, side, width, thickness, residue) => {
        const flat = direction(minus(side, tangent.map(x => x * dot(side, tangent))), tangent);
        rings.push({place, side: flat, up: cross(tangent, flat), width, thickness, residue});
    };
    if (end - first === 1) { /* alone: a ball */
        for (let k = 0; k <= 8; k++) {
            const angle = Math.PI * k / 8, size = Math.max(0.01, Math.sin(angle));
            ring([points[first][0] - Math.cos(angle), points[first][1], points[first][2]], [1, 0, 0], [0, 1, 0], size, size, first);
        }
        return rings;
    }
    for (let i = 0; i + 1 < curve.length; i++) {
        const residue = first + i, from = profile(kinds, residue, end), to = profile(kinds, residue + 1, end);
        const arrow = kinds[residue] === STRAND && kinds[residue + 1] === STRAND && to[0] === halfWidth[COIL];
        for (let s = 0; s <= (i + 2 === curve.length ? steps : steps - 1); s++) {
            const t = s / steps, eased = t * t * (3 - 2 * t);
            const {place, tangent} = spline(at(i - 1), at(i), at(i + 1), at(i + 2), t);
            const side = mix(sides[i], sides[i + 1], t), thickness = from[1] + (to[1] - from[1]) * eased;
            if (arrow && s === 0) {
                ring(place, tangent, side, from[0], thickness, residue);
            }
            const width = arrow ? arrowWidth + (to[0] - arrowWidth) * t : from[0] + (to[0] - from[0]) * eased;
            ring(place, tangent, side, width, thickness, t < 0.5 ? residue : residue + 1);
        }
    }
    const closed = one => ({...one, width: 0.01, thickness: 0.01});
    return [closed(rings[0]), ...rings, closed(rings[rings.length - 1])];
}

/* The mesh: {sides, positions, normals, residues: one a ring, joined: whether a ring goes on in the next}. */
function makeRibbon(points, chains) {
    const kinds = secondaryStructure(points, chains), count = points.length;
    const steps = count > 1200 ? 3 : count > 500 ? 6 : 8, sides = count > 1200 ? 6 : 8;
    const rings = [], joined = [];
    for (const [first, end] of traces(points, chains)) {
        const added = ringsOf(points, kinds, first, end, steps);
        added.forEach((ring, i) => joined.push(i + 1 < added.length));
        rings.push(...added);
    }
    const thick = Math.max(1, farthest(points) / 150); /* seen whole, a thin tube would be less than a pixel */
    const positions = new Float32Array(rings.length * sides * 3), normals = new Float32Array(rings.length * sides * 3);
    rings.forEach((ring, r) => {
        for (let s = 0; s < sides; s++) {
            const angle = 2 * Math.PI * s / sides, c = Math.cos(angle), d = Math.sin(angle), at = (r * sides + s) * 3;
            const nc = c * ring.thickness, nd = d * ring.width, size = Math.hypot(nc, nd);
            for (let k = 0; k < 3; k++) {
                positions[at + k] = ring.place[k] + thick * (c * ring.width * ring.side[k] + d * ring.thickness * ring.up[k]);
                normals[at + k] = (nc * ring.side[k] + nd * ring.up[k]) / size;
            }
        }
    });
    return {sides, positions, normals, residues: Int32Array.from(rings, ring => ring.residue), joined: Uint8Array.from(joined)};
}

