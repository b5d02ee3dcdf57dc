#include <deeprec/data/readers/text.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
/// What an error says after "path:".
std::string place_and_words(const std::filesystem::path& file, const std::string& message) {
    const std::string prefix = file.string() + ":";
    REQUIRE(message.substr(0, prefix.size()) == prefix);
    return message.substr(prefix.size());
}
}  // namespace

TEST_CASE("TextReader gives lines without their ends, blank lines and byte order mark", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x",
                                      "\xef\xbb\xbf"
                                      "one\r\n\n  \t\r\ntwo\nthree");
    TextReader in{file};
    REQUIRE(in.next());
    REQUIRE(in.whole().text == "one");
    REQUIRE(in.next());
    REQUIRE(in.whole().text == "two");
    REQUIRE(in.number() == 4);
    REQUIRE(in.next());
    REQUIRE(in.whole().text == "three");
    REQUIRE(!in.next());
    REQUIRE(in.number() == 6);
}

TEST_CASE("TextReader cannot read what is no file", "[data]") {
    const support::TemporaryDirectory directory;
    const auto missing = directory.path() / "missing";
    REQUIRE(message_of<FileError>([&] { TextReader{missing}; }) == missing.string() + ": cannot be opened");
    REQUIRE_THROWS_AS(TextReader{directory.path()}.next(), FileError);
}

TEST_CASE("TextReader splits at separators", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x", "1::Heat (1995)::::Crime::\nalone\n");
    TextReader in{file};
    in.next();
    const auto& fields = in.split("::", 5);
    REQUIRE(fields[0].text == "1");
    REQUIRE(fields[1].text == "Heat (1995)");
    REQUIRE(fields[2].text == "");
    REQUIRE(fields[3].text == "Crime");
    REQUIRE(fields[3].offset == 18);
    REQUIRE(fields[4].text == "");
    REQUIRE(place_and_words(file, message_of<FormatError>([&] { in.split("::", 6); })) ==
            "1:26: expected 6 fields, received 5");
    REQUIRE(place_and_words(file, message_of<FormatError>([&] { in.split("::", 4); })) ==
            "1:26: expected 4 fields, received 5");
    in.next();
    REQUIRE(in.split("::", 1)[0].text == "alone");
}

TEST_CASE("TextReader reads quoted fields", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x", "1,\"American President, The\",\"\"\"Great\"\" Cats\",\"\",,it's \"so\"\n");
    TextReader in{file};
    in.next();
    const auto& fields = in.split_csv(6);
    REQUIRE(fields[0].text == "1");
    REQUIRE(!fields[0].quoted);
    REQUIRE(fields[1].text == "American President, The");
    REQUIRE(fields[1].quoted);
    REQUIRE(fields[2].text == "\"Great\" Cats");
    REQUIRE(fields[3].text == "");
    REQUIRE(fields[3].quoted);
    REQUIRE(fields[4].text == "");
    REQUIRE(!fields[4].quoted);
    REQUIRE(fields[5].text == "it's \"so\"");
}

TEST_CASE("TextReader says where quotes go wrong", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x", "\n1,\"no end\n1,\"a\"b,2\n");
    TextReader in{file};
    in.next();
    REQUIRE(place_and_words(file, message_of<FormatError>([&] { in.split_csv(); })) ==
            "3:4: expected ',' after the closing quote of the field that opens on line 2, received \"a\"b,2\"; text in "
            "which quotes are letters with quotes = false");
    TextReader open{directory.write("y", "a\n\"b\nc\n")};
    open.next();
    REQUIRE(open.split_csv().size() == 1);
    open.next();
    REQUIRE(
        place_and_words(directory.path() / "y", message_of<FormatError>([&] { open.split_csv(); })) ==
        "2:1: expected a closing quote, received none up to the end of the file, after \"\"b\\x0ac\"; text in which "
        "quotes are letters is read with quotes = false");
}

TEST_CASE("TextReader reads whole fields as numbers or not at all", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x", "-12|4.5|1e2|abc|12x||nan|inf|99999999999|1e999| 1|4.5\n");
    TextReader in{file};
    in.next();
    const auto fields = in.split("|");
    REQUIRE(in.number<int>(fields[0]) == -12);
    REQUIRE(in.number<float>(fields[1]) == 4.5f);
    REQUIRE(in.number<double>(fields[2]) == 100.0);
    REQUIRE(place_and_words(file, message_of<FormatError>([&] { in.number<float>(fields[3]); })) ==
            "1:13: expected a number, received \"abc\"");
    for (std::size_t i = 3; i < 11; ++i)
        REQUIRE_THROWS_AS(in.number<float>(i == 8 ? fields[9] : fields[i]), FormatError);
    REQUIRE(place_and_words(file, message_of<FormatError>([&] { in.number<std::int32_t>(fields[8]); })) ==
            "1:30: expected a whole number in range, received \"99999999999\"");
    REQUIRE_THROWS_AS(in.number<std::int32_t>(fields[11]), FormatError);
    const auto number = [&](std::string_view text) { return in.number<float>({text, 0}); };
    CHECK(number("-1e-60") == 0);  // what doubles write and floats cannot tell from 0
    CHECK(number("1e-40") == 1e-40f);
    CHECK_THROWS_AS(number("1e60"), FormatError);
    CHECK_THROWS_AS(number("1e-60x"), FormatError);
}

