"""Time the denoiser of the landing page in Chromium, and its network beside TensorFlow.js.

    python benchmarks/play.py [tf-core.min.js tf-backend-cpu.min.js]

takes the built book and, from the npm packages @tensorflow/tfjs-core and @tensorflow/tfjs-backend-cpu, the
two scripts to compare with. Steps are medians, images the quickest of fifty; "slowed 4 times" is Chromium at a
quarter of its speed. Times of one run compare with each other only.

One run on two busy cores, version 4.22.0 of TensorFlow.js:

RESULTS

onnxruntime-web 1.30.0 was not timed: its smallest WebAssembly file has 14.2 MB; the page may gain 3.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from compendium import book

STEPS = """async () => { const level = document.querySelector('[name="level"]'), times = [];
    for (let value = 5; value < 100; value += 5) {
      const start = performance.now();
      level.value = value;
      level.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      times.push(performance.now() - start); }
    return times.sort((a, b) => a - b)[times.length >> 1]; }"""
FIRST = """async () => { const start = performance.now(), region = document.querySelector(".play");
    region.dispatchEvent(new Event("pointerenter"));
    while (!region.querySelector("data[value]")) await new Promise(requestAnimationFrame);
    return performance.now() - start; }"""
IMAGE = """const { layers } = compendiumPlay.data["salt-pepper-cae"].networks[0];
    const ready = compendiumPlay.ready(layers), values = Float32Array.from({ length: 3072 }, Math.random);
    const ours = () => compendiumPlay.run(ready, values, 32, 3);"""
BESIDE = f"""async () => {{ {IMAGE}
    await tf.setBackend("cpu");
    let channels = 3;
    const tensors = ready.map((layer) => {{
      if (!layer.weights) return layer;
      const kernel = tf.tensor(layer.weights, [3, 3, channels, channels = layer.bias.length]);
      return {{ ...layer, weights: kernel, bias: tf.tensor(layer.bias) }}; }});
    const kinds = {{
      convolution: (x, layer) =>
        tf[layer.activation](tf.add(tf.conv2d(x, layer.weights, 1, "same"), layer.bias)),
      pooling: (x) => tf.maxPool(x, 2, 2, "valid"),
      upsampling: (x) => tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]) }};
    const step = (x, layer) => kinds[layer.kind](x, layer);
    const theirs = () => tf.tidy(() => tensors.reduce(step, tf.tensor(values, [1, 32, 32, 3])).dataSync());
    const expected = ours();
    if (theirs().some((value, i) => Math.abs(value - expected[i]) > 1e-4)) throw new Error("outputs differ");
    const time = (work) => {{ const start = performance.now(); work(); return performance.now() - start; }};
    const turns = Array.from({{ length: 50 }}, () => [time(ours), time(theirs)]); // in turn: both meet other work
    return [0, 1].map((which) => Math.min(...turns.map((pair) => pair[which]))); }}"""


def opened(page: Page, slowed: int) -> float:
    """Open the landing page, slowed down so many times, and return the milliseconds to the first result."""
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowed})
    page.goto((book.HTML / "book" / "index.html").as_uri())
    return page.evaluate(FIRST)


def main(peer: list[Path]) -> None:
    """Print the table."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for slowed in (1, 4):
            # so small that nothing is loaded before it is asked for
            page = browser.new_page(viewport={"width": 1000, "height": 100})
            first, step = opened(page, slowed), page.evaluate(STEPS)
            print(f"slowed {slowed} times: first result {first:.0f} ms, step of the slider {step:.0f} ms")
        page = browser.new_page()
        opened(page, 1)
        sources = (
            "() => [...document.scripts].map((script) => script.src.split('?')[0].split('/_static/')[1])"
        )
        ours = [name for name in page.evaluate(sources) if name and name.startswith(("play", "vendor/qhull"))]
        size = sum((book.HTML / "_static" / name).stat().st_size for name in ours)
        runner = (book.HTML / "_static" / "play" / "network.js").stat().st_size
        print(f"scripts of the landing page, networks and images included: {size / 1e3:.0f} kB")
        if peer:
            for path in peer:
                page.add_script_tag(path=path)
            weight = sum(path.stat().st_size for path in peer)
            ours, theirs = page.evaluate(BESIDE)
            print(f"network.js: {runner / 1e3:.0f} kB, {ours:.1f} ms an image")
            print(
                f"TensorFlow.js: {weight / 1e3:.0f} kB, {theirs:.1f} ms an image, {theirs / ours:.1f} times as long"
            )
        browser.close()


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
