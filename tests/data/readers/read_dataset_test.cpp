#include <deeprec/data/readers/read_dataset.hpp>

#include <algorithm>
#include <array>

#include <deeprec/core/random.hpp>
#include <deeprec/data/item_tokens.hpp>
#include <deeprec/data/readers/interactions_csv.hpp>
#include <deeprec/data/readers/recbole.hpp>
#include <deeprec/data/splits.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {

struct Files {
    std::string read;  // what to pass to read_dataset, "" for the directory
    std::vector<std::pair<const char*, std::string>> texts;
    Index events;
};

std::vector<Files> small_sets() {
    return {
        {"",
         {{"ratings.csv", "userId,movieId,rating,timestamp\n1,2,3.5,10\n2,1,4,11\n"},
          {"movies.csv",
           "movieId,title,genres\n1,\"Heat, The \"\"H\"\" (1995)\",Crime|Drama\n2,L\xc3\xa9on (1994),Crime\n"}},
         2},
        {"",
         {{"u.data", "1\t2\t3\t10\n2\t1\t5\t11\n1\t1\t4\t12\n"},
          {"u.item", "1|Heat (1995)|01-Jan-1995||x|0|1\n2|L\xe9on (1994)|||x|1|0\n"},
          {"u.genre", "unknown|0\nCrime|1\n"},
          {"u.user", "1|24|M|writer|1\n2|25|F|other|2\n"}},
         3},
        {"",
         {{"ratings.dat", "1::2::3::10\n2::1::5::11\n"},
          {"movies.dat", "1::Heat (1995)::Crime\n2::L\xe9on (1994)::Crime|Drama\n"},
          {"users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n"}},
         2},
        {"table.csv",
         {{"table.csv",
           "\"movieId\",\"title\",\"year\",\"genres\",\"userId\",\"rating\",\"timestamp\"\n31,\"Heat, "
           "\"\"The\"\"\",1995,"
           "\"Crime|Drama\",1,2.5,10\n9,NA,NA,\"Drama\",1,3,11\n31,\"Heat, "
           "\"\"The\"\"\",1995,\"Crime|Drama\",2,1,12\n"}},
         3},
        {"x.inter",
         {{"x.inter", "user_id:token\titem_id:token\ttimestamp:float\nu1\ta\t1e9\nu2\tb\t881250949.5\n"},
          {"x.item", "item_id:token\ttitle:token_seq\tyear:token\tclass:token_seq\na\tHeat\t1995\tCrime Drama\n"}},
         2},
        {"plain.txt", {{"plain.txt", "1 5 3 1\n2 4 2\n3 1\n"}}, 6},
    };
}

/// Texts with up to three things wrong.
class Damage {
public:
    explicit Damage(Seed seed) : random_(seed) {}
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(draw_++, n)); }
    std::string operator()(std::string text) {
        constexpr std::string_view spice = "\",|:\t\n\r 019-.eNA\xe9\xc3\xa9\xff";
        for (std::size_t edits = 1 + below(3); edits > 0 && !text.empty(); --edits) {
            const std::size_t at = below(text.size());
            switch (below(6)) {
                case 0: text[at] = static_cast<char>(below(256)); break;
                case 1: text[at] = spice[below(spice.size())]; break;
                case 2: text.insert(at, 1, spice[below(spice.size())]); break;
                case 3: text.erase(at, 1 + below(8)); break;
                case 4: text.resize(at); break;
                default: text.insert(at, text.substr(below(text.size()), 20)); break;
            }
        }
        return text;
    }

private:
    RandomStream random_;
    std::uint64_t draw_ = 0;
};

}  // namespace

TEST_CASE("read_dataset recognises every format", "[data]") {
    for (const Files& files : small_sets()) {
        const support::TemporaryDirectory directory;
        for (const auto& [name, text] : files.texts) directory.write(name, text);
        REQUIRE(read_dataset(directory.path() / files.read).interactions.size() == files.events);
        REQUIRE(read_dataset(directory.path() / files.texts[0].first).interactions.size() == files.events);
    }
}

