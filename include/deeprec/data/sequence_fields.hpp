/// What is known of events and users beside the items: the fields that a SequenceRecommender reads.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include <deeprec/core/record.hpp>
#include <deeprec/data/sequences.hpp>

DEEPREC_BEGIN

/// The fields of one sequence: a row of `events` for each of its events, and one row of `user`. Either may be without
/// fields.
struct FieldsOfSequence {
    RecordView events{}, user{};  ///< a row for each event, oldest first, and one row
};

/// The fields of all events and users: `SequenceFields fields{sequences, events, users}`.
///
/// Row i of `events` is event i of the sequences, user by user and oldest first, as
/// `table.select(table.by_user_and_time()).samples(spec)` gives them; row u of `users` is user u, row 0 nobody, or
/// where there is no row for nobody, as of `users.samples(spec)`, row u - 1. Events are found by user and place, so
/// that the fields of all sequences of a split serve its training part and its queries too. Throws ShapeError for other
/// numbers of rows. Either record may be empty.
class SequenceFields {
public:
    SequenceFields(const Sequences& all, Record events, Record users = {})
        : all_(all), events_(std::move(events)), users_(std::move(users)), ends_{0} {
        for (std::int32_t user = 1; user <= all.users(); ++user)
            ends_.push_back(ends_.back() + static_cast<Index>(all[user].size()));
        const auto check = [](std::string_view what, const Record& record, Index rows) {
            if (!record.fields().empty() && record.size() != rows)
                throw ShapeError(message("SequenceFields: expected a row for each of ", rows, " ", what, ", received ",
                                         record.size()));
        };
        check("events", events_, all.size());
        if (!users_.fields().empty() && users_.size() == all.users()) first_user_ = 1;
        check("users and nobody", users_, Index{all.users()} + 1 - first_user_);
    }

    /// As the constructor got them.
    const Record& events() const { return events_; }
    /// As the constructor got them; empty where nothing is known.
    const Record& users() const { return users_; }
    /// Of `count` events of a user from number `begin` on. Throws DataError for events that there are not.
    DEEPREC_LAZY FieldsOfSequence of(std::int32_t user, Index begin, Index count) const {
        const bool known = user >= 1 && user < std::ssize(ends_);
        const auto u = static_cast<std::size_t>(known ? user : 0);
        if (!known || begin < 0 || count < 0 || ends_[u - 1] + begin + count > ends_[u])
            throw DataError(
                message("SequenceFields: there are no events ", begin, " to ", begin + count, " of user ", user));
        FieldsOfSequence found;
        if (!events_.fields().empty()) found.events = events_.slice(ends_[u - 1] + begin, ends_[u - 1] + begin + count);
        if (!users_.fields().empty()) found.user = users_.slice(user - first_user_, user - first_user_ + 1);
        return found;
    }

    /// Of the query's history, which must be the user's first events where these have fields: of others, such as some
    /// of them, it cannot tell the rows. Throws DataError.
    DEEPREC_LAZY FieldsOfSequence of(const Query& query) const {
        const bool of_events = !events_.fields().empty();
        const FieldsOfSequence found = of(query.user, 0, of_events ? std::ssize(query.history) : 0);
        const auto other = of_events ? std::mismatch(query.history.begin(), query.history.end(),
                                                     all_[query.user].begin()).first - query.history.begin()
                                     : std::ssize(query.history);
        if (other != std::ssize(query.history)) {
            const auto at = static_cast<std::size_t>(other);
            throw DataError(message("SequenceFields: expected the first ", query.history.size(), " events of user ",
                                    query.user, " as the history, event ", other + 1, " is item ",
                                    all_[query.user][at], ", received ", query.history[at],
                                    "; Query::fields has those of any history"));
        }
        return found;
    }

private:
    Sequences all_;  // to know histories by; 4 bytes an event, or the same mapped file
    Record events_, users_;
    std::vector<Index> ends_;  // user u has the rows ends_[u - 1] up to ends_[u]
    Index first_user_ = 0;     // of row 0
};

