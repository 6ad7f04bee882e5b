import Foundation
import TestSupport
import Testing

/// Checks the Helm chart with Helm's own library, as far as that is possible without a cluster.
@Suite(.timeLimit(.minutes(15))) struct ChartTests {
    /// Runs one check of `chart_checks.py`, which prints what is wrong.
    private func expectNoProblem(_ check: String, _ arguments: String...) async throws {
        let outcome = try await aside {
            try Tool(named: "python3", installation: "apt-get install python3").run(
                [Repository.programs + "/chart_checks.py", check] + arguments)
        }
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test("the script that packages the chart passes shellcheck")
    func packageScript() throws {
        let script = try Tool(named: "shellcheck", installation: "apt-get install shellcheck").run([
            Repository.path + "/deploy/helm/package"
        ])
        #expect(script.status == 0, "\(script.output)")
    }

    @Test("the chart passes helm lint --strict with the values of ci")
    func lint() async throws { try await expectNoProblem("lint") }

    @Test("the package is reproducible and contains the repository's rules and dashboards")
    func packaging() async throws { try await expectNoProblem("package") }

    @Test("the values of ci give manifests that the oldest and the newest cluster version accept")
    func manifests() async throws { try await expectNoProblem("manifests") }

    @Test("the PrometheusRule passes promtool and has the repository's rules")
    func rules() async throws { try await expectNoProblem("rules") }

    @Test("a default kube-prometheus-stack selects scrape, rules and dashboards, and Prometheus reaches the pods")
    func stack() async throws { try await expectNoProblem("stack") }

    @Test("an upgrade changes no immutable field, and a changed config restarts the pods")
    func upgrade() async throws { try await expectNoProblem("upgrade") }

    @Test("the manifests are those of deploy/kubernetes")
    func kustomization() async throws { try await expectNoProblem("kustomization") }

    @Test("wrong values are refused with their path and a correction")
    func refusals() async throws { try await expectNoProblem("refusals") }

    @Test("README, schema and values.yaml describe the same values")
    func documents() async throws { try await expectNoProblem("documents") }

    @Test("the exporter has the flags of the command lines and accepts the configs")
    func exporter() async throws { try await expectNoProblem("exporter", ExporterProcess.binary.path) }
}
