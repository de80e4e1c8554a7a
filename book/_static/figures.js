// Lets a reader ask a figure: values of a chart under the pointer or by arrow keys, images of a grid laid over
// each other, epochs played as frames, the image behind a dot. The picture stays as it is; what is known of it
// comes from _static/figures/<page>.js, or stands in the page. Without this script, the picture and its caption
// are all.
(() => {
  const SCALE = 10000; // places are counted in 1/SCALE of the picture's width and height
  const REACH = { mouse: 30, touch: 48, pen: 40 }; // pixels between pointer and point
  const FRAME = 600; // milliseconds
  const CLOUD = 25; // so many unconnected points are no row along which one could step

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  const loaded = (image) =>
    image.complete && image.naturalWidth
      ? Promise.resolve()
      : new Promise((done) => {
        image.loading = "eager";
        image.addEventListener("load", done, { once: true });
      });

  // --- what a point says

  const shown = (value) => (typeof value === "number" ? String(value).replace("-", "−") : value);

  const said = (panel, values = []) =>
    [panel.x, panel.y, ""]
      .map((name, place) => [name, values[place]])
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([name, value]) => (name ? `${name}: ${shown(value)}` : shown(value)));

  // --- charts

  const points = (panels) =>
    panels.flatMap((panel) => panel.series.flatMap((series) => series.at.map(([x, y], index) => (
      { panel, series, index, x, y, label: series.of_images?.[index] || series.label, of: series.of[index] }))));

  // The place of a line across the chart that is next to the pointer.
  const onLevel = (series, x, y) => {
    const [[x1, y1], [x2, y2]] = series.at;
    return y1 === y2
      ? { x: Math.min(Math.max(x, x1), x2), y: y1 }
      : { x: x1, y: Math.min(Math.max(y, Math.min(y1, y2)), Math.max(y1, y2)) };
  };

  const nearest = (all, x, y, width, height, reach) => {
    let [best, least] = [null, reach];
    for (const point of all) {
      const at = point.series.kind === "level" ? onLevel(point.series, x, y) : point;
      const distance = Math.hypot(((at.x - x) * width) / SCALE, ((at.y - y) * height) / SCALE);
      // a point is meant rather than the line that passes behind it
      const counted = point.series.kind === "level" ? distance + reach / 3 : distance;
      if (counted < least) [best, least] = [{ ...point, ...at, from: point }, counted];
    }
    return best;
  };

  // From a point to the next one in a direction: along its series, or between series; in a cloud, by eye.
  const step = (all, from, key) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const row = from.series.kind === "points" ? from.series.at.length <= CLOUD : from.series.kind !== "cells";
    if (row && dx) {
      return all.find((point) => point.series === from.series && point.index === from.index + dx) ?? from;
    }
    if (row) {
      const every = [...new Set(all.map((point) => point.series))];
      const series = every[every.indexOf(from.series) + dy];
      const others = all.filter((point) => point.series === series);
      return others.reduce((best, point) =>
        (best && Math.abs(best.x - from.x) <= Math.abs(point.x - from.x) ? best : point), null) ?? from;
    }
    let [best, least] = [from, Infinity];
    for (const point of all) {
      const [along, aside] = [(point.x - from.x) * dx + (point.y - from.y) * dy,
        Math.abs((point.x - from.x) * dy) + Math.abs((point.y - from.y) * dx)];
      if (along > 0 && aside <= along && along + 2 * aside < least) [best, least] = [point, along + 2 * aside];
    }
    return best;
  };

  const thumbnail = (sprite, index) => {
    const [width, height] = sprite.size;
    const times = Math.max(1, Math.round(96 / width));
    const made = element("span", { className: "figure-thumbnail" });
    Object.assign(made.style, {
      width: `${width * times}px`,
      height: `${height * times}px`,
      backgroundImage: `url(${sprite.src})`,
      backgroundSize: `${width * times * sprite.columns}px`,
      backgroundPosition:
        `-${(index % sprite.columns) * width * times}px -${Math.floor(index / sprite.columns) * height * times}px`,
    });
    return made;
  };

  const chart = (stage, about) => {
    const all = points(about.panels);
    const dot = element("span", { className: "figure-dot", hidden: true });
    const bubble = element("span", { className: "figure-bubble", hidden: true });
    const spoken = element("span", { className: "visually-hidden", role: "status" });
    const [box, figure] = [stage.closest(".picture"), stage.closest("figure")];
    stage.append(dot, spoken);
    figure.append(bubble); // which is not cut where the picture scrolls
    stage.tabIndex = 0;
    stage.setAttribute("role", "application");
    stage.setAttribute("aria-roledescription", "chart");
    stage.setAttribute("aria-label", `${about.sprite ? "Map of images" : "Chart"}: arrow keys go from point to point`);
    let current = null;
    let dotAt = [0, 0]; // pixels from the picture's corner
    let byKey = false; // what was asked for with keys stays when a scrolled page moves below the pointer

    const hide = () => {
      dot.hidden = bubble.hidden = true;
    };
    const placeBubble = () => {
      const [left, top] = [stage.offsetLeft + dotAt[0] - box.scrollLeft, stage.offsetTop + dotAt[1]];
      const room = figure.clientWidth - bubble.offsetWidth;
      const above = top - bubble.offsetHeight - 12;
      bubble.style.translate = `${Math.min(Math.max(left - bubble.offsetWidth / 2, 0), Math.max(room, 0))}px ${
        above >= 0 ? above : top + 14}px`;
    };
    const show = (point) => {
      dotAt = [(point.x / SCALE) * stage.clientWidth, (point.y / SCALE) * stage.clientHeight];
      current = point.from ?? point;
      dot.hidden = bubble.hidden = false;
      dot.style.translate = `${dotAt[0]}px ${dotAt[1]}px`;
      dot.style.setProperty("--series", point.series.colour);
      const lines = said(point.panel, point.of).map((text) => element("span", { textContent: text }));
      const image = point.series.of_images && about.sprite ? [thumbnail(about.sprite, point.series.first_image + point.index)] : [];
      const name = point.label || point.panel.title;
      bubble.replaceChildren(...image, ...(name ? [element("b", { textContent: name })] : []), ...lines);
      placeBubble();
      return [point.panel.title, point.label, ...said(point.panel, point.of)].filter(Boolean).join(", ");
    };

    const follow = (event) => {
      const box = stage.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      const point = nearest(all, x * SCALE, y * SCALE, box.width, box.height, REACH[event.pointerType] ?? 30);
      if (point) show(point);
      else if (!byKey) hide();
      byKey &&= !point;
    };
    stage.addEventListener("pointermove", follow);
    stage.addEventListener("pointerdown", follow);
    stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !byKey && hide());
    stage.addEventListener("blur", hide);
    stage.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        hide();
        return;
      }
      const ofSeries = all.filter((point) => point.series === (current ?? all[0]).series);
      const next = event.key === "Home" ? ofSeries[0]
        : event.key === "End" ? ofSeries.at(-1)
          : event.key.startsWith("Arrow") ? (dot.hidden ? current ?? all[0] : step(all, current, event.key)) : null;
      if (!next || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      byKey = true;
      spoken.textContent = show(next);
      if (dotAt[0] < box.scrollLeft || dotAt[0] > box.scrollLeft + box.clientWidth) {
        box.scrollLeft = dotAt[0] - box.clientWidth / 2;
      }
    });
    box.addEventListener("scroll", placeBubble, { passive: true });
  };

  // --- tables

  const table = (head, rows, caption) => {
    const line = (cells) =>
      element("tr", {}, ...cells.map((cell, place) =>
        (place ? element("td", { textContent: shown(cell) })
          : element("th", { scope: "row", textContent: shown(cell) }))));
    const heads = head.map((text) => element("th", { scope: "col", textContent: text }));
    const made = element("table", {}, element("thead", {}, element("tr", {}, ...heads)));
    if (caption) made.prepend(element("caption", { textContent: caption }));
    made.append(element("tbody", {}, ...rows.map(line)));
    return made;
  };

  // Of series that are called alike, as networks of several seeds are, each has its number.
  const namesOf = (series, otherwise) => {
    const names = series.map((one) => one.label || otherwise);
    return names.map((name, place) => (names.indexOf(name) === names.lastIndexOf(name) ? name
      : `${name} (${names.slice(0, place + 1).filter((other) => other === name).length})`));
  };

  // A row for each value on the axis across and a column a series, where series have their values in common.
  const tableOf = (panel) => {
    const series = panel.series.filter((one) => one.kind !== "level" && one.of.length);
    if (!series.length) return [];
    const across = [...new Set(series.flatMap((one) => one.of.map(([x]) => x)))];
    const inCommon = series.every((one) => new Set(one.of.map(([x]) => x)).size === one.of.length)
      && across.length <= 1.5 * Math.max(...series.map((one) => one.of.length)) && series[0].kind !== "cells";
    if (inCommon) {
      if (across.every((value) => typeof value === "number")) across.sort((a, b) => a - b);
      const columns = series.map((one) => new Map(one.of));
      return [table([panel.x, ...namesOf(series, panel.y)],
        across.map((x) => [x, ...columns.map((column) => column.get(x) ?? "")]),
        [panel.title, panel.y].filter(Boolean).join(": "))];
    }
    const rows = series.flatMap((one) => one.of.map((values) => [one.label, ...values]));
    return [table(["series", panel.x, panel.y, "value"].slice(0, rows[0].length), rows, panel.title)];
  };

  const data = (about) => {
    if (about.table) return [table(about.table.head, about.table.rows)];
    const levels = about.panels.flatMap((panel) => panel.series.filter((one) => one.kind === "level" && one.label)
      .map((one) => element("p", { textContent: `${one.label}: ${shown(one.of[0].find((value) => value !== ""))}` })));
    return [...about.panels.flatMap(tableOf), ...levels];
  };

  // A folded part below the picture, which is made when it is first opened.
  const fold = (name, className, make) => {
    const folded = element("details", { className: `figure-more ${className}` }, element("summary", { textContent: name }));
    folded.addEventListener("toggle", () => folded.append(...make()), { once: true });
    return folded;
  };

  const dataFold = (about, name) => fold("Data of this figure", "figure-data", () => {
    const box = element("div", { className: "figure-table", tabIndex: 0, role: "group" }, ...data(about));
    box.setAttribute("aria-label", `Data of ${name}`);
    return [box];
  });

  // --- image grids

  // One image of the grid, in its own pixels.
  const cut = (picture, cell, canvas = element("canvas")) => {
    [canvas.width, canvas.height] = cell.pixels;
    const [left, top, width, height] = cell.at.map((value, place) =>
      (value / SCALE) * (place % 2 ? picture.naturalHeight : picture.naturalWidth));
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, left, top, width, height, 0, 0, ...cell.pixels);
    return canvas;
  };

  const named = (canvas, name) => {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", name);
  };

  const selection = (name, options, chosen) => {
    const list = element("select", {}, ...options.map(([text, value]) => new Option(text, value)));
    list.value = chosen;
    return [list, element("label", {}, `${name} `, list)];
  };

  // Which rows (or columns) of a grid a reader may lay over each other, and where.
  const comparable = (about) => {
    const [along, across] = about.compare === "rows" ? ["row", "column"] : ["column", "row"];
    const titles = about.compare === "rows" ? about.rows : about.columns;
    const places = about.compare === "rows" ? about.columns : about.rows;
    const kinds = titles.map((title, number) => [title, number]).filter(([title]) => title);
    const numbers = [...new Set(about.images.map((cell) => cell[across]))];
    const where = numbers.map((number) => [places[number] || `${across} ${number + 1}`, number]);
    return { along, across, kinds, where };
  };

  const comparison = (picture, about) => {
    const { along, across, kinds, where } = comparable(about);
    const [first, firstField] = selection("Left", kinds, kinds[0][1]);
    const [second, secondField] = selection("Right", kinds, kinds[1][1]);
    const [place, placeField] = selection(across === "column" ? "Column" : "Row", where, where[0][1]);
    const [below, above] = [element("canvas"), element("canvas")];
    const divider = element("span", { className: "figure-divider" });
    const both = element("div", { className: "figure-both" }, below, above, divider);
    const range = element("input", { type: "range", min: 0, max: 100, value: 50 });
    range.setAttribute("aria-label", "How much of the left image is shown");
    const share = () => {
      both.style.setProperty("--share", `${range.value}%`);
      range.setAttribute("aria-valuetext", `${range.value} %`);
    };
    const draw = () => {
      for (const [list, canvas] of [[second, below], [first, above]]) {
        const cell = about.images.find((one) => one[along] === +list.value && one[across] === +place.value);
        canvas.hidden = !cell;
        if (cell) cut(picture, cell, canvas);
        named(canvas, `${list.selectedOptions[0].text}, ${place.selectedOptions[0].text}`);
      }
    };
    for (const list of [first, second, place]) list.addEventListener("change", draw);
    range.addEventListener("input", share);
    both.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && !event.buttons) return;
      const box = both.getBoundingClientRect();
      range.value = ((event.clientX - box.left) / box.width) * 100;
      share();
    });
    loaded(picture).then(draw);
    share();
    const fields = [firstField, secondField, ...(where.length > 1 ? [placeField] : [])];
    return [element("div", { className: "figure-fields" }, ...fields), both, range];
  };

  // The first columns as frames, the others beside them as they are.
  const player = (picture, about) => {
    const numbers = about.rows.map((_, row) => row);
    const cell = (row, column) => about.images.find((one) => one.row === row && one.column === column);
    const still = about.columns.map((_, column) => column).slice(about.frames);
    const row = (column) => numbers.map((number) => {
      const canvas = element("canvas");
      named(canvas, [about.rows[number] || `image ${number + 1}`, about.columns[column]].join(", "));
      return [canvas, number];
    });
    const moving = row(0);
    const stills = still.map((column) => [column, row(column)]);
    const title = element("output", { className: "figure-title" });
    const range = element("input", { type: "range", min: 0, max: about.frames - 1, value: 0 });
    range.setAttribute("aria-label", "Frame");
    const button = element("button", { type: "button", textContent: "Play" });
    let timer = 0;

    const draw = () => {
      for (const [canvas, number] of moving) {
        cut(picture, cell(number, +range.value), canvas);
        named(canvas, [about.rows[number] || `image ${number + 1}`, about.columns[range.value]].join(", "));
      }
      title.value = about.columns[range.value];
      range.setAttribute("aria-valuetext", about.columns[range.value]);
    };
    const pause = () => {
      clearInterval(timer);
      timer = 0;
      button.textContent = "Play";
    };
    const play = () => {
      if (+range.value === about.frames - 1) range.value = 0;
      draw();
      button.textContent = "Pause";
      timer = setInterval(() => {
        range.value = +range.value + 1;
        draw();
        if (+range.value === about.frames - 1) pause();
      }, FRAME);
    };
    button.addEventListener("click", () => (timer ? pause() : play()));
    range.addEventListener("input", () => {
      pause();
      draw();
    });
    const line = (name, canvases) =>
      element("div", { className: "figure-line" }, name, element("div", {}, ...canvases.map(([canvas]) => canvas)));
    const made = element("div", { className: "figure-player" },
      element("div", { className: "figure-fields" }, button, range),
      line(title, moving),
      ...stills.map(([column, canvases]) => line(element("span", { textContent: about.columns[column] }), canvases)));
    loaded(picture).then(() => {
      for (const [column, canvases] of stills) for (const [canvas, number] of canvases) cut(picture, cell(number, column), canvas);
      draw();
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
      const watch = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        watch.disconnect();
        if (!timer) play();
      }, { threshold: 0.6 });
      watch.observe(made); // it plays once, when it first comes into view
    });
    return made;
  };

  // --- every figure of the page

  const dress = (picture, about) => {
    const stage = element("span", { className: "figure-stage" });
    picture.replaceWith(stage);
    stage.append(picture);
    const inColours = about.images
      || about.panels?.some((panel) => panel.series.some((series) => series.kind === "cells"));
    stage.classList.toggle("figure-drawing", !inColours); // colours that are more than names stay as they are
    const [box, figure] = [stage.closest(".picture"), stage.closest("figure")];
    const more = element("div", { className: "figure-tools" });
    figure.append(more);
    if (about.panels) chart(stage, about);
    if (about.frames) box.after(element("div", { className: "figure-tools" }, player(picture, about)));
    if (about.images && about.compare && comparable(about).kinds.length > 1) {
      more.append(fold("Compare images", "figure-compare", () => comparison(picture, about)));
    }
    if (about.table || about.panels?.some((panel) => panel.series.some((series) => series.of.length))) {
      more.append(dataFold(about, figure.querySelector(".caption-number")?.textContent.trim()));
    }
  };

  const pictures = [...document.querySelectorAll(".bd-article .cell_output figure img, img[data-figure]")];
  const dressAll = () => {
    for (const picture of pictures) {
      const about = window.compendiumFigures?.[picture.dataset.figure ?? picture.src.split("/").pop()];
      if (about) dress(picture, about);
    }
  };

  if (window.compendiumFigures) {
    dressAll(); // a page in one file
  } else if (pictures.length && DOCUMENTATION_OPTIONS.pagename) {
    const root = document.documentElement.dataset.content_root ?? "";
    const page = DOCUMENTATION_OPTIONS.pagename.split("/").pop();
    const script = element("script", { src: `${root}_static/figures/${page}.js` });
    script.addEventListener("load", dressAll);
    document.head.append(script);
  }
})();
