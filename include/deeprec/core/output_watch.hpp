/// Finds the layer that made a number that is not finite, in a pass that is run again for it.
#pragma once

#include <limits>
#include <mutex>
#include <string_view>
#include <type_traits>

#include <deeprec/core/block.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// Hung into a Pass (Pass::watch), it keeps the first layer whose output, or whose input, is not finite; of a batch
/// that threads share that of its first samples.
class OutputWatch {
public:
    /// What a layer read and gave. `first_row` is the place of the samples in their batch.
    template <class Element, class T>
    DEEPREC_NOINLINE void see(const void* layer, std::string_view name, Index first_row, const Block<const Element>& x,
                              const Block<const T>& y) {
        bool bad_input = false;
        if constexpr (std::is_same_v<Element, T>) bad_input = !finite(x);
        if (!bad_input && finite(y)) return;
        const std::lock_guard lock(mutex_);
        if (first_row >= first_row_) return;
        first_row_ = first_row;
        layer_ = layer;
        name_ = name;
        of_input_ = bad_input;
    }
    /// Null where all was finite.
    const void* layer() const { return layer_; }
    std::string_view name() const { return name_; }
    /// Whether the layer's input was not finite already.
    bool of_input() const { return of_input_; }

private:
    /// Steps that a mask leaves out may hold anything.
    template <class T>
    static bool finite(const Block<const T>& x) {
        if (!x.mask || x.shape.rank() < 3) return kernels::all_finite(x.data, x.size());
        const Index steps = x.batch() * x.time(), width = steps > 0 ? x.size() / steps : 0;
        for (Index step = 0; step < steps; ++step)
            if (x.mask.keep[step] && !kernels::all_finite(x.data + step * width, width)) return false;
        return true;
    }
    std::mutex mutex_;
    Index first_row_ = std::numeric_limits<Index>::max();
    const void* layer_ = nullptr;
    std::string_view name_;
    bool of_input_ = false;
};

DEEPREC_END
