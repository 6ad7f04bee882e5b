import Foundation
import NIOConcurrencyHelpers

/// A progress bar on standard error.
///
/// It is shown only if standard error is a terminal, and the output itself does not go to the terminal.
final class ProgressBar: Sendable {
    private static let width = 40

    private let isShown: Bool
    private let shown = NIOLockedValueBox(-1)

    init(outputIsStandard: Bool) {
        isShown = isatty(STDERR_FILENO) == 1 && !(outputIsStandard && isatty(STDOUT_FILENO) == 1)
    }

    /// Redraws the bar when the percentage has changed.
    func show(done: Int, of total: Int) {
        guard isShown, total > 0 else { return }
        let percent = done * 100 / total
        let isNew = shown.withLockedValue { last in
            defer { last = percent }
            return last != percent
        }
        guard isNew else { return }
        let filled = percent * Self.width / 100
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.width - filled)
        FileHandle.standardError.write(Data("\r[\(bar)] \(percent)% of \(total) series".utf8))
    }

    /// Ends the line.
    func end() {
        if isShown { FileHandle.standardError.write(Data("\n".utf8)) }
    }
}
