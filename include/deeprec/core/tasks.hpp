/// Several tasks of one model by name: what of a sample's outputs and targets is whose, and a metric of one of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/checkpoint_state.hpp>
#include <deeprec/core/record.hpp>
#include <deeprec/core/sample_weights.hpp>

DEEPREC_BEGIN

/// What the tasks are: names and numbers a sample, side by side in that order. Both are empty where there is one task.
struct TaskLists {
    std::span<const FieldShape> heads{};    ///< of a model's outputs
    std::span<const FieldShape> targets{};  ///< of a batch's targets
};

namespace detail {
/// Some columns of a matrix.
struct TaskColumns {
    Index begin = 0, width = 0;
};
/// The columns of one task. Throws ArgumentError, with the tasks that there are, for an unknown name.
TaskColumns columns_of(std::string_view who, std::string_view task, std::string_view what,
                       std::span<const FieldShape> tasks);
/// "'click', 'buy'"
std::string listed_tasks(std::span<const FieldShape> tasks);
/// Whether a target is there: a missing one is NaN.
template <class T>
bool has_target(const T* target, Index width) {
    for (Index i = 0; i < width; ++i)
        if (std::isnan(target[i])) return false;
    return true;
}
/// Of a model, where it ends in Heads, and a batch.
template <class Model, class Batch>
TaskLists task_lists(const Model& model, const Batch& batch) {
    TaskLists lists;
    if constexpr (requires { model.heads().shapes(); }) lists.heads = model.heads().shapes();
    if constexpr (requires { batch.tasks; }) lists.targets = batch.tasks;
    return lists;
}
/// For a metric of one task where there are several.
[[noreturn]] void refuse_metric(std::string_view who, std::string_view metric, const TaskLists& tasks);
/// metric.update(prediction, target, weights), without weights where the metric takes none.
template <class M, class P, class Y, class W>
void update_metric(M& metric, const P& prediction, const Y& target, const W& weights) {
    if constexpr (requires { metric.update(prediction, target, weights); })
        metric.update(prediction, target, weights);
    else
        metric.update(prediction, target);
}

#if DEEPREC_BODIES
[[noreturn]] DEEPREC_FUNCTION void refuse_metric(std::string_view who, std::string_view metric,
                                                 const TaskLists& tasks) {
    throw ArgumentError(message(who, ": the metric ", metric, " needs a task, on(\"", tasks.targets[0].name,
                                "\", ...); the targets are ", listed_tasks(tasks.targets)));
}
DEEPREC_FUNCTION std::string listed_tasks(std::span<const FieldShape> tasks) {
    std::string list;
    for (const FieldShape& t : tasks) list += message(list.empty() ? "'" : ", '", t.name, "'");
    return list.empty() ? "none by name" : list;
}
DEEPREC_FUNCTION TaskColumns columns_of(std::string_view who, std::string_view task, std::string_view what,
                                        std::span<const FieldShape> tasks) {
    Index begin = 0;
    for (const FieldShape& t : tasks) {
        if (t.name == task) return {begin, t.shape.size()};
        begin += t.shape.size();
    }
    throw ArgumentError(
        message(who, ": expected the task '", task, "' among the ", what, ", there are ", listed_tasks(tasks)));
}
#endif
}  // namespace detail

/// A loss or metric of the task `task`, see `on`.
template <class X>
class OnTask {
public:
    OnTask(std::string task_name, X loss_or_metric, double task_weight)
        : task(std::move(task_name)), value(std::move(loss_or_metric)), weight(task_weight) {}

    /// Of a metric: "click_auc".
    std::string name() const { return message(task, "_", value.name()); }
    double result() const
        requires requires(const X& x) { x.result(); }
    {
        return value.result();
    }
    void reset()
        requires requires(X& x) { x.reset(); }
    {
        value.reset();
    }
    /// What a checkpoint inside an epoch keeps.
    void state(CheckpointState& s)
        requires requires(X& x, CheckpointState& all) { x.state(all); }
    {
        value.state(s);
    }
    /// Shows the metric the samples that have the target. Throws ArgumentError for a task that is not there,
    /// ShapeError unless both have a row for each sample with the numbers of all tasks.
    template <class T>
    void update(const TaskLists& tasks, const View<const T, 2>& prediction, const View<const T, 2>& target,
                SampleWeights<T> weights) {
        const auto p = detail::columns_of(name(), task, "model's heads", tasks.heads);
        const auto y = detail::columns_of(name(), task, "targets", tasks.targets);
        if (prediction.extent(0) != target.extent(0) || p.begin + p.width > prediction.last() ||
            y.begin + y.width > target.last())
            throw ShapeError(message(name(), ": expected predictions [B, ", p.begin + p.width,
                                     " or more] and targets [B, ", y.begin + y.width, " or more], received ",
                                     prediction.shape(), " and ", target.shape()));
        std::vector<T> outputs, targets, counts;
        for (Index r = 0; r < prediction.extent(0); ++r) {
            const T *own = prediction.data() + r * prediction.last() + p.begin,
                    *wanted = target.data() + r * target.last() + y.begin;
            if (!detail::has_target(wanted, y.width)) continue;
            outputs.insert(outputs.end(), own, own + p.width);
            targets.insert(targets.end(), wanted, wanted + y.width);
            if (weights) counts.push_back(weights.data[r]);
        }
        const Index rows = static_cast<Index>(targets.size()) / std::max<Index>(y.width, 1);
        if (rows == 0) return;
        detail::update_metric(value, View<const T, 2>{outputs.data(), {rows, p.width}},
                              View<const T, 2>{targets.data(), {rows, y.width}},
                              SampleWeights<T>{weights ? counts.data() : nullptr, 1});
    }

    std::string task;  ///< its name
    X value;           ///< the loss or the metric
    double weight;     ///< of a loss
};
/// Whether X is a loss or metric of one task.
template <class X>
inline constexpr bool is_on_task = false;
template <class X>
inline constexpr bool is_on_task<OnTask<X>> = true;

/// A loss of one task for `Losses`, whose mean counts `weight` times: `on("buy", BinaryCrossEntropy{}, 0.5)`; or a
/// metric of one for `fit` and `evaluate`, which call it "buy_auc": `on("buy", Auc{})`.
template <class X>
OnTask<X> on(std::string task, X loss_or_metric, double weight = 1) {
    return {std::move(task), std::move(loss_or_metric), weight};
}

DEEPREC_END
