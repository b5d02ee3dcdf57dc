/// An optimizer behind pointers.
#pragma once

#include <string>
#include <string_view>

#include <deeprec/core/function_ref.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/core/parameters.hpp>

DEEPREC_BEGIN
namespace detail {

/// The name of a loss or optimizer, "" of one that has none.
template <class X>
constexpr std::string_view name_of() {
    if constexpr (requires { X::name(); })
        return X::name();
    else
        return "";
}
/// The name of a loss, with the settings of one that tells them.
template <class X>
std::string described(const X& x) {
    std::string text(name_of<X>());
    if constexpr (requires { x.settings(); }) text += " (" + x.settings() + ")";
    return text;
}

/// What the loop of a training needs of an optimizer. One of your own needs no more than step(model, gradients, pool).
template <class T>
class OptimizerRef {
public:
    virtual ~OptimizerRef() = default;
    virtual void step(const ParameterList<T>& list, ThreadPool& pool) const = 0;
    /// The list with gradients of its own, for several batches a step.
    virtual const ParameterList<T>& accumulated() const = 0;
    virtual double learning_rate() const = 0;
    virtual void set_learning_rate(double rate) const = 0;
    virtual Index iterations() const = 0;
    virtual void set_iterations(Index steps) const = 0;
    /// f(name, numbers, count) for each array of state.
    virtual void each_state(const ParameterList<T>& list, FunctionRef<void(const std::string&, T*, Index)> f) const = 0;
};

template <class Model, class Optimizer, class Trainer>
class ModelOptimizer final : public OptimizerRef<typename Model::Scalar> {
    using T = typename Model::Scalar;
    static constexpr bool takes_lists =
        requires(Optimizer& o, const ParameterList<T>& list, ThreadPool* pool) { o.step(list, pool); };

public:
    ModelOptimizer(Model& model, Optimizer& optimizer, Trainer& trainer)
        : model_(model), optimizer_(optimizer), trainer_(trainer) {}

    void step(const ParameterList<T>& list, ThreadPool& pool) const override {
        if constexpr (takes_lists)
            optimizer_.step(list, &pool);
        else
            optimizer_.step(model_, accumulates_ ? sum_ : trainer_.gradients(), &pool);
    }
    const ParameterList<T>& accumulated() const override {
        if (!accumulates_) sum_ = trainer_.gradients();  // of their kind; the caller clears them
        accumulates_ = true;
        list_fields(std::as_const(model_), sum_, fields_);
        drop_empty(fields_.parameters());
        return fields_.parameters();
    }
    double learning_rate() const override {
        if constexpr (requires { optimizer_.learning_rate(); })
            return optimizer_.learning_rate();
        else
            refuse("learning_rate()");
    }
    void set_learning_rate(double rate) const override {
        if constexpr (requires { optimizer_.set_learning_rate(rate); })
            optimizer_.set_learning_rate(rate);
        else
            refuse("set_learning_rate(rate)");
    }
    Index iterations() const override {
        if constexpr (requires { optimizer_.iterations(); })
            return optimizer_.iterations();
        else
            refuse("iterations()");
    }
    void set_iterations(Index steps) const override {
        if constexpr (requires { optimizer_.set_iterations(steps); })
            optimizer_.set_iterations(steps);
        else
            refuse("set_iterations(steps)");
    }
    void each_state(const ParameterList<T>& list, FunctionRef<void(const std::string&, T*, Index)> f) const override {
        if constexpr (requires { optimizer_.each_state(list, f); })
            optimizer_.each_state(list, f);
        else
            refuse("each_state(list, f)");
    }

private:
    [[noreturn]] static void refuse(std::string_view what) {
        throw ArgumentError(message("fit: a callback or a state needs an optimizer with ", what));
    }
    Model& model_;
    Optimizer& optimizer_;
    Trainer& trainer_;
    mutable bool accumulates_ = false;
    mutable typename Model::Gradients sum_;
    mutable Fields<T> fields_;
};

}  // namespace detail
DEEPREC_END
