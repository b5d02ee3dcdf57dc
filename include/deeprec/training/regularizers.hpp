/// Penalties on the size of weights.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/core/parameters.hpp>
#include <deeprec/core/sparse_rows.hpp>

DEEPREC_BEGIN

/// penalty = l1 sum |w| + l2 sum w^2, as Keras' L1L2; its gradient is l1 sign(w) + 2 l2 w. `L1{0.01}` and `L2{0.01}`
/// have one of them, by default Keras' 0.01.
struct L1L2 {
    double l1 = 0;
    double l2 = 0;

    template <class T>
    double penalty(const T* w, Index n) const {
        double sizes = 0, squares = 0;
        for (Index i = 0; i < n; ++i) {
            const double x = static_cast<double>(w[i]);
            sizes += std::abs(x);
            squares += x * x;
        }
        return l1 * sizes + l2 * squares;
    }
    template <class T>
    void add_gradient(const T* w, T* gradient, Index n) const {
        const T sign = static_cast<T>(l1), twice = static_cast<T>(2 * l2);
        for (Index i = 0; i < n; ++i) gradient[i] += twice * w[i] + (w[i] > 0 ? sign : w[i] < 0 ? -sign : T(0));
    }
};
struct L1 : L1L2 {
    explicit L1(double factor = 0.01) : L1L2{factor, 0} {}
};
struct L2 : L1L2 {
    explicit L2(double factor = 0.01) : L1L2{0, factor} {}
};

/// A penalty for parameters by the end of their names, whole parts of it: "kernel" means user.0.kernel and
/// head.1.kernel, but no recurrent_kernel; "head.1.kernel" means one.
struct Regularizer {
    std::string parameters;
    L1L2 penalty;
    bool applies_to(std::string_view name) const {
        return name.ends_with(parameters) &&
               (name.size() == parameters.size() || name[name.size() - parameters.size() - 1] == '.');
    }
};

namespace detail {
/// The penalties of all parameters.
template <class Model>
double penalty(const Model& model, const std::vector<Regularizer>& regularizers) {
    double sum = 0;
    if (regularizers.empty()) return sum;
    for_each_parameter(model, [&](std::string_view name, const auto& weights) {
        for (const Regularizer& r : regularizers)
            if (r.applies_to(name)) sum += r.penalty.penalty(weights.data(), weights.size());
    });
    return sum;
}
template <class T, int Rank>
double add_penalty(const L1L2& l, const Tensor<T, Rank>& weights, Tensor<T, Rank>& gradient) {
    l.add_gradient(weights.data(), gradient.data(), weights.size());
    return l.penalty(weights.data(), weights.size());
}
template <class T>
double add_penalty(const L1L2& l, const Tensor<T, 2>& weights, SparseRows<T>& gradient) {
    double sum = 0;
    for (std::size_t i = 0; i < gradient.ids().size(); ++i) {
        const T* row = weights.data() + static_cast<Index>(gradient.ids()[i]) * gradient.width();
        l.add_gradient(row, gradient.values(i), gradient.width());
        sum += l.penalty(row, gradient.width());
    }
    return sum;
}
/// Adds the penalties' gradients and returns the penalties; of tables with a sparse gradient only the touched rows'.
template <class Model>
double add_penalties(const Model& model, typename Model::Gradients& gradients,
                     const std::vector<Regularizer>& regularizers) {
    double sum = 0;
    if (regularizers.empty()) return sum;
    for_each_parameter(model, gradients, [&](std::string_view name, const auto& weights, auto& gradient) {
        for (const Regularizer& r : regularizers)
            if (r.applies_to(name)) sum += add_penalty(r.penalty, weights, gradient);
    });
    return sum;
}
/// Throws ArgumentError for a negative factor, and for a name that no parameter has.
template <class Model>
void check_regularizers(const Model& model, const std::vector<Regularizer>& regularizers) {
    for (const Regularizer& r : regularizers) {
        if (!(r.penalty.l1 >= 0 && r.penalty.l2 >= 0))
            throw ArgumentError(message("fit: expected factors >= 0 for the penalty of '", r.parameters, "', received ",
                                        r.penalty.l1, " and ", r.penalty.l2));
        bool found = false;
        for_each_parameter(model, [&](std::string_view name, const auto&) { found |= r.applies_to(name); });
        if (!found) throw ArgumentError(message("fit: no parameter's name ends in '", r.parameters, "'"));
    }
}
}  // namespace detail

DEEPREC_END
