// Runs a chain of layers, as `compendium.site.play` exports it, on one image: plain loops over numbers.
// Measured beside ready-made runners by benchmarks/play.py, which is why it stands here.
(() => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const floats = (text) => new Float32Array(bytes(text).buffer);

  const activations = {
    linear: (values) => values,
    relu: (values) => values.map((value) => (value > 0 ? value : 0)),
    sigmoid: (values) => values.map((value) => 1 / (1 + Math.exp(-value))),
  };

  // Number of outputs along an axis, and zeros before its first input, as TensorFlow has them.
  const fit = (length, kernel, stride, same) => {
    const outputs = same ? Math.ceil(length / stride) : Math.floor((length - kernel) / stride) + 1;
    const zeros = same ? Math.max((outputs - 1) * stride + kernel - length, 0) : 0;
    return [outputs, zeros >> 1];
  };

  const start = (height, width, channels, bias) => {
    const values = new Float32Array(height * width * channels);
    for (let i = 0; i < values.length; i += channels) values.set(bias, i);
    return { values, height, width, channels };
  };

  // Add `value` times the row of weights at `from` to the pixel at `to`: the loop where the time goes.
  const add = (values, to, weights, from, channels, value) => {
    for (let k = 0; k < channels; k++) values[to + k] += value * weights[from + k];
  };

  const kinds = {
    convolution: (image, { kernel, stride, same, weights, bias }) => {
      const outputs = bias.length, { channels } = image;
      const [height, top] = fit(image.height, kernel, stride, same);
      const [width, left] = fit(image.width, kernel, stride, same);
      const made = start(height, width, outputs, bias);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let tap = 0; tap < kernel * kernel; tap++) {
            const row = y * stride - top + Math.floor(tap / kernel), column = x * stride - left + (tap % kernel);
            if (row < 0 || row >= image.height || column < 0 || column >= image.width) continue;
            const from = (row * image.width + column) * channels;
            for (let c = 0; c < channels; c++) {
              const value = image.values[from + c];
              if (value) add(made.values, (y * width + x) * outputs, weights, (tap * channels + c) * outputs, outputs, value);
            }
          }
      return made;
    },
    transposed: (image, { kernel, stride, same, weights, bias }) => {
      const outputs = bias.length, { channels } = image;
      const size = (length) => (same ? length * stride : (length - 1) * stride + kernel);
      const cut = same ? Math.max(kernel - stride, 0) >> 1 : 0;
      const made = start(size(image.height), size(image.width), outputs, bias);
      image.values.forEach((value, place) => {
        if (!value) return;
        const c = place % channels, pixel = (place - c) / channels;
        const y = Math.floor(pixel / image.width), x = pixel % image.width;
        for (let tap = 0; tap < kernel * kernel; tap++) {
          const row = y * stride - cut + Math.floor(tap / kernel), column = x * stride - cut + (tap % kernel);
          if (row < 0 || row >= made.height || column < 0 || column >= made.width) continue;
          add(made.values, (row * made.width + column) * outputs, weights, (tap * channels + c) * outputs, outputs, value);
        }
      });
      return made;
    },
    pooling: (image, { same }) => {
      const { channels } = image, [height] = fit(image.height, 2, 2, same), [width] = fit(image.width, 2, 2, same);
      const made = start(height, width, channels, new Float32Array(channels).fill(-Infinity));
      image.values.forEach((value, place) => {
        const c = place % channels, pixel = (place - c) / channels;
        const y = Math.floor(pixel / image.width) >> 1, x = pixel % image.width >> 1;
        const to = (y * width + x) * channels + c;
        if (y < height && x < width && value > made.values[to]) made.values[to] = value;
      });
      return made;
    },
    upsampling: (image) => {
      const { channels, width } = image;
      const made = start(2 * image.height, 2 * width, channels, new Float32Array(channels));
      for (let y = 0; y < made.height; y++)
        for (let x = 0; x < made.width; x++) {
          const from = ((y >> 1) * width + (x >> 1)) * channels;
          made.values.set(image.values.subarray(from, from + channels), (y * made.width + x) * channels);
        }
      return made;
    },
    scaling: (image, { weights, bias }) => ({
      ...image,
      values: image.values.map((value, place) => value * weights[place % image.channels] + bias[place % image.channels]),
    }),
  };

  // Decode the weights of a network once.
  const ready = (layers) =>
    layers.map((layer) => (layer.weights ? { ...layer, weights: floats(layer.weights), bias: floats(layer.bias) } : layer));

  // The network's output, cut to [0, 1]; `values` from 0 to 1 of a square image, channels last.
  const run = (layers, values, side, channels) => {
    let image = { values: Float32Array.from(values), height: side, width: side, channels };
    for (const layer of layers) {
      image = kinds[layer.kind](image, layer);
      image.values = activations[layer.activation ?? "linear"](image.values);
    }
    return image.values.map((value) => Math.min(1, Math.max(0, value)));
  };

  Object.assign(compendiumPlay, { bytes, ready, run });
})();
