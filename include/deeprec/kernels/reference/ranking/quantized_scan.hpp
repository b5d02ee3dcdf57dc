/// Scalar twin of kernels/ranking/quantized_scan.hpp: one bound at a time.
#pragma once

#include <deeprec/kernels/ranking/quantized_scan.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

/// Number k of row i, as a code.
template <class Arch = xsimd::default_arch>
std::int8_t code(const QuantizedRows& rows, Index i, Index k) {
    constexpr Index step = lanes<float, Arch>;
    const Index block = i / step, place = i % step, pairs = (rows.width + 1) / 2;
    return rows.codes[((block * pairs + k / 2) * step + place) * 2 + k % 2];
}
/// s (t D + |p| |c|) + |q| |r| of row i.
template <class Arch = xsimd::default_arch>
double quantized_bound(const QuantizedQuery& query, const QuantizedRows& rows, Index i) {
    std::int64_t product = 0;
    for (Index k = 0; k < rows.width; ++k) product += reference::code<Arch>(rows, i, k) * query.codes[k];
    const auto wide = [](float x) { return static_cast<double>(x); };
    return wide(rows.scales[i]) * (wide(query.scale) * static_cast<double>(product) + wide(query.slack)) +
           wide(rows.errors[i]) * wide(query.length);
}

}  // namespace kernels::reference
DEEPREC_END
