import Foundation
import TestSupport
import Testing

/// Checks the files of a release with the tools that install them.
@Suite(.timeLimit(.minutes(15))) struct ReleaseTests {
    /// Runs one check of `release_checks.py`, which prints what is wrong.
    private func expectNoProblem(_ check: String) async throws {
        let outcome = try await aside {
            try Tool(named: "python3", installation: "apt-get install python3").run([
                Repository.programs + "/release_checks.py", check, ExporterProcess.binary.path,
            ])
        }
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test("the release and maintainer scripts pass shellcheck")
    func scripts() async throws { try await expectNoProblem("scripts") }

    @Test("two runs give the same bytes, and the checksums are right")
    func reproducible() async throws { try await expectNoProblem("reproducible") }

    @Test("the Debian package has the right files, modes, dependencies, conffiles and units")
    func debian() async throws { try await expectNoProblem("debian") }

    @Test("the RPM package has the right files, modes, dependencies, config files and scriptlets")
    func rpm() async throws { try await expectNoProblem("rpm") }

    @Test("the archive has all files in one folder, with the licenses of the dependencies")
    func archive() async throws { try await expectNoProblem("archive") }

    @Test("the SBOM is valid SPDX, with every resolved package and loaded library")
    func sbom() async throws { try await expectNoProblem("sbom") }

    @Test("only a purge removes config, keys and ledger")
    func maintainer() async throws { try await expectNoProblem("maintainer") }

    @Test("wrong versions, working trees, folders and binaries are refused with a correction")
    func refusals() async throws { try await expectNoProblem("refusals") }

    @Test("a build makes all files of its commit")
    func build() async throws { try await expectNoProblem("build") }
}
