/// Self-attention.
#pragma once

#include <array>

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/linear/attention.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/layers/packed_kernel.hpp>

DEEPREC_BEGIN

struct MultiHeadAttentionOptions {
    bool use_causal_mask = false;  ///< a step sees itself and earlier steps only
    bool use_bias = true;
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
class MultiHeadAttention {
public:
    using Scalar = T;
    using InputElement = T;
    struct Parameters {
        std::array<Tensor<T, 3>, 3> kernels;  // of query, key and value
        std::array<Tensor<T, 2>, 3> biases;
        Tensor<T, 3> output_kernel;
        Tensor<T, 1> output_bias;
        template <class Visitor, class... Sets>
        static void visit(Visitor& visitor, Sets&... sets) {
            constexpr std::string_view names[] = {"query", "key", "value"};
            for (std::size_t i = 0; i < 3; ++i)
                visitor.scope(names[i], [&] {
                    visitor("kernel", sets.kernels[i]...);
                    visitor("bias", sets.biases[i]...);
                });
            visitor("attention_output.kernel", sets.output_kernel...);
            visitor("attention_output.bias", sets.output_bias...);
        }
    };
    using Gradients = Parameters;
    struct Cache {
        const T* x = nullptr;  // of the kept steps, which are `kept` of all; sample b has begins[b] to begins[b + 1]
        bool masked = false;
        Shape shape;  // of y
        Buffer<Index> begins;
        Buffer<std::int32_t> kept;
        Buffer<T> x_kept, qkv, probabilities, heads, y_kept, y, scratch;
        Buffer<T> dy_kept, dheads, dqkv, dx_kept, dx;
    };

    /// Throws ArgumentError unless both sizes are positive.
    MultiHeadAttention(Index heads, Index key_dim, MultiHeadAttentionOptions options = {})
        : heads_(heads), key_dim_(key_dim), options_(options) {
        detail::check_positive(name(), "heads", heads);
        detail::check_positive(name(), "key_dim", key_dim);
    }

