#include "kernels/data.hpp"

#include <limits>
#include <vector>

#include <deeprec/kernels/reference/ranking/softmax_cross_entropy.hpp>

#include "support/allocations.hpp"

using namespace deeprec;
using namespace deeprec::test;

namespace {

struct Sizes {
    Index rows, width, count;
    Index extra = 0;  // between rows in memory
};

/// Operands and results of one call.
template <class T>
struct Problem {
    explicit Problem(const Sizes& s, double scale = 1)
        : sizes(s),
          h(s.rows * (s.width + s.extra), 1),
          items(s.count * (s.width + s.extra), 2, 3),
          bias(s.count, 3),
          weights(s.rows, 4),
          losses(s.rows, 5),
          dh(s.rows * (s.width + s.extra), 6),
          d_items(s.count * (s.width + s.extra), 7),
          d_bias(s.count, 8) {
        for (Index i = 0; i < bias.size(); ++i) bias[i] = static_cast<T>(scale) * bias[i];
        for (Index r = 0; r < s.rows; ++r) {
            targets.push_back(static_cast<std::int32_t>((r * 7919 + s.count - 1) % s.count));
            weights[r] = std::abs(weights[r]);
        }
    }
    kernels::CatalogueScores<T> scores() const {
        const Index stride = sizes.width + sizes.extra;
        return {h.data(), sizes.rows,  stride,      items.data(),   sizes.count,
                stride,   sizes.width, bias.data(), targets.data(), weights.data()};
    }
    kernels::CatalogueGradients<T> gradients() {
        const Index stride = sizes.width + sizes.extra;
        return {dh.data(), stride, d_items.data(), stride, d_bias.data()};
    }
    void run(ThreadPool* pool = nullptr) {
        const auto d = gradients();
        kernels::softmax_cross_entropy(scores(), losses.data(), &d, workspace, pool);
    }
    void run_plainly() {
        const auto d = gradients();
        kernels::reference::softmax_cross_entropy(scores(), losses.data(), &d);
    }
    bool guards_intact() const {
        return losses.guards_intact() && dh.guards_intact() && d_items.guards_intact() && d_bias.guards_intact();
    }

    Sizes sizes;
    Operand<T> h, items, bias, weights, losses, dh, d_items, d_bias;
    std::vector<std::int32_t> targets;
    Buffer<T> workspace;
};

/// Items with which the logits of a block are kept, and with which they are computed twice.
template <class T>
constexpr Index kept_items = 13'001;
template <class T>
constexpr Index too_many_items = sizeof(T) == 4 ? 35'001 : 17'001;

template <class T>
using Plan = kernels::detail::CataloguePlan<T, xsimd::default_arch>;

template <class T>
bool same_results(const Problem<T>& a, const Problem<T>& b) {
    return same(a.losses, b.losses) && same(a.dh, b.dh) && same(a.d_items, b.d_items) && same(a.d_bias, b.d_bias);
}

/// A logit is a sum of `width` products, and e^logit and the sums over rows or items inherit its error.
template <class T>
double bound(const Sizes& s) {
    return static_cast<double>(std::numeric_limits<T>::epsilon()) * (2.0 * static_cast<double>(s.width) + 32.0);
}

}  // namespace

TEMPLATE_TEST_CASE("softmax_cross_entropy equals its scalar twin", "[kernels][softmax_cross_entropy]", float, double) {
    using T = TestType;
    for (const Sizes s : {Sizes{1, 1, 1}, Sizes{3, 5, 2, 2}, Sizes{7, 64, 191}, Sizes{13, 16, 192, 1},
                          Sizes{5, 33, 193}, Sizes{253, 7, 300, 3}, Sizes{17, 20, 1537, 1}, Sizes{2, 3, 3500}}) {
        Problem<T> fast(s), plain(s);
        fast.run();
        plain.run_plainly();
        CAPTURE(s.rows, s.width, s.count, s.extra);
        CHECK(distance(fast.losses, plain.losses) <= bound<T>(s));
        CHECK(distance(fast.dh, plain.dh) <= bound<T>(s));
        CHECK(distance(fast.d_items, plain.d_items) <= bound<T>(s) * static_cast<double>(1 + s.rows / s.count));
        CHECK(distance(fast.d_bias, plain.d_bias) <= bound<T>(s) * static_cast<double>(1 + s.rows / s.count));
        CHECK(fast.guards_intact());
    }
}

