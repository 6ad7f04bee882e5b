#!/usr/bin/env python3
"""Checks the Alertmanager's messages as a person gets them.

    message_rendering.py FOLDER

Starts the real Alertmanager with the repository's config, whose receivers are sinks on this host, posts alerts, and
checks each message. Writes them, and pictures of the mails at the width of a phone, to FOLDER/messages. Prints one line
per problem.
"""

import datetime
import html.parser
import json
import pathlib
import re
import sys
import urllib.parse

from playwright.sync_api import sync_playwright

import message_sinks

RUNBOOK = "https://github.com/genai-usage-exporter/genai-usage-exporter/tree/main/deploy/prometheus#"
GRAFANA = "https://grafana.example.com/d/genai-budgets?var-account=media"
# A name as a provider could return it: a mention in Slack, markup in mail, a template and quotes.
HOSTILE = '<!channel> <b onclick="x">bold</b> & {{ .Labels }} "q"'
# What a message contains where a template failed.
FAILED = re.compile(r"<no value>|&lt;no value|%!|ZgotmplZ|\{\{ (?!\.Labels)|<nil>|map\[|error calling|\[0x")
LONG_AGO = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=3, minutes=13)

DAILY = {
    "summary": "The cost of yesterday and of the month, the budgets, and what is wrong with the data.",
    "title": "Fri 27 Nov: at least 1234.56 USD, November so far 23456.78 USD",
    "description": "Yesterday, Fri 27 Nov: 1234.56 USD, without venice/assistant (not known)\n"
    "November so far: 23456.78 USD, without venice/assistant (not known)\n"
    "Forecast for November: 26000.00 USD, low 25100.00, high 27250.50\nOctober: 21987.65 USD",
    "accounts": "wavespeed/media: 1000.00 USD\nfairstack/stack: 234.56 USD\n"
    "useapi/clips, estimated, in no sum: 12.30 USD in 24 h\n",
    "models": "kwaivgi/kling-v2.0-i2v-master at wavespeed/media: 800.00 USD\n"
    f"{HOSTILE} at wavespeed/media: 200.00 USD\nflux:pro at fairstack/stack: 134.56 USD\n7 more: 100.00 USD\n",
    "budgets": "video-day: 40.00 of 50.00 USD, 80.0 %, 1.20 USD not attributed\n"
    "venice/assistant key support-bot (key): 15.00 of 20.00 diem, 75.0 %\n"
    "wavespeed/media (config): not known of 7500.00 USD\n",
    "data": "venice/assistant usage: sync fails, last read Fri 27 Nov 05:12 UTC\n"
    "wavespeed/media: totals and parts differ by 3.00 USD\nAlerts: GenAIBudgetThresholdPassed, GenAISyncStale (2)\n",
    "runbook_url": RUNBOOK + "genaidailydigest",
    "dashboard": "https://grafana.example.com/d/genai-overview",
}
WEEKLY = DAILY | {
    "title": "Mon 16 Nov to Sun 22 Nov: 8123.45 USD",
    "description": "Seven days, Mon 16 Nov to Sun 22 Nov: 8123.45 USD\nThe seven days before: 7900.00 USD\n"
    "November so far: 19456.78 USD\nOctober: 21987.65 USD",
    "data": "Problems: none known\n",
    "runbook_url": RUNBOOK + "genaiweeklydigest",
    "dashboard": "/d/genai-overview",
}


def alert(name, severity, summary, description, dashboard=GRAFANA, started=LONG_AGO, ended=False, **labels):
    """An alert, without the times that are those of its post. Alertmanager sends a new group at once if an alert began
    longer ago than `group_wait`, so the alerts of a group begin with their post."""
    made = {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": RUNBOOK + name.lower(),
            "dashboard": dashboard,
        },
        "generatorURL": "http://prometheus.example.com/graph",
    }
    if started:
        made["startsAt"] = started.isoformat()
    return made | {"ended": True} if ended else made


