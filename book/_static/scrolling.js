// What is wider than the page scrolls in a box of its own: the keyboard must reach such a box, a screen reader must
// have a name for it, and a reader must see that it goes on. Boxes that show everything stay out of the tab order.
(() => {
  "use strict";

  const BOXES = "div.math, .picture, .cell_output .text_html, .pst-scrollable-table-container, .claims, pre";
  const NAMES = { math: "Formula", highlight: "Code", claims: "Claims", picture: "Figure" };

  const nameOf = (box) => {
    const kind = Object.keys(NAMES).find((name) => box.closest(`.${name}`));
    return kind ? NAMES[kind] : box.querySelector("table") ? "Table" : "Output";
  };

  const showWhetherItContinues = (box) => {
    box.classList.toggle("continues", box.scrollLeft + box.clientWidth + 1 < box.scrollWidth);
  };

  const update = (box) => {
    showWhetherItContinues(box);
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
      if (!box.hasAttribute("role")) {
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", nameOf(box));
      }
    } else {
      box.removeAttribute("tabindex");
    }
  };

  const watch = new ResizeObserver((changes) => changes.forEach(({ target }) => update(target)));
  document.querySelectorAll(BOXES).forEach((box) => {
    watch.observe(box);
    box.addEventListener("scroll", () => showWhetherItContinues(box), { passive: true });
  });
})();
