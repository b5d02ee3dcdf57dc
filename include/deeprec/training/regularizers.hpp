/// Penalties on the size of weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/parameters.hpp>

DEEPREC_BEGIN

/// penalty = l1 sum |w| + l2 sum w^2, as Keras' L1L2; its gradient is l1 sign(w) + 2 l2 w. `L1{0.01}` and `L2{0.01}`
/// have one of them, by default Keras' 0.01.
struct L1L2 {
    double l1 = 0;  ///< 0: no such penalty
    double l2 = 0;  ///< 0: no such penalty

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
    /// Adds the penalty's gradient at w to `gradient`.
    template <class T>
    void add_gradient(const T* w, T* gradient, Index n) const {
        const T sign = static_cast<T>(l1), twice = static_cast<T>(2 * l2);
        for (Index i = 0; i < n; ++i) gradient[i] += twice * w[i] + (w[i] > 0 ? sign : w[i] < 0 ? -sign : T(0));
    }
};
/// `{"kernel", L1{1e-6}}`: factor sum |w|.
struct L1 : L1L2 {
    explicit L1(double factor = 0.01) : L1L2{factor, 0} {}
};
/// `{"kernel", L2{1e-4}}`: factor sum w^2.
struct L2 : L1L2 {
    explicit L2(double factor = 0.01) : L1L2{0, factor} {}
};

/// A penalty for parameters by the end of their names, whole parts of it: "kernel" means user.0.kernel and
/// head.1.kernel, but no recurrent_kernel; "head.1.kernel" means one.
struct Regularizer {
    std::string parameters;  ///< the end of their names
    L1L2 penalty;            ///< of each of them
    bool applies_to(std::string_view name) const {
        return name.ends_with(parameters) &&
               (name.size() == parameters.size() || name[name.size() - parameters.size() - 1] == '.');
    }
};

namespace detail {
/// Penalties by the place of their parameter in the list of a model: lists of steps have no names.
using Penalties = std::vector<std::pair<std::size_t, L1L2>>;

/// Throws ArgumentError for a negative factor, for a name that no parameter has, and for tables that ranks share out.
template <class T>
Penalties find_penalised(const ParameterList<T>& named, const std::vector<Regularizer>& regularizers) {
    Penalties found;
    for (std::size_t i = 0; i < named.size(); ++i)
        for (const Regularizer& r : regularizers)
            if (!named[i].is_state() && r.applies_to(named[i].path)) {
                if (named[i].shard)
                    throw ArgumentError(message("fit: a penalty of '", r.parameters, "' needs all rows of ",
                                                named[i].path, ", which the ranks share out"));
                found.emplace_back(i, r.penalty);
            }
    for (const Regularizer& r : regularizers) {
        if (!(r.penalty.l1 >= 0 && r.penalty.l2 >= 0))
            throw ArgumentError(message("fit: expected factors >= 0 for the penalty of '", r.parameters, "', received ",
                                        r.penalty.l1, " and ", r.penalty.l2));
        if (std::none_of(named.begin(), named.end(),
                         [&](const auto& p) { return !p.is_state() && r.applies_to(p.path); }))
            throw ArgumentError(message("fit: no parameter's name ends in '", r.parameters, "'"));
    }
    return found;
}
/// The penalties of all parameters.
template <class T>
double penalty(const ParameterList<T>& list, const Penalties& penalties) {
    double sum = 0;
    for (const auto& [i, l] : penalties) sum += l.penalty(list[i].values, list[i].size());
    return sum;
}
/// Adds the penalties' gradients and returns the penalties; of tables with a sparse gradient only the touched rows'.
template <class T>
double add_penalties(const ParameterList<T>& list, const Penalties& penalties) {
    double sum = 0;
    for (const auto& [i, l] : penalties) {
        const Parameter<T>& p = list[i];
        if (!p.rows) {
            l.add_gradient(p.values, p.gradient, p.size());
            sum += l.penalty(p.values, p.size());
            continue;
        }
        const Index width = p.rows->width();
        for (std::size_t r = 0; r < p.rows->ids().size(); ++r) {
            const T* row = p.values + static_cast<Index>(p.rows->ids()[r]) * width;
            l.add_gradient(row, p.rows->values(r), width);
            sum += l.penalty(row, width);
        }
    }
    return sum;
}
}  // namespace detail

DEEPREC_END
