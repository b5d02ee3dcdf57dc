/// SimpleRNN over a sequence, forward and backward, with Keras' masks: h_t = act(x_t W + h_{t-1} R + b). How the steps
/// are run is in kernels/recurrent/recurrent_steps.hpp. Scalar twin: kernels/reference/recurrent/simple_rnn.hpp.
#pragma once

#include <deeprec/kernels/recurrent/recurrent_steps.hpp>

DEEPREC_BEGIN
namespace kernels {
namespace detail {

/// packed: W and R with their transposes, b. saved: h_{t-1} and what is kept of act, [B, T, U] each.
template <class T, class Arch>
struct SimpleRnnLayout {
    PackedPair<T, Arch> kernel, recurrent;
    SimpleRnnLayout(Index F, Index U) : kernel{F, U}, recurrent{U, U} {}
    Index recurrent_place() const { return kernel.size(); }
    Index bias_place() const { return recurrent_place() + recurrent.size(); }
};
}  // namespace detail

/// Numbers in the packed weights of a SimpleRNN.
template <class T, class Arch = xsimd::default_arch>
Index simple_rnn_packed_size(Index features, Index units) {
    return detail::SimpleRnnLayout<T, Arch>(features, units).bias_place() + units;
}

/// Packs weights in Keras' layout.
template <class T, class Arch = xsimd::default_arch>
void simple_rnn_pack(const RecurrentWeights<T>& weights, Index features, Index units, T* packed) {
    const detail::SimpleRnnLayout<T, Arch> size(features, units);
    size.kernel.pack(weights.kernel, units, packed);
    size.recurrent.pack(weights.recurrent_kernel, units, packed + size.recurrent_place());
    detail::load_states(weights.bias, 0, 1, units, units, packed + size.bias_place());
}

/// Numbers in the buffer that carries what backward needs, and in the scratch buffers.
template <class T>
Index simple_rnn_saved_size(const RecurrentPass& pass) {
    return 2 * pass.batch * pass.time * pass.units;
}
template <class T>
Index simple_rnn_forward_scratch_size(const RecurrentPass& pass) {
    return simple_rnn_saved_size<T>(pass);
}
template <class T>
Index simple_rnn_backward_scratch_size(const RecurrentPass& pass) {
    return (pass.time + 1) * pass.batch * pass.units;
}

/// y and the final state; out.h is not null. `saved` is null where no backward follows, otherwise scratch may be.
template <class Act, class T, class Arch = xsimd::default_arch>
void simple_rnn_forward(const RecurrentPass& pass, const T* packed, const RecurrentInput<T>& in,
                        const RecurrentOutput<T>& out, T* saved, T* scratch, const Act& act = {}) {
    using V = Batch<T, Arch>;
    const Index U = pass.units, F = pass.features, steps = pass.batch * pass.time;
    const detail::SimpleRnnLayout<T, Arch> size(F, U);
    T *const previous = saved ? saved : scratch, *const z = previous + steps * U;
    gemm<T, Arch>(matrix_rows<T>(in.x, steps, F, F), packed, U, z, U, {.bias = packed + size.bias_place()});
    detail::forward_steps(pass, in, out, previous, [&](Index t) {
        gemm<T, Arch>(detail::rows_of_step<T>(pass, t, previous, U), packed + size.recurrent_place(), U,
                      z + pass.at(t) * U, pass.time * U, {}, true);
        for (Index b = 0; b < pass.batch; ++b) {
            if (!pass.kept(b, t)) continue;
            T *const z_b = z + (b * pass.time + pass.at(t)) * U, *const h_b = out.h + b * U;
            detail::each_register<T, Arch>(U, [&](Index j, Index n) {
                const V sum = detail::load_part<V>(z_b + j, n), h = act(sum);
                detail::store_part(z_b + j, detail::kept_of(act, sum, h), n);
                detail::store_part(h_b + j, h, n);
            });
        }
    });
}

/// Gradients, from what simple_rnn_forward saved for the same pass, input and weights: dz_t = dh_t act'(z_t),
/// dh_{t-1} = dz_t R^T.
template <class Act, class T, class Arch = xsimd::default_arch>
void simple_rnn_backward(const RecurrentPass& pass, const T* packed, const RecurrentInput<T>& in, const T* saved,
                         const RecurrentOutputGradient<T>& up, const RecurrentGradient<T>& grad, T* scratch,
                         const Act& act = {}) {
    using V = Batch<T, Arch>;
    const Index U = pass.units, steps = pass.batch * pass.time;
    const detail::SimpleRnnLayout<T, Arch> size(pass.features, U);
    const T *const previous = saved, *const kept = saved + steps * U;
    T *const dz = scratch, *const dh = dz + steps * U;
    const T* const recurrent_transposed = packed + size.recurrent_place() + size.recurrent.transposed();
    detail::backward_steps<T, Arch>(pass, up, grad.h0, dh, [&](Index t) {
        for (Index b = 0; b < pass.batch; ++b) {
            const Index place = (b * pass.time + pass.at(t)) * U;
            if (!pass.kept(b, t)) {
                std::fill_n(dz + place, U, T(0));
                continue;
            }
            detail::each_register<T, Arch>(U, [&](Index j, Index n) {
                const V slope = act.derivative(detail::load_part<V>(kept + place + j, n));
                detail::store_part(dz + place + j, detail::load_part<V>(dh + b * U + j, n) * slope, n);
                detail::store_part(dh + b * U + j, V(T(0)), n);
            });
        }
        gemm<T, Arch>(detail::rows_of_step<T>(pass, t, dz, U), recurrent_transposed, U, dh, U, {}, true);
    });
    gemm_tn<T, Arch>(matrix_rows<T>(previous, steps, U, U), dz, U, U, grad.recurrent_kernel, U);
    detail::add_input_gradients<T, Arch>(pass, in.x, dz, U, packed + size.kernel.transposed(), grad);
}

}  // namespace kernels
DEEPREC_END
