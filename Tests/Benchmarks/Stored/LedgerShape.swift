import UsageModel

/// The series of a stored ledger: a fictional account with many models and keys, the same in every run.
///
/// A model used with a key has seven series, as for a provider that reports tokens and outcomes.
struct LedgerShape {
    /// Series of the ledger, including the one for corrections, which the ledger adds itself.
    let series: Int

    /// Number of cells.
    var cells: Int { max(0, series - 1) }

    /// The days before today over which usage is spread.
    static let days = 30

    private static let perModel = 7
    private static let models = [
        "wavespeed-ai/flux-dev", "bytedance/seedream-v4", "google/nano-banana/edit",
        "bytedance/seedance-v1-pro-t2v-720p", "kwaivgi/kling-v2.0-i2v-master", "wavespeed-ai/real-esrgan",
        "minimax/speech-02-hd", "wavespeed-ai/ace-step", "wavespeed-ai/wan-2.1/i2v-480p", "wavespeed-ai/flux-schnell",
        "gpt-image-1.5-t2i", "chatterbox-turbo", "mureka-song", "zai-org-glm-5-1", "llama-3.3-70b", "claude-opus-4-8",
        "venice-sd35", "grok-imagine-image", "imagen-4", "nano-banana-pro", "veo-3.1-fast", "veo-3.1-upscale",
        "kling-v2-5", "kling-v2-1-master",
    ]
    private static let teams = [
        "web-shop", "support-bot", "research", "marketing-images", "batch-video", "translation", "game-assets",
        "newsletter",
    ]

    /// The cell with the given index below `cells`, with one day's usage.
    ///
    /// - Parameter factor: multiplier of the minimum usage; a higher one simulates a later reading of the same day.
    func cell(_ index: Int, factor: Int = 1) -> Cell {
        let pair = index / Self.perModel
        let model = Self.models[pair % Self.models.count]
        let team = pair / Self.models.count
        let key = "\(Self.teams[team % Self.teams.count])-\(1000 + team / Self.teams.count)"
        let requests = (1 + index * 31 % 900) * factor
        switch index % Self.perModel {
        case 0: return Cell(.cost, [key, model], ExactDecimal(micros: requests * (2400 + index * 7 % 90_000)))
        case 1: return Cell(.requests, [key, model], ExactDecimal(requests))
        case 2: return Cell(.outcomes, [key, model, "success"], ExactDecimal(requests))
        case 3: return Cell(.outcomes, [key, model, "failure"], ExactDecimal((1 + index % 5) * factor))
        case 4: return Cell(.tokens, [key, model, "input"], ExactDecimal(requests * 1873))
        case 5: return Cell(.tokens, [key, model, "output"], ExactDecimal(requests * 611))
        default: return Cell(.tokens, [key, model, "cache_input"], ExactDecimal(requests * 240))
        }
    }

    /// The cells of the given day: every series is used on two of the last thirty days.
    func cells(daysAgo: Int) -> [Cell] {
        (0..<cells).compactMap { index in
            let pair = index / Self.perModel
            let first = 1 + pair % Self.days
            let second = 1 + (pair + 11) % Self.days
            return first == daysAgo || second == daysAgo ? cell(index) : nil
        }
    }

    /// The indices of `count` cells, evenly spread.
    func spread(_ count: Int) -> [Int] {
        let count = min(count, cells)
        return (0..<count).map { $0 * cells / count }
    }
}
