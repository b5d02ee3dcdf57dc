/// Operands for kernel tests: random, at odd addresses, with guard numbers behind them.
#pragma once

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/core/shape.hpp>

namespace deeprec::test {

/// n random numbers, `offset` elements behind a 64-byte boundary at most, followed by guards that kernels must not
/// touch.
template <class T>
class Operand {
public:
    explicit Operand(Index n, std::uint64_t seed = 1, Index offset = 1)
        : n_(n), offset_(offset), storage_(static_cast<std::size_t>(n + offset + guards), guard) {
        const RandomStream random(Seed{seed});
        for (Index i = 0; i < n; ++i)
            data()[i] = static_cast<T>(random.uniform(static_cast<std::uint64_t>(i), -1.0, 1.0));
    }
    T* data() { return storage_.data() + offset_; }
    const T* data() const { return storage_.data() + offset_; }
    T& operator[](Index i) { return data()[i]; }
    Index size() const { return n_; }
    bool guards_intact() const {
        return std::all_of(storage_.begin() + n_ + offset_, storage_.end(), [](T x) { return x == guard; });
    }

private:
    static constexpr Index guards = 40;
    static constexpr T guard = T(12345);
    Index n_, offset_;
    std::vector<T> storage_;
};

/// The same bits in every element; NaN equals NaN.
template <class T>
bool same(const Operand<T>& a, const Operand<T>& b) {
    return std::equal(a.data(), a.data() + a.size(), b.data(), b.data() + b.size(),
                      [](T x, T y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

/// Largest |a - b|; infinite where only one of them is NaN.
template <class T>
double distance(const Operand<T>& a, const Operand<T>& b) {
    double worst = 0;
    for (Index i = 0; i < a.size(); ++i) {
        const double x = static_cast<double>(a.data()[i]), y = static_cast<double>(b.data()[i]);
        if (std::isnan(x) != std::isnan(y)) return INFINITY;
        if (!std::isnan(x) && x != y) worst = std::max(worst, std::abs(x - y));
    }
    return worst;
}

}  // namespace deeprec::test
