/// The LSTM in plain loops: what kernels/recurrent/lstm.hpp is measured and tested against. Slow, allocates, no SIMD.
#pragma once

#include <vector>

#include <deeprec/kernels/recurrent/recurrent.hpp>
#include <deeprec/kernels/simd/activations.hpp>

DEEPREC_BEGIN
namespace kernels::reference {

/// Activated gates and states of every step; index 0 of h and c is the initial state.
template <class T>
struct LstmTrace {
    std::vector<T> z, gates, h, c;  // [T, B, 4U] twice, [T + 1, B, U] twice
};

/// As kernels::lstm_forward, from the weights themselves.
template <class Activation, class RecurrentActivation, class T>
LstmTrace<T> lstm_forward(const RecurrentPass& pass, const RecurrentWeights<T>& weights, const RecurrentInput<T>& in,
                          const RecurrentOutput<T>& out, const Activation& act = {},
                          const RecurrentActivation& gate = {}) {
    const Index B = pass.batch, steps = pass.time, F = pass.features, U = pass.units;
    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    LstmTrace<T> trace{std::vector<T>(size(steps * B * 4 * U)), std::vector<T>(size(steps * B * 4 * U)),
                       std::vector<T>(size((steps + 1) * B * U)), std::vector<T>(size((steps + 1) * B * U))};
    if (in.h0) std::copy_n(in.h0, B * U, trace.h.data());
    if (in.c0) std::copy_n(in.c0, B * U, trace.c.data());
    for (Index t = 0; t < steps; ++t)
        for (Index b = 0; b < B; ++b) {
            const T* x = in.x + (b * steps + pass.at(t)) * F;
            const T *h = &trace.h[size((t * B + b) * U)], *c = &trace.c[size((t * B + b) * U)];
            T *h_next = &trace.h[size(((t + 1) * B + b) * U)], *c_next = &trace.c[size(((t + 1) * B + b) * U)];
            T *z = &trace.z[size((t * B + b) * 4 * U)], *g = &trace.gates[size((t * B + b) * 4 * U)];
            for (Index j = 0; j < 4 * U; ++j) {
                z[j] = weights.bias ? weights.bias[j] : T(0);
                for (Index f = 0; f < F; ++f) z[j] += x[f] * weights.kernel[f * 4 * U + j];
                for (Index u = 0; u < U; ++u) z[j] += h[u] * weights.recurrent_kernel[u * 4 * U + j];
                g[j] = j / U == 2 ? act(z[j]) : gate(z[j]);
            }
            for (Index u = 0; u < U; ++u) {
                const bool kept = pass.kept(b, t);
                c_next[u] = kept ? g[U + u] * c[u] + g[u] * g[2 * U + u] : c[u];
                h_next[u] = kept ? g[3 * U + u] * act(c_next[u]) : h[u];
                const T y = t >= pass.first_kept(b) ? h_next[u] : T(0);
                if (pass.return_sequences)
                    out.y[(b * steps + t) * U + u] = y;
                else
                    out.y[b * U + u] = y;
            }
        }
    if (out.h) std::copy_n(&trace.h[size(steps * B * U)], B * U, out.h);
    if (out.c) std::copy_n(&trace.c[size(steps * B * U)], B * U, out.c);
    return trace;
}

/// As kernels::lstm_backward, from the trace of the forward.
template <class Activation, class RecurrentActivation, class T>
void lstm_backward(const RecurrentPass& pass, const RecurrentWeights<T>& weights, const RecurrentInput<T>& in,
                   const LstmTrace<T>& trace, const RecurrentOutputGradient<T>& up, const RecurrentGradient<T>& grad,
                   const Activation& act = {}, const RecurrentActivation& gate = {}) {
    const Index B = pass.batch, steps = pass.time, F = pass.features, U = pass.units;
    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    const auto slope = [](const auto& f, T input, T output) { return f.derivative(f.needs_input ? input : output); };
    std::vector<T> dh(size(B * U)), dc(size(B * U)), dz(size(4 * U));
    if (up.h) std::copy_n(up.h, B * U, dh.data());
    if (up.c) std::copy_n(up.c, B * U, dc.data());
    if (grad.x) std::fill_n(grad.x, B * steps * F, T(0));
    for (Index t = steps - 1; t >= 0; --t)
        for (Index b = 0; b < B; ++b) {
            T *dh_b = &dh[size(b * U)], *dc_b = &dc[size(b * U)];
            if (up.y && t >= pass.first_kept(b) && (pass.return_sequences || t == steps - 1))
                for (Index u = 0; u < U; ++u) dh_b[u] += up.y[(pass.return_sequences ? b * steps + t : b) * U + u];
            if (!pass.kept(b, t)) continue;
            const T *h = &trace.h[size((t * B + b) * U)], *c = &trace.c[size((t * B + b) * U)];
            const T* c_next = &trace.c[size(((t + 1) * B + b) * U)];
            const T *z = &trace.z[size((t * B + b) * 4 * U)], *g = &trace.gates[size((t * B + b) * 4 * U)];
            for (Index u = 0; u < U; ++u) {
                const Index i = u, f = U + u, a = 2 * U + u, o = 3 * U + u;
                const T y = act(c_next[u]);
                const T d = dc_b[u] + dh_b[u] * g[o] * slope(act, c_next[u], y);
                dz[size(i)] = d * g[a] * slope(gate, z[i], g[i]);
                dz[size(f)] = d * c[u] * slope(gate, z[f], g[f]);
                dz[size(a)] = d * g[i] * slope(act, z[a], g[a]);
                dz[size(o)] = dh_b[u] * y * slope(gate, z[o], g[o]);
                dc_b[u] = d * g[f];
                dh_b[u] = T(0);
            }
            const Index place = b * steps + pass.at(t);
            for (Index j = 0; j < 4 * U; ++j) {
                const T d = dz[size(j)];
                if (grad.bias) grad.bias[j] += d;
                for (Index f = 0; f < F; ++f) {
                    grad.kernel[f * 4 * U + j] += d * in.x[place * F + f];
                    if (grad.x) grad.x[place * F + f] += d * weights.kernel[f * 4 * U + j];
                }
                for (Index u = 0; u < U; ++u) {
                    grad.recurrent_kernel[u * 4 * U + j] += d * h[u];
                    dh_b[u] += d * weights.recurrent_kernel[u * 4 * U + j];
                }
            }
        }
    if (grad.h0) std::copy(dh.begin(), dh.end(), grad.h0);
    if (grad.c0) std::copy(dc.begin(), dc.end(), grad.c0);
}

}  // namespace kernels::reference
DEEPREC_END
