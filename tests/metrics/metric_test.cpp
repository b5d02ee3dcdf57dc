#include <deeprec/metrics/metric.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/auc_approximate.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/metrics/calibration_error.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/metrics/ranking.hpp>
#include <deeprec/metrics/regression.hpp>
#include <deeprec/metrics/top_k_accuracy.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

static_assert(Metric<Auc> && Metric<AucApproximate> && Metric<LogLoss> && Metric<F1Score> && Metric<TopKAccuracy>);
static_assert(!Metric<Gauc> && !Metric<int>);  // Gauc needs groups

namespace {
constexpr Index samples = 7, time_steps = 5, classes = 3;
const float nan_value = std::nanf("");

/// Gauc as the other metrics are: the group of a prediction follows from its value.
struct GaucByValue : Gauc {
    template <class P, class Y, class W = std::nullptr_t>
    void update(const P& prediction, const Y& target, const W& weights = {}) {
        const auto p = view(prediction);
        std::vector<std::int32_t> groups(static_cast<std::size_t>(p.size()));
        for (std::size_t i = 0; i < groups.size(); ++i)
            groups[i] = std::isnan(p.data()[i]) ? -1 : static_cast<std::int32_t>(p.data()[i] * 64) % 2;
        Gauc::update(p, target, View<const std::int32_t, 1>{groups.data(), {p.size()}}, weights);
    }
};

template <class M>
constexpr bool takes_classes = std::is_same_v<M, TopKAccuracy>;

/// Predictions of 7 samples, of 5 steps each where Rank is 3. Under a mask all of sample 1 and some steps are left out,
/// and NaN and what is no class stand there. Memory is allocated to size, so that the sanitizer sees a step too far.
template <int Rank>
struct Problem {
    bool has_mask;
    Index steps = Rank == 3 ? time_steps : has_mask ? classes : 1;
    Index width = Rank == 2 && has_mask ? 1 : classes;
    std::vector<float> p, y, class_of, by_sample, by_step;  // y: a target each number; class_of: one each row
    std::vector<std::uint8_t> keep;

    explicit Problem(bool under_mask) : has_mask(under_mask) {
        for (Index sample = 0; sample < samples; ++sample) {
            const auto leave_out = [&](Index step) { return has_mask && (sample == 1 || (sample + step) % 3 == 2); };
            by_sample.push_back(has_mask && sample == 1 ? nan_value : static_cast<float>(1 + sample % 3));
            for (Index step = 0; step < steps; ++step) {
                const bool out = leave_out(step);
                const Index row = sample * steps + step;
                keep.push_back(!out);
                by_step.push_back(out ? nan_value : static_cast<float>((row * row + 3 * row) % 11) / 7);
                class_of.push_back(out ? -100.0f : static_cast<float>((row * 2) % classes));
                for (Index j = 0; j < width; ++j) {
                    const Index i = row * width + j;
                    p.push_back(out ? nan_value : static_cast<float>((i * 37) % 64) / 64);
                    y.push_back(out ? nan_value : static_cast<float>((i * i + 2 * i) % 5 < 2));
                }
            }
        }
        for (auto* numbers : {&p, &y, &class_of, &by_sample, &by_step}) numbers->shrink_to_fit();
        keep.shrink_to_fit();
    }
    View<const float, Rank> prediction() const {
        const Mask mask{has_mask ? keep.data() : nullptr};
        if constexpr (Rank == 3)
            return {p.data(), {samples, steps, width}, mask};
        else
            return {p.data(), {samples, classes}, mask};
    }
    /// The metric of the kept rows, shown one by one with their weights.
    template <class M, class Weight>
    double expected(M metric, Weight&& weight) const {
        for (Index row = 0; row < samples * steps; ++row) {
            if (has_mask && !keep[static_cast<std::size_t>(row)]) continue;
            Tensor<float, 1> own(1);
            own(0) = weight(row);
            const View<const float, 2> one{p.data() + row * width, {1, width}};
            if constexpr (takes_classes<M>)
                metric.update(one, View<const float, 1>{class_of.data() + row, {1}}, own);
            else
                metric.update(one, View<const float, 2>{y.data() + row * width, {1, width}}, own);
        }
        return metric.result();
    }
};

template <class M>
double updated(M metric, const auto&... arguments) {
    metric.update(arguments...);
    return metric.result();
}

/// The targets as the metric wants them.
template <class M, int Rank>
auto target_of(const Problem<Rank>& x) {
    if constexpr (!takes_classes<M>)
        return View<const float, Rank>{x.y.data(), x.prediction().extents()};
    else if constexpr (Rank == 3)
        return View<const float, 2>{x.class_of.data(), {samples, x.steps}};
    else
        return View<const float, 1>{x.class_of.data(), {samples}};
}

template <int Rank, class M>
void check_metric(bool has_mask, const M& metric) {
    CAPTURE(std::string(metric.name()), Rank, has_mask);
    const Problem<Rank> x(has_mask);
    const auto p = x.prediction();
    const auto y = target_of<M>(x);
    const double plain = x.expected(metric, [](Index) { return 1.0f; });
    const double by_sample =
        x.expected(metric, [&](Index row) { return x.by_sample[static_cast<std::size_t>(row / x.steps)]; });
    const double by_step = x.expected(metric, [&](Index row) { return x.by_step[static_cast<std::size_t>(row)]; });
    REQUIRE(!std::isnan(plain + by_sample + by_step));
    REQUIRE(plain != by_sample);
    REQUIRE(plain != by_step);
    CHECK(updated(metric, p, y) == plain);
    CHECK(updated(metric, p, y, View<const float, 1>{x.by_sample.data(), {samples}}) == by_sample);
    CHECK(updated(metric, p, y, View<const float, 2>{x.by_step.data(), {samples, x.steps}}) == by_step);
}

template <class M>
void check_everywhere(const M& metric) {
    check_metric<2>(false, metric);
    if constexpr (!takes_classes<M>) check_metric<2>(true, metric);  // a mask [B, T] leaves no axis of scores
    check_metric<3>(false, metric);
    check_metric<3>(true, metric);
}
}  // namespace

