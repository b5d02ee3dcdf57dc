/// What a layer is: a value with parameters and two pure functions.
///
/// requires  forward(x, cache, mode): x has the rank, scalar and last extent that `build` was told; `cache` belongs to
///           one caller at a time. backward(dy, cache, gradients): the last forward with this cache was a training one,
///           its input and weights are unchanged, and dy has the shape of its result.
/// ensures   forward reads the layer only, so that any number of threads may share it, and returns a view into the
///           cache. backward ADDS dL/dparameter into `gradients` and returns dL/dx as a view into the cache. Neither
///           allocates once the cache has seen the shapes.
#pragma once

#include <concepts>
#include <ostream>
#include <string_view>

#include <deeprec/core/parameters.hpp>
#include <deeprec/core/random.hpp>

DEEPREC_BEGIN

class ThreadPool;

/// Mode of a forward pass that only predicts. `Inference{&pool}` lets a layer share the work of one or two samples
/// between threads where that pays, in the same bits: an LSTM of many units does, the others run alone. The pool has
/// one caller at a time.
struct Inference {
    static constexpr bool training = false;
    static constexpr bool predicts = true;
    ThreadPool* pool = nullptr;
    Inference for_part(std::uint64_t) const { return *this; }
};

/// Mode of a forward pass that backward will follow: `Training{step_seed}`.
struct Training {
    static constexpr bool training = true;
    static constexpr bool predicts = false;
    Training() = default;
    explicit Training(Seed step_seed, Index row = 0) : seed(step_seed), first_row(row) {}
    explicit Training(std::uint64_t step_seed) : seed{step_seed} {}
    Seed seed{};          ///< of this step; every layer derives its own
    Index first_row = 0;  ///< place of the view's first sample in its batch, so that shards draw what the batch would
    Training for_part(std::uint64_t part) const { return Training(derive(seed, part), first_row); }
};

/// Mode of a forward pass that predicts, though backward will follow: what is random or learns in training (Dropout,
/// statistics of a batch) does as in Inference. For gradients of a prediction.
struct DifferentiableInference : Training {
    static constexpr bool predicts = true;
    DifferentiableInference for_part(std::uint64_t) const { return {}; }
};

/// Whether backward has to produce dL/dx; the first layer of a model is spared the work in training.
enum class InputGradient { compute, skip };

/// What backward returns where there is no dL/dx: for ids, and where it was skipped.
struct NoGradient {};

/// A rank that is not known at compile time of a composition.
inline constexpr int any_rank = -1;

template <class L>
concept Layer = std::copyable<L> && requires(L layer, const L& constant, const Shape& shape, std::ostream& out) {
    typename L::Scalar;        // of the output and the parameters
    typename L::InputElement;  // Scalar, or std::int32_t for ids
    typename L::Cache;
    typename L::Gradients;
    { L::name() } -> std::convertible_to<std::string_view>;
    // output_rank<Element, Rank>() gives the rank of the output, or fails to compile with a sentence naming the layer
    { L::template output_rank<typename L::InputElement, any_rank>() } -> std::same_as<int>;
    { layer.build(shape, Seed{}) } -> std::same_as<Shape>;
    { constant.zero_gradients() } -> std::same_as<typename L::Gradients>;
    layer.parameters_changed();  // renews packed copies
};

/// The element type that a layer's first argument must have, as a compile-time sentence for the layer to assert.
template <class Element, class Scalar>
inline constexpr bool same_scalar = std::is_same_v<Element, Scalar>;

/// The activation that ends a layer or model, void where there is none: a loss meets it in logits at compile time.
template <class L>
struct FinalActivationOf {
    using type = void;
};
template <class L>
    requires requires { typename L::FinalActivation; }
struct FinalActivationOf<L> {
    using type = typename L::FinalActivation;
};

namespace detail {
inline void check_positive(std::string_view layer, std::string_view option, Index value) {
    if (value < 1) throw ArgumentError(message(layer, ": expected a positive ", option, ", received ", value));
}
inline void check_rank(std::string_view layer, const Shape& shape, int rank, std::string_view axes) {
    if (shape.rank() != rank)
        throw ShapeError(message(layer, ": expected samples of shape ", axes, ", received ", shape));
}
inline void check_extent(std::string_view layer, std::string_view axis, Index expected, Index received) {
    if (expected != received)
        throw ShapeError(message(layer, ": built for ", expected, " ", axis, ", received ", received));
}
inline void check_trained(std::string_view layer, const void* input) {
    if (!input) throw ArgumentError(message(layer, ": backward needs a forward(x, cache, Training{...}) before it"));
}
/// `expected` is the shape of what the last forward gave.
template <class DY>
void check_gradient(std::string_view layer, const Shape& expected, const DY& dy) {
    if (dy.shape() != expected)
        throw ShapeError(message(layer, ": expected a gradient of ", expected, ", received ", dy.shape()));
}
}  // namespace detail

DEEPREC_END
