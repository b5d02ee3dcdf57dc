#include <deeprec/training/progress_bar.hpp>

#include <memory>
#include <string>

#include "support/catch.hpp"
#include "training/still_training.hpp"

using namespace deeprec;

namespace {
/// What a bar writes into a file, which is no terminal.
std::string written(ProgressBar bar) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
    REQUIRE(file != nullptr);
    bar.stream = file.get();
    support::StillTraining training;
    bar.on(BatchEnd{{training}, {.epoch = 1, .epochs = 3, .sample = 50, .samples = 100, .loss = 0.5, .seconds = 1}});
    bar.on(BatchEnd{{training}, {.epoch = 1, .epochs = 3, .sample = 100, .samples = 100, .loss = 0.5, .seconds = 2}});
    EpochLog log{1, 2.0, {{"loss", 0.5}, {"val_loss", 0.25}}};
    bar.on(EpochEnd{{training}, log});
    std::rewind(file.get());
    std::string text(1000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    return text;
}
}  // namespace

TEST_CASE("Where there is no terminal, the progress is one plain line an epoch", "[training]") {
    CHECK(written({}) == "epoch 2/3  2.0 s  50 samples/s  loss 0.5000  val_loss 0.2500\n");
    CHECK(written({.label = "CNN"}) == "CNN  epoch 2/3  2.0 s  50 samples/s  loss 0.5000  val_loss 0.2500\n");
}
