import Foundation
import PackagePlugin

/// Generates `gitRevision`, the commit that is being built, for `genai_exporter_build_info{revision}`.
///
/// It runs before each build, because SwiftPM evaluates the manifest again only when the manifest changes. The file is
/// written only if the commit is another one, so that other builds compile nothing.
@main struct BuildRevision: BuildToolPlugin {
    private static let script = """
        set -eu
        revision=$(git -C "$1" rev-parse HEAD 2>/dev/null) || revision=unknown
        text="/// The git commit of this build; unknown outside a checkout.
        let gitRevision = \\"$revision\\""
        file=$2/GitRevision.swift
        mkdir -p "$2"
        [ -f "$file" ] && [ "$(cat "$file")" = "$text" ] || printf '%s\\n' "$text" > "$file"
        """

    func createBuildCommands(context: PluginContext, target: any Target) -> [Command] {
        let output = context.pluginWorkDirectoryURL.appendingPathComponent("revision")
        return [
            .prebuildCommand(
                displayName: "Read the git revision", executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: ["-c", Self.script, "sh", context.package.directoryURL.path, output.path],
                outputFilesDirectory: output)
        ]
    }
}
