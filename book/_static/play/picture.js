// Pictures that a reader brings: a file, brought to the network's size, or a digit drawn by hand.
(() => {
  const canvasOf = (side) => Object.assign(document.createElement("canvas"), { width: side, height: side });

  const pixelsOf = (canvas) =>
    canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height).data;

  const grey = (red, green, blue) => Math.round(0.299 * red + 0.587 * green + 0.114 * blue);

  const bytesOf = (canvas, channels) => {
    const pixels = pixelsOf(canvas);
    const bytes = new Uint8Array((pixels.length / 4) * channels);
    for (let i = 0, to = 0; i < pixels.length; i += 4, to += channels) {
      const colour = pixels.subarray(i, i + 3);
      bytes.set(channels === 3 ? colour : [grey(...colour)], to);
    }
    return bytes;
  };

  // The middle square on white, halved until it is less than twice the size, so that every pixel counts.
  const shrunk = (picture, side) => {
    const cut = Math.min(picture.width, picture.height);
    let size = Math.max(side, Math.min(cut, 1024));
    let canvas = canvasOf(size);
    const draw = (target, source, ...box) => {
      const context = target.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, target.width, target.height);
      context.imageSmoothingQuality = "high";
      context.drawImage(source, ...box, 0, 0, target.width, target.height);
    };
    draw(canvas, picture, (picture.width - cut) / 2, (picture.height - cut) / 2, cut, cut);
    while (size > side) {
      const next = Math.max(side, Math.floor(size / 2)), smaller = canvasOf(next);
      draw(smaller, canvas, 0, 0, size, size);
      [canvas, size] = [smaller, next];
    }
    return canvas;
  };

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  const edge = (bytes, side) =>
    bytes.filter((_, i) => i < side || i >= bytes.length - side || i % side === 0 || i % side === side - 1);

  // A file as bytes of a `side` by `side` image. Of grey ones with a light edge the negative: digits are light on
  // black. Throws an Error for the reader where the browser cannot open it.
  const fromFile = async (file, side, channels) => {
    const picture = await createImageBitmap(file).catch(() => {
      throw new Error(`“${file.name}” is no picture that this browser can open. Choose a PNG, JPEG, WebP or GIF file.`);
    });
    const bytes = bytesOf(shrunk(picture, side), channels);
    const size = `${picture.width} × ${picture.height}`;
    picture.close();
    const turned = channels === 1 && mean(edge(bytes, side)) > 127;
    const note = `“${file.name}”: the middle of ${size} pixels, brought to ${side} × ${side}`;
    return {
      bytes: turned ? bytes.map((byte) => 255 - byte) : bytes,
      note: turned ? `${note}, in grey, light and dark exchanged.` : `${note}${channels === 1 ? ", in grey" : ""}.`,
    };
  };

  const PEN = 2.2; // pixels wide, as the strokes of the digits

  // A canvas to draw on; `changed` is told the bytes after every stroke of the pen.
  const drawing = (side, changed) => {
    const scale = 10, canvas = canvasOf(side * scale), context = canvas.getContext("2d", { willReadFrequently: true });
    const clear = () => {
      context.fillStyle = "#000";
      context.fillRect(0, 0, canvas.width, canvas.height);
      changed(bytesOf(shrunk(canvas, side), 1));
    };
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
    };
    Object.assign(context, { strokeStyle: "#fff", lineWidth: PEN * scale, lineCap: "round", lineJoin: "round" });
    let last = null;
    const stroke = (event) => {
      if (!last) return;
      const here = place(event);
      context.beginPath();
      context.moveTo(...last);
      context.lineTo(...here);
      context.stroke();
      last = here;
      changed(bytesOf(shrunk(canvas, side), 1));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = place(event);
      stroke(event);
    });
    canvas.addEventListener("pointermove", stroke);
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
    return { canvas, clear };
  };

  // Show bytes or values from 0 to 1 on a canvas of as many pixels.
  const show = (canvas, values, side, channels) => {
    const white = values instanceof Uint8Array ? 1 : 255;
    const pixels = new ImageData(side, side);
    for (let pixel = 0; pixel < side * side; pixel++) {
      for (let k = 0; k < 3; k++) pixels.data[4 * pixel + k] = white * values[pixel * channels + (channels === 3 ? k : 0)];
      pixels.data[4 * pixel + 3] = 255;
    }
    canvas.width = canvas.height = side;
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  };

  Object.assign(compendiumPlay, { fromFile, drawing, show });
})();
