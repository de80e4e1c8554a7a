// What a link leads to, shown beside it: glossary terms, cited works, figures, equations, claims.
// By pointer and by keyboard focus; Escape closes it; the pointer may go into it. The data are made with the pages
// (tips-data.js) and loaded when a reader first comes to a link: a phone seldom needs them. Without this script the
// links lead there as ever.
(() => {
  const LINK = "article a.reference.internal";
  const DELAY = 250; // milliseconds, for opening by pointer and for closing
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
  let box = null;
  let owner = null; // the link whose tip is open
  let wanted = null; // the link whose tip is to open
  let timer = 0;

  async function contentOf(link) {
    if ("tip" in link.dataset) return link.dataset.tip; // a page in one file
    const address = new URL(link.getAttribute("href"), location.href);
    if (!address.hash || !address.href.startsWith(root.href)) return undefined;
    await compendiumPlay.load("tips-data.js").catch(() => {});
    return window.compendiumTips?.[decodeURIComponent(address.href.slice(root.href.length))];
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

  async function open(link) {
    clearTimeout(timer);
    if (owner === link) return;
    close();
    wanted = link;
    const content = await contentOf(link);
    if (!content || wanted !== link) return;
    if (!box) makeBox();
    link.removeAttribute("title"); // or the browser shows it besides
    box.innerHTML = content;
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
    wanted = null;
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
    contentOf(link); // the data are there when it opens
    timer = setTimeout(() => open(link), DELAY);
  }

  // Calls a function with the link that an event comes to, or leaves.
  function on(name, act) {
    document.addEventListener(name, (event) => {
      const link = event.target.closest(LINK);
      if (link && !link.contains(event.relatedTarget)) act(link, event);
    });
  }

  on("pointerover", (link, event) => event.pointerType !== "touch" && openSoon(link));
  on("pointerout", closeSoon);
  on("focusin", (link) => link.matches(":focus-visible") && open(link));
  on("focusout", close);
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
})();