def posted(alerts):
    """Alerts with the time of their end, which is now or later."""
    now = datetime.datetime.now(datetime.timezone.utc)
    ends = {True: now, False: now + datetime.timedelta(hours=1)}
    return [
        {name: value for name, value in each.items() if name != "ended"} | {"endsAt": ends["ended" in each].isoformat()}
        for each in alerts
    ]


def media(name, severity, summary, description, **more):
    return alert(name, severity, summary, description, provider="wavespeed", account="media", **more)


def exhausted(**more):
    return media(
        "GenAIBudgetExhausted",
        "critical",
        "A budget is spent: the provider may refuse requests until it is reset.",
        "wavespeed/media key batch (key) has spent 104% of its limit in the present period.",
        key="batch",
        scope="key",
        **more,
    )


def stale(source, **more):
    return media(
        "GenAISyncStale",
        "warning",
        "A source has not been read for hours.",
        f"{source} of wavespeed/media is late by 3h 13m 0s: its syncs fail, or do not start.",
        source=source,
        started=None,
        **more,
    )


def expiring(number, **more):
    return media(
        "GenAIKeyExpiresSoon",
        "warning",
        "A key expires within seven days.",
        f"Key team-{number:02} of wavespeed/media expires in 2d 4h 13m 0s.",
        key=f"team-{number:02}",
        started=None,
        **more,
    )


def threshold(passed, severity="warning", pace="At the present pace it passes the limit on Sat 28 Nov", ended=False):
    return alert(
        "GenAIBudgetThresholdPassed",
        severity,
        "A budget has passed one of its thresholds.",
        f"Budget video-day has spent {passed[:-1]}.4 % of its 50.00 USD and passed {passed}. {pace}; the "
        "reset is on Sun 29 Nov. Most is spent by key ci-web with kling-v2.0 (61.5%), flux-pro (20%).",
        budget="video-day",
        scope="config",
        threshold=passed,
        ended=ended,
    )


def digest(name, annotations, ended=False):
    return alert(name, "info", "", "", ended=ended) | {"annotations": annotations}


# The alerts that are posted one after another, and the messages that each of the posts causes: none at all for None,
# else these and Telegram's.
SCENARIOS = [
    ("one-critical", [exhausted()], ["pager", "slack"]),
    ("one-critical-resolved", [exhausted(ended=True)], ["pager", "slack"]),
    ("three-warnings", [stale("balance"), stale("predictions"), stale("usage_stats")], ["slack"]),
    ("one-of-three-resolved", [stale("balance", ended=True)], ["slack"]),
    ("forty-warnings", [expiring(number) for number in range(40)], ["slack"]),
    ("threshold", [threshold("50%")], ["slack"]),
    ("next-threshold", [threshold("50%", ended=True), threshold("80%")], ["slack"]),
    (
        "limit-passed",
        [threshold("80%", ended=True), threshold("100%", "critical", "The limit is passed")],
        ["pager", "slack"],
    ),
    (
        "exporter",
        [
            alert(
                "GenAIExporterDown",
                "critical",
                "Prometheus can't scrape the exporter.",
                "Scrapes of genai-usage-exporter fail: the accounts that it reads have no figures.",
                dashboard="/d/genai-exporter",
                job="genai",
                instance="genai-usage-exporter",
            )
        ],
        ["pager", "slack"],
    ),
    (
        "info",
        [
            media(
                "GenAINewExpensiveModel",
                "info",
                "A model that was not used a week ago has cost 10 USD or more.",
                "wavespeed/media has spent 12.34 USD on kwaivgi/kling-v2.0, which had no cost a week ago.",
                model="kwaivgi/kling-v2.0",
            )
        ],
        ["mail"],
    ),
    (
        "hostile-warning",
        [
            media(
                "GenAIBudgetBurnSlow",
                "warning",
                "A budget is being spent.",
                f"Key {HOSTILE} of it: 3 times.",
                key=HOSTILE,
            ),
        ],
        ["slack"],
    ),
    (
        "hostile-critical",
        [media("GenAIKeyExpired", "critical", "A key has expired.", f"Key {HOSTILE * 9} expired.", key=HOSTILE * 9)],
        ["pager", "slack"],
    ),
    (
        "hostile-info",
        [
            media("GenAICorrectionSeen", "info", "Cost was taken back.", f"Key {HOSTILE} of it: 3 times.", key=HOSTILE),
        ],
        ["mail"],
    ),
    ("many-resolved", [expiring(number, ended=True) for number in range(40)], ["slack"]),
    ("daily", [digest("GenAIDailyDigest", DAILY)], ["mail", "slack"]),
    ("daily-changed", [digest("GenAIDailyDigest", DAILY | {"title": "Fri 27 Nov: 1.00 USD"})], None),
    ("daily-ended", [digest("GenAIDailyDigest", DAILY, ended=True)], []),
    ("weekly", [digest("GenAIWeeklyDigest", WEEKLY)], ["mail", "slack"]),
]


