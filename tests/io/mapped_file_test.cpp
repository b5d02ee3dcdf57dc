#include <deeprec/io/mapped_file.hpp>
#include <deeprec/io/safetensors_writer.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Tensors of a mapped file are where the file is", "[io]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "x.safetensors";
    const std::vector<float> numbers{1, 2, 3};
    const std::vector<std::int64_t> longs{-4, 5};
    SafetensorsWriter writer;
    writer.metadata["who"] = "me";
    writer.add("numbers", {3, 1}, numbers.data());
    writer.add("longs", {2}, longs.data());
    writer.add("none", {0}, numbers.data());
    writer.write(path);

    std::span<const std::int64_t> kept;
    std::shared_ptr<const void> keeper;
    {
        const MappedSafetensors file(path);
        CHECK(file.metadata().at("who") == "me");
        CHECK(file.values<float>("numbers", {3, 1})[2] == 3);
        CHECK(file.values<float>("none", {0}).empty());
        CHECK(message_of<FormatError>([&] { (void)file.values<float>("numbers", {3}); }) ==
              path.string() + ": tensor 'numbers': expected F32 [3], received F32 [3, 1]");
        kept = file.values<std::int64_t>("longs", {2});
        keeper = file.keeper();
    }
    writer.metadata["who"] = "other";
    writer.write(path);  // another file takes the place of this one
    CHECK(kept[0] == -4);
    CHECK(kept[1] == 5);
}

TEST_CASE("What cannot be mapped is named", "[io]") {
    const support::TemporaryDirectory directory;
    const auto none = directory.path() / "none";
    CHECK(message_of<FileError>([&] { MappedFile{none}; }) ==
          "cannot map " + none.string() + ": No such file or directory");
    CHECK(message_of<FileError>([&] { MappedFile{directory.path()}; }) ==
          "cannot map " + directory.path().string() + ": it is no regular file");
    const auto empty = directory.write("empty", "");
    CHECK(MappedFile{empty}.bytes().empty());
    CHECK(message_of<FormatError>([&] { MappedSafetensors{empty}; }) ==
          empty.string() + ": expected at least 8 bytes, received 0");
    // A header of other programs need not align what follows.
    const std::string header = R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )";
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    const auto odd = directory.write("odd", bytes + header + "abcd");
    const MappedSafetensors file(odd);
    CHECK(message_of<FormatError>([&] {
              (void)file.values<float>("x", {1});
          }).find("tensor 'x': expected an offset of whole F32, received ") != std::string::npos);
}
