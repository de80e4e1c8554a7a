const save = async (form) => {
  const said = form.querySelector("output");
  try {
    const answer = await fetch(location.pathname, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    said.textContent = answer.ok ? "Saved" : await answer.text();
  } catch {
    said.textContent = "Not saved: the command has ended. Start it again, then save here or copy what you typed.";
  }
};
for (const form of document.forms) {
  form.addEventListener("change", () => save(form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save(form);
  });
}