TEST_CASE("Every metric, weight, mask and rank: the figure of the kept rows one by one", "[metrics]") {
    check_everywhere(Auc{});
    check_everywhere(AveragePrecision{});
    check_everywhere(GaucByValue{});
    check_everywhere(AucApproximate{});
    check_everywhere(AucApproximate{{.num_thresholds = 20, .curve = Curve::precision_recall}});
    check_everywhere(BinaryAccuracy{});
    check_everywhere(Precision{});
    check_everywhere(Recall{{.threshold = 0.3}});
    check_everywhere(F1Score{});
    check_everywhere(CalibrationError{});
    check_everywhere(LogLoss{});
    check_everywhere(Mse{});
    check_everywhere(RootMeanSquaredError{});
    check_everywhere(Mae{});
    check_everywhere(R2Score{});
    check_everywhere(TopKAccuracy{{.k = 1}});
    check_everywhere(TopKAccuracy{{.k = 2}});
}

TEMPLATE_TEST_CASE("Every form of weights and of targets", "[metrics]", Mae, TopKAccuracy) {
    for (const bool has_mask : {false, true}) {
        const Problem<3> x(has_mask);
        const auto p = x.prediction();
        const TestType metric = [] {
            if constexpr (takes_classes<TestType>)
                return TopKAccuracy{{.k = 1}};
            else
                return Mae{};
        }();
        const auto y = target_of<TestType>(x);
        const double plain = updated(metric, p, y);
        CHECK(updated(metric, p, y, nullptr) == plain);
        CHECK(updated(metric, p, y, static_cast<const double*>(nullptr)) == plain);
        CHECK(updated(metric, p, y, SampleWeights<float>{}) == plain);

        const float* const w = x.by_sample.data();
        const double by_sample = updated(metric, p, y, View<const float, 1>{w, {samples}});
        CHECK(updated(metric, p, y, w) == by_sample);
        CHECK(updated(metric, p, y, SampleWeights<float>{w, 1}) == by_sample);
        CHECK(updated(metric, p, y, View<const float, 2>{w, {samples, 1}}) == by_sample);

        Tensor<double, 2> owned(samples, x.steps);  // of another type than the predictions
        std::copy(x.by_step.begin(), x.by_step.end(), owned.data());
        CHECK(updated(metric, p, y, owned) == updated(metric, p, y, SampleWeights<float>{x.by_step.data(), x.steps}));

        const View<const float, 2> in_a_row{x.y.data(), {samples, x.steps * x.width}};
        if constexpr (takes_classes<TestType>)
            CHECK(updated(metric, p, View<const float, 3>{x.class_of.data(), {samples, x.steps, 1}}) == plain);
        else
            CHECK(updated(metric, p, in_a_row) == plain);
    }
}

