"""Time how soon each page of the built book can be read on a phone.

A phone here is Chromium, 390 x 844, its processor slowed down four times, behind a network of 9 Mbit/s down
and 170 ms a round trip ("4G" of WebPageTest), with nothing cached. The pages come from a server in this
process that compresses them, as hosts of pages do. "seen" is the first contentful paint, "ready" when the
page's own scripts have run (DOMContentLoaded); "sent" is what crossed the network until then. "work" is the
time that the page's thread was at work until then without any brake, times four: other programs on the
machine change it little, unlike the first two. Each is the median of several visits.

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

VISITS, SLOWER = 5, 4
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


def visit(browser: Browser, address: str, *, phone: bool) -> list[float]:
    """Open a page once: milliseconds until seen and ready, bytes sent, milliseconds of work."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, device_scale_factor=3
    )
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    if phone:
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", NETWORK)
    page.goto(address, wait_until="domcontentloaded")
    times = page.evaluate(TIMES)
    measured = {entry["name"]: entry["value"] for entry in devtools.send("Performance.getMetrics")["metrics"]}
    context.close()
    return [*times, 1e3 * measured["TaskDuration"]]


def median(browser: Browser, address: str, *, phone: bool) -> list[float]:
    """Return the median of several visits, number by number."""
    visits = [visit(browser, address, phone=phone) for _ in range(VISITS)]
    return [statistics.median(numbers) for numbers in zip(*visits, strict=True)]


def main() -> None:
    """Print one line a page."""
    pages = [path.relative_to(project.ROOT).with_suffix(".html") for path in book.documents()]
    pages += [Path(f"{name}.html") for name in ("index", "search", "genindex", "404")]
    chosen = [page for page in pages if page.stem in sys.argv[1:] or not sys.argv[1:]]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=book.HTML))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program, *options = printed.browser()
    print(f"{'page':32} {'seen s':>8} {'ready s':>8} {'sent kB':>8} {'work s':>8}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        for page in chosen:
            address = f"http://127.0.0.1:{server.server_port}/{page.as_posix()}"
            seen, ready, sent, _ = median(browser, address, phone=True)
            work = SLOWER * median(browser, address, phone=False)[-1]
            seconds = f"{seen / 1e3:8.2f} {ready / 1e3:8.2f} {sent / 1e3:8.0f} {work / 1e3:8.2f}"
            print(f"{page.as_posix():32} {seconds}", flush=True)
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
