"""Simulates the cost windows of several accounts, as the exporter would serve them, with known surges.

Cost follows weekdays, hours, holidays, growth and noise. One account has a launch and a change of models, one has an
outage after which its data come late, one publishes a day after its end. Everything follows from the seed.
"""

import dataclasses
import datetime
import random

DAY = 86400
HOUR = 3600
# Usage of an office on a working day by hour (UTC), and of a service that runs all day.
OFFICE = [1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 8, 9, 10, 10, 9, 8, 6, 4, 3, 2, 2, 1]
STEADY = [1] * 24
HOLIDAYS = {(1, 1), (4, 18), (4, 21), (5, 1), (5, 29), (6, 9), (10, 3), (11, 1)} | {(12, day) for day in range(24, 32)}
PUBLICATION_HOUR = 14


@dataclasses.dataclass(frozen=True)
class Model:
    """A model's usual cost: USD on a working day, its share on weekends, and the share of days with usage."""

    name: str
    usd: float
    weekend: float = 0.3
    noise: float = 0.15
    used: float = 1
    weekday: int | None = None


@dataclasses.dataclass(frozen=True)
class Account:
    name: str
    models: tuple[Model, ...]
    daily: bool = False
    hours: tuple[int, ...] = tuple(OFFICE)
    holiday: float = 0.3
    # The first day of a launch, of a change of models, and of an outage, as a month and a day.
    launch: tuple[int, int] | None = None
    change: tuple[int, int] | None = None
    outage: tuple[int, int] | None = None


ACCOUNTS = (
    Account(
        "office",
        (Model("large", 80), Model("small", 25, noise=0.2), Model("embed", 4, noise=0.3)),
        launch=(6, 17),
        change=(9, 9),
    ),
    Account(
        "service",
        (Model("chat", 140, weekend=0.8, noise=0.08), Model("images", 30, weekend=1.2, noise=0.25)),
        hours=tuple(STEADY),
        holiday=0.8,
        outage=(8, 5),
    ),
    Account("daily", (Model("video", 45, noise=0.25), Model("voice", 12, noise=0.25)), daily=True),
    Account("batch", (Model("report", 60, weekend=0, noise=0.1, weekday=0), Model("draft", 25, used=0.2, noise=0.5))),
    Account("trial", (Model("chat", 3, noise=0.5),)),
)


@dataclasses.dataclass(frozen=True)
class Surge:
    """A runaway job: `usd` an hour more on `model` from the hour `begin` for `hours`."""

    account: str
    model: str
    begin: int
    hours: int
    usd: float
    share: float


