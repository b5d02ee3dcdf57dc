#include <deeprec/data/readers/dataset_tables.hpp>

#include <string>
#include <vector>

#include <deeprec/data/feature_spec.hpp>
#include <deeprec/data/samples.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
std::vector<std::string> names(const std::vector<Column>& columns) {
    std::vector<std::string> all;
    for (const Column& column : columns) all.push_back(column.name());
    return all;
}
using Names = std::vector<std::string>;
}  // namespace

TEST_CASE("RecBole's files are tables with all their columns", "[tables]") {
    const support::TemporaryDirectory directory;
    const auto file =
        directory.write("x.inter",
                        "user_id:token\titem_id:token\trating:float\ttimestamp:float\tkind:token\n"
                        "u2\tb\t4.5\t881250949\tview\nu1\ta\t\t881250950.75\t\nu2\ta\t1\t881250951\tbuy\n");
    directory.write("x.item",
                    "item_id:token\tmovie_title:token_seq\tyear:float\tclass:token_seq\tpicture:float_seq\n"
                    "a\tToy Story\t1995\tAnimation Comedy\t1 2.5\nc\t\t\t\t\nb\tHeat\t1995\tCrime\t0 -1\n");
    directory.write("x.user", "user_id:token\tage:float\nu1\t31\nu2\t\n");
    const Tables x = read_dataset_tables(file);
    CHECK(x.events.size() == 3);
    CHECK(names(x.events.columns) == Names{"rating", "kind"});
    CHECK(x.events.time[1] == 881250950);
    CHECK((x.events.column("rating").number(0) == 4.5f && x.events.column("rating").missing(1)));
    CHECK((x.events.column("kind").text(0) == "view" && x.events.column("kind").missing(1)));
    CHECK(names(x.items.columns) == Names{"movie_title", "year", "class", "picture"});
    CHECK((x.events.items.size() == 3 && x.items.keys.key(1) == "b" && x.items.keys.key(3) == "c"));  // aligned
    CHECK((x.items.column("movie_title").text(1) == "Toy Story" && x.items.column("class").ids(1).size() == 2));
    CHECK((x.items.column("picture").vector(1)[1] == 2.5f && x.items.column("picture").missing(2)));
    CHECK((x.users.keys.key(1) == "u2" && x.users.column("age").missing(0) && x.users.column("age").number(1) == 31));
    CHECK((x.events.report.kept == 3 && x.events.report.when == "1997-12-04 to 1997-12-04, read from seconds"));
    CHECK(x.items.report.who == "3 items");

    const Tables bare = read_dataset_tables(directory.write("y.inter", "item_id:token\tuser_id:token\nb\tu\n"));
    CHECK((bare.events.columns.empty() && bare.events.time.empty()));
    CHECK((bare.items.size() == 1 && bare.items.columns.empty() && bare.users.size() == 1));
}

TEST_CASE("RecBole's files as tables: what can be wrong", "[tables]") {
    const support::TemporaryDirectory directory;
    const auto error = [&]<class E>(E*, std::string_view events, std::string_view items = "item_id:token\n") {
        const auto file = directory.write("x.inter", events);
        directory.write("x.item", items);
        return message_of<E>([&] { read_recbole_tables(file); }).substr((directory.path() / "x").string().size());
    };
    constexpr FormatError* of_format = nullptr;
    constexpr DataError* of_data = nullptr;
    const std::string header = "user_id:token\titem_id:token\tprice:float\n";
    CHECK(error(of_format, header + "u\ta\tcheap\n") == ".inter:2:5: expected a number, received \"cheap\"");
    CHECK(error(of_data, header + "\ta\t1\n") == ".inter:2:1: expected an id, received an empty field");
    CHECK(error(of_data, header).find("expected rows of interactions, received none") != std::string::npos);
    CHECK(error(of_data, header + "u\ta\t1\n", "item_id:token\na\nb\na\n") == ".item:4:1: a has two lines");
    CHECK(error(of_data, header + "u\ta\t1\n", "item_id:token\tv:float_seq\na\t1 2\nb\t1\n") ==
          ".item:3:3: Column 'v': expected 2 numbers, as in the rows before, received 1");
    CHECK(error(of_format, header + "u\ta\t1\n", "id:token\na\n").find("expected a column \"item_id:token\"") !=
          std::string::npos);
    const auto other = directory.write("z.inter", "who:token\titem_id:token\tat:float\nu\ta\t1726000000000\n");
    CHECK_THROWS_AS(read_recbole_tables(other), FormatError);
    const RecboleColumns columns{.user = "who", .timestamp = "at", .time_unit = TimeUnit::milliseconds};
    CHECK(read_recbole_tables(other, columns).events.time[0] == 1726000000);
}

TEST_CASE("MovieLens and sequences are tables", "[tables]") {
    const support::TemporaryDirectory directory;
    directory.write("u.data", "1\t2\t3\t881250949\n2\t1\t5\t881250950\n");
    directory.write("u.item", "1|Heat (1995)|01-Jan-1995||x|0|1\n2|L\xe9on (1994)|||x|1|0\n");
    directory.write("u.genre", "unknown|0\nCrime|1\n");
    directory.write("u.user", "2|25|F|other|94043\n1|24|M|writer|\n");
    const Tables x = read_dataset_tables(directory.path());
    CHECK(names(x.events.columns) == Names{"rating"});
    CHECK(names(x.items.columns) == Names{"title", "year", "genres"});
    CHECK(names(x.users.columns) == Names{"age", "gender", "occupation", "zip"});
    const Index writer = *x.events.users.find("1") - 1;
    CHECK(
        (x.users.keys.key(static_cast<std::int32_t>(writer + 1)) == "1" && x.users.column("age").number(writer) == 24));
    CHECK((x.users.column("occupation").text(writer) == "writer" && x.users.column("zip").missing(writer)));
    CHECK(x.items.column("title").text(1) == "L\xc3\xa9on");
    const FeatureSpec of_users = FeatureSpec::fit({{.name = "gender", .min_count = 1}}, x.users);
    CHECK(x.users.samples(of_users).shape() == RecordShape{{"gender", {}, ElementType::int32}});
    directory.write("u.user", "1|24|M|writer|1\n1|24|M|writer|1\n");
    CHECK_THROWS_AS(read_movielens_users(directory.path() / "u.user"), DataError);

    directory.write("users.dat", "1::F::1::10::48067\n");
    const UserTable of_1m = read_movielens_users(directory.path() / "users.dat");
    CHECK((of_1m.column("gender").text(0) == "F" && of_1m.column("age").number(0) == 1));
    CHECK(of_1m.column("occupation").text(0) == "10");

    const Tables plain = read_dataset_tables(directory.write("plain.txt", "1 5 3 1\n2 4 2\n"));
    CHECK((plain.events.size() == 5 && plain.events.columns.empty() && plain.users.size() == 2));
    CHECK(plain.events.report.who == "2 users, 5 items");
    CHECK_THROWS_AS(read_dataset_tables(directory.path() / "nowhere"), FileError);
}

TEST_CASE("MovieLens-100K with its users", "[tables]") {
    const auto folder = support::shared_data("movielens-100k", "MovieLens-100K as tables");
    if (!folder) return;
    const Tables x = read_dataset_tables(*folder);
    CHECK((x.events.size() == 100'000 && x.items.size() == 1682 && x.users.size() == 943));
    CHECK(x.users.column("occupation").values().size() == 21);
}
