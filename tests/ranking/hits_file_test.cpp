#include <deeprec/ranking/hits_file.hpp>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/recommend.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
std::string hits_content_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
}  // namespace

TEST_CASE("Lists become a file by key, and the progress is told", "[hits_file]") {
    const support::TemporaryDirectory folder;
    Vocabulary users, items;
    users.add("ann"), users.add("b,\"ob\"");
    items.add("x"), items.add("two\nlines"), items.add("z");
    const Popularity scorer{std::vector<std::int64_t>{0, 7, 9, 8}};
    const std::vector<std::int32_t> history{2};
    const std::vector<Query> queries{{1, history, 0}, {2, {}, 0}};
    const auto path = folder.path() / "lists.csv";
    std::vector<std::pair<Index, Index>> told;
    HitsFile file{path, queries, {.users = &users, .items = &items}};
    recommend_all(scorer, queries, 2, {.exclude_history = true}, file,
                  [&](Index done, Index of) { told.emplace_back(done, of); });
    CHECK(told == std::vector<std::pair<Index, Index>>{{0, 2}, {2, 2}});
    CHECK(!std::filesystem::exists(path));
    file.commit();
    CHECK(hits_content_of(path) ==
          "user,rank,item,score\nann,1,z,8\nann,2,x,7\n\"b,\"\"ob\"\"\",1,\"two\nlines\",9\n\"b,\"\"ob\"\"\",2,z,8\n");
    HitsFile ids{path, queries, {.separator = '\t'}};
    ids(0, {{3, 0.1f}, {1, -2.5e-20f}});
    ids.commit();
    CHECK(hits_content_of(path) == "user\trank\titem\tscore\n1\t1\t3\t0.1\n1\t2\t1\t-2.5e-20\n");
    CHECK(message_of<DataError>([&] { ids(2, {}); }) == "HitsFile: expected one of 2 queries, received number 2");
    HitsFile unknown{path, queries, {.items = &items}};
    CHECK(message_of<DataError>([&] { unknown(0, {{4, 1.0f}}); }) == "HitsFile: expected ids from 1 to 3, received 4");
    CHECK(message_of<ArgumentError>([&] { HitsFile(path, queries, {.separator = '.'}); }) ==
          "HitsFile: expected a separator such as ',' or a tab, received '.'");
    for (const char c : {'"', '7', 'a', 'u', 'E', '\n'})
        CHECK_THROWS_AS(HitsFile(path, queries, {.separator = c}), ArgumentError);
}
