#include <deeprec/data/readers/movielens.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {

const char* const movies_csv =
    "movieId,title,genres\n"
    "1,Toy Story (1995),Adventure|Animation|Children\n"
    "11,\"American President, The (1995)\",Comedy|Drama\n"
    "51372,\"\"\"Great Performances\"\" Cats (1998)\",(no genres listed)\n";
const char* const ratings_csv =
    "userId,movieId,rating,timestamp\n"
    "7,11,4.0,1260759144\n"
    "7,1,2.5,1260759100\n"
    "3,11,5.0,1260759179\n";

const char* const table_csv =
    "\"\",\"movieId\",\"title\",\"year\",\"genres\",\"userId\",\"rating\",\"timestamp\"\n"
    "\"1\",31,\"Dangerous Minds\",1995,\"Drama\",1,2.5,1260759144\n"
    "\"2\",293,\"L\xc3\xa9on: The Professional\",1994,\"Action|Crime\",1,3,1260759179\n"
    "\"3\",108583,NA,NA,\"(no genres listed)\",2,5,1435472609\n"
    "\"4\",9,\"NA\",NA,NA,2,5,1435472610\n"
    "\"5\",31,\"Dangerous Minds\",1995,\"Drama\",2,4,1435472611\n";

const char* const genre_100k = "unknown|0\nAction|1\nComedy|2\n\n";
const char* const item_100k =
    "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|1\n"
    "2|C\xe9line (V)|15-Mar-1996||http://x|0|1|1\n"
    "3|unknown||||1|0|0\n";
const char* const data_100k = "5\t2\t3\t881250949\n4\t1\t5\t881250950\n";

const char* const movies_1m = "1::Toy Story (1995)::Animation|Comedy\n2::Mis\xe9rables, Les (1995)::Drama\n";
const char* const ratings_1m = "1::2::5::978300760\n2::1::3::978302109\n";
const char* const users_1m = "1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::15::55117\n";

/// A directory with some files, read by one of the readers; `error<E>()` is its message without the directory.
struct Case {
    support::TemporaryDirectory directory;
    Dataset (*reader)(const std::filesystem::path&);
    std::string file;  // read this file instead of the directory

