import ExporterCore
import Foundation
import TestSupport
import Testing

/// Checks the dashboards against Grafana's schema and against a real Prometheus with the demo's data.
///
/// The time limit only ends a hang: the check waits for minutes of scrapes, and longer beside tests that use every core.
@Suite(.timeLimit(.minutes(40))) struct DashboardTests {
    private static let dashboards = "\(Repository.path)/grafana/dashboards"
    private static let readme = "\(Repository.path)/grafana/README.md"

    private func python(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try Tool(named: "python3", installation: "apt-get install python3").run(arguments)
    }

    @Test("the list of families equals the catalogue")
    func families() throws {
        let listed = try Repository.text("Tests/DeploymentTests/families.txt").split(separator: "\n").map {
            $0.split(separator: "#", omittingEmptySubsequences: false)[0].trimmingCharacters(in: .whitespaces)
        }
        #expect(Set(listed.filter { !$0.isEmpty }) == Set(MetricCatalogue.standard.families.map(\.name)))
    }

    @Test("dashboards pass the schema and the lint")
    func lint() throws {
        let outcome = try python([
            Repository.programs + "/dashboard_lint.py", "--dashboards", Self.dashboards, "--readme", Self.readme,
        ])
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    /// Shows that the checks detect mistakes.
    @Test("the checks find each kind of mistake")
    func checks() throws {
        let outcome = try python(["-m", "unittest", "discover", "-s", Repository.programs])
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test("every query of dashboards and rules has data from the demo and its history")
    func queries() async throws {
        try await withTemporaryFolder { folder in
            let storage = folder + "/data"
            let demo = try await ExporterProcess.start(["demo", "--storage.path", storage])
            try await demo.waitUntilReady()
            let history = folder + "/history"
            let start = Date(timeIntervalSinceNow: -29 * 86_400).formatted(.iso8601.year().month().day())
            let written = try await ExporterProcess.run([
                "backfill", "--storage.path", storage, "--from", start, "--output", history, "--label", "job=genai",
                "--label", "instance=\(demo.address)",
            ])
            #expect(written.status == 0, "\(written.errors)")
            let loaded = try Tool.promtool().run([
                "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration", "162h", "-q", history,
                folder + "/tsdb",
            ])
            #expect(loaded.status == 0, "\(loaded.output)")
            let prometheus = try PrometheusServer(
                """
                global: { scrape_interval: 5s, evaluation_interval: 5s }
                rule_files: ["\(Repository.path)/deploy/prometheus/rules/*.yml"]
                scrape_configs:
                  - job_name: genai
                    static_configs: [{ targets: ["\(demo.address)"] }]
                """, in: folder, arguments: ["--storage.tsdb.retention.time", "60d"])
            defer { prometheus.stop() }
            // Long windows average values recorded every 15 minutes, and the forecast those of four weeks. Some of these
            // are recorded from other recorded series, so a further pass runs once Prometheus has loaded the blocks of
            // the one before.
            while try prometheus.query("vector(1)").isEmpty { try await Task.sleep(for: .milliseconds(200)) }
            let now = Int(Date().timeIntervalSince1970)
            let recordedDays = [
                "provider_account_model:genai_cost_usd:day_before_yesterday",
                "provider_account:genai_cost_usd:day_before_yesterday", "provider_account:genai_cost_usd:weekday_mean",
            ]
            for (pass, recordedDay) in recordedDays.enumerated() {
                let days = try Tool.promtool().run([
                    "tsdb", "create-blocks-from", "rules", "--max-block-duration", "162h", "--url",
                    "http://\(prometheus.address)", "--start", "\(now - 27 * 86_400)", "--end", "\(now - 3 * 3600)",
                    "--eval-interval", "5m", "--output-dir", folder + "/tsdb",
                    "\(Repository.path)/deploy/prometheus/rules/recording-history.yml",
                ])
                #expect(days.status == 0, "\(days.output)")
                // Two passes suffice for spend: its long windows are means of what the first one recorded.
                if pass > 0 {
                    let recorded = try Tool.promtool().run([
                        "tsdb", "create-blocks-from", "rules", "--url", "http://\(prometheus.address)", "--start",
                        "\(now - 75 * 3600)", "--end", "\(now - 3 * 3600)", "--eval-interval", "5m", "--output-dir",
                        folder + "/tsdb", "\(Repository.path)/deploy/prometheus/rules/recording-spend.yml",
                        "\(Repository.path)/deploy/prometheus/rules/recording-usage.yml",
                    ])
                    #expect(recorded.status == 0, "\(recorded.output)")
                }
                while try prometheus.query("\(recordedDay) offset 4h").isEmpty {
                    try await Task.sleep(for: .seconds(2))
                }
            }
            // Long enough for the rates over minutes and the series recorded from them. useapi.net's requests come
            // last, because it reports them minutes late; series recorded from another group's need one more round.
            let throttled = "provider_account:genai_useapi_throttled:ratio_rate1h"
            while try prometheus.query("count_over_time(genai_exporter_accounts[10m])").values.first ?? 0 < 40
                || prometheus.query(throttled).isEmpty
                || prometheus.query("provider_account:genai_balance_runway_seconds:rate6h").isEmpty
                || prometheus.query("genai_cost_usd:forecast_month_high").isEmpty
                || prometheus.query("provider_account_model:genai_cost_usd:day_band_high").isEmpty
            {
                try await Task.sleep(for: .seconds(2))
            }
            // Rounded up to the next second, because the awaited samples may be newer than the current one's start.
            let outcome = try python([
                Repository.programs + "/dashboard_queries.py", "--prometheus", "http://\(prometheus.address)",
                "--dashboards", Self.dashboards, "--rules", "\(Repository.path)/deploy/prometheus/rules", "--at",
                "\(Int(Date().timeIntervalSince1970.rounded(.up)))", "--metrics", "http://\(demo.address)/metrics",
            ])
            #expect(outcome.status == 0, "\(outcome.output)")
            let faults = try prometheus.query("sum(prometheus_rule_evaluation_failures_total)").values.first ?? 0
            #expect(faults == 0)
            demo.signal(SIGTERM)
            #expect(try await demo.waitForExit() == 0)
        }
    }
}