TEST_CASE("TextReader knows UTF-8 from Latin-1, and counts characters", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x", "L\xe9on|x\nL\xc3\xa9on|x\n");
    TextReader latin{file, Encoding::utf8_or_latin1};
    for (int line = 1; line <= 2; ++line) {
        latin.next();
        REQUIRE(latin.split("|")[0].text == "L\xc3\xa9on");
        REQUIRE(place_and_words(file, message_of<FormatError>([&] { latin.fail(latin.fields()[1], "here"); })) ==
                std::to_string(line) + ":6: here");
    }
    TextReader utf8{file};
    REQUIRE(
        place_and_words(file, message_of<FormatError>([&] { utf8.next(); })) ==
        "1:2: expected UTF-8, received byte 233; other files are read with encoding = Encoding::windows1252 or latin1");

    for (const char* good :
         {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        CHECK(detail::find_not_utf8(good) == std::string_view::npos);
    for (const char* bad : {"\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xe2\x28\xa1"})
        CHECK(detail::find_not_utf8(bad) == 0);
}

TEST_CASE("Times are rounded down to whole seconds", "[data]") {
    const support::TemporaryDirectory directory;
    TextReader in{directory.write("a", "1.75 -0.5 -3 9e15 -1e16 nan\n")};
    in.next();
    const auto fields = in.split(" ");
    const std::vector<std::int64_t> whole{1, -1, -3, 9'000'000'000'000'000};
    for (std::size_t i = 0; i < whole.size(); ++i) REQUIRE(in.seconds(fields[i]) == whole[i]);
    const auto refused = [&](std::size_t i) {
        return place_and_words(directory.path() / "a", message_of<FormatError>([&] { in.seconds(fields[i]); }));
    };
    REQUIRE(refused(4) == "1:19: expected seconds below 9e15, received -1e+16");
    REQUIRE(refused(5) == "1:25: expected a number, received \"nan\"");
}

TEST_CASE("TextReader reads Latin-1 and Windows-1252 when told to", "[data]") {
    const support::TemporaryDirectory directory;
    const auto read = [&](std::string_view text, Encoding encoding) {
        TextReader in{directory.write("x", text), encoding};
        in.next();
        return std::string(in.whole().text);
    };
    CHECK(read("caf\xe9 \xc3\xa9", Encoding::latin1) == "caf\xc3\xa9 \xc3\x83\xc2\xa9");
    CHECK(read("\x93q\x94 \x80 \xe9", Encoding::windows1252) == "\xe2\x80\x9cq\xe2\x80\x9d \xe2\x82\xac \xc3\xa9");
    CHECK(message_of<FormatError>([&] {
              read("a\x81", Encoding::windows1252);
          }).ends_with("x:1:2: expected Windows-1252, received byte 129"));
}

TEST_CASE("TextReader names what is no text", "[data]") {
    using namespace std::string_view_literals;
    const support::TemporaryDirectory directory;
    const auto error = [&](std::string_view bytes) {
        const auto file = directory.write("x", bytes);
        return place_and_words(file, message_of<FormatError>([&] {
                                   TextReader in{file};
                                   while (in.next()) continue;
                               }));
    };
    CHECK(error("\x1f\x8b\x08\0"sv) == "1:1: expected text, received a gzip file; unpack it first, as with gunzip");
    for (const auto& [bytes, name] : {std::pair{"PK\x03\x04..."sv, "a zip file"},
                                      {"ARROW1\0\0"sv, "an Arrow or Feather file"},
                                      {"\x93NUMPY\1\0"sv, "a file of NumPy"},
                                      {"\x80\5\x95\4"sv, "a pickle of Python"},
                                      {"\xff\xfe"
                                       "a\0"sv,
                                       "UTF-16 text"},
                                      {"\xfe\xff\0a"sv, "UTF-16 text"},
                                      {"\xff\xfe\0\0a\0\0\0"sv, "UTF-32 text"},
                                      {"\x28\xb5\x2f\xfd.."sv, "a Zstandard file"},
                                      {"BZh91AY&SY"sv, "a bzip2 file"},
                                      {"SQLite format 3\0"sv, "a database of SQLite"}})
        CHECK(error(bytes).find(name) != std::string::npos);
    CHECK(error("a\nb\0c\0"sv).find("2:2: expected text, received a byte 0: the file is binary, or UTF-16") == 0);
    CHECK(error("user,item\r1,2\r").find("1:10: expected lines that end in LF or CRLF, received a CR alone") == 0);
    TextReader old{directory.write("y", "user,item\r1,2\r"), Encoding::utf8, '\r'};
    REQUIRE((old.next() && old.next()));
    CHECK(old.whole().text == "1,2");
    CHECK(old.number() == 2);
    CHECK(!old.next());
}

TEST_CASE("A quoted field may go over lines, and positions stay right", "[data]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.write("x", "1,\"one\r\n\r\n\"\"two\"\"\n\",x\r\n2,b,y\n");
    TextReader in{file};
    REQUIRE(in.next());
    const auto fields = in.split_csv(3);
    CHECK(fields[1].text == "one\r\n\r\n\"two\"\n");
    CHECK(fields[2].text == "x");
    CHECK(in.number() == 1);
    CHECK(place_and_words(file, message_of<FormatError>([&] { in.number<int>(fields[2]); })) ==
          "4:3: expected a whole number, received \"x\"");
    REQUIRE(in.next());
    CHECK(in.number() == 5);
    CHECK(in.split_csv(3)[1].text == "b");
}

TEST_CASE("A reader that lacks memory says so in the name of the file", "[data]") {
    const auto fails = [](const auto& error) {
        return message_of<FileError>([&] { detail::within_memory("x.csv", [&]() -> int { throw error; }); });
    };
    CHECK(fails(std::bad_alloc{}) == "x.csv: reading it needs more memory than there is");
    CHECK(fails(std::length_error{"s"}) == "x.csv: reading it needs more memory than there can be");
    CHECK(detail::within_memory("x.csv", [] { return 3; }) == 3);
    CHECK(message_of<FormatError>([] { TextReader{"/dev/zero"}.next(); }).find("/dev/zero:1:1: expected text") == 0);
}
