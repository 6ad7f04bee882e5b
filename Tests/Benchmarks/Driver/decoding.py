"""Decoding of large responses, compared with Go's encoding/json and Python's orjson on the same bytes."""

import json
import shutil

from tables import median, number, ratio, show, taking_turns, times
from workplace import BUILT, PEERS, ours, run, say, setting

RECORDINGS = {
    "useapi": "50,000 of useapi.net in one response",
    "useapi-ten-days": "50,000 of useapi.net in ten responses",
    "venice": "100,000 of Venice.ai in pages",
}
OURS = "this exporter: decode, count, store in the ledger"


def main(work, names):
    """Measures each recording. Every round runs in a separate process, so that the peak memory is that of the round."""
    for name in names or RECORDINGS:
        responses = work.new("answers")
        responses.mkdir()
        size = int(ours("decoding-record", name, responses))
        sides = {
            OURS: lambda name=name, responses=responses: counted(work, name, responses),
            "Go encoding/json: decode only": lambda name=name, responses=responses: run(
                BUILT / "jsondecoding", name, responses),
            "Python orjson: decode only": lambda responses=responses: run(
                "python3", PEERS / "orjson_decoding.py", responses),
        }
        measured = {side: [] for side in sides}
        for round_number in range(setting("ROUNDS", 5)):
            for side in taking_turns(list(sides), round_number):
                say(f"decoding {name}, round {round_number + 1}: {side}")
                measured[side].append(json.loads(sides[side]()))
        table(f"Rows: {RECORDINGS[name]}, {size / 1e6:.0f} MB", measured)


def counted(work, name, responses):
    """A round of this project's side, with its own ledger."""
    folder = work.new("ledger")
    try:
        return ours("decoding-run", name, responses, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table(title, measured):
    """Prints the results of a recording."""
    mine = [one["seconds"] for one in measured[OURS]]
    show(
        title, ["side", "seconds", "ours ÷ its", "peak memory above the start, MB"],
        [[side, number(median(one["seconds"] for one in rounds)),
          times(ratio(mine, [one["seconds"] for one in rounds])),
          number(median(one["peakBytes"] for one in rounds) / 1e6)] for side, rounds in measured.items()])
