/// Shapes of the LSTM's private buffers. The kernel's description is in kernels/recurrent/lstm.hpp.
#pragma once

#include <deeprec/kernels/linear/gemm.hpp>
#include <deeprec/kernels/recurrent/recurrent.hpp>

DEEPREC_BEGIN
namespace kernels::detail {

/// With n the sequences of a tile and `width` = U rounded up to whole registers:
///     packed  panels [U / lanes][1 + F + U][4][lanes], then R^T, W^T as the operands of gemm
///     states  [n, width]: h, c, dh, dc
///     gates   [n, 4 * width]: i, f, c, o of a register of units next to each other, as in a panel
///     dz      [n, dz_stride]: the columns of Keras' kernels, so that it is an operand of gemm and gemm_tn
///     saved   for each tile h [T + 1], c [T + 1], gates [T]; index 0 of h and c is the initial state
template <class T, class Arch>
struct LstmLayout {
    static constexpr Index lanes = kernels::lanes<T, Arch>;
    static constexpr Index tile = 32;                               // sequences that run together
    static constexpr Index height = registers<Arch> == 32 ? 6 : 3;  // sequences in a register tile, at most
    static constexpr Index project_up_to = 2;                       // sequences
    static constexpr Index dz_rows = 256;                           // [steps, n] that one product for dW, dR sums
    Index features, units;
    LstmLayout(Index F, Index U) : features(F), units(U) {}

    Index panels() const { return (units + lanes - 1) / lanes; }
    Index width() const { return panels() * lanes; }
    Index panel_size() const { return (1 + features + units) * 4 * lanes; }
    Index recurrent_transposed() const { return panels() * panel_size(); }  // place in packed
    Index kernel_transposed() const { return recurrent_transposed() + kernels::packed_size<T, Arch>(4 * units, units); }
    Index packed_size() const { return kernel_transposed() + kernels::packed_size<T, Arch>(4 * units, features); }
    Index dz_stride() const { return 4 * units + lanes; }  // a multiple of 4 KiB would crowd few cache sets
    Index saved(Index time) const { return (2 * (time + 1) + 4 * time) * width(); }  // of one sequence

    /// Whether two threads share a pass that no backward follows. A new state takes 0.1 to 0.3 us from core to core, at
    /// every step, so reading half of the recurrent weights must take longer.
    bool is_shared(const RecurrentPass& pass) const {
        constexpr Index least_bytes = Index{256} << 10;
        return pass.pool && pass.pool->threads() > 1 && pass.batch <= project_up_to && panels() > 1 &&
               4 * units * width() * static_cast<Index>(sizeof(T)) >= least_bytes;
    }
    /// Scratch of each. A page apart, or one core would fetch ahead lines that the other is about to write.
    Index share_scratch(Index time) const {
        constexpr Index page = 4096 / static_cast<Index>(sizeof(T));
        return 4 * (1 + time) * project_up_to * width() + page;
    }
};

}  // namespace kernels::detail
DEEPREC_END