    void write(std::initializer_list<std::pair<const char*, std::string>> files) {
        for (const auto& [name, text] : files) directory.write(name, text);
    }
    Dataset read() const { return reader(file.empty() ? directory.path() : directory.path() / file); }
    template <class E>
    std::string error() const {
        const std::string what = message_of<E>([&] { read(); });
        const std::string prefix = directory.path().string() + "/";
        return what.rfind(prefix, 0) == 0 ? what.substr(prefix.size()) : what;
    }
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("MovieLens latest: ratings.csv and movies.csv", "[data]") {
    Case c{{}, read_movielens_csv, ""};
    const bool windows = GENERATE(false, true);  // CRLF, byte order mark, no end of the last line
    const auto dressed = [&](std::string text) {
        if (!windows) return text;
        text.pop_back();
        for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
        return "\xef\xbb\xbf" + text;
    };
    c.write({{"movies.csv", dressed(movies_csv)}, {"ratings.csv", dressed(ratings_csv)}});
    const Dataset data = c.read();
    const Interactions& x = data.interactions;
    REQUIRE(x.size() == 3);
    REQUIRE(x.users.key(1) == "7");
    REQUIRE(x.users.key(2) == "3");
    REQUIRE(x.user == std::vector<std::int32_t>{1, 1, 2});
    REQUIRE(x.item == std::vector<std::int32_t>{2, 1, 2});
    REQUIRE(x.rating == std::vector<float>{4.0f, 2.5f, 5.0f});
    REQUIRE(x.timestamp == std::vector<std::int64_t>{1260759144, 1260759100, 1260759179});
    REQUIRE(data.items.size() == 3);
    REQUIRE(data.items[1] == Item{"Toy Story", 1995, {"Adventure", "Animation", "Children"}});
    REQUIRE(data.items[2] == Item{"American President, The", 1995, {"Comedy", "Drama"}});
    REQUIRE(data.items[3] == Item{"\"Great Performances\" Cats", 1998, {}});
    REQUIRE(x.items.key(3) == "51372");
}

TEST_CASE("MovieLens latest: what can be wrong", "[data]") {
    Case c{{}, read_movielens_csv, ""};
    c.write({{"movies.csv", movies_csv}});
    REQUIRE(c.error<FileError>() == "ratings.csv: cannot be opened");
    const auto with_ratings = [&](const std::string& text) { c.write({{"ratings.csv", text}}); };

    with_ratings(replaced(ratings_csv, "2.5", "abc"));
    REQUIRE(c.error<FormatError>() == "ratings.csv:3:5: expected a number, received \"abc\"");
    with_ratings(replaced(ratings_csv, "7,1,", "7,999,"));
    REQUIRE(c.error<DataError>() == "ratings.csv:3:3: item 999 is rated but not listed");
    with_ratings(replaced(ratings_csv, "7,1,", "x,1,"));
    REQUIRE(c.error<FormatError>() == "ratings.csv:3:1: expected a whole number, received \"x\"");
    with_ratings(replaced(ratings_csv, "7,1,", "0,1,"));
    REQUIRE(c.error<FormatError>() == "ratings.csv:3:1: expected a positive whole number, received \"0\"");
    with_ratings(replaced(ratings_csv, ",1260759179\n", ""));
    REQUIRE(c.error<FormatError>() == "ratings.csv:4:9: expected 4 fields, received 3");
    with_ratings(replaced(ratings_csv, "rating,", "stars,"));
    REQUIRE(c.error<FormatError>() ==
            "ratings.csv:1:31: expected a column \"rating\", received \"userId\", \"movieId\", "
            "\"stars\", \"timestamp\"");
    with_ratings(std::string(ratings_csv) + ratings_csv);  // two files joined
    REQUIRE(c.error<FormatError>() == "ratings.csv:5:1: expected a whole number, received \"userId\"");
    with_ratings("");
    REQUIRE(c.error<FormatError>() == "ratings.csv:1:1: expected a line of column names, received an empty file");
    with_ratings("userId,movieId,rating,timestamp\n");
    REQUIRE(c.error<DataError>() == "ratings.csv:2:1: expected at least one rating, received none");

    with_ratings(ratings_csv);
    c.write({{"movies.csv", replaced(movies_csv, "11,", "1,")}});
    REQUIRE(c.error<DataError>() == "movies.csv:3:1: item 1 is listed twice");
    c.write({{"movies.csv", replaced(movies_csv, "(1995)\",", "(1995),")}});
    REQUIRE(
        c.error<FormatError>() ==
        "movies.csv:4:10: expected ',' after the closing quote of the field that opens on line 3, received "
        "\"Great Performances\"\" Cats (1998)\",(no genres listed)\"; text in which quotes are letters with quotes = "
        "false");
    c.write({{"movies.csv", replaced(movies_csv, "Toy", "T\xe9y")}});
    REQUIRE(c.error<FormatError>() ==
            "movies.csv:2:4: expected UTF-8, received byte 233; other files are read with encoding = "
            "Encoding::windows1252 or "
            "latin1");
}

TEST_CASE("MovieLens as one table from R", "[data]") {
    Case c{{}, read_movielens_table, "movielens.csv"};
    c.write({{"movielens.csv", table_csv}});
    const Dataset data = c.read();
    REQUIRE(data.interactions.size() == 5);
    REQUIRE(data.interactions.item == std::vector<std::int32_t>{1, 2, 3, 4, 1});
    REQUIRE(data.interactions.user == std::vector<std::int32_t>{1, 1, 2, 2, 2});
    REQUIRE(data.items.size() == 4);
    REQUIRE(data.items[1] == Item{"Dangerous Minds", 1995, {"Drama"}});
    REQUIRE(data.items[2] == Item{"L\xc3\xa9on: The Professional", 1994, {"Action", "Crime"}});
    REQUIRE(data.items[3] == Item{});
    REQUIRE(data.label(3) == "item 108583");
    REQUIRE(data.items[4] == Item{"NA", 0, {}});  // in quotes, so a film called NA

    c.write({{"movielens.csv", "userId,title,genres,movieId,timestamp,rating\n1,Heat (1995),Crime,6,10,4\n"}});
    REQUIRE(c.read().items[1] == Item{"Heat", 1995, {"Crime"}});
}

TEST_CASE("MovieLens as one table: what can be wrong", "[data]") {
    Case c{{}, read_movielens_table, "m.csv"};
    c.write({{"m.csv", replaced(table_csv, "1994", "199x")}});
    REQUIRE(c.error<FormatError>() == "m.csv:3:34: expected a whole number, received \"199x\"");
    c.write({{"m.csv", replaced(table_csv, "Minds\",1995,\"Drama\",2", "Minds\",1996,\"Drama\",2")}});
    REQUIRE(c.error<DataError>() == "m.csv:6:5: item 31 has another title, year or genres than on line 2");
    c.write({{"m.csv", replaced(table_csv, "\"userId\",", "")}});
    REQUIRE(c.error<FormatError>().find("m.csv:1:58: expected a column \"userId\", received \"\", \"movieId\"") == 0);
}

TEST_CASE("MovieLens-100K: u.data, u.item in Latin-1, u.genre", "[data]") {
    Case c{{}, read_movielens_100k, ""};
    c.write({{"u.genre", genre_100k}, {"u.item", item_100k}, {"u.data", data_100k}});
    Dataset data = c.read();
    REQUIRE(data.interactions.size() == 2);
    REQUIRE(data.interactions.users.key(1) == "5");
    REQUIRE(data.interactions.item == std::vector<std::int32_t>{2, 1});
    REQUIRE(data.items[1] == Item{"Toy Story", 1995, {"Comedy"}});
    REQUIRE(data.items[2] == Item{"C\xc3\xa9line (V)", 1996, {"Action", "Comedy"}});  // year of the release date
    REQUIRE(data.items[3] == Item{"unknown", 0, {}});

    c.write({{"u.user", "4|24|M|technician|85711\n5|53|F|other|94043\n6|23|M|writer|32067\n"}});
    data = c.read();
    REQUIRE(data.interactions.users.size() == 3);
    REQUIRE(data.interactions.user == std::vector<std::int32_t>{2, 1});
}

TEST_CASE("MovieLens-100K: what can be wrong", "[data]") {
    Case c{{}, read_movielens_100k, ""};
    REQUIRE(c.error<FileError>() == "u.genre: cannot be opened");
    c.write({{"u.genre", genre_100k}, {"u.item", item_100k}, {"u.data", data_100k}});
    c.write({{"u.genre", replaced(genre_100k, "Comedy|2", "Comedy|3")}});
    REQUIRE(c.error<FormatError>() == "u.genre:3:8: expected genre number 2, received 3");
    c.write({{"u.genre", genre_100k}, {"u.item", replaced(item_100k, "|0|1|1", "|0|1")}});
    REQUIRE(c.error<FormatError>() == "u.item:2:39: expected 8 fields, received 7");
    c.write({{"u.item", replaced(item_100k, "|0|1|1", "|0|2|1")}});
    REQUIRE(c.error<FormatError>() == "u.item:2:38: expected a genre flag 0 or 1, received \"2\"");
    c.write({{"u.item", replaced(item_100k, "15-Mar-1996", "15-Mar-")}});
    REQUIRE(c.error<FormatError>() == "u.item:2:21: expected a whole number, received \"\"");
    c.write({{"u.item", item_100k}, {"u.data", "5\t2\t3\t881250949\n4\t4\t5\t881250950\n"}});
    REQUIRE(c.error<DataError>() == "u.data:2:3: item 4 is rated but not listed");
    c.write({{"u.data", data_100k}, {"u.user", "4|24|M|technician|85711\n"}});
    REQUIRE(c.error<DataError>() == "u.data:1:1: user 5 has a rating but is not listed");
    c.write({{"u.user", "4|24|M|technician|85711\n4|24|M|technician|85711\n"}});
    REQUIRE(c.error<DataError>() == "u.user:2:1: user 4 is listed twice");
}

TEST_CASE("MovieLens-1M: ratings.dat, movies.dat, users.dat", "[data]") {
    Case c{{}, read_movielens_1m, ""};
    c.write({{"movies.dat", movies_1m}, {"ratings.dat", ratings_1m}, {"users.dat", users_1m}});
    const Dataset data = c.read();
    REQUIRE(data.interactions.size() == 2);
    REQUIRE(data.interactions.users.size() == 3);
    REQUIRE(data.interactions.item == std::vector<std::int32_t>{2, 1});
    REQUIRE(data.interactions.rating == std::vector<float>{5, 3});
    REQUIRE(data.items[2] == Item{"Mis\xc3\xa9rables, Les", 1995, {"Drama"}});

    c.write({{"ratings.dat", replaced(ratings_1m, "2::1::3::978302109", "2::1::3")}});
    REQUIRE(c.error<FormatError>() == "ratings.dat:2:8: expected 4 fields, received 3");
    c.write({{"ratings.dat", replaced(ratings_1m, "2::1::3", "4::1::3")}});
    REQUIRE(c.error<DataError>() == "ratings.dat:2:1: user 4 has a rating but is not listed");
}

TEST_CASE("MovieLens 20M: the files beside ratings and movies are passed over, rows are streamed", "[data]") {
    // As in ml-20m.zip: CRLF, quoted titles with commas and quotes, half stars; memory goes by the interactions alone.
    const auto fill = [](Case& c, int ratings) {
        std::string text = "userId,movieId,rating,timestamp\r\n";
        for (int i = 0; i < ratings; ++i)
            text += std::to_string(1 + i % 50) + (i % 2 ? ",1,3.5,1112486027\r\n" : ",3,0.5,1112484676\r\n");
        c.write({{"movies.csv",
                  "movieId,title,genres\r\n1,Toy Story (1995),Adventure|Animation\r\n"
                  "3,\"\"\"Great\"\", The (1995)\",(no genres listed)\r\n"},
                 {"ratings.csv", text},
                 {"tags.csv", "userId,movieId,tag,timestamp\r\n18,4141,Mark Waters,1240597180\r\n"},
                 {"links.csv", "movieId,imdbId,tmdbId\r\n1,0114709,862\r\n"},
                 {"genome-tags.csv", "tagId,tag\r\n1,007\r\n"}});
    };
    Case small{{}, read_movielens_csv, ""}, large{{}, read_movielens_csv, ""};
    fill(small, 10000);
    fill(large, 40000);
    const Dataset data = small.read();
    REQUIRE(data.interactions.size() == 10000);
    REQUIRE(data.interactions.users.size() == 50);
    REQUIRE(data.items[2].title == "\"Great\", The");
    REQUIRE(data.items[2].genres.empty());
    REQUIRE(data.interactions.rating[0] == 0.5f);
    REQUIRE(data.interactions.timestamp[1] == 1112486027);
    Dataset a, b;
    const auto few = support::allocations_in([&] { a = small.read(); });
    const auto many = support::allocations_in([&] { b = large.read(); });
    REQUIRE(b.interactions.size() == 40000);
    REQUIRE(many - few <= 4 * 3);  // each of the four columns grows twice or three times, a row takes nothing
}

TEST_CASE("MovieLens: milliseconds, numbers spelled otherwise, a genre twice", "[data]") {
    Case c{{}, read_movielens_csv, ""};
    c.write({{"movies.csv", "movieId,title,genres\n1,Heat,Crime|Drama|Crime\n"},
             {"ratings.csv", "userId,movieId,rating,timestamp\n1,1,4,1260759144\n"}});
    CHECK(c.read().items[1].genres == std::vector<std::string>{"Crime", "Drama"});
    c.write({{"ratings.csv", "userId,movieId,rating,timestamp\n1,1,4,1260759144000\n"}});
    CHECK(c.error<DataError>().find("ratings.csv: expected times whose median is in the years 1990 to 2100") == 0);
    c.write({{"ratings.csv", "userId,movieId,rating,timestamp\n1,1,4,1260759144\n01,1,4,1260759144\n"}});
    CHECK(c.error<FormatError>() ==
          "ratings.csv:3:1: expected a number without plus and leading zeros, received \"01\"");
}
