#include <deeprec/losses/in_batch_softmax.hpp>

#include <cmath>

#include "support/allocations.hpp"
#include "support/files.hpp"
#include "support/loss_battery.hpp"

using namespace deeprec;

namespace {
struct Problem {
    Tensor<double, 2> query{6, 5}, item{6, 5};
    Tensor<double, 1> log_q{6}, weight{6};
    std::int32_t ids[6]{1, 2, 3, 1, 5, 2};
    Problem() {
        battery::fill(query, {-1, 1}, 1);
        battery::fill(item, {-1, 1}, 2);
        battery::fill(log_q, {-5, -1}, 3);
        battery::fill(weight, {0.5, 2}, 4);
    }
};
}  // namespace

TEST_CASE("Gradients of the in-batch softmax are its slopes", "[losses]") {
    Problem x;
    for (const InBatch<double>& batch : {InBatch<double>{}, InBatch<double>{x.log_q.data(), x.ids, x.weight.data()}})
        for (const bool normalize : {false, true})
            for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::mean_with_sample_weight}) {
                const InBatchSoftmax loss{{0.5, normalize, reduction}};
                const auto gradient = loss.gradient(x.query, x.item, batch);
                const auto value = [&] { return loss.forward(x.query, x.item, batch); };
                CHECK(battery::slope_error(x.query, gradient.query, value) < 1e-6);
                CHECK(battery::slope_error(x.item, gradient.item, value) < 1e-6);
            }
}

TEST_CASE("The same item twice in a batch is no negative of itself", "[losses]") {
    Tensor<double, 2> query(2, 1), item(2, 1);
    query.setConstant(1);
    item.setConstant(3);
    CHECK(InBatchSoftmax{}.forward(query, item) == Approx(std::log(2)));
    const std::int32_t ids[]{7, 7};
    CHECK(InBatchSoftmax{}.forward(query, item, {.item_ids = ids}) == 0);
}

TEST_CASE("The in-batch softmax is finite for scores of 1e4 and for zero vectors, in float", "[losses]") {
    Tensor<float, 2> query(3, 2), item(3, 2);
    query.setConstant(100);
    item.setValues({{50, 50}, {-50, -50}, {0, 0}});
    for (const bool normalize : {false, true}) {
        const InBatchSoftmax loss{{.normalize = normalize}};
        CHECK(std::isfinite(loss.forward(query, item)));
        const auto gradient = loss.gradient(query, item);
        for (Index i = 0; i < 6; ++i) CHECK(std::isfinite(gradient.query.data()[i]));
        for (Index i = 0; i < 6; ++i) CHECK(std::isfinite(gradient.item.data()[i]));
    }
}

TEST_CASE("A warm in-batch softmax allocates nothing", "[losses]") {
    Problem x;
    const InBatchSoftmax loss{{.normalize = true}};
    InBatchSoftmax::Cache<double> cache;
    Tensor<double, 2> dq(6, 5), di(6, 5);
    const auto run = [&] {
        return loss.accumulate(x.query.data(), x.item.data(), 6, 5, InBatch<double>{}, cache, dq.data(), di.data());
    };
    const double first = run();
    const long before = support::allocations();
    const double second = run();
    CHECK(support::allocations() == before);
    CHECK(first == second);
}

TEST_CASE("The in-batch softmax names what does not fit", "[losses]") {
    CHECK(support::message_of<ShapeError>([] {
              InBatchSoftmax{}.forward(Tensor<float, 2>(2, 3), Tensor<float, 2>(3, 3));
          }) == "InBatchSoftmax: expected items of the queries' shape [2, 3], received [3, 3]");
    CHECK(support::message_of<ArgumentError>([] { InBatchSoftmax{{.temperature = 0}}; }) ==
          "InBatchSoftmax: expected a positive temperature, received 0");
}
