/// Counter-based random numbers: element i of a stream is a pure function of (seed, stream, i), so shards, threads and
/// restarts all see the same numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

#include <deeprec/version.hpp>

DEEPREC_BEGIN

/// The user's seed; every use derives its own stream from it.
struct Seed {
    std::uint64_t value = 0;  ///< any number
};

namespace detail {
__extension__ using uint128 = unsigned __int128;  // -Wpedantic accepts it only so
}

/// Bijective 64-bit mixer (Stafford's variant 13 of the MurmurHash3 finaliser, as in SplitMix64).
constexpr std::uint64_t mix64(std::uint64_t z) {
    z += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/// A seed for one more use: layer number, epoch, step, ...
constexpr Seed derive(Seed seed, std::uint64_t use) { return {mix64(seed.value ^ mix64(use ^ 0x5851f42d4c957f2dull))}; }

/// A stream of random numbers that can be read in any order.
class RandomStream {
public:
    explicit constexpr RandomStream(Seed seed) : key_(mix64(seed.value)) {}

    /// 64 random bits, number i of the stream.
    constexpr std::uint64_t bits(std::uint64_t i) const { return mix64(key_ ^ mix64(i)); }
    /// Uniform in [0, 1) with 53 bits.
    constexpr double uniform(std::uint64_t i) const { return static_cast<double>(bits(i) >> 11) * 0x1.0p-53; }
    /// Uniform in [low, high).
    constexpr double uniform(std::uint64_t i, double low, double high) const { return low + (high - low) * uniform(i); }
    /// Uniform in {0, ..., n-1}; the bias for n < 2^32 is below 2^-32.
    constexpr std::uint64_t below(std::uint64_t i, std::uint64_t n) const {
        return static_cast<std::uint64_t>((static_cast<detail::uint128>(bits(i)) * n) >> 64);
    }
    /// Standard normal (Box-Muller on numbers 2i and 2i+1).
    double normal(std::uint64_t i) const {
        const double u = 1.0 - uniform(2 * i), v = uniform(2 * i + 1);
        return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
    }

private:
    std::uint64_t key_;
};

DEEPREC_END
