import TestSupport
import Testing

/// Checks the monitoring mixin with go-jsonnet and promtool.
@Suite(.timeLimit(.minutes(10))) struct MixinTests {
    /// Runs one check of `mixin_checks.py`, which prints what is wrong.
    private func expectNoProblem(_ check: String) async throws {
        let outcome = try await aside {
            try Tool(named: "python3", installation: "apt-get install python3").run([
                Repository.programs + "/mixin_checks.py", check,
            ])
        }
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test("the mixin's output with the default config equals the committed files")
    func output() async throws { try await expectNoProblem("output") }

    @Test("an edited default can be generated, generated again, and restored")
    func defaults() async throws { try await expectNoProblem("defaults") }

    @Test("an import has the groups of the rule files and the dashboards")
    func imported() async throws { try await expectNoProblem("imported") }

    @Test("a changed threshold changes its alerts, their texts, their unit tests and its panels")
    func thresholds() async throws { try await expectNoProblem("thresholds") }

    @Test("selector and cluster are in every query of rules, texts and dashboards")
    func selector() async throws { try await expectNoProblem("selector") }

    @Test("an alert fires only in the cluster that it is about")
    func clusters() async throws { try await expectNoProblem("clusters") }

    @Test("links, tags, scrape job and durations are configurable")
    func settings() async throws { try await expectNoProblem("settings") }

    @Test("unknown names and wrong values are refused with the name")
    func refusals() async throws { try await expectNoProblem("refusals") }

    @Test("dashboards for grafana.com get their data source from the import")
    func grafanaCom() async throws { try await expectNoProblem("grafana_com") }

    @Test("the README's tables have the names and defaults of the config")
    func documents() async throws { try await expectNoProblem("documents") }
}
