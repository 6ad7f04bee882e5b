"""Serves the series of an exposition with prometheus_client, for a benchmark: PAGE PORT."""

import sys
import threading

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_fd_to_metric_families


class Page:
    """A collector of precomputed families: the minimum work of an exporter based on this library."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.families = list(text_fd_to_metric_families(file))

    def collect(self):
        return self.families

    def describe(self):
        return []


registry = CollectorRegistry()
registry.register(Page(sys.argv[1]))
start_http_server(int(sys.argv[2]), "127.0.0.1", registry)
threading.Event().wait()
