"""Single HTTP requests, and the sample count of a page."""

import http.client
import time
import urllib.parse


def get(url, gzip=False, timeout=120):
    """One request on a new connection. Returns status, headers, body as received, and seconds."""
    parts = urllib.parse.urlsplit(url)
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        # Without Accept-Encoding, http.client sends identity.
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"} if gzip else {})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    return response.status, response.headers, body, time.perf_counter() - begun


def wait(url, process, accept, longest=300):
    """Repeats the request until `accept(status, body)`; raises if the process exits or the time is up."""
    until = time.monotonic() + longest
    while time.monotonic() < until:
        process.check()
        try:
            status, _, body, _ = get(url)
            if accept(status, body):
                return body
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not come up within {longest} s")


def sample_lines(page):
    """The number of lines of an exposition that are not comments."""
    return page.count(b"\n") - page.count(b"\n#") - page.startswith(b"#")