TEST_CASE("Predictions [B] are samples of one number, and no samples are none", "[metrics]") {
    Tensor<float, 1> p(3), y(3);
    p.setValues({1, 2, 4});
    y.setValues({1, 4, 8});
    const Tensor<std::uint8_t, 1> keep = [] {
        Tensor<std::uint8_t, 1> k(3);
        k.setValues({1, 0, 1});
        return k;
    }();
    Mae metric;
    metric.update(p, y);
    CHECK(metric.result() == 2);
    metric.reset();
    metric.update(View<const float, 1>{p.data(), {3}, Mask{keep.data()}}, y);
    CHECK(metric.result() == 2);
    metric.reset();
    metric.update(Tensor<float, 3>(0, 4, 2), Tensor<float, 3>(0, 4, 2), Tensor<float, 1>(0));
    metric.update(Tensor<float, 3>(2, 0, 2), Tensor<float, 2>(2, 0));
    metric.update(Tensor<float, 2>(2, 0), Tensor<float, 2>(2, 0));
    CHECK(std::isnan(metric.result()));
}

TEST_CASE("A step of rank 4 has several rows", "[metrics]") {
    Tensor<float, 4> p(2, 2, 3, 2), y(2, 2, 3, 2);
    Tensor<float, 2> weights(2, 2);
    Tensor<std::uint8_t, 2> keep(2, 2);
    p.setConstant(0);
    y.setConstant(nan_value);
    for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 2; ++j) y(0, 0, i, j) = 1, y(1, 1, i, j) = 4;
    keep.setValues({{1, 0}, {0, 1}});
    weights.setValues({{2, nan_value}, {nan_value, 1}});
    Mae metric;
    metric.update(masked(p, keep), y, weights);
    CHECK(metric.result() == 2);
}

TEST_CASE("Shapes that do not fit are named", "[metrics]") {
    const Tensor<float, 3> p(2, 4, 3);
    const Tensor<float, 2> flat(2, 3), steps(2, 4);
    LogLoss log_loss;
    TopKAccuracy accuracy;
    CHECK(message_of<ShapeError>([&] { log_loss.update(p, steps); }) ==
          "LogLoss: expected as many targets as predictions of [2, 4, 3], received [2, 4]");
    CHECK(message_of<ShapeError>([&] { accuracy.update(p, p); }) ==
          "TopKAccuracy: expected classes of [2, 4] or [2, 4, 1] for scores of [2, 4, 3], received [2, 4, 3]");
    CHECK(message_of<ShapeError>([&] { accuracy.update(p, Tensor<float, 1>(8)); }) ==
          "TopKAccuracy: expected classes of [2, 4] or [2, 4, 1] for scores of [2, 4, 3], received [8]");
    CHECK(message_of<ShapeError>([&] { accuracy.update(flat, Tensor<float, 1>(3)); }) ==
          "TopKAccuracy: expected classes of [2] or [2, 1] for scores of [2, 3], received [3]");
    const Tensor<std::uint8_t, 2> keep(2, 3);
    CHECK(message_of<ShapeError>([&] { accuracy.update(masked(flat, keep), Tensor<float, 1>(2)); }) ==
          "TopKAccuracy: expected scores [B, T, C] under a mask, received [2, 3]");
    CHECK(message_of<ShapeError>([&] { log_loss.update(p, p, Tensor<float, 1>(8)); }) ==
          "LogLoss: expected weights of [2], [2, 1] or [2, 4], received [8]");
    CHECK(message_of<ShapeError>([&] { log_loss.update(p, p, Tensor<float, 2>(2, 3)); }) ==
          "LogLoss: expected weights of [2], [2, 1] or [2, 4], received [2, 3]");
    CHECK(message_of<ShapeError>([&] { log_loss.update(p, p, p); }) ==
          "LogLoss: expected weights of [2], [2, 1] or [2, 4], received [2, 4, 3]");
    CHECK(message_of<ShapeError>([&] {
              log_loss.update(p, p, SampleWeights<float>{p.data(), 3});
          }) == "LogLoss: expected weights of [2], [2, 1] or [2, 4], received [2, 3]");
    CHECK(message_of<ShapeError>([&] { log_loss.update(flat, flat, flat); }) ==
          "LogLoss: expected weights of [2] or [2, 1], received [2, 3]");
    CHECK(std::isnan(log_loss.result()));
}

TEST_CASE("Weights are finite and not negative; nothing is added otherwise", "[metrics]") {
    Tensor<float, 3> p(2, 2, 1);
    Tensor<float, 1> by_sample(2);
    Tensor<float, 2> by_step(2, 2);
    p.setConstant(0.5f);
    Mse metric;
    for (const float bad : {nan_value, -1.0f, std::numeric_limits<float>::infinity()}) {
        by_sample.setValues({1, bad});
        by_step.setValues({{1, 1}, {bad, 1}});
        const auto expected = [&](const char* at) {
            return message("Mse: expected finite weights >= 0, received ", bad, " at ", at);
        };
        CHECK(message_of<DataError>([&] { metric.update(p, p, by_sample); }) == expected("[1]"));
        CHECK(message_of<DataError>([&] { metric.update(p, p, by_sample.data()); }) == expected("[1]"));
        CHECK(message_of<DataError>([&] { metric.update(p, p, by_step); }) == expected("[1, 0]"));
    }
    CHECK(std::isnan(metric.result()));
}