class Simulation:
    """Hourly cost of each model from `start` on, and when it becomes visible."""

    def __init__(self, seed, start, days, accounts=ACCOUNTS):
        self.start = start
        self.days = days
        self.accounts = accounts
        self.epoch = int(datetime.datetime(start.year, start.month, start.day, tzinfo=datetime.UTC).timestamp())
        self.random = random.Random(seed)
        self.hourly = {}
        self.surges = []
        for account in accounts:
            for model in account.models:
                for name, values in self.usual(account, model).items():
                    self.hourly[account.name, name] = values
            self.surges += self.inject(account)

    def date(self, day):
        return self.start + datetime.timedelta(days=day)

    def reached(self, mark, day):
        """The number of days since a month and day of the last year; negative before it, None without it."""
        return mark and (self.date(day) - datetime.date(self.date(self.days - 1).year, *mark)).days

    def usual(self, account, model):
        """The model's cost by hour, without surges. A change of models moves it to a successor within a week."""
        old, new = [], []
        total = sum(account.hours)
        for day in range(self.days):
            date = self.date(day)
            usd = model.usd * 1.02 ** (day / 30)
            if date.weekday() >= 5:
                usd *= model.weekend
            if model.weekday is not None and date.weekday() != model.weekday:
                usd = 0
            if (date.month, date.day) in HOLIDAYS:
                usd *= account.holiday
            if self.random.random() >= model.used:
                usd = 0
            usd *= self.random.lognormvariate(0, model.noise)
            launched = self.reached(account.launch, day)
            if launched is not None and launched >= 0 and model is account.models[0]:
                usd *= 2.2
            down = self.reached(account.outage, day)
            # No request succeeds on the first day; the second has half.
            usd *= {0: 0, 1: 0.5}.get(down, 1)
            changed = self.reached(account.change, day)
            moved = 0
            if changed is not None and model is account.models[0]:
                moved = min(max(changed / 7, 0), 1)
            hours = [usd * weight / total for weight in account.hours]
            old += [value * (1 - moved) for value in hours]
            new += [value * moved for value in hours]
        return {model.name: old, model.name + "-2": new} if any(new) else {model.name: old}

    def inject(self, account):
        """Adds about one surge in three weeks, of several sizes and durations, at least a week from each other."""
        usual = sum(model.usd * (model.used if model.weekday is None else 0.2) for model in account.models)
        surges, hour = [], 24 * self.random.randint(32, 50)
        while hour < 24 * (self.days - 4):
            duration = self.random.choice([6, 12, 24, 48])
            share = self.random.choice([0.5, 1, 2, 5])
            # A surge below 10 USD a day is of no interest.
            usd = max(share * usual, 10) / min(duration, 24)
            model = self.random.choice(account.models).name
            if account.change and self.reached(account.change, hour // 24) >= 0 and model == account.models[0].name:
                model += "-2"
            for each in range(hour, hour + duration):
                self.hourly[account.name, model][each] += usd
            surges.append(Surge(account.name, model, hour, duration, usd, share))
            hour += duration + 24 * self.random.randint(8, 30) + self.random.randint(0, 23)
        return surges

    def visible(self, account, hour):
        """The number of hours whose cost is visible at the begin of `hour`."""
        day = hour // 24
        if account.outage:
            down = self.reached(account.outage, day)
            # The data of the outage come two days after its begin.
            if 0 <= down < 2:
                return (day - down) * 24
        if account.daily:
            return 24 * (day if hour % 24 >= PUBLICATION_HOUR else day - 1)
        return hour - 1

    def daily(self, account, model):
        values = self.hourly[account, model]
        return [sum(values[24 * day : 24 * day + 24]) for day in range(self.days)]

    def month_cost(self, account, day):
        """The cost of the whole month of `day`, or None if the simulation does not cover it."""
        first = self.date(day).replace(day=1)
        begin = (first - self.start).days
        end = ((first + datetime.timedelta(days=32)).replace(day=1) - self.start).days
        if begin < 0 or end > self.days:
            return None
        return sum(sum(values[24 * begin : 24 * end]) for (name, _), values in self.hourly.items() if name == account)

    def open_metrics(self):
        """The exporter's series, a sample an hour, as OpenMetrics text in chunks."""
        yield "# TYPE genai_data_through_timestamp_seconds gauge\n"
        for account in self.accounts:
            labels = f'provider="simulated",account="{account.name}",source="usage"'
            for hour in range(48, 24 * self.days):
                through = self.epoch + HOUR * self.visible(account, hour)
                yield f"genai_data_through_timestamp_seconds{{{labels}}} {through} {self.epoch + HOUR * hour}\n"
        yield "# TYPE genai_window_cost_usd gauge\n"
        for account in self.accounts:
            for (name, model), values in self.hourly.items():
                if name == account.name:
                    yield from self.windows(account, model, values)
        yield "# EOF\n"

    def windows(self, account, model, values):
        sums = [0]
        for value in values:
            sums.append(sums[-1] + value)
        lines = {"today": [], "yesterday": [], "month_to_date": []}
        for hour in range(48, 24 * self.days):
            day = hour // 24
            end = self.visible(account, hour)
            month = 24 * max(day - self.date(day).day + 1, 0)
            shown = {"today": 24 * day, "month_to_date": month}
            figures = {window: sums[max(end, begin)] - sums[begin] for window, begin in shown.items()}
            if end >= 24 * day:
                figures["yesterday"] = sums[24 * day] - sums[24 * day - 24]
            labels = f'provider="simulated",account="{account.name}",key="k",model="{model}"'
            for window, value in figures.items():
                lines[window].append(
                    f'genai_window_cost_usd{{{labels},window="{window}"}} {value:.6f} {self.epoch + HOUR * hour}\n'
                )
        for each in lines.values():
            yield "".join(each)