class Elements(html.parser.HTMLParser):
    """The text of a mail, its links, and elements that are not closed."""

    EMPTY = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.links, self.text, self.wrong = [], set(), [], [], []
        self.feed(text)
        self.wrong += [f"not closed: {name}" for name in self.open]

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.wrong += [f"attribute {name}" for name, _ in attributes if name.startswith("on")]
        self.links += [value for name, value in attributes if name == "href"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"closed too early: {tag}")

    def handle_data(self, data):
        self.text.append(data)


class Checks:
    """Collects the problems of messages."""

    def __init__(self):
        self.problems = []
        self.scenario = ""

    def expect(self, holds, what):
        if not holds:
            self.problems.append(f"{self.scenario}: {what}")

    def message(self, message):
        """What is true of each message of a kind."""
        raw = message.raw()
        self.expect(not (found := FAILED.search(raw)), f"{message.kind}: {found and found.group()} in {raw}")
        getattr(self, message.kind)(message)

    def slack(self, message):
        (attachment,) = message.content["attachments"]
        title, text = attachment["title"], attachment["text"]
        self.title(title)
        self.expect(attachment["fallback"] == title, "the fallback, which a notification shows, is not the title")
        self.expect(len(text) <= 4000, f"a text of {len(text)} characters")
        self.expect(not re.search(r"<(?!https?://[^|<> ]+\|[^<>]+>)", title + text), f"unescaped: {title} {text}")
        self.expect(not re.search(r"&(?!amp;|lt;|gt;)", text), f"unescaped: {text}")
        self.expect("\n\n\n" not in text and text == text.strip(), f"blank lines: {text!r}")
        self.links(re.findall(r"<([^|]+)\|", text))
        self.expect("|What to do>" in text or "|About these figures>" in text, "no link to the runbook")

    def pager(self, message):
        content = message.content
        payload = content["payload"]
        self.title(payload["summary"])
        self.expect(len(payload["summary"].encode()) <= 1024, "the summary is too long")
        self.expect(payload["severity"] in ("critical", "error", "warning", "info"), payload["severity"])
        self.links([link["href"] for link in content["links"]])
        details = payload["custom_details"]
        self.expect(content["event_action"] != "trigger" or details["firing"] and details["since"], f"{details}")

    def telegram(self, message):
        content = message.content
        self.expect(len(content["text"]) <= 4096, f"a text of {len(content['text'])} characters")
        self.expect("parse_mode" not in content or not content["parse_mode"], "names are parsed as markup")

    def mail(self, message):
        text, page = message.mail_parts()
        self.title(message.content["Subject"])
        self.expect(text and page, f"no text or no HTML: {message.raw()}")
        elements = Elements(page)
        self.expect(not elements.wrong, f"{elements.wrong} in {page}")
        known = {
            "html",
            "head",
            "meta",
            "body",
            "div",
            "p",
            "br",
            "span",
            "a",
            "strong",
            "table",
            "tr",
            "td",
            "tbody",
            "h3",
        }
        self.expect(elements.names <= known, f"{elements.names - known}")
        self.links(elements.links)
        self.links(re.findall(r": (https?://\S+|/d/\S+)", text))
        self.expect("&lt;" not in text and "&amp;" not in text, f"escaped: {text}")

    def title(self, title):
        self.expect(title == title.strip() and "\n" not in title and "  " not in title, f"title {title!r}")
        self.expect(10 < len(title) <= 230, f"a title of {len(title)} characters: {title}")

    def links(self, links):
        for link in links:
            self.expect(re.fullmatch(r"https://[^\s\"<>]+", link), f"link {link}")
            address, _, query = link.partition("/#/silences/new?filter=")
            if query:
                matchers = urllib.parse.unquote(query)
                self.expect(address == "https://alertmanager.example.com", f"link {link}")
                self.expect(
                    re.fullmatch(r'\{alertname="GenAI\w+"(, \w+="[^"]+")*\}', matchers), f"the silence {matchers}"
                )


