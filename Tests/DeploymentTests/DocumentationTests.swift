import Foundation
import TestSupport
import Testing

/// Checks the documents' links and commands, and that the README is short and begins with the demo.
@Suite(.timeLimit(.minutes(15))) struct DocumentationTests {
    private static let pages: [String] = {
        let root = URL(fileURLWithPath: Repository.path)
        let files = FileManager.default.enumerator(
            at: root, includingPropertiesForKeys: nil, options: .skipsHiddenFiles)
        return (files?.compactMap { ($0 as? URL)?.path } ?? [])
            .filter { $0.hasSuffix(".md") }.map { String($0.dropFirst(root.path.count + 1)) }.sorted()
    }()

    @Test("every relative link leads to a file, and to a heading or anchor in it")
    func links() throws {
        #expect(Self.pages.contains("README.md"))
        for page in Self.pages {
            let text = try Repository.text(page)
            for match in Self.outsideCode(text).matches(of: /\]\(([^)\s]+)\)/) {
                let link = String(match.1)
                guard !link.contains("://"), !link.hasPrefix("mailto:") else { continue }
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let folder = URL(fileURLWithPath: "\(Repository.path)/\(page)").deletingLastPathComponent()
                let target =
                    parts[0].isEmpty
                    ? URL(fileURLWithPath: "\(Repository.path)/\(page)")
                    : folder.appendingPathComponent(String(parts[0])).standardized
                #expect(FileManager.default.fileExists(atPath: target.path), "\(page): \(link)")
                guard parts.count == 2, target.pathExtension == "md" else { continue }
                let anchors = Self.anchors(of: try String(contentsOf: target, encoding: .utf8))
                #expect(anchors.contains(String(parts[1])), "\(page): \(link)")
            }
        }
    }

    @Test("the README has at most 250 lines, and its first two commands are the demo and the tests")
    func readme() throws {
        let readme = try Repository.text("README.md")
        #expect(readme.split(separator: "\n", omittingEmptySubsequences: false).count <= 250)
        let blocks = readme.components(separatedBy: "```sh\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        #expect(blocks.first?.hasSuffix("swift run genai_usage_exporter demo\n") == true)
        #expect(blocks.dropFirst().first == ".ci/test\n")
    }

    @Test("the documents' commands succeed, and the configs that they show are valid")
    func commands() async throws {
        let outcome = try await aside {
            try Tool(named: "python3", installation: "apt-get install python3").run([
                Repository.programs + "/documented_commands.py", ExporterProcess.binary.path,
            ])
        }
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    private static func outsideCode(_ text: String) -> String {
        text.components(separatedBy: "```").enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
            .joined()
    }

    /// Explicit anchors, and those that a heading gets: lower case, spaces as hyphens, other punctuation left out.
    private static func anchors(of page: String) -> Set<String> {
        let explicit = page.matches(of: /<a id="([^"]+)">/).map { String($0.1) }
        let headings = outsideCode(page).split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
            line.drop { $0 == "#" }.dropFirst().lowercased()
                .filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }
                .replacingOccurrences(of: " ", with: "-")
        }
        return Set(explicit + headings)
    }
}
