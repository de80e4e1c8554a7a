// Noise as `compendium.noise` makes it: a function of seed, image index and level alone, from NumPy's Philox.
(() => {
  const WORD = 0xffffffffffffffffn;
  const SALT_PEPPER = 1n, GAUSSIAN = 2n;

  const round = ([a, b, c, d], [first, second]) => {
    const left = 0xd2e7470ee14c6c93n * a, right = 0xca5a826395121157n * c;
    return [(right >> 64n) ^ b ^ first, right & WORD, (left >> 64n) ^ d ^ second, left & WORD];
  };

  // Random words of 64 bits, as `numpy.random.Philox(key=[seed, index], counter=[0, level, kind, 0])` gives them.
  function* philox(seed, index, kind, level) {
    for (let block = 1n; ; block++) {
      let words = [block, BigInt(level), kind, 0n];
      let key = [BigInt(seed), BigInt(index)];
      for (let turn = 0; turn < 10; turn++) {
        words = round(words, key);
        key = [(key[0] + 0x9e3779b97f4a7c15n) & WORD, (key[1] + 0xbb67ae8584caa73bn) & WORD];
      }
      yield* words;
    }
  }

  const take = (words, number) => BigUint64Array.from({ length: number }, () => words.next().value);

  // Which pixels have the `count` lowest words; positions in their low bits keep them all different.
  const lowest = (words, count) => {
    const bits = BigInt(words.length - 1).toString(2).length;
    const low = (1n << BigInt(bits)) - 1n;
    const ranks = words.map((word, place) => (word & ~low) | BigInt(place));
    const chosen = new Uint8Array(words.length);
    for (const rank of ranks.slice().sort().subarray(0, count)) chosen[Number(rank & low)] = 1;
    return chosen;
  };

  // Exactly so large a share of the pixels black or white. `bytes` and the result: 0 to 255, channels last.
  const saltPepper = (bytes, channels, fraction, seed, index) => {
    const pixels = bytes.length / channels;
    const count = Math.floor(fraction * pixels + 1e-6);
    const words = take(philox(seed, index, SALT_PEPPER, count), pixels + Math.ceil(pixels / 64));
    const altered = lowest(words.subarray(0, pixels), count);
    const noisy = bytes.slice();
    altered.forEach((is, pixel) => {
      if (!is) return;
      const white = (words[pixels + (pixel >> 6)] >> BigInt(pixel & 63)) & 1n;
      noisy.fill(white ? 255 : 0, pixel * channels, (pixel + 1) * channels);
    });
    return noisy;
  };

  // NumPy's ziggurat (Doornik 2005 with 256 strips): strip i reaches from 0 to edge[i]; its tables, computed.
  const RIGHTMOST = 3.6541528853610088, AREA = 0.00492867323399;
  const density = (x) => Math.exp(-0.5 * x * x);
  const edges = new Float64Array(256);
  edges[255] = RIGHTMOST;
  for (let strip = 254; strip; strip--) {
    const above = edges[strip + 1];
    edges[strip] = Math.sqrt(-2 * Math.log(AREA / above + density(above)));
  }
  const widths = edges.slice();
  widths[0] = AREA / density(RIGHTMOST);
  const inside = widths.map((width, strip) => (strip ? edges[strip - 1] : RIGHTMOST) / width);
  const heights = edges.map(density);

  const real = (word) => Number(word >> 11n) * 2 ** -53;

  const beyond = (words, sign) => {
    for (;;) {
      const x = -Math.log1p(-real(words.next().value)) / RIGHTMOST;
      const y = -Math.log1p(-real(words.next().value));
      if (y + y > x * x) return sign * (RIGHTMOST + x);
    }
  };

  const normal = (words) => {
    for (;;) {
      const word = words.next().value;
      const strip = Number(word & 0xffn);
      const place = (word >> 9n) & 0xfffffffffffffn;
      const share = Number(place) * 2 ** -52;
      const x = (word & 0x100n ? -1 : 1) * share * widths[strip];
      if (share < inside[strip]) return x;
      if (strip === 0) return beyond(words, (place >> 8n) & 1n ? -1 : 1);
      const height = (heights[strip - 1] - heights[strip]) * real(words.next().value) + heights[strip];
      if (height < density(x)) return x;
    }
  };

  // The field for one seed and index is kept: a level only scales it.
  let kept = { name: null, field: null };
  const normalField = (number, seed, index) => {
    const name = `${number} ${seed} ${index}`;
    if (kept.name !== name) {
      const words = philox(seed, index, GAUSSIAN, 0);
      kept = { name, field: Float64Array.from({ length: number }, () => normal(words)) };
    }
    return kept.field;
  };

  // Normal noise of standard deviation sigma on every value, cut to [0, 1]; values from 0 to 1, float32.
  const gaussian = (bytes, sigma, seed, index) => {
    const field = normalField(bytes.length, seed, index);
    return Float32Array.from(bytes, (byte, i) => Math.min(1, Math.max(0, Math.fround(byte / 255) + sigma * field[i])));
  };

  Object.assign(compendiumPlay, { saltPepper, gaussian });
})();
