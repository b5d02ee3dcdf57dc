#include <deeprec/training/progress_bar.hpp>

#include <memory>
#include <string>

#include "support/catch.hpp"
#include "training/still_training.hpp"

using namespace deeprec;

namespace {
std::string text_written(std::FILE* file) {
    std::rewind(file);
    std::string text(1000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file));
    return text;
}
/// What a bar writes into a file, which is no terminal, of two batches and an epoch or of numbers alone.
std::string written(ProgressBar bar, bool numbers = false) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
    REQUIRE(file != nullptr);
    bar.stream = file.get();
    if (numbers) {
        for (const Index done : {0, 40, 100}) bar(done, 100);
        return text_written(file.get());
    }
    support::StillTraining training;
    bar.on(BatchEnd{{training}, {.epoch = 1, .epochs = 3, .sample = 50, .samples = 100, .loss = 0.5, .seconds = 1}});
    bar.on(BatchEnd{{training}, {.epoch = 1, .epochs = 3, .sample = 100, .samples = 100, .loss = 0.5, .seconds = 2}});
    EpochLog log{1, 2.0, {{"loss", 0.5}, {"val_loss", 0.25}}};
    bar.on(EpochEnd{{training}, log});
    return text_written(file.get());
}
}  // namespace

TEST_CASE("Where there is no terminal, the progress is one plain line an epoch", "[training]") {
    CHECK(written({}) == "epoch 2/3  2.0 s  50 samples/s  loss 0.5000  val_loss 0.2500\n");
    CHECK(written({.label = "CNN"}) == "CNN  epoch 2/3  2.0 s  50 samples/s  loss 0.5000  val_loss 0.2500\n");
}

TEST_CASE("Other work than training gets one line at its end", "[training]") {
    const std::string text = written({.label = "lists"}, true);
    CHECK(text.find("lists  100  ") == 0);
    CHECK(text.find('\n') == text.size() - 1);
}
