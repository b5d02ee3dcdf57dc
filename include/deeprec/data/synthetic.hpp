/// Made-up people and films whose best possible recommendations are known.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/random.hpp>
#include <deeprec/data/interactions.hpp>
#include <deeprec/data/sequences.hpp>

DEEPREC_BEGIN

/// Sizes and strengths; by default about as large as MovieLens latest-small.
struct SyntheticOptions {
    std::int32_t users = 671;      ///< each with a history of its own
    std::int32_t items = 9066;     ///< in the catalogue; each has one type
    double mean_events = 149;      ///< per user: min_events plus an exponential number, at most items / 2
    std::int32_t min_events = 20;  ///< that every user has at least
    std::int32_t types = 24;       ///< G, from 2 to 66
    std::int32_t tastes = 6;       ///< K, hidden kinds of people
    double follow = 0.6;           ///< rho: how often the type of the next item follows from the last one's
    double taste_strength = 1.5;   ///< spread of the log preferences of a taste over types
    double popularity = 1.0;       ///< s: the r-th most popular item of a type has weight r^-s
};

/// Best expected values that any recommender can have on some queries.
struct BestReachable {
    double hit_rate = 0, ndcg = 0;  ///< at k, full ranking with the history removed
    double auc = 0;                 ///< per query, the target against all other items outside the history
};

/// The generator. Every user u has a hidden taste z, uniform over K; every item i has a type g(i) and a weight w_i.
/// Given the history h with last item l, the next item is never one of h, and
///
///     P(type = g | h, z)  is proportional to  rho [g = successor(g(l))] + (1 - rho) theta_z(g)
///     P(item = i | type)  is proportional to  w_i = rank(i within its type)^-s
///
/// over the types and items that h leaves (the first event has rho = 0). successor is one cycle through all types and
/// theta_z = softmax(taste_strength * normal numbers). The type shows in an item's features: it has two genres, a pair
/// that no other type has, a decade, and one of three words in its title; popularity and taste are seen only in
/// behaviour.
///
/// What is best to recommend follows by Bayes' rule, P(i | h) = sum over z of P(z | h) P(i | h, z): exact, with nothing
/// hidden known. Everything is a pure function of (options, seed).
class SyntheticWorld {
public:
    /// Throws ArgumentError for options without meaning.
    explicit SyntheticWorld(const SyntheticOptions& options = {}, Seed seed = {}) : options_(options), seed_(seed) {
        check();
        const auto n = static_cast<std::size_t>(options.items);
        const RandomStream shuffle{derive(seed, 1)}, normal{derive(seed, 2)}, cycle{derive(seed, 3)};
        std::vector<std::int32_t> order(n);
        std::iota(order.begin(), order.end(), 1);
        sort_by(order, shuffle);
        type_.assign(n + 1, 0);
        weight_.assign(n + 1, 0);
        members_.resize(types());
        for (std::int32_t place = 0; place < options.items; ++place) {
            const auto item = static_cast<std::size_t>(order[static_cast<std::size_t>(place)]);
            type_[item] = place % options.types;
            weight_[item] = std::pow(place / options.types + 1, -options.popularity);
            members_[static_cast<std::size_t>(type_[item])].push_back(order[static_cast<std::size_t>(place)]);
        }
        std::vector<std::int32_t> ring(types());
        std::iota(ring.begin(), ring.end(), 0);
        sort_by(ring, cycle);
        successor_.resize(types());
        for (std::size_t i = 0; i < types(); ++i)
            successor_[static_cast<std::size_t>(ring[i])] = ring[(i + 1) % types()];
        for (std::size_t z = 0; z < tastes(); ++z) {
            std::vector<double> theta(types());
            for (std::size_t g = 0; g < types(); ++g)
                theta[g] = std::exp(options.taste_strength * normal.normal(z * types() + g));
            normalise(theta);
            theta_.push_back(std::move(theta));
        }
    }

    /// What it was made with.
    const SyntheticOptions& options() const { return options_; }
    /// The hidden facts, for tests. Ids from 1.
    std::int32_t type(std::int32_t item) const { return type_[checked("item", item, options_.items)]; }
    /// From 0. Throws DataError for a user that there is not.
    std::int32_t taste(std::int32_t user) const {
        checked("user", user, options_.users);
        return static_cast<std::int32_t>(
            RandomStream{derive(seed_, 4)}.below(static_cast<std::uint64_t>(user), tastes()));
    }
    /// Types from 0.
    std::int32_t successor(std::int32_t type) const { return successor_[checked("type", type, options_.types - 1, 0)]; }

