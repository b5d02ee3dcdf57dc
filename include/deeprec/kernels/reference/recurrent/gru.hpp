/// The GRU in plain loops: what kernels/recurrent/gru.hpp is tested against. Slow, allocates, no SIMD.
#pragma once

#include <vector>

#include <deeprec/kernels/recurrent/recurrent.hpp>
#include <deeprec/kernels/simd/activations.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

/// Arguments of the gates, the operand of r (of R_h without reset_after) and states of every step; index 0 of h is the
/// initial state.
template <class T>
struct GruTrace {
    std::vector<T> sums, inner, h;  // [T, B, 3U], [T, B, U], [T + 1, B, U]
};

/// As kernels::gru_forward, from the weights themselves.
template <class Activation, class RecurrentActivation, class T>
GruTrace<T> gru_forward(const RecurrentPass& pass, bool reset_after, const RecurrentWeights<T>& weights,
                        const RecurrentInput<T>& in, const RecurrentOutput<T>& out, const Activation& act = {},
                        const RecurrentActivation& gate = {}) {
    const Index B = pass.batch, steps = pass.time, F = pass.features, U = pass.units;
    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    GruTrace<T> trace{std::vector<T>(size(steps * B * 3 * U)), std::vector<T>(size(steps * B * U)),
                      std::vector<T>(size((steps + 1) * B * U))};
    if (in.h0) std::copy_n(in.h0, B * U, trace.h.data());
    const auto times_recurrent = [&](const T* h, Index j) {
        T sum = 0;
        for (Index u = 0; u < U; ++u) sum += h[u] * weights.recurrent_kernel[u * 3 * U + j];
        return sum;
    };
    for (Index t = 0; t < steps; ++t)
        for (Index b = 0; b < B; ++b) {
            const T *x = in.x + (b * steps + pass.at(t)) * F, *h = &trace.h[size((t * B + b) * U)];
            T *s = &trace.sums[size((t * B + b) * 3 * U)], *inner = &trace.inner[size((t * B + b) * U)];
            T* h_next = &trace.h[size(((t + 1) * B + b) * U)];
            for (Index j = 0; j < 3 * U; ++j) {
                s[j] = weights.bias ? weights.bias[j] : T(0);
                for (Index f = 0; f < F; ++f) s[j] += x[f] * weights.kernel[f * 3 * U + j];
                if (j >= 2 * U) continue;
                s[j] += times_recurrent(h, j) + (weights.bias && reset_after ? weights.bias[3 * U + j] : T(0));
            }
            for (Index u = 0; u < U; ++u)
                inner[u] = reset_after ? times_recurrent(h, 2 * U + u) + (weights.bias ? weights.bias[5 * U + u] : T(0))
                                       : gate(s[U + u]) * h[u];
            for (Index u = 0; u < U; ++u) {
                s[2 * U + u] += reset_after ? gate(s[U + u]) * inner[u] : times_recurrent(inner, 2 * U + u);
                const T z = gate(s[u]);
                h_next[u] = pass.kept(b, t) ? z * h[u] + (1 - z) * act(s[2 * U + u]) : h[u];
                if (pass.returns(t)) out.y[pass.output_row(b, t) * U + u] = t >= pass.first_kept(b) ? h_next[u] : T(0);
            }
        }
    if (out.h) std::copy_n(&trace.h[size(steps * B * U)], B * U, out.h);
    return trace;
}

/// As kernels::gru_backward, from the trace of the forward.
template <class Activation, class RecurrentActivation, class T>
void gru_backward(const RecurrentPass& pass, bool reset_after, const RecurrentWeights<T>& weights,
                  const RecurrentInput<T>& in, const GruTrace<T>& trace, const RecurrentOutputGradient<T>& up,
                  const RecurrentGradient<T>& grad, const Activation& act = {}, const RecurrentActivation& gate = {}) {
    const Index B = pass.batch, steps = pass.time, F = pass.features, U = pass.units;
    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    const auto slope = [](const auto& f, T input) { return f.derivative(f.needs_input ? input : f(input)); };
    std::vector<T> dh(size(B * U)), dx_side(size(3 * U)), dh_side(size(3 * U));  // of x W + b and of h R + c
    if (up.h) std::copy_n(up.h, B * U, dh.data());
    if (grad.x) std::fill_n(grad.x, B * steps * F, T(0));
    for (Index t = steps - 1; t >= 0; --t)
        for (Index b = 0; b < B; ++b) {
            T* dh_b = &dh[size(b * U)];
            if (up.y && t >= pass.first_kept(b) && pass.returns(t))
                for (Index u = 0; u < U; ++u) dh_b[u] += up.y[pass.output_row(b, t) * U + u];
            if (!pass.kept(b, t)) continue;
            const T *s = &trace.sums[size((t * B + b) * 3 * U)], *inner = &trace.inner[size((t * B + b) * U)];
            const T* h = &trace.h[size((t * B + b) * U)];
            for (Index u = 0; u < U; ++u) {
                const T a = act(s[2 * U + u]), z = gate(s[u]);
                dx_side[size(u)] = dh_b[u] * (h[u] - a) * slope(gate, s[u]);
                dx_side[size(2 * U + u)] = dh_b[u] * (1 - z) * slope(act, s[2 * U + u]);
                dh_b[u] *= z;
            }
            for (Index u = 0; u < U; ++u) {
                const T r = gate(s[U + u]), da = dx_side[size(2 * U + u)];
                T of_r = da * inner[u];
                if (!reset_after) {
                    T d = 0;
                    for (Index v = 0; v < U; ++v)
                        d += dx_side[size(2 * U + v)] * weights.recurrent_kernel[u * 3 * U + 2 * U + v];
                    of_r = d * h[u];
                    dh_b[u] += d * r;
                }
                dx_side[size(U + u)] = of_r * slope(gate, s[U + u]);
                dh_side[size(2 * U + u)] = reset_after ? da * r : da;
            }
            std::copy_n(dx_side.begin(), 2 * U, dh_side.begin());
            const Index place = b * steps + pass.at(t);
            for (Index j = 0; j < 3 * U; ++j) {
                const T d = dx_side[size(j)], e = dh_side[size(j)];
                if (grad.bias) grad.bias[j] += d;
                if (grad.bias && reset_after) grad.bias[3 * U + j] += e;
                for (Index f = 0; f < F; ++f) {
                    grad.kernel[f * 3 * U + j] += d * in.x[place * F + f];
                    if (grad.x) grad.x[place * F + f] += d * weights.kernel[f * 3 * U + j];
                }
                const bool of_inner = !reset_after && j >= 2 * U;
                for (Index u = 0; u < U; ++u) {
                    grad.recurrent_kernel[u * 3 * U + j] += e * (of_inner ? inner[u] : h[u]);
                    if (!of_inner) dh_b[u] += e * weights.recurrent_kernel[u * 3 * U + j];
                }
            }
        }
    if (grad.h0) std::copy(dh.begin(), dh.end(), grad.h0);
}

}  // namespace kernels::reference
DEEPREC_END
