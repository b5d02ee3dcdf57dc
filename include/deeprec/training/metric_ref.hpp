/// A metric behind pointers.
#pragma once

#include <string>

#include <deeprec/core/block.hpp>
#include <deeprec/core/checkpoint_state.hpp>
#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN
namespace detail {

template <class T>
struct MetricRef {
    void* self = nullptr;
    std::string name;
    void (*update)(void*, const Block<const T>&, const View<const T, 2>&, SampleWeights<T>) = nullptr;
    double (*result)(const void*) = nullptr;
    void (*reset)(void*) = nullptr;
    StateFunction state = nullptr;  ///< null = it has none, and cannot be saved inside an epoch
};
/// `Rank` is that of the predictions it will see.
template <class T, int Rank, class M>
MetricRef<T> metric_ref(M& metric) {
    static_assert(
        requires(const View<const T, Rank>& p, const View<const T, 2>& target) { metric.update(p, target); },
        "fit: the update of a metric must take (prediction, target)");
    return {&metric,
            std::string(metric.name()),
            [](void* self, const Block<const T>& prediction, const View<const T, 2>& target, SampleWeights<T> weights) {
                const auto p = prediction.template as<Rank>();
                if constexpr (requires(M& m) { m.update(p, target, weights); })
                    static_cast<M*>(self)->update(p, target, weights);
                else if (!weights)
                    static_cast<M*>(self)->update(p, target);
                else
                    throw ArgumentError(
                        message("fit: the metric ", static_cast<M*>(self)->name(), " takes no sample weights"));
            },
            [](const void* self) { return static_cast<double>(static_cast<const M*>(self)->result()); },
            [](void* self) { static_cast<M*>(self)->reset(); },
            state_of<M>()};
}

}  // namespace detail
DEEPREC_END
