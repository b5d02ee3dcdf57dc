/// Walking over the parameters of a layer or model by name, together with gradients or anything of the same structure.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Calls `f(name, tensors...)` for each parameter; names inside compositions are paths such as "user.2.kernel".
/// Parameters that a layer does without (no bias) are empty tensors and are passed over.
template <class F>
class ParameterVisitor {
public:
    explicit ParameterVisitor(F& f) : f_(f) {}

    template <class Parameter, class... Others>
    void operator()(std::string_view name, Parameter& parameter, Others&... others) {
        if (parameter.size() == 0) return;
        const std::size_t length = length_;
        append(name);
        f_(std::string_view(path_.data(), length_), parameter, others...);
        length_ = length;
    }
    /// Visits a part under its name.
    template <class Part>
    void scope(std::string_view name, Part&& part) {
        const std::size_t length = length_;
        append(name);
        append(".");
        part();
        length_ = length;
    }
    template <class Part>
    void scope(std::size_t index, Part&& part) {
        std::array<char, 20> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), index).ptr;
        scope(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())), std::forward<Part>(part));
    }

private:
    void append(std::string_view text) {
        if (text.size() > path_.size() - length_) throw ArgumentError("for_each_parameter: a name exceeds 256 characters");
        std::copy(text.begin(), text.end(), path_.begin() + static_cast<std::ptrdiff_t>(length_));
        length_ += text.size();
    }

    F& f_;
    std::array<char, 256> path_;  // on the stack: a training step visits often and must not allocate
    std::size_t length_ = 0;
};

/// `f(std::string_view name, auto& tensor)` for every parameter, in a fixed order. Ends by letting the layers renew
/// their packed copies, so write weights inside `f`, not through references kept from it.
template <class Layer, class F>
void for_each_parameter(Layer& layer, F&& f) {
    ParameterVisitor<std::remove_reference_t<F>> visitor(f);
    Layer::visit(visitor, layer);
    layer.parameters_changed();
}
template <class Layer, class F>
void for_each_parameter(const Layer& layer, F&& f) {
    ParameterVisitor<std::remove_reference_t<F>> visitor(f);
    Layer::visit(visitor, layer);
}
/// `f(name, auto& tensor, auto& gradient)`; the gradient of an Embedding is a `SparseRows`.
template <class Layer, class F>
void for_each_parameter(Layer& layer, typename Layer::Gradients& gradients, F&& f) {
    ParameterVisitor<std::remove_reference_t<F>> visitor(f);
    Layer::visit(visitor, layer, gradients);
    layer.parameters_changed();
}
template <class Layer, class F>
void for_each_parameter(const Layer& layer, typename Layer::Gradients& gradients, F&& f) {
    ParameterVisitor<std::remove_reference_t<F>> visitor(f);
    Layer::visit(visitor, layer, gradients);
}

namespace detail {
template <class Visitor, class Layer, class... Sets>
void visit_state(Visitor& visitor, Layer& layer, Sets&... sets) {
    using L = std::remove_const_t<Layer>;
    if constexpr (requires { L::visit_state(visitor, layer, sets...); }) L::visit_state(visitor, layer, sets...);
}
}  // namespace detail

/// `f(name, auto& tensor)` for what layers keep besides their parameters, as the moving statistics of a
/// BatchNorm: a layer names it in `visit_state(visitor, self, gradients...)` as parameters in `visit`. It is saved and
/// copied with the model.
template <class Layer, class F>
void for_each_state(Layer& layer, F&& f) {
    ParameterVisitor<std::remove_reference_t<F>> visitor(f);
    detail::visit_state(visitor, layer);
}
/// `f(name, auto& tensor, MovingAverage& gradient)` for the states that training moves.
template <class Layer, class F>
void for_each_state(Layer& layer, typename Layer::Gradients& gradients, F&& f) {
    ParameterVisitor<std::remove_reference_t<F>> visitor(f);
    detail::visit_state(visitor, layer, gradients);
}

namespace detail {
/// All that makes a model predict what it predicts: states, then parameters.
template <class Model, class F>
void for_each_stored(Model& model, F&& f) {
    for_each_state(model, f);
    for_each_parameter(model, f);
}
}  // namespace detail

/// Number of trainable numbers.
template <class Layer>
Index parameter_count(const Layer& layer) {
    Index n = 0;
    for_each_parameter(layer, [&](std::string_view, const auto& tensor) { n += tensor.size(); });
    return n;
}

/// Parameters of a layer without any, and their gradients.
struct NoParameters {
    template <class Visitor, class... Sets>
    static void visit(Visitor&, Sets&...) {}
};

/// Members that every layer without parameters shares.
struct WithoutParameters {
    using Gradients = NoParameters;
    Gradients zero_gradients() const { return {}; }
    void parameters_changed() {}
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor&, Self&, Others&...) {}
};

/// A gradient set of the same shapes as `parameters`, all zero.
template <class Parameters>
Parameters zeros_like(const Parameters& parameters) {
    Parameters zeros;
    const auto size_up = [](std::string_view, const auto& parameter, auto& zero) {
        zero.resize(parameter.dimensions());
        zero.setZero();
    };
    ParameterVisitor<decltype(size_up)> visitor(size_up);
    Parameters::visit(visitor, parameters, zeros);
    return zeros;
}

DEEPREC_END
