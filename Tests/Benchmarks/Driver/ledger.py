"""Commits, syncs up to the new page, and the first sync, of this project only."""

import json
import shutil

from stored import Stored
from tables import median, milliseconds, number, ratio, show, taking_turns, times
from workplace import ours, say, setting

SIZES = [10_000, 100_000, 1_000_000]


def main(work, sizes):
    """Measures each size in a new process per round, on a copy of the stored ledger."""
    sizes = sizes or SIZES
    stored = Stored(work)
    commits, pages = {size: [] for size in sizes}, {size: [] for size in sizes}
    first_syncs = []
    for round_number in range(setting("ROUNDS", 5)):
        for size in taking_turns(sizes, round_number):
            say(f"ledger, round {round_number + 1}: {size:,} series")
            commits[size].append(on_copy(stored, size, "commit-run", "--series", size))
            pages[size].append(on_copy(stored, size, "page-run"))
        say(f"ledger, round {round_number + 1}: first sync")
        folder = work.new("first-sync")
        first_syncs.append(seconds("first-sync-run", "--folder", folder))
        shutil.rmtree(folder)
    least = sizes[0]
    show(
        "Ledger: one changed cell",
        ["series in the ledger", "commit, ms", f"÷ that at {least:,}", "sync to the new page, ms", f"÷ that at {least:,}"],
        [[f"{size:,}", milliseconds(median(commits[size])), times(ratio(commits[size], commits[least])),
          milliseconds(median(pages[size])), times(ratio(pages[size], pages[least]))] for size in sizes])
    show(
        "Ledger: first sync of 31 days × 1,000 models",
        ["cells", "seconds"], [["124,000", number(median(first_syncs))]])


def on_copy(stored, size, *command):
    """Seconds of a run on a copy of the stored ledger."""
    folder = stored.copy(size)
    try:
        return seconds(*command, "--folder", folder)
    finally:
        shutil.rmtree(folder)


def seconds(*command):
    """The seconds that a run reports."""
    return json.loads(ours(*command))["seconds"]
