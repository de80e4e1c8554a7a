// A live figure in place of each `.trials` of a page: a hundred repeated experiments with two methods, the 95 %
// interval of each, unpaired beside paired. Without JavaScript the page shows what stands in the element.
(() => {
  // Student's t: quantiles at 0.975 for 1, 2, ... degrees of freedom, as SciPy has them.
  const QUANTILES = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423, 2.0395, 2.0369, 2.0345, 2.0322, 2.0301, 2.0281, 2.0262, 2.0244, 2.0227, 2.0211, 2.0195, 2.0181,
    2.0167, 2.0154, 2.0141, 2.0129, 2.0117, 2.0106, 2.0096, 2.0086, 2.0076, 2.0066, 2.0057, 2.0049, 2.004, 2.0032,
    2.0025, 2.0017,
  ];
  const EXPERIMENTS = 100, MOST = 30, START = 1;
  const FROM = -2, TO = 3; // of the axis, in dB
  const SLIDERS = {
    seeds: { label: "Seeds per method", min: 2, max: MOST, step: 1, value: 5 },
    difference: { label: "True difference", min: 0, max: 1, step: 0.1, value: 0.5, unit: "dB" },
    shared: { label: "Spread between seeds", min: 0, max: 2, step: 0.1, value: 0.8, unit: "dB" },
    within: { label: "Spread of the paired differences", min: 0.1, max: 2, step: 0.1, value: 0.4, unit: "dB" },
  };
  const DESIGNS = { unpaired: "Unpaired", paired: "Paired" };
  const SEEDING = { unpaired: "each method has its own seeds", paired: "both methods have the same seeds" };

  // --- the experiments

  // Standard normal numbers from a seed: Mulberry32, a generator of 32 bits, and Box and Muller's transform.
  const normals = (seed, number) => {
    let state = Math.imul(seed, 0x9e3779b9);
    const uniform = () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
    };
    return Float64Array.from({ length: number }, () =>
      Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
  };

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  const squares = (values) => {
    const middle = mean(values);
    return values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  };

  const interval = (estimate, error, freedom) => {
    const half = QUANTILES[freedom - 1] * error;
    return { estimate, low: estimate - half, high: estimate + half };
  };

  // First minus second: of two rows of equal length that have nothing in common, and of pairs.
  const unpaired = (first, second) => {
    const number = first.length, freedom = 2 * number - 2;
    const variance = (squares(first) + squares(second)) / freedom;
    return interval(mean(first) - mean(second), Math.sqrt((2 * variance) / number), freedom);
  };

  const paired = (first, second) => {
    const number = first.length, differences = first.map((value, i) => value - second[i]);
    return interval(mean(differences), Math.sqrt(squares(differences) / (number - 1) / number), number - 1);
  };

  // The experiments of a seed. Their draws stay when a setting moves, which only scales or counts them.
  const experiments = ({ seeds, difference, shared, within }, seed) => {
    const draws = normals(seed, EXPERIMENTS * 4 * MOST);
    return Array.from({ length: EXPERIMENTS }, (_, place) => {
      const [luck, other, own, rest] = [0, 1, 2, 3].map((row) =>
        draws.subarray((4 * place + row) * MOST, (4 * place + row) * MOST + seeds));
      const at = (base, seedLuck, noise) =>
        Array.from(seedLuck, (value, i) => base + shared * value + (within / Math.SQRT2) * noise[i]);
      const first = at(difference, luck, own), partner = at(0, luck, rest), stranger = at(0, other, rest);
      return {
        first, partner, stranger, unpaired: unpaired(first, stranger), paired: paired(first, partner),
      };
    });
  };

  const counts = (found, truth) => ({
    holding: found.filter(({ low, high }) => low <= truth && truth <= high).length,
    excluding: found.filter(({ low, high }) => low > 0 || high < 0).length,
    width: mean(found.map(({ low, high }) => high - low)),
  });

  // --- the figure

  const across = (value) => (100 * (value - FROM)) / (TO - FROM);

  const line = (x1, y1, x2, y2, kind) =>
    `<line class="${kind}" x1="${x1.toFixed(2)}" y1="${y1}" x2="${x2.toFixed(2)}" y2="${y2}"/>`;

  // Intervals from top to bottom. What reaches beyond the axis is cut at its ends.
  const drawing = (found, truth) => {
    const inside = (value) => across(Math.min(TO, Math.max(FROM, value)));
    const rows = found.map(({ estimate, low, high }, place) => {
      const kind = [low > 0 || high < 0 ? "excluding" : "", low <= truth && truth <= high ? "" : "missing"];
      const y = place + 0.5, middle = inside(estimate);
      const dot = kind[1] ? line(middle, y, middle, y, "dot") : "";
      return line(inside(low), y, inside(high), y, `interval ${kind.join(" ")}`) + dot;
    });
    const marks = line(across(0), 0, across(0), found.length, "zero")
      + line(across(truth), 0, across(truth), found.length, "truth");
    return marks + rows.join("");
  };

  const ticks = Array.from({ length: TO - FROM + 1 }, (_, i) => FROM + i)
    .map((value) => `<span style="left: ${across(value)}%">${`${value}`.replace("-", "−")}</span>`).join("");

  const slider = ([name, { label, min, max, step, value }], id) => `
    <div><label for="trials-${name}-${id}">${label}</label> <span aria-hidden="true"></span>
      <input type="range" id="trials-${name}-${id}" name="${name}" min="${min}" max="${max}" step="${step}" value="${value}"></div>`;

  const panel = (name) => `
    <div data-design="${name}"><p><strong>${DESIGNS[name]}</strong>: ${SEEDING[name]}</p>
      <svg role="img" viewBox="0 0 100 ${EXPERIMENTS}" preserveAspectRatio="none"></svg>
      <div class="trials-axis" aria-hidden="true">${ticks}</div></div>`;

  const row = (name, label) => `<tr data-count="${name}"><th scope="row">${label}</th><td></td><td></td></tr>`;

  const key = (kind, text) =>
    `<li><svg aria-hidden="true" viewBox="0 0 24 12">${line(2, 6, 22, 6, `interval ${kind}`)}${
      kind.includes("missing") ? line(12, 6, 12, 6, "dot") : ""}</svg> ${text}</li>`;

  const mark = (kind, text) =>
    `<li><svg aria-hidden="true" viewBox="0 0 24 12">${line(12, 0, 12, 12, kind)}</svg> ${text}</li>`;

  const skeleton = (id) => `
    <form class="play-widget trials-widget" aria-label="Repeated experiments">
      <div class="trials-controls">${Object.entries(SLIDERS).map((one) => slider(one, id)).join("")}</div>
      <button type="button" class="play-button" name="again">Draw again</button>
      <table><thead><tr><th scope="col">Of ${EXPERIMENTS} intervals</th>
        ${Object.values(DESIGNS).map((name) => `<th scope="col">${name.toLowerCase()}</th>`).join("")}</tr></thead>
        <tbody>${row("holding", "hold the true difference")}${row("excluding", "exclude zero")}
        ${row("width", "mean width")}</tbody></table>
      <p class="play-note"></p>
      <div class="trials-panels">${Object.keys(DESIGNS).map(panel).join("")}</div>
      <p class="trials-unit">First method minus second, in dB; one line per experiment.</p>
      <ul class="trials-key">${key("", "holds zero")}${key("excluding", "excludes zero")}
        ${key("missing", "misses the true difference")}${mark("zero", "zero")}${mark("truth", "true difference")}</ul>
      <p class="visually-hidden" role="status"></p>
    </form>`;

  const note = (truth) =>
    truth === 0
      ? "There is no difference: each interval that excludes zero is a false alarm."
      : "There is a difference: each interval that holds zero leaves the order undecided.";

  let figures = 0;

  const start = (region) => {
    const box = document.createRange().createContextualFragment(skeleton(++figures)).firstElementChild;
    const find = (selector) => box.querySelector(selector);
    let seed = START, waiting, speaking;

    const settings = () =>
      Object.fromEntries(Object.keys(SLIDERS).map((name) => [name, Number(box.elements[name].value)]));

    const show = () => {
      waiting = null;
      const chosen = settings(), truth = chosen.difference;
      for (const [name, { step, unit }] of Object.entries(SLIDERS)) {
        const input = box.elements[name];
        const said = [chosen[name].toFixed(step < 1 ? 1 : 0), unit].filter(Boolean).join("\u00a0");
        input.previousElementSibling.textContent = said;
        input.setAttribute("aria-valuetext", said);
      }
      const all = experiments(chosen, seed), words = [];
      Object.keys(DESIGNS).forEach((name, place) => {
        const found = all.map((one) => one[name]), counted = counts(found, truth);
        const said = `${counted.holding} hold the true difference, ${counted.excluding} exclude zero`;
        const picture = find(`[data-design="${name}"] svg`);
        picture.innerHTML = drawing(found, truth);
        picture.setAttribute("aria-label", `${DESIGNS[name]}: of ${EXPERIMENTS} intervals ${said}`);
        for (const [count, value] of Object.entries(counted)) {
          find(`[data-count="${count}"]`).cells[place + 1].textContent =
            count === "width" ? `${value.toFixed(2)}\u00a0dB` : value;
        }
        words.push(`${DESIGNS[name]}: ${said}.`);
      });
      find(".play-note").textContent = note(truth);
      clearTimeout(speaking); // until the reader rests
      speaking = setTimeout(() => (find('[role="status"]').textContent = words.join(" ")), 1200);
    };

    const update = () => (waiting ??= requestAnimationFrame(show));

    box.addEventListener("submit", (event) => event.preventDefault());
    box.addEventListener("input", update);
    box.elements.again.addEventListener("click", () => {
      seed += 1;
      update();
    });
    show();
    clearTimeout(speaking); // nothing has changed yet
    region.replaceChildren(box);
  };

  globalThis.compendiumTrials = { QUANTILES, experiments, normals };
  document.querySelectorAll(".trials").forEach(start);
})();
