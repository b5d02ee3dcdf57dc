// A small shop, made up: people go on within a category, and some items are new in the last days.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/core/random.hpp>

namespace support {

using namespace deeprec;

// 600 people, 300 items of 15 categories; 20 items have their first event in the last ninth of the time.
inline void make_shop(const std::filesystem::path& folder) {
    constexpr std::uint64_t people = 600, items = 300, categories = 15, first_new = 280;
    const RandomStream random(Seed{7});
    std::uint64_t drawn = 0;
    const auto below = [&](std::uint64_t n) { return random.below(drawn++, n); };
    std::ofstream about(folder / "items.csv"), log(folder / "events.csv");
    about << "sku,title,brand,category,price\n";
    for (std::uint64_t i = 0; i < items; ++i)
        about << "SKU-" << i << ",\"Lamp, no. " << i << "\",brand-" << i % 7 << ",cat-" << i % categories << ','
              << 5 + i % 50 << ".90\n";
    std::vector<std::pair<std::uint64_t, std::string>> rows;  // in the order of time at last
    for (std::uint64_t u = 0; u < people; ++u) {
        const std::uint64_t taste = below(categories);
        for (std::uint64_t day = below(9); day < 90; day += 1 + below(12)) {
            std::uint64_t item = taste + categories * below(first_new / categories);
            for (std::uint64_t step = 0; step < 4 + below(5) && item < items; ++step) {
                const auto time = 1'726'000'000'000 + 86'400'000 * day + 60'000 * step + below(60'000);
                const auto dirt = below(200);  // some rows lack the user, some are of a type that nobody asked for
                const std::string type = dirt == 1 ? "hover" : below(6) == 0 ? "buy" : below(5) == 0 ? "cart" : "view";
                rows.emplace_back(time, (dirt == 0 ? "" : "u" + std::to_string(u)) + ",SKU-" + std::to_string(item) +
                                            ',' + type + ',' + std::to_string(5 + item % 50) + ".90\n");
                const bool is_new = day >= 80 && below(3) == 0;  // the new items of the category
                item = is_new          ? first_new + (item % categories) % (items - first_new)
                       : below(4) == 0 ? taste + categories * below(first_new / categories)
                                       : (item + categories) % first_new;  // the one that people take next
            }
        }
    }
    std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.first < b.first; });
    log << "timestamp,user_id,item_sku,event_type,price\n";
    for (const auto& [time, rest] : rows) log << time << ',' << rest;
}

}  // namespace support
