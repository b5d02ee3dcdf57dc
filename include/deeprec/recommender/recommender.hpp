/// A recommender as one thing to keep: what scores, by keys, with what it takes to serve it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/feature_spec.hpp>
#include <deeprec/data/interactions.hpp>
#include <deeprec/recommender/histories.hpp>
#include <deeprec/recommender/item_columns.hpp>
#include <deeprec/recommender/keys.hpp>
#include <deeprec/recommender/read_scorer.hpp>
#include <deeprec/recommender/served_fields.hpp>
#include <deeprec/recommender/tokenized_items.hpp>

DEEPREC_BEGIN

/// A scorer with the keys of users and items, the users' histories, what is known of items (`where`), a fallback for
/// requests with nothing to go by, texts about it, and a request with its answer that is run again when it is loaded.
///
///     Recommender shop{std::move(model), data, spec};
///     shop.about["protocol"] = "leave one out, full ranking, history removed: HR@10 .31";
///     save(shop, "shop.deeprec");                                     // one safetensors file
///     const AnyRecommender same = load_recommender<Model>("shop.deeprec");
///     const auto hits = same.recommend({.history = {"SKU-1"}}, 10, {.filter = same.where("genres", "Drama")});
///
/// `Model` is a SequenceRecommender, of which it makes the index, or any StoredScorer: ItemIndex of a TwoTower given as
/// a shared_ptr, ItemKnn and the other baselines, WeightedHybrid, AnyScorer. Const and safe to call from many threads.
///
/// The fallback is the popularity of the last week, of logs without times that in each user's last events
/// (`Popularity::recent`).
template <class Model>
class Recommender {
public:
    using Scores = typename detail::ScorerFor<Model>::type;
    static constexpr std::string_view format_version = "1";  ///< of the file

    /// Of nothing, to be loaded.
    Recommender() = default;
    /// Keys, histories and what is known of items come from `data`; `spec` is kept for whoever serves, `fields` are
    /// what the model reads of events and users. Throws DataError unless the model and the catalogue (if there is one)
    /// have the items of the data, ArgumentError for a model that reads fields without such, NumericError for a model
    /// whose scores are not finite.
    Recommender(Model model, const Dataset& data, std::optional<FeatureSpec> spec = {}, ServedFields fields = {})
        : users_(data.interactions.users),
          items_(data.interactions.items),
          spec_(std::move(spec)),
          served_(std::move(fields)) {
        if constexpr (std::is_same_v<Model, Scores>) {
            scorer_ = std::move(model);
        } else {
            const Index steps = std::max<Index>(model.steps(), 1);
            scorer_ = Scores(std::make_shared<const Model>(std::move(model)), steps);
        }
        if constexpr (requires { scorer_.model().step_fields(); })
            if (bool(scorer_.model().step_fields()) == served_.events().fields().empty() ||
                bool(scorer_.model().user_fields()) == served_.users().fields().empty())
                throw ArgumentError(message(
                    "Recommender: its model reads ", scorer_.model().step_fields() ? "" : "no ", "fields of events and ",
                    scorer_.model().user_fields() ? "" : "no ", "fields of users, expected those with their specs and "
                    "no others: ServedFields{events, of_events, users, of_users}"));
        if (scorer_.items() != items_.size())
            throw DataError(message("Recommender: expected a model of the ", items_.size(),
                                    " items of the data, received ", "one of ", scorer_.items()));
        if (data.items.size() != 0 && data.items.size() != items_.size())
            throw DataError(message("Recommender: expected a catalogue of the ", items_.size(),
                                    " items of the data, or an empty one, received one of ", data.items.size()));
        take_events(data.interactions);
        columns_ = data.items.size() == items_.size() ? ItemColumns(data.items) : ItemColumns(items_.size());
        if (!served_.fits(std::ssize(histories_.all()), users_.size()))
            throw DataError(message("Recommender: expected fields of the ", histories_.all().size(), " events and ",
                                    users_.size(), " users, received ", served_.events().size(), " and ",
                                    served_.users().size(), " rows"));
        check_ = answer_itself();
    }
    /// The same from a table of events.
    Recommender(Model model, const EventTable& events, ServedFields fields = {})
        : Recommender(std::move(model), Dataset{events.interactions(), Catalogue{}, {}}, {}, std::move(fields)) {}

