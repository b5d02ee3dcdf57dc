#include <deeprec/optimizers/optimizer.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <deeprec/core/random.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {

/// The smallest rule: w -= rate g, and a slot that counts the steps of each number.
struct PlainRule : deeprec::detail::Slots<1> {
    struct Options {
        double learning_rate = 0.5;
        double weight_decay = 0;
        Clipping clipping{};
    };
    static constexpr std::string_view name() { return "Plain"; }
    static double initial(const Options&, int) { return 100; }
    static bool decoupled_decay(const Options&) { return true; }
    static void check(const Options&) {}
    template <class T>
    static auto formula(const Options& o, double) {
        const T rate = static_cast<T>(o.learning_rate);
        return [=]<class V>(V& w, const V& g, V* steps) {
            w = w - V(rate) * g;
            *steps = *steps + V(1);
        };
    }
};
using Plain = Optimizer<PlainRule>;

/// A dense vector and a table with a sparse gradient.
struct Model {
    using Scalar = double;
    struct Gradients {
        Tensor<double, 1> bias;
        SparseRows<double> table;
    };
    Tensor<double, 1> bias;
    Tensor<double, 2> table;

    Model(Index n, Index rows, Index width) : bias(n), table(rows, width) {
        bias.setZero();
        table.setZero();
    }
    Gradients zero_gradients() const {
        Gradients g{bias, {table.dimension(0), table.dimension(1)}};
        g.bias.setZero();
        return g;
    }
    void parameters_changed() { ++renewed; }
    void fields(Fields<double>& f, Gradients& g) {
        f.parameter("bias", bias, g.bias);
        f.parameter("table", table, g.table);
    }
    int renewed = 0;
};

/// bias gradient (3, 4), table gradient 12 in row 2: norms 5 and 12, together 13.
struct Small {
    Model model{2, 4, 1};
    Model::Gradients gradients = model.zero_gradients();
    Small() {
        gradients.bias.setValues({3, 4});
        gradients.table.row(2)[0] = 12;
    }
};

}  // namespace

TEST_CASE("A step moves all dense numbers and the touched rows only", "[optimizers]") {
    Model model(3, 5, 2);
    model.table.setConstant(7);
    auto gradients = model.zero_gradients();
    gradients.bias.setValues({1, 2, 3});
    gradients.table.row(3)[1] = 4;
    gradients.table.row(0)[0] = 2;
    Plain optimizer;
    optimizer.step(model, gradients);
    CHECK(model.bias(0) == -0.5);
    CHECK(model.bias(2) == -1.5);
    for (Index row = 0; row < 5; ++row) {
        CHECK(model.table(row, 0) == (row == 0 ? 6 : 7));
        CHECK(model.table(row, 1) == (row == 3 ? 5 : 7));
    }
    CHECK(model.renewed == 1);  // packed copies
    CHECK(optimizer.iterations() == 1);
    CHECK(gradients.bias(2) == 3);
}

TEST_CASE("Clipping limits each number, each gradient or all together", "[optimizers]") {
    const auto stepped = [](Clipping clipping) {
        Small s;
        Plain optimizer{{.learning_rate = 1, .clipping = clipping}};
        optimizer.step(s.model, s.gradients);
        return std::vector<double>{-s.model.bias(0), -s.model.bias(1), -s.model.table(2, 0)};
    };
    CHECK(stepped({}) == std::vector<double>{3, 4, 12});
    CHECK(stepped({.value = 3.5}) == std::vector<double>{3, 3.5, 3.5});
    CHECK(stepped({.norm = 100}) == std::vector<double>{3, 4, 12});
    const auto norm = stepped({.norm = 1}), global = stepped({.global_norm = 1.3});
    CHECK(norm[0] == Approx(0.6));
    CHECK(norm[1] == Approx(0.8));
    CHECK(norm[2] == Approx(1));
    CHECK(global[0] == Approx(0.3));
    CHECK(global[1] == Approx(0.4));
    CHECK(global[2] == Approx(1.2));
}

