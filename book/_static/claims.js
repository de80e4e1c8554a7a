// Filters and sorts the table of claims. Without it the page is a plain table.
(() => {
  const region = document.querySelector(".claims");
  const body = region.querySelector("tbody");
  const rows = [...body.rows];
  const cell = (row, name) => row.querySelector(`[data-column="${name}"]`).textContent;
  const paperOf = (row) => row.dataset.paper;
  const verdictOf = (row) => cell(row, "verdict");

  const form = document.createElement("form");
  form.className = "claims-filter";
  form.setAttribute("role", "search");
  form.innerHTML = `<label>Words <input type="search" name="words"></label>
    <label>Paper <select name="paper"><option value="">all</option></select></label>
    <label>Verdict <select name="verdict"><option value="">all</option></select></label>
    <output role="status"></output>`;
  const choices = { paper: paperOf, verdict: verdictOf };
  for (const [name, valueOf] of Object.entries(choices)) {
    for (const value of new Set(rows.map(valueOf))) form.elements[name].add(new Option(value));
  }
  region.before(form);

  const say = (shown) => {
    form.querySelector("output").textContent = `${shown} of ${rows.length} claims`;
  };
  let texts; // of the rows, read when a reader first filters
  const filter = () => {
    texts ??= rows.map((row) => row.textContent.toLowerCase());
    const words = form.elements.words.value.toLowerCase().split(/\s+/);
    let shown = 0;
    rows.forEach((row, place) => {
      const fits = Object.entries(choices).every(
        ([name, valueOf]) => !form.elements[name].value || valueOf(row) === form.elements[name].value);
      row.hidden = !(fits && words.every((word) => texts[place].includes(word)));
      shown += !row.hidden;
    });
    say(shown);
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());

  const collator = new Intl.Collator("en", { numeric: true });
  for (const head of region.querySelectorAll("th")) {
    const name = head.textContent;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of region.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sorted = [...rows].sort((a, b) => collator.compare(cell(a, name), cell(b, name)));
      body.append(...(down ? sorted.reverse() : sorted));
    });
  }
  say(rows.length);
})();
