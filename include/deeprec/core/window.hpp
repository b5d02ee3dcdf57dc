/// Sizes of sliding windows over time, shared by convolution and pooling (Keras' rules).
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// valid: windows inside the sequence. same: ceil(T / strides) windows, the smaller half of the padding in front.
/// causal: all padding in front, so that step t sees nothing after t.
enum class Padding { valid, same, causal };
inline constexpr std::array<std::string_view, 3> padding_names{"valid", "same", "causal"};

/// Windows of `extent` steps over a sequence: how many, and how many padding steps lie before and after it.
struct WindowSizes {
    Index steps = 0;   ///< windows
    Index before = 0;  ///< padding steps in front
    Index after = 0;   ///< padding steps behind
};

/// The longest window, and the most steps of padding, that an option may ask for: more is a damaged file.
inline constexpr Index longest_window = Index{1} << 20;

namespace detail {
/// Throws ArgumentError where a window of `taps` steps, `dilation` apart, spans more than `longest_window`, or moves by
/// more.
inline void check_window(std::string_view layer, Index taps, Index strides, Index dilation = 1) {
    if (strides > longest_window)
        throw ArgumentError(message(layer, ": expected strides of at most ", longest_window, ", received ", strides));
    if (taps > longest_window || (taps - 1) > (longest_window - 1) / dilation)
        throw ArgumentError(message(layer, ": expected a window of at most ", longest_window, " steps, received ", taps,
                                    " taps with dilation_rate ", dilation));
}
}  // namespace detail

/// Throws ShapeError when no window fits.
inline WindowSizes window_sizes(std::string_view layer, Index time, Index extent, Index strides, Padding padding) {
    WindowSizes sizes;
    if (padding == Padding::same) {
        sizes.steps = (time + strides - 1) / strides;
        const Index total = std::max<Index>((sizes.steps - 1) * strides + extent - time, 0);
        sizes.before = total / 2;
        sizes.after = total - sizes.before;
        return sizes;
    }
    if (padding == Padding::causal) sizes.before = extent - 1;
    const Index padded = time + sizes.before;
    if (padded < extent)
        throw ShapeError(message(layer, ": a window of ", extent, " steps needs at least as many, received ", time));
    sizes.steps = (padded - extent) / strides + 1;
    return sizes;
}

DEEPREC_END
