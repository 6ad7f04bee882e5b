import Foundation
import FuzzTargets

#if FUZZING
    /// The target that `FUZZ_TARGET` names: libFuzzer's entry has no other way in.
    private let chosen = Driver.target()

    /// What libFuzzer calls for each input; a property that does not hold ends the process, and libFuzzer keeps the input.
    @_cdecl("LLVMFuzzerTestOneInput")
    package func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        do {
            try chosen.run(Array(UnsafeBufferPointer(start: start, count: count)))
        } catch {
            fatalError("\(error)")
        }
        return 0
    }

    /// What libFuzzer calls to make one input of another: half of the time by words and numbers, which its own changes of
    /// bytes hardly ever hit, and half of the time its own way.
    @_cdecl("LLVMFuzzerCustomMutator")
    package func mutate(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, _ longest: Int, _ seed: UInt32) -> Int {
        guard seed.isMultiple(of: 2) else { return mutateBytes(start, count, longest) }
        let input = Array(UnsafeBufferPointer(start: start, count: count))
        let output = Mutation(seed: UInt64(seed)).mutated(input).prefix(longest)
        for (place, byte) in output.enumerated() { start[place] = byte }
        return output.count
    }

    @_silgen_name("LLVMFuzzerMutate")
    private func mutateBytes(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, _ longest: Int) -> Int
#else
    /// Replays inputs: `FUZZ_TARGET=venice fuzz FILE...`.
    @main struct Replay {
        static func main() throws {
            let target = Driver.target()
            for path in CommandLine.arguments.dropFirst() {
                print(path)
                try target.run(Array(try Data(contentsOf: URL(filePath: path))))
            }
        }
    }
#endif

enum Driver {
    /// The target that the environment names; where it names none, the process ends with the names.
    static func target() -> FuzzTarget {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
            FileHandle.standardError.write(Data("FUZZ_TARGET is one of \(names)\n".utf8))
            exit(2)
        }
        return target
    }
}
