// Sorts tables whose box has the class `sifted`, and filters them where `data-choices` names columns whose values can
// be chosen; `data-noun` says what their rows are. Without it they are plain tables.
(() => {
  const collator = new Intl.Collator("en", { numeric: true });
  const capital = (text) => text[0].toUpperCase() + text.slice(1);
  const element = (name, properties = {}) => Object.assign(document.createElement(name), properties);

  // A cell may have the number by which it is sorted.
  const numberOf = (cell) => (cell.dataset.value === undefined ? NaN : Number(cell.dataset.value));
  const compare = (one, other) => {
    const [a, b] = [numberOf(one), numberOf(other)];
    if (Number.isNaN(a) && Number.isNaN(b)) return collator.compare(one.textContent, other.textContent);
    return Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b;
  };

  const sorting = (heads, body, rows) => {
    heads.forEach((head, place) => {
      const button = element("button", { type: "button", textContent: head.textContent });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const sorted = [...rows].sort((a, b) => compare(a.cells[place], b.cells[place]));
        body.append(...(down ? sorted.reverse() : sorted));
      });
    });
  };

  const filtering = (noun, choices, names, rows) => {
    // what a row is of may be in no column
    const valueOf = (row, name) => row.dataset[name] ?? row.cells[names.indexOf(name)].textContent;
    const form = element("form", { className: "sifted-form" });
    form.setAttribute("role", "search");
    form.setAttribute("aria-label", capital(noun));
    const field = (name, input) => {
      const label = element("label");
      label.append(`${capital(name)} `, input);
      form.append(label);
      return input;
    };
    const words = field("words", element("input", { type: "search" }));
    const lists = choices.map((name) => {
      const list = field(name, element("select"));
      list.add(new Option("all", ""));
      for (const value of new Set(rows.map((row) => valueOf(row, name)))) if (value) list.add(new Option(value));
      return [name, list];
    });
    const output = element("output");
    output.setAttribute("role", "status");
    form.append(output);

    const say = (shown) => {
      output.textContent = `${shown} of ${rows.length} ${noun}`;
    };
    let texts; // of the rows, read when a reader first filters
    form.addEventListener("input", () => {
      texts ??= rows.map((row) => row.textContent.toLowerCase());
      const wanted = words.value.toLowerCase().split(/\s+/);
      let shown = 0;
      rows.forEach((row, place) => {
        const fits = lists.every(([name, list]) => !list.value || valueOf(row, name) === list.value);
        row.hidden = !(fits && wanted.every((word) => texts[place].includes(word)));
        shown += !row.hidden;
      });
      say(shown);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    say(rows.length);
    return form;
  };

  for (const region of document.querySelectorAll(".sifted")) {
    const table = region.querySelector("table");
    const [body] = table.tBodies;
    const [heads, rows] = [[...table.tHead.rows[0].cells], [...body.rows]];
    const choices = (region.dataset.choices ?? "").split(",").filter(Boolean);
    const names = heads.map((head) => head.textContent);
    if (choices.length) table.parentElement.before(filtering(region.dataset.noun, choices, names, rows));
    sorting(heads, body, rows);
  }

  // A row that an address names may be folded away, and not every browser opens what it is in.
  const reveal = () => {
    const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = named?.closest("details:not([open])");
    if (!folded) return;
    folded.open = true;
    named.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
