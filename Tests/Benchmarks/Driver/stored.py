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

# Series of the ledger that the fixed lines of a page are counted beside.
FEW = 100


class Stored:
    """Ledgers of a workplace, each made once."""

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
        """A ledger of its own, to be changed."""
        folder = self.work.new("copy")
        shutil.copytree(self.ledger(series), folder)
        # Else the first commit to it would wait until the whole copy is on the disk.
        os.sync()
        return folder

    def config(self, windows="[]"):
        """A config whose account is the ledger's; its provider cannot be reached."""
        path = self.work.new("config.yml")
        path.write_text(CONFIG.format(windows=windows), encoding="utf-8")
        return path

    def exporter(self, series):
        """An exporter on a copy of a ledger of so many series, or on an empty storage for 0."""
        storage = self.copy(series) if series else self.work.new("empty")
        return servers.exporter(self.work, self.config(), storage)

    def _fixed_lines(self):
        """Lines of a page beside those of the ledger: the account's health, and the exporter itself."""
        server = self.exporter(FEW)
        try:
            return sample_lines(server.page()) - FEW
        finally:
            server.stop()

    def page_exporter(self, lines):
        """An exporter whose page has so many lines."""
        return self.exporter(lines - self.fixed_lines())
