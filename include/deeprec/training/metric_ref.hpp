/// A metric behind pointers.
#pragma once

#include <string>

#include <deeprec/core/block.hpp>
#include <deeprec/core/checkpoint_state.hpp>
#include <deeprec/core/tasks.hpp>
#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN
namespace detail {

template <class T>
struct MetricRef {
    void* self = nullptr;
    std::string name;
    void (*update)(void*, const TaskLists&, const Block<const T>&, const View<const T, 2>&, SampleWeights<T>) = nullptr;
    double (*result)(const void*) = nullptr;
    void (*reset)(void*) = nullptr;
    StateFunction state = nullptr;  ///< null = it has none, and cannot be saved inside an epoch
};
/// `Rank` is that of the predictions it will see.
template <class T, int Rank, class M>
MetricRef<T> metric_ref(M& metric) {
    static_assert(
        is_on_task<M> || requires(const View<const T, Rank>& p, const View<const T, 2>& target) {
            metric.update(p, target);
        }, "fit: the update of a metric must take (prediction, target)");
    return {&metric,
            std::string(metric.name()),
            [](void* self, [[maybe_unused]] const TaskLists& tasks, const Block<const T>& prediction,
               const View<const T, 2>& target, SampleWeights<T> weights) {
                const auto p = prediction.template as<Rank>();
                M& own = *static_cast<M*>(self);
                if constexpr (is_on_task<M>) {
                    static_assert(Rank == 2, "fit: metrics of tasks need a model that ends in Heads");
                    own.update(tasks, p, target, weights);
                } else {
                    if (!tasks.targets.empty()) refuse_metric("fit", own.name(), tasks);
                    if constexpr (requires { own.update(p, target, weights); })
                        own.update(p, target, weights);
                    else if (!weights)
                        own.update(p, target);
                    else
                        throw ArgumentError(message("fit: the metric ", own.name(), " takes no sample weights"));
                }
            },
            [](const void* self) { return static_cast<double>(static_cast<const M*>(self)->result()); },
            [](void* self) { static_cast<M*>(self)->reset(); },
            state_of<M>()};
}

}  // namespace detail
DEEPREC_END
