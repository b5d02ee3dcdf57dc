#include <deeprec/data/readers/recbole.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("RecBole: interactions and what is known about the items", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x.inter",
                                      "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
                                      "u1\ta\t4.5\t881250949\nu2\tb\t3\t881250950.75\r\nu1\tb\t1\t-0.5\n");
    directory.write("x.item",
                    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
                    "b\tToy Story\t1995\tAnimation Comedy\nc\t\t\t\n");
    const Dataset data = read_recbole(file);
    const Interactions& x = data.interactions;
    CHECK(x.user == std::vector<std::int32_t>{1, 2, 1});
    CHECK(x.item == std::vector<std::int32_t>{1, 2, 2});
    CHECK(x.rating == std::vector<float>{4.5f, 3, 1});
    CHECK(x.timestamp == std::vector<std::int64_t>{881250949, 881250950, -1});
    REQUIRE(data.items.size() == 3);
    CHECK(data.items[1] == Item{});
    CHECK(data.items[2] == Item{"Toy Story", 1995, {"Animation", "Comedy"}});
    CHECK(x.items.key(3) == "c");
    x.check();

    const Dataset bare =
        read_recbole(directory.write("y.inter", "item_id:token\tx:float_seq\tuser_id:token\nb\t1 2\tu\n"));
    CHECK(bare.interactions.rating.empty());
    CHECK(bare.interactions.timestamp.empty());
    CHECK(bare.items.size() == 1);
}

TEST_CASE("RecBole: what can be wrong", "[data]") {
    const support::TemporaryDirectory directory;
    const auto error = [&]<class E>(E*, std::string_view text, std::string_view items = {}) {
        const auto file = directory.write("x.inter", text);
        if (!items.empty()) directory.write("x.item", items);
        const std::string what = message_of<E>([&] { read_recbole(file); });
        std::filesystem::remove(directory.path() / "x.item");
        return what.empty() ? what : what.substr((directory.path() / "x").string().size());
    };
    constexpr FormatError* of_format = nullptr;
    constexpr DataError* of_data = nullptr;
    const std::string header = "user_id:token\titem_id:token\trating:float\n", good = header + "u\ta\t1\n";
    CHECK(error(of_format, "") == ".inter:1:1: expected a line of \"name:type\" columns, received an empty file");
    CHECK(error(of_format, "user_id:token\titem_id\n") ==
          ".inter:1:15: expected a column \"name:type\" with the type token, token_seq, float or float_seq, received "
          "\"item_id\"");
    CHECK(error(of_format, "user_id:int\titem_id:token\n").find("1:1: expected a column") != std::string::npos);
    CHECK(error(of_format, "user_id:token\tuser_id:token\n") ==
          ".inter:1:15: expected different column names, received \"user_id\" twice");
    CHECK(error(of_format, "user_id:token\tb:float\n") ==
          ".inter:1:22: expected a column \"item_id:token\", there is none of that name; there are \"user_id\", \"b\"");
    CHECK(error(of_format, "user_id:float\titem_id:token\n") ==
          ".inter:1:1: expected column \"user_id\" to be of type token, received float");
    CHECK(error(of_format, header + "u\ta\n") == ".inter:2:4: expected 3 fields, received 2");
    CHECK(error(of_format, header + "u\ta\tgood\n") == ".inter:2:5: expected a number, received \"good\"");
    CHECK(error(of_data, header + "u\t\t3\n") == ".inter:2:3: expected an id, received an empty field");
    CHECK(error(of_data, header) == ".inter:2:1: expected rows of interactions, received none");
    CHECK(error(of_format, "user_id:token\titem_id:token\ttimestamp:float\nu\ta\t1e18\n") ==
          ".inter:2:5: expected seconds below 9e15, received 1e+18");
    CHECK(error(of_data, good, "item_id:token\na\na\n") == ".item:3:1: item a has two lines");
    CHECK(error(of_format, good, "item_id:token\tyear:token\na\tsoon\n") ==
          ".item:2:3: expected a whole number, received \"soon\"");
    CHECK_THROWS_AS(read_recbole(directory.path() / "missing.inter"), FileError);
}

