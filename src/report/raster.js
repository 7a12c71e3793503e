/* From triangles to pixels: depth, residue and light of what is in front at each, then colour. By hand, so that a drawing is the
 * same in every browser, with or without a graphics card, and what is under the pointer is known. */

const FROM_AFAR = 5; /* the eye's distance in reaches */

/* Where a point is seen, in pixels. */
function placeOf(point, camera) {
    const turned = [0, 3, 6].map(row => dot(camera.turn.slice(row, row + 3), point)), eye = FROM_AFAR * camera.reach;
    const scale = camera.scale * eye / (eye - turned[2]);
    return [camera.x + scale * turned[0], camera.y - scale * turned[1]];
}

/* camera: {turn: rotation as nine numbers by rows, scale: pixels per angstrom, x, y: where the centre is, reach: angstrom}. */
function makeRaster() {
    const corners = new Float64Array(8);
    let width = 0, height = 0, depth, light, residue, projected = new Float32Array(0);

    function resize(newWidth, newHeight) {
        if (newWidth !== width || newHeight !== height) {
            [width, height] = [newWidth, newHeight];
            depth = new Float32Array(width * height);
            light = new Float32Array(width * height);
            residue = new Int32Array(width * height);
        }
        depth.fill(-1e9);
        residue.fill(-1);
    }

    /* Corners as x, y in pixels, depth in angstrom, light. One lamp above to the left, one at the eye. */
    function project(mesh, camera) {
        const {positions, normals} = mesh, [a, b, c, d, e, f, g, h, i] = camera.turn, count = positions.length / 3;
        if (projected.length !== count * 4) {
            projected = new Float32Array(count * 4);
        }
        const eye = FROM_AFAR * camera.reach;
        for (let v = 0, p = 0, q = 0; v < count; v++, p += 3, q += 4) {
            const x = positions[p], y = positions[p + 1], z = positions[p + 2];
            const l = normals[p], m = normals[p + 1], n = normals[p + 2];
            const near = g * x + h * y + i * z, scale = camera.scale * eye / (eye - near);
            projected[q] = camera.x + scale * (a * x + b * y + c * z);
            projected[q + 1] = camera.y - scale * (d * x + e * y + f * z);
            projected[q + 2] = near;
            const u = a * l + b * m + c * n, v2 = d * l + e * m + f * n, w = g * l + h * m + i * n;
            const lamp = Math.max(0, -0.42 * u + 0.57 * v2 + 0.7 * w), shine = Math.max(0, -0.23 * u + 0.31 * v2 + 0.92 * w);
            projected[q + 3] = 0.46 + 0.38 * lamp + 0.22 * Math.max(0, w) + 0.28 * shine ** 24;
        }
    }

    /* One triangle of corners i, j, k. Seen from behind it is left out: tubes are closed. */
    function triangle(i, j, k, owner) {
        const P = projected, ax = P[4 * i], ay = P[4 * i + 1], bx = P[4 * j], by = P[4 * j + 1], cx = P[4 * k], cy = P[4 * k + 1];
        const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
        const top = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5)), bottom = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) - 0.5));
        if (!(area > 1e-9) || top > bottom) {
            return;
        }
        const az = P[4 * i + 2], al = P[4 * i + 3], z1 = P[4 * j + 2] - az, z2 = P[4 * k + 2] - az, l1 = P[4 * j + 3] - al, l2 = P[4 * k + 3] - al;
        const zx = (z1 * (cy - ay) - z2 * (by - ay)) / area, zy = (z2 * (bx - ax) - z1 * (cx - ax)) / area;
        const lx = (l1 * (cy - ay) - l2 * (by - ay)) / area, ly = (l2 * (bx - ax) - l1 * (cx - ax)) / area;
        corners[0] = corners[6] = ax;
        corners[1] = corners[7] = ay;
        corners[2] = bx;
        corners[3] = by;
        corners[4] = cx;
        corners[5] = cy;
        for (let y = top; y <= bottom; y++) {
            const py = y + 0.5;
            let from = -1e9, to = 1e9;
            for (let e = 0; e < 6; e += 2) { /* an edge that goes up bounds the row from the left, one that goes down from the right */
                const y0 = corners[e + 1], y1 = corners[e + 3];
                if (y0 !== y1) {
                    const x = corners[e] + (py - y0) * (corners[e + 2] - corners[e]) / (y1 - y0);
                    if (y1 < y0) {
                        from = x > from ? x : from;
                    } else {
                        to = x < to ? x : to;
                    }
                }
            }
            const first = Math.max(0, Math.ceil(from - 0.5)), last = Math.min(width - 1, Math.ceil(to - 0.5) - 1);
            let z = az + zx * (first + 0.5 - ax) + zy * (py - ay), l = al + lx * (first + 0.5 - ax) + ly * (py - ay);
            for (let at = y * width + first, end = y * width + last; at <= end; at++) {
                if (z > depth[at]) {
                    depth[at] = z;
                    light[at] = l;
                    residue[at] = owner;
                }
                z += zx;
                l += lx;
            }
        }
    }

    function draw(mesh, camera, newWidth, newHeight) {
        resize(newWidth, newHeight);
        project(mesh, camera);
        const {sides, residues, joined} = mesh;
        for (let r = 0; r < residues.length; r++) {
            for (let s = 0, a = r * sides; joined[r] && s < sides; s++, a++) {
                const b = s + 1 < sides ? a + 1 : r * sides;
                triangle(a, a + sides, b, residues[r]);
                triangle(b, a + sides, b + sides, residues[r]);
            }
        }
    }

    /* Colours: three bytes a residue, with at least lift of white. Far parts fade, what is in front of something has a dark rim,
     * marked residues shine. */
    function paint(image, colors, camera, lift, rim, marked) {
        const pixels = new Uint32Array(image.data.buffer), step = 1.5, reach = camera.reach;
        for (let y = 0, at = 0; y < height; y++) {
            for (let x = 0; x < width; x++, at++) {
                const owner = residue[at];
                if (owner < 0) {
                    pixels[at] = 0;
                    continue;
                }
                const z = depth[at], behind = z - step;
                const outline = (x >= rim && depth[at - rim] < behind) || (x + rim < width && depth[at + rim] < behind) ||
                    (y >= rim && depth[at - rim * width] < behind) || (y + rim < height && depth[at + rim * width] < behind);
                const lit = light[at] * (outline ? 0.42 : 1), white = marked.has(owner) ? 0.55 : lit > 1 + lift ? lit - 1 : lift, shade = lit > 1 ? 1 : lit;
                const far = 0.5 - 0.5 * z / reach, alpha = 1 - 0.58 * (far < 0 ? 0 : far > 1 ? 1 : far);
                const r = colors[3 * owner] * shade, g = colors[3 * owner + 1] * shade, b = colors[3 * owner + 2] * shade;
                pixels[at] = (alpha * 255) << 24 | (b + (255 - b) * white) << 16 | (g + (255 - g) * white) << 8 | (r + (255 - r) * white);
            }
        }
    }

    /* The residue at a pixel or near it; -1 for none. */
    function pick(x, y, around) {
        for (let reach = 0; reach <= around; reach++) {
            for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
                for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++) {
                    if (residue[v * width + u] >= 0) {
                        return residue[v * width + u];
                    }
                }
            }
        }
        return -1;
    }

    return {draw, paint, pick};
}

