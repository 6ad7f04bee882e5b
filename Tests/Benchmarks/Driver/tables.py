"""Formats results as Markdown tables."""

import statistics


def median(values):
    """The median of the rounds."""
    return statistics.median(values)


def ratio(left, right):
    """The median of left divided by right, per round."""
    return statistics.median(one / other for one, other in zip(left, right))


def number(value):
    """Three significant digits, without an exponent: 0.0123, 1.23, 12300."""
    if value == 0:
        return "0"
    digits = max(0, 2 - exponent(value))
    return f"{round(value, 2 - exponent(value)):,.{digits}f}"


def exponent(value):
    """The power of ten of the first digit."""
    return int(f"{abs(value):e}".partition("e")[2])


def milliseconds(seconds):
    """Seconds as milliseconds."""
    return number(seconds * 1000)


def mebibytes(size):
    """Bytes as MiB."""
    return f"{size / (1 << 20):,.1f}"


def times(value):
    """A ratio: 12.3×."""
    return number(value) + "×"


def show(title, columns, rows):
    """Prints a table; every row has a text per column."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def taking_turns(sides, round_number):
    """The sides in this round's order, rotated so that each is first in turn."""
    start = round_number % len(sides)
    return sides[start:] + sides[:start]
