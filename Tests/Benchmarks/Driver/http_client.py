"""Single requests, and what is on a page."""

import http.client
import time
import urllib.parse


def get(url, gzip=False, timeout=120):
    """One request on a connection of its own: status, headers, body as it came, seconds."""
    parts = urllib.parse.urlsplit(url)
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        # Without Accept-Encoding of its own, http.client sends identity.
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"} if gzip else {})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return answer.status, answer.headers, body, time.perf_counter() - begun


def wait(url, process, accept, longest=300):
    """Asks again and again until `accept(status, body)`; raises where the process ends or time is up."""
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
    """Lines of an exposition that are no comments."""
    return page.count(b"\n") - page.count(b"\n#") - page.startswith(b"#")
