"""Extracts selectors, matchers and windows from a PromQL expression.

It tokenizes without parsing the grammar: Prometheus itself checks whether an expression is valid.
"""

import re

AGGREGATIONS = {
    "sum",
    "min",
    "max",
    "avg",
    "group",
    "stddev",
    "stdvar",
    "count",
    "count_values",
    "bottomk",
    "topk",
    "quantile",
}
# Keywords that take a list of labels in parentheses.
LABEL_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
OTHER_WORDS = {"and", "or", "unless", "bool", "offset", "start", "end", "inf", "nan", "atan2"}

TOKEN = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
  | (?P<range>\[[^\]]*\])
  | (?P<number>(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?(?:ms|[smhdwy]\w*)?|\.\d+))
  | (?P<word>\$\{?[A-Za-z_][A-Za-z0-9_]*\}?|[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<mark>=~|!~|!=|==|>=|<=|.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Selector:
    """A vector selector: metric name (or None), matchers as (label, operator, value), and window (or None)."""

    def __init__(self, name, matchers, stream, begin, end):
        self.name = name
        self.matchers = matchers
        self.text = "".join(text for _, text in stream[begin:end])
        self.window = stream[end][1][1:-1] if end < len(stream) and stream[end][0] == "range" else None

    def names(self):
        """The metric names that it selects: its own, or those of a plain alternation in `__name__=~"…"`."""
        if self.name:
            return [self.name]
        for label, operator, value in self.matchers:
            if label == "__name__":
                return expand(value) if operator == "=~" else [value]
        return []


def expand(pattern):
    """The words of an alternation such as `a_(b|c)_d|e`: groups without nesting, no other operators."""
    words = []
    for branch in split_outside_groups(pattern):
        parts = [""]
        for literal, group in re.findall(r"([^()]+)|\(([^()]*)\)", branch):
            options = [literal] if literal else group.split("|")
            parts = [before + option for before in parts for option in options]
        words += parts
    return words


def split_outside_groups(pattern):
    depth, start, out = 0, 0, []
    for position, character in enumerate(pattern):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            out.append(pattern[start:position])
            start = position + 1
    return out + [pattern[start:]]


def tokens(expression):
    return [(match.lastgroup, match.group()) for match in TOKEN.finditer(expression) if match.lastgroup != "space"]


def selectors(expression):
    """Every vector selector of the expression, in order."""
    found, stream, i = [], tokens(expression), 0
    while i < len(stream):
        kind, text = stream[i]
        following = stream[i + 1][1] if i + 1 < len(stream) else ""
        if kind == "word" and text in LABEL_LISTS:
            i += 1
            if following == "(":
                while stream[i][1] != ")":
                    i += 1
                i += 1
            continue
        if kind == "word" and not text.startswith("$"):
            if following != "(" and text.lower() not in OTHER_WORDS and text not in AGGREGATIONS:
                matchers, end = braces(stream, i + 1)
                found.append(Selector(text, matchers, stream, i, end))
                i = end
                continue
        elif text == "{":
            matchers, end = braces(stream, i)
            found.append(Selector(None, matchers, stream, i, end))
            i = end
            continue
        i += 1
    return found


def braces(stream, i):
    """The matchers of `{…}` at i, and the index after it."""
    matchers = []
    if i >= len(stream) or stream[i][1] != "{":
        return matchers, i
    i += 1
    while stream[i][1] != "}":
        if stream[i][1] == ",":
            i += 1
            continue
        matchers.append((stream[i][1], stream[i + 1][1], unquote(stream[i + 2][1])))
        i += 3
    return matchers, i + 1


def unquote(text):
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
