#include <deeprec/io/safetensors.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>

#include "support/catch.hpp"
#include "support/files.hpp"

#include <deeprec/core/random.hpp>

using namespace deeprec;
using support::message_of;

namespace {

SafetensorsReader reader(std::string bytes) {
    return {std::make_unique<std::istringstream>(std::move(bytes)), "test.safetensors"};
}
/// A file of this header and `data` bytes of data.
std::string file(const std::string& header, std::size_t data) {
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data, 'x');
}
/// Opens it and reads all that can be read.
void read_all(std::string bytes) {
    auto stored = reader(std::move(bytes));
    for (const auto& item : stored.tensors()) {
        const std::string& name = item.first;  // clang 14 does not capture structured bindings
        const TensorEntry& entry = item.second;
        std::size_t numbers = 1;
        for (const Index extent : entry.shape) numbers *= static_cast<std::size_t>(extent);
        const auto read = [&](auto zero) {
            std::vector<decltype(zero)> to(numbers);
            stored.read(name, entry.shape, to.data());
        };
        if (entry.dtype == "F32") read(0.0f);
        if (entry.dtype == "F64") read(0.0);
        if (entry.dtype == "I32") read(std::int32_t(0));
    }
}
std::string written(const SafetensorsWriter& writer) {
    std::ostringstream out;
    writer.write(out);
    return out.str();
}

const float floats[] = {1.5f, -0.0f, std::numeric_limits<float>::quiet_NaN(), 1e-42f, -3e38f, 6};
const double doubles[] = {0.1, -std::numeric_limits<double>::infinity()};
const std::int32_t ids[] = {-7};
const std::string odd_name = "quote \" slash \\ line\n tab\t unit\x01 caf\xc3\xa9";

SafetensorsWriter sample() {
    SafetensorsWriter writer;
    writer.metadata = {{"format", "deeprec"}, {odd_name, odd_name}};
    writer.add<float>("a", {2, 3}, floats);
    writer.add<std::int32_t>(odd_name, {}, ids);
    writer.add<double>("b", {2}, doubles);
    writer.add<float>("nothing", {3, 0}, nullptr);
    return writer;
}

}  // namespace

TEST_CASE("tensors and texts come back bit for bit, aligned", "[io]") {
    const std::string bytes = written(sample());
    auto stored = reader(bytes);
    CHECK(stored.metadata() == sample().metadata);
    REQUIRE(stored.tensors().size() == 4);
    CHECK(stored.tensors().at("a").shape == std::vector<Index>{2, 3});
    float a[6];
    double b[2];
    std::int32_t c[1];
    stored.read("a", {2, 3}, a);
    stored.read("b", {2}, b);
    stored.read(odd_name, {}, c);
    stored.read<float>("nothing", {3, 0}, nullptr);
    CHECK(std::memcmp(a, floats, sizeof a) == 0);
    CHECK(std::memcmp(b, doubles, sizeof b) == 0);
    CHECK(c[0] == -7);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    CHECK(header % 8 == 0);
    CHECK(stored.tensors().at("b").begin == 0);
}

TEST_CASE("what is not asked for as it is stored is refused by name", "[io]") {
    auto stored = reader(written(sample()));
    float to[6];
    double wide[6];
    CHECK(message_of<FormatError>([&] { stored.read("kernel", {2}, to); }) ==
          "test.safetensors: expected a tensor 'kernel', the file has none");
    CHECK(message_of<FormatError>([&] {
              stored.read("a", {3, 2}, to);
          }) == "test.safetensors: tensor 'a': expected F32 [3, 2], received F32 [2, 3]");
    CHECK(message_of<FormatError>([&] {
              stored.read("a", {2, 3}, wide);
          }) == "test.safetensors: tensor 'a': expected F64 [2, 3], received F32 [2, 3]");
    SafetensorsWriter writer = sample();
    CHECK_THROWS_AS(writer.add<float>("a", {1}, floats), ArgumentError);
    for (const char* name : {"__metadata__", "deeprec.text.a"})
        CHECK_THROWS_AS(writer.add<float>(name, {1}, floats), ArgumentError);
}