TEMPLATE_TEST_CASE("softmax_cross_entropy equals its scalar twin whether it keeps logits or not",
                   "[kernels][softmax_cross_entropy]", float, double) {
    using T = TestType;
    for (const bool keeps : {true, false})
        for (const Index rows : {Index{1}, Index{61}, Index{257}}) {
            const Sizes s{rows, 3, keeps ? kept_items<T> : too_many_items<T>, 1};
            const double terms = std::sqrt(static_cast<double>(s.count));  // the twin adds them one by one
            const double most = bound<T>(s) + terms * static_cast<double>(std::numeric_limits<T>::epsilon());
            Problem<T> fast(s), plain(s);
            CAPTURE(s.rows, s.count);
            CHECK(Plan<T>(fast.scores(), true).keeps == keeps);
            fast.run();
            plain.run_plainly();
            CHECK(distance(fast.losses, plain.losses) <= most);
            CHECK(distance(fast.dh, plain.dh) <= most);
            CHECK(distance(fast.d_items, plain.d_items) <= most);
            CHECK(distance(fast.d_bias, plain.d_bias) <= most);
            CHECK(fast.guards_intact());
            fast.run();  // in a workspace full of what the first call left
            plain.run_plainly();
            CHECK(distance(fast.d_items, plain.d_items) <= most);
        }
}

TEMPLATE_TEST_CASE("softmax_cross_entropy: a row's bits depend on no other row and on no edge of a block",
                   "[kernels][softmax_cross_entropy]", float, double) {
    using T = TestType;
    for (const Index count : {Index{700}, kept_items<T>, too_many_items<T>}) {
        const Sizes s{300, 3, count};
        Problem<T> all(s);
        all.run();
        const Plan<T> plan(all.scores(), true);
        CHECK(all.workspace.capacity() == plan.size(s.rows));
        const Index edge = plan.keeps ? plan.block : Plan<T>::rows;
        CHECK(edge < s.rows);
        Problem<T> one({1, s.width, count});
        for (const Index r : {Index{0}, edge - 1, edge, edge + 1, s.rows - 1}) {
            std::copy_n(all.h.data() + r * s.width, s.width, one.h.data());
            one.weights[0] = all.weights[r];
            one.targets[0] = all.targets[static_cast<std::size_t>(r)];
            one.run();
            CAPTURE(count, r);
            CHECK(one.losses[0] == all.losses[r]);
            CHECK(std::equal(one.dh.data(), one.dh.data() + s.width, all.dh.data() + r * s.width));
        }

        Problem<T> poisoned(s);
        poisoned.h[edge * s.width] = std::numeric_limits<T>::quiet_NaN();
        poisoned.run();
        Index different = 0;
        for (Index r = 0; r < s.rows; ++r)
            different += poisoned.losses[r] != all.losses[r] ||
                         !std::equal(all.dh.data() + r * s.width, all.dh.data() + (r + 1) * s.width,
                                     poisoned.dh.data() + r * s.width);
        CHECK(different == 1);
        CHECK(std::isnan(poisoned.losses[edge]));
        CHECK(std::isnan(poisoned.dh[edge * s.width + s.width - 1]));
    }
}

TEST_CASE("softmax_cross_entropy's workspace does not grow with targets x items", "[kernels][softmax_cross_entropy]") {
    const auto size = [](Index rows, Index count) {
        kernels::CatalogueScores<float> x{};
        x.rows = rows, x.width = 64, x.count = count;
        return Plan<float>(x, true).size(rows);
    };
    constexpr Index lanes = kernels::lanes<float>, row = 64 + 2 * lanes, items = 8 * 8 * 192;
    CHECK(size(3000, items) - size(300, items) == 2 * 2700);
    CHECK(size(300, items) <= 8 * 1024 * 1024 / 4 + 2 * items * 64 + 2 * 300 + 2016 * row);
    const Index tile = 252 * (192 + lanes) + 2 * 192 * 64;
    CHECK(size(3000, too_many_items<float>) == 2 * 3000 + 8 * (3000 * row + tile));
}

