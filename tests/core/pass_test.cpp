#include <deeprec/core/pass.hpp>

#include <deeprec/core/parallel.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("A pass predicts, trains, or predicts for a gradient", "[pass]") {
    const Pass plain, inference = Inference{}, training = Training{Seed{7}, 3}, gradient = DifferentiableInference{};
    for (const Pass& p : {plain, inference}) {
        CHECK_FALSE(p.training);
        CHECK(p.predicts);
    }
    CHECK(training.training);
    CHECK_FALSE(training.predicts);
    CHECK(training.seed.value == 7);
    CHECK(training.first_row == 3);
    CHECK(gradient.training);
    CHECK(gradient.predicts);
    CHECK(Training{9}.seed.value == 9);
    CHECK(Training{9}.first_row == 0);
    for (const Pass& p : {plain, inference, training, gradient}) {
        CHECK_FALSE(p.logits);
        CHECK(p.pool == nullptr);
    }
    ThreadPool pool(1);
    CHECK(Inference{&pool}.pool == &pool);
}

TEST_CASE("Parts of a composition draw from seeds of their own in training", "[pass]") {
    const Training training{Seed{7}, 3};
    const Pass part = training.for_part(4);
    CHECK(part.seed.value == derive(Seed{7}, 4).value);
    CHECK(part.training);
    CHECK(part.first_row == 3);
    CHECK(training.for_part(4).seed.value != training.for_part(5).seed.value);
    CHECK(Inference{}.for_part(4).seed.value == 0);
    CHECK(DifferentiableInference{}.for_part(4).seed.value == 0);
    ThreadPool pool(1);
    CHECK(Inference{&pool}.for_part(1).pool == &pool);
}

TEST_CASE("The last part alone leaves out its activation", "[pass]") {
    const Pass logits = Training{1}.on_logits();
    CHECK(logits.logits);
    CHECK(logits.seed.value == 1);
    CHECK_FALSE(logits.for_part(0).logits);
    CHECK(logits.for_part(1, true).logits);
    CHECK_FALSE(logits.on_logits(false).logits);
    CHECK_FALSE(Training{1}.for_part(1, true).logits);
}
