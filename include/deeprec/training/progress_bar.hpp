/// Shows how far training is.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include <unistd.h>

#include <deeprec/training/events.hpp>

DEEPREC_BEGIN

/// A bar with samples a second, loss and time left, redrawn at most ten times a second; where the stream is no
/// terminal, one plain line an epoch. `ProgressBar{}` or `ProgressBar{.label = "two-tower CNN"}`. Other work calls it
/// with what is done, as `recommend_all` does: a bar without a loss, and one line at the end.
struct ProgressBar {
    std::string label{};
    std::FILE* stream = stderr;  ///< where it is drawn
    int width = 24;              ///< characters of the bar

    std::chrono::steady_clock::time_point started{}, last_drawn{};  ///< when the epoch began; when it was drawn last
    TrainingProgress last{};                                        ///< what was drawn

    void on(const BatchEnd& e);
    void on(const EpochEnd& e);
    /// `done` of `of` things are done; 0 when the work starts.
    void operator()(Index done, Index of);

private:
    bool is_due();
    std::string bar(double part) const {
        std::string text(static_cast<std::size_t>(width), '-');
        std::fill_n(text.begin(), static_cast<int>(part * width), '#');
        return text;
    }
    std::string prefix() const { return label.empty() ? "" : label + "  "; }
    bool is_terminal() const { return ::isatty(::fileno(stream)) != 0; }
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION bool ProgressBar::is_due() {
    const auto now = std::chrono::steady_clock::now();
    if (!is_terminal() || now - last_drawn < std::chrono::milliseconds(100)) return false;
    last_drawn = now;
    return true;
}

DEEPREC_FUNCTION void ProgressBar::operator()(Index done, Index of) {
    const auto now = std::chrono::steady_clock::now();
    if (done == 0) started = now;
    const double seconds = std::chrono::duration<double>(now - started).count();
    if (done >= of)
        std::fprintf(stream, "%s%s%td  %.1f s\n", is_terminal() ? "\r\033[K" : "", prefix().c_str(), done,
                     seconds);
    else if (is_due())
        std::fprintf(stream, "\r%s%td/%td [%s]  %.0f s \033[K", prefix().c_str(), done, of,
                     bar(static_cast<double>(done) / static_cast<double>(of)).c_str(), seconds);
    std::fflush(stream);
}

DEEPREC_FUNCTION void ProgressBar::on(const BatchEnd& e) {
    const TrainingProgress& progress = last = e.progress;
    if (!e.training.leads || !is_due()) return;
    const double part = static_cast<double>(progress.sample) / static_cast<double>(std::max(progress.samples, 1L));
    const double rate = static_cast<double>(progress.sample - progress.before) / std::max(progress.seconds, 1e-9);
    const double left = static_cast<double>(progress.samples - progress.sample) / std::max(rate, 1e-9);
    std::fprintf(stream, "\r%sepoch %ld/%ld [%s] %3.0f %%  %.0f samples/s  loss %.4f  ETA %.0f s \033[K",
                 prefix().c_str(), progress.epoch + 1, progress.epochs, bar(part).c_str(), 100 * part, rate,
                 progress.loss, left);
    std::fflush(stream);
}

DEEPREC_FUNCTION void ProgressBar::on(const EpochEnd& e) {
    const EpochLog& log = e.log;
    if (!e.training.leads) return;
    const double rate = static_cast<double>(last.samples - last.before) / std::max(log.seconds, 1e-9);
    std::fprintf(stream, "%s%sepoch %ld/%ld  %.1f s  %.0f samples/s", is_terminal() ? "\r\033[K" : "", prefix().c_str(),
                 log.epoch + 1, last.epochs, log.seconds, rate);
    for (const auto& [name, value] : log.figures) std::fprintf(stream, "  %s %.4f", name.c_str(), value);
    std::fprintf(stream, "\n");
    std::fflush(stream);
}
#endif

DEEPREC_END