namespace detail {
/// Throws ShapeError unless two sequences have the same fields.
void check_same_fields(const FieldsOfSequence& one, const FieldsOfSequence& other);

/// The fields of a query: its own, or those that the scorer finds; nothing for scorers that read none.
template <class S>
std::optional<FieldsOfSequence> fields_of(const S& scorer, const Query& query) {
    if (query.fields) return *query.fields;
    if constexpr (requires { scorer.fields_of(query); })
        return scorer.fields_of(query);
    else
        return std::nullopt;
}

/// A query with some events of another, and their fields.
class SomeEvents {
public:
    /// `fields` are those of all events, null where there are none.
    SomeEvents(const Query& all, const FieldsOfSequence* fields) : all_(all) {
        if (!fields) return;
        fields_ = *fields;
        all_.fields = &fields_;
    }
    SomeEvents(const SomeEvents&) = delete;
    /// The events t with keep(t); valid until the next call.
    template <class Keep>
    Query operator()(const Keep& keep) {
        kept_.clear();
        rows_.clear();
        for (std::size_t t = 0; t < all_.history.size(); ++t) {
            if (!keep(t)) continue;
            kept_.push_back(all_.history[t]);
            rows_.push_back(static_cast<Index>(t));
        }
        Query some = all_;
        some.history = kept_;
        if (!some.fields) return some;
        some_ = fields_;
        if (!fields_.events.fields.empty()) some_.events = events_(fields_.events, rows_);
        some.fields = &some_;
        return some;
    }

private:
    Query all_;
    FieldsOfSequence fields_, some_;
    RecordRows events_;
    std::vector<std::int32_t> kept_;
    std::vector<Index> rows_;
};

/// The fields of several sequences as records that a model reads, padded with zeros behind the last event or in front.
class PaddedFields {
public:
    enum class Zeros { behind, in_front };
    explicit PaddedFields(Zeros where = Zeros::behind) : where_(where) {}
    void clear() { rows_.clear(); }
    /// Throws ShapeError for other fields than those of the sequences before it.
    void add(const FieldsOfSequence& row) {
        if (!rows_.empty()) check_same_fields(rows_[0], row);
        rows_.push_back(row);
    }
    /// [rows, steps, ...]
    RecordView events(Index steps) { return gather(events_, steps, &FieldsOfSequence::events); }
    /// [rows, ...]
    RecordView users() { return gather(users_, 0, &FieldsOfSequence::user); }

private:
    struct Memory {
        std::vector<FieldView> views;
        std::vector<Buffer<std::byte>> bytes;
    };
    DEEPREC_LAZY RecordView gather(Memory& to, Index steps, RecordView FieldsOfSequence::*part) {
        const auto fields = rows_.empty() ? std::span<const FieldView>{} : (rows_[0].*part).fields;
        const Index rows = static_cast<Index>(rows_.size()), each = std::max<Index>(steps, 1);
        to.views.assign(fields.begin(), fields.end());
        if (to.bytes.size() < fields.size()) to.bytes.resize(fields.size());
        for (std::size_t f = 0; f < fields.size(); ++f) {
            const Index row = fields[f].row_bytes();
            std::byte* out = to.bytes[f].need_zeros(rows * each * row);
            to.views[f].data = out;
            if (steps > 0) {
                Shape sample{steps};
                for (int axis = 0; axis < fields[f].sample.rank(); ++axis) sample.push_back(fields[f].sample[axis]);
                to.views[f].sample = sample;
            }
            for (const FieldsOfSequence& source : rows_) {
                const RecordView& x = source.*part;
                const Index own = std::min(x.batch(), each);
                std::copy_n(x.fields[f].data + x.begin * row, own * row,
                            out + (where_ == Zeros::in_front ? (each - own) * row : 0));
                out += each * row;
            }
        }
        return {to.views, 0, rows};
    }
    Zeros where_;
    std::vector<FieldsOfSequence> rows_;
    Memory events_, users_;
};

/// Queries as the records that a user tower of named fields reads: their last `steps` items, padded in front, by the
/// name `history`, and the fields of those events and of the users by their own names.
class QueryRecords {
public:
    void clear() { queries_.clear(), fields_.clear(); }
    /// Throws ShapeError for fields of another number of events.
    void add(const Query& query, FieldsOfSequence fields, Index steps) {
        const Index events = std::ssize(query.history);
        if (!fields.events.fields.empty()) {
            if (fields.events.batch() != events)
                throw ShapeError(message("expected fields of the ", events, " events of the history, received ",
                                         fields.events.batch(), " rows"));
            fields.events = fields.events.slice(events - std::min(events, steps), events);
        }
        queries_.push_back(query);
        fields_.add(fields);
    }
    /// `reads`, where there are some, are the fields to give. Throws ArgumentError for a field that has the name of the
    /// history.
    RecordView all(Index steps, std::string_view history, const RecordShape& reads = {}) {
        const Index rows = std::ssize(queries_);
        std::int32_t* const ids = ids_.need(rows * steps);
        for (Index r = 0; r < rows; ++r)
            pad_last(queries_[static_cast<std::size_t>(r)].history,
                     {ids + r * steps, static_cast<std::size_t>(steps)});
        const auto is_read = [&](std::string_view name) {
            return reads.empty() ||
                   std::any_of(reads.begin(), reads.end(), [&](const FieldShape& f) { return f.name == name; });
        };
        views_.clear();
        if (is_read(history))
            views_.push_back(
                {history, ElementType::int32, Shape{steps}, reinterpret_cast<const std::byte*>(ids)});
        for (const RecordView& part : {fields_.events(steps), fields_.users()})
            for (const FieldView& field : part.fields) {
                if (field.name == history)
                    throw ArgumentError(message("a field has the name '", history, "', which the history has"));
                if (is_read(field.name)) views_.push_back(field);
            }
        return {views_, 0, rows};
    }

private:
    std::vector<Query> queries_;
    PaddedFields fields_{PaddedFields::Zeros::in_front};
    Buffer<std::int32_t> ids_;
    std::vector<FieldView> views_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION void check_same_fields(const FieldsOfSequence& one, const FieldsOfSequence& other) {
    const auto check = [](const RecordView& a, const RecordView& b) {
        if (a.fields.data() == b.fields.data() && a.fields.size() == b.fields.size()) return;
        const RecordShape first = shape_of(a), second = shape_of(b);
        if (first != second)
            throw ShapeError(message("SequenceIndex: expected the same fields of all queries, received ", listed(first),
                                     " and ", listed(second)));
    };
    check(one.events, other.events);
    check(one.user, other.user);
}
#endif
}  // namespace detail

DEEPREC_END
