/// A model as a flat list of parameters, and walks over it by name.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <deeprec/core/fields.hpp>
#include <deeprec/core/function_ref.hpp>

DEEPREC_BEGIN

/// All that a model keeps, in order: {path, values, shape, gradient dense or rows, trained or state}. What a layer does
/// without is not in it. It points into the model and its gradients: make it anew when either may have been rebuilt or
/// moved.
template <class T>
using ParameterList = std::vector<Parameter<T>>;

/// Gradients of a layer without parameters.
struct NoParameters {};

namespace detail {
/// The fields of a model; the list reads through it even where the model itself is const.
template <class Model>
void list_fields(const Model& model, typename Model::Gradients& gradients, Fields<typename Model::Scalar>& fields) {
    fields.clear();
    fields.model(const_cast<Model&>(model), gradients);  // `fields` names, it changes nothing
}
template <class T>
DEEPREC_NOINLINE void drop_empty(ParameterList<T>& list) {
    std::erase_if(list, [](const Parameter<T>& p) { return p.held == 0; });
}
/// Throws ShapeError unless every gradient has the shape of its parameter: `zero_gradients` of the same model.
template <class T>
DEEPREC_NOINLINE void check_gradients(const ParameterList<T>& list) {
    for (const Parameter<T>& p : list) {
        const Index found = p.rows ? p.rows->size() : p.is_state() ? p.size() : p.gradient_held;
        if (found != p.size())
            throw ShapeError(message("deeprec: expected the gradients of this model, with ", p.size(),
                                     " numbers for the ", p.shape, " of parameter ",
                                     p.path.empty() ? std::to_string(&p - list.data()) : p.path, ", received ", found,
                                     "; make them by model.zero_gradients()"));
    }
}
template <class T>
DEEPREC_NOINLINE ParameterList<T> take_list(Fields<T>& fields, bool with_gradients) {
    drop_empty(fields.parameters());
    if (with_gradients)
        check_gradients(fields.parameters());
    else
        for (Parameter<T>& p : fields.parameters()) p.gradient = nullptr, p.rows = nullptr;
    return std::move(fields.parameters());
}
/// Makes a list without names anew, in its memory.
template <class Model>
void renew_list(const Model& model, typename Model::Gradients& gradients, Fields<typename Model::Scalar>& fields,
                ParameterList<typename Model::Scalar>& list) {
    std::swap(fields.parameters(), list);
    list_fields(model, gradients, fields);
    drop_empty(fields.parameters());
    std::swap(fields.parameters(), list);
}
template <class T>
DEEPREC_NOINLINE Index count_trained(FunctionRef<void(Fields<T>&)> list) {
    Fields<T> fields;
    list(fields);
    Index n = 0;
    for (const Parameter<T>& p : fields.parameters())
        if (!p.is_state()) n += p.held;
    return n;
}
}  // namespace detail

/// The list of a model with these gradients; empty before `build`. Throws ShapeError for gradients of other shapes.
template <class Model>
ParameterList<typename Model::Scalar> parameter_list(const Model& model, typename Model::Gradients& gradients) {
    using T = typename Model::Scalar;
    Fields<T> fields(Fields<T>::With::names);
    detail::list_fields(model, gradients, fields);
    return detail::take_list(fields, true);
}
/// The list of a model alone: its gradients are null.
template <class Model>
ParameterList<typename Model::Scalar> parameter_list(const Model& model) {
    using T = typename Model::Scalar;
    typename Model::Gradients none;
    Fields<T> fields(Fields<T>::With::names);
    detail::list_fields(model, none, fields);
    return detail::take_list(fields, false);
}

/// Gradients of the shapes of the parameters, all zero.
template <class T>
DEEPREC_NOINLINE void size_gradients(const ParameterList<T>& list) {
    for (const Parameter<T>& p : list) {
        if (p.gradient_tensor) std::fill_n(p.resize(p.gradient_tensor, p.shape), p.size(), T(0));
        if (p.rows) *p.rows = SparseRows<T>(p.shape[0], p.shape[0] ? p.size() / p.shape[0] : 0);
        if (p.moves) *p.moves = MovingAverage<T>(p.shape[0], p.keep);
    }
}
/// Sets every gradient to zero; of a table, the rows that have one.
template <class T>
DEEPREC_NOINLINE void clear_gradients(const ParameterList<T>& list) {
    for (const Parameter<T>& p : list)
        if (p.rows)
            p.rows->setZero();
        else if (p.moves)
            p.moves->setZero();
        else if (p.gradient)
            std::fill_n(p.gradient, p.size(), T(0));
}

