// The denoiser on a page: choices above, the noisy image, two ways to restore it and the original below.
(() => {
  const play = compendiumPlay;
  const NOISES = {
    saltPepper: { name: "salt and pepper", label: (level) => `${Math.round(100 * level)} % of the pixels` },
    gaussian: { name: "Gaussian", label: (level) => `σ = ${level.toFixed(2)}` },
  };
  const FILTERS = {
    linear: { name: "interpolation", only: "saltPepper", apply: play.linear },
    "median 3": { name: "median 3 × 3", apply: (...image) => play.median(...image, 3) },
    "median 5": { name: "median 5 × 5", apply: (...image) => play.median(...image, 5) },
  };
  const CHAPTERS = { "salt-pepper-cae": "Photographs", tuning: "Digits", "depth-latent": "Digits" };
  let widgets = 0;

  const options = (pairs) => pairs.map(([value, text]) => `<option value="${value}">${text}</option>`).join("");

  const choice = (name, label) => `<select name="${name}" aria-label="${label}"></select>`;

  const numbers = `<span>PSNR <data data-of="psnr"></data></span><span>SSIM <data data-of="ssim"></data></span>`;

  const panel = (name, title, inner) => `
    <figure data-panel="${name}"><canvas role="img"></canvas>
      <figcaption><strong>${title}</strong>${inner}</figcaption>
    </figure>`;

  const skeleton = (chapters, id) => `
    <form class="play-widget" aria-label="Denoiser">
      <fieldset class="play-subjects" ${chapters.length > 1 ? "" : "hidden"}><legend class="visually-hidden">Kind of image</legend>
        ${chapters.map((name) => `<label><input type="radio" name="chapter-${id}" value="${name}"> ${CHAPTERS[name]}</label>`).join("")}
      </fieldset>
      <fieldset class="play-images"><legend>Image</legend><div class="play-thumbs"></div>
        <label class="play-button"><input type="file" class="visually-hidden" name="file" accept="${play.types}"> Your own …</label>
        <button type="button" class="play-button" name="draw" aria-expanded="false">Draw …</button>
        <p class="play-hint">You can also drop or paste a picture. Its middle square is used, and it stays in this browser.</p>
      </fieldset>
      <div class="play-drawing" hidden>
        <p>Draw with mouse, pen or finger.<br><button type="button" class="play-button" name="undo">Undo</button>
          <button type="button" class="play-button" name="clear">Clear</button></p>
      </div>
      <p class="play-message" role="alert"></p>
      <div class="play-noise">
        <label>Noise <select name="kind">${options(Object.entries(NOISES).map(([value, { name }]) => [value, name]))}</select></label>
        <div class="play-level"><label for="play-level-${id}">Level</label> <span aria-hidden="true"></span>
          <input type="range" id="play-level-${id}" name="level" min="0" max="100" step="1"></div>
        <button type="button" class="play-button" name="again">Other noise</button>
      </div>
      <div class="play-panels">
        ${panel("noisy", "Noisy", numbers)}
        ${panel("network", "Network", numbers + choice("network", "Network") + choice("depth", "Depth of the network") + choice("latent", "Code of the network: channels, height and width"))}
        ${panel("filter", "Filter", numbers + choice("filter", "Filter"))}
        ${panel("original", "Original", "")}
      </div>
      <p class="play-note"></p>
      <p class="visually-hidden" role="status"></p>
    </form>`;

  const shown = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "∞");

  const widget = async (region, chapters) => {
    const id = ++widgets;
    const box = document.createRange().createContextualFragment(skeleton(chapters, id)).firstElementChild;
    const inputs = box.elements;
    const find = (selector) => box.querySelector(selector);
    let chapter, set, ready, picture, seed, waiting, speaking, asked = 0;
    const pictures = new Map(); // of the present data set, by the value of their radio button

    const say = (text) => (find(".play-message").textContent = text);

    // --- the choices

    const addPicture = (value, made) => {
      pictures.set(value, made);
      const thumbs = find(".play-thumbs");
      let input = thumbs.querySelector(`[value="${value}"]`);
      if (!input) {
        const label = document.createElement("label");
        label.innerHTML = `<input type="radio" name="image-${id}"><canvas></canvas><span class="visually-hidden"></span>`;
        thumbs.append(label);
        input = label.querySelector("input");
        input.value = value;
      }
      const label = input.parentElement;
      label.title = made.name;
      label.querySelector("span").textContent = made.name;
      play.show(label.querySelector("canvas"), made.bytes, set.side, set.channels);
      return input;
    };

    const choosePicture = (value) => {
      picture = pictures.get(value);
      find(`.play-thumbs [value="${value}"]`).checked = true;
      update();
    };

    const different = (name) => [...new Set(chapter.networks.map((network) => network[name]))];

    const offer = (name, pairs) => {
      inputs[name].innerHTML = options(pairs);
      inputs[name].hidden = pairs.length < 2;
    };

    const offerNetworks = () => {
      const deep = chapter.networks[0].depth, many = chapter.networks.length > 1;
      offer("depth", deep ? different("depth").map((depth) => [depth, `${depth} + ${depth} layers`]) : []);
      offer("latent", deep ? different("latent").map((side) => [side, `4 × ${side} × ${side}`]) : []);
      offer("network", deep || !many ? [] : [["", "nearest level"], ...chapter.networks.map(({ name }, i) => [i, `for ${name}`])]);
    };

    const offerFilters = () => {
      const before = inputs.filter.value, kind = inputs.kind.value;
      const fitting = Object.entries(FILTERS).filter(([, { only }]) => !only || only === kind);
      offer("filter", fitting.map(([value, { name }]) => [value, name]));
      const first = kind === "saltPepper" && set.channels === 3 ? "linear" : kind === "gaussian" ? "median 5" : "median 3";
      inputs.filter.value = fitting.some(([value]) => value === before) && before !== "median 5" ? before : first;
    };

    const chooseChapter = async (name) => {
      const chosen = find(`[name^="chapter-"][value="${name}"]`);
      chosen.checked = true;
      await play.load(`play-${name}.js`);
      const { images } = play.data[name];
      await play.load(`play-${images}.js`);
      if (!chosen.checked) return; // another one was chosen meanwhile
      [chapter, set] = [play.data[name], play.data[images]];
      ready = new Map();
      seed = chapter.seed;
      pictures.clear();
      find(".play-thumbs").replaceChildren();
      for (const image of set.images) addPicture(`${image.index}`, { ...image, bytes: play.bytes(image.bytes) });
      inputs.draw.hidden = set.channels === 3;
      openDrawing(false);
      inputs.kind.value = chapter.kind;
      inputs.level.value = 100 * chapter.level;
      offerNetworks();
      inputs.filter.value = "";
      offerFilters();
      say("");
      choosePicture(`${set.images[0].index}`);
    };

    const chosenNetwork = (level) => {
      const { networks } = chapter;
      if (networks[0].depth) {
        return networks.findIndex(({ depth, latent }) => depth === +inputs.depth.value && latent === +inputs.latent.value);
      }
      if (inputs.network.value) return +inputs.network.value;
      const away = networks.map((network) => Math.abs((network.level ?? level) - level));
      return away.indexOf(Math.min(...away));
    };

    // --- what they give

    const corrupted = (kind, level) => {
      const index = picture.index ?? 0;
      return kind === "gaussian"
        ? Float64Array.from(play.gaussian(picture.bytes, level, seed, index))
        : Float64Array.from(play.saltPepper(picture.bytes, set.channels, level, seed, index), (byte) => byte / 255);
    };

    const restored = (noisy, number) => {
      if (!ready.has(number)) ready.set(number, play.ready(chapter.networks[number].layers));
      return play.run(ready.get(number), noisy, set.side, set.channels);
    };

    const fill = (name, title, values, reference) => {
      const figure = find(`[data-panel="${name}"]`), canvas = figure.querySelector("canvas");
      play.show(canvas, values, set.side, set.channels);
      canvas.setAttribute("aria-label", `${picture.name}, ${title}`);
      if (values === reference) return Infinity;
      const found = { psnr: play.psnr(reference, values), ssim: play.ssim(reference, values, set.side, set.channels) };
      for (const data of figure.querySelectorAll("data")) {
        data.value = found[data.dataset.of];
        data.textContent = data.dataset.of === "psnr" ? `${shown(found.psnr, 2)} dB` : shown(found.ssim, 3);
      }
      return found.psnr;
    };

    const compute = () => {
      const level = inputs.level.value / 100, kind = inputs.kind.value;
      const reference = Float64Array.from(picture.bytes, (byte) => byte / 255);
      const number = chosenNetwork(level), filter = FILTERS[inputs.filter.value];
      const { name, parameters } = chapter.networks[number];
      const noisy = corrupted(kind, level);
      const psnr = {
        noisy: fill("noisy", "noisy", noisy, reference),
        network: fill("network", `restored by the network ${name}`, restored(noisy, number), reference),
        filter: fill("filter", `restored by ${filter.name}`, filter.apply(noisy, set.side, set.channels), reference),
      };
      fill("original", "original", reference, reference);
      const best = Object.keys(psnr).reduce((a, b) => (psnr[b] > psnr[a] ? b : a));
      for (const figure of box.querySelectorAll("[data-panel]")) figure.toggleAttribute("data-best", figure.dataset.panel === best);
      const condition = NOISES[kind].label(level);
      find(".play-level span").textContent = condition;
      inputs.level.setAttribute("aria-valuetext", condition);
      const stranger = kind === chapter.kind ? "" : " This kind of noise is new to it.";
      find(".play-note").textContent =
        `The framed image has the highest PSNR. The network${name === "tuned" ? "" : ` (${name})`} has ${parameters.toLocaleString("en")} ` +
        `weights and has learnt from ${chapter.learnt}.${stranger} ${picture.note ?? ""}`;
      announce(`${picture.name}, ${condition}`, { "noisy image": psnr.noisy, network: psnr.network, [filter.name]: psnr.filter });
    };

    // PSNR in words, once the reader rests.
    const announce = (what, psnr) => {
      clearTimeout(speaking);
      speaking = setTimeout(() => {
        const parts = Object.entries(psnr).map(([name, value]) => `${name} ${shown(value, 1)} dB`);
        find('[role="status"]').textContent = `${what}: ${parts.join(", ")}.`;
      }, 1200);
    };

    const update = () => {
      waiting ??= requestAnimationFrame(() => {
        waiting = null;
        compute();
      });
    };

    // --- pictures that the reader brings

    // Of what a reader asks for, the last counts: `late` says whether something else was asked meanwhile.
    const attempt = async (action) => {
      const turn = ++asked, late = () => turn !== asked;
      say("");
      try {
        if (!play.readsTruly()) throw new Error(
          "This browser alters what a page reads from a canvas, against tracking, so the numbers would be wrong. " +
          "Allow this page to read canvases, or use another browser.");
        await action(late);
      } catch (fault) {
        if (!late()) say(fault.message);
      }
    };

    const open = ({ files }) => attempt(async (late) => {
      if (!files.length) throw new Error("That was no file. Save the picture on your device, and choose its file.");
      const first = files.length > 1 ? `The first of ${files.length} files is shown. ` : "";
      const found = await play.opened(files[0]);
      if (late()) return;
      const { bytes, note } = play.fitted(found, set.side, set.channels);
      addPicture("own", { bytes, name: "your picture", note: first + note });
      choosePicture("own");
    });

    const draw = play.drawing(28, (bytes) => {
      if (set?.channels !== 1 || find(".play-drawing").hidden) return;
      const empty = bytes.every((byte) => byte === 0);
      addPicture("drawn", { bytes, name: "your digit", note: empty ? "Nothing is drawn yet: the original is black." : "" });
      choosePicture("drawn");
    });
    draw.canvas.setAttribute("role", "img");
    draw.canvas.setAttribute("aria-label", "Canvas to draw a digit on");
    find(".play-drawing").prepend(draw.canvas);

    const openDrawing = (is) => {
      find(".play-drawing").hidden = !is;
      inputs.draw.setAttribute("aria-expanded", is);
      if (is) draw.paint();
    };

    // --- what the reader does

    box.addEventListener("submit", (event) => event.preventDefault());
    box.addEventListener("input", ({ target }) => {
      if (target.name === "file") return;
      if (target.name.startsWith("chapter-")) chooseChapter(target.value);
      else if (target.name.startsWith("image-")) choosePicture(target.value);
      else {
        if (target.name === "kind") offerFilters();
        update();
      }
    });
    inputs.file.addEventListener("change", () => {
      if (inputs.file.files.length) open(inputs.file);
      inputs.file.value = "";
    });
    inputs.again.addEventListener("click", () => {
      seed += 1;
      update();
    });
    inputs.draw.addEventListener("click", () => attempt(() => openDrawing(find(".play-drawing").hidden)));
    inputs.undo.addEventListener("click", draw.undo);
    inputs.clear.addEventListener("click", draw.clear);
    const dragged = (is) => (event) => {
      event.preventDefault();
      box.toggleAttribute("data-dragged", is);
    };
    box.addEventListener("dragover", dragged(true));
    box.addEventListener("dragleave", dragged(false));
    box.addEventListener("drop", (event) => {
      dragged(false)(event);
      open(event.dataTransfer);
    });

    await play.prepareFilters();
    await chooseChapter(chapters[0]);
    cancelAnimationFrame(waiting);
    waiting = null;
    compute();

    const typed = ({ target }) => target.matches(":read-write"); // into the search, which has its own paste and undo
    document.addEventListener("paste", (event) => {
      if (!typed(event)) open(event.clipboardData);
    });
    document.addEventListener("keydown", (event) => {
      const asks = event.key === "z" && (event.ctrlKey || event.metaKey);
      if (!asks || typed(event) || find(".play-drawing").hidden) return;
      event.preventDefault();
      draw.undo();
    });

    const fallback = [...region.childNodes];
    region.append(box);
    if (fallback.some((node) => node.contains(document.activeElement))) { // who came by keyboard stays here
      const shown = [...box.querySelectorAll("input:checked, select")].find((control) => control.checkVisibility());
      shown.focus({ preventScroll: true });
    }
    for (const node of fallback) node.remove();
  };

  play.widget = widget;
})();
