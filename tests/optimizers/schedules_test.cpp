#include <deeprec/optimizers/schedules.hpp>

#include <cmath>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Schedules begin, pass their corners and end where they should", "[optimizers]") {
    CHECK(ExponentialDecay{1, 10, 0.5}.rate(5) == Approx(std::sqrt(0.5)));
    CHECK(ExponentialDecay{1, 10, 0.5, true}.rate(19) == 0.5);
    CHECK(InverseTimeDecay{1, 10, 1}.rate(10) == 0.5);
    const PolynomialDecay line{1, 10, 0.5}, saw{1, 10, 0.5, 1, true};
    CHECK(line.rate(0) == 1);
    CHECK(line.rate(10) == 0.5);
    CHECK(line.rate(1000) == 0.5);
    CHECK(saw.rate(0) == 1);
    CHECK(saw.rate(10) == 0.5);
    CHECK(saw.rate(15) == Approx(0.5 + 0.5 * 0.25));
    const PiecewiseConstantDecay pieces{{3, 5}, {1, 0.5, 0.25}};
    CHECK(pieces.rate(3) == 1);
    CHECK(pieces.rate(4) == 0.5);
    CHECK(pieces.rate(6) == 0.25);
    const CosineDecay warm{0, 10, 0.5, 2, 4};
    CHECK(warm.rate(0) == 0);
    CHECK(warm.rate(2) == 1);
    CHECK(warm.rate(4) == 2);
    CHECK(warm.rate(9) == Approx(2 * 0.75));
    CHECK(warm.rate(14) == Approx(1));
    CHECK(warm.rate(100) == Approx(1));
    CHECK(CosineDecay{1, 10}.rate(10) == 0);
    CHECK(CosineDecay{0, 10, 0, 0.1, 0}.rate(0) == 0.1);
    CHECK(CosineDecay{1, 10, 0, std::nullopt, 4}.rate(10) == 0);
    for (const double t_mul : {3.0, 10.0})  // whose logarithms round down at a restart
        for (Index restart = 0, step = 0; restart < 8; ++restart) {
            CHECK(CosineDecayRestarts{0.1, 1, t_mul}.rate(step) == Approx(0.1));
            step = step * static_cast<Index>(t_mul) + 1;
        }
    const CosineDecayRestarts restarts{1, 4, 2, 0.5};
    CHECK(restarts.rate(0) == 1);
    CHECK(restarts.rate(4) == Approx(0.5));
    CHECK(restarts.rate(8) == Approx(0.25));
    CHECK(restarts.rate(12) == Approx(0.25));  // the second decay has 8 steps
    const CosineAnnealing annealing{1, 4, 0.5};
    CHECK(annealing.rate(4) == Approx(0.5));
    CHECK(annealing.rate(8) == Approx(1));
    const Warmup warmup{4, 0.5, ExponentialDecay{1, 1, 0.5}};
    CHECK(warmup.rate(0) == 0.5);
    CHECK(warmup.rate(2) == 0.75);
    CHECK(warmup.rate(4) == 1);
    CHECK(warmup.rate(5) == 0.5);
    const OneCycle cycle{1, 11, 0.4, OneCycle::Anneal::straight, 5, 10};
    CHECK(cycle.rate(0) == Approx(0.2));
    CHECK(cycle.rate(1) > cycle.rate(0));
    CHECK(cycle.rate(10) == Approx(0.02));
    CHECK(cycle.rate(50) == Approx(0.02));
    const OneCycle one_step{.max_learning_rate = 1, .total_steps = 10, .pct_start = 0.1};
    CHECK(one_step.rate(0) == 1);
    CHECK(one_step.rate(1) < 1);
    CHECK(one_step.rate(9) == Approx(1 / 25e4));
    CHECK(OneCycle{.max_learning_rate = 1, .total_steps = 1, .pct_start = 1}.rate(0) == 1);
    CHECK(OneCycle{.max_learning_rate = 1, .total_steps = 4, .pct_start = 0}.rate(0) < 1);
    const Noam noam{16, 100};
    CHECK(noam.rate(99) == Approx(0.25 / 10));
    CHECK(noam.rate(49) == Approx(noam.rate(99) / 2));
    CHECK(noam.rate(399) == Approx(noam.rate(99) / 2));
}

TEST_CASE("Schedules name lengths without meaning", "[optimizers]") {
    CHECK(message_of<ArgumentError>([] {
              return ExponentialDecay{1, 0}.rate(1);
          }) == "ExponentialDecay: expected a positive number of steps, received 0");
    CHECK_THROWS_AS((InverseTimeDecay{1, 0}.rate(1)), ArgumentError);
    CHECK_THROWS_AS((PolynomialDecay{1, 0}.rate(1)), ArgumentError);
    CHECK_THROWS_AS((CosineDecay{1, 0}.rate(1)), ArgumentError);
    CHECK_THROWS_AS((CosineDecayRestarts{1, 0}.rate(1)), ArgumentError);
    CHECK_THROWS_AS((CosineAnnealing{1, 0}.rate(1)), ArgumentError);
    CHECK_THROWS_AS((OneCycle{1, 0}.rate(1)), ArgumentError);
    CHECK_THROWS_AS((Noam{0, 10}.rate(1)), ArgumentError);
    CHECK(message_of<ArgumentError>([] {
              return Warmup{-5, 0.1, ExponentialDecay{1, 1}}.rate(0);
          }) == "Warmup: expected 0 or more steps of warmup, received -5");
    CHECK_THROWS_AS((CosineDecay{0, 10, 0, 1, -5}.rate(0)), ArgumentError);
    CHECK(Warmup{0, 0.1, ExponentialDecay{1, 1}}.rate(0) == 1);
    for (const double wrong : {-0.1, 1.5, std::nan("")})
        CHECK(message_of<ArgumentError>([&] { return OneCycle{.total_steps = 10, .pct_start = wrong}.rate(1); }) ==
              message("OneCycle: expected pct_start in [0, 1], received ", wrong));
    CHECK(message_of<ArgumentError>([] {
              return CosineDecayRestarts{1, 4, 0.5}.rate(1);
          }) == "CosineDecayRestarts: expected t_mul >= 1, received 0.5");
    CHECK(message_of<ArgumentError>([] {
              return PiecewiseConstantDecay{{5, 3}, {1, 2, 3}}.rate(1);
          }) == "PiecewiseConstantDecay: expected ascending boundaries and one value more, received 2 and 3");
    CHECK_THROWS_AS((PiecewiseConstantDecay{{5}, {1}}.rate(1)), ArgumentError);
}
