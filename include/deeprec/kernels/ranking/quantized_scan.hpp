/// Upper bounds of inner products from int8 codes: a scan that reads a quarter of the memory and leaves few items over.
///
/// How it works. A row x is s c + r with int8 codes c and one scale s, the query q is t d + p with int16 codes d. The
/// integer D = d . c is exact, and by Cauchy and Schwarz q . x <= s (t D + |p| |c|) + |q| |r|. Codes lie in blocks of
/// as many rows as a register has lanes, two codes of each row side by side: a load, a widening, a multiplication and
/// an addition take two numbers of every row, and a register of D needs no sum over lanes.
///
/// What holds. The bound is not less than the float that `scan_inner_products` computes for the row: the row's error
/// |r| is widened by (width + 32) 2^-24 |x|, where width + 8 cover the roundings of that float (each product passes
/// fewer) and 24 those of the bound itself; all terms are widened by 2^-20 to be safe from their own roundings, and by
/// 2^-126, the smallest normal number, from underflow. This needs lengths whose products neither overflow nor vanish:
/// longer rows than 2^60 and those with NaN or Inf have the bound Inf, and a query must be in [2^-60, 2^60]. Rounding
/// is to nearest, and subnormal numbers are not flushed. The sum may be made in any order, as a `gemm` makes it. Where
/// rows have a bias b that is added to q . x, so do their bounds, widened by (width + 32) 2^-24 |b|; above 2^100 it is
/// Inf.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// Largest width of quantized rows: its roundings stay far below 2^24, and a query has codes whose products fit int32.
inline constexpr Index most_quantized_width = Index{1} << 20;

/// Rows as codes: codes[quantized_size(count, width)], a scale, an error and where there are such a bias
/// (`bias_bound`) for each; whole blocks, the rest zeros.
template <class Byte, class Float>
struct BasicQuantizedRows {
    Byte* codes;
    Float *scales, *errors;
    Index width;
    Float* biases = nullptr;
};
using QuantizedRows = BasicQuantizedRows<const std::int8_t, const float>;
using QuantizedRowsToFill = BasicQuantizedRows<std::int8_t, float>;
/// A query as codes [width rounded up to even], and what else its bounds need.
struct QuantizedQuery {
    const std::int16_t* codes;
    float scale, slack, length;  // t; |p| times the longest row of codes; |q|
};

namespace detail {
constexpr double widening = 1 + 0x1p-20, smallest_normal = 0x1p-126, longest_vector = 0x1p60;

/// The integer nearest to x, up to roundings that the bound sees, within [-most, most].
inline std::int32_t code(float x, std::int32_t most) {
    return std::clamp(static_cast<std::int32_t>(x + (x < 0 ? -0.5f : 0.5f)), -most, most);
}
/// max |x|, NaN if there is one.
inline float largest(const float* x, Index n) {
    float most = 0;
    for (Index i = 0; i < n; ++i) most = max_nan(most, std::abs(x[i]));
    return most;
}
}  // namespace detail

/// Codes of `count` rows of a width.
template <class Arch = xsimd::default_arch>
Index quantized_size(Index count, Index width) {
    constexpr Index step = lanes<float, Arch>;
    return (count + step - 1) / step * step * ((width + 1) / 2 * 2);
}

/// Quantizes rows [begin, end) of items, row-major with rows ld apart. `begin` is a multiple of the lanes; the codes
/// were zeros before.
template <class Arch = xsimd::default_arch>
void quantize_rows(const float* items, Index ld, Index begin, Index end, const QuantizedRowsToFill& to) {
    constexpr Index step = lanes<float, Arch>;
    const Index even = (to.width + 1) / 2 * 2;
    for (Index i = begin; i < end; ++i) {
        const float* const x = items + i * ld;
        std::int8_t* const codes = to.codes + i / step * step * even + i % step * 2;
        double square = 0, residual = 0;
        for (Index k = 0; k < to.width; ++k) square += static_cast<double>(x[k]) * static_cast<double>(x[k]);
        to.scales[i] = 0;
        to.errors[i] = std::numeric_limits<float>::infinity();
        if (!(square <= detail::longest_vector * detail::longest_vector)) continue;
        const float scale = detail::largest(x, to.width) / 127;
        for (Index k = 0; k < to.width; ++k) {
            const std::int32_t c = scale > 0 ? detail::code(x[k] / scale, 127) : 0;
            const double r = static_cast<double>(x[k]) - static_cast<double>(scale) * c;
            residual += r * r;
            codes[k / 2 * 2 * step + k % 2] = static_cast<std::int8_t>(c);
        }
        const double roundings = static_cast<double>(to.width + 32) * 0x1p-24;
        to.scales[i] = scale;
        to.errors[i] = static_cast<float>((std::sqrt(residual) + roundings * std::sqrt(square)) * detail::widening +
                                          detail::smallest_normal);
    }
}

