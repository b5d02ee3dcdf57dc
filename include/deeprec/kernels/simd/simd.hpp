/// The one place that knows xsimd and its versions (8.1 to 13): batches, and functions written once for a plain number
/// and for a batch. Nothing outside this file uses an intrinsic.
///
/// Call them qualified, `kernels::exp(x)`: for a batch the bare name also finds xsimd's own function.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#pragma push_macro("I")  // of <complex.h>; xsimd has template parameters of that name
#undef I
#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 calls AVX-512's undefined registers uninitialized (PR 105593)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <xsimd/xsimd.hpp>
#pragma GCC diagnostic pop
#else
#include <xsimd/xsimd.hpp>
#endif
#pragma pop_macro("I")
#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>  // <immintrin.h> costs a tenth of a program's compile time
#endif

#include <deeprec/core/equal.hpp>
#include <deeprec/core/shape.hpp>

/// Before a loop over registers with constant bounds: the loop must disappear, or its array cannot live in registers.
#if defined(__clang__)
#define DEEPREC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define DEEPREC_UNROLL _Pragma("GCC unroll 32")
#endif
#define DEEPREC_INLINE inline __attribute__((always_inline))

DEEPREC_BEGIN
namespace kernels {

/// A SIMD register of T.
template <class T, class Arch = xsimd::default_arch>
using Batch = xsimd::batch<T, Arch>;

/// N elements; an Index is signed, and a bound of its type is a warning of -Wsign-conversion.
template <class E, Index N>
using Array = E[static_cast<std::size_t>(N)];

/// Numbers in one register.
template <class T, class Arch = xsimd::default_arch>
inline constexpr Index lanes = static_cast<Index>(Batch<T, Arch>::size);

namespace detail {
template <class Arch>
inline constexpr bool is_avx512 = std::is_base_of_v<xsimd::avx512f, Arch>;
template <class Arch>
inline constexpr bool is_neon64 = std::is_base_of_v<xsimd::neon64, Arch>;

template <class V>
struct ElementOf {
    using type = V;
};
template <class T, class Arch>
struct ElementOf<xsimd::batch<T, Arch>> {
    using type = T;
};
template <class V>
using Element = typename ElementOf<V>::type;
}  // namespace detail

/// Registers that hold batches: what a register tile can use.
template <class Arch>
inline constexpr Index registers = detail::is_avx512<Arch> || detail::is_neon64<Arch> ? 32 : 16;

// ---------------------------------------------------------------- memory

/// V from unaligned memory; V is T or a batch of T.
template <class V, class T>
DEEPREC_INLINE V load(const T* p) {
    if constexpr (std::is_same_v<V, T>)
        return *p;
    else
        return V::load_unaligned(p);
}
template <class T>
DEEPREC_INLINE void store(T* p, T x) {
    *p = x;
}
template <class T, class Arch>
DEEPREC_INLINE void store(T* p, const xsimd::batch<T, Arch>& x) {
    x.store_unaligned(p);
}

namespace detail {
#if defined(__AVX512F__)
DEEPREC_INLINE __m512 load_masked(const float* p, unsigned m, __m512 rest) {
    return _mm512_mask_loadu_ps(rest, __mmask16(m), p);
}
DEEPREC_INLINE __m512d load_masked(const double* p, unsigned m, __m512d rest) {
    return _mm512_mask_loadu_pd(rest, __mmask8(m), p);
}
DEEPREC_INLINE void store_masked(float* p, unsigned m, __m512 x) { _mm512_mask_storeu_ps(p, __mmask16(m), x); }
DEEPREC_INLINE void store_masked(double* p, unsigned m, __m512d x) { _mm512_mask_storeu_pd(p, __mmask8(m), x); }
// The forms with a full mask are the same instructions, without GCC 12's false alarm about undefined registers.
DEEPREC_INLINE __m512 max512(__m512 a, __m512 b) { return _mm512_maskz_max_ps(__mmask16(-1), a, b); }
DEEPREC_INLINE __m512d max512(__m512d a, __m512d b) { return _mm512_maskz_max_pd(__mmask8(-1), a, b); }
DEEPREC_INLINE __m512 min512(__m512 a, __m512 b) { return _mm512_maskz_min_ps(__mmask16(-1), a, b); }
DEEPREC_INLINE __m512d min512(__m512d a, __m512d b) { return _mm512_maskz_min_pd(__mmask8(-1), a, b); }
/// a and b are transposed into each other and added: half the registers hold the sums of twice as many rows.
DEEPREC_INLINE __m512 merge_pairs(__m512 a, __m512 b) {
    constexpr __mmask16 all = 0xffff;
    return _mm512_maskz_unpacklo_ps(all, a, b) + _mm512_maskz_unpackhi_ps(all, a, b);
}
DEEPREC_INLINE __m512d merge_pairs(__m512d a, __m512d b) {
    constexpr __mmask8 all = 0xff;
    return _mm512_maskz_unpacklo_pd(all, a, b) + _mm512_maskz_unpackhi_pd(all, a, b);
}
DEEPREC_INLINE __m512d merge_quarters(__m512d a, __m512d b) {
    constexpr __mmask8 all = 0xff;
    return _mm512_maskz_shuffle_f64x2(all, a, b, 0x88) + _mm512_maskz_shuffle_f64x2(all, a, b, 0xdd);
}
DEEPREC_INLINE __m512 merge_quarters(__m512 a, __m512 b) {
    constexpr __mmask16 all = 0xffff;
    return _mm512_maskz_shuffle_f32x4(all, a, b, 0x88) + _mm512_maskz_shuffle_f32x4(all, a, b, 0xdd);
}
template <class Arch>
DEEPREC_INLINE __m512d sum_each(const xsimd::batch<double, Arch>* x) {
    __m512d pairs[4];
    DEEPREC_UNROLL
    for (int i = 0; i < 4; ++i) pairs[i] = merge_pairs(x[2 * i], x[2 * i + 1]);
    return merge_quarters(merge_quarters(pairs[0], pairs[1]), merge_quarters(pairs[2], pairs[3]));
}
template <class Arch>
DEEPREC_INLINE __m512 sum_each(const xsimd::batch<float, Arch>* x) {
    __m512 four[4];
    DEEPREC_UNROLL
    for (int i = 0; i < 4; ++i) {
        const __m512d low = _mm512_castps_pd(merge_pairs(x[4 * i], x[4 * i + 1]));
        const __m512d high = _mm512_castps_pd(merge_pairs(x[4 * i + 2], x[4 * i + 3]));
        four[i] = _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(__mmask8(-1), low, high)) +
                  _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(__mmask8(-1), low, high));
    }
    return merge_quarters(merge_quarters(four[0], four[1]), merge_quarters(four[2], four[3]));
}
#endif
}  // namespace detail

