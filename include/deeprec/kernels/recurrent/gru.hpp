/// GRU over a sequence, forward and backward, with Keras' gates z, r, h and masks:
///
///     [z r] = gate(x_t W + h_{t-1} R + b),   h_t = z h_{t-1} + (1 - z) a,
///     a = act(x_t W_h + b_h + r (h_{t-1} R_h + c))   with reset_after, c a bias of its own,
///     a = act(x_t W_h + b_h + (r h_{t-1}) R_h)       without.
///
/// How the steps are run is in kernels/recurrent/recurrent_steps.hpp. R comes in two parts, R_zr [U, 2U] and R_h [U,
/// U], since their products happen apart or go to different places. Scalar twin: kernels/reference/recurrent/gru.hpp.
#pragma once

#include <deeprec/kernels/recurrent/recurrent_steps.hpp>

DEEPREC_BEGIN
namespace kernels {
namespace detail {

/// packed: W, R_zr and R_h with their transposes; the biases of x W [3U], with reset_after the sums of those that are
/// added to the same number; c [U].
/// saved: h_{t-1} [B, T, U]; what is kept of the gates z, r and act [B, T, 3U]; inner [B, T, U], the operand of r with
/// reset_after (h R_h + c), else of R_h (r h).
template <class T, class Arch>
struct GruLayout {
    PackedPair<T, Arch> kernel, gates, candidate;
    GruLayout(Index F, Index U) : kernel{F, 3 * U}, gates{U, 2 * U}, candidate{U, U} {}
    Index gates_place() const { return kernel.size(); }
    Index candidate_place() const { return gates_place() + gates.size(); }
    Index bias_place() const { return candidate_place() + candidate.size(); }
};
}  // namespace detail

/// Numbers in the packed weights of a GRU.
template <class T, class Arch = xsimd::default_arch>
Index gru_packed_size(Index features, Index units) {
    return detail::GruLayout<T, Arch>(features, units).bias_place() + 4 * units;
}

/// Packs weights in Keras' layout; the bias is [2, 3U] with reset_after, else [3U], or null.
template <class T, class Arch = xsimd::default_arch>
void gru_pack(const RecurrentWeights<T>& weights, Index features, Index units, bool reset_after, T* packed) {
    const detail::GruLayout<T, Arch> size(features, units);
    size.kernel.pack(weights.kernel, 3 * units, packed);
    size.gates.pack(weights.recurrent_kernel, 3 * units, packed + size.gates_place());
    size.candidate.pack(weights.recurrent_kernel + 2 * units, 3 * units, packed + size.candidate_place());
    T* const bias = packed + size.bias_place();
    std::fill_n(bias, 4 * units, T(0));
    if (!weights.bias) return;
    std::copy_n(weights.bias, 3 * units, bias);
    if (!reset_after) return;
    for (Index j = 0; j < 2 * units; ++j) bias[j] += weights.bias[3 * units + j];
    std::copy_n(weights.bias + 5 * units, units, bias + 3 * units);
}

/// Numbers in the buffer that carries what backward needs, and in the scratch buffers.
template <class T>
Index gru_saved_size(const RecurrentPass& pass) {
    return 5 * pass.batch * pass.time * pass.units;
}
template <class T>
Index gru_forward_scratch_size(const RecurrentPass& pass) {
    return gru_saved_size<T>(pass);
}
template <class T>
Index gru_backward_scratch_size(const RecurrentPass& pass) {
    return (4 * pass.time + 2) * pass.batch * pass.units;
}

/// y and the final state; out.h is not null. `saved` is null where no backward follows, otherwise scratch may be.
template <class Act, class Gate, class T, class Arch = xsimd::default_arch>
void gru_forward(const RecurrentPass& pass, bool reset_after, const T* packed, const RecurrentInput<T>& in,
                 const RecurrentOutput<T>& out, T* saved, T* scratch, const Act& act = {}, const Gate& gate = {}) {
    using V = Batch<T, Arch>;
    using detail::load_part, detail::store_part, detail::kept_of;
    const Index U = pass.units, F = pass.features, time = pass.time, steps = pass.batch * time;
    const detail::GruLayout<T, Arch> size(F, U);
    const T *const gates_part = packed + size.gates_place(), *const candidate_part = packed + size.candidate_place();
    const T* const bias = packed + size.bias_place();
    T *const previous = saved ? saved : scratch, *const gates = previous + steps * U,
             *const inner = gates + 3 * steps * U;
    gemm<T, Arch>(matrix_rows<T>(in.x, steps, F, F), packed, 3 * U, gates, 3 * U, {.bias = bias});

    detail::forward_steps(pass, in, out, previous, [&](Index t) {
        const Index at = pass.at(t);
        const Rows<T> h = detail::rows_of_step<T>(pass, t, previous, U);
        gemm<T, Arch>(h, gates_part, 2 * U, gates + at * 3 * U, time * 3 * U, {}, true);
        if (reset_after) {
            gemm<T, Arch>(h, candidate_part, U, inner + at * U, time * U, {.bias = bias + 3 * U});
        } else {
            for (Index b = 0; b < pass.batch; ++b)
                detail::each_register<T, Arch>(U, [&](Index j, Index n) {
                    const Index place = (b * time + at) * U + j;
                    const V r = gate(load_part<V>(gates + 3 * (place - j) + U + j, n));
                    store_part(inner + place, r * load_part<V>(previous + place, n), n);
                });
            gemm<T, Arch>(detail::rows_of_step<T>(pass, t, inner, U), candidate_part, U, gates + at * 3 * U + 2 * U,
                          time * 3 * U, {}, true);
        }
        for (Index b = 0; b < pass.batch; ++b) {
            if (!pass.kept(b, t)) continue;
            T *const g = gates + (b * time + at) * 3 * U, *const h_b = out.h + b * U;
            const T* const inner_b = inner + (b * time + at) * U;
            detail::each_register<T, Arch>(U, [&](Index j, Index n) {
                const V z_sum = load_part<V>(g + j, n), r_sum = load_part<V>(g + U + j, n);
                const V z = gate(z_sum), r = gate(r_sum);
                V a_sum = load_part<V>(g + 2 * U + j, n);
                if (reset_after) a_sum = kernels::fma(r, load_part<V>(inner_b + j, n), a_sum);
                const V a = act(a_sum);
                store_part(g + j, kept_of(gate, z_sum, z), n);
                store_part(g + U + j, kept_of(gate, r_sum, r), n);
                store_part(g + 2 * U + j, kept_of(act, a_sum, a), n);
                store_part(h_b + j, kernels::fma(z, load_part<V>(h_b + j, n) - a, a), n);
            });
        }
    });
}

/// Gradients, from what gru_forward saved for the same pass, input and weights. With d. the gradient of a gate's
/// argument and i the inner operand:
///
///     dz = dh (h_{t-1} - a) gate',   da = dh (1 - z) act',
///     with reset_after  dr = da i gate',                     dh_{t-1} = z dh + [dz dr] R_zr^T + (r da) R_h^T,
///     without           dr = (da R_h^T) h_{t-1} gate',       dh_{t-1} = z dh + [dz dr] R_zr^T + r (da R_h^T).
template <class Act, class Gate, class T, class Arch = xsimd::default_arch>
void gru_backward(const RecurrentPass& pass, bool reset_after, const T* packed, const RecurrentInput<T>& in,
                  const T* saved, const RecurrentOutputGradient<T>& up, const RecurrentGradient<T>& grad, T* scratch,
                  const Act& act = {}, const Gate& gate = {}) {
    using V = Batch<T, Arch>;
    using detail::load_part, detail::store_part, detail::output_of;
    const Index U = pass.units, time = pass.time, steps = pass.batch * time;
    const detail::GruLayout<T, Arch> size(pass.features, U);
    const T* const gates_transposed = packed + size.gates_place() + size.gates.transposed();
    const T* const candidate_transposed = packed + size.candidate_place() + size.candidate.transposed();
    const T *const previous = saved, *const gates = previous + steps * U, *const inner = gates + 3 * steps * U;
    T *const d = scratch, *const rda = d + 3 * steps * U, *const dh = rda + steps * U,
             *const back = dh + pass.batch * U;

    detail::backward_steps<T, Arch>(pass, up, grad.h0, dh, [&](Index t) {
        const Index at = pass.at(t);
        const auto each_kept = [&](const auto& f) {  // f(place in [B, T, U], place in [B, T, 3U], place in [B, U], n)
            for (Index b = 0; b < pass.batch; ++b)
                if (pass.kept(b, t))
                    detail::each_register<T, Arch>(U, [&](Index j, Index n) {
                        f((b * time + at) * U + j, (b * time + at) * 3 * U + j, b * U + j, n);
                    });
        };
        for (Index b = 0; b < pass.batch; ++b)
            if (!pass.kept(b, t)) {
                std::fill_n(d + (b * time + at) * 3 * U, 3 * U, T(0));
                std::fill_n(rda + (b * time + at) * U, U, T(0));
            }
        each_kept([&](Index i, Index g, Index s, Index n) {
            const V kz = load_part<V>(gates + g, n), kr = load_part<V>(gates + U + g, n);
            const V ka = load_part<V>(gates + 2 * U + g, n), h = load_part<V>(previous + i, n);
            const V z = output_of(gate, kz), r = output_of(gate, kr), dh_s = load_part<V>(dh + s, n);
            const V da = dh_s * (V(T(1)) - z) * act.derivative(ka);
            store_part(d + g, dh_s * (h - output_of(act, ka)) * gate.derivative(kz), n);
            store_part(d + U + g, da * load_part<V>(inner + i, n) * gate.derivative(kr), n);
            store_part(d + 2 * U + g, da, n);
            store_part(rda + i, r * da, n);
            store_part(dh + s, z * dh_s, n);
        });
        const Rows<T> d_all = detail::rows_of_step<T>(pass, t, d, 3 * U);
        const Rows<T> dzr = matrix_rows<T>(d_all.data, pass.batch, 2 * U, d_all.row_stride);
        if (reset_after) {
            gemm<T, Arch>(detail::rows_of_step<T>(pass, t, rda, U), candidate_transposed, U, dh, U, {}, true);
        } else {
            const Rows<T> da = matrix_rows<T>(d_all.data + 2 * U, pass.batch, U, d_all.row_stride);
            gemm<T, Arch>(da, candidate_transposed, U, back, U);
            each_kept([&](Index i, Index g, Index s, Index n) {
                const V kr = load_part<V>(gates + U + g, n), drh = load_part<V>(back + s, n);
                store_part(d + U + g, drh * load_part<V>(previous + i, n) * gate.derivative(kr), n);
                store_part(dh + s, kernels::fma(output_of(gate, kr), drh, load_part<V>(dh + s, n)), n);
            });
        }
        gemm<T, Arch>(dzr, gates_transposed, U, dh, U, {}, true);
    });
    const Rows<T> h = matrix_rows<T>(previous, steps, U, U);
    gemm_tn<T, Arch>(h, d, 3 * U, 2 * U, grad.recurrent_kernel, 3 * U);
    if (reset_after)
        gemm_tn<T, Arch>(h, rda, U, U, grad.recurrent_kernel + 2 * U, 3 * U);
    else
        gemm_tn<T, Arch>(matrix_rows<T>(inner, steps, U, U), d + 2 * U, 3 * U, U, grad.recurrent_kernel + 2 * U, 3 * U);
    detail::add_input_gradients<T, Arch>(pass, in.x, d, 3 * U, packed + size.kernel.transposed(), grad);
    if (grad.bias && reset_after) {
        sum_rows<T, Arch>(d, steps, 2 * U, 3 * U, grad.bias + 3 * U);
        sum_rows<T, Arch>(rda, steps, U, U, grad.bias + 5 * U);
    }
}

}  // namespace kernels
DEEPREC_END
