/// Backward of the LSTM for one tile of sequences. The kernel's description is in kernels/recurrent/lstm.hpp.
#pragma once

#include <deeprec/kernels/linear/gemm_tn.hpp>
#include <deeprec/kernels/recurrent/lstm_layout.hpp>

DEEPREC_BEGIN
namespace kernels::detail {

/// Sequences [first, first + n), as LstmForward left them.
template <class T, class Act, class Gate, class Arch>
struct LstmBackward {
    using V = Batch<T, Arch>;
    using Layout = LstmLayout<T, Arch>;
    static constexpr Index lanes = Layout::lanes;

    const RecurrentPass& pass;
    const Layout& size;
    const T* packed;
    const RecurrentInput<T>& in;
    const RecurrentOutputGradient<T>& up;
    const RecurrentGradient<T>& grad;
    const Act& act;
    const Gate& gate;
    Index first, n;
    const T *h, *c, *gates;
    T *dh, *dc;  // of the step at hand
    T* dz;       // of a few steps

    void run() const {
        load_states(up.h, first, n, size.units, size.width(), dh);
        load_states(up.c, first, n, size.units, size.width(), dc);
        const Index steps = std::max<Index>(Layout::dz_rows / n, 1);
        for (Index end = pass.time; end > 0; end -= std::min(end, steps)) {
            const Index begin = std::max<Index>(end - steps, 0);
            for (Index t = end - 1; t >= begin; --t) step(t, dz + (t - begin) * n * size.dz_stride());
            add_weight_gradients(begin, end);
        }
        store_states(dh, first, n, size.units, size.width(), grad.h0);
        store_states(dc, first, n, size.units, size.width(), grad.c0);
    }

    /// dz_t, dh_{t-1} and dc_{t-1} from dh_t and dc_t; dx_t.
    void step(Index t, T* dz_t) const {
        const Index F = size.features, U = size.units, sample = pass.time * F;
        for (Index r = 0; r < n; ++r) update(t, r, dz_t + r * size.dz_stride());
        const Rows<T> rows = matrix_rows<T>(dz_t, n, 4 * U, size.dz_stride());
        if (t > 0 || grad.h0) gemm<T, Arch>(rows, packed + size.recurrent_transposed(), U, dh, size.width(), {}, true);
        if (grad.x)
            gemm<T, Arch>(rows, packed + size.kernel_transposed(), F, grad.x + first * sample + pass.at(t) * F, sample);
    }

    /// dz_t of one sequence and dc_{t-1}. Leaves in dh what the product with R^T is added to: nothing, or at a masked
    /// step, whose dz is zero, the dh that passes it by.
    void update(Index t, Index r, T* dz_r) const {
        const Index U = size.units, width = size.width();
        T *const dh_r = dh + r * width, *const dc_r = dc + r * width;
        if (up.y && pass.returns(t) && t >= pass.first_kept(first + r))
            add<T, Arch>(up.y + pass.output_row(first + r, t) * U, dh_r, U);
        if (!pass.kept(first + r, t)) {
            std::fill_n(dz_r, 4 * U, T(0));
            return;
        }
        const T* kept = gates + (t * n + r) * 4 * width;
        const T *const c_old = c + (t * n + r) * width, *const c_new = c_old + n * width;
        for (Index j = 0; j < U; j += lanes, kept += 4 * lanes) {
            if (t > 0) fetch_before(t, r, j);
            const V ki = kernels::load<V>(kept), kf = kernels::load<V>(kept + lanes);
            const V ka = kernels::load<V>(kept + 2 * lanes), ko = kernels::load<V>(kept + 3 * lanes);
            const V i = output_of(gate, ki), f = output_of(gate, kf), a = output_of(act, ka), o = output_of(gate, ko);
            const V cell = kernels::load<V>(c_new + j), y = act(cell);
            const V dh_j = kernels::load<V>(dh_r + j);
            const V dc_j = kernels::fma(dh_j * o, act.derivative(kept_of(act, cell, y)), kernels::load<V>(dc_r + j));
            const V d[4] = {dc_j * a * gate.derivative(ki), dc_j * kernels::load<V>(c_old + j) * gate.derivative(kf),
                            dc_j * i * act.derivative(ka), dh_j * y * gate.derivative(ko)};
            for (Index g = 0; g < 4; ++g) {
                if (j + lanes <= U)
                    kernels::store(dz_r + g * U + j, d[g]);
                else
                    store_first(dz_r + g * U + j, d[g], U - j);
            }
            kernels::store(dc_r + j, dc_j * f);
            kernels::store(dh_r + j, V(T(0)));
        }
    }

    /// Asks for what step t - 1 will read of these units: it comes from memory while step t multiplies.
    DEEPREC_INLINE void fetch_before(Index t, Index r, Index j) const {
        const Index row = (t - 1) * n + r, width = size.width();
        for (Index g = 0; g < 4; ++g) prefetch(gates + row * 4 * width + 4 * j + g * lanes);
        prefetch(c + row * width + j);
        if (up.y && pass.return_sequences) prefetch(up.y + pass.output_row(first + r, t - 1) * size.units + j);
    }

    /// dW += x^T dz, dR += h_{t-1}^T dz, db += sum of dz for the steps [begin, end) that dz holds.
    void add_weight_gradients(Index begin, Index end) const {
        const Index F = size.features, U = size.units, stride = size.dz_stride(), rows = (end - begin) * n;
        const Index next = pass.go_backwards ? -F : F;  // from the x of a step to that of the step after it
        const T* const x_begin = in.x + (first * pass.time + pass.at(begin)) * F;
        const Rows<T> x{x_begin, rows, n, next, pass.time * F, 1, F, 0};
        gemm_tn<T, Arch>(x, dz, stride, 4 * U, grad.kernel, 4 * U);
        gemm_tn<T, Arch>(matrix_rows<T>(h + begin * n * size.width(), rows, U, size.width()), dz, stride, 4 * U,
                         grad.recurrent_kernel, 4 * U);
        if (grad.bias) sum_rows<T, Arch>(dz, rows, 4 * U, stride, grad.bias);
    }
};

}  // namespace kernels::detail
DEEPREC_END
