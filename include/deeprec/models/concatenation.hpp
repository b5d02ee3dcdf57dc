/// A head of layers over the concatenation of two vectors, without ever concatenating them.
#pragma once

#include <deeprec/core/inputs.hpp>
#include <deeprec/kernels/linear/pairs.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/models/sequential.hpp>

DEEPREC_BEGIN

namespace detail {
template <class L>
inline constexpr bool is_dense = false;
template <class T, class Activation>
inline constexpr bool is_dense<Dense<T, Activation>> = true;
template <class Layers>
inline constexpr bool starts_with_dense = false;
template <class First, class... Rest>
inline constexpr bool starts_with_dense<Sequential<First, Rest...>> = is_dense<First>;
}  // namespace detail

/// y = layers([u; v]), the head that TwoTower makes of a Sequential. With the kernel of the first layer in two parts,
/// the rows that meet the user and those that meet the item, W [u; v] + b = (Wu u + b) + Wv v: each term is computed
/// once for a user or an item however often they meet, and only the sum is made for each pair.
///
/// Shapes: u [B, Wu], v [B / block * G, Wv] -> [B*G, outputs], who meets what as in Pair. Parameters have the names of
/// the layers: "0.kernel" [Wu + Wv, units].
template <class Layers>
class Concatenation {
    static_assert(detail::starts_with_dense<Layers>,
                  "TwoTower: the head must be Dot, Cosine or a Sequential that starts with one of them or with Dense");
    using T = typename Layers::Scalar;
    using First = std::decay_t<decltype(std::declval<Layers>().template layer<0>())>;
    using Activation = typename First::FinalActivation;
    static constexpr bool is_single = std::is_same_v<Layers, Sequential<First>>;

public:
    using Scalar = T;
    using FinalActivation = typename FinalActivationOf<Layers>::type;
    using Gradients = typename Layers::Gradients;
    struct Cache {
        bool trained = false, logits = false;
        const T *u = nullptr, *v = nullptr;
        Index users = 0, items = 0, block = 1;
        Buffer<T> a, c, z, y, dz, da, dc, du, dv;
        typename Layers::Cache layers;
    };

    Concatenation() = default;
    explicit Concatenation(Layers layers) : layers_(std::move(layers)) {}

    static constexpr std::string_view name() { return Layers::name(); }
    /// The layers for vectors of these shapes. Throws what they throw, ArgumentError unless both vectors have numbers.
    Shape size(const Shape& u, const Shape& v) {
        const Index widths[] = {u.back(), v.back()};
        for (const Index width : widths) detail::check_positive("TwoTower", "width of a tower's vector", width);
        user_width_ = u.back();
        return layers_.size({u.back() + v.back()});
    }
    Shape build(const Shape& u, const Shape& v, Seed seed) {
        const Shape out = size(u, v);
        detail::make_parameters(*this, seed);
        return out;
    }
    void fields(Fields<T>& f, Gradients& g) { layers_.fields(f, g); }
    Gradients zero_gradients() const { return layers_.zero_gradients(); }
    void parameters_changed() {
        const T* kernel = first().parameters().kernel.data();
        const Index units = first().units(), item_width = layers_.input_shape()[0] - user_width_;
        user_.pack(kernel, user_width_, units);
        item_.pack(kernel + user_width_ * units, item_width, units);
        layers_.template parameters_changed_from<1>();  // the first layer never runs by itself
    }

