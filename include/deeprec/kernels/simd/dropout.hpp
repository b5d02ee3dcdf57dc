/// Random multipliers of dropout.
#pragma once

#include <deeprec/core/random.hpp>
#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// m[r, j] = scale with probability `keep`, else 0: a pure function of (seed, first_row + r, j). Two elements share one
/// draw of 64 bits, so the probability is exact to 2^-32.
template <class T>
void draw_multipliers(Seed seed, Index first_row, Index rows, Index per_row, double keep, T scale, T* m) {
    const RandomStream random(seed);
    const auto limit = static_cast<std::uint64_t>(keep * 0x1.0p32);
    const auto draws = static_cast<std::uint64_t>((per_row + 1) / 2);
    for (Index r = 0; r < rows; ++r, m += per_row) {
        std::uint64_t draw = static_cast<std::uint64_t>(first_row + r) * draws;
        Index j = 0;
        for (; j + 2 <= per_row; j += 2) {
            const std::uint64_t bits = random.bits(draw++);
            m[j] = (bits & 0xffffffffu) < limit ? scale : T(0);
            m[j + 1] = (bits >> 32) < limit ? scale : T(0);
        }
        if (j < per_row) m[j] = (random.bits(draw) & 0xffffffffu) < limit ? scale : T(0);
    }
}

/// out[i] = a[i] b[i].
template <class T, class Arch = xsimd::default_arch>
void multiply(const T* a, const T* b, T* out, Index n) {
    using V = Batch<T, Arch>;
    Index i = 0;
    for (; i + lanes<T, Arch> <= n; i += lanes<T, Arch>)
        kernels::store(out + i, kernels::load<V>(a + i) * kernels::load<V>(b + i));
    for (; i < n; ++i) out[i] = a[i] * b[i];
}

}  // namespace kernels
DEEPREC_END
