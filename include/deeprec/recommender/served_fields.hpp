/// What a recommender's model reads of events and users beside their keys.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/data/samples.hpp>
#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/recommender/keys.hpp>

DEEPREC_BEGIN

/// How what is known of an event or a user becomes the fields that the model was trained with, and the fields of all
/// that the recommender has: `Recommender shop{std::move(model), events, {events, of_events, users, of_users}}`.
///
/// Requests, events and users that come later go through the specs that training had.
class ServedFields {
public:
    /// For models without fields.
    ServedFields() = default;
    /// Of the events that the recommender is made with; features of the columns "user" and "item" are ArgumentErrors.
    ServedFields(const EventTable& events, FeatureSpec of_events);
    /// Of the events and their users, whose table is aligned with them (`align`); either spec may have no features.
    ServedFields(const EventTable& events, FeatureSpec of_events, const UserTable& users, FeatureSpec of_users);

    explicit operator bool() const { return !events_.fields().empty() || !users_.fields().empty(); }
    /// The spec that makes fields of events; without features where there are none.
    const FeatureSpec& of_events() const { return of_events_; }
    /// The same of users.
    const FeatureSpec& of_users() const { return of_users_; }
    /// A row for each event, user by user and oldest first, and one for each user.
    const Record& events() const { return events_; }
    /// A row for each user.
    const Record& users() const { return users_; }

    /// Whether there is a row for each, or none.
    bool fits(Index events, Index users) const {
        return (events_.fields().empty() || events_.size() == events) &&
               (users_.fields().empty() || users_.size() == users);
    }
    /// Of `count` events from row `begin` on, and of a user; 0: nobody, of whom nothing is known.
    FieldsOfSequence of(std::int32_t user, Index begin, Index count) const {
        FieldsOfSequence found;
        if (!events_.fields().empty()) found.events = events_.slice(begin, begin + count);
        if (!users_.fields().empty()) found.user = user > 0 ? users_.slice(user - 1, user) : view(nobody_);
        return found;
    }
    /// Of the events of a request, oldest first. Throws as FeatureSpec::transform_sequence.
    Record events_of(std::span<const FeatureRow> rows) const {
        return record_of(of_events_.transform_sequence(rows), of_events_);
    }
    /// Of one user of whom a request says something.
    Record user_of(const FeatureRow& row) const {
        return record_of(of_users_.transform(std::span(&row, 1)), of_users_);
    }

    /// Puts new events into their places: row i becomes that of event `from[i]`, of the old events where it is below
    /// their number, else of `added`, which is empty where nothing is known of them; users get rows up to `users`.
    void add_events(const std::vector<Index>& from, const Record& added, std::int32_t users);
    /// Row u - 1 of the users becomes row r of `rows` for each pair (u, r).
    void set_users(const std::vector<std::pair<std::int32_t, Index>>& which, const Record& rows);

    void fields(StoredFields& f);

private:
    static Record record_of(const FeatureTensors& x, const FeatureSpec& spec) {
        std::vector<Record::Field> fields;
        detail::add_features(fields, spec, x, nullptr);
        return Record(std::move(fields));
    }
    /// Of rows of which nothing is known.
    static Record missing(const FeatureSpec& spec, Index rows) {
        return record_of(spec.transform(std::vector<FeatureRow>(static_cast<std::size_t>(rows))), spec);
    }
    static void stored(StoredFields& f, std::string_view name, FeatureSpec& spec, Record& record);

    FeatureSpec of_events_, of_users_;
    Record events_, users_, nobody_;
};

