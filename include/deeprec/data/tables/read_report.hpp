/// What a reader of tables did, for people.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/core/shape.hpp>
#include <deeprec/core/shown.hpp>

DEEPREC_BEGIN

/// What was read, what was kept and why the rest was not; printed in five lines.
struct ReadReport {
    /// Rows that were not kept for one reason.
    struct Skipped {
        std::string reason;               ///< "without a user"
        std::string value;                ///< where the reason has one: the event type
        Index rows = 0;                   ///< how many
        std::vector<std::string> places;  ///< file:line:column of the first ones
    };
    static constexpr std::size_t most_places = 3, most_reasons = 20;  ///< that are kept and printed; others are counted

    std::string source;                 ///< the files
    Index read = 0, kept = 0, bad = 0;  ///< rows; bad ones could not be read
    std::vector<Skipped> skipped;       ///< one entry for each reason, in the order in which they were met
    std::string who;                    ///< "19000 users, 7551 items"
    std::string when;                   ///< "2024-09-10 to 2024-11-09, from milliseconds"
    std::vector<std::string> columns;   ///< "price (number, 0.5 to 20, 3 missing)"

    /// Counts rows that are not kept; place() is asked for the first ones alone.
    template <class Place>
    void skip(std::string_view reason, std::string_view value, const Place& place, Index rows = 1) {
        Skipped& same = entry(reason, value);
        same.rows += rows;
        if (same.places.size() < most_places) same.places.push_back(place());
    }
    void skip(std::string_view reason, Index rows) {
        if (rows > 0) entry(reason, {}).rows += rows;
    }
    /// How many rows were not kept for this reason.
    Index skipped_for(std::string_view reason) const {
        Index rows = 0;
        for (const Skipped& s : skipped) rows += s.reason == reason ? s.rows : 0;
        return rows;
    }
    /// The second line.
    std::string skipped_text() const {
        std::string text;
        for (const Skipped& s : skipped) {
            text += message(text.empty() ? "" : ", ", s.rows, " ", s.reason,
                            s.value.empty() ? "" : " " + detail::shown(s.value));
            for (std::size_t i = 0; i < s.places.size(); ++i) text += (i == 0 ? " (" : ", ") + s.places[i];
            if (!s.places.empty()) text += static_cast<Index>(s.places.size()) < s.rows ? ", ...)" : ")";
        }
        return text.empty() ? "none" : text;
    }

    friend std::ostream& operator<<(std::ostream& out, const ReadReport& r) {
        out << r.source << ": " << r.read << " rows read, " << r.kept << " kept\n"
            << "  skipped: " << r.skipped_text() << "\n  who:     " << r.who << "\n  when:    " << r.when
            << "\n  columns: ";
        for (std::size_t i = 0; i < r.columns.size(); ++i) out << (i == 0 ? "" : ", ") << r.columns[i];
        return out << (r.columns.empty() ? "none\n" : "\n");
    }

private:
    Skipped& entry(std::string_view reason, std::string_view value) {
        for (Skipped& s : skipped)
            if (s.reason == reason && s.value == value) return s;
        if (skipped.size() < most_reasons || value.empty()) {
            skipped.push_back({std::string(reason), std::string(value), 0, {}});
            return skipped.back();
        }
        return entry(reason, {});  // values without end
    }
};

DEEPREC_END
