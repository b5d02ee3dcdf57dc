/// LSTM over a sequence, forward and backward, with Keras' gates i, f, c, o and masks:
///
///     [i f a o] = [gate gate act gate](x_t W + h_{t-1} R + b),   c_t = f c_{t-1} + i a,   h_t = o act(c_t).
///
/// How it works. Sequences run through all steps in tiles of 32, so that their states stay in the L1 cache and the
/// weights in L2. The weights are packed in panels: panel j holds, for each row of [b; W; R], the numbers of gates i,
/// f, c and o for one register of units. So up to 6 (with 16 registers: 3) sequences times one panel are a register
/// tile that ends with all four gates of those units, and the cell update follows without a trip to memory. One or two
/// sequences cannot hide the latency of reading W from L2 at every step: their x_t W + b is computed for all steps at
/// once. Two threads can share these, each with the units of half of the panels, and tell each other the new states at
/// every step. Backward runs the same tiles from the last step to the first: dh_t, dc_t give dz_t [4U], its products
/// with R^T and W^T give dh_{t-1} and dx_t; dW, dR and db are products over 256 rows of dz, a few steps of the tile.
///
/// What holds. Pre-activations are one chain of fused multiply-adds over b, W, R, so the bits of a sequence do not
/// depend on the other sequences of the call. Gradients of the weights are added block by block, in an order that
/// depends on the sizes alone. NaN reaches every output that depends on it. No pointer needs alignment (64 bytes are
/// best), no two buffers overlap, nothing allocates. Scalar twin: kernels/reference/recurrent/lstm.hpp.
#pragma once

#include <deeprec/kernels/recurrent/lstm_backward.hpp>
#include <deeprec/kernels/recurrent/lstm_forward.hpp>

DEEPREC_BEGIN
namespace kernels {

/// Numbers in the packed weights of an LSTM.
template <class T, class Arch = xsimd::default_arch>
Index lstm_packed_size(Index features, Index units) {
    return detail::LstmLayout<T, Arch>(features, units).packed_size();
}

/// Packs weights in Keras' layout for lstm_forward (panels) and lstm_backward (R^T and W^T).
template <class T, class Arch = xsimd::default_arch>
void lstm_pack(const RecurrentWeights<T>& weights, Index features, Index units, T* packed) {
    const detail::LstmLayout<T, Arch> size(features, units);
    T* next = packed;
    for (Index j = 0; j < units; j += size.lanes) {
        const auto pack_row = [&](const T* row) {
            for (Index g = 0; g < 4; ++g)
                for (Index u = j; u < j + size.lanes; ++u) *next++ = row && u < units ? row[g * units + u] : T(0);
        };
        pack_row(weights.bias);
        for (Index k = 0; k < features; ++k) pack_row(weights.kernel + k * 4 * units);
        for (Index k = 0; k < units; ++k) pack_row(weights.recurrent_kernel + k * 4 * units);
    }
    pack_transposed<T, Arch>(weights.recurrent_kernel, 4 * units, 4 * units, units,
                             packed + size.recurrent_transposed());
    pack_transposed<T, Arch>(weights.kernel, 4 * units, 4 * units, features, packed + size.kernel_transposed());
}

/// Numbers in the buffer that carries what lstm_backward needs, and in the scratch buffers, for a call with the same
/// pass: with a pool it may need more.
template <class T, class Arch = xsimd::default_arch>
Index lstm_saved_size(const RecurrentPass& pass) {
    return pass.batch * detail::LstmLayout<T, Arch>(pass.features, pass.units).saved(pass.time);
}
template <class T, class Arch = xsimd::default_arch>
Index lstm_forward_scratch_size(const RecurrentPass& pass) {
    const detail::LstmLayout<T, Arch> size(pass.features, pass.units);
    const Index alone = 4 * size.width() * (size.tile + size.project_up_to * pass.time);
    return size.is_shared(pass) ? std::max(alone, 2 * size.share_scratch(pass.time)) : alone;
}
template <class T, class Arch = xsimd::default_arch>
Index lstm_backward_scratch_size(const RecurrentPass& pass) {
    const detail::LstmLayout<T, Arch> size(pass.features, pass.units);
    return 2 * size.width() * size.tile + size.dz_rows * size.dz_stride();
}

/// y, and the final state where wanted. `saved` is null where no backward follows; then pass.pool may be used.
template <class Act, class Gate, class T, class Arch = xsimd::default_arch>
void lstm_forward(const RecurrentPass& pass, const T* packed, const RecurrentInput<T>& in,
                  const RecurrentOutput<T>& out, T* saved, T* scratch, const Act& act = {}, const Gate& gate = {}) {
    const detail::LstmLayout<T, Arch> size(pass.features, pass.units);
    const auto part = [&](Index first, Index n, Index begin, Index end, T* h, T* projected) {
        const Index states = (saved ? pass.time + 1 : 2) * n * size.width();
        return detail::LstmForward<T, Act, Gate, Arch>{
            pass,     size, packed, in,  out, act,        gate,
            first,    n,    begin,  end, h,   h + states, saved ? h + 2 * states : nullptr,
            projected};
    };
    if (!saved && size.is_shared(pass)) {
        const Index middle = (size.panels() + 1) / 2, states = 4 * pass.batch * size.width();
        T* const other = scratch + size.share_scratch(pass.time);
        auto front = part(0, pass.batch, 0, middle, scratch, scratch + states);
        auto back = part(0, pass.batch, middle, size.panels(), other, other + states);
        front.behind = &back;
        back.before = &front;
        return pass.pool->run(2, [&](Index i) { (i ? back : front).run(); });
    }
    for (Index first = 0; first < pass.batch; first += size.tile) {
        const Index n = std::min(size.tile, pass.batch - first);
        part(first, n, 0, size.panels(), saved ? saved + first * size.saved(pass.time) : scratch,
             n <= size.project_up_to ? scratch + size.tile * 4 * size.width() : nullptr)
            .run();
    }
}

/// Gradients, from what lstm_forward saved for the same pass, input and weights.
template <class Act, class Gate, class T, class Arch = xsimd::default_arch>
void lstm_backward(const RecurrentPass& pass, const T* packed, const RecurrentInput<T>& in, const T* saved,
                   const RecurrentOutputGradient<T>& up, const RecurrentGradient<T>& grad, T* scratch,
                   const Act& act = {}, const Gate& gate = {}) {
    const detail::LstmLayout<T, Arch> size(pass.features, pass.units);
    for (Index first = 0; first < pass.batch; first += size.tile) {
        const Index n = std::min(size.tile, pass.batch - first), states = (pass.time + 1) * n * size.width();
        const T* const h = saved + first * size.saved(pass.time);
        T *const dh = scratch, *const dc = dh + n * size.width(), *const dz = dc + n * size.width();
        detail::LstmBackward<T, Act, Gate, Arch>{pass, size,       packed,         in, up, grad, act, gate, first, n,
                                                 h,    h + states, h + 2 * states, dh, dc, dz}
            .run();
    }
}

}  // namespace kernels
DEEPREC_END
