/// Several outputs of one model, each with a name and layers of its own over the same numbers.
#pragma once

#include <array>
#include <string>
#include <tuple>
#include <utility>

#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/models/branches.hpp>

DEEPREC_BEGIN

/// Layers that answer for one task.
template <class L>
struct NamedHead {
    std::string name;  ///< of the task
    L layer;           ///< that answers it
};
/// `head("click", Dense{1, sigmoid})`
template <class L>
NamedHead<L> head(std::string name, L layer) {
    return {std::move(name), std::move(layer)};
}

/// y = [layer_1(x), ..., layer_n(x)]: the end of a model of several tasks, which share all that stands before.
///
///     Sequential model{Branches{...}, LSTM{64}, Heads{head("click", Dense{1, sigmoid}),
///                                                     head("buy", Sequential{Dense{16, relu}, Dense{1, sigmoid}})}};
///     fit(model, TensorDataset{x, Record{{"click", clicks}, {"buy", buys}}},
///         Losses{on("click", BinaryCrossEntropy{}), on("buy", BinaryCrossEntropy{}, 0.5)}, adam, {...},
///         on("buy", Auc{}));
///     const Record y = predict(model, x);
///
/// Heads come last in a Sequential, or in the head of a TwoTower. Shapes: x [B, F], or [B, T, F] where every head ends
/// in one vector a sample -> y [B, sum of Ui], side by side; `predict` gives a Record of [B, Ui] by name. Parameters
/// are named by head: "2.click.kernel". Throws ShapeError unless every head gives one vector a sample; ArgumentError
/// for two heads of one name and names with '.', ',', ':', ';', '=' or spaces in them.
template <class... Layers>
class Heads : public LayerInterface<Heads<Layers...>, typename std::tuple_element_t<0, std::tuple<Layers...>>::Scalar> {
    static constexpr std::size_t count = sizeof...(Layers);
    static_assert((Layer<Layers> && ...), "Heads: every part must be a head(\"name\", layer)");
    static_assert(count <= 64, "Heads: at most 64 heads");

public:
    using Scalar = typename std::tuple_element_t<0, std::tuple<Layers...>>::Scalar;
    static_assert(((std::is_same_v<typename Layers::Scalar, Scalar> &&
                    std::is_same_v<typename Layers::InputElement, Scalar>)&&...),
                  "Heads: all heads must read and give numbers of one scalar type");
    using InputElement = Scalar;
    template <std::size_t At>
    using LayerAt = std::tuple_element_t<At, std::tuple<Layers...>>;
    struct Cache : LayerCache {
        std::tuple<typename Layers::Cache...> parts;
        std::array<Block<const Scalar>, count> outputs;
        std::array<Buffer<Scalar>, count> gradients;  // by the outputs
        Buffer<Scalar> y, dx;
        Buffer<std::uint8_t> keep;
    };
    struct Gradients {
        std::tuple<typename Layers::Gradients...> parts;
    };
    static constexpr Reads reads = ((Layers::reads == Reads::sequence) || ...) ? Reads::sequence : Reads::features;

    Heads() : own_(count) {}
    explicit Heads(NamedHead<Layers>... heads)
        : layers_(std::move(heads.layer)...), own_{{std::move(heads.name), {}, element_type<Scalar>}...} {
        check();
    }

