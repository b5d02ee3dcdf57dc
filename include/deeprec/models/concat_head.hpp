/// A dense head over the concatenation of two vectors, without ever concatenating them.
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
template <class Head>
inline constexpr bool starts_with_dense = false;
template <class First, class... Rest>
inline constexpr bool starts_with_dense<Sequential<First, Rest...>> = is_dense<First>;
}  // namespace detail

/// What TwoTower does with a head over the concatenation. With the kernel of the first layer in two parts, the rows that
/// meet the user and those that meet the item, W [u; v] + b = (Wu u + b) + Wv v: each term is computed once for a user or
/// an item however often they meet, and only the sum is made for each pair.
template <class Head>
struct ConcatHead {
    static_assert(detail::starts_with_dense<Head>,
                  "TwoTower: the head must be Dot, Cosine or a Sequential that starts with one of them or with Dense");
    using T = typename Head::Scalar;
    using First = std::decay_t<decltype(std::declval<Head>().template layer<0>())>;
    using Activation = typename First::FinalActivation;
    static constexpr bool is_single = Head::size() == 1;

    struct Cache {
        const T *u = nullptr, *v = nullptr;
        Index users = 0, items = 0, block = 1;
        Buffer<T> a, c, z, y, dz, da, dc, du, dv;
    };

    /// u [B, Wu], v [B / block * G, Wv] -> [B*G, outputs].
    template <bool Logits, class Mode>
    static auto forward(const Head& head, const View<const T, 2>& u, const View<const T, 2>& v, Index block, Cache& cache,
                        typename Head::Cache& head_cache, Mode mode) {
        const First& first = head.template layer<0>();
        const Index users = u.extent(0), items = v.extent(0), candidates = candidates_per_user(users, items, block);
        const Index units = first.units(), pairs = users * candidates;
        const T* a = user_term(first, u, cache.a);
        const T* c = item_term(first, v, cache.c);
        T* y = cache.y.need(pairs * units);
        T* z = nullptr;
        if constexpr (Mode::training && Activation::needs_input) z = cache.z.need(pairs * units);
        if constexpr (Logits && is_single)
            kernels::add_pairs(a, c, users, block, candidates, units, y, z, Linear{});
        else
            kernels::add_pairs(a, c, users, block, candidates, units, y, z, first.activation());
        cache.u = Mode::training ? u.data() : nullptr;
        cache.v = v.data();
        cache.users = users;
        cache.items = items;
        cache.block = block;
        const View<T, 2> hidden{y, {pairs, units}};
        if constexpr (is_single)
            return hidden;
        else
            return head.template forward_from<1, Logits>(hidden, head_cache, mode);
    }
    template <bool Logits, class DY>
    static Pair<View<T, 2>, View<T, 2>> backward(const Head& head, const DY& dy, Cache& cache, typename Head::Cache& head_cache,
                                                 typename Head::Gradients& gradients) {
        detail::check_trained("TwoTower", cache.u);
        const First& first = head.template layer<0>();
        const Index users = cache.users, items = cache.items, units = first.units();
        const Index candidates = candidates_per_user(users, items, cache.block);
        const auto dh = [&] {
            if constexpr (is_single)
                return view(dy);
            else
                return head.template backward_to<1, Logits>(dy, head_cache, gradients);
        }();
        detail::check_gradient("TwoTower", Shape{users * candidates, units}, dh);
        const T* dz = dh.data();
        if constexpr (!std::is_same_v<Activation, Linear> && !(Logits && is_single)) {
            T* product = cache.dz.need(dh.size());
            const T* source = Activation::needs_input ? cache.z.data() : cache.y.data();
            kernels::activate_backward(dz, source, product, dh.size(), first.activation());
            dz = product;
        }
        T* da = cache.da.need(users * units);
        T* dc = cache.dc.need(items * units);
        kernels::add_pairs_backward(dz, users, cache.block, candidates, units, da, dc);
        auto& gradient = std::get<0>(gradients.layers);
        const PackedKernel<T>&user = first.part(0), &item = first.part(1);
        user.add_gradient(cache.u, users, user.rows(), da, gradient.kernel.data());
        item.add_gradient(cache.v, items, item.rows(), dc, gradient.kernel.data() + user.rows() * units);
        if (gradient.bias.size()) kernels::sum_rows<T>(da, users, units, units, gradient.bias.data());
        T* du = cache.du.need(users * user.rows());
        T* dv = cache.dv.need(items * item.rows());
        user.backward(da, users, du, user.rows());
        item.backward(dc, items, dv, item.rows());
        return {{du, {users, user.rows()}}, {dv, {items, item.rows()}}};
    }

    /// Wu u + b, [B, units].
    static const T* user_term(const First& first, const View<const T, 2>& u, Buffer<T>& out) {
        const auto& bias = first.parameters().bias;
        return term(first, 0, u, bias.size() ? bias.data() : nullptr, out);
    }
    /// Wv v, [items, units].
    static const T* item_term(const First& first, const View<const T, 2>& v, Buffer<T>& out) { return term(first, 1, v, nullptr, out); }

private:
    static const T* term(const First& first, std::size_t part, const View<const T, 2>& x, const T* bias, Buffer<T>& out) {
        const PackedKernel<T>& kernel = first.part(part);
        detail::check_extent("TwoTower", part == 0 ? "user features" : "item features", kernel.rows(), x.last());
        T* y = out.need(x.extent(0) * kernel.units());
        kernel.forward(x.data(), x.extent(0), x.last(), y, {.bias = bias});
        return y;
    }
};

DEEPREC_END