TEST_CASE("read_dataset says what it looked for", "[data]") {
    const support::TemporaryDirectory directory;
    const std::string missing = (directory.path() / "missing").string();
    REQUIRE(message_of<FileError>([&] { read_dataset(missing); }) == missing + ": there is no such file or directory");
    const auto what = [&](const std::filesystem::path& path) {
        return message_of<FormatError>([&] { read_dataset(path); });
    };
    const std::string none = what(directory.path());
    for (const char* wanted : {"ratings.csv and movies.csv", "u.data, u.item and u.genre", "ratings.dat and movies.dat",
                               "movieId, title, genres, userId, rating and timestamp", "user item item", "NAME.inter",
                               "received a directory without any of these"})
        CHECK(none.find(wanted) != std::string::npos);
    REQUIRE(what(directory.write("empty", "")).find("received an empty file") != std::string::npos);
    REQUIRE(what(directory.write("other", "{\"a\": 1}")).find("received a file that begins otherwise") !=
            std::string::npos);
}

TEST_CASE("Damaged files are read or refused, never crash", "[data]") {
    Damage damage{Seed{17}};
    int read = 0, refused = 0;
    for (const Files& files : small_sets()) {
        const support::TemporaryDirectory directory;
        for (int round = 0; round < 400; ++round) {
            for (const auto& [name, text] : files.texts) directory.write(name, text);
            const auto& [victim, original] = files.texts[damage.below(files.texts.size())];
            directory.write(victim, damage(original));
            try {
                const Dataset data = read_dataset(directory.path() / files.read);
                data.interactions.check();
                REQUIRE(data.items.size() == data.interactions.items.size());
                REQUIRE(data.interactions.size() > 0);
                const LeaveOneOut split{Sequences{data.interactions}};
                REQUIRE(ItemTokenizer(data.items).table(data.items).dimension(0) == data.items.size() + 1);
                ++read;
            } catch (const Error& error) {
                REQUIRE(std::string(error.what()).find(directory.path().string()) == 0);
                ++refused;
            }
        }
    }
    REQUIRE(read > 100);
    REQUIRE(refused > 100);
}

TEST_CASE("Damaged tables of events and of features are read or refused, never crash", "[data]") {
    Damage damage{Seed{18}};
    const support::TemporaryDirectory directory;
    const std::string csv = "when,user,item,stars\n881250949.5,ann,\"a, \"\"b\"\"\",4.5\n-3,bob,c,3\n1e9,ann,c,1\n",
                      tsv = "visitorid\titemid\tt\n7\t1\t881250949\n8\t2\t881250950\n7\t3\t881250951\n",
                      features =
                          "id:token\tcity:token\tage:float\tlikes:token_seq\tplace:float_seq\n"
                          "a\tRome\t31.5\tjazz opera\t1 2\nb\t\t\t\t\nc\tOslo\t4\tjazz\t0.5\nz\tBern\t1\tx\t1\n";
    Vocabulary known;
    for (const char* key : {"a", "b", "c"}) known.add(key);
    const auto try_each = [&](const std::string& text, const auto& read) {
        int whole = 0, refused = 0;
        for (int round = 0; round < 1000; ++round) {
            const auto file = directory.write("file", damage(text));
            try {
                read(file);
                ++whole;
            } catch (const Error& error) {
                REQUIRE(std::string(error.what()).find(file.string() + ":") == 0);
                ++refused;
            }
        }
        CHECK(whole > 50);
        CHECK(refused > 50);
    };
    const auto events = [&](const CsvColumns& columns) {
        return [&](const std::filesystem::path& file) {
            const Dataset data = read_interactions_csv(file, columns);
            data.interactions.check();
            REQUIRE(data.interactions.size() > 0);
            REQUIRE(data.items.size() == data.interactions.items.size());
            const LeaveOneOut split{Sequences{data.interactions}};
            REQUIRE(split.all().size() == data.interactions.size());
        };
    };
    const CsvColumns with_commas{.rating = "stars", .timestamp = "when"};
    const CsvColumns with_tabs{.user = "visitorid", .item = "itemid", .timestamp = "t", .separator = '\t'};
    try_each(csv, events(with_commas));
    try_each(tsv, events(with_tabs));
    try_each(features, [&](const std::filesystem::path& file) {
        const auto rows = read_recbole_features(file, "id", known);
        REQUIRE(rows.size() == 4);
        REQUIRE(rows[0].empty());
        for (const FeatureRow& row : rows)
            for (const auto& [name, value] : row) REQUIRE(!name.empty());
    });
}

