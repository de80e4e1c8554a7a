// Pictures that a reader brings: a file, brought to the network's size, or a digit drawn by hand.
(() => {
  const canvasOf = (width, height = width) => Object.assign(document.createElement("canvas"), { width, height });

  const contextOf = (canvas) => canvas.getContext("2d", { willReadFrequently: true });

  const pixelsOf = (canvas) => contextOf(canvas).getImageData(0, 0, canvas.width, canvas.height).data;

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

  // The middle square, halved until it is less than twice the size, so that every pixel counts.
  const shrunk = (picture, side) => {
    const cut = Math.min(picture.width, picture.height);
    let size = Math.max(side, Math.min(cut, 1024));
    let canvas = canvasOf(size);
    const draw = (target, source, ...box) => {
      const context = contextOf(target);
      context.imageSmoothingQuality = "high";
      context.drawImage(source, ...box, 0, 0, target.width, target.height);
    };
    draw(canvas, picture, (picture.width - cut) >> 1, (picture.height - cut) >> 1, cut, cut);
    while (size > side) {
      const next = Math.max(side, Math.floor(size / 2)), smaller = canvasOf(next);
      draw(smaller, canvas, 0, 0, size, size);
      [canvas, size] = [smaller, next];
    }
    return canvas;
  };

  // Lay black behind light colours and white behind dark ones. Gives the share that is opaque, and what lies behind.
  const backed = (canvas) => {
    const pixels = pixelsOf(canvas), context = contextOf(canvas);
    let opaque = 0, light = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      opaque += pixels[i + 3];
      light += pixels[i + 3] * grey(...pixels.subarray(i, i + 3));
    }
    const behind = light > 127 * opaque ? "black" : "white";
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = behind;
    context.fillRect(0, 0, canvas.width, canvas.height);
    return [opaque / (255 * canvas.width * canvas.height), behind];
  };

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  const edge = (bytes, side) =>
    bytes.filter((_, i) => i < side || i >= bytes.length - side || i % side === 0 || i % side === side - 1);

  // Show bytes or values from 0 to 1 on a canvas of as many pixels.
  const show = (canvas, values, side, channels) => {
    const white = values instanceof Uint8Array ? 1 : 255;
    const pixels = new ImageData(side, side);
    for (let pixel = 0; pixel < side * side; pixel++) {
      for (let k = 0; k < 3; k++) pixels.data[4 * pixel + k] = white * values[pixel * channels + (channels === 3 ? k : 0)];
      pixels.data[4 * pixel + 3] = 255;
    }
    canvas.width = canvas.height = side;
    contextOf(canvas).putImageData(pixels, 0, 0);
  };

  // Whether known pixels come back: against tracking, some browsers alter what a page reads from its canvases.
  const readsTruly = () => {
    const canvas = canvasOf(64), known = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => 7 * i * i);
    show(canvas, known, 64, 3);
    return bytesOf(canvas, 3).every((byte, i) => byte === known[i]);
  };

  // How files begin, read byte by byte: of the types that the reader is offered, and of others that people have.
  const OFFERED = {
    "image/png": /^.PNG/s,
    "image/jpeg": /^ÿØÿ/,
    "image/gif": /^GIF8/,
    "image/webp": /^RIFF.{4}WEBP/s,
    "image/avif": /^.{4}ftypavi[fs]/s,
    "image/bmp": /^BM.{4}\0{4}/s,
    "image/svg+xml": /^(ï»¿)?\s*(?!<!doctype html)<([?!].*<)?svg\s/is,
  };
  const OTHERS = {
    TIFF: /^(II\*\0|MM\0\*)/,
    HEIC: /^.{4}ftyp(he|mi|ms)/s,
    "JPEG XL": /^(ÿ\n|.{4}JXL )/s,
    "JPEG 2000": /^(ÿOÿQ|.{4}jP )/s,
    PSD: /^8BPS/,
    PDF: /^%PDF/,
  };
  const ANIMATED = /^.PNG.*acTL|^RIFF.{4}WEBPVP8X.*ANIM|^.{4}ftypavis|^GIF8(.*?!ù\x04.{4}\0[,!]){2}/s;

  const kindOf = (content, kinds) => Object.keys(kinds).find((kind) => kinds[kind].test(content));

  const called = (type) => /\/(\w+)/.exec(type)[1].toUpperCase();

  // An SVG file has no pixels and need not have a size: the browser says how large it would show it.
  const drawn = async (file) => {
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(await file.text())}`;
    await image.decode();
    const canvas = canvasOf(image.naturalWidth, image.naturalHeight);
    contextOf(canvas).drawImage(image, 0, 0);
    return createImageBitmap(canvas);
  };

  const why = (content) => {
    const type = kindOf(content, OFFERED), other = kindOf(content, OTHERS);
    if (!content) return "is empty. Choose another file.";
    if (type) return `is ${called(type)}, but damaged, incomplete or too large for this browser. Save it anew as PNG or JPEG.`;
    if (other) return `is ${other}, which this browser cannot open. Save it as PNG or JPEG, and choose that.`;
    return `is no picture that this browser can open. Choose one of ${Object.keys(OFFERED).map(called).join(", ")}.`;
  };

  // The first frame of the picture in a file, and whether others follow. Errors here and below are for the reader.
  const opened = async (file) => {
    const refuse = (reason) => {
      throw new Error(`“${file.name}” ${reason}`);
    };
    const content = new TextDecoder("latin1").decode(
      await file.arrayBuffer().catch(() => refuse("cannot be read. If it is a folder, choose one picture in it.")));
    const decode = kindOf(content, OFFERED) === "image/svg+xml" ? drawn : createImageBitmap;
    const picture = await decode(file).catch(() => refuse(why(content)));
    return { picture, name: file.name, animated: ANIMATED.test(content.split("IDAT", 1)[0]) }; // a PNG says so before its pixels
  };

  // A picture as bytes of a `side` by `side` image, and what was done to it. Of grey ones with a light edge the
  // negative: digits are light on black.
  const fitted = ({ picture, name, animated }, side, channels) => {
    const { width, height } = picture, canvas = shrunk(picture, side), [opaque, behind] = backed(canvas);
    picture.close();
    if (!opaque) throw new Error(`“${name}” is transparent in its middle square. Choose a picture with something there.`);
    const bytes = bytesOf(canvas, channels), turned = channels === 1 && mean(edge(bytes, side)) > 127;
    const done = [
      `“${name}”: ${animated ? "the first frame, " : ""}${width === height ? "" : "the middle square of "}${width} × ${height} pixels`,
      `brought to ${side} × ${side}`,
      ...(channels === 1 ? ["in grey"] : []),
      ...(opaque < 0.999 ? [`what is transparent made ${behind}`] : []),
      ...(turned ? ["light and dark exchanged"] : []),
    ];
    return { bytes: turned ? bytes.map((byte) => 255 - byte) : bytes, note: `${done.join(", ")}.` };
  };

  const PEN = 2.2; // pixels wide, as the strokes of the digits

  // A canvas to draw on; `changed` is told the bytes after every move of the pen and every step back.
  const drawing = (side, changed) => {
    const scale = 10, canvas = canvasOf(side * scale), context = contextOf(canvas);
    let states = [[]]; // the strokes, as lists of points, after each thing done
    let pen = null, stroke = [];
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
    };
    Object.assign(context, { fillStyle: "#000", strokeStyle: "#fff", lineWidth: PEN * scale, lineCap: "round", lineJoin: "round" });
    const paint = () => {
      context.fillRect(0, 0, canvas.width, canvas.height);
      for (const points of states.at(-1)) {
        context.beginPath();
        context.moveTo(...points[0]);
        for (const point of points) context.lineTo(...point);
        context.stroke();
      }
      changed(bytesOf(shrunk(canvas, side), 1));
    };
    const clear = () => {
      states.push([]);
      paint();
    };
    const undo = () => {
      if (states.length > 1) states.pop();
      paint();
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button) return; // a second finger, or another button than the first
      canvas.setPointerCapture(event.pointerId);
      [pen, stroke] = [event.pointerId, [place(event)]];
      states.push([...states.at(-1), stroke]);
      paint();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pen) return;
      stroke.push(place(event));
      paint();
    });
    const ends = (undone) => (event) => {
      if (event.pointerId !== pen) return;
      pen = null;
      if (undone) states = states.filter((strokes) => !strokes.includes(stroke));
      paint();
    };
    canvas.addEventListener("pointerup", ends(false));
    canvas.addEventListener("pointercancel", ends(true)); // as of a palm
    // a finger's quick stroke would be taken for a flick, and swallow the next tap
    canvas.addEventListener("touchstart", (event) => event.preventDefault());
    return { canvas, paint, clear, undo };
  };

  Object.assign(compendiumPlay, { types: Object.keys(OFFERED), readsTruly, opened, fitted, drawing, show });
})();
