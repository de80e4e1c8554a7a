// What is wider than the page scrolls in a box of its own: the keyboard must reach such a box, and a screen reader
// must have a name for it. Boxes that show everything stay out of the tab order.
(() => {
  "use strict";

  const BOXES = "div.math, .cell_output .text_html, .pst-scrollable-table-container, .claims, pre";
  const NAMES = { math: "Formula", highlight: "Code", claims: "Claims" };

  const nameOf = (box) => {
    const kind = Object.keys(NAMES).find((name) => box.closest(`.${name}`));
    return kind ? NAMES[kind] : box.querySelector("table") ? "Table" : "Output";
  };

  const update = (box) => {
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
  document.querySelectorAll(BOXES).forEach((box) => watch.observe(box));
})();