TEST_CASE("RecBole: what is known about users and items, by id, for a FeatureSpec", "[data]") {
    const support::TemporaryDirectory directory;
    Vocabulary known;
    for (const char* user : {"u1", "u2", "u3"}) known.add(user);
    const auto file = directory.write("x.user",
                                      "age:float\tuser_id:token\tjob:token\tlikes:token_seq\tv:float_seq\n"
                                      "24\tu2\tcook\tjazz opera\t1 2\nx\tstranger\t\t\t\n\tu1\t\tjazz\t\n");
    const std::vector<FeatureRow> rows = read_recbole_features(file, "user_id", known);
    using Texts = std::vector<std::string>;
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].empty());
    CHECK(rows[1] == FeatureRow{{"likes", Texts{"jazz"}}});
    CHECK(rows[2] == FeatureRow{{"age", 24.0}, {"job", "cook"}, {"likes", Texts{"jazz", "opera"}}});
    CHECK(rows[3].empty());
    const auto spec = FeatureSpec::fit({{.name = "age", .kind = FeatureKind::number},
                                        {.name = "job", .kind = FeatureKind::category, .min_count = 1},
                                        {.name = "likes", .kind = FeatureKind::bag, .min_count = 1}},
                                       rows);
    CHECK(spec.transform(rows).ids.at("likes").dimension(1) == 2);
    CHECK(spec.transform(rows).numbers(3, 1) == 1);  // nothing is known of user 3, and the flag says so

    const auto error = [&]<class E>(E*, std::string_view text) {
        const auto bad = directory.write("y.user", text);
        return message_of<E>([&] { read_recbole_features(bad, "user_id", known); }).substr(bad.string().size());
    };
    constexpr FormatError* of_format = nullptr;
    constexpr DataError* of_data = nullptr;
    CHECK(error(of_format, "user:token\n") ==
          ":1:11: expected a column \"user_id:token\", there is none of that name; there are \"user\"");
    CHECK(error(of_format, "user_id:token\tage:float\nu1\told\n") == ":2:4: expected a number, received \"old\"");
    CHECK(error(of_data, "user_id:token\nu1\nu1\n") == ":3:1: u1 has two lines");
}

TEST_CASE("RecBole: columns of other names and types", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x.inter",
                                      "uid:token\tartist_id:token\tweight:float\tt:float\n"
                                      "01\t\"Heroes\"\t4.5\t1238536800000\n1\tb\t3\t1238536801500\n");
    directory.write("x.item",
                    "artist_id:token\ttitle:token\tyear:float\tgenre:token_seq\tname:token_seq\ttags:token\n"
                    "b\tLow\t1977.0\tRock Art Rock\tB\tx y\n");
    const RecboleColumns columns{
        .user = "uid", .item = "artist_id", .rating = "weight", .timestamp = "t", .time_unit = TimeUnit::milliseconds};
    const Dataset data = read_recbole(file, columns);
    CHECK(data.interactions.users.size() == 2);  // ids are texts
    CHECK(data.interactions.items.key(1) == "\"Heroes\"");
    CHECK(data.interactions.rating == std::vector<float>{4.5f, 3});
    CHECK(data.interactions.timestamp == std::vector<std::int64_t>{1238536800, 1238536801});
    CHECK(data.items[2] == Item{"Low", 1977, {"Rock", "Art"}});
    RecboleColumns other = columns;
    other.title = "name";
    other.genres = "tags";
    CHECK(read_recbole(file, other).items[2] == Item{"B", 1977, {"x", "y"}});

    const auto error = [&](RecboleColumns changed) { return message_of<Error>([&] { read_recbole(file, changed); }); };
    other = columns;
    other.time_unit = TimeUnit::seconds;
    CHECK(error(other).find(":2:17: expected times whose median is in the years 1990 to 2100") != std::string::npos);
    CHECK(error(other).find("time_unit = TimeUnit::milliseconds") != std::string::npos);
    other = columns;
    other.rating = "plays";
    CHECK(error(other).find("expected a column \"plays:float\", there is none of that name; there are \"uid\"") !=
          std::string::npos);
    other = columns;
    other.year = "released";
    CHECK(error(other).find("x.item:1:81: expected a column \"released:token\"") != std::string::npos);
}
