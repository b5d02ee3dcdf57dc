/// What every loss must do: its gradient is its slope, in double; it stays finite for large logits, in float; NaN is
/// never hidden; weights and the sum reduction scale it.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <deeprec/core/random.hpp>
#include <deeprec/losses/loss.hpp>

#include "support/catch.hpp"

namespace battery {

using deeprec::Index;
using deeprec::Tensor;

/// Numbers in [low, high), an even spread of them.
struct Range {
    double low, high;
};

template <class T = double, int Rank>
void fill(Tensor<T, Rank>& x, Range range, std::uint64_t seed) {
    const deeprec::RandomStream random(deeprec::Seed{seed});
    for (Index i = 0; i < x.size(); ++i)
        x.data()[i] = static_cast<T>(random.uniform(static_cast<std::uint64_t>(i), range.low, range.high));
}

/// Largest difference between `gradient` and central differences of `value()` in x.
template <int Rank, class Value>
double slope_error(Tensor<double, Rank>& x, const Tensor<double, Rank>& gradient, const Value& value) {
    double worst = 0;
    for (Index i = 0; i < x.size(); ++i) {
        const double at = x.data()[i], h = 1e-6;
        x.data()[i] = at + h;
        const double above = value();
        x.data()[i] = at - h;
        worst = std::max(worst, std::abs((above - value()) / (2 * h) - gradient.data()[i]));
        x.data()[i] = at;
    }
    return worst;
}

/// A loss of rows [B, outputs]. `target(row, j)` gives the targets, `range` the predictions.
template <class Loss, class Target>
void check_loss(const Loss& loss, Index outputs, Range range, const Target& target, double tolerance = 1e-6) {
    INFO(Loss::name());
    const Index rows = 6, width = loss.target_outputs(outputs);
    Tensor<double, 2> p(rows, outputs), y(rows, width);
    Tensor<double, 1> weight(rows), twice(rows);
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
        fill(p, range, seed);
        fill(weight, {0.25, 2}, seed + 10);
        for (Index r = 0; r < rows; ++r)
            for (Index j = 0; j < width; ++j) y(r, j) = target(r, j);
        const auto gradient = loss.gradient(p, y, weight);
        CHECK(slope_error(p, gradient, [&] { return loss.forward(p, y, weight); }) < tolerance);
        CHECK(slope_error(p, loss.gradient(p, y), [&] { return loss.forward(p, y); }) < tolerance);
        double sum = 0, scale = loss.scale(y.data(), rows, width, weight.data());
        const auto each = loss.per_sample(p, y, weight);
        for (Index r = 0; r < rows; ++r) sum += each(r);
        CHECK(loss.forward(p, y, weight) == Approx(sum * scale));
        // what a shard of the batch gives is a part of the whole
        Tensor<double, 2> part(3, outputs);
        loss.accumulate(p.data() + 3 * outputs, y.data() + 3 * width, 3, outputs, weight.data() + 3, scale,
                        part.data());
        CHECK(std::equal(part.data(), part.data() + part.size(), gradient.data() + 3 * outputs));
    }
    p(4, outputs - 1) = std::numeric_limits<double>::quiet_NaN();
    CHECK(std::isnan(loss.forward(p, y)));
    const auto gradient = loss.gradient(p, y);
    CHECK(std::isnan(gradient(4, outputs - 1)));
    for (Index j = 0; j < outputs; ++j) CHECK(!std::isnan(gradient(3, j)));
}

/// A loss of logits gives finite numbers for logits of +-1e4, in float.
template <class Loss, class Target>
void check_large_logits(const Loss& loss, Index outputs, const Target& target) {
    INFO(Loss::name());
    const Index rows = 8, width = loss.target_outputs(outputs);
    Tensor<float, 2> p(rows, outputs), y(rows, width);
    for (Index r = 0; r < rows; ++r) {
        for (Index j = 0; j < outputs; ++j) p(r, j) = (r >> (j % 3)) & 1 ? 1e4f : -1e4f;
        for (Index j = 0; j < width; ++j) y(r, j) = static_cast<float>(target(r, j));
    }
    CHECK(std::isfinite(loss.forward(p, y)));
    const auto gradient = loss.gradient(p, y);
    for (Index i = 0; i < gradient.size(); ++i) CHECK(std::isfinite(gradient.data()[i]));
}

}  // namespace battery
