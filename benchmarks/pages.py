"""Time how soon each page of the built book can be used on two phones.

A phone here is Chromium, 390 x 844, behind a network of 9 Mbit/s down and 170 ms a round trip ("4G" of
WebPageTest), with nothing cached, its processor slowed down. By how much follows from what this machine does
at the moment, measured before each visit: its BenchmarkIndex, as Lighthouse defines it, becomes that of the
phone. A busy machine is slowed down less. The indices are those to which Chrome's DevTools calibrate a
"mid-tier" phone (Pixel 5) and a "low-tier" one (Moto G Power of 2022).

The pages come from a server in this process that compresses them, as hosts of pages do. "seen" is the first
contentful paint, "ready" when the page's own scripts have run (DOMContentLoaded), both in seconds; "sent" is
what crossed the network until then. Each is the median of several visits.

    python benchmarks/pages.py [NAME ...]      # all pages, or those with these names
"""

import contextlib
import gzip
import http.server
import statistics
import sys
import threading
from functools import cache, partial
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from compendium import book, project
from compendium.site import printed

VISITS = 5
PHONES = {"mid-tier": 1000, "low-tier": 264}  # BenchmarkIndex
NETWORK = {"offline": False, "latency": 170, "downloadThroughput": 9e6 / 8, "uploadThroughput": 9e6 / 8}
COMPRESSED = {".html", ".css", ".js", ".svg"}
TIMES = """() => new Promise((done) => {
  const seen = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    if (!paint) return setTimeout(seen, 20);
    const [page] = performance.getEntriesByType("navigation");
    const sent = performance.getEntriesByType("resource").concat(page);
    const bytes = sent.reduce((sum, entry) => sum + entry.transferSize, 0);
    done([paint.startTime, page.domContentLoadedEventEnd, bytes]);
  };
  seen();
})"""


# How often in a second a string of 10,000 characters is put together, and an array of 100,000 numbers copied:
# the mean of both, by ten.
BENCHMARK_INDEX = """() => {
  const often = (work) => {
    const end = performance.now() + 150;
    let times = 0;
    while (performance.now() < end) for (let turn = 0; turn < 10; turn++, times++) work(times);
    return times / (150 + performance.now() - end) * 1000;
  };
  const join = () => {
    let text = "";
    for (let place = 0; place < 10000; place++) text += "a";
    return text.length;
  };
  const arrays = [0, 1].map(() => Array.from({length: 100000}, (_, place) => place));
  const copy = (times) => {
    const [from, to] = [arrays[times % 2], arrays[1 - times % 2]];
    for (let place = 0; place < from.length; place++) to[place] = from[place];
  };
  return (often(join) + often(copy)) / 20;
}"""


@cache
def compressed(path: Path) -> bytes:
    """Return a file as it is sent."""
    return gzip.compress(path.read_bytes()) if path.suffix in COMPRESSED else path.read_bytes()


class Host(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, texts compressed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file, or say that there is none."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        body = compressed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(body)))
        if path.suffix in COMPRESSED:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        """Answer until the page is closed, which may be in the middle of an answer."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing of each file."""


def visit(browser: Browser, address: str, index: float) -> list[float]:
    """Open a page once on a phone with this BenchmarkIndex: milliseconds until seen and ready, bytes sent."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, device_scale_factor=3
    )
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    rate = max(1, page.evaluate(BENCHMARK_INDEX) / index)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": rate})
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", NETWORK)
    page.goto(address, wait_until="domcontentloaded")
    times = page.evaluate(TIMES)
    context.close()
    return times


def main() -> None:
    """Print one line a page."""
    pages = [path.relative_to(project.ROOT).with_suffix(".html") for path in book.documents()]
    pages += [Path(f"{name}.html") for name in ("index", "search", "genindex", "404")]
    chosen = [page for page in pages if page.stem in sys.argv[1:] or not sys.argv[1:]]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=book.HTML))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program, *options = printed.browser()
    print(f"{'':32}" + "".join(f"{phone:>18}" for phone in PHONES))
    print(f"{'page':32}" + f"{'seen s':>9}{'ready s':>9}" * len(PHONES) + f"{'sent kB':>9}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        for page in chosen:
            address = f"http://127.0.0.1:{server.server_port}/{page.as_posix()}"
            line = f"{page.as_posix():32}"
            for index in PHONES.values():
                visits = [visit(browser, address, index) for _ in range(VISITS)]
                seen, ready, sent = (statistics.median(numbers) for numbers in zip(*visits, strict=True))
                line += f"{seen / 1e3:9.2f}{ready / 1e3:9.2f}"
            print(f"{line}{sent / 1e3:9.0f}", flush=True)
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