    /// What ranks: the model's index, or the scorer that it was made with.
    const Scores& scorer() const { return scorer_; }
    /// Keys of users by id.
    const Vocabulary& users() const { return users_; }
    /// Keys of items by id, new ones included.
    const Vocabulary& items() const { return items_; }
    /// Of the features that it was made with, if any.
    const std::optional<FeatureSpec>& spec() const { return spec_; }
    /// What its model reads of events and users; none of most models.
    const ServedFields& served_fields() const { return served_; }
    /// Texts that are kept with it, such as the protocol and the metrics that it was judged by.
    Metadata about;
    /// What makes the rows that an item tower reads, kept for new items: `add_items(shop, keys, catalogue)`.
    std::optional<ItemTokenizer> tokenizer;

    /// The best k items for a request, by key. Keys that are not known are passed over and listed in `unknown`. Where
    /// no item of the history is known and the scorer does not go by the user, popularity answers, and `fallback` says
    /// so. k items come back wherever k may be recommended, none for k = 0. Throws ArgumentError for a negative k, and
    /// for fields where the model reads none; DataError for fields of another number of events, and as FeatureSpec.
    KeyHits recommend(const KeyQuery& query, Index k, const KeyOptions& options = {}) const {
        KeyHits found;
        const Asked of(*this, query, found);
        const Query& asked = of.query;
        const std::vector<std::int32_t> excluded = ids_of(options.exclude, found);
        RecommendOptions by_id = options_by_id(options, excluded);
        by_id.exclude_history = options.exclude_history;
        found.fallback = falls_back(asked);
        const auto hits = found.fallback ? popular(asked, k, by_id) : deeprec::recommend(scorer_, asked, k, by_id);
        const Index reasons = options.reasons.value_or(detail::explains_exactly(scorer_) ? 3 : 0);
        for (const auto& hit : hits) {
            found.push_back({items_.key(hit.item), hit.score});
            if (!found.fallback && reasons > 0) found.back().because = reasons_for(asked, hit.item, reasons);
        }
        return found;
    }
    /// The items of a request's history that speak for an item, the strongest first, as `recommend` gives them with
    /// each hit: for those who want the hits first, or stop after a time. None where popularity answers. Throws as
    /// `explain`.
    std::vector<Reason> reasons(const KeyQuery& query, std::string_view item, Index most = 3) const {
        KeyHits found;
        const Asked asked(*this, query, found);
        if (falls_back(asked.query)) return {};
        return reasons_for(asked.query, items_.at(item), most);
    }
    /// Why an item is where it is for a request, as `explain(scorer, query, item)` says it, of the popularity where that
    /// answers: positions count in the known items of the history, ids are those of `items()`. Throws as that, DataError
    /// for an item that is not known.
    Explanation explain(const KeyQuery& query, std::string_view item, const ExplainOptions& options = {}) const {
        KeyHits found;
        const Asked asked(*this, query, found);
        return falls_back(asked.query) ? deeprec::explain(fallback_, asked.query, items_.at(item), options)
                                       : deeprec::explain(scorer_, asked.query, items_.at(item), options);
    }
    /// The k items most similar to one. Throws DataError for a key that is not known, ArgumentError for a scorer
    /// without similarities.
    KeyHits similar_items(std::string_view key, Index k, const KeyOptions& options = {}) const {
        KeyHits found;
        const std::vector<std::int32_t> excluded = ids_of(options.exclude, found);
        if constexpr (detail::HasSimilarity<Scores>) {
            for (const auto& hit :
                 deeprec::similar_items(scorer_, items_.at(key), k, options_by_id(options, excluded)))
                found.push_back({items_.key(hit.item), hit.score});
            return found;
        } else {
            throw ArgumentError("similar_items: this scorer knows no similarity of items");
        }
    }

