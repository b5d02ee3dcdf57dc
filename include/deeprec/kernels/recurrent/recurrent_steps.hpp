/// What the kernels of SimpleRNN and GRU share: the steps of a pass, forward and back, and the products around them.
///
/// How it works. x W + b of all steps is one product before the first step, dW, dR, db and dx are one each after the
/// last; in between a step is its product with R and a function of the numbers of each sequence. What belongs to a step
/// is kept as [B, T, n] at the step's place in x, so that every product reads it where it lies.
///
/// What holds. As for gemm: the bits of a sequence do not depend on the other sequences of the call, NaN reaches every
/// output that depends on it, no pointer needs alignment, no two buffers overlap, nothing allocates.
#pragma once

#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/recurrent/recurrent.hpp>

DEEPREC_BEGIN
namespace kernels::detail {

/// A matrix [k, n] as an operand of gemm, and behind it its transpose.
template <class T, class Arch>
struct PackedPair {
    Index k, n;
    Index transposed() const { return packed_size<T, Arch>(k, n); }  // place behind the matrix
    Index size() const { return transposed() + packed_size<T, Arch>(n, k); }
    void pack(const T* matrix, Index stride, T* to) const {
        kernels::pack<T, Arch>(matrix, stride, k, n, to);
        pack_transposed<T, Arch>(matrix, stride, n, k, to + transposed());
    }
};

/// The rows [B, n] of step t in `all` [B, T, n].
template <class T>
Rows<T> rows_of_step(const RecurrentPass& pass, Index t, const T* all, Index n) {
    return matrix_rows<T>(all + pass.at(t) * n, pass.batch, n, pass.time * n);
}

/// f(j, n) for each register of `units` numbers: from number j on, n of them.
template <class T, class Arch, class F>
DEEPREC_INLINE void each_register(Index units, const F& f) {
    for (Index j = 0; j < units; j += lanes<T, Arch>) f(j, std::min(lanes<T, Arch>, units - j));
}
template <class V, class T>
DEEPREC_INLINE V load_part(const T* p, Index n) {
    return n == static_cast<Index>(V::size) ? kernels::load<V>(p) : load_first<V>(p, n);
}
template <class V, class T>
DEEPREC_INLINE void store_part(T* p, const V& x, Index n) {
    if (n == static_cast<Index>(V::size))
        kernels::store(p, x);
    else
        store_first(p, x, n);
}

/// Calls step(t) for each step read. It finds the states h_{t-1} in `previous` [B, T, U] at the place of t and turns
/// those in out.h, which are the same, into h_t, but for masked sequences. Writes y.
template <class T, class Step>
void forward_steps(const RecurrentPass& pass, const RecurrentInput<T>& in, const RecurrentOutput<T>& out, T* previous,
                   const Step& step) {
    const Index U = pass.units;
    load_states(in.h0, 0, pass.batch, U, U, out.h);
    for (Index t = 0; t < pass.time; ++t) {
        for (Index b = 0; b < pass.batch; ++b)
            std::copy_n(out.h + b * U, U, previous + (b * pass.time + pass.at(t)) * U);
        step(t);
        if (!pass.returns(t)) continue;
        for (Index b = 0; b < pass.batch; ++b) {
            T* const y = out.y + pass.output_row(b, t) * U;
            if (t >= pass.first_kept(b))
                std::copy_n(out.h + b * U, U, y);
            else
                std::fill_n(y, U, T(0));
        }
    }
}

/// Calls step(t) from the last step to the first, with dL/dh_t in dh [B, U], to be turned into dL/dh_{t-1}.
template <class T, class Arch, class Step>
void backward_steps(const RecurrentPass& pass, const RecurrentOutputGradient<T>& up, T* h0_gradient, T* dh,
                    const Step& step) {
    const Index U = pass.units;
    load_states(up.h, 0, pass.batch, U, U, dh);
    for (Index t = pass.time - 1; t >= 0; --t) {
        if (up.y && pass.returns(t))
            for (Index b = 0; b < pass.batch; ++b)
                if (t >= pass.first_kept(b)) add<T, Arch>(up.y + pass.output_row(b, t) * U, dh + b * U, U);
        step(t);
    }
    store_states(dh, 0, pass.batch, U, U, h0_gradient);
}

/// dW += x^T dz, db += sum of dz, dx = dz W^T for dz [B, T, n].
template <class T, class Arch>
void add_input_gradients(const RecurrentPass& pass, const T* x, const T* dz, Index n, const T* kernel_transposed,
                         const RecurrentGradient<T>& grad) {
    const Index steps = pass.batch * pass.time, F = pass.features;
    gemm_tn<T, Arch>(matrix_rows<T>(x, steps, F, F), dz, n, n, grad.kernel, n);
    if (grad.bias) sum_rows<T, Arch>(dz, steps, n, n, grad.bias);
    if (grad.x) gemm<T, Arch>(matrix_rows<T>(dz, steps, n, n), kernel_transposed, F, grad.x, F);
}

}  // namespace kernels::detail
DEEPREC_END
