import TestSupport
import Testing

/// Measures the forecast and the cost anomaly alert on a simulated year with known surges.
@Suite(.timeLimit(.minutes(10))) struct AnomalyTests {
    @Test("the anomaly band beats the fixed rule, and the forecast a straight line, over a simulated year")
    func year() async throws {
        let outcome = try await aside {
            try Tool(named: "python3", installation: "apt-get install python3")
                .run([Repository.programs + "/anomaly_evaluation.py", "--seeds", "11"])
        }
        #expect(outcome.status == 0, "\(outcome.output)")
    }
}
