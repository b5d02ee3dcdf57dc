/// What a layer is: a value with parameters and two pure functions.
///
/// A layer is written as
///
///     template <class T = float>
///     class Scale : public BasicLayer<Scale<T>, T> {
///     public:
///         DEEPREC_LAYER("Scale", features, Rank)                  // its name, what it reads, the rank it gives
///         struct Gradients { Tensor<T, 1> gamma; };
///         struct Cache : LayerCache { const T* x; Buffer<T> y, dx; };
///
///         Shape prepare(const Shape& in);                         // sizes: the shape of a sample in, out
///         void fields(Fields<T>& f, Gradients& g);                // options, parameters, states: core/fields.hpp
///         Block<const T> run(Block<const T> x, Cache& cache, const Pass& pass) const;
///         Block<const T> back(Block<const T> dy, Cache& cache, Gradients& g, bool want_dx) const;
///     };
///
/// and has from BasicLayer: build, forward, backward, zero_gradients and every check that does not depend on what it
/// computes. CONTRIBUTING.md has a whole one.
///
/// requires  run: x has the rank and, of layers with parameters, the last extent that `prepare` was told; `cache`
///           belongs to one caller at a time. back: the last run with this cache was a training one, its input and
///           weights are unchanged, and dy has the shape of its result (of what stands before the last activation
///           where the pass was on logits).
/// ensures   run reads the layer only, so that any number of threads may share it, and returns a view into the cache
///           or into x. back ADDS dL/dparameter into `g` and returns dL/dx as a view into the cache, without data where
///           it is not wanted. Neither allocates once the cache has seen the shapes.
#pragma once

#include <concepts>
#include <string_view>

#include <deeprec/core/output_watch.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/pass.hpp>
#include <deeprec/core/table_rows.hpp>

DEEPREC_BEGIN

/// What a layer reads: numbers [batch, ..., features], numbers [batch, time, features], ids [batch, ...], or a record
/// of named fields (core/record.hpp).
enum class Reads { features, sequence, ids, record };

/// Begins a layer: its name, what it `reads`, and the rank of its output, in which `Rank` is that of the input. The
/// sentences are those that a composition of layers that do not fit fails to compile with; they must be literals.
#define DEEPREC_LAYER(layer_name, reads_what, output)                                                                  \
    static constexpr std::string_view name() { return layer_name; }                                                    \
    static constexpr ::deeprec::Reads reads = ::deeprec::Reads::reads_what;                                            \
    template <class Element, int Rank>                                                                                 \
    static constexpr int output_rank() {                                                                               \
        using ::deeprec::Reads;                                                                                        \
        static_assert(reads != Reads::ids || std::is_same_v<Element, std::int32_t>,                                    \
                      layer_name ": the input must be ids of std::int32_t");                                           \
        static_assert(reads == Reads::ids || std::is_same_v<Element, Scalar>,                                          \
                      layer_name ": the input must have the scalar type of the layer");                                \
        static_assert(reads != Reads::sequence || Rank != 2, layer_name                                                \
                      ": the input must be [batch, time, features], rank 3, received [batch, features]; a "            \
                      "recurrent layer before it needs return_sequences");                                             \
        static_assert(reads != Reads::sequence || Rank == 3 || Rank == 2 || Rank == ::deeprec::any_rank,               \
                      layer_name ": the input must be [batch, time, features], rank 3");                               \
        static_assert(                                                                                                 \
            reads == Reads::sequence || Rank >= (reads == Reads::ids ? 1 : 2) || Rank == ::deeprec::any_rank,          \
            layer_name ": the input must be [batch, ..., features], rank 2 or more");                                  \
        if constexpr (reads != Reads::sequence && Rank == ::deeprec::any_rank)                                         \
            return ::deeprec::any_rank;                                                                                \
        else                                                                                                           \
            return output;                                                                                             \
    }

/// What every cache has: the shape of the last result, and whether backward may follow.
struct LayerCache {
    Shape out;             ///< shape of the last result
    bool trained = false;  ///< it was a training pass, so that backward may follow
    bool logits = false;   ///< the last activation was left out
};

template <class L>
concept Layer = std::copyable<L> && std::default_initializable<L> && requires(L layer, const L& constant) {
    typename L::Scalar;        // of the output and the parameters
    typename L::InputElement;  // Scalar, std::int32_t for ids, Named for a record
    typename L::Cache;
    typename L::Gradients;
    { L::name() } -> std::convertible_to<std::string_view>;
    { constant.zero_gradients() } -> std::same_as<typename L::Gradients>;
    layer.parameters_changed();  // renews packed copies
    requires requires(const Block<const typename L::InputElement>& x, const Block<const typename L::Scalar>& dy,
                      const typename Block<const typename L::InputElement>::Sample& sample, typename L::Cache& cache,
                      typename L::Gradients& gradients, Fields<typename L::Scalar>& fields) {
        { layer.build(sample, Seed{}) } -> std::same_as<Shape>;
        layer.fields(fields, gradients);
        { constant.apply(x, cache, Pass{}) } -> std::convertible_to<Block<const typename L::Scalar>>;
        constant.apply_backward(dy, cache, gradients, true);
    };
};

