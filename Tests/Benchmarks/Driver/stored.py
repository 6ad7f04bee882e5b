"""Stored ledgers, and exporters that serve them."""

import functools
import os
import shutil

import servers
from http_client import sample_lines
from workplace import ours, say

CONFIG = """global:
  windows: {windows}
  series_limit: 10000000
  sync_interval: 7d
accounts:
  - {{ name: media, provider: wavespeed, api_key: benchmark, base_url: "http://127.0.0.1:1" }}
"""

FOUR_WINDOWS = "[today, yesterday, month_to_date, previous_month]"

# Series of the ledger with which the fixed lines of a page are counted.
FEW = 100


class Stored:
    """Ledgers of a workplace, each created once."""

    def __init__(self, work):
        self.work = work
        self.ledger = functools.cache(self._ledger)
        self.fixed_lines = functools.cache(self._fixed_lines)

    def _ledger(self, series):
        say(f"storing a ledger of {series:,} series")
        folder = self.work.new("ledger")
        ours("store", "--series", series, "--folder", folder)
        return folder

    def copy(self, series):
        """A copy of the ledger that may be modified."""
        folder = self.work.new("copy")
        shutil.copytree(self.ledger(series), folder)
        # Otherwise the first commit would wait until the whole copy is written to disk.
        os.sync()
        return folder

    def config(self, windows="[]"):
        """A config with the ledger's account; its provider is unreachable."""
        path = self.work.new("config.yml")
        path.write_text(CONFIG.format(windows=windows), encoding="utf-8")
        return path

    def exporter(self, series):
        """An exporter on a copy of a ledger with the given number of series, or on an empty storage for 0."""
        storage = self.copy(series) if series else self.work.new("empty")
        return servers.exporter(self.work, self.config(), storage)

    def _fixed_lines(self):
        """Lines of a page besides those of the ledger: the account's health, and the exporter's own metrics."""
        server = self.exporter(FEW)
        try:
            return sample_lines(server.page()) - FEW
        finally:
            server.stop()

    def page_exporter(self, lines):
        """An exporter whose page has the given number of lines."""
        return self.exporter(lines - self.fixed_lines())
