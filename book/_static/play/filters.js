// What the network is compared with, as in `compendium.baselines`: median filter and linear interpolation.
(() => {
  // Median of the window around every value, by channel; the image is mirrored with its edge repeated.
  const median = (image, side, channels, size) => {
    const radius = size >> 1;
    const inside = (i) => (i < 0 ? -1 - i : i >= side ? 2 * side - 1 - i : i);
    const window = new Float64Array(size * size);
    return image.map((_, place) => {
      const channel = place % channels, pixel = (place - channel) / channels;
      const row = Math.floor(pixel / side), column = pixel % side;
      let i = 0;
      for (let y = row - radius; y <= row + radius; y++)
        for (let x = column - radius; x <= column + radius; x++)
          window[i++] = image[(inside(y) * side + inside(x)) * channels + channel];
      return window.sort()[window.length >> 1];
    });
  };

  const impulses = (image, channels) =>
    Uint8Array.from({ length: image.length / channels }, (_, pixel) => {
      const colour = image.subarray(pixel * channels, (pixel + 1) * channels);
      return colour.every((value) => value === 0) || colour.every((value) => value === 1);
    });

  // One pass of SciPy's feature transform (Maurer, Qi and Raghavan 2003), along a row or column: `features` are
  // the nearest intact pixels known so far, as [row, column] or null; `axis` is the one that varies, `other` the
  // place on the other one. The order of comparisons decides ties as SciPy does.
  const sweep = (features, axis, other) => {
    const across = (feature) => (feature[1 - axis] - other) ** 2;
    const kept = [];
    for (const feature of features) {
      if (!feature) continue;
      while (kept.length >= 2) {
        const last = kept.at(-1), before = kept.at(-2);
        const a = last[axis] - before[axis], b = feature[axis] - last[axis], c = a + b;
        if (c * across(last) - b * across(before) - a * across(feature) - a * b * c <= 0) break;
        kept.pop();
      }
      kept.push(feature);
    }
    let at = 0;
    return features.map((_, place) => {
      const distance = (feature) => (feature[axis] - place) ** 2 + across(feature);
      while (at < kept.length - 1 && distance(kept[at]) > distance(kept[at + 1])) at++;
      return kept[at] ?? null;
    });
  };

  // The nearest intact pixel of every pixel, [row, column], as `scipy.ndimage.distance_transform_edt` has it.
  const nearest = (altered, side) => {
    const places = [...Array(side).keys()];
    const columns = places.map((column) =>
      sweep(places.map((row) => (altered[row * side + column] ? null : [row, column])), 0, column));
    return places.flatMap((row) => sweep(places.map((column) => columns[column][row]), 1, row));
  };

  // SciPy's own Qhull: on a grid many triangulations are Delaunay's, and another would give other pixels.
  // An error of Qhull ends its instance, so another one is made.
  let qhull = null;
  const prepare = async () => {
    await compendiumPlay.load("vendor/qhull-8.0.2.js");
    const bytes = compendiumPlay.bytes(compendiumPlay.data.qhull);
    qhull = await compendiumPlay.instance(await WebAssembly.compile(bytes));
  };

  compendiumPlay.instance = async (module) => {
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 8;
    const { exports } = await WebAssembly.instantiate(module, imports); // each call of the system: refused
    exports._initialize();
    return { module, exports };
  };

  const triangles = (points) => {
    const { memory, given, found, delaunay } = qhull.exports;
    new Float64Array(memory.buffer, given(), 2 * points.length).set(points.flat());
    const number = delaunay(points.length);
    return new Int32Array(memory.buffer, found(), 3 * number).slice();
  };

  const inOneLine = ([first, second, ...others]) =>
    others.every(([row, column]) =>
      (second[0] - first[0]) * (column - first[1]) === (second[1] - first[1]) * (row - first[0]));

  const triangulated = (points) => {
    if (points.length < 3 || inOneLine(points)) return new Int32Array(0);
    try {
      return triangles(points);
    } catch {
      compendiumPlay.instance(qhull.module).then((fresh) => (qhull = fresh));
      return new Int32Array(0);
    }
  };

  // Call `draw(row, column, shares)` for each pixel of the triangle; shares of the corners add up to 1.
  const eachPixel = ([[ay, ax], [by, bx], [cy, cx]], draw) => {
    const area = (by - ay) * (cx - ax) - (bx - ax) * (cy - ay); // twice the area, as all that is divided by it
    if (Math.abs(area) <= 1) return; // of a triangle so small, the corners are the only pixels
    const [left, right] = [Math.min(ax, bx, cx), Math.max(ax, bx, cx)], bottom = Math.max(ay, by, cy);
    for (let y = Math.min(ay, by, cy); y <= bottom; y++)
      for (let x = left; x <= right; x++) {
        const a = ((by - y) * (cx - x) - (bx - x) * (cy - y)) / area;
        const b = ((cy - y) * (ax - x) - (cx - x) * (ay - y)) / area;
        const c = ((ay - y) * (bx - x) - (ax - x) * (by - y)) / area;
        if (a >= 0 && b >= 0 && c >= 0) draw(y, x, [a, b, c]);
      }
  };

  // Altered pixels interpolated over a triangulation of the intact ones; beyond these, the nearest one's colour.
  const linear = (image, side, channels) => {
    const altered = impulses(image, channels);
    const intact = [...altered.keys()].filter((pixel) => !altered[pixel]);
    if (!intact.length) return image.map(() => 0.5);
    const points = intact.map((pixel) => [Math.floor(pixel / side), pixel % side]);
    const restored = image.slice();
    nearest(altered, side).forEach(([row, column], pixel) => {
      for (let k = 0; k < channels; k++) restored[pixel * channels + k] = image[(row * side + column) * channels + k];
    });
    const corners = triangulated(points);
    for (let i = 0; i < corners.length; i += 3) {
      const three = [...corners.subarray(i, i + 3)];
      eachPixel(three.map((corner) => points[corner]), (row, column, shares) => {
        const pixel = row * side + column;
        if (!altered[pixel]) return;
        for (let k = 0; k < channels; k++) {
          const value = three.reduce((sum, corner, j) => sum + shares[j] * image[intact[corner] * channels + k], 0);
          restored[pixel * channels + k] = Math.min(1, Math.max(0, value));
        }
      });
    }
    return restored;
  };

  Object.assign(compendiumPlay, { median, linear, prepareFilters: prepare });
})();
