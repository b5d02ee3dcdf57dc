#include <deeprec/training/history.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

TEST_CASE("An epoch's figures are set, found and overwritten by name", "[training]") {
    EpochLog log;
    log.set("loss", 2);
    log.set("val_loss", 3);
    log.set("loss", 1);
    CHECK(log.at("loss") == 1);
    CHECK(log.figures.size() == 2);
    CHECK(log.has("val_loss"));
    CHECK(!log.has("auc"));
    CHECK(support::message_of<ArgumentError>([&] { log.at("auc"); }) ==
          "History: no figure named 'auc'; there are: loss, val_loss");
}

TEST_CASE("A series is one figure over all epochs", "[training]") {
    History history;
    for (long epoch = 0; epoch < 3; ++epoch)
        history.epochs.push_back({epoch, 0.1, {{"loss", 1.0 / static_cast<double>(epoch + 1)}}});
    CHECK(history.series("loss") == std::vector<double>{1, 0.5, 1.0 / 3});
    CHECK_THROWS_AS(history.series("val_loss"), ArgumentError);
    CHECK(History{}.series("anything").empty());
}
