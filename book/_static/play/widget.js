// The denoiser on a page: choices above, the noisy image, two ways to restore it and the original below.
(() => {
  const play = compendiumPlay;
  const NOISES = {
    saltPepper: { name: "salt and pepper", label: (level) => `${Math.round(100 * level)} % of the pixels` },
    gaussian: { name: "Gaussian", label: (level) => `σ = ${level.toFixed(2)}` },
  };
  const FILTERS = {
    linear: { name: "linear interpolation", only: "saltPepper", apply: play.linear },
    "median 3": { name: "median 3 × 3", apply: (...image) => play.median(...image, 3) },
    "median 5": { name: "median 5 × 5", apply: (...image) => play.median(...image, 5) },
  };
  const CHAPTERS = { "salt-pepper-cae": "Photographs", tuning: "Digits", "depth-latent": "Digits" };
  const PANELS = { noisy: "noisy", network: "network", filter: "", original: "original" };
  let widgets = 0;

  const options = (pairs) => pairs.map(([value, text]) => `<option value="${value}">${text}</option>`).join("");

  const choice = (name, label, inner = "") => `<label>${label} <select name="${name}">${inner}</select></label>`;

  const panel = ([name, title]) => `
    <figure data-panel="${name}">
      <canvas role="img"></canvas>
      <figcaption><strong>${title}</strong>
        ${name === "original" ? "" : '<span>PSNR <data data-of="psnr"></data></span><span>SSIM <data data-of="ssim"></data></span>'}
      </figcaption>
    </figure>`;

  const skeleton = (chapters, id) => `
    <form class="play-form" aria-label="Denoiser">
      <fieldset class="play-subjects" ${chapters.length > 1 ? "" : "hidden"}><legend class="play-hidden">Kind of image</legend>
        ${chapters.map((name) => `<label><input type="radio" name="chapter-${id}" value="${name}"> ${CHAPTERS[name]}</label>`).join("")}
      </fieldset>
      <fieldset class="play-images"><legend>Image</legend><div class="play-thumbs"></div>
        <label class="play-button"><input type="file" name="file" accept="image/*"> Your own …</label>
        <button type="button" class="play-button" name="draw" aria-expanded="false">Draw a digit</button>
      </fieldset>
      <div class="play-drawing" hidden>
        <p>Draw with mouse, pen or finger. <button type="button" class="play-button" name="clear">Clear</button></p>
      </div>
      <p class="play-message" role="alert"></p>
      <div class="play-choices">
        ${choice("kind", "Noise", options(Object.entries(NOISES).map(([value, { name }]) => [value, name])))}
        <label class="play-level">Level <output></output> <input type="range" name="level" min="0" max="100" step="1"></label>
        <button type="button" class="play-button" name="again">Other noise</button>
        ${choice("depth", "Depth")}${choice("latent", "Code")}${choice("network", "Network for")}
        ${choice("filter", "Beside it")}
      </div>
    </form>
    <div class="play-panels">${Object.entries(PANELS).map(panel).join("")}</div>
    <p class="play-note"></p>
    <p class="play-hidden" role="status"></p>`;

  const shown = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "∞");

  const widget = async (region, chapters) => {
    const box = document.createElement("div");
    box.className = "play-widget";
    const id = ++widgets;
    box.innerHTML = skeleton(chapters, id);
    const form = box.querySelector("form"), inputs = form.elements;
    const find = (selector) => box.querySelector(selector);
    let chapter, set, ready, picture, seed, waiting, speaking;
    const pictures = new Map(); // of the present data set, by the value of their radio button

    const say = (text) => (find(".play-message").textContent = text);

    // --- the choices

    const addPicture = (value, made) => {
      pictures.set(value, made);
      const thumbs = find(".play-thumbs");
      let input = thumbs.querySelector(`[value="${value}"]`);
      if (!input) {
        const label = document.createElement("label");
        label.innerHTML = `<input type="radio" name="image-${id}"><canvas></canvas><span class="play-hidden"></span>`;
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
      inputs[name].parentElement.hidden = pairs.length < 2;
    };

    const offerNetworks = () => {
      const deep = chapter.networks[0].depth, many = chapter.networks.length > 1;
      offer("depth", deep ? different("depth").map((depth) => [depth, `${depth} + ${depth} layer${depth > 1 ? "s" : ""}`]) : []);
      offer("latent", deep ? different("latent").map((side) => [side, `4 × ${side} × ${side}`]) : []);
      offer("network", deep || !many ? [] : [["", "the level nearest"], ...chapter.networks.map(({ name }, i) => [i, name])]);
    };

    const offerFilters = () => {
      const before = inputs.filter.value, kind = inputs.kind.value;
      const fitting = Object.entries(FILTERS).filter(([, { only }]) => !only || only === kind);
      offer("filter", fitting.map(([value, { name }]) => [value, name]));
      const first = kind === "saltPepper" && set.channels === 3 ? "linear" : kind === "gaussian" ? "median 5" : "median 3";
      inputs.filter.value = fitting.some(([value]) => value === before) && before !== "median 5" ? before : first;
    };

    const chooseChapter = async (name) => {
      await play.load(`play-${name}.js`);
      const { images } = play.data[name];
      await play.load(`play-${images}.js`);
      [chapter, set] = [play.data[name], play.data[images]];
      ready = new Map();
      seed = chapter.seed;
      pictures.clear();
      find(".play-thumbs").replaceChildren();
      for (const image of set.images) addPicture(`${image.index}`, { ...image, bytes: play.bytes(image.bytes) });
      find(`[name^="chapter-"][value="${name}"]`).checked = true;
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
      const figure = find(`[data-panel="${name}"]`);
      figure.querySelector("strong").textContent = title;
      play.show(figure.querySelector("canvas"), values, set.side, set.channels);
      figure.querySelector("canvas").setAttribute("aria-label", `${picture.name}, ${title}`);
      if (name === "original") return null;
      const numbers = { psnr: play.psnr(reference, values), ssim: play.ssim(reference, values, set.side, set.channels) };
      for (const data of figure.querySelectorAll("data")) {
        const value = numbers[data.dataset.of];
        data.value = value;
        data.textContent = data.dataset.of === "psnr" ? `${shown(value, 2)} dB` : shown(value, 3);
      }
      return numbers;
    };

    const compute = () => {
      const level = inputs.level.value / 100, kind = inputs.kind.value;
      const reference = Float64Array.from(picture.bytes, (byte) => byte / 255);
      const number = chosenNetwork(level), filter = FILTERS[inputs.filter.value];
      const noisy = corrupted(kind, level);
      const numbers = {
        noisy: fill("noisy", "noisy", noisy, reference),
        network: fill("network", chapter.networks.length > 1 ? `network ${chapter.networks[number].name}` : "network", restored(noisy, number), reference),
        filter: fill("filter", filter.name, filter.apply(noisy, set.side, set.channels), reference),
      };
      fill("original", "original", reference);
      const best = Object.keys(numbers).reduce((a, b) => (numbers[b].psnr > numbers[a].psnr ? b : a));
      for (const figure of box.querySelectorAll("[data-panel]")) figure.toggleAttribute("data-best", figure.dataset.panel === best);
      find("output").textContent = NOISES[kind].label(level);
      inputs.level.setAttribute("aria-valuetext", NOISES[kind].label(level));
      note(kind, number);
      announce(numbers, filter, kind, level);
    };

    const note = (kind, number) => {
      const stranger = kind === chapter.kind ? "" : " This noise is new to it.";
      const { parameters } = chapter.networks[number];
      find(".play-note").textContent =
        `The network, ${parameters.toLocaleString("en")} weights, has learnt from ${chapter.learnt}.${stranger} ${picture.note ?? ""}`;
    };

    const announce = (numbers, filter, kind, level) => {
      clearTimeout(speaking);
      speaking = setTimeout(() => {
        const names = { noisy: "noisy image", network: "network", filter: filter.name };
        const parts = Object.entries(numbers).map(([name, { psnr }]) => `${names[name]} ${shown(psnr, 1)} dB`);
        find('[role="status"]').textContent = `${picture.name}, ${NOISES[kind].label(level)}: ${parts.join(", ")}.`;
      }, 1200);
    };

    const update = () => {
      waiting ??= requestAnimationFrame(() => {
        waiting = null;
        compute();
      });
    };

    // --- pictures that the reader brings

    const open = async (file) => {
      say("");
      try {
        const made = await play.fromFile(file, set.side, set.channels);
        addPicture("own", { ...made, name: "your picture" });
        choosePicture("own");
      } catch (fault) {
        say(fault.message);
      }
    };

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
      if (is) draw.clear();
    };

    // --- what the reader does

    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", ({ target }) => {
      if (target.name === "file") return;
      if (target.name.startsWith("chapter-")) chooseChapter(target.value);
      else if (target.name.startsWith("image-")) choosePicture(target.value);
      else {
        if (target.name === "kind") offerFilters();
        update();
      }
    });
    inputs.file.addEventListener("change", () => {
      if (inputs.file.files.length) open(inputs.file.files[0]);
      inputs.file.value = "";
    });
    inputs.again.addEventListener("click", () => {
      seed += 1;
      update();
    });
    inputs.draw.addEventListener("click", () => openDrawing(find(".play-drawing").hidden));
    inputs.clear.addEventListener("click", draw.clear);
    const dragged = (is) => (event) => {
      event.preventDefault();
      box.toggleAttribute("data-dragged", is);
    };
    box.addEventListener("dragover", dragged(true));
    box.addEventListener("dragleave", dragged(false));
    box.addEventListener("drop", (event) => {
      dragged(false)(event);
      if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
      else say("That was no file. Drop a picture from your computer.");
    });

    await play.prepareFilters();
    await chooseChapter(chapters[0]);
    cancelAnimationFrame(waiting);
    waiting = null;
    compute();
    const fallback = [...region.childNodes];
    region.append(box);
    for (const node of fallback) node.remove();
  };

  play.widget = widget;
})();