    /// The data as a reader would give it: ids equal keys, one event an hour, a rating of 3 to 5 that grows with theta.
    Dataset dataset() const {
        Dataset data;
        Interactions& x = data.interactions;
        for (std::int32_t item = 1; item <= options_.items; ++item) {
            x.items.add(std::to_string(item));
            data.items.add(features(item));
        }
        for (std::int32_t user = 1; user <= options_.users; ++user) {
            x.users.add(std::to_string(user));
            const std::vector<double>& theta = theta_[static_cast<std::size_t>(taste(user))];
            const double most = *std::max_element(theta.begin(), theta.end());
            std::int64_t time = 946684800 + std::int64_t{user} * 86400;
            for (const std::int32_t item : history(user)) {
                const double liking = theta[static_cast<std::size_t>(type(item))] / most;
                x.add(user, item, static_cast<float>(3 + std::round(2 * liking)), time += 3600);
            }
        }
        data.description = message("Synthetic data: ", x.size(), " events of ", options_.users, " users with ",
                                   options_.items, " items, ", options_.types, " types, ", options_.tastes, " tastes");
        return data;
    }

    /// P(next item | history) for every id, [items + 1]; 0 for padding and the history. Throws DataError for an unknown
    /// item or a history that leaves none.
    std::vector<double> next_item_probabilities(std::span<const std::int32_t> history) const {
        Unseen unseen(*this);
        std::vector<double> taste(tastes(), 1.0 / static_cast<double>(tastes()));  // P(z | what came so far)
        std::int32_t last = -1;
        for (const std::int32_t item : history) {
            const auto g = static_cast<std::size_t>(type(item));
            if (unseen.contains(item)) {  // what the model cannot produce (an item twice) says nothing about taste
                std::vector<double> seen = taste;
                for (std::size_t z = 0; z < tastes(); ++z) seen[z] *= next_type(z, last, unseen)[g];
                if (normalise(seen)) taste = seen;
                unseen.remove(item);
            }
            last = static_cast<std::int32_t>(g);
        }
        if (unseen.empty())
            throw DataError("SyntheticWorld: expected a history that leaves an item, received all items");
        std::vector<double> of_type(types(), 0.0);
        for (std::size_t z = 0; z < tastes(); ++z) {
            const std::vector<double> p = next_type(z, last, unseen);
            for (std::size_t g = 0; g < types(); ++g) of_type[g] += taste[z] * p[g];
        }
        const std::vector<double> mass = unseen.mass();
        std::vector<double> p(weight_.size(), 0.0);
        for (std::int32_t item = 1; item <= options_.items; ++item) {
            const auto i = static_cast<std::size_t>(item), g = static_cast<std::size_t>(type_[i]);
            if (unseen.contains(item)) p[i] = of_type[g] * weight_[i] / mass[g];
        }
        return p;
    }

