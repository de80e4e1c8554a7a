"""Time the denoiser of the landing page in Chromium, and its network beside TensorFlow.js.

    python benchmarks/play.py [tf-core.min.js tf-backend-cpu.min.js]

takes the built book and, from the npm packages @tensorflow/tfjs-core and @tensorflow/tfjs-backend-cpu, the
two scripts to compare with. The page's times are the processor's: a phone four times slower takes four times
as long. The networks run in turn, and the quickest of fifty is printed: only their ratio means something.

With TensorFlow.js 4.22.0, on two cores that others kept busy, three runs: first result 155 to 218 ms, a step
of the slider 23 to 28 ms, 656 kB of scripts; network.js of 6 kB against 426 kB that take 1.2 to 1.9 times as
long. onnxruntime-web 1.30.0 was not timed: its smallest WebAssembly file alone has 14.2 MB.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

from compendium import book

STATIC = book.HTML / "_static"
STEPS = """async () => {
    const level = document.querySelector('[name="level"]');
    for (let value = 1; value <= 100; value++) {
      level.value = value;
      level.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }
}"""
SCRIPTS = "() => [...document.scripts].map((script) => script.src.split('?')[0].split('/_static/')[1])"
BESIDE = """async () => {
    const { layers } = compendiumPlay.data["salt-pepper-cae"].networks[0];
    const ready = compendiumPlay.ready(layers), values = Float32Array.from({ length: 3072 }, Math.random);
    const ours = () => compendiumPlay.run(ready, values, 32, 3);

    await tf.setBackend("cpu");
    let channels = 3;
    const tensors = ready.map((layer) => {
      if (!layer.weights) return layer;
      const kernel = tf.tensor(layer.weights, [3, 3, channels, channels = layer.bias.length]);
      return { ...layer, weights: kernel, bias: tf.tensor(layer.bias) };
    });
    const kinds = {
      convolution: (x, { weights, bias, activation }) =>
        tf[activation](tf.add(tf.conv2d(x, weights, 1, "same"), bias)),
      pooling: (x) => tf.maxPool(x, 2, 2, "valid"),
      upsampling: (x) => tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]),
    };
    const step = (x, layer) => kinds[layer.kind](x, layer);
    const theirs = () => tf.tidy(() => tensors.reduce(step, tf.tensor(values, [1, 32, 32, 3])).dataSync());

    const expected = ours();
    if (theirs().some((value, i) => Math.abs(value - expected[i]) > 1e-4)) throw new Error("outputs differ");
    const time = (work) => { const start = performance.now(); work(); return performance.now() - start; };
    const turns = Array.from({ length: 50 }, () => [time(ours), time(theirs)]);
    return [0, 1].map((which) => Math.min(...turns.map((pair) => pair[which])));
}"""


def milliseconds(session: CDPSession) -> float:
    """Time that the page's main thread has kept a processor busy."""
    found = session.send("Performance.getMetrics")["metrics"]
    return 1e3 * next(one["value"] for one in found if one["name"] == "TaskDuration")


def time_page(page: Page) -> None:
    """Print what the first result and a step of the slider take, and the weight of what was loaded."""
    page.goto((book.HTML / "book" / "index.html").as_uri())
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before, start = page.evaluate(SCRIPTS), milliseconds(session)
    page.locator(".play").dispatch_event("pointerenter")
    page.wait_for_selector(".play-widget data[value]", state="attached")
    print(f"first result: {milliseconds(session) - start:.0f} ms")

    start = milliseconds(session)
    page.evaluate(STEPS)
    print(f"step of the slider: {(milliseconds(session) - start) / 100:.0f} ms")

    added = {*page.evaluate(SCRIPTS)} - {*before}
    size = sum((STATIC / name).stat().st_size for name in added)
    print(f"scripts loaded for it, networks and images included: {size / 1e3:.0f} kB")


def main(peer: list[Path]) -> None:
    """Print the numbers."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        # so low a window that nothing is loaded before it is asked for
        page = browser.new_page(viewport={"width": 1000, "height": 100})
        time_page(page)
        if peer:
            for path in peer:
                page.add_script_tag(path=path)
            ours, theirs = page.evaluate(BESIDE)
            size = (STATIC / "play" / "network.js").stat().st_size
            print(f"network.js: {size / 1e3:.0f} kB, {ours:.1f} ms an image")
            size = sum(path.stat().st_size for path in peer)
            print(f"TensorFlow.js: {size / 1e3:.0f} kB, {theirs:.1f} ms an image, ratio {theirs / ours:.1f}")
        browser.close()


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
