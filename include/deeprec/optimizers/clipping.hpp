/// Limits on gradients.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <deeprec/core/parameters.hpp>
#include <deeprec/core/sparse_rows.hpp>

DEEPREC_BEGIN

/// Limits that an optimizer applies before its update; infinity = off. Names and rules are Keras', which also allows
/// one at a time.
struct Clipping {
    double value = std::numeric_limits<double>::infinity();        ///< each number is cut to [-value, value]
    double norm = std::numeric_limits<double>::infinity();         ///< each parameter's gradient is scaled to this norm
    double global_norm = std::numeric_limits<double>::infinity();  ///< all gradients together
};

namespace detail {
/// All numbers of a gradient that a batch touched.
template <class T, int Rank>
std::span<T> numbers(Tensor<T, Rank>& gradient) {
    return {gradient.data(), static_cast<std::size_t>(gradient.size())};
}
template <class T, int Rank>
std::span<const T> numbers(const Tensor<T, Rank>& gradient) {
    return {gradient.data(), static_cast<std::size_t>(gradient.size())};
}
template <class T>
std::span<T> numbers(SparseRows<T>& gradient) {
    return {gradient.values(0), gradient.ids().size() * static_cast<std::size_t>(gradient.width())};
}
template <class T>
std::span<const T> numbers(const SparseRows<T>& gradient) {
    return {gradient.values(0), gradient.ids().size() * static_cast<std::size_t>(gradient.width())};
}

template <class Gradient>
double sum_of_squares(const Gradient& gradient) {
    double sum = 0;
    for (const auto g : numbers(gradient)) sum += static_cast<double>(g) * static_cast<double>(g);
    return sum;
}
/// NaN where the norm is: it would hide in the numbers that are none.
inline double clip_scale(double norm, double limit) { return norm <= limit ? 1.0 : limit / norm; }
inline void check_limit(std::string_view who, double limit) {
    if (!(limit > 0)) throw ArgumentError(message(who, ": expected a positive limit, received ", limit));
}
template <class Gradient>
void scale_gradient(Gradient& gradient, double scale) {
    using T = typename decltype(numbers(gradient))::element_type;
    if (scale != 1)
        for (T& g : numbers(gradient)) g *= static_cast<T>(scale);
}
}  // namespace detail

/// (sum of |g|^order)^(1/order) over all gradients of a model; order infinity is the largest |g|.
template <class Model>
double gradient_norm(const Model& model, typename Model::Gradients& gradients, double order = 2) {
    if (!(order > 0)) throw ArgumentError(message("gradient_norm: expected a positive order, received ", order));
    double sum = 0, largest = 0;
    for_each_parameter(model, gradients, [&](std::string_view, const auto&, const auto& gradient) {
        if (order == 2) {
            sum += detail::sum_of_squares(gradient);
            return;
        }
        for (const auto g : detail::numbers(gradient)) {
            const double size = std::abs(static_cast<double>(g));
            if (size > largest || std::isnan(size)) largest = size;
            sum += order == 1 ? size : std::isinf(order) ? 0 : std::pow(size, order);
        }
    });
    return std::isinf(order) ? largest : std::pow(sum, 1 / order);
}

/// Cuts each number to [-limit, limit] (PyTorch's clip_grad_value_). As all of these, throws ArgumentError unless the
/// limit is positive.
template <class Model>
void clip_by_value(const Model& model, typename Model::Gradients& gradients, double limit) {
    detail::check_limit("clip_by_value", limit);
    for_each_parameter(model, gradients, [&](std::string_view, const auto&, auto& gradient) {
        using T = typename decltype(detail::numbers(gradient))::element_type;
        for (T& g : detail::numbers(gradient)) g = std::clamp(g, static_cast<T>(-limit), static_cast<T>(limit));
    });
}
/// Scales each parameter's gradient whose norm exceeds `limit` to that norm.
template <class Model>
void clip_by_norm(const Model& model, typename Model::Gradients& gradients, double limit) {
    detail::check_limit("clip_by_norm", limit);
    for_each_parameter(model, gradients, [&](std::string_view, const auto&, auto& gradient) {
        detail::scale_gradient(gradient, detail::clip_scale(std::sqrt(detail::sum_of_squares(gradient)), limit));
    });
}

struct GlobalNormOptions {
    double order = 2;    ///< of the norm, as in `gradient_norm`
    double epsilon = 0;  ///< added to the norm before dividing; PyTorch's clip_grad_norm_ has 1e-6
};
/// Scales all gradients by min(1, limit / (norm + epsilon)), norm that of all together, which is returned.
template <class Model>
double clip_by_global_norm(const Model& model, typename Model::Gradients& gradients, double limit,
                           GlobalNormOptions options = {}) {
    detail::check_limit("clip_by_global_norm", limit);
    const double norm = gradient_norm(model, gradients, options.order);
    const double scale = detail::clip_scale(norm + options.epsilon, limit);
    for_each_parameter(model, gradients,
                       [&](std::string_view, const auto&, auto& gradient) { detail::scale_gradient(gradient, scale); });
    return norm;
}

DEEPREC_END