TEST_CASE("Optimizers refuse limits without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] { Plain{{.clipping = {.norm = -1}}}; }) ==
          "Plain: expected a positive limit for clipping, received -1");
    CHECK_THROWS_AS((Plain{{.clipping = {.value = std::nan("")}}}), ArgumentError);
    CHECK(message_of<ArgumentError>([] { Plain{{.clipping = {.value = 1, .norm = 1}}}; }) ==
          "Plain: expected one kind of clipping, received 2");
}

TEST_CASE("A schedule sets the learning rate", "[optimizers]") {
    Small s;
    Plain optimizer;
    optimizer.set_learning_rate(0.25);
    CHECK(optimizer.learning_rate() == 0.25);
    optimizer.step(s.model, s.gradients);
    CHECK(s.model.bias(1) == -1);
    optimizer.set_learning_rate(0);  // where a decay may end
    optimizer.step(s.model, s.gradients);
    CHECK(s.model.bias(1) == -1);
    for (const double rate : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
        CHECK_THROWS_AS(optimizer.set_learning_rate(rate), ArgumentError);
    CHECK(message_of<ArgumentError>([&] { optimizer.set_learning_rate(-1); }) ==
          "Plain: expected learning_rate >= 0, received -1");
    CHECK(optimizer.learning_rate() == 0);
}

TEST_CASE("Optimizers refuse rates without meaning", "[optimizers]") {
    for (const double rate : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
        CHECK_THROWS_AS((Plain{{.learning_rate = rate}}), ArgumentError);
    CHECK(message_of<ArgumentError>([] { Plain{{.weight_decay = -1}}; }) ==
          "Plain: expected weight_decay >= 0, received -1");
}

TEST_CASE("The state of one model does not fit another", "[optimizers]") {
    Small s;
    Plain optimizer;
    optimizer.step(s.model, s.gradients);
    Model other(3, 4, 1);
    auto gradients = other.zero_gradients();
    CHECK(message_of<ArgumentError>([&] { optimizer.step(other, gradients); }) ==
          "Plain: this optimizer has the state of another model (parameter 0 had 16 bytes, needs 24)");
}

TEST_CASE("Copies of an optimizer go on by themselves", "[optimizers]") {
    Small s;
    Plain optimizer;
    optimizer.step(s.model, s.gradients);
    Plain copy = optimizer;
    Model model = s.model;
    copy.step(model, s.gradients);
    CHECK(copy.iterations() == 2);
    CHECK(optimizer.iterations() == 1);
    CHECK(model.bias(0) == 2 * s.model.bias(0));
}

TEST_CASE("Threads step to the same bits", "[optimizers][threads]") {
    const auto stepped = [](int threads) {
        Model model(300000, 3000, 50);  // several chunks of both kinds
        auto gradients = model.zero_gradients();
        const RandomStream random(Seed{1});
        for (Index i = 0; i < model.bias.size(); ++i) gradients.bias(i) = random.uniform(static_cast<std::uint64_t>(i));
        for (std::int32_t row = 0; row < 3000; row += 1 + row % 2)
            for (Index j = 0; j < 50; ++j)
                gradients.table.row(row)[j] = random.uniform(static_cast<std::uint64_t>(row + j));
        Plain optimizer{{.clipping = {.global_norm = 1}}};
        ThreadPool pool(threads);
        for (int step = 0; step < 3; ++step) optimizer.step(model, gradients, &pool);
        return model;
    };
    const Model one = stepped(1);
    for (const int threads : {2, 3}) {
        const Model several = stepped(threads);
        CHECK(std::memcmp(one.bias.data(), several.bias.data(), sizeof(double) * 300000) == 0);
        CHECK(std::memcmp(one.table.data(), several.table.data(), sizeof(double) * 150000) == 0);
    }
}

TEST_CASE("A warm step allocates nothing", "[optimizers]") {
    Small s;
    Plain optimizer{{.clipping = {.global_norm = 1}}};
    ThreadPool pool(1);
    optimizer.step(s.model, s.gradients, &pool);
    CHECK(support::allocations_in([&] { optimizer.step(s.model, s.gradients, &pool); }) == 0);
}