/// The activation that ends a layer or model, void where there is none: a loss that meets it in logits takes it off.
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
/// Throws ArgumentError for a number that asks for more memory than any model has use for.
inline void check_at_most(std::string_view layer, std::string_view option, Index value, Index most) {
    if (value > most)
        throw ArgumentError(message(layer, ": expected ", option, " of at most ", most, ", received ", value));
}
inline void check_rate(std::string_view layer, double rate) {
    if (!(rate >= 0 && rate <= 1))
        throw ArgumentError(message(layer, ": expected a rate from 0 to 1, received ", rate));
}
inline void check_rank(std::string_view layer, const Shape& shape, int rank, std::string_view axes) {
    if (shape.rank() != rank)
        throw ShapeError(message(layer, ": expected samples of shape ", axes, ", received ", shape));
}
/// A layer that was not built expects nothing.
inline void check_extent(std::string_view layer, std::string_view axis, Index expected, Index received) {
    if (expected != received || expected == 0)
        throw ShapeError(message(layer, ": built for ", expected, " ", axis, ", received ", received));
}
inline void check_trained(std::string_view layer, bool trained) {
    if (!trained) throw ArgumentError(message(layer, ": backward needs a forward(x, cache, Training{...}) before it"));
}
/// `expected` is the shape of what the last forward gave.
inline void check_gradient(std::string_view layer, const Shape& expected, const Shape& received) {
    if (received != expected)
        throw ShapeError(message(layer, ": expected a gradient of ", expected, ", received ", received));
}

template <class T>
DEEPREC_NOINLINE void fill_parameters(const ParameterList<T>& list) {
    for (const Parameter<T>& p : list) {
        T* const values = p.resize(p.tensor, p.shape);
        if (p.fill)
            p.fill(values, p.shape, p.seed);
        else if (p.shard)
            for (Index place = 0, width = p.size() / p.shape[0]; place < p.shape[0]; ++place)  // as in the whole table
                fill(values + place * width, {width}, p.initializer, p.seed, p.shard.row(place) * width);
        else
            fill(values, p.shape, p.initializer, p.seed);
    }
}
/// The first half of `build`. Of named fields it refuses others than the model reads.
template <class L>
Shape size_checked(L& layer, const typename Block<const typename L::InputElement>::Sample& in) {
    if constexpr (std::is_same_v<typename L::InputElement, Named>) check_fields(L::name(), layer.input_shape(), in);
    return layer.size(in);
}
/// Sizes all parameters and states of a prepared layer and fills them.
template <class L>
void make_parameters(L& layer, Seed seed) {
    using T = typename L::Scalar;
    typename L::Gradients none;
    Fields<T> fields(Fields<T>::With::values, seed);
    layer.fields(fields, none);
    fill_parameters(fields.parameters());
    layer.parameters_changed();
}
/// Whether a layer may have tables that ranks share out (core/table_rows.hpp): it says `asks`, and has `ask`.
template <class L>
constexpr bool asks_rows() {
    if constexpr (requires { L::asks; })
        return L::asks;
    else
        return false;
}
/// Lets a layer ask for rows, where it may have some.
template <class L, class X>
void ask_rows(const L& layer, const X& x, TableRows& tables) {
    if constexpr (asks_rows<L>()) layer.ask(x, tables);
}
template <class L>
typename L::Gradients make_gradients(const L& layer) {
    using T = typename L::Scalar;
    typename L::Gradients gradients;
    Fields<T> fields;
    list_fields(layer, gradients, fields);
    size_gradients(fields.parameters());
    return gradients;
}
}  // namespace detail

template <class L, class T, class Element = T>
class BasicLayer;

namespace detail {
template <class L>
concept HasRun = requires(const L& l, const Block<const typename L::InputElement>& x, typename L::Cache& cache) {
    { l.run(x, cache, Pass{}) } -> std::convertible_to<Block<const typename L::Scalar>>;
};
template <class L>
concept HasBack = requires(const L& l, const Block<const typename L::Scalar>& dy, typename L::Cache& cache,
                           typename L::Gradients& gradients) {
    { l.back(dy, cache, gradients, true) } -> std::convertible_to<Block<const typename L::Scalar>>;
};
template <class L>
inline constexpr bool is_basic_layer =
    std::is_base_of_v<BasicLayer<L, typename L::Scalar, typename L::InputElement>, L>;
/// Fails to compile where a layer lacks a half of itself; for the door of a composition, before anything runs.
template <class L>
constexpr bool check_layer() {
    if constexpr (is_basic_layer<L>) {
        static_assert(HasRun<L>,
                      "deeprec: a layer needs a public `Block<const Scalar> run(const Block<const InputElement>& x, "
                      "Cache& cache, const Pass& pass) const`");
        static_assert(HasBack<L>,
                      "deeprec: a layer needs a public `Block<const Scalar> back(const Block<const Scalar>& dy, Cache& "
                      "cache, Gradients& gradients, bool want_dx) const`");
    }
    return true;
}
}  // namespace detail