/// The first n numbers (0 <= n <= lanes) at p, the other lanes are `rest`. Reads nothing behind them.
template <class V>
DEEPREC_INLINE V load_first(const detail::Element<V>* p, Index n, detail::Element<V> rest = 0) {
    using T = detail::Element<V>;
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<typename V::arch_type>) return V(detail::load_masked(p, (1u << n) - 1u, V(rest)));
#endif
    alignas(64) T all[V::size];
    V(rest).store_aligned(all);
    for (Index i = 0; i < n; ++i) all[i] = p[i];
    return V::load_aligned(all);
}
/// Stores the first n lanes (0 <= n <= lanes) and touches nothing behind them.
template <class T, class Arch>
DEEPREC_INLINE void store_first(T* p, const xsimd::batch<T, Arch>& x, Index n) {
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<Arch>) return detail::store_masked(p, (1u << n) - 1u, x);
#endif
    alignas(64) T all[xsimd::batch<T, Arch>::size];
    x.store_aligned(all);
    for (Index i = 0; i < n; ++i) p[i] = all[i];
}

/// Asks for the cache line at p, which need not exist; the second for one whose time comes when L1 has seen much else.
DEEPREC_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }
DEEPREC_INLINE void prefetch_l2(const void* p) { __builtin_prefetch(p, 0, 2); }
/// Asks for n numbers.
template <class T>
DEEPREC_INLINE void prefetch_row(const T* p, Index n) {
    for (Index i = 0; i < n; i += 64 / static_cast<Index>(sizeof(T))) prefetch(p + i);
}