    static constexpr std::string_view name() { return "Heads"; }
    void check() const {
        constexpr std::array<bool, count> named = [] {
            std::array<bool, count> all{};
            all.fill(true);
            return all;
        }();
        detail::check_field_names("Heads", own_, named.data());
    }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(((Layers::template output_rank<Element, Rank>() == 2 ||
                        Layers::template output_rank<Element, Rank>() == any_rank) &&
                       ...),
                      "Heads: every head must give one vector a sample: end the sequence first (a last state, a global "
                      "pooling, Flatten)");
        return 2;
    }
    /// Shapes alone of all heads; `build` calls it.
    Shape size(const Shape& in) {
        Index outputs = 0;
        each([&]<std::size_t At>(auto& layer) {
            try {
                own_[At].shape = layer.size(in);
            } catch (const ShapeError& error) {
                throw ShapeError(message("head '", own_[At].name, "': ", error.what()));
            }
            own_[At].type = element_type<Scalar>;
            if (own_[At].shape.rank() != 1)
                throw ShapeError(message("Heads: expected one vector a sample of the head '", own_[At].name,
                                         "', received ", own_[At].shape));
            outputs += own_[At].shape.back();
        });
        return {outputs};
    }
    void fields(Fields<Scalar>& f, Gradients& g) {
        f.option("heads", own_);
        each([&]<std::size_t At>(auto& layer) {
            f.part(std::string_view(own_[At].name), layer, std::get<At>(g.parts), At);
        });
    }
    void parameters_changed() {
        each([]<std::size_t>(auto& layer) { layer.parameters_changed(); });
    }

    Block<const Scalar> apply(const Block<const Scalar>& x, Cache& cache, const Pass& pass) const {
        each([&]<std::size_t At>(const auto& layer) {
            Pass own = pass.for_part(At).on_logits((pass.heads >> At & 1) != 0);
            cache.outputs[At] = layer.apply(x, std::get<At>(cache.parts), own);
        });
        const auto y = detail::join<Scalar>(own_, cache.outputs, cache.y, cache.keep);
        cache.out = y.shape;
        cache.trained = pass.training;
        return y;
    }
    /// dL/dx is the sum of those of the heads.
    Block<const Scalar> apply_backward(const Block<const Scalar>& dy, Cache& cache, Gradients& gradients,
                                       bool want_dx) const {
        detail::check_trained(name(), cache.trained);
        detail::check_gradient(name(), cache.out, dy.shape);
        Block<const Scalar> sum;
        Scalar* dx = nullptr;
        Index offset = 0;
        each([&]<std::size_t At>(const auto& layer) {
            const Index rows = dy.rows(), width = own_[At].shape.back();
            Scalar* const own = cache.gradients[At].need(rows * width);
            for (Index r = 0; r < rows; ++r) std::copy_n(dy.data + r * dy.last() + offset, width, own + r * width);
            offset += width;
            const auto part = layer.apply_backward({own, dy.with_last(width)}, std::get<At>(cache.parts),
                                                   std::get<At>(gradients.parts), want_dx);
            if (!want_dx) return;
            if (At == 0) {
                dx = cache.dx.need(part.size());
                std::copy_n(part.data, part.size(), dx);
                sum = {dx, part.shape};
            } else {
                kernels::add<Scalar>(part.data, dx, part.size());
            }
        });
        return sum;
    }

    /// Names of the heads, and the shapes of their outputs since `build`.
    const RecordShape& shapes() const { return own_; }
    /// The layer of the head number At, from 0.
    template <std::size_t At>
    const LayerAt<At>& layer() const {
        return std::get<At>(layers_);
    }
    /// Itself, as models with heads give theirs.
    const Heads& heads() const { return *this; }
    /// `f.operator()<At>(layer)` for each.
    template <class F>
    void each(F&& f) const {
        [&]<std::size_t... At>(std::index_sequence<At...>) {
            (f.template operator()<At>(std::get<At>(layers_)), ...);
        }(std::make_index_sequence<count>{});
    }
    /// One for each head.
    std::vector<SummaryRow> summary_rows() const {
        std::vector<SummaryRow> rows;
        each([&]<std::size_t At>(const auto& layer) { add_summary(rows, own_[At].name, layer, own_[At].shape); });
        return rows;
    }

private:
    template <class F>
    void each(F&& f) {
        [&]<std::size_t... At>(std::index_sequence<At...>) {
            (f.template operator()<At>(std::get<At>(layers_)), ...);
        }(std::make_index_sequence<count>{});
    }

    std::tuple<Layers...> layers_;
    RecordShape own_;  // names and output shapes
};

/// Models that end in Heads: `model.heads()`.
template <class Model>
concept HasHeads = requires(const Model& model) { model.heads().shapes(); };

DEEPREC_END
