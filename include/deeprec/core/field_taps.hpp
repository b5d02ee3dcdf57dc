/// What the layers of named fields give, and the gradients by it: explanations move it along a line.
#pragma once

#include <string_view>
#include <vector>

#include <deeprec/core/block.hpp>

DEEPREC_BEGIN

/// One entry for each field that a model reads, in the order in which it reads them. A pass that has such a list
/// (Pass::taps) adds to it while `replaces` is false. When it is true, the fields' layers do not run: the outputs are
/// taken from the list, and backward leaves the gradients there.
class FieldTaps {
public:
    /// The output of one field's layer.
    struct Tap {
        std::string_view field;          ///< by its name
        Shape shape;                     ///< of the output
        Mask mask{};                     ///< of the output
        const void* output = nullptr;    ///< in the cache, where the pass put it
        const void* gradient = nullptr;  ///< of the same shape
    };
    std::vector<Tap> taps{};  ///< in the order in which they are read
    bool replaces = false;    ///< outputs are taken from here, not made
    std::size_t next = 0;     ///< that a replacing pass takes; set it to 0 before one

    template <class T>
    void add(std::string_view field, const Block<const T>& output) {
        taps.push_back({field, output.shape, output.mask, output.data, nullptr});
    }
    /// The output of the next field, of a pass that replaces them.
    template <class T>
    Block<const T> take() {
        const Tap& tap = taps[next++];
        return {static_cast<const T*>(tap.output), tap.shape, tap.mask};
    }
};

DEEPREC_END