    /// What is known of items: "title", "year" and "genres" of the data's catalogue, and what `set_column` says.
    ItemSet where(std::string_view column, std::string_view value) const { return columns_.where(column, value); }
    /// Those with that number, and with one from `low` to `high`: `where("price", 5, 20)`.
    ItemSet where(std::string_view column, double number) const { return columns_.where(column, number, number); }
    ItemSet where(std::string_view column, double low, double high) const { return columns_.where(column, low, high); }
    /// For MaxPerCategory and Calibrated (ItemColumns::categories).
    std::vector<std::vector<std::int32_t>> categories(std::string_view column) const {
        return columns_.categories(column);
    }
    /// The names of all columns.
    std::vector<std::string> column_names() const { return columns_.names(); }
    /// What a column says of an item. Throws DataError for a column that there is not and an unknown key.
    const std::vector<std::string>& values(std::string_view column, std::string_view key) const {
        return columns_.values(column, items_.at(key));
    }
    /// The events of a user, oldest first. Throws DataError for a key that is not known.
    std::vector<std::string> history(std::string_view user) const {
        std::vector<std::string> keys;
        for (const std::int32_t item : histories_[users_.at(user)]) keys.push_back(items_.key(item));
        return keys;
    }
    /// Sets a column by the keys of items (ItemColumns::set).
    void set_column(const std::string& column, const std::map<std::string, std::vector<std::string>>& values) {
        columns_.set(column, items_, values);
    }

    /// Adds items of which the scorer knows what `features` says (see the scorer's `add_items`): of a
    /// SequenceRecommender a list of attributes for each and their numbers, of an ItemIndex what its item tower takes
    /// (in an AnyRecommender rows of ids), of baselines nothing. They can be asked for and recommended at once; old
    /// items keep their scores to the bit. Throws DataError for a key that is there, and what the scorer throws; then
    /// nothing has changed.
    template <class... Features>
    void add_items(const std::vector<std::string>& keys, const Features&... features) {
        Recommender grown = *this;
        for (const std::string& key : keys) {
            if (grown.items_.find(key))
                throw DataError(message("Recommender: expected new items, received '", key, "' again"));
            grown.items_.add(key);
        }
        grown.scorer_.add_items(std::ssize(keys), features...);
        if (grown.scorer_.items() != grown.items_.size())
            throw DataError(message("Recommender: expected features of ", keys.size(), " items, the scorer has ",
                                    grown.scorer_.items() - items_.size(), " more"));
        grown.fallback_.add_items(std::ssize(keys));
        grown.columns_.add_items(std::ssize(keys));
        grown.removed_.resize(static_cast<std::size_t>(grown.items_.size()) + 1, 0);
        grown.renew();
        *this = std::move(grown);
    }
    /// Appends events to the histories, oldest first, each a user's key and an item's; users that are not known are
    /// added. The model stays what it is and reads them in the next request of the user; so does the fallback.
    /// `fields`, a row for each event as the model's spec makes them, is what the model reads of them; without, nothing
    /// is known. Throws DataError for an empty key and an item that is not known; then nothing has changed.
    void add_events(const std::vector<std::pair<std::string, std::string>>& events, const Record& fields = {}) {
        Vocabulary users = users_;
        std::vector<std::int32_t> whose, items;
        for (const auto& [user, item] : events) {
            if (user.empty()) throw DataError("Recommender: expected events with the key of a user, received \"\"");
            whose.push_back(users.add(user));
            items.push_back(items_.at(item));
        }
        detail::Histories grown = histories_;
        served_.add_events(grown.add(whose, items, users.size()), fields, users.size());
        users_ = std::move(users), histories_ = std::move(grown);
        check_ = answer_itself();
    }
    /// What the model reads of users from now on: row r of `fields`, as the model's spec makes them, is of the user
    /// keys[r], who is added where there is none. Throws ArgumentError where the model reads nothing of users.
    void set_users(const std::vector<std::string>& keys, const Record& fields) {
        if (std::ssize(keys) != fields.size())
            throw DataError(message("Recommender: expected fields of ", keys.size(), " users, received ", fields.size(),
                                    " rows"));
        Recommender filled = *this;
        std::vector<std::pair<std::int32_t, Index>> rows;
        for (const std::string& key : keys) {
            if (key.empty()) throw DataError("Recommender: expected the key of a user, received \"\"");
            rows.emplace_back(filled.users_.add(key), std::ssize(rows));
        }
        filled.served_.add_events(filled.histories_.add({}, {}, filled.users_.size()), {}, filled.users_.size());
        filled.served_.set_users(rows, fields);
        filled.check_ = filled.answer_itself();
        *this = std::move(filled);
    }
    /// Items that are not recommended any more; in histories they still speak. Throws DataError for an unknown key.
    void remove_items(const std::vector<std::string>& keys) { set_removed(keys, 1); }
    /// Takes them back.
    void restore_items(const std::vector<std::string>& keys) { set_removed(keys, 0); }

