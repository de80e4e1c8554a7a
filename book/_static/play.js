// Puts a denoiser in place of each `.play` of a page once it comes near the view, is pointed at or focused.
// Its other classes, `play-NAME`, name the chapters whose recorded networks it runs. Until then, and without
// JavaScript, the page shows what stands in the element. All is loaded as classic scripts from beside this
// file, so it works from a file and offline; they add to the one global, `compendiumPlay`.
(() => {
  const here = new URL(".", document.currentScript.src || location.href);
  const parts = ["noise", "metrics", "filters", "network", "picture", "widget"].map((name) => `play/${name}.js`);
  const loaded = new Map();

  const load = (file) => {
    if (!loaded.has(file)) {
      loaded.set(file, new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = new URL(file, here);
        script.async = false; // run in the order of asking: the widget last
        script.onload = done;
        script.onerror = () => failed(new Error(`${file} is missing`));
        document.head.append(script);
      }));
    }
    return loaded.get(file);
  };

  const chaptersOf = (region) =>
    [...region.classList].filter((name) => name.startsWith("play-")).map((name) => name.slice(5));

  const start = async (region) => {
    if (region.dataset.started) return;
    region.dataset.started = "yes";
    try {
      await Promise.all(parts.map(load));
      const bottom = region.getBoundingClientRect().bottom;
      await compendiumPlay.widget(region, chaptersOf(region));
      // what is read below stays where it is, as after a link to there
      if (bottom < 100) scrollBy({ top: region.getBoundingClientRect().bottom - bottom, behavior: "instant" });
    } catch (fault) {
      delete region.dataset.started; // the page keeps what stands there, and the next touch tries again
      loaded.clear();
      console.error(fault);
    }
  };

  const watch = (region) => {
    const near = new IntersectionObserver((seen) => {
      if (!seen.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      start(region);
    }, { rootMargin: "300px" });
    near.observe(region);
    for (const event of ["pointerenter", "focusin"]) region.addEventListener(event, () => start(region));
  };

  globalThis.compendiumPlay = { data: {}, load };
  document.querySelectorAll(".play").forEach(watch);
})();