def read(messages, kind):
    """A message's title and text as a person reads them; empty if there is none of the kind."""
    for message in messages:
        if message.kind != kind:
            continue
        if kind == "mail":
            return (
                message.content["Subject"] + "\n" + "".join(Elements(message.mail_parts()[1]).text).replace("\xa0", " ")
            )
        if kind == "slack":
            attachment = message.content["attachments"][0]
            return attachment["title"] + "\n" + attachment["text"]
        if kind == "pager":
            return json.dumps(message.content, ensure_ascii=False)
        return message.content["text"]
    return ""


def expectations(checks, got):
    """What a person must find in the messages of a scenario."""

    def contains(scenario, kinds, *parts):
        checks.scenario = scenario
        for kind in kinds:
            text = read(got[scenario], kind)
            for part in parts:
                checks.expect(part in text, f"{kind}: no {part!r} in {text}")

    def lacks(scenario, kinds, *parts):
        checks.scenario = scenario
        for kind in kinds:
            text = read(got[scenario], kind)
            checks.expect(text, f"{kind}: no message")
            for part in parts:
                checks.expect(part not in text, f"{kind}: {part!r} in {text}")

    everywhere = ("slack", "pager", "telegram")
    contains(
        "one-critical",
        everywhere,
        "CRITICAL wavespeed/media key batch: A budget is spent",
        "104% of its limit",
        f"Since {LONG_AGO:%a} {LONG_AGO.day} {LONG_AGO:%b %H:%M} UTC",
        RUNBOOK + "genaibudgetexhausted",
        GRAFANA,
        "%7Balertname%3D%22GenAIBudgetExhausted%22%2C%20account%3D%22media%22%2C%20provider%3D%22wavespeed%22%7D",
    )
    contains(
        "one-critical-resolved", everywhere, "RESOLVED wavespeed/media key batch: A budget is spent", "after 3h13m"
    )
    lacks("one-critical-resolved", ("slack", "telegram"), "/silences/", "Since")
    actions = [
        (message.content["event_action"], message.content["dedup_key"])
        for name in ("one-critical", "one-critical-resolved")
        for message in got[name]
        if message.kind == "pager"
    ]
    checks.expect(
        [action for action, _ in actions] == ["trigger", "resolve"] and len({key for _, key in actions}) == 1,
        f"{actions}",
    )
    contains(
        "three-warnings",
        ("slack", "telegram"),
        "WARNING wavespeed/media: A source",
        "(3 alerts)",
        "balance of",
        "predictions of",
    )
    contains(
        "one-of-three-resolved",
        ("slack", "telegram"),
        "Resolved after less than a minute",
        "WARNING wavespeed/media: A source",
    )
    contains("forty-warnings", ("slack", "telegram"), "(40 alerts)", "team-00", "and 30 more")
    lacks("forty-warnings", ("slack", "telegram"), "team-39")
    contains("many-resolved", ("slack", "telegram"), "RESOLVED", "and 30 more resolved")
    contains(
        "threshold",
        ("slack", "telegram"),
        "WARNING budget video-day: A budget has passed",
        "50.4 %",
        "50.00 USD",
        "ci-web",
    )
    contains("next-threshold", ("slack",), "passed 80%")
    lacks("next-threshold", ("slack",), "50.4 %", "Resolved")
    contains("limit-passed", ("slack", "pager"), "CRITICAL budget video-day", "passed 100%")
    contains("exporter", everywhere, "CRITICAL genai-usage-exporter: Prometheus can't scrape the exporter")
    lacks("exporter", ("slack", "telegram"), "Dashboard")
    contains(
        "info",
        ("mail",),
        "INFO wavespeed/media model kwaivgi/kling-v2.0",
        "12.34 USD",
        "Since",
        "What to do",
        "Silence",
    )
    contains("hostile-warning", ("slack",), "&lt;!channel&gt; &lt;b onclick")
    contains("hostile-info", ("mail", "telegram"), HOSTILE.replace("{{", "{ {"))
    contains(
        "daily",
        ("slack", "mail"),
        "AI cost, Fri 27 Nov: at least 1234.56 USD, November so far 23456.78 USD",
        "without venice/assistant (not known)",
        "low 25100.00, high 27250.50",
        "21987.65 USD",
        "By account",
        "Top models",
        "flux:pro at fairstack/stack",
        "Budgets",
        "40.00 of 50.00 USD",
        "Data and alerts",
        "sync fails",
    )
    contains("daily", ("mail",), HOSTILE)
    contains(
        "weekly",
        ("slack", "mail"),
        "AI cost, Mon 16 Nov to Sun 22 Nov: 8123.45 USD",
        "The seven days before",
        "none known",
    )
    lacks("weekly", ("slack", "mail"), "Forecast", "Dashboard")


