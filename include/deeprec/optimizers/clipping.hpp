/// Limits on gradients.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/parameters.hpp>

DEEPREC_BEGIN

/// Limits that an optimizer applies before its update; infinity = off. Names and rules are Keras', which also allows
/// one at a time.
struct Clipping {
    double value = std::numeric_limits<double>::infinity();        ///< each number is cut to [-value, value]
    double norm = std::numeric_limits<double>::infinity();         ///< each parameter's gradient is scaled to this norm
    double global_norm = std::numeric_limits<double>::infinity();  ///< all gradients together
};

namespace detail {
/// Sum of the squares of a gradient's numbers.
template <class T>
double sum_of_squares(const Parameter<T>& p) {
    double sum = 0;
    const T* const g = p.touched_data();
    for (Index i = 0, n = p.touched(); i < n; ++i) sum += static_cast<double>(g[i]) * static_cast<double>(g[i]);
    return sum;
}
/// NaN where the norm is: it would hide in the numbers that are none.
inline double clip_scale(double norm, double limit) { return norm <= limit ? 1.0 : limit / norm; }
inline void check_limit(std::string_view who, double limit) {
    if (!(limit > 0)) throw ArgumentError(message(who, ": expected a positive limit, received ", limit));
}
template <class T>
void scale_gradient(const Parameter<T>& p, double scale) {
    if (detail::equal(scale, 1)) return;
    T* const g = p.touched_data();
    for (Index i = 0, n = p.touched(); i < n; ++i) g[i] *= static_cast<T>(scale);
}
/// f(parameter) for each that is trained.
template <class T, class F>
void each_trained(const ParameterList<T>& list, F&& f) {
    for (const Parameter<T>& p : list)
        if (!p.is_state()) f(p);
}
}  // namespace detail

/// (sum of |g|^order)^(1/order) over all gradients of a model; order infinity is the largest |g|. As all of these, for
/// a list of parameters or a model with its gradients.
template <class T>
double gradient_norm(const ParameterList<T>& list, double order = 2) {
    if (!(order > 0)) throw ArgumentError(message("gradient_norm: expected a positive order, received ", order));
    double sum = 0, largest = 0;
    detail::each_trained(list, [&](const Parameter<T>& p) {
        if (detail::equal(order, 2)) {
            sum += detail::sum_of_squares(p);
            return;
        }
        const T* const g = p.touched_data();
        for (Index i = 0, n = p.touched(); i < n; ++i) {
            const double size = std::abs(static_cast<double>(g[i]));
            if (size > largest || std::isnan(size)) largest = size;
            sum += detail::equal(order, 1) ? size : std::isinf(order) ? 0 : std::pow(size, order);
        }
    });
    return std::isinf(order) ? largest : std::pow(sum, 1 / order);
}
template <class Model>
double gradient_norm(const Model& model, typename Model::Gradients& gradients, double order = 2) {
    return gradient_norm(parameter_list(model, gradients), order);
}

/// Cuts each number to [-limit, limit] (PyTorch's clip_grad_value_). As all of these, throws ArgumentError unless the
/// limit is positive.
template <class T>
void clip_by_value(const ParameterList<T>& list, double limit) {
    detail::check_limit("clip_by_value", limit);
    detail::each_trained(list, [&](const Parameter<T>& p) {
        T* const g = p.touched_data();
        for (Index i = 0, n = p.touched(); i < n; ++i)
            g[i] = std::clamp(g[i], static_cast<T>(-limit), static_cast<T>(limit));
    });
}
template <class Model>
void clip_by_value(const Model& model, typename Model::Gradients& gradients, double limit) {
    clip_by_value(parameter_list(model, gradients), limit);
}
/// Scales each parameter's gradient whose norm exceeds `limit` to that norm.
template <class T>
void clip_by_norm(const ParameterList<T>& list, double limit) {
    detail::check_limit("clip_by_norm", limit);
    detail::each_trained(list, [&](const Parameter<T>& p) {
        detail::scale_gradient(p, detail::clip_scale(std::sqrt(detail::sum_of_squares(p)), limit));
    });
}
template <class Model>
void clip_by_norm(const Model& model, typename Model::Gradients& gradients, double limit) {
    clip_by_norm(parameter_list(model, gradients), limit);
}

/// Of `clip_by_global_norm`.
struct GlobalNormOptions {
    double order = 2;    ///< of the norm, as in `gradient_norm`
    double epsilon = 0;  ///< added to the norm before dividing; PyTorch's clip_grad_norm_ has 1e-6
};
/// Scales all gradients by min(1, limit / (norm + epsilon)), norm that of all together, which is returned.
template <class T>
double clip_by_global_norm(const ParameterList<T>& list, double limit, GlobalNormOptions options = {}) {
    detail::check_limit("clip_by_global_norm", limit);
    const double norm = gradient_norm(list, options.order);
    const double scale = detail::clip_scale(norm + options.epsilon, limit);
    detail::each_trained(list, [&](const Parameter<T>& p) { detail::scale_gradient(p, scale); });
    return norm;
}
template <class Model>
double clip_by_global_norm(const Model& model, typename Model::Gradients& gradients, double limit,
                           GlobalNormOptions options = {}) {
    return clip_by_global_norm(parameter_list(model, gradients), limit, options);
}

DEEPREC_END
