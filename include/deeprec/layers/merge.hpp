/// Several tensors of one shape become one: Add, Multiply, Average, Maximum, Concatenate.
#pragma once

#include <array>
#include <cmath>
#include <tuple>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/simd/dropout.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// y = Rule(x_1, ..., x_N) as Keras' merge layers, for compositions by hand: `Add{}.forward(std::tie(a, b), cache)`.
/// N inputs of rank `Rank` or any other; the inputs must stay until backward.
///
/// Shapes: x_i [B, ...] of one shape (Concatenate: but for the last axis) -> y. A step is kept where every input with a
/// mask keeps it. `Add{}` has two inputs, `BasicAdd<double, 3>{}` three.
template <class T, class Rule, std::size_t N>
class Merge {
    static_assert(N >= 1, "Merge: at least one input");

public:
    using Scalar = T;
    static constexpr int inputs = N;  ///< how many it merges
    struct Cache : LayerCache {
        std::array<const T*, N> x{};
        std::array<Index, N> widths{};
        Buffer<std::uint8_t> keep;
        Buffer<T> y;
        std::array<Buffer<T>, N> dx;
    };

    static constexpr std::string_view name() { return Rule::name; }

    /// Throws ShapeError for inputs that do not fit together.
    template <class... Xs>
    auto forward(const std::tuple<Xs...>& xs, Cache& cache, const Pass& pass = {}) const {
        static_assert(sizeof...(Xs) == N, "Merge: another number of inputs than the layer has");
        return std::apply([&](const auto&... x) { return run(cache, pass.training, view(x)...); }, xs);
    }
    /// dL/dx_i for each input.
    template <class DY>
    auto backward(const DY& dy, Cache& cache, NoParameters&) const {
        const auto d = view(dy);
        detail::check_trained(name(), cache.trained);
        detail::check_gradient(name(), cache.out, d.shape());
        std::array<T*, N> dx{};
        for (std::size_t i = 0; i < N; ++i) dx[i] = cache.dx[i].need(d.rows() * cache.widths[i]);
        Rule::template backward<T, N>(d.data(), d.rows(), cache.widths, cache.x, dx);
        return [&]<std::size_t... At>(std::index_sequence<At...>) {
            const auto input = [&](std::size_t i) {
                auto extents = d.extents();
                extents.back() = cache.widths[i];
                return View<T, rank_of<DY>>{dx[i], extents};
            };
            return std::array{input(At)...};
        }
        (std::make_index_sequence<N>{});
    }

private:
    template <class First, class... Rest>
    View<T, First::rank> run(Cache& cache, bool training, const First& first, const Rest&... rest) const {
        static_assert(std::is_same_v<ElementOf<First>, T> && (std::is_same_v<ElementOf<Rest>, T> && ...),
                      "Merge: the inputs must have the scalar type of the layer");
        static_assert(((First::rank == Rest::rank) && ...), "Merge: the inputs must have one rank");
        const auto check = [&](const auto& x) {
            bool fits = Rule::concatenates || x.last() == first.last();
            for (int axis = 0; axis + 1 < First::rank; ++axis) fits = fits && x.extent(axis) == first.extent(axis);
            if (!fits)
                throw ShapeError(
                    message(name(), ": inputs of shape ", first.shape(), " and ", x.shape(), " do not fit together"));
        };
        (check(rest), ...);
        cache.x = {first.data(), rest.data()...};
        cache.widths = {first.last(), rest.last()...};
        auto extents = first.extents();
        if constexpr (Rule::concatenates) extents.back() = (first.last() + ... + rest.last());
        View<T, First::rank> y{cache.y.need(first.rows() * extents.back()), extents};
        cache.out = y.shape();
        cache.trained = training;
        Rule::template forward<T, N>(cache.x, first.rows(), cache.widths, y.data());
        y.mask = Mask{all_keep(cache.keep, first.extent(0) * (First::rank > 1 ? first.extent(1) : 1),
                               {first.mask.keep, rest.mask.keep...})};
        return y;
    }
    static const std::uint8_t* all_keep(Buffer<std::uint8_t>& out, Index steps,
                                        const std::array<const std::uint8_t*, N>& masks) {
        std::uint8_t* both = nullptr;
        const std::uint8_t* one = nullptr;
        for (const std::uint8_t* mask : masks) {
            if (!mask) continue;
            if (one && !both) both = std::copy_n(one, steps, out.need(steps)) - steps;
            if (both)
                for (Index i = 0; i < steps; ++i) both[i] = both[i] && mask[i];
            one = mask;
        }
        return both ? both : one;
    }
};

