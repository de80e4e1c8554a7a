// What a link leads to, shown beside it: glossary terms, cited works, figures, equations, claims.
// By pointer and by keyboard focus; Escape closes it; the pointer may go into it. The data are made with the pages
// (tips-data.js). Without this script the links lead there as ever.
(() => {
  const DELAY = 250; // milliseconds, for opening by pointer and for closing
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
  const tips = window.compendiumTips || {};
  let box = null;
  let owner = null;
  let timer = 0;

  function contentOf(link) {
    const address = new URL(link.getAttribute("href"), location.href);
    if (!address.hash || !address.href.startsWith(root.href)) return undefined;
    return tips[decodeURIComponent(address.href.slice(root.href.length))];
  }

  function makeBox() {
    box = document.createElement("div");
    box.id = "tip";
    box.className = "tip";
    box.setAttribute("role", "tooltip");
    box.hidden = true;
    box.addEventListener("pointerenter", () => clearTimeout(timer));
    box.addEventListener("pointerleave", closeSoon);
    document.body.append(box);
  }

  function place(link) {
    const line = link.getClientRects()[0];
    const [above, below] = [line.top, window.innerHeight - line.bottom];
    box.style.maxHeight = `${Math.max(above, below) - 16}px`;
    const under = box.offsetHeight + 8 < below || below > above;
    const left = Math.min(line.left, document.documentElement.clientWidth - box.offsetWidth - 8);
    const top = under ? line.bottom + 4 : line.top - box.offsetHeight - 4;
    box.style.left = `${Math.max(8, left) + window.scrollX}px`;
    box.style.top = `${top + window.scrollY}px`;
  }

  function open(link) {
    clearTimeout(timer);
    if (owner === link) return;
    close();
    if (!box) makeBox();
    box.innerHTML = contentOf(link);
    for (const image of box.querySelectorAll("img")) image.src = new URL(image.getAttribute("src"), root);
    owner = link;
    link.setAttribute("aria-describedby", box.id);
    box.hidden = false;
    place(link);
    const settle = () => owner === link && place(link);
    for (const image of box.querySelectorAll("img")) image.addEventListener("load", settle);
  }

  function close() {
    clearTimeout(timer);
    if (!owner) return;
    owner.removeAttribute("aria-describedby");
    owner = null;
    box.hidden = true;
  }

  function closeSoon() {
    clearTimeout(timer);
    timer = setTimeout(close, DELAY);
  }

  function openSoon(link) {
    clearTimeout(timer);
    timer = setTimeout(() => open(link), DELAY);
  }

  for (const link of document.querySelectorAll("article a.reference.internal")) {
    if (!contentOf(link)) continue;
    link.removeAttribute("title"); // or the browser shows it besides
    link.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && openSoon(link));
    link.addEventListener("pointerleave", closeSoon);
    link.addEventListener("focus", () => link.matches(":focus-visible") && open(link));
    link.addEventListener("blur", close);
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
})();