TEST_CASE("Real data: MovieLens-100K", "[data][real]") {
    const auto path = support::shared_data("movielens-100k", "reading MovieLens-100K");
    if (!path) return;
    const Dataset data = read_dataset(*path);
    const Interactions& x = data.interactions;
    REQUIRE(x.users.size() == 943);
    REQUIRE(x.items.size() == 1682);
    REQUIRE(x.size() == 100000);
    const std::array<std::ptrdiff_t, 5> per_rating{6110, 11370, 27145, 34174, 21201};
    for (std::size_t stars = 1; stars <= 5; ++stars)
        CHECK(std::count(x.rating.begin(), x.rating.end(), static_cast<float>(stars)) == per_rating[stars - 1]);
    REQUIRE(data.label(1) == "Toy Story (1995)");
    REQUIRE(data.items[1].genres == std::vector<std::string>{"Animation", "Children's", "Comedy"});
    REQUIRE(data.items[267] == Item{"unknown", 0, {}});
    int beyond_ascii = 0;
    for (std::int32_t item = 1; item <= data.items.size(); ++item) {
        REQUIRE(x.items.key(item) == std::to_string(item));
        if (item != 267) CHECK(data.items[item].year >= 1922);
        const std::string& title = data.items[item].title;
        REQUIRE(detail::find_not_utf8(title) == std::string::npos);
        beyond_ascii += std::any_of(title.begin(), title.end(), [](char c) { return (c & 0x80) != 0; });
    }
    REQUIRE(beyond_ascii == 9);

    // the derived file holds the same ratings, sorted by (time, line)
    const Sequences sorted{x}, plain{read_dataset(*path / "ml-100k.txt").interactions};
    REQUIRE(plain.users() == 943);
    for (std::int32_t user = 1; user <= 943; ++user) {
        const auto id = x.users.at(std::to_string(user));
        REQUIRE(std::equal(sorted[id].begin(), sorted[id].end(), plain[user].begin(), plain[user].end()));
    }
}

TEST_CASE("Real data: Beauty and LastFM", "[data][real]") {
    if (const auto path = support::shared_data("s3rec-beauty/Beauty.txt", "reading Beauty")) {
        const Dataset data = read_dataset(*path);
        REQUIRE(data.interactions.users.size() == 22363);
        REQUIRE(data.interactions.items.size() == 12101);
        REQUIRE(data.interactions.size() == 198502);
        REQUIRE(data.interactions.items.key(12101) == "12101");
    }
    if (const auto path = support::shared_data("s3rec-lastfm/LastFM.txt", "reading LastFM")) {
        const Dataset data = read_dataset(*path);
        REQUIRE(data.interactions.users.size() == 1090);
        REQUIRE(data.interactions.items.size() == 3646);
        REQUIRE(data.interactions.size() == 52551);
        std::size_t longest = 0, shortest = 1000;
        const Sequences sequences{data.interactions};
        for (std::int32_t user = 1; user <= sequences.users(); ++user) {
            longest = std::max(longest, sequences[user].size());
            shortest = std::min(shortest, sequences[user].size());
        }
        REQUIRE(longest == 899);
        REQUIRE(shortest == 5);
    }
}
