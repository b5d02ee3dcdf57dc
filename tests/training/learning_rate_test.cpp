#include <deeprec/training/learning_rate.hpp>

#include <cmath>
#include <vector>

#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/fit.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using namespace worlds;
using support::message_of;

namespace {
/// Takes no steps, but notes their rates.
struct Rates {
    double rate = 1;
    std::vector<double> seen{};
    double learning_rate() const { return rate; }
    void set_learning_rate(double r) { rate = r; }
    Index iterations() const { return static_cast<Index>(seen.size()); }
    template <class Model>
    void step(Model&, typename Model::Gradients&, ThreadPool*) {
        seen.push_back(rate);
    }
};
std::vector<double> plateau_rates(const std::vector<double>& figures, ReduceLROnPlateau plateau) {
    std::vector<double> rates{1};
    for (const double figure : figures) rates.push_back(plateau.next(rates.back(), figure));
    return rates;
}
}  // namespace

TEST_CASE("A schedule sets the rate of each step or epoch", "[training]") {
    const ExponentialDecay halves{1, 1, 0.5};
    for (const ScheduleUnit unit : {ScheduleUnit::step, ScheduleUnit::epoch}) {
        auto model = classifier();
        Rates optimizer;
        LearningRateSchedule schedule{halves, unit};
        const History history = fit(model, points(20), BinaryCrossEntropy{}, optimizer,
                                    {.epochs = 2, .batch_size = 10, .threads = 1}, schedule);
        if (unit == ScheduleUnit::step) {
            CHECK(optimizer.seen == std::vector<double>{1, 0.5, 0.25, 0.125});
            CHECK(history.series("learning_rate") == std::vector<double>{0.5, 0.125});
            fit(model, points(10), BinaryCrossEntropy{}, optimizer, {.threads = 1}, schedule);  // goes on
            CHECK(optimizer.seen.back() == 0.0625);
        } else {
            CHECK(optimizer.seen == std::vector<double>{1, 1, 0.5, 0.5});
            CHECK(history.series("learning_rate") == std::vector<double>{1, 0.5});
        }
    }
}

TEST_CASE("ReduceLROnPlateau waits for patience epochs and cools down, as Keras does", "[training]") {
    using Values = std::vector<double>;
    CHECK(plateau_rates({3, 2, 2, 2, 2}, {.factor = 0.5, .patience = 2}) == Values{1, 1, 1, 1, 0.5, 0.5});
    CHECK(plateau_rates({3, 3, 3, 3}, {.factor = 0.5, .patience = 1}) == Values{1, 1, 0.5, 0.25, 0.125});
    CHECK(plateau_rates({3, 3, 3, 3}, {.factor = 0.5, .patience = 1, .cooldown = 2}) == Values{1, 1, 0.5, 0.5, 0.25});
    CHECK(plateau_rates({3, 3, 3, 3}, {.factor = 0.5, .patience = 1, .min_lr = 0.3}) == Values{1, 1, 0.5, 0.3, 0.3});
    CHECK(plateau_rates({1, 2, 3, 2}, {.factor = 0.5, .patience = 1, .mode = MonitorMode::max}) ==
          Values{1, 1, 1, 1, 0.5});
    CHECK(plateau_rates({4, 3.5}, {.factor = 0.5, .patience = 1, .min_delta = 0.1}) == Values{1, 1, 1});
    CHECK(plateau_rates({4, 3.7}, {.factor = 0.5, .patience = 1, .min_delta = 0.1, .relative = true}) ==
          Values{1, 1, 0.5});
    CHECK(plateau_rates({std::nan(""), std::nan(""), 1, 1}, {.factor = 0.5, .patience = 2}) ==
          Values{1, 1, 0.5, 0.5, 0.5});
    CHECK(message_of<ArgumentError>([] { plateau_rates({1}, {.factor = 1}); }) ==
          "ReduceLROnPlateau: expected a factor between 0 and 1, received 1");
}

TEST_CASE("A relative threshold of ReduceLROnPlateau is PyTorch's for negative figures too", "[training]") {
    ReduceLROnPlateau plateau{.factor = 0.5, .patience = 1, .min_delta = 0.01, .relative = true, .cooldown = 1};
    CHECK(plateau.next(0.1, -1) == 0.1);
    CHECK(plateau.next(0.1, -0.995) == 0.1);  // below -1 (1 - 0.01)
}

TEST_CASE("ReduceLROnPlateau watches a figure of fit", "[training]") {
    auto model = classifier();
    Rates optimizer;  // nothing improves
    const History history =
        fit(model, points(20), BinaryCrossEntropy{}, optimizer, {.epochs = 4, .batch_size = 20, .threads = 1},
            ReduceLROnPlateau{.monitor = "loss", .factor = 0.5, .patience = 2});
    CHECK(optimizer.seen == std::vector<double>{1, 1, 1, 0.5});
    CHECK(history.series("learning_rate") == std::vector<double>{1, 1, 1, 0.5});
    CHECK_THROWS_AS(fit(model, points(20), BinaryCrossEntropy{}, optimizer, {}, ReduceLROnPlateau{}), ArgumentError);
}