    /// Everything in a file; `read_scorer(f)` reads the scorer's part.
    template <class ReadScorer>
    void fields(StoredFields& f, const ReadScorer& read_scorer) {
        std::string format(format_version);
        f.text("deeprec.bundle", format);
        f.require(format == format_version, "expected a bundle of version ", format_version, ", received ",
                  detail::shown(format, "'"));
        StoredFields scorer_fields = f.inner("scorer");
        read_scorer(scorer_fields);
        vocabulary(f, "users", users_);
        vocabulary(f, "items", items_);
        f.part("history", histories_);
        if (f.reading() ? f.has("fields.events.spec.bytes") : bool(served_)) f.part("fields", served_);
        f.part("fallback", fallback_);
        f.list("removed", removed_);
        texts_about(f);
        detail::StoredTokenizer stored_tokenizer{tokenizer};
        f.part("tokenizer", stored_tokenizer);
        f.part("columns", columns_);
        f.list("check.history", check_.history);
        f.number("check.user", check_.user);
        f.list("check.items", check_.items);
        f.list("check.scores", check_.scores);
        if (f.reading()) check_read(f);
    }
    void fields(StoredFields& f) {
        fields(f, [&](StoredFields& scorer) { scorer_.fields(scorer); });
    }
    /// The same recommender behind one type.
    Recommender<AnyScorer> any() const
        requires(!std::is_same_v<Model, AnyScorer>)
    {
        Recommender<AnyScorer> same;
        same.take(*this, AnyScorer(scorer_));
        return same;
    }

private:
    template <class>
    friend class Recommender;
    template <class... Known>
    friend Recommender<AnyScorer> load_recommender(const std::filesystem::path& path);

    struct Answer {
        std::int32_t user = 0;
        std::vector<std::int32_t> history, items;
        std::vector<float> scores;
    };

