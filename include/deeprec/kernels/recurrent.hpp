/// What the kernels of recurrent layers share: the sizes of a pass, its reading order and its mask.
#pragma once

#include <cstdint>

#include <deeprec/kernels/simd.hpp>

DEEPREC_BEGIN
namespace kernels {

/// A pass over x [B, T, F] with states of U units. Step t means the t-th step read: `go_backwards` reads the time axis
/// (and the mask) reversed, outputs stay in reading order.
struct RecurrentPass {
    Index batch = 0, time = 0, features = 0, units = 0;
    bool return_sequences = false;  ///< y is [B, T, U] instead of the last step, [B, U]
    bool go_backwards = false;
    const std::uint8_t* keep = nullptr;  ///< [B, T], 0 = masked: the step keeps the states; null = no step is masked

    /// Place on the time axis of step t.
    Index at(Index t) const { return go_backwards ? time - 1 - t : t; }
    bool kept(Index b, Index t) const { return !keep || keep[b * time + at(t)]; }
    /// First kept step of sequence b (T if none). The state stays put over masked steps, so "the output repeats the
    /// previous one, zero before the first kept step" is: y_t = t >= first_kept ? h_t : 0.
    Index first_kept(Index b) const {
        Index t = 0;
        while (t < time && !kept(b, t)) ++t;
        return t;
    }
};

}  // namespace kernels
DEEPREC_END
