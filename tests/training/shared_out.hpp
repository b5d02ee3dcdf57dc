/// Models whose tables the ranks of a test share out.
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
/// A world that counts what a rank gives to others in exchanges.
class Counting final : public TrainingWorld {
public:
    Counting(AnyWorld world, std::shared_ptr<std::size_t> bytes) : world_(std::move(world)), bytes_(std::move(bytes)) {}
    int rank() const override { return world_.rank(); }
    int size() const override { return world_.size(); }
    void sum(float* numbers, Index count) override { world_->sum(numbers, count); }
    void sum(double* numbers, Index count) override { world_->sum(numbers, count); }
    std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) override { return world_->gather(own); }
    std::vector<std::vector<std::byte>> exchange(std::vector<std::vector<std::byte>> give) override {
        for (std::size_t to = 0; to < give.size(); ++to)
            if (to != static_cast<std::size_t>(rank())) *bytes_ += give[to].size();
        return world_->exchange(std::move(give));
    }

private:
    AnyWorld world_;
    std::shared_ptr<std::size_t> bytes_;
};
/// Puts what a rank has of a model's parameters to its place in the whole.
template <class Any>
void put(const Any& model, std::vector<float>& whole) {
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
