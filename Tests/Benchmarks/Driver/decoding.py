"""Large answers, beside Go's encoding/json and Python's orjson on the same bytes."""

import json
import shutil

from tables import median, number, ratio, show, taking_turns, times
from workplace import BUILT, PEERS, ours, run, say, setting

RECORDINGS = {
    "useapi": "50,000 of useapi.net in one answer",
    "useapi-ten-days": "50,000 of useapi.net in ten answers",
    "venice": "100,000 of Venice.ai in pages",
}
OURS = "this exporter: decode, count, store in the ledger"


def main(work, names):
    """Measures each recording; every round of each side is a process of its own, so that a peak is that round's."""
    for name in names or RECORDINGS:
        answers = work.new("answers")
        answers.mkdir()
        size = int(ours("decoding-record", name, answers))
        sides = {
            OURS: lambda name=name, answers=answers: counted(work, name, answers),
            "Go encoding/json: decode alone": lambda name=name, answers=answers: run(
                BUILT / "jsondecoding", name, answers),
            "Python orjson: decode alone": lambda answers=answers: run(
                "python3", PEERS / "orjson_decoding.py", answers),
        }
        measured = {side: [] for side in sides}
        for round_number in range(setting("ROUNDS", 5)):
            for side in taking_turns(list(sides), round_number):
                say(f"decoding {name}, round {round_number + 1}: {side}")
                measured[side].append(json.loads(sides[side]()))
        table(f"Rows: {RECORDINGS[name]}, {size / 1e6:.0f} MB", measured)


def counted(work, name, answers):
    """A round of this project's side, with a ledger of its own."""
    folder = work.new("ledger")
    try:
        return ours("decoding-run", name, answers, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table(title, measured):
    """Prints a recording's sides."""
    mine = [one["seconds"] for one in measured[OURS]]
    show(
        title, ["side", "seconds", "ours ÷ its", "peak memory above the start, MB"],
        [[side, number(median(one["seconds"] for one in rounds)),
          times(ratio(mine, [one["seconds"] for one in rounds])),
          number(median(one["peakBytes"] for one in rounds) / 1e6)] for side, rounds in measured.items()])