/// What a row's bias adds to its bound.
inline float bias_bound(float bias, Index width) {
    const double b = static_cast<double>(bias);
    if (!(std::abs(b) <= 0x1p100)) return std::numeric_limits<float>::infinity();
    return static_cast<float>(b + static_cast<double>(width + 32) * 0x1p-24 * std::abs(b) + detail::smallest_normal);
}

/// Whether bounds hold for a query: NaN, Inf and extreme lengths are left to `scan_inner_products`.
inline bool can_quantize_query(const float* query, Index width) {
    double square = 0;
    for (Index k = 0; k < width; ++k) square += static_cast<double>(query[k]) * static_cast<double>(query[k]);
    return square <= detail::longest_vector * detail::longest_vector &&
           square * detail::longest_vector * detail::longest_vector >= 1;
}
/// Quantizes a query for which can_quantize_query holds; codes has room for width rounded up to even.
inline QuantizedQuery quantize_query(const float* query, Index width, std::int16_t* codes) {
    const auto most = static_cast<std::int32_t>(std::min<Index>(32767, 2147483647 / (127 * std::max<Index>(width, 1))));
    const float scale = detail::largest(query, width) / static_cast<float>(most);
    double square = 0, residual = 0;
    codes[(width + 1) / 2 * 2 - 1] = 0;
    for (Index k = 0; k < width; ++k) {
        const double q = static_cast<double>(query[k]);
        const std::int32_t d = detail::code(query[k] / scale, most);
        const double p = q - static_cast<double>(scale) * d;
        square += q * q;
        residual += p * p;
        codes[k] = static_cast<std::int16_t>(d);
    }
    const double longest_codes = 127 * std::sqrt(static_cast<double>(width));
    const auto upward = [](double x) { return static_cast<float>(x * detail::widening + detail::smallest_normal); };
    return {codes, scale, upward(std::sqrt(residual) * longest_codes), upward(std::sqrt(square))};
}

/// offer(first, last) for each block of rows in [begin, end) some of whose bounds exceed the threshold, in order: the
/// range from the first to the last such row. offer returns the next threshold. `begin` is a multiple of the lanes.
template <class Arch = xsimd::default_arch, class Offer>
void scan_quantized(const QuantizedQuery& query, const QuantizedRows& rows, Index begin, Index end, float threshold,
                    const Offer& offer) {
    using V = Batch<float, Arch>;
    using Integers = Batch<std::int32_t, Arch>;
    constexpr Index step = lanes<float, Arch>;
    const Index pairs = (rows.width + 1) / 2;
    const V scale(query.scale), slack(query.slack), length(query.length), smallest(std::numeric_limits<float>::min());
    for (Index first = begin; first < end; first += step) {
        const std::int8_t* const codes = rows.codes + first * 2 * pairs;
        Integers even(0), odd(0);
        Index k = 0;
        for (; k + 2 <= pairs; k += 2) {
            even = kernels::add_pair_products(even, codes + k * 2 * step, query.codes + 2 * k);
            odd = kernels::add_pair_products(odd, codes + (k + 1) * 2 * step, query.codes + 2 * k + 2);
        }
        if (k < pairs) even = kernels::add_pair_products(even, codes + k * 2 * step, query.codes + 2 * k);
        const V product = kernels::fma(scale, kernels::to_float(Integers(even + odd)), slack);
        V rest = kernels::fma(kernels::load<V>(rows.errors + first), length, smallest);
        if (rows.biases) rest = rest + kernels::load<V>(rows.biases + first);
        const V bounds = kernels::fma(kernels::load<V>(rows.scales + first), product, rest);
        if (!kernels::any_greater(bounds, V(threshold))) continue;
        alignas(64) Array<float, step> all;
        kernels::store(all, bounds);
        Index low = 0, high = std::min(step, end - first);
        while (low < high && !(all[low] > threshold)) ++low;
        while (low < high && !(all[high - 1] > threshold)) --high;
        if (low < high) threshold = offer(first + low, first + high);
    }
}

}  // namespace kernels
DEEPREC_END
