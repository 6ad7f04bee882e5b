import Yams

/// Parses the file's bytes as YAML, or reports where and why they are invalid.
///
/// The parser's own error texts quote the whole line with its keys, so they are not reported.
package enum YAMLDocument {
    /// The maximum size of the config file in bytes: 1 MiB is about ten thousand accounts.
    package static let longest = 1_048_576

    /// Parses a document; nil if the file is empty, or if a problem was reported.
    package static func value(of bytes: [UInt8], log: ProblemLog) -> ConfigurationValue? {
        root(of: bytes, log: log).map { ConfigurationValue(node: $0, path: "", log: log) }
    }

    /// The document's root; nil if the file is empty, or if a problem was reported.
    private static func root(of bytes: [UInt8], log: ProblemLog) -> Node? {
        guard let text = text(of: bytes, log: log) else { return nil }
        guard !Self.mayExpandInKeys(text) else {
            log.problem(
                "a key of a mapping is an alias (*name), a list or a mapping: write it as text", at: nil, path: "")
            return nil
        }
        do {
            // The basic resolver keeps scalars as text, because each key has its own type.
            return try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            report(error, in: text, log: log)
        } catch {
            log.problem("not valid YAML", at: nil, path: "")
        }
        return nil
    }

    /// Decodes the text scalar by scalar, because the parser reports no line for invalid UTF-8.
    private static func text(of bytes: [UInt8], log: ProblemLog) -> String? {
        var text = String.UnicodeScalarView()
        var decoder = UTF8()
        var input = bytes.makeIterator()
        var here = FilePlace(line: 1, column: 1)
        while true {
            switch decoder.decode(&input) {
            case .emptyInput:
                return String(text)
            case .error:
                log.problem("this is not UTF-8: save the file as UTF-8", at: here, path: "")
                return nil
            case .scalarValue(let scalar):
                if scalar == "\u{FEFF}", text.isEmpty { continue }
                guard isAllowed(scalar) else {
                    let code = String(scalar.value, radix: 16)
                    let message = "the control character 0x\(code) cannot stand in YAML: remove it"
                    log.problem(message, at: here, path: "")
                    return nil
                }
                text.append(scalar)
                here =
                    scalar == "\n"
                    ? FilePlace(line: here.line + 1, column: 1) : FilePlace(line: here.line, column: here.column + 1)
            }
        }
    }

    /// The printable characters of YAML 1.1, section 5.1.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFFFD, 0x1_0000...0x10_FFFF: true
        default: false
        }
    }

    private static let fewestAliases = 40

    /// Returns whether keys that are not text could take exponential time, because the parser hashes each key with its
    /// aliases expanded.
    ///
    /// A billion nodes need about 50 aliases, so files with fewer than 40 are not searched.
    private static func mayExpandInKeys(_ text: String) -> Bool {
        guard text.utf8.count(where: { $0 == UInt8(ascii: "*") }) >= fewestAliases else { return false }
        var aliases = 0
        var hasOddKey = false
        var previous = UInt8(ascii: "\n")
        var isComment = false
        /// Whether an alias or a bracket has just ended, so that a following colon makes it a key.
        var endsNode = false
        var isAlias = false
        for byte in text.utf8 {
            let isBlank = self.isBlank(byte)
            let begins = self.isBlank(previous) || "[{,".utf8.contains(previous)
            defer { previous = byte }
            if byte == UInt8(ascii: "\n") { isComment = false }
            if isComment { continue }
            switch byte {
            case UInt8(ascii: "#") where begins: isComment = true
            case UInt8(ascii: "*") where begins:
                aliases += 1
                isAlias = true
                endsNode = false
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                isAlias = false
                endsNode = true
            case UInt8(ascii: ":"):
                if endsNode || isAlias { hasOddKey = true }
                (isAlias, endsNode) = (false, false)
            case UInt8(ascii: "?") where begins: hasOddKey = true
            case _ where isBlank:
                if isAlias { (isAlias, endsNode) = (false, true) }
            case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "{"): (isAlias, endsNode) = (false, false)
            default: if !isAlias { endsNode = false }
            }
        }
        return hasOddKey && aliases >= fewestAliases
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private static func report(_ error: YamlError, in text: String, log: ProblemLog) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if hasTabIndentation(text, line: mark.line) {
                let message = "a tab in the indentation: YAML allows spaces only"
                log.problem(message, at: FilePlace(line: mark.line, column: 1), path: "")
                return
            }
            var message = plainWords[problem] ?? "not valid YAML: \(problem)"
            if let begin = context?.mark, begin.line != mark.line, plainWords[problem]?.hasPrefix("several") != true {
                message += " (the part that is wrong begins on line \(begin.line))"
            }
            log.problem(message, at: mark.place, path: "")
        case .duplicatedKeysInMapping(let names, let context):
            let shown = names.prefix(5).map(QuotedValue.key).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
            let message = "duplicate key \(shown) in this mapping, the first of them here: keep one"
            log.problem(message, at: context.mark.place, path: "")
        default:
            log.problem("not valid YAML", at: nil, path: "")
        }
    }

    private static func hasTabIndentation(_ text: String, line: Int) -> Bool {
        let lines = text.split(separator: "\n", maxSplits: line, omittingEmptySubsequences: false)
        guard lines.indices.contains(line - 1) else { return false }
        return lines[line - 1].prefix { $0 == " " || $0 == "\t" }.contains("\t")
    }

    /// Explanations of the parser's error messages.
    private static let plainWords = [
        "mapping values are not allowed in this context":
            "a key cannot stand here: check the indentation, and put a value that holds `: ` in quotes",
        "did not find expected key": "expected a key here: check the indentation of this line and the one before",
        "could not find expected ':'": "expected `key: value`: there is no `:` after the key",
        "found character that cannot start any token": "a value cannot begin with this character: put it in quotes",
        "found undefined alias": "this alias (*name) has no anchor (&name) before it",
        "did not find expected ',' or ']'": "expected `,` or `]`: the list in brackets is not closed",
        "did not find expected ',' or '}'": "expected `,` or `}`: the mapping in braces is not closed",
        "found unexpected end of stream": "the file ends inside quotes: close them",
        "did not find expected '-' indicator": "expected `- `: check the indentation of this list",
        "block sequence entries are not allowed in this context":
            "a list cannot begin here: put `- ` on a line of its own",
        "did not find expected <document start>": "expected the end of the file: check the indentation of this line",
        "but found another document": "several documents in one file: remove this `---` and what follows",
    ]
}
