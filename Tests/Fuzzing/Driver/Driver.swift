import Foundation
import FuzzTargets

#if FUZZING
    /// The target that `FUZZ_TARGET` names; libFuzzer's entry point takes no other parameters.
    private let chosen = Driver.target()

    /// Called by libFuzzer for each input; a violated property ends the process, and libFuzzer keeps the input.
    @_cdecl("LLVMFuzzerTestOneInput")
    package func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        do {
            try chosen.run(Array(UnsafeBufferPointer(start: start, count: count)))
        } catch {
            fatalError("\(error)")
        }
        return 0
    }

    /// Called by libFuzzer to mutate an input: half of the time with words and numbers, which byte mutations hardly
    /// ever produce, and half of the time with libFuzzer's own mutator.
    @_cdecl("LLVMFuzzerCustomMutator")
    package func mutate(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, _ longest: Int, _ seed: UInt32) -> Int {
        guard seed.isMultiple(of: 2) else { return mutateBytes(start, count, longest) }
        let input = Array(UnsafeBufferPointer(start: start, count: count))
        let output = Mutation(seed: UInt64(seed)).mutated(input).prefix(longest)
        for (index, byte) in output.enumerated() { start[index] = byte }
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
    /// The target named by the environment; exits with the list of targets if there is none.
    static func target() -> FuzzTarget {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
            FileHandle.standardError.write(Data("FUZZ_TARGET is one of \(names)\n".utf8))
            exit(2)
        }
        return target
    }
}