    /// A request by ids, and what it looks into. Keys that are not known go into `found`.
    struct Asked {
        Asked(const Recommender& shop, const KeyQuery& by_key, KeyHits& found)
            : user(by_key.user.empty() ? 0 : id_of(shop.users_, by_key.user, found)),
              given(shop.ids_of(by_key.history, found)),
              history(by_key.history.empty() && user != 0 ? shop.histories_[user] : std::span(given)),
              read(shop.served_, by_key, shop.items_, user,
                   user != 0 ? shop.histories_.begin(user) : 0, std::ssize(history)),
              query{user, history, 0, shop.served_ ? &read.fields : nullptr} {}
        std::int32_t user;
        std::vector<std::int32_t> given;
        std::span<const std::int32_t> history;
        detail::RequestFields read;
        Query query;
    };
    bool falls_back(const Query& asked) const {
        return !detail::answers(scorer_, asked) ||
               (asked.history.empty() && (asked.user == 0 || !detail::goes_by_user(scorer_)));
    }
    RecommendOptions options_by_id(const KeyOptions& options, std::span<const std::int32_t> excluded) const {
        RecommendOptions by_id{.exclude = excluded,
                               .eligible = eligible(options.filter),
                               .diversity = options.diversity,
                               .pool = options.pool};
        if (options.allow)
            by_id.allow = [this, &options](std::int32_t item) { return options.allow(items_.key(item)); };
        return by_id;
    }
    static std::int32_t id_of(const Vocabulary& known, const std::string& key, KeyHits& found) {
        const auto id = known.find(key);
        if (!id) found.unknown.push_back(key);
        return id.value_or(0);
    }
    std::vector<std::int32_t> ids_of(const std::vector<std::string>& keys, KeyHits& found) const {
        std::vector<std::int32_t> ids;
        for (const std::string& key : keys)
            if (const std::int32_t id = id_of(items_, key, found)) ids.push_back(id);
        return ids;
    }
    std::optional<ItemSet> eligible(const std::optional<ItemSet>& filter) const {
        if (!available_) return filter;
        return filter ? *filter & *available_ : *available_;
    }
    std::vector<Hit<float>> popular(const Query& query, Index k, RecommendOptions options) const {
        if (auto* mmr = std::get_if<Mmr>(&options.diversity); mmr && !mmr->similarity)
            mmr->similarity = [this](auto a, auto b) { return detail::similarity_of(scorer_, a, b); };
        return deeprec::recommend(fallback_, query, k, options);
    }
    std::vector<Reason> reasons_for(const Query& query, std::int32_t item, Index most) const {
        std::map<std::int32_t, double> by_item;
        for (const Contribution& c : deeprec::explain(scorer_, query, item).events)
            if (c.field.empty()) by_item[c.id] += c.value;
        std::vector<Reason> reasons;
        for (const auto& [id, value] : by_item)
            if (value > 0) reasons.push_back({items_.key(id), value});
        std::stable_sort(reasons.begin(), reasons.end(), [](auto& a, auto& b) { return a.value > b.value; });
        if (std::ssize(reasons) > most) reasons.resize(static_cast<std::size_t>(most));
        return reasons;
    }
    void take_events(const Interactions& events) {
        histories_ = detail::Histories(events);
        fallback_ = Popularity::recent(events);
        removed_.assign(static_cast<std::size_t>(items_.size()) + 1, 0);
    }
    void set_removed(const std::vector<std::string>& keys, std::uint8_t removed) {
        for (const std::string& key : keys) items_.at(key);
        for (const std::string& key : keys) removed_[static_cast<std::size_t>(items_.at(key))] = removed;
        renew();
    }
    void renew() {
        available_.reset();
        if (std::find(removed_.begin(), removed_.end(), 1) != removed_.end())
            available_ =
                ItemSet::where(items_.size(), [&](auto i) { return removed_[static_cast<std::size_t>(i)] == 0; });
        check_ = answer_itself();
    }
    /// The answer to the newest events of the first user who has some.
    Answer answer_itself() const {
        Answer answer;
        for (std::int32_t user = 1; user <= users_.size() && answer.history.empty(); ++user) {
            const auto events = histories_[user];
            const auto newest = events.last(std::min<std::size_t>(events.size(), 5));
            answer.user = user;
            answer.history.assign(newest.begin(), newest.end());
        }
        const FieldsOfSequence fields = fields_of(answer);
        const Query query = question(answer, fields);
        if (answer.history.empty() || !detail::answers(scorer_, query)) return {};
        for (const auto& hit : deeprec::recommend(scorer_, query, 10)) {
            answer.items.push_back(hit.item);
            answer.scores.push_back(hit.score);
        }
        return answer;
    }
    /// Of the last events of the answer's user, who has at least those.
    FieldsOfSequence fields_of(const Answer& answer) const {
        if (!served_ || answer.user == 0) return {};
        const Index count = std::ssize(answer.history);
        return served_.of(answer.user,
                          histories_.begin(answer.user) + std::ssize(histories_[answer.user]) - count, count);
    }
    Query question(const Answer& answer, const FieldsOfSequence& fields) const {
        return {answer.user, answer.history, 0, served_ ? &fields : nullptr};
    }
    template <class Other>
    void take(const Recommender<Other>& other, Scores scorer) {
        scorer_ = std::move(scorer);
        about = other.about, tokenizer = other.tokenizer;
        users_ = other.users_, items_ = other.items_, spec_ = other.spec_, served_ = other.served_;
        histories_ = other.histories_, fallback_ = other.fallback_, removed_ = other.removed_;
        available_ = other.available_, columns_ = other.columns_;
        check_ = answer_itself();
    }

