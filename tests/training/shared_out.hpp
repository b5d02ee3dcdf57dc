/// Models whose items the ranks of a test share out.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/training/fit.hpp>

#include "models/sequences.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"
#include "training/worlds.hpp"

namespace shared_out {

using namespace deeprec;
using Strings = std::vector<std::string>;

using Model = decltype(SequenceRecommender{1, sequences::cnn_tower(6)});
constexpr std::int32_t items = 31;

/// Sixty-five users with a sample each.
inline const Sequences& walks() {
    static const Sequences all = sequences::walks(65, items, 5);
    return all;
}
inline Model model(const TableShard& shard, SequenceRecommenderOptions options = {.width = 6, .scale = 4}) {
    options.shard = shard;
    Model made{items, sequences::cnn_tower(6), options};
    made.build(6, Seed{2});
    return made;
}
/// Puts what a rank has of a model's parameters to its place in the whole.
inline void put(const Model& model, std::vector<float>& whole) {
    Index at = 0;
    for (const auto& p : parameter_list(model)) {
        const Index width = p.size() / p.shape[0], size = p.whole_shape().size();
        if (static_cast<Index>(whole.size()) < at + size) whole.resize(static_cast<std::size_t>(at + size));
        for (Index row = 0; row < p.shape[0]; ++row)
            std::copy_n(p.values + row * width, width, whole.begin() + at + p.shard.row(row) * width);
        at += size;
    }
}
/// The weights after train(model, world) by one process or some ranks, which share the items out or do not.
template <class Train>
std::vector<float> trained(int ranks, bool shared, const SequenceRecommenderOptions& options, const Train& train) {
    std::vector<float> whole;
    put(model({}, options), whole);  // makes room for all ranks
    const auto one = [&](int rank, const AnyWorld& world) {
        auto own = model(shared ? TableShard{rank, ranks} : TableShard{}, options);
        train(own, world);
        if (shared || rank == 0) put(own, whole);
    };
    if (ranks == 1) return one(0, AnyWorld{}), whole;
    CHECK(support::on_ranks(ranks, one) == Strings(static_cast<std::size_t>(ranks)));
    return whole;
}
inline double farthest(const std::vector<float>& a, const std::vector<float>& b) {
    double most = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
        most = std::max(most, static_cast<double>(std::abs(a[i] - b[i])));
    return most;
}

}  // namespace shared_out
