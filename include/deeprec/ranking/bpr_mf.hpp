/// Matrix factorisation with the pairwise objective: collaborative filtering without order or content.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/initializers.hpp>
#include <deeprec/data/sequences.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/ranking/scorer.hpp>

DEEPREC_BEGIN

/// Of BprMf: `BprMf{train, {.width = 32}}`.
struct BprMfOptions {
    Index width = 64;              ///< numbers of p_u and q_j
    Index epochs = 60;             ///< of as many steps as there are events
    double learning_rate = 0.05;   ///< size of a step
    double regularization = 0.01;  ///< pulls the numbers of a step towards 0
    Seed seed{};                   ///< of the first values, the order and the items j
};

/// score(u, j) = p_u . q_j + b_j, trained by gradient steps on -log sigmoid(score(u, i) - score(u, j)) + regularization
/// |parameters|^2 / 2, i an event of u in the train part and j uniform among the items that u never took (BPR, Rendle
/// et al. 2009). One step an event and epoch, in a random order; a pure function of the options.
///
/// As a scorer it goes by the user of the query and throws DataError for one that it does not know, and unless asked
/// for the scores of the train part's items. Throws ArgumentError for options without meaning, NumericError for the
/// first user or item whose numbers the steps drove beyond all bounds.
class BprMf {
public:
    static constexpr std::string_view kind = "BprMf";  ///< in files
    /// Of no items, to be loaded.
    BprMf() = default;
    DEEPREC_LAZY explicit BprMf(const Sequences& train, BprMfOptions options = {}) : width_(options.width) {
        if (options.width < 1 || options.epochs < 0 || !(options.learning_rate > 0) || !(options.regularization >= 0) ||
            !std::isfinite(options.learning_rate) || !std::isfinite(options.regularization))
            throw ArgumentError(message(
                "BprMf: expected a positive width and learning_rate, epochs and regularization of "
                "at least 0, received ",
                options.width, ", ", options.learning_rate, ", ", options.epochs, " and ", options.regularization));
        train.check_training("BprMf");
        users_.resize(train.users() + 1, width_);
        items_.resize(train.items() + 1, width_);
        bias_.assign(static_cast<std::size_t>(train.items()) + 1, 0.0f);
        fill_uniform(users_, 0.1, derive(options.seed, 1));
        fill_uniform(items_, 0.1, derive(options.seed, 2));
        const Sequences sets = train.distinct();
        std::vector<std::pair<std::int32_t, std::int32_t>> events;
        for (std::int32_t user = 1; user <= train.users(); ++user)
            if (static_cast<std::int32_t>(sets[user].size()) < train.items())  // else nobody is left to lose
                for (const std::int32_t item : train[user]) events.emplace_back(user, item);
        const auto rate = static_cast<float>(options.learning_rate);
        const auto decay = static_cast<float>(options.learning_rate * options.regularization);
        for (Index epoch = 0; epoch < options.epochs; ++epoch) {
            const RandomStream random(derive(options.seed, 3 + static_cast<std::uint64_t>(epoch)));
            std::uint64_t draw = 0;
            for (std::size_t i = events.size(); i > 1; --i) std::swap(events[i - 1], events[random.below(draw++, i)]);
            for (const auto& [user, item] : events) {
                const auto mine = sets[user];
                std::int32_t other = 0;
                do
                    other =
                        1 + static_cast<std::int32_t>(random.below(draw++, static_cast<std::uint64_t>(train.items())));
                while (std::binary_search(mine.begin(), mine.end(), other));
                step(user, item, other, rate, decay);
            }
        }
        check_finite(options);
        const auto counts = train.item_counts();
        known_.assign(counts.size(), 0);
        for (std::size_t i = 0; i < counts.size(); ++i) known_[i] = counts[i] > 0;
    }
    std::int32_t items() const { return static_cast<std::int32_t>(bias_.size()) - 1; }
    /// That training had.
    std::int32_t users() const { return static_cast<std::int32_t>(users_.dimension(0)) - 1; }
    /// Whether training had the item: others have learnt that nobody wants them.
    bool knows(std::int32_t item) const {
        detail::check_item("BprMf", items(), item);
        return known_[static_cast<std::size_t>(item)] != 0;
    }
    /// Whether it knows the query's user.
    bool answers(const Query& query) const { return query.user >= 1 && query.user <= users(); }
    /// New items, of which nothing is learnt: they score as the lowest bias.
    DEEPREC_LAZY void add_items(Index count) {
        detail::check_new_items("BprMf", items(), count);
        Tensor<float, 2> more(items_.dimension(0) + count, width_);
        std::copy_n(items_.data(), items_.size(), more.data());
        items_ = std::move(more);
        bias_.resize(bias_.size() + static_cast<std::size_t>(count), *std::min_element(bias_.begin(), bias_.end()));
        known_.resize(bias_.size(), 0);
    }
    /// The cosine of q_a and q_b.
    double similarity(std::int32_t a, std::int32_t b) const {
        for (const std::int32_t item : {a, b}) detail::check_item("BprMf", items(), item);
        return detail::cosine(&items_(a, 0), &items_(b, 0), width_);
    }
    DEEPREC_LAZY void fields(StoredFields& f) {
        f.kind(kind);
        f.matrix("users", users_);
        f.matrix("items", items_);
        f.list("bias", bias_);
        f.list("known", known_);
        if (f.reading()) width_ = items_.dimension(1);
        f.require(users_.dimension(1) == width_ && users_.dimension(0) > 0 && width_ > 0 && items_.dimension(0) > 0 &&
                      std::ssize(bias_) == items_.dimension(0) && known_.size() == bias_.size(),
                  "expected vectors of one width, and a bias and a mark for each item");
    }
    void operator()(const Query& query, std::span<float> scores) const {
        detail::check_scores("BprMf", std::ssize(bias_) - 1, scores);
        if (query.user < 1 || query.user >= users_.dimension(0))
            throw DataError(
                message("BprMf: expected a user from 1 to ", users_.dimension(0) - 1, ", received ", query.user));
        for (std::size_t j = 0; j < scores.size(); ++j)
            scores[j] =
                bias_[j] + kernels::dot<float>(&users_(query.user, 0), &items_(static_cast<Index>(j), 0), width_);
    }

private:
    DEEPREC_LAZY void check_finite(const BprMfOptions& options) const {
        const auto check = [&](std::string_view what, Index number, const Tensor<float, 2>& rows, float bias) {
            const float* row = rows.data() + number * width_;
            if (!std::isfinite(bias) || !std::all_of(row, row + width_, [](float x) { return std::isfinite(x); }))
                throw NumericError(message("BprMf: what was learnt of ", what, " ", number,
                                           " is not finite, expected less than a learning_rate of ",
                                           options.learning_rate, " and a regularization of ", options.regularization));
        };
        for (Index user = 1; user < users_.dimension(0); ++user) check("user", user, users_, 0);
        for (Index item = 1; item < items_.dimension(0); ++item)
            check("item", item, items_, bias_[static_cast<std::size_t>(item)]);
    }
    DEEPREC_LAZY void step(std::int32_t user, std::int32_t item, std::int32_t other, float rate, float decay) {
        float *p = &users_(user, 0), *q = &items_(item, 0), *o = &items_(other, 0);
        float &b = bias_[static_cast<std::size_t>(item)], &c = bias_[static_cast<std::size_t>(other)];
        const float margin = b - c + kernels::dot<float>(p, q, width_) - kernels::dot<float>(p, o, width_);
        const float g = rate / (1 + std::exp(margin));
        b += g - decay * b;
        c += -g - decay * c;
        for (Index k = 0; k < width_; ++k) {
            const float before = p[k];
            p[k] += g * (q[k] - o[k]) - decay * p[k];
            q[k] += g * before - decay * q[k];
            o[k] += -g * before - decay * o[k];
        }
    }
    Index width_ = 1;
    Tensor<float, 2> users_{1, 1}, items_{1, 1};
    std::vector<float> bias_ = {0};
    std::vector<std::uint8_t> known_ = {0};  // items of the train part
};

DEEPREC_END
