// swift-tools-version: 6.1
import Foundation
import PackageDescription

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny")]

/// A module of SwiftNIO.
func nio(_ module: String) -> Target.Dependency { .product(name: module, package: "swift-nio") }

/// The README of each provider and of all, to exclude from the sources.
let providerReadmes =
    ["README.md"]
    + ((try? FileManager.default.contentsOfDirectory(
        atPath: Context.packageDirectory + "/Sources/Providers"))?
        .map { "\($0)/README.md" }
        .filter { FileManager.default.fileExists(atPath: Context.packageDirectory + "/Sources/Providers/" + $0) } ?? [])

let package = Package(
    name: "genai-usage-exporter",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "genai_usage_exporter", targets: ["genai_usage_exporter"]),
        .library(name: "PrometheusExposition", targets: ["PrometheusExposition"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-crypto", "3.12.0"..<"5.0.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.5.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .plugin(name: "BuildRevision", capability: .buildTool(), path: "Sources/BuildRevision"),
        .target(name: "CStartSignals"),
        .target(name: "PrometheusExposition", swiftSettings: strict),
        .target(name: "UsageModel", swiftSettings: strict),
        .target(
            name: "UsageLedger",
            dependencies: [
                "UsageModel", .product(name: "GRDB", package: "GRDB.swift"),
                nio("NIOConcurrencyHelpers"),
            ],
            swiftSettings: strict),
        .target(
            name: "Upstream",
            dependencies: [
                "UsageModel",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                nio("NIOCore"),
                nio("NIOHTTP1"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                nio("NIOPosix"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                nio("NIOConcurrencyHelpers"),
            ],
            swiftSettings: strict),
        .target(
            name: "ConfigReading",
            dependencies: [
                "Upstream", "UsageModel", nio("NIOConcurrencyHelpers"), .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .target(
            name: "Providers", dependencies: ["ConfigReading", "UsageModel", "Upstream"],
            exclude: providerReadmes.sorted(),
            swiftSettings: strict),
        .target(
            name: "ProviderSimulator",
            dependencies: [
                "CZlib", "UsageModel",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                nio("NIOConcurrencyHelpers"),
                nio("NIOCore"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: strict),
        .target(
            name: "ExporterCore",
            dependencies: [
                "ConfigReading", "CZlib", "PrometheusExposition", "UsageModel", "UsageLedger", "Upstream", "Providers",
                nio("NIOCore"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                nio("NIOConcurrencyHelpers"),
            ],
            swiftSettings: strict),
        .target(
            name: "ExporterWeb",
            dependencies: [
                "CCrypt", "ConfigReading", "ExporterCore", "PrometheusExposition", "UsageModel",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                nio("NIOCore"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                nio("NIOPosix"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                nio("NIOTLS"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                nio("NIOHTTP1"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                nio("NIOConcurrencyHelpers"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "genai_usage_exporter",
            dependencies: [
                "ConfigReading", "CStartSignals", "ExporterCore", "ExporterWeb",
                "ProviderSimulator", "UsageLedger",
                "UsageModel",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                nio("NIOCore"),
                nio("NIOPosix"),
                nio("NIOConcurrencyHelpers"),
            ],
            swiftSettings: strict,
            plugins: ["BuildRevision"]),
        .target(
            name: "PrometheusExpositionTesting", dependencies: ["PrometheusExposition"],
            path: "Tests/PrometheusExpositionTesting", swiftSettings: strict),
        .target(
            name: "TestSupport",
            dependencies: [
                "PrometheusExposition", "PrometheusExpositionTesting", "ProviderSimulator", "UsageModel",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                nio("NIOConcurrencyHelpers"),
                nio("NIOCore"),
                nio("NIOFoundationCompat"),
                nio("NIOPosix"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], path: "Tests/TestSupport",
            swiftSettings: strict),
        .target(name: "CHeap", path: "Tests/CHeap"),
        .target(
            name: "ExporterTestSupport",
            dependencies: [
                "ConfigReading", "ExporterCore", "PrometheusExposition", "Providers", "TestSupport", "UsageModel",
                .product(name: "Logging", package: "swift-log"),
                nio("NIOConcurrencyHelpers"),
            ], path: "Tests/ExporterTestSupport",
            swiftSettings: strict),
        .testTarget(
            name: "PrometheusExpositionTests",
            dependencies: ["PrometheusExposition", "PrometheusExpositionTesting", "TestSupport"],
            swiftSettings: strict),
        .executableTarget(
            name: "benchmarks",
            dependencies: [
                "ConfigReading", "ExporterCore", "ProviderSimulator", "Providers", "Upstream", "UsageLedger",
                "UsageModel",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                nio("NIOConcurrencyHelpers"),
            ],
            path: "Tests/Benchmarks", exclude: ["Driver", "Peers", "run"], swiftSettings: strict),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "ConfigReading", "ExporterCore", "ExporterWeb", "PrometheusExposition",
                "PrometheusExpositionTesting", "Providers", "TestSupport", "Upstream", "UsageModel",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "X509", package: "swift-certificates"),
                nio("NIOConcurrencyHelpers"),
            ],
            path: "Tests/Fuzzing/Targets", swiftSettings: strict),
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzzing/Driver", swiftSettings: strict),
        .testTarget(
            name: "FuzzingTests", dependencies: ["FuzzTargets"], swiftSettings: strict),
        .testTarget(name: "UsageModelTests", dependencies: ["UsageModel", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "UsageLedgerTests",
            dependencies: ["UsageLedger", "UsageModel", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .testTarget(
            name: "UpstreamTests",
            dependencies: [
                "TestSupport", "Upstream", "UsageModel",
                .product(name: "Logging", package: "swift-log"),
                nio("NIOCore"),
                nio("NIOEmbedded"),
                nio("NIOHTTP1"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                nio("NIOPosix"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                nio("NIOConcurrencyHelpers"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ProviderSimulatorTests",
            dependencies: [
                "ProviderSimulator", "TestSupport", "UsageModel",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                nio("NIOConcurrencyHelpers"),
                nio("NIOCore"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ProvidersTests",
            dependencies: [
                "ConfigReading", "Providers", "TestSupport", "Upstream", "UsageModel",
                nio("NIOConcurrencyHelpers"),
            ], swiftSettings: strict),
        .testTarget(
            name: "ExporterCoreTests",
            dependencies: [
                "ConfigReading", "ExporterCore", "ExporterTestSupport", "PrometheusExposition",
                "PrometheusExpositionTesting", "Providers", "ProviderSimulator", "TestSupport", "Upstream",
                "UsageLedger", "UsageModel",
                .product(name: "Logging", package: "swift-log"),
                nio("NIOConcurrencyHelpers"),
            ],
            exclude: ["Config/Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "SixthProviderTests",
            dependencies: [
                "ConfigReading", "ExporterCore", "ExporterTestSupport", "ExporterWeb", "ProviderSimulator", "Providers",
                "TestSupport", "Upstream", "UsageModel",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                nio("NIOConcurrencyHelpers"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ExporterWebTests",
            dependencies: [
                "ExporterCore", "ExporterTestSupport", "ExporterWeb", "TestSupport", "UsageModel",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                nio("NIOConcurrencyHelpers"),
                nio("NIOCore"),
                nio("NIOEmbedded"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "ExporterCore", "genai_usage_exporter", "PrometheusExposition", "PrometheusExpositionTesting",
                "ProviderSimulator", "TestSupport", "UsageLedger", "UsageModel",
                nio("NIOCore"),
                nio("NIOPosix"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                nio("NIOConcurrencyHelpers"),
            ],
            exclude: ["Browser/status_page.py", "StoredLedger/Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "ResilienceTests",
            dependencies: [
                "CHeap", "ExporterCore", "ExporterTestSupport", "ExporterWeb", "genai_usage_exporter",
                "PrometheusExposition", "PrometheusExpositionTesting", "ProviderSimulator", "TestSupport",
                "UsageLedger", "UsageModel",
                nio("NIOConcurrencyHelpers"),
            ], swiftSettings: strict),
        .testTarget(
            name: "DeploymentTests",
            dependencies: [
                "ExporterCore", "genai_usage_exporter", "TestSupport", .product(name: "Yams", package: "Yams"),
            ],
            exclude: [
                "anomaly_evaluation.py", "assemble_manifests.py", "chart_checks.py", "chart_objects.py",
                "dashboard.schema.json", "dashboard_lint.py", "dashboard_queries.py", "digest_figures.py",
                "documented_commands.py", "expected-empty.json", "families.txt", "helm_chart.py",
                "message_rendering.py", "message_sinks.py", "mixin_checks.py", "promql.py", "release_checks.py",
                "restricted_run.py", "restriction_probes.py", "test_chart_checks.py", "test_dashboard_checks.py",
                "usage_simulation.py",
            ], swiftSettings: strict),
    ]
)
