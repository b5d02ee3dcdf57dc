#include <deeprec/io/stored_fields.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
struct Inner {
    std::vector<std::string> texts{"a", "", "\xff\n"};
    void fields(StoredFields& f) { f.texts("texts", texts); }
};
struct Thing {
    double number = 0.1;
    std::array<float, 2> pair{1, 2};
    std::vector<std::int64_t> list{3, 4, 5};
    Tensor<float, 2> matrix{2, 3};
    std::string about = "what it is";
    Inner first, second{{"x"}};
    void fields(StoredFields& f) {
        f.kind("Thing");
        f.number("number", number);
        f.list("pair", pair);
        f.list("list", list);
        f.matrix("matrix", matrix);
        f.text("about", about);
        f.part("first", first);
        f.part("second", second);
        f.require(list.size() == 3, "expected a list of 3, received ", list.size());
    }
};
void write(Thing& thing, const std::filesystem::path& path, const std::function<void(SafetensorsWriter&)>& more = {}) {
    SafetensorsWriter writer;
    StoredFields fields(writer);
    thing.fields(fields);
    if (more) more(writer);
    writer.write(path);
}
Thing read(const std::filesystem::path& path) {
    SafetensorsReader file(path);
    StoredFields fields(file);
    Thing thing{0, {}, {}, Tensor<float, 2>(0, 0), "", {{}}, {{}}};
    thing.fields(fields);
    fields.check_all_used();
    return thing;
}
}  // namespace

TEST_CASE("What is listed once is written and read", "[stored fields]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "thing";
    Thing thing;
    thing.matrix(1, 2) = 7;
    write(thing, path);
    const Thing same = read(path);
    CHECK(same.number == 0.1);
    CHECK(same.pair == thing.pair);
    CHECK(same.list == thing.list);
    CHECK(same.matrix.dimension(0) == 2);
    CHECK(same.matrix(1, 2) == 7);
    CHECK(same.about == "what it is");
    CHECK(same.first.texts == thing.first.texts);
    CHECK(same.second.texts == std::vector<std::string>{"x"});
    const SafetensorsReader file(path);
    CHECK(file.tensors().at("first.texts.ends").shape == std::vector<Index>{3});
    CHECK(file.part("second.").tensors().size() == 2);
}

TEST_CASE("What does not fit is refused by name", "[stored fields]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "thing";
    const auto refusal = [&](Thing thing, const std::function<void(SafetensorsWriter&)>& more = {}) {
        write(thing, path, more);
        const std::string text = message_of<FormatError>([&] { read(path); });
        return text.starts_with(path.string()) ? text.substr(path.string().size()) : text;
    };
    Thing thing;
    CHECK(refusal(thing).empty());
    thing.list.push_back(9);
    CHECK(refusal(thing) == ": expected a list of 3, received 4");
    thing = {};
    thing.matrix(0, 1) = std::numeric_limits<float>::infinity();
    CHECK(refusal(thing) == ": tensor 'matrix': expected finite numbers, received inf at 1");
    const auto replaced = [&](const std::string& name, auto values, const std::vector<Index>& shape) {
        SafetensorsWriter writer, other;
        StoredFields fields(writer);
        Thing fresh;
        fresh.fields(fields);
        writer.write(path);
        SafetensorsReader file(path);
        for (const auto& tensor : file.tensors())
            if (tensor.first == name) other.add(name, shape, std::move(values));
        other.metadata = file.metadata();
        other.write(path);
        return message_of<FormatError>([&] { read(path); });
    };
    CHECK(replaced("number", std::vector<double>{1, 2}, {2}).find("number") != std::string::npos);
    const std::vector<float> more(2);
    CHECK(refusal({}, [&](SafetensorsWriter& w) { w.add("more", {2}, more.data()); }) ==
          ": tensor 'more' of [2]: nothing of this name is expected");
    CHECK(refusal({}, [&](SafetensorsWriter& w) { w.metadata["deeprec.kind"] = "Else"; }) ==
          ": expected the kind Thing, received 'Else'");
    CHECK(refusal({}, [&](SafetensorsWriter& w) { w.metadata.erase("about"); }) ==
          ": expected the text 'about', the file has none");
    SafetensorsWriter twice;
    Thing once;
    StoredFields fields(twice);
    once.fields(fields);
    CHECK_THROWS_AS(once.fields(fields), ArgumentError);
    CHECK_THROWS_AS(twice.add("", SafetensorsWriter(twice)), ArgumentError);
}

TEST_CASE("Texts whose ends do not fit their bytes are refused", "[stored fields]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "texts";
    const auto refusal = [&](std::vector<std::int64_t> ends) {
        SafetensorsWriter writer;
        writer.add("texts.bytes", {3}, std::vector<std::uint8_t>{'a', 'b', 'c'});
        writer.add("texts.ends", {std::ssize(ends)}, std::move(ends));
        writer.write(path);
        SafetensorsReader file(path);
        StoredFields fields(file);
        Inner inner;
        return message_of<FormatError>([&] { inner.fields(fields); });
    };
    CHECK(refusal({1, 3}).empty());
    CHECK(refusal({2, 1}).ends_with("tensor 'texts.ends': expected ends from 2 to 3, received 1"));
    CHECK(refusal({-1, 3}).ends_with("expected ends from 0 to 3, received -1"));
    CHECK(refusal({1, 9}).ends_with("expected ends from 1 to 3, received 9"));
    CHECK(refusal({1, 2}).ends_with("tensor 'texts.bytes': expected 2 bytes, received 3"));
}
