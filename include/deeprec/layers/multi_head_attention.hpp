/// Self-attention.
#pragma once

#include <array>

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/linear/attention.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/layers/packed_kernel.hpp>

DEEPREC_BEGIN

/// Of MultiHeadAttention: `MultiHeadAttention{2, 32, {.use_causal_mask = true}}`.
struct MultiHeadAttentionOptions {
    bool use_causal_mask = false;  ///< a step sees itself and earlier steps only
    bool use_bias = true;          ///< adds a bias, trained like the kernel
};

/// Every step asks all steps (Vaswani et al. 2017), as Keras' MultiHeadAttention with query = value = x:
///
///     q = x Wq + bq, k = x Wk + bk, v = x Wv + bv           [T, heads, key_dim]
///     y = concat over heads of softmax(q_h k_h^T / sqrt(key_dim)) v_h, times Wo, + bo
///
/// Shapes: x [B, T, F] -> y [B, T, F]; `query.kernel`, `key.kernel`, `value.kernel` [F, heads, key_dim] and
/// `attention_output.kernel` [heads, key_dim, F] (glorot uniform by Keras' rule for such kernels: a, b, c have fan_in a
/// b and fan_out a c), their `bias` [heads, key_dim] and [F] (zeros). `MultiHeadAttention{2, 32, {.use_causal_mask =
/// true}}`.
///
/// A mask travels on. Its steps are left out, as queries and as keys, so that nothing in them reaches the other steps
/// and these get the bits of the sequence without them. A query without keys, hence every masked step, has
/// probabilities 0 and y = bo (Keras: the mean over all steps).
template <class T = float>
class MultiHeadAttention : public BasicLayer<MultiHeadAttention<T>, T> {
    using Base = BasicLayer<MultiHeadAttention, T>;
    using Base::features_;

public:
    using Scalar = T;
    struct Parameters {
        std::array<Tensor<T, 3>, 3> kernels;  ///< of query, key and value, [F, heads, key_dim]
        std::array<Tensor<T, 2>, 3> biases;   ///< of the same, [heads, key_dim]; empty without
        Tensor<T, 3> output_kernel;           ///< [heads, key_dim, F]
        Tensor<T, 1> output_bias;             ///< [F]; empty without
    };
    using Gradients = Parameters;
    struct Cache : LayerCache {
        const T* x = nullptr;  // of the kept steps, which are `kept` of all; sample b has begins[b] to begins[b + 1]
        bool masked = false;
        Buffer<Index> begins;
        Buffer<std::int32_t> kept;
        Buffer<T> x_kept, qkv, probabilities, heads, y_kept, y, scratch;
        Buffer<T> dy_kept, dheads, dqkv, dx_kept, dx;
    };
    DEEPREC_LAYER("MultiHeadAttention", sequence, 3)

