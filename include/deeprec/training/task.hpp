/// A model with its data and loss behind one interface, so that the loop of `fit` is compiled once.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <deeprec/core/tasks.hpp>
#include <deeprec/training/fingerprint.hpp>
#include <deeprec/training/metric_ref.hpp>
#include <deeprec/training/sampled_sequence_trainer.hpp>
#include <deeprec/training/sequence_trainer.hpp>
#include <deeprec/training/trainer.hpp>
#include <deeprec/training/vector_trainer.hpp>

DEEPREC_BEGIN
namespace detail {

/// What the loop of a training needs of a model, its data and its loss.
template <class T>
class TrainingTask {
public:
    virtual ~TrainingTask() = default;
    virtual Index samples() const = 0;
    virtual void start_epoch(Index epoch, Seed seed) = 0;
    /// Loss and gradient of the samples with these indices, which stand in a larger batch from `first_row`.
    virtual LossSum gradient(std::span<const Index> indices, Seed seed, const ClassWeights& class_weights,
                             Index first_row) = 0;
    /// The first layer, in the passes of the last `gradient`, whose numbers are not finite: "the output of LSTM '1' has
    /// a number that is not finite". Empty where all layers' are. Runs the passes again.
    virtual std::string find_not_finite() = 0;
    /// The loss alone.
    virtual LossSum evaluate(std::span<const Index> indices) = 0;
    /// Shows the predictions of the last batch to metrics.
    virtual void show(std::span<const MetricRef<T>> metrics) = 0;
    /// The list of the model with the gradient of the last batch, without names.
    virtual const ParameterList<T>& list() const = 0;
    /// Lists the model's fields by name, without gradients.
    virtual Fields<T> fields() const = 0;
    virtual void parameters_changed() = 0;
    /// The same after a step: what the next one needs is renewed, all else by `parameters_changed` after the epoch.
    /// Returns whether something waits.
    virtual bool stepped() = 0;
    /// A number that tells other data apart: of its size and the content of some samples.
    virtual std::uint64_t data_fingerprint() = 0;
};

/// What was seen, with the layer's path in its model where that lists it. Empty where all was finite.
std::string watched_text(const OutputWatch& watch, const std::vector<LayerOptions>& layers);

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::string watched_text(const OutputWatch& watch, const std::vector<LayerOptions>& layers) {
    if (!watch.layer()) return "";
    std::string place;
    for (const LayerOptions& layer : layers)
        if (layer.self == watch.layer() && !layer.path.empty()) place = message(" '", layer.path, "'");
    return message("the ", watch.of_input() ? "input" : "output", " of ", watch.name(), place,
                   " has a number that is not finite");
}
#endif

/// The rank of the predictions that metrics see.
template <class Model, class Data>
constexpr int prediction_rank() {
    using B = std::remove_cvref_t<decltype(std::declval<const Data&>().batch(std::span<const Index>()))>;
    if constexpr (requires(const B& batch) { batch.targets; }) {
        using Output = decltype(std::declval<const Model&>().forward(
            slice_samples(std::declval<const B&>().inputs, 0, 0), std::declval<typename Model::Cache&>()));
        return Output::rank == 3 ? 3 : 2;
    } else {
        return 2;
    }
}

template <class Model, class Data, class Loss>
class ModelTask final : public TrainingTask<typename Model::Scalar> {
    using T = typename Model::Scalar;

public:
    /// `trainer` may serve several tasks of one model.
    ModelTask(Model& model, Data& data, Trainer<Model, Loss>& trainer)
        : model_(model), data_(data), trainer_(trainer) {}

    Index samples() const override { return data_.size(); }
    void start_epoch(Index epoch, Seed seed) override {
        if constexpr (requires { data_.start_epoch(epoch, seed); }) data_.start_epoch(epoch, seed);
    }
    LossSum gradient(std::span<const Index> indices, Seed seed, const ClassWeights& class_weights,
                     Index first_row) override {
        if constexpr (requires { trainer_.no_gradient(model_); })
            if (indices.empty()) return trainer_.no_gradient(std::as_const(model_)), LossSum{};
        const auto& batch = data_.batch(indices);
        const LossSum loss = trainer_.gradient(std::as_const(model_), batch, seed, class_weights, first_row);
        keep(batch);
        last_seed_ = seed;
        last_row_ = first_row;
        return loss;
    }
    std::string find_not_finite() override {
        OutputWatch watch;
        trainer_.watch(&watch);
        trainer_.gradient(std::as_const(model_), last_.front(), last_seed_, {}, last_row_);
        trainer_.watch(nullptr);
        return watched_text(watch, fields().layers());
    }
    LossSum evaluate(std::span<const Index> indices) override {
        const auto& batch = data_.batch(indices);
        const LossSum loss = trainer_.evaluate(std::as_const(model_), batch);
        keep(batch);
        return loss;
    }
    void show(std::span<const MetricRef<T>> metrics) override {
        if (metrics.empty()) return;
        if constexpr (requires { trainer_.keep_predictions(); })
            trainer_.each_prediction(last_.front(), [&](const auto&... shown) {
                const TaskLists tasks = task_lists(std::as_const(model_), last_.front());
                for (const MetricRef<T>& metric : metrics) metric.update(metric.self, tasks, shown...);
            });
    }
    const ParameterList<T>& list() const override { return trainer_.list(); }
    Fields<T> fields() const override {
        typename Model::Gradients none;
        Fields<T> fields(Fields<T>::With::names);
        list_fields(std::as_const(model_), none, fields);
        return fields;
    }
    void parameters_changed() override { model_.parameters_changed(); }
    bool stepped() override {
        if constexpr (requires { trainer_.stepped(model_); })
            return trainer_.stepped(model_), true;
        else
            return model_.parameters_changed(), false;
    }
    std::uint64_t data_fingerprint() override { return fingerprint_of(data_); }

private:
    using B = std::remove_cvref_t<decltype(std::declval<Data&>().batch(std::span<const Index>()))>;

    void keep(const B& batch) {
        last_.clear();
        last_.push_back(batch);
    }

    Model& model_;
    Data& data_;
    Trainer<Model, Loss>& trainer_;
    std::vector<B> last_;  // one or none: views of the last batch
    Seed last_seed_;       // and how its gradient was made
    Index last_row_ = 0;
};

}  // namespace detail
DEEPREC_END