TEST_CASE("softmax_cross_entropy: bias, weights and gradients are optional", "[kernels][softmax_cross_entropy]") {
    const Sizes s{19, 8, 250};
    Problem<float> zeros(s), without(s);
    for (Index j = 0; j < s.count; ++j) zeros.bias[j] = 0;
    for (Index r = 0; r < s.rows; ++r) zeros.weights[r] = 1;
    zeros.run();
    auto scores = without.scores();
    scores.bias = scores.weights = nullptr;
    auto d = without.gradients();
    d.d_bias = nullptr;
    kernels::softmax_cross_entropy(scores, without.losses.data(), &d, without.workspace);
    CHECK(same(zeros.losses, without.losses));
    CHECK(same(zeros.dh, without.dh));
    CHECK(same(zeros.d_items, without.d_items));
    Operand<float> losses(s.rows, 9);
    kernels::softmax_cross_entropy<float>(scores, losses.data(), nullptr, without.workspace);
    CHECK(same(zeros.losses, losses));
}

TEST_CASE("softmax_cross_entropy's gradients are the slopes of the loss", "[kernels][softmax_cross_entropy]") {
    const Sizes s{5, 4, 211};
    Problem<double> p(s), moved(s);
    for (auto* d : {&p.d_items, &p.d_bias}) std::fill_n(d->data(), d->size(), 0.0);
    p.run();
    const auto check = [&](Operand<double>& x, const Operand<double>& dx, Index i) {
        const auto loss = [&](double step) {
            const double kept = x[i];
            x[i] += step;
            kernels::softmax_cross_entropy<double>(moved.scores(), moved.losses.data(), nullptr, moved.workspace);
            x[i] = kept;
            double sum = 0;
            for (Index r = 0; r < s.rows; ++r) sum += moved.losses[r];
            return sum;
        };
        CAPTURE(i);
        CHECK(std::abs((loss(1e-5) - loss(-1e-5)) / 2e-5 - dx.data()[i]) < 1e-8);
    };
    for (Index i = 0; i < s.rows * s.width; ++i) check(moved.h, p.dh, i);
    for (const Index j : {Index{0}, Index{191}, Index{192}, s.count - 1}) {
        check(moved.bias, p.d_bias, j);
        for (Index k = 0; k < s.width; ++k) check(moved.items, p.d_items, j * s.width + k);
    }
}

TEST_CASE("softmax_cross_entropy: the same bits with any number of threads and warm calls without allocations",
          "[kernels][softmax_cross_entropy]") {
    for (const Sizes size :
         {Sizes{260, 12, 3001}, Sizes{300, 3, kept_items<float>}, Sizes{300, 3, too_many_items<float>}}) {
        Problem<float> one(size);
        one.run();
        for (const int threads : {1, 2, 3}) {
            ThreadPool pool(threads);
            Problem<float> p(size);
            p.run(&pool);
            CHECK(same_results(one, p));
        }
        CHECK(support::allocations_in([&] { one.run(); }) == 0);
    }
}

TEMPLATE_TEST_CASE("softmax_cross_entropy is finite for large logits and lets NaN through",
                   "[kernels][softmax_cross_entropy]", float, double) {
    using T = TestType;
    const Sizes s{4, 3, 400};
    Problem<T> p(s, 1e4), plain(s, 1e4);
    p.run();
    plain.run_plainly();
    for (Index r = 0; r < s.rows; ++r) CHECK(std::isfinite(p.losses[r]));
    CHECK(distance(p.losses, plain.losses) <= 1e4 * bound<T>(s));
    CHECK(distance(p.dh, plain.dh) <= 1e4 * bound<T>(s));

    Problem<T> bad(s), bad_plain(s);
    for (auto* q : {&bad, &bad_plain}) q->h[1 * s.width + 2] = std::numeric_limits<T>::quiet_NaN();
    bad.run();
    bad_plain.run_plainly();
    CHECK(std::isnan(bad.losses[1]));
    CHECK(std::isnan(bad.dh[1 * s.width]));
    CHECK(std::isnan(bad.d_items[0]));
    CHECK(distance(bad.losses, bad_plain.losses) <= bound<T>(s));
    CHECK(distance(bad.dh, bad_plain.dh) <= bound<T>(s));
}
