/// Draws by weight in constant time.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// Draws i of 0 ... n - 1 with probability weight_i / sum of weights, by one look into a table of 8 bytes an entry
/// (Walker's alias method in Vose's form, 1991).
class AliasTable {
public:
    AliasTable() = default;
    /// Throws ArgumentError unless the weights are finite, not negative, and one of them is positive.
    explicit AliasTable(std::span<const double> weights);

    std::size_t size() const { return own_.size(); }
    /// Draw number i of a stream, which has two numbers for each.
    std::int32_t draw(const RandomStream& random, std::uint64_t i) const {
        const std::size_t place = random.below(2 * i, own_.size());
        return random.uniform(2 * i + 1) < static_cast<double>(own_[place]) ? static_cast<std::int32_t>(place)
                                                                            : other_[place];
    }

private:
    std::vector<float> own_;  // the chance that a place stands for itself
    std::vector<std::int32_t> other_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION AliasTable::AliasTable(std::span<const double> weights)
    : own_(weights.size()), other_(weights.size()) {
    double total = 0;
    for (const double w : weights) {
        if (!(w >= 0) || !std::isfinite(w))
            throw ArgumentError(message("AliasTable: expected weights >= 0, received ", w));
        total += w;
    }
    if (!(total > 0) || !std::isfinite(total))
        throw ArgumentError(message("AliasTable: expected weights with a positive sum, received ", total, " for ",
                                    weights.size(), " entries"));
    const double scale = static_cast<double>(weights.size()) / total;
    std::vector<double> share(weights.begin(), weights.end());  // of a place, 1 on average
    std::vector<std::int32_t> light, heavy;
    for (std::size_t i = 0; i < share.size(); ++i) {
        share[i] *= scale;
        (share[i] < 1 ? light : heavy).push_back(static_cast<std::int32_t>(i));
    }
    while (!light.empty() && !heavy.empty()) {
        const std::int32_t less = light.back(), more = heavy.back();
        const auto l = static_cast<std::size_t>(less), m = static_cast<std::size_t>(more);
        light.pop_back();
        own_[l] = static_cast<float>(share[l]);
        other_[l] = more;
        share[m] -= 1 - share[l];
        if (share[m] < 1) {
            heavy.pop_back();
            light.push_back(more);
        }
    }
    for (const auto& rest : {light, heavy})  // 1 but for rounding
        for (const std::int32_t i : rest)
            own_[static_cast<std::size_t>(i)] = 1, other_[static_cast<std::size_t>(i)] = i;
}
#endif

DEEPREC_END