namespace detail {
/// What a model reads of the events and the user of a request, and the memory of it. Without a history the request is
/// for the `count` events of the user from row `begin` on.
class RequestFields {
public:
    RequestFields(const ServedFields& served, const KeyQuery& query, const Vocabulary& items, std::int32_t user,
                  Index begin, Index count);
    RequestFields(const RequestFields&) = delete;
    FieldsOfSequence fields;

private:
    Record events_, user_;
};
/// Row i is row `from[i]` of `first`, or where that is behind its last row, of `second`, which has the same fields.
Record rows_of(const Record& first, const Record& second, const std::vector<Index>& from);
/// Throws ArgumentError, in the name of who reads, unless the record has the fields that the spec makes.
void check_made_by(std::string_view who, const FeatureSpec& spec, const Record& record);

#if DEEPREC_BODIES
DEEPREC_FUNCTION RequestFields::RequestFields(const ServedFields& served, const KeyQuery& query,
                                              const Vocabulary& items, std::int32_t user, Index begin, Index count) {
    if (!query.events.empty() && served.events().fields().empty())
        throw ArgumentError("recommend: there are fields of events, but the model reads none");
    if (!query.about_user.empty() && served.users().fields().empty())
        throw ArgumentError("recommend: there are fields of the user, but the model reads none");
    if (!query.events.empty() && query.events.size() != query.history.size())
        throw DataError(message("recommend: expected fields of the ", query.history.size(),
                                " events of the history, received ", query.events.size(), " rows"));
    if (!served) return;
    const bool own_history = query.history.empty();
    fields = served.of(user, own_history ? begin : 0, own_history ? count : 0);
    if (!own_history && !served.events().fields().empty()) {
        std::vector<FeatureRow> rows;  // of the items that are known
        for (std::size_t i = 0; i < query.history.size(); ++i)
            if (items.find(query.history[i])) rows.push_back(query.events.empty() ? FeatureRow{} : query.events[i]);
        events_ = served.events_of(rows);
        fields.events = view(events_);
    }
    if (query.about_user.empty()) return;
    FeatureRow row = query.about_user;
    if (!query.user.empty() && served.of_users().reads("key")) row.try_emplace("key", query.user);
    user_ = served.user_of(row);
    fields.user = view(user_);
}
DEEPREC_FUNCTION Record rows_of(const Record& first, const Record& second, const std::vector<Index>& from) {
    const Index rows = std::ssize(from);
    std::vector<Record::Field> fields;
    for (const FieldView& a : first.fields()) {
        const FieldView* const b = view(second).find(a.name);
        const auto copied = [&](auto tensor) {
            auto* to = reinterpret_cast<std::byte*>(tensor.data());
            for (const Index row : from) {
                const Index behind = row - first.size();
                to = std::copy_n(behind < 0 ? a.data + row * a.row_bytes() : b->data + behind * a.row_bytes(),
                                 a.row_bytes(), to);
            }
            fields.emplace_back(std::string(a.name), std::move(tensor));
        };
        if (a.sample.rank() == 0)
            copied(Tensor<std::int32_t, 1>(rows));
        else if (a.type == ElementType::int32)
            copied(Tensor<std::int32_t, 2>(rows, a.sample[0]));
        else
            copied(Tensor<float, 2>(rows, a.sample[0]));
    }
    return Record(std::move(fields));
}
DEEPREC_FUNCTION void check_made_by(std::string_view who, const FeatureSpec& spec, const Record& record) {
    std::vector<Record::Field> fields;
    add_features(fields, spec, spec.transform(std::vector<FeatureRow>()), nullptr);
    const RecordShape expected = Record(std::move(fields)).shape(), received = record.shape();
    if (expected != received)
        throw ArgumentError(
            message(who, ": expected the fields of the spec, ", listed(expected), ", received ", listed(received)));
}
#endif
}  // namespace detail

#if DEEPREC_BODIES
DEEPREC_FUNCTION ServedFields::ServedFields(const EventTable& events, FeatureSpec of_events)
    : of_events_(std::move(of_events)) {
    for (const std::string_view key : {"user", "item"})
        if (of_events_.reads(key))
            throw ArgumentError(message("ServedFields: expected features of the events' columns, received one of '",
                                        key, "', which requests have as a key"));
    events_ = record_of(of_events_.transform(events.select(events.by_user_and_time())), of_events_);
}
DEEPREC_FUNCTION ServedFields::ServedFields(const EventTable& events, FeatureSpec of_events, const UserTable& users,
                                            FeatureSpec of_users)
    : ServedFields(events, std::move(of_events)) {
    detail::check_aligned("user", events.users, users);
    of_users_ = std::move(of_users);
    users_ = record_of(of_users_.transform(users), of_users_);
    nobody_ = missing(of_users_, 1);
}
DEEPREC_FUNCTION void ServedFields::add_events(const std::vector<Index>& from, const Record& added,
                                               std::int32_t users) {
    const Index old = events_.size();
    if (!events_.fields().empty()) {
        const Index news = std::ssize(from) - old;
        const bool known = !added.fields().empty();
        if (known) detail::check_made_by("Recommender: events", of_events_, added);
        if (known && added.size() != news)
            throw DataError(
                message("Recommender: expected fields of the ", news, " new events, received ", added.size(), " rows"));
        events_ = detail::rows_of(events_, known ? added : missing(of_events_, news), from);
    } else if (!added.fields().empty()) {
        throw ArgumentError("Recommender: there are fields of events, but its model reads none");
    }
    if (const Index more = users - users_.size(); !users_.fields().empty() && more > 0) {
        std::vector<Index> all(static_cast<std::size_t>(users));
        std::iota(all.begin(), all.end(), Index{0});
        users_ = detail::rows_of(users_, missing(of_users_, more), all);
    }
}
DEEPREC_FUNCTION void ServedFields::set_users(const std::vector<std::pair<std::int32_t, Index>>& which,
                                              const Record& rows) {
    if (users_.fields().empty())
        throw ArgumentError("Recommender: there are fields of users, but its model reads none");
    detail::check_made_by("Recommender: users", of_users_, rows);
    std::vector<Index> from(static_cast<std::size_t>(users_.size()));
    std::iota(from.begin(), from.end(), Index{0});
    for (const auto& [user, row] : which) from[static_cast<std::size_t>(user) - 1] = users_.size() + row;
    users_ = detail::rows_of(users_, rows, from);
}
DEEPREC_FUNCTION void ServedFields::fields(StoredFields& f) {
    stored(f, "events", of_events_, events_);
    stored(f, "users", of_users_, users_);
    if (f.reading()) nobody_ = missing(of_users_, 1);
}
DEEPREC_FUNCTION void ServedFields::stored(StoredFields& f, std::string_view name, FeatureSpec& spec, Record& record) {
    std::vector<std::string> specs;
    if (!record.fields().empty()) spec.check(), specs.push_back(spec.json());
    f.texts(message(name, ".spec"), specs);
    if (f.reading()) {
        f.require(specs.size() <= 1, name, ": expected one spec at most, received ", specs.size());
        spec = specs.empty() ? FeatureSpec() : FeatureSpec::parse(specs[0], "the bundle's FeatureSpec");
        record = missing(spec, 0);
    }
    f.record(name, record);
}
#endif

DEEPREC_END