/// In a loop that waits for another thread: leaves the core to the one that shares it, for some 20 to 50 ns.
DEEPREC_INLINE void relax() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");  // yield takes no time at all
#endif
}

// ---------------------------------------------------------------- arithmetic

/// x * y + z, in one rounding where the machine has it.
DEEPREC_INLINE float fma(float x, float y, float z) { return x * y + z; }
DEEPREC_INLINE double fma(double x, double y, double z) { return x * y + z; }
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> fma(const xsimd::batch<T, Arch>& x, const xsimd::batch<T, Arch>& y,
                                         const xsimd::batch<T, Arch>& z) {
#if defined(__AVX512F__)
    // xsimd 8.1 multiplies and adds here, and clang does not contract that.
    if constexpr (detail::is_avx512<Arch> && std::is_same_v<T, float>)
        return xsimd::batch<T, Arch>(_mm512_fmadd_ps(x, y, z));
    else if constexpr (detail::is_avx512<Arch> && std::is_same_v<T, double>)
        return xsimd::batch<T, Arch>(_mm512_fmadd_pd(x, y, z));
    else
#endif
        return xsimd::fma(x, y, z);
}

/// x / y, rounded once. The operator of xsimd 8.1 multiplies with an estimate of 1 / y on NEON.
DEEPREC_INLINE float divide(float x, float y) { return x / y; }
DEEPREC_INLINE double divide(double x, double y) { return x / y; }
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> divide(const xsimd::batch<T, Arch>& x, const xsimd::batch<T, Arch>& y) {
    using Register = typename xsimd::batch<T, Arch>::register_type;
    return xsimd::batch<T, Arch>(Register(Register(x) / Register(y)));
}

/// max(x, bound) and min(x, bound) that keep a NaN in x.
DEEPREC_INLINE float at_least(float x, float bound) { return x < bound ? bound : x; }
DEEPREC_INLINE double at_least(double x, double bound) { return x < bound ? bound : x; }
DEEPREC_INLINE float at_most(float x, float bound) { return x > bound ? bound : x; }
DEEPREC_INLINE double at_most(double x, double bound) { return x > bound ? bound : x; }
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> at_least(const xsimd::batch<T, Arch>& x, const xsimd::batch<T, Arch>& bound) {
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<Arch>) return xsimd::batch<T, Arch>(detail::max512(bound, x));
#endif
    return xsimd::select(x < bound, bound, x);  // which operand max keeps beside NaN changed with xsimd 14
}
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> at_most(const xsimd::batch<T, Arch>& x, const xsimd::batch<T, Arch>& bound) {
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<Arch>) return xsimd::batch<T, Arch>(detail::min512(bound, x));
#endif
    return xsimd::select(x > bound, bound, x);
}

/// max that gives NaN when either argument is NaN (std::max and xsimd::max hide one of them).
DEEPREC_INLINE float max_nan(float a, float b) { return a > b || std::isnan(a) ? a : b; }
DEEPREC_INLINE double max_nan(double a, double b) { return a > b || std::isnan(a) ? a : b; }
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> max_nan(const xsimd::batch<T, Arch>& a, const xsimd::batch<T, Arch>& b) {
    return xsimd::select(a == a, kernels::at_least(b, a), a);  // not a != a: false for NaN in xsimd 8.1's AVX-512
}

/// a == b; NaN equals nothing.
DEEPREC_INLINE bool equal(float a, float b) { return deeprec::detail::equal(a, b); }
DEEPREC_INLINE bool equal(double a, double b) { return deeprec::detail::equal(a, b); }
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch_bool<T, Arch> equal(const xsimd::batch<T, Arch>& a, const xsimd::batch<T, Arch>& b) {
    return a == b;
}