/// What a layer or composition `L` shows its callers, made of its size, fields, apply and apply_backward.
template <class L, class T, class Element = T>
class LayerInterface {
public:
    using Scalar = T;
    using InputElement = Element;

    /// Sizes and initialises everything for samples of shape `in` (no batch axis); returns the shape of the output.
    Shape build(const typename Block<const Element>::Sample& in, Seed seed) {
        const Shape out = detail::size_checked(self(), in);
        detail::make_parameters(self(), seed);
        return out;
    }
    auto zero_gradients() const { return detail::make_gradients(self()); }

    /// The output for x, a tensor or view, in the cache: `forward(x, cache)` predicts, `forward(x, cache,
    /// Training{step_seed})` trains. Throws ShapeError where x is not what the layer was built for.
    template <class X, class Cache>
    auto forward(const X& x, Cache& cache, const Pass& pass = {}) const {
        constexpr int rank = L::template output_rank<ElementOf<X>, rank_of<X>>();
        if constexpr (std::is_same_v<Element, Named>) detail::check_fields(L::name(), self().record(), view(x));
        return self().apply(Block(view(x)), cache, pass).template as<rank>();
    }
    /// Adds into `gradients` and returns dL/dx, after a training forward with this cache. Throws ArgumentError without
    /// one, ShapeError unless dy has the shape of its result.
    template <class DY, class Cache, class G>
    auto backward(const DY& dy, Cache& cache, G& gradients, InputGradient want = InputGradient::compute) const {
        const auto dx = self().apply_backward(Block(view(dy)), cache, gradients, want == InputGradient::compute);
        if constexpr (!std::is_same_v<Element, T>)
            return NoGradient{};
        else if constexpr (L::reads == Reads::sequence)
            return dx.template as<3>();
        else
            return dx.template as<rank_of<DY>>();
    }

protected:
    L& self() { return static_cast<L&>(*this); }
    const L& self() const { return static_cast<const L&>(*this); }
};

/// What all layers share; `L` is the layer itself.
template <class L, class T, class Element>
class BasicLayer : public LayerInterface<L, T, Element> {
    using LayerInterface<L, T, Element>::self;

public:
    using Gradients = NoParameters;

    /// Throws ArgumentError for options without meaning. The constructor calls it, and `load`.
    void check() const {}
    void fields(Fields<T>&, NoParameters&) {}
    /// Renews packed copies of the weights.
    void parameters_changed() {}

    /// The first half of `build`: shapes alone.
    Shape size(const Shape& in) {
        self().check();
        if constexpr (L::reads == Reads::sequence) {
            detail::check_rank(L::name(), in, 2, "[time, features]");
        } else if constexpr (L::reads == Reads::features) {
            if (in.rank() < 1)
                throw ShapeError(message(L::name(), ": expected samples of shape [..., features], received []"));
        }
        if constexpr (has_parameters() && L::reads != Reads::ids)
            detail::check_positive(L::name(), "number of input features", in.back());
        features_ = in.rank() > 0 ? in.back() : 0;
        return self().prepare(in);
    }
    /// `forward` and `backward` for any rank.
    template <class Cache>
    Block<const T> apply(const Block<const Element>& x, Cache& cache, const Pass& pass) const {
        static_assert(detail::check_layer<L>());
        if constexpr (has_parameters() && L::reads != Reads::ids)
            detail::check_extent(L::name(), "input features", features_, x.last());
        const Block<const T> y = self().run(x, cache, pass);
        cache.out = y.shape;
        cache.trained = pass.training;
        cache.logits = pass.logits;
        if (pass.watch) [[unlikely]]
            pass.watch->see(&self(), L::name(), pass.first_row, x, y);
        return y;
    }
    template <class Cache, class G>
    Block<const T> apply_backward(const Block<const T>& dy, Cache& cache, G& gradients, bool want_dx) const {
        detail::check_trained(L::name(), cache.trained);
        detail::check_gradient(L::name(), cache.out, dy.shape);
        return self().back(dy, cache, gradients, want_dx);
    }

protected:
    Index features_ = 0;  // last extent of the input, by `build`

private:
    static constexpr bool has_parameters() { return !std::is_same_v<typename L::Gradients, NoParameters>; }
};

DEEPREC_END