namespace detail {
template <class T, std::size_t N>
using Pointers = std::array<const T*, N>;
template <std::size_t N>
using Widths = std::array<Index, N>;

struct AddRule {
    static constexpr std::string_view name = "Add";
    static constexpr bool concatenates = false;
    template <class T, std::size_t N>
    static void forward(const Pointers<T, N>& x, Index rows, const Widths<N>& widths, T* y) {
        const Index n = rows * widths[0];
        std::copy_n(x[0], n, y);
        for (std::size_t i = 1; i < N; ++i) kernels::add<T>(x[i], y, n);
    }
    template <class T, std::size_t N>
    static void backward(const T* dy, Index rows, const Widths<N>& widths, const Pointers<T, N>&,
                         std::array<T*, N>& dx) {
        for (T* d : dx) std::copy_n(dy, rows * widths[0], d);
    }
};
struct AverageRule {
    static constexpr std::string_view name = "Average";
    static constexpr bool concatenates = false;
    template <class T, std::size_t N>
    static void forward(const Pointers<T, N>& x, Index rows, const Widths<N>& widths, T* y) {
        const Index n = rows * widths[0];
        AddRule::forward<T, N>(x, rows, widths, y);
        for (Index i = 0; i < n; ++i) y[i] /= T(N);
    }
    template <class T, std::size_t N>
    static void backward(const T* dy, Index rows, const Widths<N>& widths, const Pointers<T, N>&,
                         std::array<T*, N>& dx) {
        for (T* d : dx)
            for (Index i = 0; i < rows * widths[0]; ++i) d[i] = dy[i] / T(N);
    }
};
struct MultiplyRule {
    static constexpr std::string_view name = "Multiply";
    static constexpr bool concatenates = false;
    template <class T, std::size_t N>
    static void forward(const Pointers<T, N>& x, Index rows, const Widths<N>& widths, T* y) {
        const Index n = rows * widths[0];
        std::copy_n(x[0], n, y);
        for (std::size_t i = 1; i < N; ++i) kernels::multiply<T>(x[i], y, y, n);
    }
    template <class T, std::size_t N>
    static void backward(const T* dy, Index rows, const Widths<N>& widths, const Pointers<T, N>& x,
                         std::array<T*, N>& dx) {
        const Index n = rows * widths[0];
        for (std::size_t i = 0; i < N; ++i) {
            std::copy_n(dy, n, dx[i]);
            for (std::size_t j = 0; j < N; ++j)
                if (j != i) kernels::multiply<T>(x[j], dx[i], dx[i], n);
        }
    }
};
/// max(max(x_0, x_1), ...): two that tie share the gradient of their maximum, as PyTorch has it. A NaN is the maximum.
struct MaximumRule {
    static constexpr std::string_view name = "Maximum";
    static constexpr bool concatenates = false;
    template <class T, std::size_t N>
    static void forward(const Pointers<T, N>& x, Index rows, const Widths<N>& widths, T* y) {
        for (Index i = 0; i < rows * widths[0]; ++i) {
            y[i] = x[0][i];
            for (std::size_t k = 1; k < N; ++k) y[i] = kernels::max_nan(y[i], x[k][i]);
        }
    }
    template <class T, std::size_t N>
    static void backward(const T* dy, Index rows, const Widths<N>& widths, const Pointers<T, N>& x,
                         std::array<T*, N>& dx) {
        for (Index i = 0; i < rows * widths[0]; ++i) {
            T best = x[0][i];
            std::array<T, N> share{T(1)};
            for (std::size_t k = 1; k < N; ++k) {
                if (x[k][i] < best || std::isnan(best)) continue;
                share[k] = detail::equal(x[k][i], best) ? T(0.5) : T(1);
                for (std::size_t j = 0; j < k; ++j) share[j] *= 1 - share[k];
                best = x[k][i];
            }
            for (std::size_t k = 0; k < N; ++k) dx[k][i] = detail::equal(share[k], 0) ? T(0) : share[k] * dy[i];
        }
    }
};
/// Along the last axis.
struct ConcatenateRule {
    static constexpr std::string_view name = "Concatenate";
    static constexpr bool concatenates = true;
    template <class T, std::size_t N>
    static void forward(const Pointers<T, N>& x, Index rows, const Widths<N>& widths, T* y) {
        for (Index r = 0; r < rows; ++r)
            for (std::size_t i = 0; i < N; ++i) y = std::copy_n(x[i] + r * widths[i], widths[i], y);
    }
    template <class T, std::size_t N>
    static void backward(const T* dy, Index rows, const Widths<N>& widths, const Pointers<T, N>&,
                         std::array<T*, N>& dx) {
        for (Index r = 0; r < rows; ++r)
            for (std::size_t i = 0; i < N; dy += widths[i++]) std::copy_n(dy, widths[i], dx[i] + r * widths[i]);
    }
};
}  // namespace detail

template <class T, std::size_t N = 2>
using BasicAdd = Merge<T, detail::AddRule, N>;
template <class T, std::size_t N = 2>
using BasicMultiply = Merge<T, detail::MultiplyRule, N>;
template <class T, std::size_t N = 2>
using BasicAverage = Merge<T, detail::AverageRule, N>;
template <class T, std::size_t N = 2>
using BasicMaximum = Merge<T, detail::MaximumRule, N>;
template <class T, std::size_t N = 2>
using BasicConcatenate = Merge<T, detail::ConcatenateRule, N>;
using Add = BasicAdd<float>;                  ///< a + b
using Multiply = BasicMultiply<float>;        ///< a b
using Average = BasicAverage<float>;          ///< (a + b) / 2
using Maximum = BasicMaximum<float>;          ///< max(a, b); ties share the gradient
using Concatenate = BasicConcatenate<float>;  ///< [a, b] along the last axis

DEEPREC_END