/// condition ? a : b.
template <class V>
DEEPREC_INLINE V select(bool condition, V a, V b) {
    return condition ? a : b;
}
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> select(const xsimd::batch_bool<T, Arch>& condition, const xsimd::batch<T, Arch>& a,
                                            const xsimd::batch<T, Arch>& b) {
    return xsimd::select(condition, a, b);
}

// ---------------------------------------------------------------- across lanes

namespace detail {
template <int By, class T, class Arch, std::size_t... Lane>
DEEPREC_INLINE xsimd::batch<T, Arch> rotate(const xsimd::batch<T, Arch>& x, std::index_sequence<Lane...>) {
    using Register = typename xsimd::batch<T, Arch>::register_type;
    const Register r = x;
    return xsimd::batch<T, Arch>(Register(__builtin_shufflevector(r, r, ((int(Lane) + By) % int(sizeof...(Lane)))...)));
}
/// Combines the lanes as a balanced tree: the same bits with every version of xsimd.
template <Index Half, class T, class Arch, class Combine>
DEEPREC_INLINE xsimd::batch<T, Arch> reduce(const xsimd::batch<T, Arch>& x, const Combine& combine) {
    constexpr std::make_index_sequence<static_cast<std::size_t>(lanes<T, Arch>)> all{};
    if constexpr (Half == 0)
        return x;
    else
        return detail::reduce<Half / 2>(combine(x, detail::rotate<int(Half)>(x, all)), combine);
}
template <class T, class Arch, class Combine>
DEEPREC_INLINE T reduce(const xsimd::batch<T, Arch>& x, const Combine& combine) {
    const typename xsimd::batch<T, Arch>::register_type all = detail::reduce<lanes<T, Arch> / 2>(x, combine);
    return all[0];
}
}  // namespace detail

/// Sum of the lanes.
DEEPREC_INLINE float reduce_add(float x) { return x; }
DEEPREC_INLINE double reduce_add(double x) { return x; }
template <class T, class Arch>
DEEPREC_INLINE T reduce_add(const xsimd::batch<T, Arch>& x) {
    return detail::reduce(x, [](const auto& a, const auto& b) { return a + b; });
}
/// Lane i of the result is the sum of the lanes of x[i]; x has as many batches as a batch has lanes.
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> reduce_add_each(const xsimd::batch<T, Arch>* x) {
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<Arch>) return xsimd::batch<T, Arch>(detail::sum_each(x));
#endif
    if constexpr (!detail::is_avx512<Arch>) return xsimd::haddp(x);  // in 8.1 wrong with AVX-512
}
namespace detail {
/// a0 b0 a1 b1 ... in two registers: a becomes the first, b the second.
template <class T, class Arch, std::size_t... Lane>
DEEPREC_INLINE void interleave(xsimd::batch<T, Arch>& a, xsimd::batch<T, Arch>& b, std::index_sequence<Lane...>) {
    constexpr int n = sizeof...(Lane);
    using Register = typename xsimd::batch<T, Arch>::register_type;
    const Register x = a, y = b;
    a = xsimd::batch<T, Arch>(Register(__builtin_shufflevector(x, y, (int(Lane) / 2 + int(Lane) % 2 * n)...)));
    b = xsimd::batch<T, Arch>(Register(__builtin_shufflevector(x, y, (n / 2 + int(Lane) / 2 + int(Lane) % 2 * n)...)));
}
}  // namespace detail
/// Lane j of x[i] goes to lane i of x[j]; x has as many batches as a batch has lanes. Interleaving row i with row
/// i + lanes / 2 rotates the binary number "row, lane" of each element by one digit.
template <class T, class Arch>
DEEPREC_INLINE void transpose(xsimd::batch<T, Arch>* x) {
    constexpr Index n = lanes<T, Arch>;
    DEEPREC_UNROLL
    for (Index round = 1; round < n; round *= 2) {
        Array<xsimd::batch<T, Arch>, n> y;
        DEEPREC_UNROLL
        for (Index i = 0; i < n; ++i) y[i] = x[i];
        DEEPREC_UNROLL
        for (Index i = 0; i < n / 2; ++i) {
            x[2 * i] = y[i];
            x[2 * i + 1] = y[i + n / 2];
            detail::interleave(x[2 * i], x[2 * i + 1], std::make_index_sequence<static_cast<std::size_t>(n)>{});
        }
    }
}
/// Whether any lane of a is greater than that of b.
template <class T, class Arch>
DEEPREC_INLINE bool any_greater(const xsimd::batch<T, Arch>& a, const xsimd::batch<T, Arch>& b) {
    return xsimd::any(a > b);
}
/// Whether all lanes of a are less than those of b; NaN is not.
template <class T, class Arch>
DEEPREC_INLINE bool all_less(const xsimd::batch<T, Arch>& a, const xsimd::batch<T, Arch>& b) {
    return xsimd::all(a < b);
}
/// Largest lane; NaN if there is one.
DEEPREC_INLINE float reduce_max(float x) { return x; }
DEEPREC_INLINE double reduce_max(double x) { return x; }
template <class T, class Arch>
DEEPREC_INLINE T reduce_max(const xsimd::batch<T, Arch>& x) {
    return detail::reduce(x, [](const auto& a, const auto& b) { return max_nan(a, b); });
}
/// Largest lane in fewer steps, if none is NaN; else some lane.
template <class T, class Arch>
DEEPREC_INLINE T reduce_max_number(const xsimd::batch<T, Arch>& x) {
    return detail::reduce(x, [](const auto& a, const auto& b) { return at_least(a, b); });
}

