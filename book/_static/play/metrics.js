// PSNR and SSIM as `compendium.metrics` defines them, of values from 0 to 1, channels last.
(() => {
  const psnr = (reference, image) => {
    const squares = reference.reduce((sum, value, i) => sum + (value - image[i]) ** 2, 0);
    return -10 * Math.log10(squares / reference.length);
  };

  // Sums over seven neighbours `step` apart, at every place of a plane's rows or columns that has all seven.
  const sevens = (plane, rows, columns, down) => {
    const [height, width, step] = down ? [rows - 6, columns, columns] : [rows, columns - 6, 1];
    const sums = new Float64Array(height * width);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < 7; k++) sum += plane[y * columns + x + k * step];
        sums[y * width + x] = sum;
      }
    return sums;
  };

  const means = (plane, side) =>
    sevens(sevens(plane, side, side, true), side - 6, side, false).map((sum) => sum / 49);

  const ssimOfPlane = (x, y, side) => {
    const c1 = 0.01 ** 2, c2 = 0.03 ** 2, sample = 49 / 48;
    const meanX = means(x, side), meanY = means(y, side);
    const squares = means(x.map((value, i) => value * value + y[i] * y[i]), side);
    const products = means(x.map((value, i) => value * y[i]), side);
    return squares.reduce((sum, square, i) => {
      const both = meanX[i] * meanY[i], each = meanX[i] ** 2 + meanY[i] ** 2;
      const covariance = sample * (products[i] - both), variances = sample * (square - each);
      return sum + ((2 * both + c1) * (2 * covariance + c2)) / ((each + c1) * (variances + c2));
    }, 0) / squares.length;
  };

  // Mean over channels and uniform 7x7 windows, with the sample covariance: scikit-image's default.
  const ssim = (reference, image, side, channels) => {
    let total = 0;
    for (let channel = 0; channel < channels; channel++) {
      const plane = (values) => Float64Array.from({ length: side * side }, (_, i) => values[i * channels + channel]);
      total += ssimOfPlane(plane(reference), plane(image), side);
    }
    return total / channels;
  };

  Object.assign(compendiumPlay, { psnr, ssim });
})();
