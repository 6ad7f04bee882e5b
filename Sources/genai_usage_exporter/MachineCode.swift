import Foundation

/// The machine code of the program and of its libraries: files that the kernel maps into memory, many pages around each
/// function that runs.
enum MachineCode {
    /// Takes it out of this process's memory; what runs again is mapped anew, from the page cache as a rule.
    ///
    /// After the start that is a third of it: flags, config and the libraries' own beginnings do not run again.
    static func letGo() {
        // Files in /proc state no size: this reads to their end.
        guard let text = try? FileHandle(forReadingAtPath: "/proc/self/smaps")?.readToEnd() else { return }
        var mapping: UnsafeRawBufferPointer?
        // By bytes: split by characters, a hundred kilobytes take a noticeable part of a start.
        for line in String(decoding: text, as: UTF8.self).utf8.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " ")).map(Substring.init)
            if let bounds = bounds(fields[0]) {
                // 7f3c5a000000-7f3c5a2b1000 r-xp 00028000 fe:01 1837 /usr/lib/… (proc(5)): bounds, rights, …, file.
                let isCode = fields.count >= 6 && fields[1] == "r-xp" && fields[5].hasPrefix("/")
                mapping = isCode ? bounds : nil
            } else if fields[0] == "Anonymous:", fields.count > 1, fields[1] == "0", let mapping {
                // No page differs from the file: a debugger's breakpoint, say, would be lost.
                madvise(UnsafeMutableRawPointer(mutating: mapping.baseAddress), mapping.count, MADV_DONTNEED)
            }
        }
    }

    private static func bounds(_ text: Substring) -> UnsafeRawBufferPointer? {
        let numbers = text.split(separator: "-").map { UInt($0, radix: 16) }
        guard numbers.count == 2, let start = numbers[0], let end = numbers[1], start < end else { return nil }
        return UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: start), count: Int(end - start))
    }
}
