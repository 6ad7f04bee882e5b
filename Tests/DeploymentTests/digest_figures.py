#!/usr/bin/env python3
"""Checks that the daily digest, as it arrives in the chat and by mail, has the figures of an exporter's /metrics.

    digest_figures.py METRICS_URL FOLDER

Reads the page once, and serves that copy to a real Prometheus with the repository's rules, in which the digest fires at
once. Its alerts go to a real Alertmanager with the repository's config and templates. FOLDER is for data. Prints one
line per problem.
"""

import calendar
import contextlib
import datetime
import decimal
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import urllib.request

import message_sinks

RULES = message_sinks.DEPLOY / "prometheus" / "rules"
EXPRESSION = "(hour() == 8) and (minute() < 10)"
AMOUNT = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?= (?:USD|of|%|diem))")
HALF_A_CENT = decimal.Decimal("0.005")
MONTHS = "|".join(calendar.month_name[1:])


def samples(page, family):
    """Labels and value of each series of a family."""
    for line in page.splitlines():
        if match := re.fullmatch(re.escape(family) + r"\{(.*)\} (\S+)", line):
            labels = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(1))
            yield dict(labels), decimal.Decimal(match.group(2))


def total(page, window, *labels):
    """The cost of a window by the labels."""
    sums = {}
    for each, value in samples(page, "genai_window_cost_usd"):
        if each["window"] == window:
            name = tuple(each.get(label, "") for label in labels)
            sums[name] = sums.get(name, 0) + value
    return sums


def usd(amount):
    return f"{amount:f} USD"


def is_rounded(line, exact):
    """Whether a line is the exact one with its amounts rounded to the digits that it shows."""
    shown, amounts = (list(map(decimal.Decimal, AMOUNT.findall(each))) for each in (line, exact))
    return AMOUNT.sub("#", line) == AMOUNT.sub("#", exact) and all(
        abs(one - other) <= decimal.Decimal(1).scaleb(one.as_tuple().exponent) / 2 + decimal.Decimal("1e-9")
        for one, other in zip(shown, amounts)
    )


def expected_lines(page):
    """The digest's lines with the page's exact figures."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    yesterday, before = today - datetime.timedelta(days=1), today.replace(day=1) - datetime.timedelta(days=1)
    accounts = {(each["provider"], each["account"]) for each, _ in samples(page, "genai_up")}
    reporting = {
        name
        for window in ("today", "yesterday", "month_to_date")
        for name in total(page, window, "provider", "account")
    }
    lines = []
    for name, window in (
        (f"Yesterday, {yesterday:%a} {yesterday.day} {yesterday:%b}", "yesterday"),
        (f"{today:%B} so far", "month_to_date"),
        (f"{before:%B}", "previous_month"),
    ):
        by_account = total(page, window, "provider", "account")
        missing = sorted(accounts & reporting - set(by_account), key=lambda each: each[1])
        line = f"{name}: " + (usd(sum(by_account.values())) if by_account else "not known")
        if by_account and missing:
            line += ", without " + ", ".join("/".join(each) for each in missing) + " (not known)"
        lines.append(line)
    for labels, text in ((("provider", "account"), "{0}/{1}"), (("model", "provider", "account"), "{0} at {1}/{2}")):
        sums = sorted(total(page, "yesterday", *labels).items(), key=lambda each: -each[1])
        # Which of two equal sums comes fifth is not defined.
        fifth = sums[4][1] if len(sums) > 4 else 0
        lines += [
            "- " + text.format(name[0] or "without a model", *name[1:]) + f": {usd(value)}"
            for name, value in sums[:5]
            if value > fifth
        ]
    return lines + budget_lines(page)


def budget_lines(page):
    """The lines of the eight budgets of which most is used."""
    unattributed = {each["budget"]: value for each, value in samples(page, "genai_budget_unattributed_usd")}
    budgets = []
    for unit in ("usd", "credits"):
        limits = {tuple(sorted(each.items())): value for each, value in samples(page, f"genai_budget_limit_{unit}")}
        for labels, value in samples(page, f"genai_budget_spent_{unit}"):
            limit = limits.get(tuple(sorted(labels.items())))
            if not limit:
                continue
            key = f" key {labels['key']}" if "key" in labels else ""
            name = labels.get("budget") or f"{labels['provider']}/{labels['account']}{key} ({labels['scope']})"
            line = f"- {name}: {value:f} of {limit:f} {labels.get('unit', 'USD')}, {100 * value / limit:f} %"
            rest = unattributed.get(labels.get("budget"), 0)
            budgets.append((value / limit, line + (f", {usd(rest)} not attributed" if rest >= HALF_A_CENT else "")))
    budgets.sort(key=lambda each: -each[0])
    # Which of two equal shares comes eighth is not defined.
    eighth = budgets[7][0] if len(budgets) > 8 else -1
    return [line for share, line in budgets[:8] if share > eighth]


@contextlib.contextmanager
def page_server(page):
    """Serves a copy of the exporter's page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield "127.0.0.1:%d" % server.server_address[1]
    finally:
        server.shutdown()


@contextlib.contextmanager
def running_prometheus(folder, target, alertmanager):
    """Prometheus with the repository's rules. The digest fires once its figures are recorded."""
    rules = folder / "rules"
    rules.mkdir()
    for path in RULES.glob("*.yml"):
        text = re.sub(r"\n    interval: \w+\n", "\n", path.read_text())
        if path.name == "digests.yml":
            if text.count(EXPRESSION) != 2:
                raise SystemExit(f"digests.yml: expected twice: {EXPRESSION}")
            text = text.replace(
                f"          {EXPRESSION}\n",
                "          count(count_over_time(genai_exporter_build_info[1h]) >= 4) > 0\n",
                1,
            )
        (rules / path.name).write_text(text)
    config = {
        "global": {
            "scrape_interval": "2s",
            "evaluation_interval": "2s",
            "external_labels": {"dashboard_url": "https://grafana.example.com"},
        },
        "rule_files": [str(rules / "*.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [{"job_name": "genai", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    program = shutil.which("prometheus")
    if not program:
        raise SystemExit("Prometheus is not installed; install it with: apt-get install prometheus")
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{message_sinks.free_port()}",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def main(metrics, folder):
    folder = pathlib.Path(folder)
    with urllib.request.urlopen(metrics, timeout=30) as response:
        page = response.read().decode()
    expected = expected_lines(page)
    problems = [] if len(expected) > 8 else [f"the page has too few figures: {expected}"]
    with message_sinks.running_alertmanager(folder) as alertmanager, page_server(page) as target:
        with running_prometheus(folder, target, alertmanager.address):
            messages = alertmanager.inbox.wait(3, 120, containing="#genaidailydigest")
    texts = {message.kind: message for message in messages}
    for kind in ("slack", "mail"):
        if kind not in texts:
            problems.append(f"no message: {kind}, got {sorted(texts)}")
            continue
        if kind == "mail":
            lines = texts[kind].mail_parts()[0].splitlines()
        else:
            text = texts[kind].content["attachments"][0]["text"]
            lines = [
                re.sub(rf"^• (?=Yesterday|\w+ so far|(?:{MONTHS}): \*)", "", line).replace("*", "").replace("• ", "- ")
                for line in text.splitlines()
            ]
        missing = [exact for exact in expected if not any(is_rounded(line, exact) for line in lines)]
        if missing:
            problems.append(f"{kind}: no lines {missing} in {lines}")
    for problem in problems:
        print(problem)
    print(f"{len(expected)} figures")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main(*sys.argv[1:]))