    View<const T, 2> forward(const View<const T, 2>& u, const View<const T, 2>& v, Index block, Cache& cache,
                             const Pass& pass = {}) const {
        const Index users = u.extent(0), items = v.extent(0), candidates = candidates_per_user(users, items, block);
        const Index units = first().units(), pairs = users * candidates;
        const T *a = user_term(u, cache.a), *c = item_term(v, cache.c);
        T* y = cache.y.need(pairs * units);
        T* z = nullptr;
        if (pass.training && Activation::needs_input) z = cache.z.need(pairs * units);
        if (is_single && pass.logits)
            kernels::add_pairs({users, block, candidates, units}, a, c, y, z, Linear{});
        else
            kernels::add_pairs({users, block, candidates, units}, a, c, y, z, first().activation());
        cache.trained = pass.training;
        cache.logits = pass.logits;
        cache.u = u.data();
        cache.v = v.data();
        cache.users = users;
        cache.items = items;
        cache.block = block;
        return behind({y, {pairs, units}}, cache, pass).template as<2>();
    }
    /// Pair{dL/du, dL/dv}.
    template <class DY>
    Pair<View<const T, 2>, View<const T, 2>> backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        detail::check_trained("TwoTower", cache.trained);
        const Index users = cache.users, items = cache.items, units = first().units();
        const Index candidates = candidates_per_user(users, items, cache.block);
        Block<const T> dh(view(dy));
        if constexpr (!is_single) dh = layers_.template apply_backward_to<1>(dh, cache.layers, gradients, true);
        detail::check_gradient("TwoTower", Shape{users * candidates, units}, dh.shape);
        const T* dz = dh.data;
        if (!std::is_same_v<Activation, Linear> && !(is_single && cache.logits)) {
            T* product = cache.dz.need(dh.size());
            const T* source = Activation::needs_input ? cache.z.data() : cache.y.data();
            kernels::activate_backward(dz, source, product, dh.size(), first().activation());
            dz = product;
        }
        T* da = cache.da.need(users * units);
        T* dc = cache.dc.need(items * units);
        kernels::add_pairs_backward({users, cache.block, candidates, units}, dz, da, dc);
        auto& gradient = std::get<0>(gradients.layers);
        user_.add_gradient(cache.u, users, user_.rows(), da, gradient.kernel.data());
        item_.add_gradient(cache.v, items, item_.rows(), dc, gradient.kernel.data() + user_.rows() * units);
        if (gradient.bias.size()) kernels::sum_rows<T>(da, users, units, units, gradient.bias.data());
        T* du = cache.du.need(users * user_.rows());
        T* dv = cache.dv.need(items * item_.rows());
        user_.backward(da, users, du, user_.rows());
        item_.backward(dc, items, dv, item_.rows());
        return {View<const T, 2>{du, {users, user_.rows()}}, View<const T, 2>{dv, {items, item_.rows()}}};
    }

    // A score in two halves, for an index that has computed the items' in advance.

    /// Numbers of either half.
    Index half_width() const { return first().units(); }
    /// Wu u + b, [B, units].
    const T* user_term(const View<const T, 2>& u, Buffer<T>& out) const {
        const auto& bias = first().parameters().bias;
        return term("user features", user_, u, bias.size() ? bias.data() : nullptr, out);
    }
    /// Wv v, [items, units].
    const T* item_term(const View<const T, 2>& v, Buffer<T>& out) const {
        return term("item features", item_, v, nullptr, out);
    }
    /// The scores of one user with `rows` items before the final activation, [rows, 1], from their halves.
    const T* score_halves(const T* user, const T* items, Index rows, Cache& cache) const {
        const Index units = first().units();
        T* y = cache.y.need(rows * units);
        if constexpr (is_single)
            kernels::add_pairs({1, 1, rows, units}, user, items, y, static_cast<T*>(nullptr), Linear{});
        else
            kernels::add_pairs({1, 1, rows, units}, user, items, y, static_cast<T*>(nullptr), first().activation());
        return behind({y, {rows, units}}, cache, Pass{}.on_logits()).data;
    }

    /// The layers over [u; v], of which the first never runs by itself.
    const Layers& layers() const { return layers_; }
    /// Numbers of u.
    Index user_width() const { return user_width_; }
    const Shape& output_shape() const { return layers_.output_shape(); }
    /// The Heads that the layers end in.
    const auto& heads() const
        requires requires(const Layers& layers) { layers.heads(); }
    {
        return layers_.heads();
    }
    /// The final activation itself, where there is one.
    const auto& final_activation() const { return layers_.template layer<Layers::size() - 1>().activation(); }
    std::vector<SummaryRow> summary_rows() const { return layers_.summary_rows(); }

private:
    const First& first() const { return layers_.template layer<0>(); }
    Block<const T> behind(const Block<const T>& hidden, Cache& cache, const Pass& pass) const {
        if constexpr (is_single)
            return hidden;
        else
            return layers_.template apply_from<1>(hidden, cache.layers, pass);
    }
    static const T* term(std::string_view part, const PackedKernel<T>& kernel, const View<const T, 2>& x, const T* bias,
                         Buffer<T>& out) {
        detail::check_extent("TwoTower", part, kernel.rows(), x.last());
        T* y = out.need(x.extent(0) * kernel.units());
        kernel.forward(x.data(), x.extent(0), x.last(), y, {.bias = bias});
        return y;
    }

    Layers layers_;
    Index user_width_ = 0;
    PackedKernel<T> user_, item_;  // the two parts of the first layer's kernel
};

DEEPREC_END
