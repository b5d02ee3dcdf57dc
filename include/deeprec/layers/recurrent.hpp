/// What recurrent layers share: which outputs they return.
#pragma once

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Policy of a recurrent layer: the output after the last step, [B, U].
struct ReturnLast {
    static constexpr bool sequences = false;
};
/// Policy of a recurrent layer: the output of every step, [B, T, U].
struct ReturnSequences {
    static constexpr bool sequences = true;
};
/// `LSTM{128, return_sequences}`; `return_last` is the default.
inline constexpr ReturnLast return_last{};
inline constexpr ReturnSequences return_sequences{};

DEEPREC_END