    /// What ranking by `next_item_probabilities` scores in expectation, averaged over the queries: no other ranking can
    /// expect more. The targets are not looked at. Throws DataError without queries, ArgumentError unless k is
    /// positive.
    BestReachable best_reachable(std::span<const Query> queries, Index k = 10) const {
        if (k < 1) throw ArgumentError(message("SyntheticWorld: expected k of at least 1, received ", k));
        if (queries.empty()) throw DataError("SyntheticWorld: expected at least one query, received none");
        BestReachable best;
        for (const Query& query : queries) {
            std::vector<double> p = next_item_probabilities(query.history);
            const std::set<std::int32_t> seen(query.history.begin(), query.history.end());
            const auto n = static_cast<double>(p.size() - 1 - seen.size());
            std::sort(p.begin(), p.end(), std::greater<>());
            for (std::size_t r = 0; r < p.size() && p[r] > 0; ++r) {
                const auto rank = static_cast<double>(r + 1);
                if (static_cast<Index>(r) < k) best.hit_rate += p[r];
                if (static_cast<Index>(r) < k) best.ndcg += p[r] / std::log2(rank + 1);
                best.auc += n > 1 ? p[r] * (n - rank) / (n - 1) : p[r];
            }
        }
        const auto count = static_cast<double>(queries.size());
        return {best.hit_rate / count, best.ndcg / count, best.auc / count};
    }

private:
    /// The items that a history has not used up.
    class Unseen {
    public:
        explicit Unseen(const SyntheticWorld& world)
            : world_(world), left_(world.types(), 0), unseen_(world.weight_.size(), 1) {
            for (std::int32_t item = 1; item <= world.options_.items; ++item) ++left_[type_of(item)];
        }
        bool contains(std::int32_t item) const { return unseen_[static_cast<std::size_t>(item)] != 0; }
        bool has_type(std::size_t g) const { return left_[g] > 0; }
        bool empty() const {
            return std::all_of(left_.begin(), left_.end(), [](std::int32_t n) { return n == 0; });
        }
        void remove(std::int32_t item) {
            unseen_[static_cast<std::size_t>(item)] = 0;
            --left_[type_of(item)];
        }
        /// Weight left in each type.
        std::vector<double> mass() const {
            std::vector<double> mass(world_.types(), 0.0);
            for (std::int32_t item = 1; item <= world_.options_.items; ++item)
                if (contains(item)) mass[type_of(item)] += world_.weight_[static_cast<std::size_t>(item)];
            return mass;
        }

    private:
        std::size_t type_of(std::int32_t item) const {
            return static_cast<std::size_t>(world_.type_[static_cast<std::size_t>(item)]);
        }
        const SyntheticWorld& world_;
        std::vector<std::int32_t> left_;
        std::vector<std::uint8_t> unseen_;
    };

    std::size_t types() const { return static_cast<std::size_t>(options_.types); }
    std::size_t tastes() const { return static_cast<std::size_t>(options_.tastes); }

    void check() const {
        const SyntheticOptions& o = options_;
        const bool good = o.users >= 1 && o.types >= 2 && o.types <= 66 && o.items >= o.types && o.tastes >= 1 &&
                          o.min_events >= 1 && std::isfinite(o.mean_events) && o.mean_events >= o.min_events &&
                          o.follow >= 0 && o.follow <= 1 && std::isfinite(o.taste_strength) &&
                          std::abs(o.taste_strength) <= 10 && o.popularity >= 0 && o.popularity <= 10;
        if (!good)
            throw ArgumentError(
                message("SyntheticWorld: expected users, tastes, min_events >= 1, 2 <= types <= 66, items >= types, "
                        "mean_events >= "
                        "min_events, 0 <= follow <= 1, |taste_strength| and popularity up to 10; received users ",
                        o.users, ", tastes ", o.tastes, ", min_events ", o.min_events, ", types ", o.types, ", items ",
                        o.items, ", mean_events ", o.mean_events, ", follow ", o.follow, ", taste_strength ",
                        o.taste_strength, ", popularity ", o.popularity));
    }
    static std::size_t checked(const char* what, std::int32_t id, std::int32_t last, std::int32_t first = 1) {
        if (id < first || id > last)
            throw DataError(
                message("SyntheticWorld: expected a ", what, " from ", first, " to ", last, ", received ", id));
        return static_cast<std::size_t>(id);
    }
    static void sort_by(std::vector<std::int32_t>& values, const RandomStream& random) {
        std::sort(values.begin(), values.end(), [&](std::int32_t a, std::int32_t b) {
            return random.bits(static_cast<std::uint64_t>(a)) < random.bits(static_cast<std::uint64_t>(b));
        });
    }
    /// Makes the sum 1; leaves p alone and returns false if it is 0.
    static bool normalise(std::vector<double>& p) {
        const double total = std::accumulate(p.begin(), p.end(), 0.0);
        if (detail::equal(total, 0)) return false;
        for (double& x : p) x /= total;
        return true;
    }

    /// P(type | last type, taste) over the types that are left; last < 0 at the start.
    std::vector<double> next_type(std::size_t z, std::int32_t last, const Unseen& unseen) const {
        const double follow = last < 0 ? 0.0 : options_.follow;
        std::vector<double> p(types(), 0.0);
        for (std::size_t g = 0; g < types(); ++g)
            if (unseen.has_type(g)) p[g] = (1 - follow) * theta_[z][g];
        if (last >= 0) {
            const auto next = static_cast<std::size_t>(successor_[static_cast<std::size_t>(last)]);
            if (unseen.has_type(next)) p[next] += follow;
        }
        if (normalise(p)) return p;
        // follow = 1 with the successor used up: by taste from what is left
        for (std::size_t g = 0; g < types(); ++g) p[g] = unseen.has_type(g) ? theta_[z][g] : 0.0;
        normalise(p);
        return p;
    }

