// Training steps of sequence models, as deeprec and libtorch both have them: ids and fields of events in, LSTM(64), the
// items' vectors again as the output.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "workloads.hpp"

namespace peers {

inline constexpr int event_steps = 20, shop_items = 8000;  // against all items: 256 people with 20 targets each
struct EventField {
    const char* name;
    int rows;
};
inline constexpr EventField event_fields[] = {{"type", 4}, {"gap", 32}, {"category", 41}, {"price", 11}};
inline constexpr int field_width = features / 4;  // joined they are as wide as an item's vector, and added to it
inline constexpr int sampled_people = 64, sampled_steps = targets / sampled_people;
inline constexpr std::pair<const char*, int> catalogues[] = {{"10k", 10000}, {"1M", large_vocabulary}};

inline Cost lstm_cost(double events) { return {3 * 2.0 * events * 2 * features * 4 * features}; }
inline Cost against_all_cost() {
    constexpr double events = double{batch} * event_steps;
    return {lstm_cost(events).flops + 6.0 * events * shop_items * features};
}
inline Cost sampled_cost() { return {lstm_cost(targets).flops + 6.0 * targets * (targets + 1) * features}; }

inline Numbers sequence_weights(const std::string& path, std::size_t n) { return numbers(n, "seq." + path, -.1f, .1f); }
/// Items 1 ... count by Zipf's law: that of rank r with weight 1 / r.
inline std::vector<std::int32_t> event_ids(int n, int count, const std::string& name) {
    auto random = generator(name);
    std::uniform_real_distribution<double> uniform(0, 1);
    std::vector<std::int32_t> x(static_cast<std::size_t>(n));
    for (auto& id : x)
        id = static_cast<std::int32_t>(static_cast<std::int64_t>(std::pow(count, uniform(random))) * 7919 % count) + 1;
    return x;
}

}  // namespace peers
