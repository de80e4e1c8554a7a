// Filters and sorts tables whose box has the class `sifted`; `data-noun` says what their rows are, `data-choices`
// the columns whose values can be chosen. Without it they are plain tables.
(() => {
  const collator = new Intl.Collator("en", { numeric: true });
  const capital = (text) => text[0].toUpperCase() + text.slice(1);
  // A cell may have the number by which it is sorted, a row a value that is in no column.
  const numberOf = (cell) => (cell.dataset.value === undefined ? NaN : Number(cell.dataset.value));
  const compare = (one, other) => {
    const [a, b] = [numberOf(one), numberOf(other)];
    if (Number.isNaN(a) && Number.isNaN(b)) return collator.compare(one.textContent, other.textContent);
    return Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b;
  };

  const sift = (region) => {
    const { noun } = region.dataset;
    const choices = region.dataset.choices.split(",").filter(Boolean);
    const heads = [...region.querySelectorAll("thead th")];
    const names = heads.map((head) => head.textContent);
    const body = region.querySelector("tbody");
    const rows = [...body.rows];
    const valueOf = (row, name) => row.dataset[name] ?? row.cells[names.indexOf(name)].textContent;

    const form = document.createElement("form");
    form.className = "sifted-form";
    form.setAttribute("role", "search");
    form.setAttribute("aria-label", capital(noun));
    const field = (name, input) => {
      const label = document.createElement("label");
      label.append(`${capital(name)} `, input);
      form.append(label);
      return input;
    };
    const words = field("words", Object.assign(document.createElement("input"), { type: "search" }));
    const lists = new Map(choices.map((name) => {
      const list = field(name, document.createElement("select"));
      list.add(new Option("all", ""));
      for (const value of new Set(rows.map((row) => valueOf(row, name)))) if (value) list.add(new Option(value));
      return [name, list];
    }));
    const output = document.createElement("output");
    output.setAttribute("role", "status");
    form.append(output);
    region.prepend(form);

    const say = (shown) => {
      output.textContent = `${shown} of ${rows.length} ${noun}`;
    };
    let texts; // of the rows, read when a reader first filters
    const filter = () => {
      texts ??= rows.map((row) => row.textContent.toLowerCase());
      const wanted = words.value.toLowerCase().split(/\s+/);
      let shown = 0;
      rows.forEach((row, place) => {
        const fits = [...lists].every(([name, list]) => !list.value || valueOf(row, name) === list.value);
        row.hidden = !(fits && wanted.every((word) => texts[place].includes(word)));
        shown += !row.hidden;
      });
      say(shown);
    };
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());

    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = names[place];
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const sorted = [...rows].sort((a, b) => compare(a.cells[place], b.cells[place]));
        body.append(...(down ? sorted.reverse() : sorted));
      });
    });
    say(rows.length);
  };

  document.querySelectorAll(".sifted").forEach(sift);
})();