// ---------------------------------------------------------------- integers

/// Lane i of the sum gets codes[2 i] pair[0] + codes[2 i + 1] pair[1] more; there are two codes for each lane.
template <class Arch>
DEEPREC_INLINE xsimd::batch<std::int32_t, Arch> add_pair_products(const xsimd::batch<std::int32_t, Arch>& sum,
                                                                  const std::int8_t* codes, const std::int16_t* pair) {
    using V = xsimd::batch<std::int32_t, Arch>;
    [[maybe_unused]] std::int32_t both;
    std::memcpy(&both, pair, sizeof both);
#if defined(__AVX512BW__)
    if constexpr (detail::is_avx512<Arch>) {
        const __m512i x = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)));
        return V(_mm512_add_epi32(sum, _mm512_madd_epi16(x, _mm512_set1_epi32(both))));
    }
#endif
#if defined(__AVX2__)
    if constexpr (V::size == 8) {
        const __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
        return V(_mm256_add_epi32(sum, _mm256_madd_epi16(x, _mm256_set1_epi32(both))));
    }
#endif
#if defined(__SSE2__)
    if constexpr (V::size == 4) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes));
        const __m128i x = _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
        return V(_mm_add_epi32(sum, _mm_madd_epi16(x, _mm_set1_epi32(both))));
    }
#elif defined(__aarch64__)
    if constexpr (V::size == 4) {
        const int16x8_t x = vmovl_s8(vld1_s8(codes)), y = vreinterpretq_s16_s32(vdupq_n_s32(both));
        return V(vaddq_s32(sum, vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y))));
    }
#endif
    alignas(64) std::int32_t all[V::size];
    sum.store_aligned(all);
    for (std::size_t i = 0; i < V::size; ++i) all[i] += codes[2 * i] * pair[0] + codes[2 * i + 1] * pair[1];
    return V::load_aligned(all);
}
/// The numbers as floats, rounded to nearest.
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> to_float(const xsimd::batch<std::int32_t, Arch>& x) {
    return xsimd::to_float(x);
}

// ---------------------------------------------------------------- what elementary functions are made of