namespace detail {
/// f(name, Tensor<T, Rank>&, gradient...) with the types that stand behind an entry.
template <bool Const, class T, class F>
void call_typed(const Parameter<T>& p, F& f) {
    const auto with_rank = [&]<int Rank>(std::integral_constant<int, Rank>) {
        using Typed = std::conditional_t<Const, const Tensor<T, Rank>, Tensor<T, Rank>>;
        f(p, *static_cast<Typed*>(p.tensor), std::integral_constant<int, Rank>{});
    };
    switch (p.shape.rank()) {
        case 1: return with_rank(std::integral_constant<int, 1>{});
        case 2: return with_rank(std::integral_constant<int, 2>{});
        default: return with_rank(std::integral_constant<int, 3>{});
    }
}
template <class Layer, class F>
void walk(Layer& layer, bool states, F& f) {
    using Plain = std::remove_const_t<Layer>;
    using T = typename Plain::Scalar;
    for (const Parameter<T>& p : parameter_list(std::as_const(layer))) {
        if (p.is_state() != states) continue;
        const auto one = [&](const Parameter<T>& entry, auto& tensor, auto) {
            f(std::string_view(entry.path), tensor);
        };
        call_typed<std::is_const_v<Layer>>(p, one);
    }
}
template <class Layer, class F>
void walk(Layer& layer, typename Layer::Gradients& gradients, F& f) {
    using Plain = std::remove_const_t<Layer>;
    using T = typename Plain::Scalar;
    for (const Parameter<T>& p : parameter_list(std::as_const(layer), gradients)) {
        if (p.is_state()) continue;
        const auto one = [&]<int Rank>(const Parameter<T>& entry, auto& tensor, std::integral_constant<int, Rank>) {
            if constexpr (Rank == 2)
                if (entry.rows) return f(std::string_view(entry.path), tensor, *entry.rows);
            if (entry.rows)
                throw ArgumentError(message("for_each_parameter: the gradient of ", entry.path, " ", entry.shape,
                                            " is by rows; read it from parameter_list(model, gradients)"));
            f(std::string_view(entry.path), tensor, *static_cast<Tensor<T, Rank>*>(entry.gradient_tensor));
        };
        call_typed<std::is_const_v<Layer>>(p, one);
    }
}
}  // namespace detail

/// `f(std::string_view name, auto& tensor)` for every parameter, in a fixed order. Ends by letting the layers renew
/// their packed copies, so write weights inside `f`, not through references kept from it.
template <class Layer, class F>
void for_each_parameter(Layer& layer, F&& f) {
    detail::walk(layer, false, f);
    if constexpr (!std::is_const_v<Layer>) layer.parameters_changed();
}
/// `f(name, auto& tensor, auto& gradient)`; the gradient of an Embedding is a `SparseRows`.
template <class Layer, class F>
void for_each_parameter(Layer& layer, typename Layer::Gradients& gradients, F&& f) {
    detail::walk(layer, gradients, f);
    if constexpr (!std::is_const_v<Layer>) layer.parameters_changed();
}
/// `f(name, auto& tensor)` for what layers keep besides their parameters, as the moving statistics of a BatchNorm. It
/// is saved and copied with the model.
template <class Layer, class F>
void for_each_state(Layer& layer, F&& f) {
    detail::walk(layer, true, f);
}
/// `f(name, auto& tensor, MovingAverage& gradient)` for the states that training moves.
template <class Layer, class F>
void for_each_state(Layer& layer, typename Layer::Gradients& gradients, F&& f) {
    using T = typename Layer::Scalar;
    for (const Parameter<T>& p : parameter_list(std::as_const(layer), gradients))
        if (p.moves) f(std::string_view(p.path), *static_cast<Tensor<T, 1>*>(p.tensor), *p.moves);
}

/// Number of trainable numbers.
template <class Layer>
Index parameter_count(const Layer& layer) {
    using T = typename Layer::Scalar;
    return detail::count_trained<T>([&](Fields<T>& fields) {
        typename Layer::Gradients none;
        detail::list_fields(layer, none, fields);
    });
}

DEEPREC_END
