/// The events of a recommender's users.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/io/stored_fields.hpp>

DEEPREC_BEGIN
namespace detail {

/// The items of each user 1 ... users(), oldest first: one list, user by user, to which events can be added.
class Histories {
public:
    Histories() = default;
    explicit Histories(const Interactions& events) {
        const Sequences sequences(events);
        for (std::int32_t user = 1; user <= sequences.users(); ++user) {
            items_.insert(items_.end(), sequences[user].begin(), sequences[user].end());
            ends_.push_back(std::ssize(items_));
        }
    }

    std::int32_t users() const { return static_cast<std::int32_t>(ends_.size()) - 1; }
    /// The items of all events.
    std::span<const std::int32_t> all() const { return items_; }
    /// Where the events of a user begin in `all`.
    Index begin(std::int32_t user) const { return ends_[static_cast<std::size_t>(user) - 1]; }
    std::span<const std::int32_t> operator[](std::int32_t user) const {
        return all().subspan(static_cast<std::size_t>(begin(user)),
                             static_cast<std::size_t>(ends_[static_cast<std::size_t>(user)] - begin(user)));
    }
    /// Event i is of users[i], behind those that the user has; users without events up to `most` come with it. Returns
    /// what is now at each place of `all`: the place that the event had, or behind all of those the number of the new.
    std::vector<Index> add(std::span<const std::int32_t> users, std::span<const std::int32_t> items,
                           std::int32_t most) {
        std::vector<Index> by_user(users.size());
        std::iota(by_user.begin(), by_user.end(), Index{0});
        const auto user_of = [&](Index i) { return users[static_cast<std::size_t>(i)]; };
        std::stable_sort(by_user.begin(), by_user.end(), [&](Index a, Index b) { return user_of(a) < user_of(b); });
        Histories grown;
        std::vector<Index> from;
        auto next = by_user.begin();
        for (std::int32_t user = 1; user <= most; ++user) {
            if (user <= this->users())
                for (const std::int32_t item : (*this)[user]) {
                    from.push_back(std::ssize(grown.items_) - (next - by_user.begin()));
                    grown.items_.push_back(item);
                }
            for (; next != by_user.end() && user_of(*next) == user; ++next) {
                from.push_back(std::ssize(items_) + *next);
                grown.items_.push_back(items[static_cast<std::size_t>(*next)]);
            }
            grown.ends_.push_back(std::ssize(grown.items_));
        }
        *this = std::move(grown);
        return from;
    }
    void fields(StoredFields& f) {
        f.list("items", items_);
        f.list("ends", ends_);
        f.require(!ends_.empty() && ends_.front() == 0 && ends_.back() == std::ssize(items_) &&
                      std::is_sorted(ends_.begin(), ends_.end()),
                  "expected the ends of the users' events up to ", items_.size(), " in ascending order");
    }

private:
    std::vector<std::int32_t> items_;
    std::vector<std::int64_t> ends_ = {0};  // user u has items_[ends_[u - 1]] up to items_[ends_[u]]
};

}  // namespace detail
DEEPREC_END