#if defined(__AVX512F__)
/// The nearest integer, ties to even. Other instruction sets have cheaper ways where it is needed.
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> round(const xsimd::batch<float, Arch>& x) {
    return xsimd::batch<float, Arch>(_mm512_maskz_roundscale_ps(__mmask16(-1), x, _MM_FROUND_TO_NEAREST_INT));
}
/// x limited to [-bound, bound], a number for NaN.
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> limit(const xsimd::batch<float, Arch>& x, float bound) {
    using V = xsimd::batch<float, Arch>;
#if defined(__AVX512DQ__)
    constexpr int smaller_with_sign_of_first = 2;
    return V(_mm512_maskz_range_ps(__mmask16(-1), x, V(bound), smaller_with_sign_of_first));
#else
    return V(detail::max512(detail::min512(x, V(bound)), V(-bound)));
#endif
}
/// table[i] for the number i in the last 4 or 5 bits of each lane: from registers, in one instruction.
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> look_up(const float (&table)[16], const xsimd::batch<float, Arch>& bits) {
    const __m512i i = _mm512_castps_si512(bits);
    return xsimd::batch<float, Arch>(_mm512_maskz_permutexvar_ps(__mmask16(-1), i, _mm512_loadu_ps(table)));
}
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> look_up(const float (&table)[32], const xsimd::batch<float, Arch>& bits) {
    const __m512i i = _mm512_castps_si512(bits);
    return xsimd::batch<float, Arch>(_mm512_permutex2var_ps(_mm512_loadu_ps(table), i, _mm512_loadu_ps(table + 16)));
}
#endif

/// x * 2^n for integral n in [-126, 128], where x and the result are normal numbers. With AVX-512 x * 2^floor(n) for
/// any n and x: rounds to subnormal numbers, 0 and Inf.
template <class Arch>
DEEPREC_INLINE xsimd::batch<float, Arch> ldexp(const xsimd::batch<float, Arch>& x, const xsimd::batch<float, Arch>& n) {
#if defined(__AVX512F__)
    if constexpr (detail::is_avx512<Arch>)
        return xsimd::batch<float, Arch>(_mm512_maskz_scalef_ps(__mmask16(-1), x, n));
#endif
    using Integers = xsimd::batch<std::int32_t, Arch>;
#if XSIMD_VERSION_MAJOR >= 11
    return xsimd::bitwise_cast<float>(Integers(xsimd::bitwise_cast<std::int32_t>(x) + (xsimd::to_int(n) << 23)));
#else
    return xsimd::bitwise_cast<xsimd::batch<float, Arch>>(
        Integers(xsimd::bitwise_cast<Integers>(x) + (xsimd::to_int(n) << 23)));
#endif
}

/// Non-negative x with the sign of `sign`.
DEEPREC_INLINE float copysign(float x, float sign) { return std::copysign(x, sign); }
DEEPREC_INLINE double copysign(double x, double sign) { return std::copysign(x, sign); }
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> copysign(const xsimd::batch<T, Arch>& x, const xsimd::batch<T, Arch>& sign) {
    return x | xsimd::bitofsign(sign);
}

#define DEEPREC_ELEMENTWISE(function)                                                                                  \
    DEEPREC_INLINE float function(float x) { return std::function(x); }                                                \
    DEEPREC_INLINE double function(double x) { return std::function(x); }                                              \
    template <class T, class Arch>                                                                                     \
    DEEPREC_INLINE xsimd::batch<T, Arch> function(const xsimd::batch<T, Arch>& x) {                                    \
        return xsimd::function(x);                                                                                     \
    }
DEEPREC_ELEMENTWISE(expm1)
DEEPREC_ELEMENTWISE(log1p)
DEEPREC_ELEMENTWISE(erf)
DEEPREC_ELEMENTWISE(abs)
#undef DEEPREC_ELEMENTWISE

DEEPREC_INLINE float sqrt(float x) { return std::sqrt(x); }
DEEPREC_INLINE double sqrt(double x) { return std::sqrt(x); }
template <class T, class Arch>
DEEPREC_INLINE xsimd::batch<T, Arch> sqrt(const xsimd::batch<T, Arch>& x) {
#if defined(__aarch64__)  // an estimate in xsimd 8.1, and NaN for Inf
    if constexpr (std::is_same_v<T, float>) return xsimd::batch<T, Arch>(vsqrtq_f32(x));
#endif
    return xsimd::sqrt(x);
}

}  // namespace kernels
DEEPREC_END
