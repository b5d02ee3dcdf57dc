/// What the kernels of recurrent layers share: the sizes of a pass, its reading order and mask, its arguments, and
/// tiles of sequences whose states are kept padded to whole registers.
#pragma once

#include <algorithm>
#include <cstdint>

#include <deeprec/core/parallel.hpp>
#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// A pass over x [B, T, F] with states of U units, B, T, F, U >= 1. Step t means the t-th step read: `go_backwards`
/// reads the time axis (and the mask) reversed, outputs stay in reading order.
struct RecurrentPass {
    Index batch = 0, time = 0, features = 0, units = 0;
    bool return_sequences = false;  ///< y is [B, T, U] instead of the last step, [B, U]
    bool go_backwards = false;
    const std::uint8_t* keep = nullptr;  ///< [B, T], 0 = masked: the step keeps the states; null = no step is masked
    ThreadPool* pool = nullptr;  ///< may share the work of one or two sequences; null = the calling thread alone

    /// Place on the time axis of step t.
    Index at(Index t) const { return go_backwards ? time - 1 - t : t; }
    bool kept(Index b, Index t) const { return !keep || keep[b * time + at(t)]; }
    /// First kept step of sequence b, T if none. States stay put over masked steps, so Keras' rule that a masked step
    /// repeats the previous output, zero before the first kept step, is: y_t = t >= first_kept ? h_t : 0.
    Index first_kept(Index b) const {
        Index t = 0;
        while (t < time && !kept(b, t)) ++t;
        return t;
    }
    /// Whether step t has a place in y, and which row of y, read as a matrix, that is.
    bool returns(Index t) const { return return_sequences || t + 1 == time; }
    Index output_row(Index b, Index t) const { return return_sequences ? b * time + t : b; }
};

/// Weights in Keras' layout, G = number of gates.
template <class T>
struct RecurrentWeights {
    const T* kernel;            ///< [F, G * U]
    const T* recurrent_kernel;  ///< [U, G * U]
    const T* bias = nullptr;    ///< [G * U] or null
};

/// Cell states (c) belong to the LSTM alone; null means zero.
template <class T>
struct RecurrentInput {
    const T* x;             ///< [B, T, F]
    const T* h0 = nullptr;  ///< [B, U] or null
    const T* c0 = nullptr;  ///< [B, U] or null
};

template <class T>
struct RecurrentOutput {
    T* y;            ///< [B, T, U] or [B, U], see RecurrentPass
    T* h = nullptr;  ///< final state [B, U], or null where it is not wanted
    T* c = nullptr;
};

/// dL/d(output); null means zero.
template <class T>
struct RecurrentOutputGradient {
    const T* y = nullptr;
    const T* h = nullptr;
    const T* c = nullptr;
};

/// Where dL/d(input) is written and dL/d(weight) is added.
template <class T>
struct RecurrentGradient {
    T* kernel;
    T* recurrent_kernel;
    T* bias = nullptr;  ///< or null
    T* x = nullptr;     ///< written; null where it is not wanted, likewise h0 and c0
    T* h0 = nullptr;
    T* c0 = nullptr;
};

namespace detail {

/// padded [n, width] = rows [first, first + n) of state [B, U], zeros behind them and for null.
template <class T>
void load_states(const T* state, Index first, Index n, Index units, Index width, T* padded) {
    std::fill_n(padded, n * width, T(0));
    if (!state) return;
    for (Index r = 0; r < n; ++r) std::copy_n(state + (first + r) * units, units, padded + r * width);
}
/// The other way round; null takes nothing.
template <class T>
void store_states(const T* padded, Index first, Index n, Index units, Index width, T* state) {
    if (!state) return;
    for (Index r = 0; r < n; ++r) std::copy_n(padded + r * width, units, state + (first + r) * units);
}

/// What backward keeps of f(z): the output, or the input where the derivative is a function of that.
template <class F, class V>
DEEPREC_INLINE V kept_of(const F&, const V& input, const V& output) {
    return F::needs_input ? input : output;
}
template <class F, class V>
DEEPREC_INLINE V output_of(const F& f, const V& kept) {
    if constexpr (F::needs_input)
        return f(kept);
    else
        return kept;
}

/// f(std::integral_constant<Index, rows>{}) for 1 <= rows <= Most.
template <Index Most, class F>
DEEPREC_INLINE void with_height(Index rows, const F& f) {
    if constexpr (Most > 1)
        if (rows < Most) return with_height<Most - 1>(rows, f);
    f(std::integral_constant<Index, Most>{});
}

}  // namespace detail
}  // namespace kernels
DEEPREC_END