    MultiHeadAttention() = default;
    /// Throws ArgumentError unless both sizes are positive.
    MultiHeadAttention(Index heads, Index key_dim, MultiHeadAttentionOptions options = {})
        : heads_(heads), key_dim_(key_dim), options_(options) {
        check();
    }
    void check() const {
        detail::check_positive(name(), "heads", heads_);
        detail::check_positive(name(), "key_dim", key_dim_);
    }
    Shape prepare(const Shape& in) const { return in; }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("heads", heads_);
        f.option("key_dim", key_dim_);
        f.option("use_causal_mask", options_.use_causal_mask);
        f.option("use_bias", options_.use_bias);
        constexpr std::string_view names[] = {"query", "key", "value"};
        const Shape bias = options_.use_bias ? Shape{heads_, key_dim_} : Shape{0};
        for (std::size_t i = 0; i < 3; ++i)
            f.scope(names[i], [&] {
                f.parameter("kernel", parameters_.kernels[i], {features_, heads_, key_dim_}, glorot_uniform,
                            g.kernels[i], static_cast<int>(i));
                f.parameter("bias", parameters_.biases[i], bias, Constant{}, g.biases[i]);
            });
        f.scope("attention_output", [&] {
            f.parameter("kernel", parameters_.output_kernel, {heads_, key_dim_, features_}, glorot_uniform,
                        g.output_kernel, 3);
            f.parameter("bias", parameters_.output_bias, {options_.use_bias ? features_ : 0}, Constant{},
                        g.output_bias);
        });
    }
    void parameters_changed() {
        const Index w = width();
        T *const kernel = joined_kernel_.need(features_ * 3 * w), *const bias = joined_bias_.need(3 * w);
        for (Index i = 0; i < 3; ++i) {
            const auto& from = parameters_.kernels[static_cast<std::size_t>(i)];
            for (Index f = 0; f < features_; ++f) std::copy_n(from.data() + f * w, w, kernel + (3 * f + i) * w);
            if (options_.use_bias) std::copy_n(parameters_.biases[static_cast<std::size_t>(i)].data(), w, bias + i * w);
        }
        input_.pack(kernel, features_, 3 * w);
        output_.pack(parameters_.output_kernel.data(), w, features_);
    }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        const Index batch = x.batch(), n = keep(x, cache), w = width();
        const T* const kept = cache.masked ? gather(x.data, n, cache, cache.x_kept) : x.data;
        T* const qkv = cache.qkv.need(n * 3 * w);
        input_.forward(kept, n, features_, qkv, {.bias = options_.use_bias ? joined_bias_.data() : nullptr});

        Index probabilities = 0, largest = 0;  // backward needs those of all samples
        for (Index b = 0; b < batch; ++b) {
            const auto s = shape_of(cache, b);
            probabilities =
                pass.training ? probabilities + s.probabilities() : std::max(probabilities, s.probabilities());
            largest = std::max(largest, kernels::attention_scratch<T>(s));
        }
        T *p = cache.probabilities.need(probabilities), *const scratch = cache.scratch.need(largest);
        T* const heads = cache.heads.need(n * w);
        for (Index b = 0; b < batch; ++b) {
            const auto s = shape_of(cache, b);
            const Index first = cache.begins.data()[b];
            const T* const q = qkv + first * 3 * w;
            kernels::attention<T>(s, {q, q + w, q + 2 * w, 3 * w}, p, heads + first * w, scratch);
            if (pass.training) p += s.probabilities();
        }
        const T* const bias = options_.use_bias ? parameters_.output_bias.data() : nullptr;
        T* const y = cache.y.need(x.size());
        T* const to = cache.masked ? cache.y_kept.need(n * features_) : y;
        output_.forward(heads, n, w, to, {.bias = bias});
        if (cache.masked) scatter(to, bias, x.rows(), n, cache, y);
        cache.x = kept;
        return {y, x.shape, x.mask};
    }

    /// Back through the products and kernels::attention_backward; masked steps have dx = 0 and part in the gradient of
    /// the output's bias only.
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool want_dx) const {
        const Index batch = dy.batch(), n = cache.begins.data()[batch], w = width();
        const T* const kept = cache.masked ? gather(dy.data, n, cache, cache.dy_kept) : dy.data;
        output_.add_gradient(cache.heads.data(), n, w, kept, gradients.output_kernel.data());
        T* const dheads = cache.dheads.need(n * w);
        output_.backward(kept, n, dheads, w);

        T *const dqkv = cache.dqkv.need_zeros(n * 3 * w), *p = cache.probabilities.data();
        for (Index b = 0; b < batch; ++b) {
            const auto s = shape_of(cache, b);
            const Index first = cache.begins.data()[b];
            const T* const q = cache.qkv.data() + first * 3 * w;
            T* const dq = dqkv + first * 3 * w;
            kernels::attention_backward<T>(s, dheads + first * w, {q, q + w, q + 2 * w, 3 * w}, p,
                                           {dq, dq + w, dq + 2 * w}, cache.scratch.data());
            p += s.probabilities();
        }
        const auto rows = kernels::matrix_rows(cache.x, n, features_, features_);
        for (std::size_t i = 0; i < 3; ++i) {
            const T* const part = dqkv + static_cast<Index>(i) * w;
            kernels::gemm_tn<T>(rows, part, 3 * w, w, gradients.kernels[i].data(), w);
            if (options_.use_bias) kernels::sum_rows<T>(part, n, w, 3 * w, gradients.biases[i].data());
        }
        if (options_.use_bias)
            kernels::sum_rows<T>(dy.data, dy.rows(), features_, features_, gradients.output_bias.data());
        if (!want_dx) return {nullptr, dy.shape};
        T* const dx = cache.dx.need(dy.size());
        T* const to = cache.masked ? cache.dx_kept.need(n * features_) : dx;
        input_.backward(dqkv, n, to, features_);
        if (cache.masked) scatter(to, nullptr, dy.rows(), n, cache, dx);
        return {dx, dy.shape};
    }

    /// How many.
    Index heads() const { return heads_; }
    /// Numbers of a query and of a key of one head.
    Index key_dim() const { return key_dim_; }
    /// What it was made with.
    const MultiHeadAttentionOptions& options() const { return options_; }
    const Parameters& parameters() const { return parameters_; }

private:
    Index width() const { return heads_ * key_dim_; }
    kernels::AttentionShape shape_of(const Cache& cache, Index b) const {
        const Index* begin = cache.begins.data() + b;
        return {begin[1] - begin[0], heads_, key_dim_, options_.use_causal_mask};
    }
    /// Lists the steps that count; returns their number.
    static Index keep(const Block<const T>& x, Cache& cache) {
        const Index batch = x.batch(), time = x.time();
        Index *const begins = cache.begins.need(batch + 1), n = 0;
        std::int32_t* const kept = x.mask ? cache.kept.need(batch * time) : nullptr;
        for (Index b = 0; b < batch; ++b) {
            begins[b] = n;
            if (!kept) n += time;
            for (Index i = b * time; kept && i < (b + 1) * time; ++i)
                if (x.mask.keep[i]) kept[n++] = static_cast<std::int32_t>(i);
        }
        begins[batch] = n;
        cache.masked = kept != nullptr;
        return n;
    }
    const T* gather(const T* all, Index n, const Cache& cache, Buffer<T>& to) const {
        T* const rows = to.need(n * features_);
        kernels::gather_rows<T>(all, features_, cache.kept.data(), n, rows);
        return rows;
    }
    /// Rows of kept steps to their places; the others get `fill`, null being zeros.
    void scatter(const T* rows, const T* fill, Index count, Index n, const Cache& cache, T* all) const {
        for (Index i = 0, next = 0; i < count; ++i, all += features_)
            if (next < n && cache.kept.data()[next] == i)
                std::copy_n(rows + next++ * features_, features_, all);
            else if (fill)
                std::copy_n(fill, features_, all);
            else
                std::fill_n(all, features_, T(0));
    }

    Index heads_ = 0, key_dim_ = 0;
    MultiHeadAttentionOptions options_;
    Parameters parameters_;
    Buffer<T> joined_kernel_, joined_bias_;  // query, key and value side by side: one product makes all three
    PackedKernel<T> input_, output_;
};

MultiHeadAttention(Index, Index) -> MultiHeadAttention<float>;
MultiHeadAttention(Index, Index, MultiHeadAttentionOptions) -> MultiHeadAttention<float>;

DEEPREC_END