    static constexpr std::string_view name() { return "MultiHeadAttention"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "MultiHeadAttention: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank == 3,
                      "MultiHeadAttention: the input must be [batch, time, features], rank 3");
        return 3;
    }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        features_ = in.back();
        detail::check_positive(name(), "number of input features", features_);
        const bool bias = options_.use_bias;
        for (std::size_t i = 0; i < 3; ++i) {
            parameters_.kernels[i].resize(features_, heads_, key_dim_);
            fill_glorot_uniform(parameters_.kernels[i], features_ * heads_, features_ * key_dim_, derive(seed, i));
            parameters_.biases[i].resize(bias ? heads_ : 0, bias ? key_dim_ : 0);
            parameters_.biases[i].setZero();
        }
        parameters_.output_kernel.resize(heads_, key_dim_, features_);
        fill_glorot_uniform(parameters_.output_kernel, heads_ * key_dim_, heads_ * features_, derive(seed, 3));
        parameters_.output_bias.resize(bias ? features_ : 0);
        parameters_.output_bias.setZero();
        parameters_changed();
        return in;
    }

    template <class X, class Mode = Inference>
    View<T, 3> forward(const X& input, Cache& cache, Mode = {}) const {
        const auto x = view(input);
        output_rank<ElementOf<X>, rank_of<X>>();
        detail::check_extent(name(), "input features", features_, x.last());
        const Index batch = x.extent(0), n = keep(x, cache), w = width();
        const T* const kept = cache.masked ? gather(x.data(), n, cache, cache.x_kept) : x.data();
        T* const qkv = cache.qkv.need(n * 3 * w);
        input_.forward(kept, n, features_, qkv, {.bias = options_.use_bias ? joined_bias_.data() : nullptr});

        Index probabilities = 0, largest = 0;
        for (Index b = 0; b < batch; ++b) {
            const auto s = shape_of(cache, b);
            probabilities =
                Mode::training ? probabilities + s.probabilities() : std::max(probabilities, s.probabilities());
            largest = std::max(largest, kernels::attention_scratch<T>(s));
        }
        T *p = cache.probabilities.need(probabilities), *const scratch = cache.scratch.need(largest);
        T* const heads = cache.heads.need(n * w);
        for (Index b = 0; b < batch; ++b) {
            const auto s = shape_of(cache, b);
            const Index first = cache.begins.data()[b];
            const T* const q = qkv + first * 3 * w;
            kernels::attention<T>(s, q, q + w, q + 2 * w, 3 * w, p, heads + first * w, scratch);
            if constexpr (Mode::training) p += s.probabilities();
        }
        const T* const bias = options_.use_bias ? parameters_.output_bias.data() : nullptr;
        T* const y = cache.y.need(x.size());
        T* const to = cache.masked ? cache.y_kept.need(n * features_) : y;
        output_.forward(heads, n, w, to, {.bias = bias});
        if (cache.masked) scatter(to, bias, x.rows(), n, cache, y);
        cache.x = Mode::training ? kept : nullptr;
        if constexpr (Mode::training) cache.shape = x.shape();
        return {y, x.extents(), x.mask};
    }

    /// Back through the products and kernels::attention_backward; masked steps have dx = 0 and part in the gradient of
    /// the output's bias only.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.x);
        detail::check_gradient(name(), cache.shape, d);
        const Index batch = d.extent(0), n = cache.begins.data()[batch], w = width();
        const T* const kept = cache.masked ? gather(d.data(), n, cache, cache.dy_kept) : d.data();
        output_.add_gradient(cache.heads.data(), n, w, kept, gradients.output_kernel.data());
        T* const dheads = cache.dheads.need(n * w);
        output_.backward(kept, n, dheads, w);

        T *const dqkv = cache.dqkv.need_zeros(n * 3 * w), *p = cache.probabilities.data();
        for (Index b = 0; b < batch; ++b) {
            const auto s = shape_of(cache, b);
            const Index first = cache.begins.data()[b];
            const T* const q = cache.qkv.data() + first * 3 * w;
            T* const dq = dqkv + first * 3 * w;
            kernels::attention_backward<T>(s, dheads + first * w, q, q + w, q + 2 * w, 3 * w, p, dq, dq + w, dq + 2 * w,
                                           cache.scratch.data());
            p += s.probabilities();
        }
        const auto rows = kernels::matrix_rows(cache.x, n, features_, features_);
        for (std::size_t i = 0; i < 3; ++i) {
            const T* const part = dqkv + static_cast<Index>(i) * w;
            kernels::gemm_tn<T>(rows, part, 3 * w, w, gradients.kernels[i].data(), w);
            if (options_.use_bias) kernels::sum_rows<T>(part, n, w, 3 * w, gradients.biases[i].data());
        }
        if (options_.use_bias)
            kernels::sum_rows<T>(d.data(), d.rows(), features_, features_, gradients.output_bias.data());
        if constexpr (Want == InputGradient::skip) {
            return NoGradient{};
        } else {
            T* const dx = cache.dx.need(d.size());
            T* const to = cache.masked ? cache.dx_kept.need(n * features_) : dx;
            input_.backward(dqkv, n, to, features_);
            if (cache.masked) scatter(to, nullptr, d.rows(), n, cache, dx);
            return View<T, 3>{dx, d.extents()};
        }
    }

    Index heads() const { return heads_; }
    Index key_dim() const { return key_dim_; }
    const MultiHeadAttentionOptions& options() const { return options_; }
    const Parameters& parameters() const { return parameters_; }
    Gradients zero_gradients() const { return zeros_like(parameters_); }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Parameters::visit(visitor, self.parameters_, others...);
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor.size("heads", self.heads_);
        visitor.size("key_dim", self.key_dim_);
        visitor("use_causal_mask", self.options_.use_causal_mask);
        visitor("use_bias", self.options_.use_bias);
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

private:
    Index width() const { return heads_ * key_dim_; }
    kernels::AttentionShape shape_of(const Cache& cache, Index b) const {
        const Index* begin = cache.begins.data() + b;
        return {begin[1] - begin[0], heads_, key_dim_, options_.use_causal_mask};
    }
    /// Lists the steps that count; returns their number.
    static Index keep(const View<const T, 3>& x, Cache& cache) {
        const Index batch = x.extent(0), time = x.extent(1);
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
        T* const rows = to.need(std::max<Index>(n, 1) * features_);  // never null: backward looks for it
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

    Index heads_ = 0, key_dim_ = 0, features_ = 0;
    MultiHeadAttentionOptions options_;
    Parameters parameters_;
    Buffer<T> joined_kernel_, joined_bias_;  // query, key and value side by side: one product makes all three
    PackedKernel<T> input_, output_;
};

DEEPREC_END
