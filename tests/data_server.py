"""A real HTTP server on 127.0.0.1 with the faults that downloads meet, and small sets for it to serve."""

import gzip
import hashlib
import io
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from compendium.data.catalogue import CATALOGUE, SPLITS


class Handler(BaseHTTPRequestHandler):
    """Serves `server.content`; fails in the way `server.faults` says for a path, as often as it says."""

    def do_GET(self):
        self.server.requests.append(self.path)
        fault, times = self.server.faults.get(self.path, (None, 0))
        self.server.faults[self.path] = (fault if times > 1 else None, times - 1)
        body = self.server.content.get(self.path)
        if body is None or fault == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if fault == "stall":
            self.server.stalled.set()
            self.server.closing.wait(30)

    def log_message(self, *_):
        pass


@contextmanager
def serving(content):
    """Serve {path: bytes}; yields the server, which has `url`, `requests`, `faults`, `stalled`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.requests, server.faults = dict(content), [], {}
    server.stalled, server.closing = threading.Event(), threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def idx(array):
    """The bytes of an IDX file of unsigned bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def contents(name):
    """{file: bytes} of a whole set with random pixels, as large as the catalogue says."""
    entry, generator, made = CATALOGUE[name], np.random.default_rng(0), {}
    for split in SPLITS:
        count, files = entry.counts[split], entry.files[split]
        labels = np.stack([generator.integers(limit, size=count) for limit in entry.label_limits], axis=1)
        images = generator.integers(256, size=(count, np.prod(entry.shape)))
        if name == "mnist":
            made[files[0]] = idx(images.reshape(count, *entry.shape[:2]))
            made[files[1]] = idx(labels[:, 0])
        else:
            records = np.concatenate([labels, images], axis=1).astype(np.uint8)
            for file, batch in zip(files, np.split(records, len(files)), strict=True):
                made[file] = batch.tobytes()
    return made


def write(root, name, files):
    """Write {file: bytes} where a set of this name is looked for."""
    folder = root / CATALOGUE[name].folder
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return folder


def archive(members):
    """The bytes of a .tar.gz; members are (name, bytes), or (name, target, tarfile.SYMTYPE or LNKTYPE)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content, *kind in members:
            member = tarfile.TarInfo(name)
            if kind:
                member.type, member.linkname = kind[0], content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def compressed(files):
    """{file.gz: bytes} and the MD5 of each file's decompressed content, as for MNIST."""
    served = {f"{file}.gz": gzip.compress(content, mtime=0) for file, content in files.items()}
    return served, {f"{file}.gz": md5(content) for file, content in files.items()}


def md5(content):
    return hashlib.md5(content).hexdigest()
