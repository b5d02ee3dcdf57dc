/// The SimpleRNN in plain loops: what kernels/recurrent/simple_rnn.hpp is tested against. Slow, allocates, no SIMD.
#pragma once

#include <vector>

#include <deeprec/kernels/recurrent/recurrent.hpp>
#include <deeprec/kernels/simd/activations.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

/// Arguments of act and states of every step; index 0 of h is the initial state.
template <class T>
struct SimpleRnnTrace {
    std::vector<T> z, h;  // [T, B, U], [T + 1, B, U]
};

/// As kernels::simple_rnn_forward, from the weights themselves.
template <class Activation, class T>
SimpleRnnTrace<T> simple_rnn_forward(const RecurrentPass& pass, const RecurrentWeights<T>& weights,
                                     const RecurrentInput<T>& in, const RecurrentOutput<T>& out,
                                     const Activation& act = {}) {
    const Index B = pass.batch, steps = pass.time, F = pass.features, U = pass.units;
    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    SimpleRnnTrace<T> trace{std::vector<T>(size(steps * B * U)), std::vector<T>(size((steps + 1) * B * U))};
    if (in.h0) std::copy_n(in.h0, B * U, trace.h.data());
    for (Index t = 0; t < steps; ++t)
        for (Index b = 0; b < B; ++b) {
            const T *x = in.x + (b * steps + pass.at(t)) * F, *h = &trace.h[size((t * B + b) * U)];
            T *z = &trace.z[size((t * B + b) * U)], *h_next = &trace.h[size(((t + 1) * B + b) * U)];
            for (Index j = 0; j < U; ++j) {
                z[j] = weights.bias ? weights.bias[j] : T(0);
                for (Index f = 0; f < F; ++f) z[j] += x[f] * weights.kernel[f * U + j];
                for (Index u = 0; u < U; ++u) z[j] += h[u] * weights.recurrent_kernel[u * U + j];
                h_next[j] = pass.kept(b, t) ? act(z[j]) : h[j];
                if (pass.returns(t)) out.y[pass.output_row(b, t) * U + j] = t >= pass.first_kept(b) ? h_next[j] : T(0);
            }
        }
    if (out.h) std::copy_n(&trace.h[size(steps * B * U)], B * U, out.h);
    return trace;
}

/// As kernels::simple_rnn_backward, from the trace of the forward.
template <class Activation, class T>
void simple_rnn_backward(const RecurrentPass& pass, const RecurrentWeights<T>& weights, const RecurrentInput<T>& in,
                         const SimpleRnnTrace<T>& trace, const RecurrentOutputGradient<T>& up,
                         const RecurrentGradient<T>& grad, const Activation& act = {}) {
    const Index B = pass.batch, steps = pass.time, F = pass.features, U = pass.units;
    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    std::vector<T> dh(size(B * U)), dz(size(U));
    if (up.h) std::copy_n(up.h, B * U, dh.data());
    if (grad.x) std::fill_n(grad.x, B * steps * F, T(0));
    for (Index t = steps - 1; t >= 0; --t)
        for (Index b = 0; b < B; ++b) {
            T* dh_b = &dh[size(b * U)];
            if (up.y && t >= pass.first_kept(b) && pass.returns(t))
                for (Index u = 0; u < U; ++u) dh_b[u] += up.y[pass.output_row(b, t) * U + u];
            if (!pass.kept(b, t)) continue;
            const T *z = &trace.z[size((t * B + b) * U)], *h = &trace.h[size((t * B + b) * U)];
            for (Index u = 0; u < U; ++u) {
                dz[size(u)] = dh_b[u] * act.derivative(act.needs_input ? z[u] : act(z[u]));
                dh_b[u] = T(0);
            }
            const Index place = b * steps + pass.at(t);
            for (Index j = 0; j < U; ++j) {
                const T d = dz[size(j)];
                if (grad.bias) grad.bias[j] += d;
                for (Index f = 0; f < F; ++f) {
                    grad.kernel[f * U + j] += d * in.x[place * F + f];
                    if (grad.x) grad.x[place * F + f] += d * weights.kernel[f * U + j];
                }
                for (Index u = 0; u < U; ++u) {
                    grad.recurrent_kernel[u * U + j] += d * h[u];
                    dh_b[u] += d * weights.recurrent_kernel[u * U + j];
                }
            }
        }
    if (grad.h0) std::copy(dh.begin(), dh.end(), grad.h0);
}

}  // namespace kernels::reference
DEEPREC_END