def save(folder, name, messages):
    for message in messages:
        stem = folder / f"{name}.{message.kind}"
        if message.kind == "mail":
            text, page = message.mail_parts()
            stem.with_suffix(".mail.txt").write_text(f"Subject: {message.content['Subject']}\n\n{text}")
            stem.with_suffix(".mail.html").write_text(page)
        else:
            stem.with_suffix(f".{message.kind}.json").write_text(
                json.dumps(message.content, indent=2, ensure_ascii=False)
            )
            stem.with_suffix(f".{message.kind}.txt").write_text(read([message], message.kind))


def look(checks, folder):
    """Pictures of the mails at the width of a phone; nothing may be cut off or loaded."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for path in sorted(folder.glob("*.html")):
            checks.scenario = path.name
            page = browser.new_page(viewport={"width": 390, "height": 800}, device_scale_factor=2)
            requests = []
            page.on("request", lambda request, requests=requests: requests.append(request.url))
            page.goto(path.as_uri())
            page.screenshot(path=path.with_suffix(".png"), full_page=True)
            checks.expect(requests == [path.as_uri()], f"loads {requests}")
            checks.expect(
                page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "scrolls sideways"
            )
            page.close()
        browser.close()


def main(folder):
    folder = pathlib.Path(folder)
    pictures = folder / "messages"
    pictures.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    got = {}
    with message_sinks.running_alertmanager(folder) as alertmanager:
        for name, alerts, kinds in SCENARIOS:
            checks.scenario = name
            alertmanager.post(posted(alerts))
            expected = [] if kinds is None else sorted([*kinds, "telegram"])
            # Each message links to the alert's row in the rules' README.
            messages = alertmanager.inbox.wait(
                len(expected), 20, containing="#" + alerts[0]["labels"]["alertname"].lower()
            )
            got[name] = messages
            checks.expect(
                sorted(message.kind for message in messages) == expected,
                f"expected {expected}, got {sorted(message.kind for message in messages)}",
            )
            for message in messages:
                checks.message(message)
            save(pictures, name, messages)
        checks.scenario = "nothing posted"
        late = alertmanager.inbox.wait(1, 5)
        checks.expect(not late, f"unexpected {[read([message], message.kind) for message in late]}")
        errors = [
            line for line in alertmanager.log.read_text().splitlines() if "level=error" in line or "level=ERROR" in line
        ]
        checks.scenario = "Alertmanager's log"
        checks.expect(not errors, f"{errors[:3]}")
    expectations(checks, got)
    look(checks, pictures)
    for problem in checks.problems:
        print(problem)
    print(f"{sum(map(len, got.values()))} messages")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main(*sys.argv[1:]))