    std::vector<std::int32_t> history(std::int32_t user) const {
        const RandomStream random{derive(derive(seed_, 5), static_cast<std::uint64_t>(user))};
        const auto z = static_cast<std::size_t>(taste(user));
        const double extra =
            std::floor(-(options_.mean_events - options_.min_events + 0.5) * std::log(1 - random.uniform(0)));
        const auto events = static_cast<std::size_t>(
            std::min(options_.min_events + extra, std::max(1.0, std::floor(options_.items / 2.0))));
        std::vector<std::int32_t> history;
        Unseen unseen(*this);
        std::int32_t last = -1;
        while (history.size() < events) {
            const std::uint64_t t = history.size();  // number 0 of the stream was the length
            const auto g = choose(next_type(z, last, unseen), random.uniform(2 * t + 1));
            std::vector<double> left;
            for (const std::int32_t item : members_[g])
                left.push_back(unseen.contains(item) ? weight_[static_cast<std::size_t>(item)] : 0.0);
            history.push_back(members_[g][choose(left, random.uniform(2 * t + 2))]);
            unseen.remove(history.back());
            last = static_cast<std::int32_t>(g);
        }
        return history;
    }
    /// The element that a uniform number falls on; never one with weight 0.
    static std::size_t choose(const std::vector<double>& weights, double uniform) {
        double point = uniform * std::accumulate(weights.begin(), weights.end(), 0.0);
        std::size_t chosen = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (detail::equal(weights[i], 0)) continue;
            chosen = i;
            if ((point -= weights[i]) < 0) break;
        }
        return chosen;
    }

    Item features(std::int32_t item) const {
        static constexpr std::array genres{"Action", "Adventure", "Animation", "Comedy",  "Crime",   "Documentary",
                                           "Drama",  "Fantasy",   "Horror",    "Musical", "Romance", "Western"};
        static constexpr std::array signals{
            "Storm",   "Harbor", "Falcon",  "Winter",  "Orchid",  "Voyage", "Shadow", "Carnival", "Empire",
            "Lantern", "Desert", "Mirror",  "River",   "Thunder", "Garden", "Castle", "Comet",    "Whisper",
            "Outlaw",  "Violin", "Glacier", "Phantom", "Meadow",  "Dragon", "Signal", "Canyon",   "Velvet",
            "Island",  "Raven",  "Summit",  "Echo",    "Palace",  "Wolf",   "Ember",  "Tide",     "Marble"};
        static constexpr std::array fillers{"Last",   "Silent", "Golden", "Hidden", "Broken", "Distant",
                                            "First",  "Secret", "Long",   "Lost",   "Blue",   "Final",
                                            "Little", "Great",  "Lonely", "Strange"};
        const RandomStream random{derive(derive(seed_, 6), static_cast<std::uint64_t>(item))};
        const auto g = static_cast<std::size_t>(type(item));
        std::size_t first = 0, second = g;  // pair number g of (0, 1), (0, 2), ..., (1, 2), ...
        while (second >= genres.size() - 1 - first) second -= genres.size() - 1 - first++;
        Item made;
        made.title = std::string("The ") + fillers[random.below(0, fillers.size())] + " " +
                     signals[(3 * g + random.below(1, 3)) % signals.size()];
        made.genres = {genres[first], genres[first + 1 + second]};
        made.year = static_cast<std::int32_t>(1950 + 10 * (g * 5 % 7) + random.below(2, 10));
        return made;
    }

    SyntheticOptions options_;
    Seed seed_;
    std::vector<std::int32_t> type_;                  // by item id
    std::vector<double> weight_;                      // by item id
    std::vector<std::vector<std::int32_t>> members_;  // by type: its items, most popular first
    std::vector<std::int32_t> successor_;             // by type
    std::vector<std::vector<double>> theta_;          // by taste, then type
};

DEEPREC_END