TEST_CASE("escapes of JSON", "[io]") {
    const auto stored =
        reader(file(R"( {"__metadata__" : {"k" : "\u0041\u00e9\u20AC\ud83d\ude00\/\b\f\n\r\t\"\\"} }  )", 0));
    CHECK(stored.metadata().at("k") == "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\b\f\n\r\t\"\\");
    CHECK(stored.tensors().empty());
}

TEST_CASE("hostile files are refused with what was expected", "[io]") {
    const auto entry = [](const std::string& name, const std::string& shape, const std::string& offsets,
                          const std::string& dtype = "F32") {
        return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
               "}";
    };
    const std::string good = entry("a", "[2]", "[0,8]");
    REQUIRE_NOTHROW(read_all(file("{" + good + "}", 8)));
    REQUIRE_NOTHROW(read_all(file("{}", 0)));
    const struct {
        std::string bytes, complaint;
    } table[] = {
        {"", "at least 8 bytes, received 0"},
        {"1234567", "at least 8 bytes, received 7"},
        {std::string(8, '\0'), "expected '{'"},
        {file("{" + good + "}", 8).substr(0, 20), "header of at most 12 bytes"},
        {std::string(8, '\xff') + "{}", "received a length of 18446744073709551615"},
        {std::string("\0\0\0\0\0\0\0\x80{}", 10), "received a length of"},
        {file("{" + good + "}", 7), "needs more than the 7 bytes"},
        {file("{" + good + "}", 9), "expected 8 bytes of data, received 9"},
        {file("{" + good, 8), "expected '}'"},
        {file("{" + good + ",}", 8), "expected '\"'"},
        {file("{" + good + "}x", 8), "expected the end of the header"},
        {file("{" + good + "," + good + "}", 8), "tensor 'a': occurs twice"},
        {file("{" + good + "," + entry("b", "[2]", "[4,12]") + "}", 12), "tensor 'b': expected data_offsets [8, 16]"},
        {file("{" + good + "," + entry("b", "[2]", "[0,8]") + "}", 8), "expected data_offsets [8, 16]"},
        {file("{" + good + "," + entry("b", "[2]", "[12,20]") + "}", 20), "tensor 'b': expected data_offsets [8, 16]"},
        {file("{" + entry("a", "[2]", "[8,0]") + "}", 8), "expected data_offsets [0, 8]"},
        {file("{" + entry("a", "[2]", "[0,4]") + "}", 8), "received [0, 4]"},
        {file("{" + entry("a", "[2]", "[0,8,8]") + "}", 8), "two data_offsets, received 3"},
        {file("{" + entry("a", "[2]", "[]") + "}", 8), "two data_offsets, received 0"},
        {file("{" + entry("a", "[-2]", "[0,8]") + "}", 8), "not negative"},
        {file("{" + entry("a", "[2.0]", "[0,8]") + "}", 8), "expected ']'"},
        {file("{" + entry("a", "[2e0]", "[0,8]") + "}", 8), "expected ']'"},
        {file("{" + entry("a", "[02]", "[0,8]") + "}", 8), "without leading zeros"},
        {file("{" + entry("a", "[9223372036854775808]", "[0,8]") + "}", 8), "below 2^63"},
        {file("{" + entry("a", "[9223372036854775807]", "[0,8]") + "}", 8), "needs more than the 8 bytes"},
        {file("{" + entry("a", "[4294967296,4294967296]", "[0,0]") + "}", 0), "needs more than the 0 bytes"},
        {file("{" + entry("a", "[4611686018427387904,4,2]", "[0,8]") + "}", 8), "needs more than"},
        {file("{" + entry("a", "[0,4611686018427387904]", "[0,8]") + "}", 8), "expected data_offsets [0, 0]"},
        {file("{" + entry("a", "[[2]]", "[0,8]") + "}", 8), "whole number"},
        {file("{" + entry("a", "[2]", "[0,9]", "F33") + "}", 8), "expected data_offsets [0, 9] within 8 bytes"},
        {file("{" + entry("a", "[2]", "[8,0]", "F33") + "}", 8), "received [8, 0]"},
        {file("{" + entry("a", "[3]", "[0,2]", "F4") + "}", 2), "expected whole bytes, received 3 elements of 4 bits"},
        {file("{" + entry("a", "[6]", "[0,2]", "F4") + "}", 2), "needs more than the 2 bytes"},
        {file("{" + entry("a", "[4]", "[0,2]", "F6_E2M3") + "}", 2), "needs more than the 2 bytes"},
        {file("{" + entry("a", "[1]", "[0,4]", "C64") + "}", 4), "needs more than the 4 bytes"},
        {file("{" + entry("a", "[4611686018427387904,4]", "[0,8]", "F4") + "}", 8), "needs more than the 8 bytes"},
        {file("{\"caf\xe9\":{}}", 0), "byte 5: expected UTF-8, received '\\xe9"},
        {file("{\"__metadata__\":{\"k\":\"\xed\xa0\x80\"}}", 0), "expected UTF-8"},
        {file("{\"__metadata__\":{\"k\":\"\xc0\x80\"}}", 0), "expected UTF-8"},
        {file(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "received fewer"},
        {file(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8), "an entry occurs twice"},
        {file(R"({"a":{"type":"F32"}})", 8), "received 'type'"},
        {file(R"({"a":3})", 8), "expected '{'"},
        {file(R"({"a":{"dtype":null}})", 8), "received 'null}}'"},
        {file("{\"a\":{\"dtype\":nullcaf\xc3\xa9}}", 8), "received 'nullcaf...'"},
        {file(R"({"__metadata__":{"k":1}})", 0), "expected '\"'"},
        {file(R"({"__metadata__":{"k":{}}})", 0), "expected '\"'"},
        {file(R"({"__metadata__":{"k":"","k":""}})", 0), "metadata 'k' occurs twice"},
        {file(R"({"__metadata__":{},"__metadata__":{}})", 0), "__metadata__ occurs twice"},
        {file(R"({"a)", 0), "closing quote"},
        {file(R"({"\x":{}})", 0), "an escape of JSON"},
        {file(R"({"\u12G4":{}})", 0), "four hexadecimal digits"},
        {file(R"({"\ud800":{}})", 0), "second half of a surrogate pair"},
        {file(R"({"\udc00":{}})", 0), "first half of a surrogate pair"},
        {file("{\"a\nb\":{}}", 0), "control character"},
        // Of a type that is not known: an element has a bit at least.
        {file(R"({"a":{"dtype":"F31","shape":[3,9999999990],"data_offsets":[0,0]}})", 0),
         "needs more than the 0 bytes"},
        {file(std::string(100000, '['), 0), "expected '{'"},
        {file("{\"a\":{\"shape\":" + std::string(100000, '['), 0), "whole number"},
    };
    for (const auto& hostile : table) {
        const std::string complaint = message_of<FormatError>([&] { read_all(hostile.bytes); });
        INFO(complaint << " should contain " << hostile.complaint);
        CHECK(complaint.find(hostile.complaint) != std::string::npos);
        CHECK(complaint.find("test.safetensors") == 0);
    }
}

TEST_CASE("types that nobody asks for do no harm", "[io]") {
    const std::pair<std::string, std::size_t> others[] = {
        {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6},
        {"F8_E5M2", 8},     {"F8_E4M3", 8},     {"F8_E8M0", 8},
        {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"BOOL", 8},
        {"I8", 8},          {"I16", 16},        {"U16", 16},
        {"F16", 16},        {"BF16", 16},       {"U32", 32},
        {"U64", 64},        {"C64", 64},        {"F33 of tomorrow", 24}};
    for (const auto& [dtype, bits] : others) {
        const std::size_t bytes = 8 * bits / 8;
        const std::string header = message(R"({"other":{"dtype":")", dtype, R"(","shape":[2,4],"data_offsets":[4,)",
                                           4 + bytes, R"(]},"good":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
        auto stored = reader(file(header, 4 + bytes));
        float good = 0, none[8];
        stored.read("good", {1}, &good);
        CHECK(good == std::bit_cast<float>(0x78787878));
        CHECK(message_of<FormatError>([&] {
                  stored.read("other", {2, 4}, none);
              }) == "test.safetensors: tensor 'other': expected F32 [2, 4], received " + dtype + " [2, 4]");
    }
}

TEST_CASE("Other floating types are converted when asked for, and only then", "[io]") {
    const auto stored_as = [](const std::string& dtype, const auto& numbers) {
        const std::size_t bytes = sizeof numbers;
        std::string all = file(message(R"({"a":{"dtype":")", dtype, R"(","shape":[)", std::size(numbers),
                                       R"(],"data_offsets":[0,)", bytes, "]}}"),
                               bytes);
        std::memcpy(all.data() + all.size() - bytes, numbers, bytes);
        return reader(std::move(all));
    };
    const float infinity = std::numeric_limits<float>::infinity();
    // 1, -2, largest, smallest normal, largest and smallest subnormal, -0, infinities, NaN; 1/3 to the nearest
    const std::uint16_t halves[]{0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x8001,
                                 0x8000, 0x7c00, 0xfc00, 0x7e01, 0x3555};
    const float half_values[]{1,     -2,       65504,     0x1p-14f,      0x3ffp-24f, -0x1p-24f,
                              -0.0f, infinity, -infinity, std::nanf(""), 0x1.554p-2f};
    const std::uint16_t brains[]{0x3f80, 0xc000, 0x7f7f, 0x0080, 0x8001, 0x8000, 0x7f80, 0xff80, 0x7fc1};
    const float brain_values[]{1, -2, 0x1.fep127f, 0x1p-126f, -0x1p-133f, -0.0f, infinity, -infinity, std::nanf("")};
    const auto check = [&](auto zero, auto stored, const auto& expected) {
        using T = decltype(zero);
        std::vector<T> to(std::size(expected));
        const std::vector<Index> shape{static_cast<Index>(to.size())};
        CHECK_THROWS_AS(stored.read("a", shape, to.data()), FormatError);
        CHECK_THROWS_AS(stored.template check<T>("a", shape), FormatError);
        stored.template check<T>("a", shape, Convert::yes);
        stored.read("a", shape, to.data(), Convert::yes);
        for (std::size_t i = 0; i < to.size(); ++i) {
            CAPTURE(i);
            if (std::isnan(expected[i]))
                CHECK(std::isnan(to[i]));
            else
                CHECK((to[i] == static_cast<T>(expected[i]) && std::signbit(to[i]) == std::signbit(expected[i])));
        }
        CHECK_THROWS_AS(stored.read("a", {1}, to.data(), Convert::yes), FormatError);
    };
    check(0.0f, stored_as("F16", halves), half_values);
    check(0.0, stored_as("F16", halves), half_values);
    check(0.0f, stored_as("BF16", brains), brain_values);
    check(0.0, stored_as("BF16", brains), brain_values);
    const float singles[]{0.1f, -3e38f, 1e-45f};
    check(0.0, stored_as("F32", singles), singles);
    const double wide[]{0.1, -3.4028234663852886e38, 1e-300, -std::numeric_limits<double>::infinity()};
    check(0.0f, stored_as("F64", wide), wide);

    std::vector<double> many(10001);
    for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<double>(i) + 0.1;
    SafetensorsWriter writer;
    writer.add<double>("a", {10001}, many.data());
    auto long_one = reader(written(writer));
    std::vector<float> to(many.size());
    long_one.read("a", {10001}, to.data(), Convert::yes);
    CHECK(std::equal(to.begin(), to.end(), many.begin(), [](float a, double b) { return a == static_cast<float>(b); }));
    many[9000] = 3.5e38;
    auto too_large = reader(written(writer));
    CHECK(message_of<NumericError>([&] { too_large.read("a", {10001}, to.data(), Convert::yes); }) ==
          "test.safetensors: tensor 'a': number 9000 is 3.5e+38, beyond what F32 can hold");

    const std::int64_t batches[]{1234567890123};
    std::int64_t counted = 0;
    auto integers = stored_as("I64", batches);
    integers.read("a", {1}, &counted);
    CHECK(counted == 1234567890123);
    CHECK_THROWS_AS(integers.check<float>("a", {1}, Convert::yes), FormatError);
    CHECK_THROWS_AS(integers.check<std::int32_t>("a", {1}, Convert::yes), FormatError);
}

TEST_CASE("What no reader would take is not written", "[io]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.write("model", "old");
    const auto refused = [&](const SafetensorsWriter& writer) {
        const std::string complaint = message_of<ArgumentError>([&] { writer.write(path); });
        std::ostringstream out;
        CHECK(message_of<ArgumentError>([&] { writer.write(out); }) == complaint);
        CHECK(out.str().empty());
        CHECK(std::filesystem::file_size(path) == 3);
        return complaint;
    };
    SafetensorsWriter writer = sample();
    writer.metadata = {{"title", "caf\xe9"}};
    CHECK(refused(writer) == "safetensors: expected UTF-8 in the metadata 'title', received byte 233 at 3");
    writer.metadata = {{"caf\xe9", "title"}};
    CHECK(refused(writer) == "safetensors: expected UTF-8 in the metadata key 'caf\\xe9', received byte 233 at 3");
    const std::string longest(std::size_t{1} << 16, 'x');  // that stays in the header
    writer.metadata.clear();
    for (int i = 1000; i < 2526; ++i) writer.metadata[std::to_string(i)] = longest;
    const std::string complaint = refused(writer);
    CHECK(complaint.find("safetensors: expected a header of at most 100000000 bytes") == 0);
    CHECK(complaint.find("the largest is metadata '1000' with 65545") != std::string::npos);

    CHECK(message_of<ArgumentError>([&] { writer.add<float>("caf\xe9", {1}, floats); }) ==
          "safetensors: expected UTF-8 in the name of tensor 'caf\\xe9', received byte 233 at 3");
    CHECK(message_of<ArgumentError>([&] {
              writer.add<float>("c", {2, -1}, floats);
          }) == "safetensors: tensor 'c': expected a shape of a tensor in memory, received [2, -1]");
    CHECK_THROWS_AS(writer.add<float>("c", {Index{1} << 40, Index{1} << 40}, floats), ArgumentError);

    // As much as fits: texts that fill the header to the last byte.
    SafetensorsWriter full;
    for (int i = 1000; i < 2525; ++i) full.metadata[std::to_string(i)] = longest;
    std::ostringstream most;
    full.write(most);
    const std::size_t header = most.str().size() - 8;  // padded to a multiple of 8
    full.metadata["9999"] = std::string(100'000'000 - header - 10, 'x');
    full.write(path);
    CHECK(SafetensorsReader(path).metadata() == full.metadata);
    full.metadata["9999"] += std::string(8, 'x');
    CHECK_THROWS_AS(full.write(path), ArgumentError);
    CHECK(SafetensorsReader(path).metadata().at("9999").size() + 8 == full.metadata.at("9999").size());
}

TEST_CASE("Long texts are tensors, and come back as texts", "[io]") {
    SafetensorsWriter writer = sample();
    const std::string text = "caf\xc3\xa9 \"" + std::string(std::size_t{1} << 20, '\n');
    writer.metadata["vocabulary"] = text;
    const std::string bytes = written(writer);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    CHECK(header < 1000);
    CHECK(bytes.substr(8, header).find("\"deeprec.text.vocabulary\":{\"dtype\":\"U8\"") != std::string::npos);
    auto stored = reader(bytes);
    CHECK(stored.metadata() == writer.metadata);
    CHECK(stored.tensors().size() == 4);
    float a[6];
    stored.read("a", {2, 3}, a);
    CHECK(std::memcmp(a, floats, sizeof a) == 0);

    const auto refused = [](const std::string& entries, const std::string& why) {
        const std::string received = message_of<FormatError>([&] { reader(file("{" + entries + "}", 4)); });
        INFO(received);
        CHECK(received.find(why) != std::string::npos);
    };
    const std::string texts = R"("deeprec.text.a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
    CHECK(reader(file("{" + texts + "}", 4)).metadata().at("a") == "xxxx");
    refused(R"("deeprec.text.a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})",
            "expected the bytes of a text as U8");
    refused(R"("__metadata__":{"a":""},)" + texts, "tensor 'deeprec.text.a': the metadata have this text too");
    std::string bad = file("{" + texts + "}", 4);
    bad.back() = '\xff';
    CHECK(message_of<FormatError>([&] { reader(bad); }) ==
          "test.safetensors: tensor 'deeprec.text.a': expected UTF-8, received byte 255 at 3");
}

TEST_CASE("Many tensors take no longer than their number", "[io]") {
    SafetensorsWriter writer;
    for (int i = 0; i < 60'000; ++i) writer.add<float>(std::to_string(i), {1}, floats);
    CHECK(reader(written(writer)).tensors().size() == 60'000);
}

TEST_CASE("any damage gives an Error or a file", "[io]") {
    const std::string good = written(sample());
    const RandomStream random(Seed{2000});
    int refused = 0;
    for (std::uint64_t trial = 0; trial < 2000; ++trial) {
        std::string bytes = good;
        std::uint64_t next = trial * 64;
        for (std::uint64_t flips = 1 + random.below(next++, 4); flips > 0; --flips) {
            char& byte = bytes[random.below(next++, bytes.size())];
            byte = static_cast<char>(byte ^ (1 << random.below(next++, 8)));
        }
        if (random.below(next++, 4) == 0) bytes.resize(random.below(next++, bytes.size()));
        try {
            read_all(std::move(bytes));
        } catch (const Error&) {
            ++refused;
        }
    }
    INFO(refused << " of 2000 refused");
    CHECK(refused > 1000);
    for (std::size_t length = 0; length < good.size(); ++length)
        CHECK_THROWS_AS(read_all(good.substr(0, length)), FormatError);
}

TEST_CASE("files that cannot be read or written", "[io]") {
    const support::TemporaryDirectory directory;
    CHECK_THROWS_AS(SafetensorsReader(directory.path() / "none"), FileError);
    CHECK_THROWS_AS(SafetensorsReader(directory.path()), FileError);
    CHECK_THROWS_AS(SafetensorsReader(directory.write("empty", "")), FormatError);
    for (const char* device : {"/dev/zero", "/dev/null", "/dev/full"})
        CHECK_THROWS_AS(SafetensorsReader(device), Error);
    CHECK_THROWS_AS(sample().write(directory.path() / "none" / "a.safetensors"), FileError);
    CHECK_THROWS_AS(sample().write(directory.path()), FileError);
    const std::string complaint = message("safetensors: expected a stream that takes ", written(sample()).size(),
                                          " bytes, received one that failed");
    std::ofstream full("/dev/full", std::ios::binary), closed;
    CHECK(message_of<FileError>([&] { sample().write(full); }) == complaint);  // small enough to fail at the flush only
    CHECK(message_of<FileError>([&] { sample().write(closed); }) == complaint);
    const auto path = directory.path() / "a.safetensors";
    sample().write(path);
    CHECK_NOTHROW(SafetensorsReader(path).check<float>("a", {2, 3}));
}

TEST_CASE("Files do not go by the program's locale", "[io]") {
    const std::vector<float> numbers(1234, 0.5f);
    SafetensorsWriter writer;
    writer.add("x", {2, 617}, numbers.data());
    std::ostringstream plain, theirs;
    writer.write(plain);
    {
        const support::German german;
        writer.write(theirs);
    }
    CHECK(theirs.str() == plain.str());
    CHECK(reader(theirs.str()).tensors().at("x").shape == std::vector<Index>{2, 617});
}