    static void vocabulary(StoredFields& f, std::string_view name, Vocabulary& keys) {
        std::vector<std::string> texts;
        for (std::int32_t id = 1; id <= keys.size(); ++id) texts.push_back(keys.key(id));
        f.texts(name, texts);
        if (!f.reading()) return;
        keys = {};
        for (const std::string& text : texts)
            f.require(!text.empty() && keys.add(text) > 0, name, ": expected keys, received an empty one");
        f.require(keys.size() == std::ssize(texts), name, ": expected ", texts.size(), " different keys, received ",
                  keys.size());
    }
    void texts_about(StoredFields& f) {
        std::vector<std::string> names, values;
        for (const auto& [name, value] : about) names.push_back(name), values.push_back(value);
        f.texts("about.names", names);
        f.texts("about.values", values);
        std::vector<std::string> specs;
        if (spec_) spec_->check(), specs.push_back(spec_->json());
        f.texts("spec", specs);
        if (!f.reading()) return;
        f.require(names.size() == values.size() && specs.size() <= 1,
                  "expected a text for each name and one spec at most");
        about.clear();
        for (std::size_t i = 0; i < names.size(); ++i) about[names[i]] = values[i];
        spec_.reset();
        if (!specs.empty()) spec_ = FeatureSpec::parse(specs[0], "the bundle's FeatureSpec");
    }
    /// That the parts fit each other, and that the file's own request has the file's own answer.
    void check_read(StoredFields& f) {
        const std::int32_t n = items_.size();
        f.require(
            scorer_.items() == n && fallback_.items() == n && columns_.items() == n && std::ssize(removed_) == n + 1,
            "expected a scorer, a fallback, columns and marks of ", n, " items, received ", scorer_.items(), ", ",
            fallback_.items(), ", ", columns_.items(), " and ", std::ssize(removed_) - 1);
        f.require(histories_.users() == users_.size(), "expected histories of ", users_.size(), " users, received ",
                  histories_.users());
        for (const std::span<const std::int32_t> items : {histories_.all(), std::span(std::as_const(check_.history)),
                                                          std::span(std::as_const(check_.items))})
            for (const std::int32_t item : items)
                f.require(item >= 1 && item <= n, "expected items from 1 to ", n, ", received ", item);
        f.require(check_.items.size() == check_.scores.size(), "expected a score for each item of the self-check");
        f.require(served_.fits(std::ssize(histories_.all()), users_.size()),
                  "expected fields of ", histories_.all().size(), " events and ", users_.size(), " users, received ",
                  served_.events().size(), " and ", served_.users().size());
        const Answer stored = check_;
        f.require(stored.user >= 0 && stored.user <= users_.size() &&
                      (!served_ || (stored.user == 0 && stored.history.empty()) ||
                       (stored.user > 0 && histories_[stored.user].size() >= stored.history.size())),
                  "expected a self-check that can be answered, received one of user ", stored.user);
        const FieldsOfSequence fields = fields_of(stored);
        f.require(stored.items.empty() || detail::answers(scorer_, question(stored, fields)),
                  "expected a self-check that can be answered, received one of user ", stored.user);
        renew();
        if (stored.items.empty()) return;
        std::vector<float> scores(static_cast<std::size_t>(n) + 1);
        scorer_(question(stored, fields), std::span(scores));
        constexpr std::string_view so = "; the file is damaged, or the program is built with other flags";
        std::vector<std::uint8_t> listed(scores.size(), 0);
        for (std::size_t i = 0; i < stored.items.size(); ++i) {
            const double now = static_cast<double>(scores[static_cast<std::size_t>(stored.items[i])]);
            const double then = static_cast<double>(stored.scores[i]);
            f.require(std::abs(now - then) <= 1e-3 * (1 + std::abs(then)), "the self-check: expected the score ", then,
                      " for item ", stored.items[i], ", this program gives ", now, so);
            listed[static_cast<std::size_t>(stored.items[i])] = 1;
        }
        // As those of the list are where they were, it can be another one by items that were not in it alone.
        const double last = static_cast<double>(stored.scores.back());
        for (std::size_t item = 1; item < scores.size(); ++item)
            f.require(listed[item] || static_cast<double>(scores[item]) <= last + 1e-3 * (1 + std::abs(last)),
                      "the self-check: expected item ", item, " outside of the best ", stored.items.size(),
                      ", whose last has the score ", last, ", this program gives it ", scores[item], so);
    }

    Scores scorer_;
    Vocabulary users_, items_;
    std::optional<FeatureSpec> spec_;
    ServedFields served_;
    detail::Histories histories_;
    Popularity fallback_;
    std::vector<std::uint8_t> removed_ = {0};
    std::optional<ItemSet> available_;  // where items are removed
    ItemColumns columns_;
    Answer check_;
};

/// A recommender whose scorer is known at run time.
using AnyRecommender = Recommender<AnyScorer>;

DEEPREC_END
