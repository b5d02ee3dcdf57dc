/// A vector for each id.
#pragma once

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/gather.hpp>
#include <deeprec/kernels/vector.hpp>

DEEPREC_BEGIN

struct EmbeddingOptions {
    bool mask_zero = false;  ///< id 0 is padding: the output carries the mask (id != 0)
};

/// y[b, t, :] = embeddings[ids[b, t], :], as Keras' Embedding.
///
/// Shapes: ids [B, T] of std::int32_t in [0, input_dim) -> y [B, T, output_dim]; `embeddings` [input_dim, output_dim]
/// (uniform in [-0.05, 0.05)). The gradient is a SparseRows: repeated ids add up, and with mask_zero row 0 still has one,
/// as in Keras. `Embedding{20000, 64, {.mask_zero = true}}`.
template <class T = float>
class Embedding {
public:
    using Scalar = T;
    using InputElement = std::int32_t;
    struct Parameters {
        Tensor<T, 2> embeddings;
    };
    struct Gradients {
        SparseRows<T> embeddings;
    };
    struct Cache {
        const std::int32_t* ids = nullptr;
        Index time = 0;
        Buffer<std::uint8_t> keep;
        Buffer<T> y;
    };

    /// Throws ArgumentError unless both sizes are positive.
    Embedding(Index input_dim, Index output_dim, EmbeddingOptions options = {})
        : input_dim_(input_dim), output_dim_(output_dim), options_(options) {
        detail::check_positive(name(), "input_dim", input_dim);
        detail::check_positive(name(), "output_dim", output_dim);
    }

    static constexpr std::string_view name() { return "Embedding"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(std::is_same_v<Element, std::int32_t>, "Embedding: the input must be ids of std::int32_t");
        static_assert(Rank == any_rank || Rank == 2, "Embedding: the input must be [batch, time] ids, rank 2");
        return 3;
    }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 1, "[time]");
        parameters_.embeddings.resize(input_dim_, output_dim_);
        fill_uniform(parameters_.embeddings, 0.05, seed);
        return {in[0], output_dim_};
    }

    /// Throws DataError for an id outside the table.
    template <class X, class Mode = Inference>
    View<T, 3> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto ids = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        const Index batch = ids.extent(0), time = ids.extent(1), n = batch * time;
        const Index bad = kernels::find_out_of_range(ids.data(), n, input_dim_);
        if (bad < n)
            throw DataError(message("Embedding: id ", ids.data()[bad], " at [", bad / time, ", ", bad % time,
                                    "] is outside the table of ", input_dim_, " rows"));
        View<T, 3> y{cache.y.need(n * output_dim_), {batch, time, output_dim_}};
        kernels::gather_rows<T>(parameters_.embeddings.data(), output_dim_, ids.data(), n, y.data());
        if (options_.mask_zero) {
            std::uint8_t* keep = cache.keep.need(n);
            for (Index i = 0; i < n; ++i) keep[i] = ids.data()[i] != 0;
            y.mask = Mask{keep};
        }
        cache.ids = Mode::training ? ids.data() : nullptr;
        cache.time = time;
        return y;
    }

    /// embeddings[id] += dy of each place of the id; there is no gradient by an id.
    template <InputGradient Want = InputGradient::compute, class DY>
    NoGradient backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.ids);
        detail::check_extent(name(), "steps", cache.time, d.extent(1));
        detail::check_extent(name(), "output features", output_dim_, d.last());
        for (Index i = 0; i < d.rows(); ++i)
            kernels::add<T>(d.data() + i * output_dim_, gradients.embeddings.row(cache.ids[i]), output_dim_);
        return {};
    }

    const Parameters& parameters() const { return parameters_; }
    Gradients zero_gradients() const { return {SparseRows<T>(parameters_.embeddings.dimension(0), output_dim_)}; }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor.size("input_dim", self.input_dim_);
        visitor.size("output_dim", self.output_dim_);
        visitor("mask_zero", self.options_.mask_zero);
    }
    void parameters_changed() {}
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor("embeddings", self.parameters_.embeddings, others.embeddings...);
    }

private:
    Index input_dim_ = 0, output_dim_ = 0;
    EmbeddingOptions options_;
    Parameters parameters_;
};

DEEPREC_END
