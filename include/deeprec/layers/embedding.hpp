/// Table of vectors, looked up by id.
#pragma once

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/vector.hpp>

DEEPREC_BEGIN

struct EmbeddingOptions {
    bool mask_zero = false;  ///< id 0 is padding: its steps are masked from here on
};

/// y[b, t] = embeddings[ids[b, t]], as Keras' Embedding.
///
/// Shapes: ids [B, T] of std::int32_t in 0..input_dim-1 -> y [B, T, output_dim]; `embeddings` [input_dim, output_dim]
/// (uniform in +-0.05). With mask_zero y carries the mask ids != 0; row 0 is a row like any other and still learns if
/// a later layer lets its gradient through. The gradient is a SparseRows: only rows that were used cost anything.
/// Throws DataError for an id outside the table.
template <class T = float>
class Embedding {
public:
    using Scalar = T;
    using InputElement = std::int32_t;
    struct Parameters {
        Tensor<T, 2> embeddings;
        template <class Visitor, class... Sets>
        static void visit(Visitor& visitor, Sets&... sets) {
            visitor("embeddings", sets.embeddings...);
        }
    };
    struct Gradients {
        SparseRows<T> embeddings;
    };
    struct Cache {
        const std::int32_t* ids = nullptr;
        Buffer<T> y;
        Buffer<std::uint8_t> keep;
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
        static_assert(std::is_same_v<Element, std::int32_t>, "Embedding: the input must be ids of type std::int32_t");
        static_assert(Rank == any_rank || Rank == 2, "Embedding: the input must be ids [batch, time], rank 2");
        return 3;
    }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 1, "[time]");
        parameters_.embeddings.resize(input_dim_, output_dim_);
        fill_uniform(parameters_.embeddings, 0.05, seed);
        return {in[0], output_dim_};
    }

    template <class X, class Mode = Inference>
    View<T, 3> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto ids = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        const Index batch = ids.extent(0), time = ids.extent(1), n = batch * time;
        T* y = cache.y.need(n * output_dim_);
        const T* table = parameters_.embeddings.data();
        for (Index i = 0; i < n; ++i) {
            const std::int32_t id = ids.data()[i];
            if (id < 0 || id >= input_dim_)
                throw DataError(message("Embedding: expected ids from 0 to ", input_dim_ - 1, ", received ", id,
                                        " at [", i / time, ", ", i % time, "]"));
            std::copy_n(table + id * output_dim_, output_dim_, y + i * output_dim_);
        }
        Mask mask;
        if (options_.mask_zero) {
            std::uint8_t* keep = cache.keep.need(n);
            for (Index i = 0; i < n; ++i) keep[i] = ids.data()[i] != 0;
            mask.keep = keep;
        }
        cache.ids = Mode::training ? ids.data() : nullptr;
        return {y, {batch, time, output_dim_}, mask};
    }
    /// dE[ids[b, t]] += dy[b, t]; ids have no gradient.
    template <InputGradient Want = InputGradient::compute, class DY>
    NoGradient backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.ids);
        detail::check_extent(name(), "output_dim", output_dim_, d.last());
        for (Index i = 0; i < d.rows(); ++i)
            kernels::add<T>(d.data() + i * output_dim_, gradients.embeddings.row(cache.ids[i]), output_dim_);
        return {};
    }

    const Parameters& parameters() const { return parameters_; }
    Gradients zero_gradients() const { return {SparseRows<T>(input_dim_, output_dim_)}; }
    void parameters_changed() {}
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Parameters::visit(visitor, self.parameters_, others...);
    }

private:
    Index input_dim_ = 0, output_dim_ = 0;
    EmbeddingOptions options_;
    Parameters parameters_;
};

Embedding(Index, Index, EmbeddingOptions = {}) -> Embedding<float>;

DEEPREC_END