TEST_CASE("Classes of kept steps are classes", "[metrics]") {
    Tensor<float, 3> scores(1, 2, 2);
    Tensor<std::int32_t, 2> numbers(1, 2);
    Tensor<std::uint8_t, 2> keep(1, 2);
    scores.setValues({{{0, 1}, {1, 0}}});
    numbers.setValues({{1, -100}});
    keep.setValues({{1, 0}});
    TopKAccuracy metric{{.k = 1}};
    metric.update(masked(scores, keep), numbers);
    CHECK(metric.result() == 1);
    CHECK(message_of<DataError>([&] { metric.update(scores, numbers); }) ==
          "TopKAccuracy: expected a class from 0 to 1, received -100");
}

namespace {
/// The numbers of a metric, in memory.
class KeptNumbers final : public CheckpointState {
public:
    bool reading = false;
    std::map<std::string, std::vector<double>> kept;

    void operator()(const std::string& name, double& value) override { (*this)(name, std::span(&value, 1)); }
    void operator()(const std::string& name, long& value) override {
        double number = static_cast<double>(value);
        (*this)(name, number);
        value = static_cast<long>(number);
    }
    void operator()(const std::string& name, std::span<double> values) override {
        if (reading)
            std::copy_n(kept.at(name).begin(), values.size(), values.begin());
        else
            kept[name].assign(values.begin(), values.end());
    }
    void lists(std::initializer_list<std::pair<const char*, std::vector<double>*>> all) override {
        for (const auto& [name, values] : all) {
            if (reading) values->resize(kept.at(name).size());
            (*this)(name, std::span(*values));
        }
    }
    void option(const std::string& name, double value) override { (*this)(name, value); }
};

/// What a metric has seen goes into a new one, which sees the rest; others see all.
template <class M, class Add>
void check_goes_on(const M& fresh, const Add& add) {
    M whole = fresh, first = fresh, second = fresh;
    for (int i = 0; i < 20; ++i) {
        add(whole, i);
        if (i < 11) add(first, i);
    }
    add(second, 3);  // is forgotten
    KeptNumbers numbers;
    first.state(numbers);
    numbers.reading = true;
    second.state(numbers);
    for (int i = 11; i < 20; ++i) add(second, i);
    INFO(whole.name());
    CHECK(second.result() == whole.result());
    CHECK(first.result() != whole.result());
}
}  // namespace

TEST_CASE("Metrics go on with what a checkpoint has of them", "[metrics]") {
    const auto p = [](int i) { return static_cast<double>((i * 7 + 3) % 20) / 20 + 0.01; };
    const auto y = [](int i) { return i * 5 % 7 < 3 ? 1.0 : 0.0; };
    const auto number = [&](auto& metric, int i) { metric.add(p(i), y(i), 1 + i % 2); };
    [&](const auto&... metrics) { (check_goes_on(metrics, number), ...); }(
        Auc{}, AveragePrecision{}, AucApproximate{{.curve = Curve::precision_recall}}, BinaryAccuracy{}, Precision{},
        Recall{}, F1Score{}, CalibrationError{}, LogLoss{}, Mse{}, RootMeanSquaredError{}, Mae{}, R2Score{});
    check_goes_on(TopKAccuracy{{.k = 1}}, [&](auto& metric, int i) {
        Tensor<float, 2> scores(1, 3), of(1, 1);
        scores.setValues({{0.3f, static_cast<float>(p(i)), 0.4f}});
        of(0, 0) = static_cast<float>(i % 2);
        metric.update(scores, of);
    });
    check_goes_on(Ndcg{}, [&](auto& metric, int i) { metric.add({{p(i), y(i), p(i + 1)}, {1}, {}}, 1 + i % 2); });
    Unweighted<Mae> mae{Mae{}};
    KeptNumbers numbers;
    mae.state(numbers);
    CHECK(numbers.kept.count("absolute") == 1);

    BinaryAccuracy with_nan;
    with_nan.add(std::nan(""), 1, 1);
    numbers = {};
    with_nan.state(numbers);
    numbers.reading = true;
    BinaryAccuracy next;
    next.state(numbers);
    next.add(0.9, 1, 1);
    CHECK(std::isnan(next.result()));
}
