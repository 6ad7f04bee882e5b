"""The compared servers: each serves the same series at `url`."""

import os
import shutil

from http_client import get, sample_lines, wait
from processes import Process
from workplace import BUILT, EXPORTER, PEERS, free_port


class Server:
    """A process that serves scrapes."""

    def __init__(self, name, command, log, port, is_copying=False, path="/metrics"):
        self.name = name
        # Whether it only copies precomputed bytes.
        self.is_copying = is_copying
        self.base = f"http://127.0.0.1:{port}"
        self.url = self.base + path
        self.process = Process(command, log)

    def stop(self):
        """Stops the process."""
        self.process.stop()

    def wait(self):
        """Waits until it responds to a scrape."""
        wait(self.url, self.process, lambda status, _: status == 200)
        return self

    def page(self, gzip=False):
        """The body of a scrape as received."""
        status, headers, body, _ = get(self.url, gzip)
        if status != 200 or headers.get("Content-Encoding", "identity") != ("gzip" if gzip else "identity"):
            raise RuntimeError(f"{self.name} returned {status}, {headers.get('Content-Encoding')}")
        return body


def exporter_command(port, config, storage):
    """The exporter's command line."""
    return [
        EXPORTER, "serve", "--config.file", config, "--storage.path", storage,
        "--web.listen-address", f"127.0.0.1:{port}",
    ]


def exporter(work, config, storage):
    """This project's exporter, once every account was tried and the page has all lines."""
    port = free_port()
    server = Server(
        "this exporter", exporter_command(port, config, storage), work.new("exporter.log"), port, is_copying=True)
    try:
        wait(server.base + "/-/ready", server.process, lambda status, _: status == 200)
        # The exporter's own counters appear after the first scrape, at its next refresh: within 5 s.
        wait(server.url + "?name%5B%5D=genai_exporter_scrapes_total", server.process, lambda _, page: b"{" in page)
    except BaseException:
        server.stop()
        raise
    return server


def go_peer(work, page):
    """client_golang's promhttp with the series of a page."""
    port = free_port()
    command = [BUILT / "promhttp", "-page", page, "-listen", f"127.0.0.1:{port}"]
    return Server("client_golang promhttp", command, work.new("promhttp.log"), port).wait()


def python_peer(work, page):
    """prometheus_client, as Debian packages it, with the series of a page."""
    port = free_port()
    command = ["/usr/bin/python3", PEERS / "prometheus_client_server.py", page, port]
    return Server("Python prometheus_client", command, work.new("python.log"), port).wait()


def node_exporter(work):
    """node_exporter with its default collectors."""
    port = free_port()
    command = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"]
    return Server("node_exporter", command, work.new("node_exporter.log"), port).wait()


NGINX = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr;
worker_processes auto;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile off;
    gzip_static on;
    keepalive_requests 1000000000;
    default_type text/plain;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
    }}
}}
"""


def nginx(work, page, gzipped):
    """nginx with the same bytes in files, read and written without sendfile."""
    folder = work.new("nginx")
    folder.mkdir()
    (folder / "metrics").write_bytes(page)
    (folder / "metrics.gz").write_bytes(gzipped)
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(user=user, folder=folder, port=port), encoding="utf-8")
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [program, "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"]
    return Server("nginx, the same bytes", command, work.new("nginx.log"), port, is_copying=True).wait()


def check_lines(server, expected, unpack):
    """Raises unless the server's page has the expected number of samples in both encodings."""
    for gzip in (False, True):
        page = server.page(gzip)
        found = sample_lines(unpack(page) if gzip else page)
        if found != expected:
            raise RuntimeError(f"{server.name} serves {found} samples, not {expected}")
